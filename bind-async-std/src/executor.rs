//! Where tasks run, and the clock.

use async_io::Timer;
use sansocket_app::BoxFuture;
use sansocket_app::bind::{Hub, Runtime};
use std::fmt;
#[cfg(feature = "async-std")]
use std::future::Future;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
#[cfg(feature = "async-std")]
use std::pin::{Pin, pin};
#[cfg(feature = "async-std")]
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// The executor that runs the tasks of servers and clients.
///
/// The default is smol's, or async-std's where only that feature is on. Timers are those of
/// [`async_io`] in either case.
#[derive(Clone, Copy)]
pub struct Executor {
    name: &'static str,
    spawn: fn(BoxFuture<()>),
    own: fn(BoxFuture<()>) -> BoxFuture<()>,
    threads: fn() -> usize,
    resolve: fn(String, u16) -> BoxFuture<io::Result<Vec<SocketAddr>>>,
}

#[cfg(feature = "smol")]
impl Executor {
    /// smol's global executor: one thread, or as many as the environment variable `SMOL_THREADS`
    /// says.
    pub const SMOL: Self = Self {
        name: "smol",
        spawn: |task| smol::spawn(task).detach(),
        own: |task| Box::pin(smol::spawn(task)),
        threads: smol_threads,
        resolve: |host, port| Box::pin(smol::unblock(move || look_up(&host, port))),
    };
}

#[cfg(feature = "async-std")]
impl Executor {
    /// async-std's executor: a thread per core, or as many as the environment variable
    /// `ASYNC_STD_THREAD_COUNT` says.
    pub const ASYNC_STD: Self = Self {
        name: "async-std",
        spawn: |task| drop(async_std::task::spawn(task)),
        own: |task| Box::pin(Owned(Some(async_std::task::spawn(task)))),
        threads: async_std_threads,
        resolve: |host, port| {
            Box::pin(async_std::task::spawn_blocking(move || look_up(&host, port)))
        },
    };
}

impl Executor {
    /// Returns how many shards suit it: four per thread keep threads out of each other's way.
    #[must_use]
    pub fn shards(self) -> u16 {
        Hub::shards_for((self.threads)())
    }

    /// Runs a task, which ends early when the future is dropped. The future ends with the task.
    pub(crate) fn own(self, task: BoxFuture<()>) -> BoxFuture<()> {
        (self.own)(task)
    }

    /// Finds the addresses of a host, on a thread that may block.
    pub(crate) fn resolve(self, host: String, port: u16) -> BoxFuture<io::Result<Vec<SocketAddr>>> {
        (self.resolve)(host, port)
    }

    /// Whether both are the same.
    pub(crate) fn is(self, other: Self) -> bool {
        self.name == other.name
    }
}

/// A task of async-std that is cancelled when this is dropped.
#[cfg(feature = "async-std")]
struct Owned(Option<async_std::task::JoinHandle<()>>);

#[cfg(feature = "async-std")]
impl Future for Owned {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        match &mut self.0 {
            Some(task) => Pin::new(task).poll(context),
            None => Poll::Ready(()),
        }
    }
}

#[cfg(feature = "async-std")]
impl Drop for Owned {
    fn drop(&mut self) {
        if let Some(task) = self.0.take() {
            // The first poll cancels; nobody waits until the task has noticed.
            let _ = pin!(task.cancel()).poll(&mut Context::from_waker(Waker::noop()));
        }
    }
}

#[cfg(feature = "smol")]
impl Default for Executor {
    fn default() -> Self {
        Self::SMOL
    }
}

#[cfg(not(feature = "smol"))]
impl Default for Executor {
    fn default() -> Self {
        Self::ASYNC_STD
    }
}

impl Runtime for Executor {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        (self.spawn)(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(async move {
            Timer::after(duration).await;
        })
    }
}

impl fmt::Debug for Executor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Executor").field(&self.name).finish()
    }
}

#[cfg(feature = "smol")]
fn smol_threads() -> usize {
    variable("SMOL_THREADS").unwrap_or(1)
}

#[cfg(feature = "async-std")]
fn async_std_threads() -> usize {
    let cores = || std::thread::available_parallelism().map_or(1, usize::from);
    variable("ASYNC_STD_THREAD_COUNT").unwrap_or_else(cores)
}

fn look_up(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// Reads a number as the executors themselves do.
fn variable(name: &str) -> Option<usize> {
    std::env::var(name).ok()?.parse().ok()
}
