//! What is remembered by private ids, and forgotten in the order in which it came.

use std::collections::{BTreeMap, HashMap};

use crate::hash::Seeded;
use crate::recovery::pid::Pid;
use crate::slack::Slack as _;

/// Values by private ids, oldest first. The owner bounds them.
#[derive(Debug)]
pub(super) struct Latest<T> {
    entries: BTreeMap<u64, (Pid, T)>,
    places: HashMap<Pid, u64, Seeded>,
    next: u64,
}

impl<T> Latest<T> {
    pub(super) fn new(hasher: Seeded) -> Self {
        Self { entries: BTreeMap::new(), places: HashMap::with_hasher(hasher), next: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    #[cfg(feature = "fuzz")]
    pub(super) fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.values().map(|(_, value)| value)
    }

    /// Adds a value and returns the one it replaces.
    pub(super) fn insert(&mut self, pid: Pid, value: T) -> Option<T> {
        let former = self.take(pid);
        self.places.insert(pid, self.next);
        self.entries.insert(self.next, (pid, value));
        self.next += 1;
        former
    }

    pub(super) fn get(&self, pid: Pid) -> Option<&T> {
        self.entries.get(self.places.get(&pid)?).map(|(_, value)| value)
    }

    pub(super) fn take(&mut self, pid: Pid) -> Option<T> {
        let place = self.places.remove(&pid)?;
        self.places.tighten();
        self.entries.remove(&place).map(|(_, value)| value)
    }

    pub(super) fn oldest(&self) -> Option<&T> {
        self.entries.first_key_value().map(|(_, (_, value))| value)
    }

    pub(super) fn take_oldest(&mut self) -> Option<T> {
        let (_, (pid, value)) = self.entries.pop_first()?;
        self.places.remove(&pid);
        self.places.tighten();
        Some(value)
    }
}
