//! Waiting until a broker has confirmed what a process subscribes to.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use crate::cluster::bus::Bus;
use crate::runtime::BoxFuture;
use crate::wait::wait;

/// Waits until the broker has confirmed all that the process subscribes to, at most for a second.
///
/// # Cancel safety
/// Dropping it changes nothing.
#[must_use = "futures do nothing unless awaited"]
pub struct Settled {
    bus: Bus,
    /// The name of its entry among those that wait, once it was polled.
    ticket: Option<u64>,
    /// Ends the waiting.
    patience: BoxFuture<()>,
}

impl Settled {
    pub(super) fn new(bus: Bus, patience: BoxFuture<()>) -> Self {
        Self { bus, ticket: None, patience }
    }

    /// Waits on this thread; never inside an async handler.
    pub fn wait(self) {
        wait(self);
    }
}

impl Future for Settled {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let ticket = *this.ticket.get_or_insert_with(|| this.bus.ticket());
        match this.bus.poll_settled(ticket, context) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => this.patience.as_mut().poll(context),
        }
    }
}

impl Drop for Settled {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            self.bus.forget(ticket);
        }
    }
}

impl fmt::Debug for Settled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settled").finish_non_exhaustive()
    }
}
