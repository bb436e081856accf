//! What shards left for other processes.

use sansocket::cluster::Message;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Messages that shards left for other processes, in the order of the calls that caused them.
#[derive(Default)]
pub(super) struct Inbox {
    /// Bounded by those who leave them: each sees to it that they are taken at once.
    messages: Mutex<Vec<Message>>,
    /// Whether there are any: spares the lock when there are none.
    any: AtomicBool,
}

impl Inbox {
    pub(super) fn is_there(&self) -> bool {
        self.any.load(Ordering::Acquire)
    }

    pub(super) fn leave(&self, message: Message) {
        let mut messages = self.lock();
        messages.push(message);
        self.any.store(true, Ordering::Release);
    }

    pub(super) fn take(&self) -> Vec<Message> {
        if !self.is_there() {
            return Vec::new();
        }
        let mut messages = self.lock();
        self.any.store(false, Ordering::Release);
        std::mem::take(&mut messages)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Message>> {
        self.messages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
