//! The clockwork: one future that calls every shard when something is due.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};

use crate::hub::hub::Hub;
use crate::runtime::BoxFuture;

/// A future that acts on deadlines as long as its [`Hub`] exists; a binding runs one per hub.
///
/// # Cancel safety
/// Dropped, nothing is done any more when it is due, until a new one is polled: that catches up.
#[must_use = "futures do nothing unless polled"]
pub struct Timers {
    hub: Weak<Hub>,
    /// What is slept for, and until when.
    sleep: Option<(BoxFuture<()>, u64)>,
}

impl Timers {
    /// Makes the clockwork of a hub.
    pub fn new(hub: &Arc<Hub>) -> Self {
        Self { hub: Arc::downgrade(hub), sleep: None }
    }
}

impl Future for Timers {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let Some(hub) = self.hub.upgrade() else { return Poll::Ready(()) };
        loop {
            // Registered before looking, so that a deadline set meanwhile is not missed.
            hub.shards().alarm().register(context);
            let alarm = hub.shards().alarm().due();
            if let Some((sleep, until)) = &mut self.sleep
                && *until <= alarm
                && sleep.as_mut().poll(context).is_pending()
            {
                return Poll::Pending;
            }
            let Some((wait, until)) = hub.shards().run_timers() else {
                self.sleep = None;
                return Poll::Pending;
            };
            self.sleep = Some((hub.runtime().sleep(wait), until));
        }
    }
}

impl fmt::Debug for Timers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timers").finish_non_exhaustive()
    }
}
