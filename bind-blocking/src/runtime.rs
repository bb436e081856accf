//! Threads in place of a runtime.

use sansocket_app::BoxFuture;
use sansocket_app::bind::{Runtime, Workers};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::clock::Clock;
use crate::pool::{Pool, Work};
use crate::task::Task;

/// The clock and the pool of one server.
#[derive(Debug)]
pub(crate) struct Blocking {
    pub(crate) clock: Arc<Clock>,
    pub(crate) pool: Arc<Pool>,
}

impl Runtime for Blocking {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        Task::spawn(&self.pool, task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        Box::pin(self.clock.sleep(duration))
    }

    fn spawn_timers(&self, timers: BoxFuture<()>) {
        self.clock.start(timers).expect("the operating system gives a thread");
    }

    fn workers(&self) -> Option<&dyn Workers> {
        Some(self)
    }
}

impl Workers for Blocking {
    fn run(&self, work: Box<dyn FnOnce() + Send>) {
        self.pool.run(Work::Call(work));
    }
}

impl Drop for Blocking {
    fn drop(&mut self) {
        // The hub is gone. Its last handle may have been held by a worker, so this does not wait.
        self.pool.close();
    }
}
