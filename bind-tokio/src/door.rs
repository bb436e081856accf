//! One listener, and the streams that come in through it.

use sansocket_app::{Connection, Hub, Inner, Listener, Parts, Tls, pause_after};
use std::future::{Future, poll_fn};
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tokio::net::TcpListener;
#[cfg(unix)]
use tokio::net::UnixListener;

use crate::carry::Carry;

/// A listener on the runtime.
pub(crate) struct Door {
    hub: Arc<Hub>,
    socket: Socket,
    tls: Option<Tls>,
    /// Removes the socket file at the end.
    #[cfg(unix)]
    _file: Option<sansocket_app::SocketFile>,
}

enum Socket {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(UnixListener),
}

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
            Inner::Tcp(listener) => Socket::Tcp(TcpListener::from_std(listener)?),
            #[cfg(unix)]
            Inner::Unix(listener) => Socket::Unix(UnixListener::from_std(listener)?),
        };
        Ok(Self {
            hub,
            socket,
            tls,
            #[cfg(unix)]
            _file: file,
        })
    }

    /// Takes streams in until the server stops.
    pub(crate) async fn serve(self) {
        let mut stopping = pin!(self.hub.stopping());
        let mut rested = false;
        loop {
            let accepted = poll_fn(|context| {
                if stopping.as_mut().poll(context).is_ready() {
                    return Poll::Ready(None);
                }
                // Behind the streams whose bytes came before: a runtime of several threads runs first
                // what was woken last, and then what that starts.
                if std::mem::take(&mut rested) {
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                let accepted = self.poll_accept(context).map(Some);
                rested = accepted.is_pending();
                accepted
            });
            match accepted.await {
                Some(Ok(())) => {}
                Some(Err(error)) => {
                    if let Some(pause) = pause_after(&error) {
                        tokio::time::sleep(pause).await;
                    }
                }
                None => return,
            }
        }
    }

    /// Takes one stream in.
    fn poll_accept(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, peer) = ready!(listener.poll_accept(context))?;
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                tokio::spawn(Carry::new(stream, self.connection(Some(peer))));
            }
            #[cfg(unix)]
            Socket::Unix(listener) => {
                let (stream, _) = ready!(listener.poll_accept(context))?;
                tokio::spawn(Carry::new(stream, self.connection(None)));
            }
        }
        Poll::Ready(Ok(()))
    }

    fn connection(&self, peer: Option<SocketAddr>) -> Connection {
        Connection::new(self.hub.clone(), peer, self.tls.as_ref())
    }
}
