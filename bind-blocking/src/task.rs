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
    /// How often it was woken since it last rested; the first wake-up queues it.
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::mpsc;
    use std::thread;
    use std::time::{Duration, Instant};

    #[test]
    fn a_task_woken_while_it_is_polled_is_polled_again() {
        let pool = Arc::new(Pool::new(2));
        let (done, ended) = mpsc::channel();
        let mut left = 1000;
        Task::spawn(
            &pool,
            Box::pin(poll_fn(move |context| {
                left -= 1;
                if left == 0 {
                    done.send(()).unwrap();
                    return Poll::Ready(());
                }
                context.waker().wake_by_ref();
                Poll::Pending
            })),
        );
        ended.recv_timeout(Duration::from_secs(20)).unwrap();
        pool.close();
    }

    #[test]
    fn no_wake_of_another_thread_is_lost() {
        let pool = Arc::new(Pool::new(4));
        let (done, ended) = mpsc::channel();
        let count = Arc::new(AtomicUsize::new(0));
        let (mut started, counted) = (false, count.clone());
        Task::spawn(
            &pool,
            Box::pin(poll_fn(move |context| {
                if !started {
                    started = true;
                    for _ in 0..4 {
                        let (waker, count) = (context.waker().clone(), count.clone());
                        thread::spawn(move || {
                            for _ in 0..1000 {
                                count.fetch_add(1, Ordering::AcqRel);
                                waker.wake_by_ref();
                            }
                        });
                    }
                }
                if counted.load(Ordering::Acquire) < 4000 {
                    return Poll::Pending;
                }
                done.send(()).unwrap();
                Poll::Ready(())
            })),
        );
        ended.recv_timeout(Duration::from_secs(20)).unwrap();
        pool.close();
    }

    #[test]
    fn a_task_that_has_ended_lets_go_of_what_it_held() {
        let pool = Arc::new(Pool::new(1));
        let held = Arc::new(());
        let (inside, (wakers, waker)) = (held.clone(), mpsc::channel());
        Task::spawn(
            &pool,
            Box::pin(poll_fn(move |context| {
                let _ = &inside;
                wakers.send(context.waker().clone()).unwrap();
                Poll::Ready(())
            })),
        );
        let waker = waker.recv().unwrap();
        pool.close();
        // The worker drops the future a moment after it has polled it.
        let patience = Instant::now() + Duration::from_secs(20);
        while Arc::strong_count(&held) > 1 {
            assert!(Instant::now() < patience, "the future is kept");
            thread::yield_now();
        }
        // Late, and in vain.
        waker.wake();
    }
}
