//! Work that ends when nobody wants its result any more.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::runtime::BoxFuture;

/// Whether a result is wanted; dropping it says that it is not.
#[derive(Debug, Default)]
pub(crate) struct Wish(Arc<Wanted>);

#[derive(Debug, Default)]
struct Wanted {
    given_up: AtomicBool,
    waker: Mutex<Option<Waker>>,
}

/// Work whose result may no longer be wanted: then it is `None`.
pub(super) struct WhileWanted<T> {
    work: BoxFuture<T>,
    wanted: Arc<Wanted>,
}

impl Wish {
    /// Lets `work` end with the wish.
    pub(super) fn bound<T>(&self, work: BoxFuture<T>) -> WhileWanted<T> {
        WhileWanted { work, wanted: self.0.clone() }
    }
}

impl Drop for Wish {
    fn drop(&mut self) {
        self.0.given_up.store(true, Ordering::SeqCst);
        let waker = self.0.waker.lock().unwrap_or_else(PoisonError::into_inner).take();
        waker.into_iter().for_each(Waker::wake);
    }
}

impl<T> Future for WhileWanted<T> {
    type Output = Option<T>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        *self.wanted.waker.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(context.waker().clone());
        if self.wanted.given_up.load(Ordering::SeqCst) {
            return Poll::Ready(None);
        }
        self.work.as_mut().poll(context).map(Some)
    }
}
