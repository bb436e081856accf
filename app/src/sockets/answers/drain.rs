//! Waiting for clients that read too slowly.

use sansocket::{Gone, Socket as Key};
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use crate::wait::slot::Slot;
use crate::wait::wait;

/// Waits until a slow client has taken most of what waits for it.
///
/// # Cancel safety
/// Dropping it loses nothing: others that wait for the same client are told, and so is a new one.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Drained(Shared);

impl Drained {
    pub(crate) fn ready(outcome: Result<(), Gone>) -> Self {
        Self(Arc::new(Slot::filled(outcome)))
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to write to the
    /// client.
    ///
    /// # Errors
    /// When the client has disconnected.
    pub fn wait(self) -> Result<(), Gone> {
        wait(self)
    }
}

impl Future for Drained {
    type Output = Result<(), Gone>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}

/// The tasks that wait for slow clients of a shard.
#[derive(Debug, Default)]
pub(crate) struct Draining(BTreeMap<Key, Vec<Shared>>);

type Shared = Arc<Slot<Result<(), Gone>>>;

impl Draining {
    /// Starts to wait for a client.
    pub(crate) fn add(&mut self, key: Key) -> Drained {
        let slot = Arc::new(Slot::empty());
        let slots = self.0.entry(key).or_default();
        // A task that gave up waiting is forgotten here: a client may be slow for long. As many must come
        // as wait before they are looked through again, since a client makes any number of handlers wait.
        if slots.len() == slots.capacity() {
            slots.retain(|slot| Arc::strong_count(slot) > 1);
            slots.reserve(slots.len().max(4));
        }
        slots.push(slot.clone());
        Drained(slot)
    }

    /// Ends the waiting for a client; the waker, if any, is to be woken.
    pub(crate) fn end(&mut self, key: Key, outcome: Result<(), Gone>) -> Option<Waker> {
        let slots = self.0.remove(&key)?;
        // There may be many tasks, and there is one waker to return.
        let wakers = slots.iter().filter_map(|slot| slot.fill(outcome)).collect();
        Some(Waker::from(Arc::new(All(wakers))))
    }
}

/// Many wakers as one.
struct All(Vec<Waker>);

impl Wake for All {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.iter().for_each(Waker::wake_by_ref);
    }
}
