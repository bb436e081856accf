//! Counters of a node.

use std::time::{Duration, Instant};

/// What a node counted since it began, and what it holds.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BusCounts {
    /// Whether the broker is connected, and all subscriptions that were wished for then are confirmed.
    pub connected: bool,
    /// Processes of the cluster, as far as they are known, this one included.
    pub nodes: u64,
    /// Messages that were handed to the driver.
    pub published: u64,
    /// Bytes of these.
    pub bytes_out: u64,
    /// Messages of others that were read.
    pub received: u64,
    /// Bytes of these.
    pub bytes_in: u64,
    /// Messages of its own that came back.
    pub ignored: u64,
    /// Messages that could not be read, or have no place here.
    pub invalid: u64,
    /// Messages that were dropped because too many waited.
    pub dropped_full: u64,
    /// Messages that were dropped because they waited for too long, or were volatile while there was no broker.
    pub dropped_old: u64,
    /// Messages that were handed to the driver, and of which the broker said nothing before the connection was lost: it
    /// may have taken some of them.
    pub dropped_broken: u64,
    /// Messages that the broker or the format has no way to carry.
    pub refused: u64,
    /// Messages that are known to have been lost on their way here: in [`Format::Native`](super::super::bus::Format), in
    /// `Format::Streams` when more entries were added at once than a stream keeps, and in `Format::Python` behind NATS
    /// when its library drops some.
    pub lost: u64,
    /// Messages that wait for the driver.
    pub queued: u64,
    /// Bytes of these.
    pub queued_bytes: u64,
    /// How often the connection was lost.
    pub reconnects: u64,
    /// Questions to other processes that wait for answers.
    pub pending: u64,
    /// Questions of the application to other processes that ended, complete or not. Those to clients, for
    /// acknowledgements, are not among them.
    pub answered: u64,
    /// How long these took, all together: divided by [`answered`](Self::answered), the average.
    pub answer_time: Duration,
    /// How long the slowest of them took.
    pub slowest_answer: Duration,
    /// Why the connection was lost or not made, or a message refused by the broker, the last time that it was.
    pub last_error: Option<LastError>,
}

/// What went wrong with a broker.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct LastError {
    /// What the library of the broker says: the first 256 bytes of it. It may name hosts.
    pub text: Box<str>,
    /// When it happened.
    pub at: Instant,
}

/// Bytes of an error that are kept.
const LONGEST: usize = 256;

impl BusCounts {
    /// Counts a question that took so long.
    pub(super) fn note_answer(&mut self, took: Duration) {
        self.answered += 1;
        self.answer_time = self.answer_time.saturating_add(took);
        self.slowest_answer = self.slowest_answer.max(took);
    }

    pub(in crate::cluster) fn note_error(&mut self, at: Instant, text: &str) {
        let is_end = |end: &usize| text.is_char_boundary(*end);
        let end = (0..=text.len().min(LONGEST)).rev().find(is_end).unwrap_or(0);
        let text = text[..end].into();
        self.last_error = Some(LastError { text, at });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k22_an_error_is_kept_with_its_first_256_bytes() {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let now = Instant::now();
        let mut counts = BusCounts::default();
        for (text, kept) in [("x".repeat(256), 256), ("x".repeat(257), 256), ("é".repeat(200), 256)]
        {
            counts.note_error(now, &text);
            assert_eq!(counts.last_error.as_ref().map(|error| error.text.len()), Some(kept));
        }
        counts.note_error(now, &format!("x{}", "é".repeat(200)));
        assert_eq!(counts.last_error.map(|error| error.text.len()), Some(255));
    }
}
