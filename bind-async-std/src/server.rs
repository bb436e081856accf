//! Listening and shutting down.

use sansocket_app::{App, BoxFuture, Hub, Listener, Runtime as _, Timers};
use std::future::{Future, poll_fn};
use std::io;
use std::net::ToSocketAddrs;
use std::ops::Deref;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use crate::accept::accept;
use crate::executor::Executor;

/// A Socket.IO server on smol or async-std, and a handle to it: clone it into tasks and threads and
/// emit from there. What it can do besides serving is in [`sansocket_app::Io`].
#[derive(Clone, Debug)]
pub struct Io {
    handle: sansocket_app::Io,
    hub: Arc<Hub>,
}

impl Io {
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
        let mut seed = [0; 32];
        getrandom::fill(&mut seed).expect("the operating system gives random numbers");
        let hub = Hub::new(app, executor, shards, seed);
        executor.spawn(Box::pin(Timers::new(&hub)));
        Self { handle: sansocket_app::Io::new(hub.clone()), hub }
    }

    /// Serves on 127.0.0.1, port 5000, until [`stop`](sansocket_app::Io::stop).
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub async fn run(&self) -> io::Result<()> {
        self.serve("127.0.0.1:5000").await
    }

    /// Listens on an address and serves until [`stop`](sansocket_app::Io::stop).
    ///
    /// A name is looked up before anything is served, and blocks the thread meanwhile.
    ///
    /// # Errors
    /// When the address cannot be listened on.
    pub async fn serve(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_on([Listener::tcp(address)?]).await
    }

    /// Serves listeners of yours until [`stop`](sansocket_app::Io::stop), and returns when all
    /// connections have ended.
    ///
    /// # Cancel safety
    /// Dropping the future closes the listeners. Connections live on: `stop` ends them.
    ///
    /// # Errors
    /// When a listener cannot be registered with the operating system. Streams that cannot be
    /// accepted are tried again.
    pub async fn serve_on(&self, listeners: impl IntoIterator<Item = Listener>) -> io::Result<()> {
        let mut accepting = listeners
            .into_iter()
            .map(|listener| accept(&self.hub, listener))
            .collect::<io::Result<Vec<BoxFuture<()>>>>()?;
        let mut stopping = pin!(self.hub.stopping());
        poll_fn(|context| {
            if stopping.as_mut().poll(context).is_ready() {
                return Poll::Ready(());
            }
            for accept in &mut accepting {
                // They go on for as long as they are polled.
                let _ = accept.as_mut().poll(context);
            }
            Poll::Pending
        })
        .await;
        drop(accepting);
        self.hub.ended().await;
        Ok(())
    }
}

impl Deref for Io {
    type Target = sansocket_app::Io;

    fn deref(&self) -> &Self::Target {
        &self.handle
    }
}
