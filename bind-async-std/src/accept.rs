//! One listener as one future.

use async_io::{Async, Timer};
use futures_io::{AsyncRead, AsyncWrite};
use sansocket_app::{BoxFuture, Connection, Hub, Inner, Listener, Tls, pause_after};
use std::future::Future;
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use crate::carry::Carry;

#[cfg(unix)]
use std::os::unix::net::{UnixListener, UnixStream};

/// Accepts streams and starts their tasks, for as long as it is polled.
struct Accept<L, S> {
    hub: Arc<Hub>,
    listener: Async<L>,
    accept: Take<L, S>,
    tls: Option<Tls>,
    /// Set when a stream could not be accepted.
    pause: Option<Timer>,
}

/// Takes the next stream off a listener, with its peer.
type Take<L, S> = fn(&L) -> io::Result<Taken<S>>;
type Taken<S> = (S, Option<SocketAddr>);

/// Streams accepted before other listeners get their turn.
const ROUNDS: usize = 32;

/// Makes the future that serves a listener until it is dropped.
pub(crate) fn accept(hub: &Arc<Hub>, listener: Listener) -> io::Result<BoxFuture<()>> {
    let parts = listener.into_parts();
    let (hub, tls) = (hub.clone(), parts.tls);
    match parts.inner {
        Inner::Tcp(listener) => {
            let listener = Async::new_nonblocking(listener)?;
            Ok(Box::pin(Accept { hub, listener, accept: take_tcp, tls, pause: None }))
        }
        #[cfg(unix)]
        Inner::Unix(listener) => {
            let listener = Async::new_nonblocking(listener)?;
            let accepting = Accept { hub, listener, accept: take_unix, tls, pause: None };
            let file = parts.file;
            Ok(Box::pin(async move {
                accepting.await;
                // Removed when nobody listens any more, and not before.
                drop(file);
            }))
        }
    }
}

impl<L, S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Future for Accept<L, S> {
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

impl<L, S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Accept<L, S> {
    /// Accepts one stream and starts its task.
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match (self.accept)(self.listener.get_ref()) {
            Ok((stream, peer)) => {
                let connection = Connection::new(self.hub.clone(), peer);
                self.hub.runtime().spawn(Box::pin(Carry::new(stream, connection)));
                Poll::Ready(Ok(()))
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.listener.poll_readable(context)
            }
            Err(error) => Poll::Ready(Err(error)),
        }
    }
}

fn take_tcp(listener: &TcpListener) -> io::Result<Taken<Async<TcpStream>>> {
    let (stream, peer) = listener.accept()?;
    // Latency matters more than the number of packets; a failure only costs that.
    let _ = stream.set_nodelay(true);
    Ok((Async::new(stream)?, Some(peer)))
}

#[cfg(unix)]
fn take_unix(listener: &UnixListener) -> io::Result<Taken<Async<UnixStream>>> {
    let (stream, _) = listener.accept()?;
    Ok((Async::new(stream)?, None))
}
