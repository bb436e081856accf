//! Channels without subscribers.

use std::time::{Duration, Instant};

/// Channels without subscribers that were told of.
#[derive(Debug, Default)]
pub(super) struct Unheard {
    /// Bounded by [`MOST`].
    told: Vec<(Box<str>, Instant)>,
}

/// A channel is told of once in this time.
const QUIET: Duration = Duration::from_secs(60);

/// Channels that are remembered; further ones are not told of meanwhile.
const MOST: usize = 64;

impl Unheard {
    /// Whether a channel is to be told of.
    pub(super) fn is_news(&mut self, now: Instant, channel: &str) -> bool {
        self.told.retain(|(_, told)| now.saturating_duration_since(*told) < QUIET);
        let is_known = self.told.iter().any(|(known, _)| **known == *channel);
        if is_known || self.told.len() == MOST {
            return false;
        }
        self.told.push((channel.into(), now));
        true
    }
}
