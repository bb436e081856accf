//! Waiting for the broker.

use sansocket::cluster::Flush as Wait;
use std::fmt;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use crate::Unconfirmed;
use crate::emitter::Owner;

/// Completes when the broker confirmed all messages before it, or when it is known that some are lost; by
/// [`Emitter::flush`](crate::Emitter::flush).
///
/// It needs no runtime, and is independent of the emitter's life.
#[must_use = "futures do nothing unless awaited"]
pub struct Flush {
    owner: Arc<Owner>,
    /// The name of its entry among those that wait.
    ticket: u64,
    /// Until the outcome was taken.
    wait: Option<Wait>,
}

impl Flush {
    pub(crate) fn new(owner: Arc<Owner>) -> Self {
        let wait = owner.state.act(|machine, _| machine.flush());
        let ticket = owner.state.ticket();
        Self { owner, ticket, wait: Some(wait) }
    }

    /// Waits on a thread, as `.await` does in a task.
    ///
    /// # Errors
    /// [`Unconfirmed`] tells of messages that were lost, or may be.
    pub fn wait(self) -> Result<(), Unconfirmed> {
        let waker = Waker::from(Arc::new(Parked(thread::current())));
        let mut flush = pin!(self);
        loop {
            match flush.as_mut().poll(&mut Context::from_waker(&waker)) {
                Poll::Ready(outcome) => return outcome,
                Poll::Pending => thread::park(),
            }
        }
    }
}

impl Future for Flush {
    type Output = Result<(), Unconfirmed>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let Some(wait) = &this.wait else { return Poll::Ready(Ok(())) };
        let poll = this.owner.state.poll_flush((wait, this.ticket), context);
        if poll.is_ready() {
            this.wait = None;
        }
        poll
    }
}

impl Drop for Flush {
    fn drop(&mut self) {
        if let Some(wait) = self.wait.take() {
            self.owner.state.cancel(wait, self.ticket);
        }
    }
}

impl fmt::Debug for Flush {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flush").finish_non_exhaustive()
    }
}

/// A thread that sleeps until it is woken.
struct Parked(Thread);

impl Wake for Parked {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
