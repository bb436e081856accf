//! Finding clients on all servers.

use sansocket::Id;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::sockets::answers::ack::Slot;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::EmitError;
use crate::sockets::remote::RemoteSocket;
use crate::wait::wait;

/// Waits until all servers have told which clients a broadcast reaches.
///
/// # Cancel safety
/// Dropping it loses the list and nothing else; a new one asks again.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FetchSockets {
    ids: Arc<Slot<Vec<Id>>>,
    /// The namespace of the clients.
    everyone: Broadcast,
}

/// The clients that a broadcast reaches, in no order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// The clients.
    pub sockets: Vec<RemoteSocket>,
}

impl FetchSockets {
    pub(crate) fn new(ids: Arc<Slot<Vec<Id>>>, everyone: Broadcast) -> Self {
        Self { ids, everyone }
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to bring the
    /// answer.
    ///
    /// # Errors
    /// When other servers cannot be asked; a server that is alone always answers.
    pub fn wait(self) -> Result<Fetched, EmitError> {
        wait(self)
    }
}

impl Future for FetchSockets {
    type Output = Result<Fetched, EmitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.ids.poll(context).map(|ids| {
            let socket = |id| RemoteSocket::new(self.everyone.clone(), id);
            Ok(Fetched { sockets: ids.into_iter().map(socket).collect() })
        })
    }
}

impl IntoIterator for Fetched {
    type Item = RemoteSocket;
    type IntoIter = std::vec::IntoIter<RemoteSocket>;

    fn into_iter(self) -> Self::IntoIter {
        self.sockets.into_iter()
    }
}
