//! A client whose connection was lost, as other processes of a cluster get it.

use std::any::Any;
use std::sync::Arc;

use super::pid::Pid;
use crate::key::Id;
use crate::socket::Args;

/// What a client had that any process may give it back.
#[derive(Clone, Debug)]
pub(crate) struct Saved {
    pub(crate) pid: Pid,
    pub(crate) id: Id,
    pub(crate) namespace: Arc<str>,
    /// Without the one that its id names. Bounded by `limits.rooms`.
    pub(crate) rooms: Vec<Arc<str>>,
    /// An array of what the application attached to it for all processes to see, or of nothing.
    pub(crate) data: Option<Box<Args>>,
    /// What the application keeps for it in this process.
    pub(crate) kept: Option<Arc<dyn Any + Send + Sync>>,
}
