//! Listeners of the reactor.

use mio::net::TcpListener;
#[cfg(unix)]
use mio::net::UnixListener;
use sansocket_app::bind::{Carry, Door, Hub, Inner};
use sansocket_app::{BoxFuture, Listener};
use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};

use crate::carry::Stream;
use crate::reactor::{Left, Reactor, Side};

/// Opens a listener: the future takes streams in until the server stops.
pub(crate) fn open(
    hub: &Arc<Hub>,
    reactor: &Arc<Reactor>,
    listener: Listener,
) -> io::Result<BoxFuture<()>> {
    let (inner, door) = Door::new(hub.clone(), listener);
    let reactor = reactor.clone();
    Ok(match inner {
        Inner::Tcp(listener) => {
            let mut listener = reactor.watch(TcpListener::from_std(listener))?;
            Box::pin(door.serve(move |door, context| {
                let accepted = listener.poll_with(context, Side::Read, |listener| {
                    Ok((listener.accept()?, Left::Perhaps))
                });
                let (stream, peer) = ready!(accepted)?;
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                let stream = Stream(reactor.watch(stream)?);
                let carry = Carry::new(stream, door.connection(Some(peer)));
                door.hub().runtime().spawn(Box::pin(carry));
                Poll::Ready(Ok(()))
            }))
        }
        #[cfg(unix)]
        Inner::Unix(listener) => {
            let mut listener = reactor.watch(UnixListener::from_std(listener))?;
            Box::pin(door.serve(move |door, context| {
                let accepted = listener.poll_with(context, Side::Read, |listener| {
                    Ok((listener.accept()?, Left::Perhaps))
                });
                let (stream, _) = ready!(accepted)?;
                let stream = Stream(reactor.watch(stream)?);
                let carry = Carry::new(stream, door.connection(None));
                door.hub().runtime().spawn(Box::pin(carry));
                Poll::Ready(Ok(()))
            }))
        }
    })
}
