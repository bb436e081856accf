//! One future that the pool runs to its end.

use sansocket_app::BoxFuture;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};

use crate::pool::{Pool, Work};

/// A future and where it is polled.
pub(crate) struct Task {
    /// Nothing once it has ended. The lock is never waited for: see `wakes`.
    future: Mutex<Option<BoxFuture<()>>>,
    /// How often it was woken since it last rested; whoever counts the first queues it.
    wakes: AtomicUsize,
    pool: Arc<Pool>,
}

impl Task {
    /// Starts a future.
    pub(crate) fn spawn(pool: &Arc<Pool>, future: BoxFuture<()>) {
        let (future, wakes) = (Mutex::new(Some(future)), AtomicUsize::new(1));
        pool.run(Work::Task(Arc::new(Self { future, wakes, pool: pool.clone() })));
    }

    /// Polls once; queues itself again when it was woken meanwhile.
    pub(crate) fn poll(self: Arc<Self>) {
        let seen = self.wakes.load(Ordering::Acquire);
        let waker = Waker::from(self.clone());
        let mut future = self.future.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(running) = future.as_mut() {
            let mut context = Context::from_waker(&waker);
            let polled = catch_unwind(AssertUnwindSafe(|| running.as_mut().poll(&mut context)));
            // A panic has been printed and ends this task alone.
            if !matches!(polled, Ok(Poll::Pending)) {
                *future = None;
            }
        }
        drop(future);
        if self.wakes.compare_exchange(seen, 0, Ordering::AcqRel, Ordering::Acquire).is_err() {
            self.pool.clone().run(Work::Task(self));
        }
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.wakes.fetch_add(1, Ordering::AcqRel) == 0 {
            self.pool.clone().run(Work::Task(self));
        }
    }
}
