//! What an emit needs to know of the node without its lock.

use sansocket::cluster::{BusError, Node};
use std::sync::atomic::{AtomicUsize, Ordering};

/// How large messages may be, as the node said when its lock was held last: no emit waits for the lock.
pub(super) struct Room {
    /// Bytes that the broker carries at most; the largest number where there is no limit.
    largest: AtomicUsize,
    /// Bytes for which the queue has room.
    free: AtomicUsize,
    /// Bytes of the whole queue.
    queue: usize,
}

impl Room {
    pub(super) fn new(queue: usize) -> Self {
        Self { largest: AtomicUsize::new(usize::MAX), free: AtomicUsize::new(queue), queue }
    }

    pub(super) fn set(&self, node: &Node) {
        self.largest.store(node.largest().unwrap_or(usize::MAX), Ordering::Relaxed);
        self.free.store(node.room(), Ordering::Relaxed);
    }

    /// Bytes of the whole queue.
    pub(super) fn queue(&self) -> usize {
        self.queue
    }

    /// Whether there is room for a message of so many bytes, and the name of its channel, behind those that wait for the node.
    pub(super) fn check(
        &self,
        [size, channel]: [usize; 2],
        waiting: usize,
    ) -> Result<(), BusError> {
        let limit = self.largest.load(Ordering::Relaxed);
        if size > limit {
            return Err(BusError::TooLarge { size, limit });
        }
        if size.saturating_add(channel) > self.free.load(Ordering::Relaxed).saturating_sub(waiting)
        {
            return Err(BusError::Full { limit: self.queue });
        }
        Ok(())
    }
}
