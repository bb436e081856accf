//! What a binding supplies: a clock, tasks, and timers.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

/// A future that may move between threads.
pub type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// The runtime that carries an application.
pub trait Runtime: Send + Sync + 'static {
    /// Returns the time.
    fn now(&self) -> Instant;
    /// Runs a future to its end.
    fn spawn(&self, task: BoxFuture<()>);
    /// Waits.
    fn sleep(&self, duration: Duration) -> BoxFuture<()>;
    /// Returns the threads that handlers run on, when they may block; without them handlers run
    /// where their events are read.
    fn workers(&self) -> Option<&dyn Workers> {
        None
    }
}

/// Threads for work that may block.
pub trait Workers: Send + Sync {
    /// Runs `work` on one of them, soon; work given earlier starts earlier.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}
