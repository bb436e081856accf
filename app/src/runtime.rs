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
    /// Waits for a time to pass.
    fn sleep(&self, duration: Duration) -> BoxFuture<()>;

    /// Runs the future that watches the deadlines of a server; it ends with the server. Handlers that
    /// block must not hold it up.
    fn spawn_timers(&self, timers: BoxFuture<()>) {
        self.spawn(timers);
    }

    /// Returns for how long the current thread waits, when it drops the last handle of a client, until the client has
    /// said goodbye. By default it does not wait.
    fn farewell(&self) -> Option<Duration> {
        None
    }

    /// Returns threads on which handlers may block. When there are any, all handlers are handed to them: those
    /// of one client in order, those of different clients side by side.
    fn workers(&self) -> Option<&dyn Workers> {
        None
    }
}

/// A bounded number of threads on which handlers may block.
pub trait Workers: Send + Sync {
    /// Runs work on one of the threads, as soon as one is free, and never before it returns. No lock is held
    /// then, and no connection is being read.
    fn run(&self, work: Box<dyn FnOnce() + Send>);
}
