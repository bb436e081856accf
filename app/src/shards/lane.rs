//! One shard, and how others reach it.

use sansocket::cluster::Message;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shards::cell::Cell;
use crate::shards::kept::Kept;
use crate::shards::pressure::Pressure;

/// One shard behind its lock.
pub(super) struct Lane<K: Kept> {
    cell: Mutex<Cell<K>>,
    pub(super) mail: Mail,
    pub(super) pressure: Arc<Pressure>,
    pub(super) turn: Turn,
}

impl<K: Kept> Lane<K> {
    pub(super) fn new(cell: Cell<K>) -> Self {
        Self {
            cell: Mutex::new(cell),
            mail: Mail::default(),
            pressure: Arc::default(),
            turn: Turn::default(),
        }
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, Cell<K>> {
        // A shard stays usable after a panic: none of its methods leaves it half changed on purpose.
        self.cell.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Messages of other shards that a shard has not handled yet.
#[derive(Default)]
pub(super) struct Mail {
    /// Bounded by the shards that leave them: each sees to it that they are handled at once.
    inbox: Mutex<Vec<Message>>,
    /// Whether there are any: spares the lock when there are none.
    any: AtomicBool,
}

impl Mail {
    #[inline]
    pub(super) fn is_there(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(super) fn leave(&self, message: Message) {
        let mut inbox = self.lock();
        inbox.push(message);
        self.any.store(true, Ordering::Release);
    }

    pub(super) fn take(&self) -> Vec<Message> {
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.inbox.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The right to do the jobs of a shard, which one thread at a time has: that keeps them in order.
#[derive(Default)]
pub(crate) struct Turn(AtomicU8);

/// No thread has the turn.
const FREE: u8 = 0;
/// A thread has it.
const TAKEN: u8 = 1;
/// A thread has it, and more jobs came meanwhile.
const CALLED: u8 = 2;

impl Turn {
    /// Takes the turn, or calls the thread that has it back for more jobs. The lock of the shard is
    /// held.
    pub(crate) fn take(&self) -> bool {
        let was_free = self.0.swap(CALLED, Ordering::AcqRel) == FREE;
        if was_free {
            self.0.store(TAKEN, Ordering::Release);
        }
        was_free
    }

    /// Ends the turn; `false` when the thread was called back and still has it.
    #[must_use = "jobs are never done otherwise"]
    pub(crate) fn end(&self) -> bool {
        self.0.compare_exchange(TAKEN, FREE, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// Ends the turn whether it was called back or not. The lock of the shard is held.
    pub(crate) fn pass(&self) {
        self.0.store(FREE, Ordering::Release);
    }
}
