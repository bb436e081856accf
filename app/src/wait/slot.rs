//! A place for one value that is awaited.

use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

/// Holds an answer for the future that waits for it.
#[derive(Debug)]
pub(crate) struct Slot<T>(Mutex<(Option<T>, Option<Waker>)>);

impl<T> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new((None, None)))
    }

    pub(crate) fn filled(value: T) -> Self {
        Self(Mutex::new((Some(value), None)))
    }

    /// Leaves the answer; the waker, if any, is to be woken.
    pub(crate) fn fill(&self, value: T) -> Option<Waker> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = Some(value);
        inner.1.take()
    }

    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<T> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                inner.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
