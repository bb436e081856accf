//! Listening and shutting down.

use sansocket_app::{App, Connection, Hub, Timers};
use std::future::{Future, poll_fn};
use std::io;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream, ToSocketAddrs};
use tokio::runtime::Handle;

use crate::carry::Carry;
use crate::runtime::Tokio;

/// A Socket.IO server on tokio, and a handle to it: clone it into tasks and threads and emit from
/// there. What it can do besides serving is in [`sansocket_app::Io`].
#[derive(Clone, Debug)]
pub struct Io {
    handle: sansocket_app::Io,
    hub: Arc<Hub>,
}

impl Io {
    /// Starts the shards of an application on the current runtime, four for each of its threads.
    ///
    /// # Panics
    /// Outside a tokio runtime, or when the operating system gives no random numbers.
    #[must_use]
    pub fn new(app: App) -> Self {
        let threads = Handle::current().metrics().num_workers();
        let shards = if threads == 1 { 1 } else { (4 * threads).next_power_of_two() };
        Self::with_shards(app, u16::try_from(shards).unwrap_or(1024))
    }

    /// The same with a number of shards of yours, at least 1.
    ///
    /// # Panics
    /// Outside a tokio runtime, or when the operating system gives no random numbers.
    #[must_use]
    pub fn with_shards(app: App, shards: u16) -> Self {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random numbers");
        let runtime = Handle::current();
        let hub = Hub::new(app, Tokio(runtime.clone()), shards, seed);
        runtime.spawn(Timers::new(&hub));
        Self { handle: sansocket_app::Io::new(hub.clone()), hub }
    }

    /// Listens on an address and serves until [`stop`](sansocket_app::Io::stop).
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_on(TcpListener::bind(address).await?).await
    }

    /// Serves a listener of yours until [`stop`](sansocket_app::Io::stop).
    ///
    /// # Errors
    /// None at present: streams that cannot be accepted are tried again.
    pub async fn serve_on(&self, listener: TcpListener) -> io::Result<()> {
        let mut stopping = pin!(self.hub.stopping());
        loop {
            let accepted = poll_fn(|context| match stopping.as_mut().poll(context) {
                Poll::Ready(()) => Poll::Ready(None),
                Poll::Pending => listener.poll_accept(context).map(Some),
            });
            match accepted.await {
                Some(Ok((stream, peer))) => {
                    self.spawn(stream, Connection::new(self.hub.clone(), Some(peer)));
                }
                // Out of file descriptors, or the peer is gone again: neither ends a server.
                Some(Err(_)) => tokio::time::sleep(RETRY).await,
                None => break,
            }
        }
        drop(listener);
        self.hub.ended().await;
        Ok(())
    }

    #[cfg(feature = "tower")]
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }

    fn spawn(&self, stream: TcpStream, connection: Connection) {
        // Latency matters more than the number of packets; a failure only costs that.
        let _ = stream.set_nodelay(true);
        // How a stream ended concerns its session, which knows by then.
        tokio::spawn(Carry::new(stream, connection));
    }
}

impl Deref for Io {
    type Target = sansocket_app::Io;

    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}

/// How long to wait when a stream could not be accepted.
const RETRY: Duration = Duration::from_millis(50);
