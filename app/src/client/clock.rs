//! The deadlines of all clients of a runtime.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, Weak};
use std::time::Instant;

use super::shared::Shared;
use crate::shards::alarm::Alarm;
use crate::time::{Birth, Micros, NEVER};

/// The deadlines of all clients of a runtime, one at most for each.
pub(super) struct Clock {
    birth: Birth,
    pub(super) alarm: Alarm,
    /// By moment and number of the client. Bounded by the clients there are.
    dues: Mutex<BTreeMap<(Micros, u64), Weak<Shared>>>,
    /// The number of the last client.
    last: AtomicU64,
}

impl Clock {
    pub(super) fn new(now: Instant) -> Self {
        Self {
            birth: Birth::new(now),
            alarm: Alarm::default(),
            dues: Mutex::default(),
            last: AtomicU64::new(0),
        }
    }

    /// A number for a client.
    pub(super) fn number(&self) -> u64 {
        self.last.fetch_add(1, Ordering::Relaxed)
    }

    pub(super) fn micros(&self, at: Instant) -> Micros {
        self.birth.micros(at)
    }

    /// Moves the deadline of a client from one moment to another.
    pub(super) fn set(&self, client: &Weak<Shared>, number: u64, from: Micros, to: Micros) {
        let mut dues = self.lock();
        dues.remove(&(from, number));
        dues.insert((to, number), client.clone());
        drop(dues);
        self.alarm.set(to);
    }

    /// Forgets the deadline of a client.
    pub(super) fn forget(&self, number: u64, due: Micros) {
        self.lock().remove(&(due, number));
    }

    /// Takes the clients whose deadline came.
    pub(super) fn take_due(&self, now: Instant) -> Vec<Weak<Shared>> {
        let now = self.micros(now);
        let mut dues = self.lock();
        let mut came = Vec::new();
        while let Some(first) = dues.first_entry()
            && first.key().0 <= now
        {
            came.push(first.remove());
        }
        came
    }

    /// The moment of the next deadline, for which the alarm is set.
    pub(super) fn next(&self) -> Option<(Instant, Micros)> {
        if let Some(((due, _), _)) = self.lock().first_key_value() {
            self.alarm.set(*due);
        }
        let due = self.alarm.due();
        (due != NEVER).then(|| (self.birth.instant(due), due))
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<(Micros, u64), Weak<Shared>>> {
        self.dues.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
