//! The shards of a process: their locks, the messages between them, their doorbells and deadlines. What
//! handles events stands above, see [`Kept`](kept::Kept).

pub(crate) mod alarm;
pub(crate) mod backlog;
pub(crate) mod budget;
pub(crate) mod cell;
pub(crate) mod kept;
pub(crate) mod lane;
pub(crate) mod life;
pub(crate) mod port;
pub(crate) mod pressure;
#[expect(clippy::module_inception, reason = "the room is named after what it holds")]
pub(crate) mod shards;
pub(crate) mod watch;
