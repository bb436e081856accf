//! Finding clients on all servers.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cluster::asked::Asked;
use crate::cluster::missing::Missing;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::EmitError;
use crate::sockets::remote::RemoteSocket;
use crate::sockets::socket::Socket;
use crate::wait::wait;

/// Waits until all servers have told which clients a broadcast reaches. Those of this process are looked for before it
/// is returned.
///
/// # Cancel safety
/// Dropping it loses the list and nothing else; a new one asks again.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct FetchSockets {
    /// Those of this process; taken when it is ready.
    here: Vec<(Socket, Vec<String>)>,
    asked: Asked,
    /// The namespace of the clients.
    everyone: Broadcast,
}

/// The clients that a broadcast reaches, in no order.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Fetched {
    /// The clients: all of them, or those that were told of in time.
    pub sockets: Vec<RemoteSocket>,
    /// Which processes did not answer, if any.
    pub missing: Option<Missing>,
}

impl FetchSockets {
    pub(crate) fn new(here: Vec<(Socket, Vec<String>)>, asked: Asked, everyone: Broadcast) -> Self {
        Self { here, asked, everyone }
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

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { here, asked, everyone } = &mut *self;
        asked.poll(context).map(|outcome| {
            let mut outcome = outcome?;
            let missing = Missing::of(&mut outcome);
            let here = std::mem::take(here).into_iter();
            let here = here.map(|(own, rooms)| RemoteSocket::here(everyone, own, rooms));
            let there = outcome.found.into_iter().map(|it| RemoteSocket::there(everyone, it));
            Ok(Fetched { sockets: here.chain(there).collect(), missing })
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
