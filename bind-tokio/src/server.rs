//! Listening and shutting down.

use sansocket_app::{App, Hub, Io, Listener};
use std::io;
use std::net::ToSocketAddrs;
use std::ops::Deref;
use std::sync::Arc;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

use crate::door;
use crate::runtime::Tokio;

/// A Socket.IO server on tokio, and a handle to it: clone it into tasks and threads and emit from
/// there. What it can do besides serving is in [`sansocket_app::Io`].
#[derive(Clone, Debug)]
pub struct Server {
    handle: Io,
    hub: Arc<Hub>,
}

impl Server {
    /// Starts the shards of an application on the current runtime, four for each of its threads.
    ///
    /// # Panics
    /// Outside a tokio runtime, or when the operating system gives no random numbers.
    #[must_use]
    pub fn new(app: App) -> Self {
        let threads = Handle::current().metrics().num_workers();
        Self::with_shards(app, Hub::shards_for(threads))
    }

    /// The same with a number of shards of yours, at least 1.
    ///
    /// # Panics
    /// Outside a tokio runtime, or when the operating system gives no random numbers.
    #[must_use]
    pub fn with_shards(app: App, shards: u16) -> Self {
        let hub = Hub::start(app, Tokio(Handle::current()), shards);
        Self { handle: Io::new(hub.clone()), hub }
    }

    /// Serves on 127.0.0.1:5000 until [`stop`](sansocket_app::Io::stop).
    ///
    /// # Errors
    /// When the port is taken.
    ///
    /// # Cancel safety
    /// As of [`serve_on`](Self::serve_on).
    pub async fn run(&self) -> io::Result<()> {
        self.serve("127.0.0.1:5000").await
    }

    /// Listens on an address and serves until [`stop`](sansocket_app::Io::stop).
    ///
    /// # Errors
    /// When the address cannot be listened on.
    ///
    /// # Cancel safety
    /// As of [`serve_on`](Self::serve_on).
    pub async fn serve(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_on([Listener::tcp(address)?]).await
    }

    /// Serves on listeners of yours until [`stop`](sansocket_app::Io::stop), and returns when every
    /// connection has ended.
    ///
    /// # Errors
    /// When the runtime cannot watch a listener.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening; connections go on, and end when
    /// [`stop`](sansocket_app::Io::stop) is called.
    pub async fn serve_on(&self, listeners: impl IntoIterator<Item = Listener>) -> io::Result<()> {
        let mut doors = JoinSet::new();
        for listener in listeners {
            doors.spawn(door::open(&self.hub, listener)?);
        }
        self.hub.stopping().await;
        while doors.join_next().await.is_some() {}
        self.hub.idle().await;
        Ok(())
    }

    #[cfg(feature = "tower")]
    pub(crate) fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
}

impl Deref for Server {
    type Target = Io;

    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}
