//! The events that a shard sent lately.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::lost::Lost;
use super::offset::Offset;
use crate::cluster::Whom;
use crate::config::Recovery;
use crate::key::Id;
use crate::socket::encoded::Packet;
use crate::time::Tick;

/// One event, and the clients it was for.
#[derive(Debug)]
pub(super) struct Entry {
    at: Tick,
    offset: Offset,
    to: Arc<Whom>,
    /// One client that was left out.
    skip: Option<Id>,
    packet: Packet,
    cost: usize,
}

/// The latest events, oldest first. Bounded by `packets` and `bytes` of [`Recovery`].
#[derive(Debug, Default)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Place of the oldest entry among all that there ever were.
    first: u64,
    bytes: usize,
}

/// About what an entry takes besides its packet and names, in bytes.
const ENTRY: usize = 192;

impl Entry {
    pub(super) fn new(at: Tick, offset: Offset, to: Arc<Whom>, packet: Packet) -> Self {
        let names = to.rooms.iter().chain(&to.except).map(|name| name.len() + 32).sum::<usize>();
        let cost = packet.cost() + names + to.namespace.len() + ENTRY;
        Self { at, offset, to, skip: None, packet, cost }
    }

    pub(super) fn without(self, skip: Option<Id>) -> Self {
        Self { skip, ..self }
    }

    fn is_for(&self, lost: &Lost) -> bool {
        let means = |name: &Box<str>| {
            **name == *lost.id.as_str() || lost.rooms.iter().any(|room| **room == **name)
        };
        *self.to.namespace == *lost.namespace
            && (self.to.rooms.is_empty() || self.to.rooms.iter().any(means))
            && !self.to.except.iter().any(means)
            && self.skip != Some(lost.id)
    }
}

impl Log {
    pub(super) fn push(&mut self, entry: Entry, bounds: &Recovery) {
        self.bytes += entry.cost;
        self.entries.push_back(entry);
        while self.entries.len() > bounds.packets || self.bytes > bounds.bytes {
            self.pop();
        }
    }

    /// Forgets what is older than `time`.
    pub(super) fn expire(&mut self, now: Tick, time: Duration) {
        while self.entries.front().is_some_and(|entry| entry.at.is_over(now, time)) {
            self.pop();
        }
    }

    /// The place behind an event.
    pub(super) fn after(&self, offset: Offset) -> Option<u64> {
        let found = self.entries.iter().rposition(|entry| entry.offset == offset)?;
        Some(self.first + found as u64 + 1)
    }

    /// The events from a place on that are for a client; `None` when some were forgotten.
    pub(super) fn missed(&self, from: u64, lost: &Lost) -> Option<Vec<Packet>> {
        let skipped = usize::try_from(from.checked_sub(self.first)?).ok()?;
        let later = self.entries.iter().skip(skipped).filter(|entry| entry.is_for(lost));
        Some(later.map(|entry| entry.packet.clone()).collect())
    }

    fn pop(&mut self) {
        if let Some(entry) = self.entries.pop_front() {
            self.bytes -= entry.cost;
            self.first += 1;
        }
    }
}
