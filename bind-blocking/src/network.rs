//! The network of clients, and the threads that all of them share.

use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use sansocket_app::BoxFuture;
#[cfg(unix)]
use sansocket_app::bind::BoxWire;
use sansocket_app::bind::{Carried, Carry, Dialed, Net, Runtime, Workers};
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

use crate::carry::{Arrival, Socket};
use crate::clock::Clock;
use crate::driver::Driver;
use crate::lead::Lead;
use crate::look_up::LookUp;
use crate::pool::Pool;
use crate::post::{Post, Stage};
use crate::runtime::Blocking;
use crate::server::Threads;
use crate::watch::{Watch, Watched};

/// The threads of all clients: a clock, a pool, and a driver.
pub(crate) struct Network {
    threads: Blocking,
    /// Started for the first stream; another one if its poller fails.
    driver: Arc<Mutex<Option<Way>>>,
}

/// How long a thread waits for the goodbye of a client whose last handle it drops.
const FAREWELL: Duration = Duration::from_secs(1);

/// How streams get to a driver.
#[derive(Clone)]
struct Way {
    post: Arc<Post>,
    watch: Arc<Watch>,
}

impl Network {
    pub(crate) fn new() -> Self {
        let pool = Arc::new(Pool::new(Threads::default().workers));
        let threads = Blocking { clock: Arc::<Clock>::default(), pool };
        Self { threads, driver: Arc::default() }
    }

    /// The way to the driver.
    ///
    /// # Errors
    /// When the operating system has no poller or no thread left.
    fn driver(&self) -> io::Result<Way> {
        let mut kept = lock(&self.driver);
        if let Some(way) = &*kept {
            return Ok(way.clone());
        }
        let Blocking { clock, pool } = &self.threads;
        let place = self.driver.clone();
        let lead = Lead::new(pool.clone(), clock.clone(), move || *lock(&place) = None);
        // Streams learn of a failure when they are dropped; nobody else wants to know.
        let (failed, _) = mpsc::channel();
        let driver = Box::new(Driver::new(lead, failed)?);
        let way = Way { post: driver.post().clone(), watch: driver.watch().clone() };
        pool.drive(driver)?;
        *kept = Some(way.clone());
        Ok(way)
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        // The last client is gone.
        let way = lock(&self.driver).take();
        way.iter().for_each(|way| way.post.advance(Stage::Ended));
    }
}

impl Runtime for Network {
    fn now(&self) -> Instant {
        self.threads.now()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.threads.spawn(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.threads.sleep(duration)
    }

    fn spawn_timers(&self, timers: BoxFuture<()>) {
        self.threads.spawn_timers(timers);
    }

    /// A process may end with the thread. Threads of the product have to go on: they bring the goodbye.
    fn farewell(&self) -> Option<Duration> {
        (!is_ours(&thread::current())).then_some(FAREWELL)
    }

    fn workers(&self) -> Option<&dyn Workers> {
        self.threads.workers()
    }
}

impl Net for Network {
    type Stream = Watched;

    fn resolve(&self, host: &str, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        Box::pin(LookUp::start(&self.threads.pool, host.to_owned(), port))
    }

    fn connect(&self, address: SocketAddr) -> BoxFuture<io::Result<Self::Stream>> {
        let driver = self.driver();
        Box::pin(async move {
            let stream = TcpStream::connect(address)?;
            let mut stream = driver?.watch.watch(Socket::Tcp(stream))?;
            poll_fn(|context| stream.poll_connected(context)).await?;
            Ok(stream)
        })
    }

    #[cfg(unix)]
    fn connect_unix(&self, path: &Path) -> BoxFuture<io::Result<BoxWire>> {
        let (driver, path) = (self.driver(), path.to_owned());
        Box::pin(async move {
            let stream = UnixStream::connect(path)?;
            Ok(Box::new(driver?.watch.watch(Socket::Unix(stream))?) as BoxWire)
        })
    }

    fn carry<C: Carried + Send + 'static>(&self, carry: Carry<Dialed<Self::Stream>, C>) {
        // Without a driver the stream is dropped, of which the client is told.
        if let Ok(way) = self.driver() {
            way.post.seat(Arrival::Opened(Box::pin(carry)));
        }
    }
}

/// Whether it is a thread of a pool or a clock.
fn is_ours(thread: &Thread) -> bool {
    thread.name().is_some_and(|name| name.starts_with("sansocket-"))
}

fn lock(driver: &Mutex<Option<Way>>) -> MutexGuard<'_, Option<Way>> {
    driver.lock().unwrap_or_else(PoisonError::into_inner)
}
