//! What shards left for other processes.

use sansocket::cluster::Message;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Messages that shards left for other processes, in the order of the calls that caused them.
#[derive(Default)]
pub(super) struct Inbox {
    /// Bounded by `Bus::check_size`, which counts them, and by `Bus::pump`, which waits for the node when they are too many
    /// all the same: what is no event is not refused.
    messages: Mutex<Vec<Message>>,
    /// Whether there are any: spares the lock when there are none.
    any: AtomicBool,
    /// Bytes of all of them, and of those that the node is taking.
    bytes: AtomicUsize,
}

impl Inbox {
    /// Whether there are any. The lock of the node is not held.
    pub(super) fn is_there(&self) -> bool {
        // As in `Arrivals::is_there`.
        fence(Ordering::SeqCst);
        self.any.load(Ordering::Relaxed)
    }

    /// Bytes of what the node has not taken yet.
    pub(super) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn leave(&self, message: Message) {
        let mut messages = self.lock();
        self.bytes.fetch_add(message.size(), Ordering::Relaxed);
        messages.push(message);
        self.any.store(true, Ordering::Relaxed);
        drop(messages);
        fence(Ordering::SeqCst);
    }

    /// Takes all. The lock of the node is held. They count until [`forget`](Self::forget) is told of their bytes.
    pub(super) fn take(&self) -> Vec<Message> {
        if !self.any.load(Ordering::Relaxed) {
            return Vec::new();
        }
        let mut messages = self.lock();
        self.any.store(false, Ordering::Relaxed);
        std::mem::take(&mut messages)
    }

    /// The node has taken messages of so many bytes.
    pub(super) fn forget(&self, bytes: usize) {
        self.bytes.fetch_sub(bytes, Ordering::Relaxed);
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
