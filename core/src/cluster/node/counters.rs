//! The subscribers of channels, as a broker counts them.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What a broker counted, and what it was asked to count. As many as namespaces.
#[derive(Debug, Default)]
pub(super) struct Counters(BTreeMap<String, Counter>);

#[derive(Debug, Default)]
struct Counter {
    /// When the broker was asked, and has not answered.
    asked: Option<Instant>,
    known: Option<(Instant, u64)>,
}

/// How long a count is good for.
const GOOD: Duration = Duration::from_millis(100);

/// How long an answer may take before another question is asked.
const PATIENCE: Duration = Duration::from_secs(1);

impl Counters {
    /// The subscribers of a channel, counted a short while ago.
    pub(super) fn recent(&self, now: Instant, channel: &str) -> Option<u64> {
        let (at, count) = self.0.get(channel)?.known?;
        (now.saturating_duration_since(at) <= GOOD).then_some(count)
    }

    /// Takes note that somebody wants a count; says whether the broker has to be asked.
    pub(super) fn ask(&mut self, now: Instant, channel: &str) -> bool {
        let counter = self.0.entry(channel.to_owned()).or_default();
        let is_late = |asked| now.saturating_duration_since(asked) >= PATIENCE;
        let has_to = counter.asked.is_none_or(is_late);
        if has_to {
            counter.asked = Some(now);
        }
        has_to
    }

    pub(super) fn note(&mut self, now: Instant, channel: &str, count: u64) {
        if let Some(counter) = self.0.get_mut(channel) {
            *counter = Counter { asked: None, known: Some((now, count)) };
        }
    }

    /// Nothing is known any more.
    pub(super) fn forget(&mut self) {
        self.0.clear();
    }

    pub(super) fn forget_channel(&mut self, channel: &str) {
        self.0.remove(channel);
    }

    /// The largest of the counts that are known.
    pub(super) fn largest(&self) -> Option<u64> {
        self.0.values().filter_map(|counter| counter.known).map(|(_, count)| count).max()
    }
}
