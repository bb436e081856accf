//! How long clients may come back to where they were.

use std::time::Duration;

/// Connection state recovery: a client whose connection was lost gets back its id, its rooms and the
/// events it missed, when it returns in time.
///
/// Every event without acknowledgement that is not volatile then carries one argument more, its offset, by
/// which a client tells how far it came. All bounds are those of a shard. What has no room is not
/// recovered, and its client starts anew.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Recovery {
    /// Time for which a lost client is remembered. Default 2 minutes.
    pub max_disconnection_duration: Duration,
    /// Whether a client that comes back passes by the middlewares. Default yes. For application layers.
    pub skip_middlewares: bool,
    /// Lost clients; the oldest makes room. Default 10 000.
    pub clients: usize,
    /// Events; the oldest makes room. Default 10 000.
    pub packets: usize,
    /// Memory, in bytes, taken by events; as much again by lost clients with the names of their rooms, and
    /// by events sent to clients that came back until it is sure that they have them. The oldest makes
    /// room. One client is sent at most [`Limits::max_backlog`](crate::Limits::max_backlog). Default
    /// 16 MiB.
    pub bytes: usize,
}

impl Default for Recovery {
    fn default() -> Self {
        Self {
            max_disconnection_duration: Duration::from_secs(120),
            skip_middlewares: true,
            clients: 10_000,
            packets: 10_000,
            bytes: 16 * 1024 * 1024,
        }
    }
}
