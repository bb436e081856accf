//! How whoever changes a shard reaches the task that owns a connection.

use atomic_waker::AtomicWaker;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::watch::{Micros, NEVER};

/// The doorbell of one connection.
#[derive(Debug)]
pub(crate) struct Port {
    state: AtomicU8,
    waker: AtomicWaker,
    /// Whether it is listed as waiting for handlers; one entry is enough.
    listed: AtomicBool,
    /// When the next call of [`Watch`](crate::watch::Watch) is to come.
    call: AtomicU64,
}

/// Something waits to be written.
const RUNG: u8 = 1;
/// The owner is at work and will look before it rests: no need to wake it.
const AWAKE: u8 = 2;

impl Default for Port {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            listed: AtomicBool::new(false),
            call: AtomicU64::new(NEVER),
        }
    }
}

impl Port {
    /// Rings, and says whether the owner must be woken for it.
    pub(crate) fn ring(&self) -> bool {
        self.state.fetch_or(RUNG, Ordering::AcqRel) == 0
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Notes whether it is listed as waiting for handlers, and says whether it was.
    pub(crate) fn set_listed(&self, listed: bool) -> bool {
        self.listed.swap(listed, Ordering::AcqRel)
    }

    /// Notes a call to come, and says whether it is earlier than any other.
    pub(crate) fn called(&self, due: Micros) -> bool {
        self.call.fetch_min(due, Ordering::AcqRel) > due
    }

    /// Notes that a call came; an earlier or later one may be under way.
    pub(crate) fn call_came(&self, due: Micros) {
        let _ = self.call.compare_exchange(due, NEVER, Ordering::AcqRel, Ordering::Acquire);
    }

    /// The owner starts to work.
    pub(crate) fn enter(&self) {
        self.state.fetch_or(AWAKE, Ordering::AcqRel);
    }

    /// The owner is about to look what waits.
    pub(crate) fn answer(&self) -> bool {
        self.state.swap(AWAKE, Ordering::AcqRel) & RUNG != 0
    }

    /// Waits for a ring.
    pub(crate) fn poll_rung(&self, context: &Context<'_>) -> Poll<()> {
        self.waker.register(context.waker());
        let before = self.state.fetch_and(!AWAKE, Ordering::AcqRel);
        if before & RUNG != 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}
