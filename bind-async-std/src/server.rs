//! Listening and shutting down.

use sansocket_app::{App, Hub, Io, Listener};
use std::future::{Future, poll_fn};
use std::io;
use std::net::ToSocketAddrs;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;

use crate::door;
use crate::executor::Executor;

/// A Socket.IO server on smol or async-std, and a handle to it: clone it into tasks and threads and
/// emit from there. What it can do besides serving is in [`sansocket_app::Io`].
#[derive(Clone, Debug)]
pub struct Server {
    handle: Io,
    hub: Arc<Hub>,
}

impl Server {
    /// Starts the shards of an application on the default [`Executor`], four for each of its
    /// threads.
    ///
    /// # Panics
    /// When the operating system gives no random numbers.
    #[must_use]
    pub fn new(app: App) -> Self {
        let executor = Executor::default();
        Self::on(app, executor, executor.shards())
    }

    /// The same with a number of shards of yours, at least 1.
    ///
    /// # Panics
    /// When the operating system gives no random numbers.
    #[must_use]
    pub fn with_shards(app: App, shards: u16) -> Self {
        Self::on(app, Executor::default(), shards)
    }

    /// The same on an executor of yours.
    ///
    /// # Panics
    /// When the operating system gives no random numbers.
    #[must_use]
    pub fn on(app: App, executor: Executor, shards: u16) -> Self {
        let hub = Hub::start(app, executor, shards);
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
    /// A name is looked up before anything is served, and blocks the thread meanwhile.
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
    /// When the reactor cannot watch a listener.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening; connections go on, and end when
    /// [`stop`](sansocket_app::Io::stop) is called.
    pub async fn serve_on(&self, listeners: impl IntoIterator<Item = Listener>) -> io::Result<()> {
        let mut doors = listeners
            .into_iter()
            .map(|listener| door::open(&self.hub, listener))
            .collect::<io::Result<Vec<_>>>()?;
        let mut stopping = pin!(self.hub.stopping());
        poll_fn(|context| {
            doors.retain_mut(|door| door.as_mut().poll(context).is_pending());
            stopping.as_mut().poll(context)
        })
        .await;
        drop(doors);
        self.hub.idle().await;
        Ok(())
    }
}

impl Deref for Server {
    type Target = Io;

    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}
