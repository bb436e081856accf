//! tokio's clock and tasks.

use sansocket_app::BoxFuture;
use sansocket_app::bind::Runtime;
use std::time::{Duration, Instant};
use tokio::runtime::Handle;

/// A tokio runtime, reachable from threads outside it.
#[derive(Debug)]
pub(crate) struct Tokio(pub(crate) Handle);

impl Runtime for Tokio {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.0.spawn(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        let _inside = self.0.enter();
        Box::pin(tokio::time::sleep(duration))
    }
}
