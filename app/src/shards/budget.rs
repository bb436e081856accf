//! What the shards of a process hold together.

use sansocket::{Limits, Server, Usage};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The sum of what shards told last. They tell when it changed by much, so that a message costs no
/// more than a comparison.
#[derive(Debug)]
pub(crate) struct Budget {
    sessions: AtomicUsize,
    bytes: AtomicUsize,
    /// From how many bytes on all shards are looked at again.
    look: AtomicUsize,
    /// A sixteenth of the limit on bytes.
    part: usize,
}

/// Sixteenths of the limit from which on all shards are looked at.
const LOOK: usize = 14;

/// Sixteenths that are too much when that is certain. Less than [`LOOK`], because looking takes time,
/// and should not be necessary again soon.
const HIGH: usize = 13;

impl Budget {
    pub(crate) fn new(limits: &Limits) -> Self {
        let part = limits.bytes / 16;
        let [sessions, bytes, look] = [0, 0, part * LOOK].map(AtomicUsize::new);
        Self { sessions, bytes, look, part }
    }

    /// Adds up what a shard holds, and tells it what others do.
    pub(crate) fn tell(&self, told: &mut Usage, now: Usage, server: &mut Server) {
        let before = std::mem::replace(told, now);
        let add = |sum: &AtomicUsize, now: usize, before: usize| {
            sum.fetch_add(now.wrapping_sub(before), Ordering::Relaxed);
        };
        add(&self.sessions, now.sessions, before.sessions);
        add(&self.bytes, now.bytes, before.bytes);
        let look = self.part * LOOK;
        if self.bytes.load(Ordering::Relaxed) <= look {
            self.look.store(look, Ordering::Relaxed);
        }
        self.hear(now, server);
    }

    /// Tells a shard what others hold.
    pub(crate) fn hear(&self, told: Usage, server: &mut Server) {
        let rest = |sum: &AtomicUsize, own| sum.load(Ordering::Relaxed).saturating_sub(own);
        server.set_elsewhere(Usage {
            sessions: rest(&self.sessions, told.sessions),
            bytes: rest(&self.bytes, told.bytes),
        });
    }

    /// Whether there is too much, now that all shards were looked at.
    pub(crate) fn is_high(&self) -> bool {
        self.bytes.load(Ordering::Relaxed) > self.part * HIGH
    }

    /// Whether it is time to look at all shards: when there seems to be too much, and again when that
    /// did not help and there is much more.
    pub(crate) fn takes_look(&self) -> bool {
        let bytes = self.bytes.load(Ordering::Relaxed);
        let look = self.look.load(Ordering::Relaxed);
        let next = bytes.saturating_add(2 * self.part);
        let order = Ordering::Relaxed;
        bytes > look && self.look.compare_exchange(look, next, order, order).is_ok()
    }
}
