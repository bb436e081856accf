//! Listening and shutting down.

use sansocket_app::bind::Hub;
use sansocket_app::{App, Io, Listener};
use std::io;
use std::net::ToSocketAddrs;
use std::sync::Arc;

use crate::builder::Builder;
use crate::door;
use crate::executor::Executor;
use crate::reactor::Reactor;

/// A Socket.IO server on smol or async-std. Its handle, [`io`](Self::io), emits from anywhere and stops
/// it.
#[derive(Clone, Debug)]
pub struct Server {
    io: Io,
    hub: Arc<Hub>,
    executor: Executor,
}

impl Server {
    /// Starts the shards of an application on the default [`Executor`], four for each of its
    /// threads.
    ///
    /// # Panics
    /// When the operating system gives no random numbers.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self::builder(app).build()
    }

    /// Returns a builder, for a server that is not to have the defaults of [`new`](Self::new).
    pub fn builder(app: App) -> Builder {
        Builder::new(app)
    }

    pub(crate) fn of(hub: Arc<Hub>, executor: Executor) -> Self {
        Self { io: Io::new(hub.clone()), hub, executor }
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
    /// A name is looked up before anything is served, and blocks the thread meanwhile.
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
    /// When the operating system has no poller left, or cannot watch a listener.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening; connections go on, and end when
    /// [`stop`](Io::stop) is called.
    pub async fn serve_on(&self, listeners: impl IntoIterator<Item = Listener>) -> io::Result<()> {
        let reactor = Reactor::start(&self.executor)?;
        let doors = listeners
            .into_iter()
            .map(|listener| door::open(&self.hub, &reactor, listener))
            .collect::<io::Result<Vec<_>>>()?;
        // Where the connections are, not where the caller waits: no thread wakes another for a client.
        let doors: Vec<_> = doors.into_iter().map(|door| self.executor.own(door)).collect();
        self.hub.stopping().await;
        for door in doors {
            door.await;
        }
        self.hub.idle().await;
        Ok(())
    }
}
