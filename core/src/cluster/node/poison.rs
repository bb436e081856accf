//! Messages that could not be read.

use std::time::{Duration, Instant};

use super::NodeStatus;
use crate::cluster::bus::Invalid;

/// Counts them, and tells a log once a minute.
#[derive(Debug, Default)]
pub(super) struct Poison {
    /// All of them.
    pub(super) count: u64,
    /// Those that the log does not know of.
    untold: u64,
    told: Option<Instant>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Poison {
    /// Counts one; returns what a log is told.
    pub(super) fn note(&mut self, now: Instant, last: Invalid) -> Option<NodeStatus> {
        self.count += 1;
        self.untold += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < MINUTE) {
            return None;
        }
        self.told = Some(now);
        Some(NodeStatus::Invalid { count: std::mem::take(&mut self.untold), last })
    }
}
