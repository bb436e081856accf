//! The shards of a process, each behind a mutex, and what runs handlers.

pub(crate) mod budget;
pub(crate) mod dispatch;
pub(crate) mod gate;
pub(crate) mod job;
pub(crate) mod life;
pub(crate) mod port;
pub(crate) mod shards;
pub(crate) mod timers;
