//! Listeners of async-io.

use async_io::Async;
use sansocket_app::bind::{Carry, Door, Hub, Inner};
use sansocket_app::{BoxFuture, Listener};
use std::io::{self, ErrorKind};
use std::net::TcpListener;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

#[cfg(unix)]
use std::os::unix::net::UnixListener;

use crate::carry::Stream;

/// Opens a listener: the future takes streams in until the server stops.
pub(crate) fn open(hub: &Arc<Hub>, listener: Listener) -> io::Result<BoxFuture<()>> {
    let (inner, door) = Door::new(hub.clone(), listener);
    Ok(match inner {
        Inner::Tcp(listener) => {
            let listener = Async::new_nonblocking(listener)?;
            Box::pin(door.serve(move |door, context| {
                let (stream, peer) = ready!(poll_with(&listener, context, TcpListener::accept))?;
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                let carry = Carry::new(Stream(Async::new(stream)?), door.connection(Some(peer)));
                door.hub().runtime().spawn(Box::pin(carry));
                Poll::Ready(Ok(()))
            }))
        }
        #[cfg(unix)]
        Inner::Unix(listener) => {
            let listener = Async::new_nonblocking(listener)?;
            Box::pin(door.serve(move |door, context| {
                let (stream, _) = ready!(poll_with(&listener, context, UnixListener::accept))?;
                let carry = Carry::new(Stream(Async::new(stream)?), door.connection(None));
                door.hub().runtime().spawn(Box::pin(carry));
                Poll::Ready(Ok(()))
            }))
        }
    })
}

/// Calls `accept` once a stream can be accepted.
fn poll_with<L, T>(
    listener: &Async<L>,
    context: &mut Context<'_>,
    accept: fn(&L) -> io::Result<T>,
) -> Poll<io::Result<T>> {
    loop {
        match accept(listener.get_ref()) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                ready!(listener.poll_readable(context))?;
            }
            accepted => return Poll::Ready(accepted),
        }
    }
}
