//! Counters of a node.

/// What a node counted since it began, and what it holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct BusCounts {
    /// Whether the broker is connected, and all subscriptions are confirmed.
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
    /// Messages that the broker or the format has no way to carry.
    pub refused: u64,
    /// Messages that are known to have been lost on their way here: in [`Format::Native`](super::super::bus::Format), and
    /// in `Format::Streams` when more entries were added at once than a stream keeps.
    pub lost: u64,
    /// Messages that wait for the driver.
    pub queued: u64,
    /// Bytes of these.
    pub queued_bytes: u64,
    /// How often the connection was lost.
    pub reconnects: u64,
    /// Questions to other processes that wait for answers.
    pub pending: u64,
}
