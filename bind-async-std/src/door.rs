//! One listener, and the streams that come in through it.

use async_io::{Async, Timer};
use sansocket_app::{Connection, Hub, Inner, Listener, Parts, Tls, pause_after};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[cfg(unix)]
use std::os::unix::net::UnixListener;

use crate::carry::Carry;

/// A listener on the reactor: takes streams in and starts their tasks, for as long as it is polled.
pub(crate) struct Door {
    hub: Arc<Hub>,
    socket: Socket,
    tls: Option<Tls>,
    /// Waited for after a stream could not be accepted.
    pause: Option<Timer>,
    /// Removes the socket file at the end.
    #[cfg(unix)]
    _file: Option<sansocket_app::SocketFile>,
}

enum Socket {
    Tcp(Async<TcpListener>),
    #[cfg(unix)]
    Unix(Async<UnixListener>),
}

/// Streams taken in before other doors get their turn.
const ROUNDS: usize = 32;

impl Door {
    pub(crate) fn new(hub: Arc<Hub>, listener: Listener) -> io::Result<Self> {
        let Parts {
            inner,
            tls,
            #[cfg(unix)]
            file,
            ..
        } = listener.into_parts();
        let socket = match inner {
            Inner::Tcp(listener) => Socket::Tcp(Async::new_nonblocking(listener)?),
            #[cfg(unix)]
            Inner::Unix(listener) => Socket::Unix(Async::new_nonblocking(listener)?),
        };
        Ok(Self {
            hub,
            socket,
            tls,
            pause: None,
            #[cfg(unix)]
            _file: file,
        })
    }
}

impl Future for Door {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        for _ in 0..ROUNDS {
            if let Some(pause) = &mut this.pause {
                ready!(Pin::new(pause).poll(context));
                this.pause = None;
            }
            if let Err(error) = ready!(this.poll_accept(context)) {
                this.pause = pause_after(&error).map(Timer::after);
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Door {
    /// Takes one stream in.
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = ready!(poll_with(listener, context, TcpListener::accept))?;
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                let connection = self.connection(Some(peer));
                self.hub.runtime().spawn(Box::pin(Carry::new(Async::new(stream)?, connection)));
            }
            #[cfg(unix)]
            Socket::Unix(listener) => {
                let (stream, _) = ready!(poll_with(listener, context, UnixListener::accept))?;
                let connection = self.connection(None);
                self.hub.runtime().spawn(Box::pin(Carry::new(Async::new(stream)?, connection)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn connection(&self, peer: Option<SocketAddr>) -> Connection {
        Connection::new(self.hub.clone(), peer, self.tls.as_ref())
    }
}

/// Does `accept` once something waits to be accepted.
fn poll_with<L, T>(
    listener: &Async<L>,
    context: &mut Context<'_>,
    accept: fn(&L) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match accept(listener.get_ref()) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                ready!(listener.poll_readable(context))?;
            }
            accepted => return Poll::Ready(accepted),
        }
    }
}
