//! How whoever changes a shard reaches the task that owns a connection.

use atomic_waker::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::serve::watch::{CAME, Micros, NEVER};

/// The doorbell of one connection.
#[derive(Debug)]
pub(crate) struct Port {
    state: AtomicU8,
    waker: AtomicWaker,
    /// Whether it is listed as waiting for handlers; one entry is enough.
    listed: AtomicBool,
    /// Whether its stream is to be looked at before its peer is taken for silent.
    asked: AtomicBool,
    /// Bytes of what it brought that waits for handlers.
    pending: AtomicU32,
    /// Its deadline for [`Watch`](crate::serve::watch::Watch).
    due: AtomicU64,
}

/// Something waits to be written.
const RUNG: u8 = 1;
/// The owner is at work and will look before it rests: no need to wake it.
const AWAKE: u8 = 2;
/// It was rung for something else: a deadline came, handlers have caught up, or the server stops.
const SUMMONED: u8 = 4;

/// What the owner was rung for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ring {
    /// Nobody rang.
    Nothing,
    /// Something to write at most.
    Write,
    /// Anything else, and perhaps something to write.
    Summons,
}

/// Bytes of what one connection brought that may wait for handlers before it is no longer read:
/// about as much as one message may have.
pub(crate) const SOME: u32 = 1 << 20;

/// What one job counts with at most, in bytes.
const MOST: usize = 16 << 20;

/// A job that waits, on behalf of the connection that brought it.
pub(crate) struct Pending {
    port: Arc<Port>,
    /// At most [`MOST`], and in a whole word: see [`Event`](sansocket::Event).
    bytes: usize,
}

impl Pending {
    pub(crate) fn new(port: &Arc<Port>, bytes: usize) -> Self {
        // More than one such is never read, so that the sum stays far from overflowing.
        let pending = Self { port: port.clone(), bytes: bytes.min(MOST) };
        port.pending.fetch_add(pending.bytes(), Ordering::AcqRel);
        pending
    }

    fn bytes(&self) -> u32 {
        u32::try_from(self.bytes).expect("at most MOST")
    }
}

impl Drop for Pending {
    // Most jobs have none: what drops them stays small.
    #[inline(never)]
    fn drop(&mut self) {
        let bytes = self.bytes();
        let before = self.port.pending.fetch_sub(bytes, Ordering::AcqRel);
        if before > SOME && before - bytes <= SOME {
            self.port.call();
        }
    }
}

impl Default for Port {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            listed: AtomicBool::new(false),
            asked: AtomicBool::new(false),
            pending: AtomicU32::new(0),
            due: AtomicU64::new(NEVER),
        }
    }
}

impl Port {
    /// Rings for something to write, and says whether the owner must be woken for it.
    pub(crate) fn ring(&self) -> bool {
        self.state.fetch_or(RUNG, Ordering::AcqRel) == 0
    }

    /// Rings for anything else, and says whether the owner must be woken for it.
    pub(crate) fn summon(&self) -> bool {
        self.state.fetch_or(RUNG | SUMMONED, Ordering::AcqRel) == 0
    }

    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Summons the owner, and wakes it when that is necessary. No lock is held.
    pub(crate) fn call(self: &Arc<Self>) {
        if self.summon() {
            self.wake();
        }
    }

    /// Asks the owner to look at its stream once more, and says whether it must be woken for it.
    pub(crate) fn ask(&self) -> bool {
        self.set_asked(true);
        self.summon()
    }

    /// Whether the owner is asked to look at its stream.
    pub(crate) fn is_asked(&self) -> bool {
        self.asked.load(Ordering::Acquire)
    }

    /// Notes whether the owner is to look at its stream.
    pub(crate) fn set_asked(&self, asked: bool) {
        self.asked.store(asked, Ordering::Release);
    }

    /// Notes whether it is listed as waiting for handlers, and says whether it was.
    pub(crate) fn set_listed(&self, listed: bool) -> bool {
        self.listed.swap(listed, Ordering::AcqRel)
    }

    /// Whether so much of what it brought waits that it should not be read; it is rung when it does not.
    pub(crate) fn waits_too_long(&self) -> bool {
        self.pending.load(Ordering::Acquire) > SOME
    }

    pub(crate) fn due(&self) -> Micros {
        self.due.load(Ordering::Acquire)
    }

    pub(crate) fn set_due(&self, due: Micros) {
        self.due.store(due, Ordering::SeqCst);
    }

    /// Marks that its deadline came, unless it was moved.
    pub(crate) fn take_due(&self, due: Micros) -> bool {
        self.due.compare_exchange(due, CAME, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// The owner starts to work.
    pub(crate) fn enter(&self) {
        self.state.fetch_or(AWAKE, Ordering::AcqRel);
    }

    /// The owner is about to look what waits.
    pub(crate) fn answer(&self) -> Ring {
        match self.state.swap(AWAKE, Ordering::AcqRel) & (RUNG | SUMMONED) {
            0 => Ring::Nothing,
            RUNG => Ring::Write,
            _ => Ring::Summons,
        }
    }

    /// Waits for a ring.
    pub(crate) fn poll_rung(&self, context: &Context<'_>) -> Poll<()> {
        self.waker.register(context.waker());
        let before = self.state.fetch_and(!AWAKE, Ordering::AcqRel);
        if before & RUNG != 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}
