//! Clients whose connections were lost.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use super::pid::Pid;
use crate::config::Recovery;
use crate::hash::Seeded;
use crate::key::Id;
use crate::time::Tick;

/// What a client had.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) since: Tick,
    pub(super) id: Id,
    pub(super) namespace: Arc<str>,
    pub(super) rooms: Vec<Arc<str>>,
}

/// The clients that were lost lately. Bounded by `clients` and `bytes` of [`Recovery`].
#[derive(Debug)]
pub(super) struct LostClients {
    /// In the order in which they were lost.
    clients: BTreeMap<u64, (Pid, Lost)>,
    places: HashMap<Pid, u64, Seeded>,
    next: u64,
    bytes: usize,
}

/// About what a lost client takes besides the names of its rooms, in bytes.
const CLIENT: usize = 256;

impl Lost {
    fn cost(&self) -> usize {
        self.rooms.iter().map(|room| room.len() + 32).sum::<usize>() + CLIENT
    }
}

impl LostClients {
    pub(super) fn new(hasher: Seeded) -> Self {
        let places = HashMap::with_hasher(hasher);
        Self { clients: BTreeMap::new(), places, next: 0, bytes: 0 }
    }

    pub(super) fn insert(&mut self, pid: Pid, lost: Lost, bounds: &Recovery) {
        self.bytes += lost.cost();
        self.places.insert(pid, self.next);
        self.clients.insert(self.next, (pid, lost));
        self.next += 1;
        while self.clients.len() > bounds.clients || self.bytes > bounds.bytes {
            self.pop();
        }
    }

    /// Takes out a client: it comes back once.
    pub(super) fn take(&mut self, pid: Pid, namespace: &str) -> Option<Lost> {
        let place = *self.places.get(&pid)?;
        if &*self.clients.get(&place)?.1.namespace != namespace {
            return None;
        }
        self.places.remove(&pid);
        let (_, lost) = self.clients.remove(&place)?;
        self.bytes -= lost.cost();
        Some(lost)
    }

    /// Forgets clients that were lost before `time`.
    pub(super) fn expire(&mut self, now: Tick, time: Duration) {
        while let Some((_, (_, lost))) = self.clients.first_key_value()
            && lost.since.is_over(now, time)
        {
            self.pop();
        }
    }

    fn pop(&mut self) {
        if let Some((_, (pid, lost))) = self.clients.pop_first() {
            self.places.remove(&pid);
            self.bytes -= lost.cost();
        }
    }
}
