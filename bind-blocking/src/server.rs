//! Listening and shutting down.

use sansocket_app::bind::{Hub, forwarding};
use sansocket_app::{App, Io, Listener, wait};
use std::io;
use std::net::ToSocketAddrs;
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::Duration;

use crate::builder::Builder;
use crate::clock::Clock;
use crate::driver::Driver;
use crate::lead::Lead;
use crate::listen::{Acceptor, Drivers};
use crate::network::Network;
use crate::pool::Pool;
use crate::post::Stage;
use crate::runtime::Blocking;

/// A Socket.IO server on threads. Its handle, [`io`](Self::io), emits from anywhere and stops
/// it.
#[derive(Clone, Debug)]
pub struct Server {
    io: Io,
    hub: Arc<Hub>,
    pool: Arc<Pool>,
    clock: Arc<Clock>,
    threads: Threads,
}

/// How many threads a server has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Threads {
    /// Threads that carry bytes, and run handlers that do not block, at least 1. The default is one per
    /// core.
    pub io: usize,
    /// The most further threads, for handlers that block, at least 1; more than handlers that block at the
    /// same time. The default is four per core, and at least 16.
    pub workers: usize,
}

impl Server {
    /// Starts the shards of an application, four for each thread that carries bytes.
    ///
    /// # Panics
    /// When the operating system gives no random numbers or no thread.
    #[must_use]
    pub fn new(app: App) -> Self {
        Self::builder(app).build()
    }

    /// Returns a builder, for a server that is not to have the defaults of [`new`](Self::new).
    pub fn builder(app: App) -> Builder {
        Builder::new(app)
    }

    pub(crate) fn start(app: App, threads: Threads, shards: u16) -> Self {
        let pool = Arc::new(Pool::new(threads.workers));
        let clock = Arc::<Clock>::default();
        let runtime = Blocking { clock: clock.clone(), pool: pool.clone() };
        let hub = Hub::start(forwarding(app, Network::new), runtime, shards);
        Self { io: Io::new(hub.clone()), hub, pool, clock, threads }
    }

    /// Returns the handle to the whole server: clone it into tasks, threads and handlers, and emit from
    /// there.
    #[must_use]
    pub fn io(&self) -> Io {
        self.io.clone()
    }

    /// Serves on 127.0.0.1, port 5000, until [`stop`](Io::stop).
    ///
    /// # Errors
    /// As [`serve`](Self::serve).
    pub fn run(&self) -> io::Result<()> {
        self.serve("127.0.0.1:5000")
    }

    /// Listens on an address and serves until [`stop`](Io::stop).
    ///
    /// # Errors
    /// When the address cannot be listened on, or as [`serve_on`](Self::serve_on).
    pub fn serve(&self, address: impl ToSocketAddrs) -> io::Result<()> {
        self.serve_on([Listener::tcp(address)?])
    }

    /// Serves on these listeners until [`stop`](Io::stop).
    ///
    /// Returns when all connections have ended and all handlers have; a handler that still runs five
    /// seconds later is not waited for. The threads of the server end with its last handle.
    ///
    /// # Errors
    /// When the operating system has no pollers or threads left. Connections that cannot be
    /// accepted are tried again.
    pub fn serve_on(&self, listeners: impl IntoIterator<Item = Listener>) -> io::Result<()> {
        let many = self.threads.io.max(1);
        let (failed, failures) = mpsc::channel();
        let driver = |_| {
            let hub = self.hub.clone();
            // Without one of its drivers there is no server.
            let over = move || hub.stop(Duration::ZERO);
            let lead = Lead::new(self.pool.clone(), self.clock.clone(), over);
            Driver::new(lead, failed.clone()).map(Box::new)
        };
        let mut drivers = (0..many).map(driver).collect::<io::Result<Vec<_>>>()?;
        drop(failed);
        let posts = drivers.iter().map(|driver| driver.post().clone()).collect();
        let shared = Arc::new(Drivers::new(posts));
        for (at, listener) in listeners.into_iter().enumerate() {
            drivers[at % many].listen(Acceptor::new(listener, &self.hub, &shared))?;
        }
        let started = drivers.into_iter().try_for_each(|driver| self.pool.drive(driver));
        if started.is_ok() {
            wait(self.hub.stopping());
            shared.advance(Stage::Stopping);
            wait(self.hub.idle());
        }
        shared.advance(Stage::Ended);
        // All drivers have ended when none is left that could fail.
        let failure = failures.into_iter().last();
        self.pool.settle();
        failure.map_or(started, Err)
    }
}

impl Default for Threads {
    fn default() -> Self {
        let cores = thread::available_parallelism().map_or(1, usize::from);
        Self { io: cores, workers: (4 * cores).max(16) }
    }
}
