//! One listener, and the connections that come in through it.

use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::hub::hub::Hub;
use crate::serve::connection::Connection;
#[cfg(unix)]
use crate::serve::listen::SocketFile;
use crate::serve::listen::{Inner, Listener, Parts, pause_after};
use crate::serve::tls::Tls;

/// What makes connections of the streams that one listener accepts. Dropping it removes the file of a
/// Unix socket.
#[derive(Debug)]
pub struct Door {
    hub: Arc<Hub>,
    tls: Option<Tls>,
    #[cfg(unix)]
    _file: Option<SocketFile>,
}

/// Streams accepted before other tasks get their turn.
const ROUNDS: usize = 32;

/// What the last look at a listener found.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Found {
    /// No stream: the task rested.
    Nothing,
    /// A stream, after so many others without a rest.
    Stream(usize),
}

impl Door {
    /// Takes a listener apart: into the one of the standard library, which is for the runtime, and the
    /// door.
    #[must_use]
    pub fn new(hub: Arc<Hub>, listener: Listener) -> (Inner, Self) {
        let Parts {
            inner,
            tls,
            #[cfg(unix)]
            file,
            ..
        } = listener.into_parts();
        let door = Self {
            hub,
            tls,
            #[cfg(unix)]
            _file: file,
        };
        (inner, door)
    }

    /// Makes the connection of a stream that was accepted, from `peer` if it has an address.
    #[must_use]
    pub fn connection(&self, peer: Option<SocketAddr>) -> Connection {
        Connection::new(self.hub.clone(), peer, self.tls.as_ref())
    }

    /// Returns the hub that the connections belong to.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    /// Takes streams in until the server stops: `accept` accepts one and starts its task.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening; a stream that was accepted has its task.
    pub async fn serve(
        self,
        mut accept: impl FnMut(&Self, &mut Context<'_>) -> Poll<io::Result<()>>,
    ) {
        let mut stopping = pin!(self.hub.stopping());
        let mut found = Found::Stream(0);
        loop {
            let accepted = poll_fn(|context| {
                if stopping.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                // Behind the streams whose bytes came before: a runtime of several threads runs first
                // the task woken last, and then the tasks it wakes.
                if matches!(found, Found::Nothing | Found::Stream(ROUNDS)) {
                    found = Found::Stream(0);
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let accepted = accept(&self, context).map(Some);
                found = found.next(accepted.is_ready());
                accepted
            });
            match accepted.await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    if let Some(pause) = pause_after(&error) {
                        self.hub.runtime().sleep(pause).await;
                    }
                }
                None => return,
            }
        }
    }
}

impl Found {
    fn next(self, is_stream: bool) -> Self {
        match (is_stream, self) {
            (false, _) => Self::Nothing,
            (true, Self::Nothing) => Self::Stream(1),
            (true, Self::Stream(n)) => Self::Stream(n + 1),
        }
    }
}
