//! What does the jobs of the shards: calls handlers, and keeps events in line that have to wait.

pub(crate) mod dispatch;
pub(crate) mod hold;
#[expect(clippy::module_inception, reason = "the room is named after what it holds")]
pub(crate) mod hub;
pub(crate) mod lists;
mod lives;
mod servers;
pub(crate) mod timers;
