//! Listening and shutting down.

use sansocket_app::bind::Hub;
use sansocket_app::{App, Io, Listener};
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;
use tokio::task::JoinSet;

use crate::builder::Builder;
use crate::door;

/// A Socket.IO server on tokio. Its handle, [`io`](Self::io), emits from anywhere and stops
/// it.
#[derive(Clone, Debug)]
pub struct Server {
    io: Io,
    hub: Arc<Hub>,
}

impl Server {
    /// Starts the shards of an application on the current runtime, four for each of its threads.
    ///
    /// # Panics
    /// Outside a tokio runtime, or when the operating system gives no random numbers.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self::builder(app).build()
    }

    /// Returns a builder, for a server that is not to have the defaults of [`new`](Self::new).
    pub fn builder(app: App) -> Builder {
        Builder::new(app)
    }

    pub(crate) fn of(hub: Arc<Hub>) -> Self {
        Self { io: Io::new(hub.clone()), hub }
    }

    /// Returns the handle to the whole server: clone it into tasks, threads and handlers, and emit from
    /// there.
    #[must_use]
    pub fn io(&self) -> Io {
        self.io.clone()
    }

    /// Serves on 127.0.0.1:5000 until [`stop`](Io::stop).
    ///
    /// # Errors
    /// As [`serve`](Self::serve), whose cancel safety it has.
    pub async fn run(&self) -> io::Result<()> {
        self.serve("127.0.0.1:5000").await
    }

    /// Listens on an address and serves until [`stop`](Io::stop).
    ///
    /// # Errors
    /// When the address cannot be listened on, or as [`serve_on`](Self::serve_on), whose cancel safety it
    /// has.
    pub async fn serve(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_on([Listener::tcp(address)?]).await
    }

    /// Serves on these listeners until [`stop`](Io::stop), and returns when every
    /// connection has ended.
    ///
    /// # Errors
    /// When the runtime cannot watch a listener.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening; connections go on, and end when
    /// [`stop`](Io::stop) is called.
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

    /// Returns what connections belong to, for crates that bring further streams to the server, as
    /// `sansocket-webtransport` does. Applications need none of it.
    #[must_use]
    pub fn hub(&self) -> &Arc<Hub> {
        &self.hub
    }
}
