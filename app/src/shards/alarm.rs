//! When the timers of a process look at its shards next.

use atomic_waker::AtomicWaker;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Context;

use crate::time::{Micros, NEVER};

/// The earliest moment that something is due in any shard, and the task that waits for it.
#[derive(Debug)]
pub(crate) struct Alarm {
    due: AtomicU64,
    timers: AtomicWaker,
}

impl Default for Alarm {
    fn default() -> Self {
        Self { due: AtomicU64::new(NEVER), timers: AtomicWaker::new() }
    }
}

impl Alarm {
    /// Sees to it that the timers look at `due` or before.
    #[inline]
    pub(crate) fn set(&self, due: Micros) {
        if self.due.load(Ordering::Relaxed) > due && self.due.fetch_min(due, Ordering::SeqCst) > due
        {
            self.timers.wake();
        }
    }

    /// Forgets the time set: the timers look now.
    pub(crate) fn reset(&self) {
        self.due.store(NEVER, Ordering::SeqCst);
    }

    /// When the timers look next.
    pub(crate) fn due(&self) -> Micros {
        self.due.load(Ordering::SeqCst)
    }

    /// Registers the task that runs the timers.
    pub(crate) fn register(&self, context: &Context<'_>) {
        self.timers.register(context.waker());
    }

    /// Wakes the timers without a reason in time.
    pub(crate) fn ring(&self) {
        self.timers.wake();
    }
}
