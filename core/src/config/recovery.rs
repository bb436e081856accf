//! How long clients may come back to where they were.

use std::time::Duration;

/// Connection state recovery: a client whose connection was lost gets back its id, its rooms and the
/// events it missed, when it returns in time.
///
/// An event without acknowledgement that is not volatile then carries one argument more, its offset,
/// by which a client tells how far it came. Memory is per shard, and bounded: what has no room any more
/// is not recovered, and its client starts anew.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recovery {
    /// Time for which a lost client is remembered. Default 2 minutes.
    pub max_disconnection_duration: Duration,
    /// Lost clients that a shard remembers; the oldest makes room. Default 10 000.
    pub clients: usize,
    /// Events that a shard remembers; the oldest makes room. Default 100 000.
    pub packets: usize,
    /// Memory, in bytes, that a shard takes for events, and as much again for lost clients with the
    /// names of their rooms; the oldest makes room. Default 64 MiB.
    pub bytes: usize,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection_duration: Duration::from_secs(120),
            clients: 10_000,
            packets: 100_000,
            bytes: 64 * 1024 * 1024,
        }
    }
}
