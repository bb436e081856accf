//! Listeners of tokio.

use sansocket_app::bind::{Carry, Door, Hub, Inner};
use sansocket_app::{BoxFuture, Listener};
use std::io;
use std::sync::Arc;
use std::task::{Poll, ready};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use crate::carry::Stream;

/// Opens a listener: the future takes streams in until the server stops.
pub(crate) fn open(hub: &Arc<Hub>, listener: Listener) -> io::Result<BoxFuture<()>> {
    let (inner, door) = Door::new(hub.clone(), listener);
    Ok(match inner {
        Inner::Tcp(listener) => {
            let listener = TcpListener::from_std(listener)?;
            Box::pin(door.serve(move |door, context| {
                let (stream, peer) = ready!(listener.poll_accept(context))?;
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                tokio::spawn(Carry::new(Stream(stream), door.connection(Some(peer))));
                Poll::Ready(Ok(()))
            }))
        }
        #[cfg(unix)]
        Inner::Unix(listener) => {
            let listener = UnixListener::from_std(listener)?;
            Box::pin(door.serve(move |door, context| {
                let (stream, _) = ready!(listener.poll_accept(context))?;
                tokio::spawn(Carry::new(Stream(stream), door.connection(None)));
                Poll::Ready(Ok(()))
            }))
        }
    })
}
