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
}
