//! How many servers there are.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cluster::asked::Asked;
use crate::sockets::error::EmitError;
use crate::wait::wait;

/// Waits until it is known how many servers a cluster has.
///
/// # Cancel safety
/// Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct ClusterSize(Asked);

impl ClusterSize {
    pub(crate) fn new(asked: Asked) -> Self {
        Self(asked)
    }

    /// Waits on this thread; never inside an async handler.
    ///
    /// # Errors
    /// When that cannot be known; a server that is alone always knows.
    pub fn wait(self) -> Result<u64, EmitError> {
        wait(self)
    }
}

impl Future for ClusterSize {
    type Output = Result<u64, EmitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        // A server knows of itself.
        self.0.poll(context).map(|outcome| Ok(outcome?.nodes.max(1)))
    }
}
