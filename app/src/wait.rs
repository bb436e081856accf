//! Waiting on a thread instead of in a task.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

pub(crate) mod slot;

/// Runs a future to its end; the thread sleeps meanwhile. For threads outside async code, which it
/// would hold up.
pub fn wait<F: Future>(future: F) -> F::Output {
    // The same waker every time: a thread that waits again and again is registered once.
    let waker = WAKER.with(Waker::clone);
    let mut context = Context::from_waker(&waker);
    let mut future = pin!(future);
    loop {
        match future.as_mut().poll(&mut context) {
            Poll::Ready(output) => return output,
            // It may also return for nothing: the future tells.
            Poll::Pending => {
                BEFORE.with(Cell::get)();
                thread::park();
            }
        }
    }
}

/// Has `act` called on this thread whenever it is about to sleep in [`wait`].
pub fn before_waits(act: fn()) {
    BEFORE.set(act);
}

thread_local! {
    static BEFORE: Cell<fn()> = const { Cell::new(|| {}) };
    static WAKER: Waker = Waker::from(Arc::new(Parked(thread::current())));
}

/// A thread that sleeps until it is woken.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn a_thread_sleeps_until_another_wakes_it() {
        let (ready, mut polls) = (Arc::new(AtomicBool::new(false)), 0);
        let output = wait(poll_fn(|context| {
            polls += 1;
            if ready.load(Ordering::Acquire) {
                return Poll::Ready(7);
            }
            let (ready, waker) = (ready.clone(), context.waker().clone());
            thread::spawn(move || {
                ready.store(true, Ordering::Release);
                waker.wake();
            });
            Poll::Pending
        }));
        assert_eq!(output, 7);
        assert!(polls >= 2);
    }
}
