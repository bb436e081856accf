//! The doorbell of a connection: how a thread that changes a shard reaches the task that owns the stream.

use atomic_waker::AtomicWaker;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::task::{Context, Poll};

use crate::shards::pressure::Load;
use crate::shards::watch::CAME;
use crate::time::{Micros, NEVER};

/// The doorbell of one connection.
#[derive(Debug)]
pub(crate) struct Port {
    state: AtomicU8,
    waker: AtomicWaker,
    /// Whether its stream is to be looked at before its peer is taken for silent.
    look: AtomicU8,
    load: Load,
    /// Its deadline for [`Watch`](crate::shards::watch::Watch).
    due: AtomicU64,
}

/// Something waits to be written.
const RUNG: u8 = 1;
/// The owner is at work and will look before it rests: no need to wake it.
const AWAKE: u8 = 2;
/// It was rung for something else: a deadline came, handlers have caught up, or the server stops.
const SUMMONED: u8 = 4;

// The states of a look at a stream.

/// None is asked for.
const UNASKED: u8 = 0;
/// None is asked for, and the last one was [`Quiet::Excused`]: the next will not be.
const SPENT: u8 = 1;
/// One is asked for.
const ASKED: u8 = 2;
/// One is asked for, and by then the owner had not answered a ring for something to write: that may be what the
/// peer should answer.
const BEHIND: u8 = 3;

/// What it means that a look at a stream found nothing to read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Quiet {
    /// The peer has sent nothing in time.
    Silent,
    /// The peer may have had nothing to answer: its thread was too busy to write to it.
    Excused,
}

/// What the owner was rung for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ring {
    /// No ring so far.
    Nothing,
    /// Something to write at most.
    Write,
    /// Anything else, and perhaps something to write.
    Summons,
}

impl Default for Port {
    fn default() -> Self {
        Self {
            state: AtomicU8::new(0),
            waker: AtomicWaker::new(),
            look: AtomicU8::new(UNASKED),
            load: Load::default(),
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
        let is_behind = self.state.load(Ordering::Acquire) & (RUNG | SUMMONED) == RUNG;
        match is_behind && self.look.load(Ordering::Acquire) != SPENT {
            true => self.look.store(BEHIND, Ordering::Release),
            false => self.look_once_more(),
        }
        self.summon()
    }

    /// Notes that the owner is to look at its stream.
    pub(crate) fn look_once_more(&self) {
        self.look.fetch_max(ASKED, Ordering::AcqRel);
    }

    /// Whether the owner is asked to look at its stream.
    pub(crate) fn is_asked(&self) -> bool {
        self.look.load(Ordering::Acquire) >= ASKED
    }

    /// Ends a look that found nothing.
    pub(crate) fn end_look(&self) -> Quiet {
        let spend = self.look.compare_exchange(BEHIND, SPENT, Ordering::AcqRel, Ordering::Acquire);
        if spend.is_ok() {
            return Quiet::Excused;
        }
        self.look.store(UNASKED, Ordering::Release);
        Quiet::Silent
    }

    /// Something was read: the peer may be excused again.
    #[inline]
    pub(crate) fn heard(&self) {
        if self.look.load(Ordering::Relaxed) == SPENT {
            // A look that is asked for meanwhile stays asked for.
            let _ = self.look.compare_exchange(SPENT, UNASKED, Ordering::AcqRel, Ordering::Relaxed);
        }
    }

    /// What its connection brought that waits for handlers.
    pub(crate) fn load(&self) -> &Load {
        &self.load
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
