//! What is counted, and told to a log once a minute.

use std::time::{Duration, Instant};

/// Counts something, and says when a log is to be told.
#[derive(Debug, Default)]
pub(super) struct Minutely {
    /// How often it happened.
    pub(super) count: u64,
    /// How often since a log was told.
    untold: u64,
    told: Option<Instant>,
}

const MINUTE: Duration = Duration::from_secs(60);

impl Minutely {
    /// Counts one more; returns how many a log is told of, if it is told.
    pub(super) fn note(&mut self, now: Instant) -> Option<u64> {
        self.count += 1;
        self.untold += 1;
        if self.told.is_some_and(|told| now.saturating_duration_since(told) < MINUTE) {
            return None;
        }
        self.told = Some(now);
        Some(std::mem::take(&mut self.untold))
    }
}
