//! Deadlines of connections: for slow requests, idle streams and farewells.
//!
//! A connection has at most one entry that matters. Entries are not taken out when a deadline moves
//! back: when one fires, the connection looks at its real deadline and asks again.

use std::cmp::{Ordering as Order, Reverse};
use std::collections::BinaryHeap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::port::Port;

/// A moment, in microseconds since the birth of the hub.
pub(crate) type Micros = u64;

/// No deadline.
pub(crate) const NEVER: Micros = Micros::MAX;

/// Who is to be called when.
#[derive(Debug, Default)]
pub(crate) struct Watch(Mutex<BinaryHeap<Reverse<Entry>>>);

#[derive(Debug)]
struct Entry {
    due: Micros,
    port: Arc<Port>,
}

impl Watch {
    /// Rings `port` at `due`, or earlier when an earlier call is still to come.
    pub(crate) fn call(&self, port: &Arc<Port>, due: Micros) {
        if port.called(due) {
            self.lock().push(Reverse(Entry { due, port: port.clone() }));
        }
    }

    /// Takes the ports to be rung by now.
    pub(crate) fn due(&self, now: Micros) -> Vec<Arc<Port>> {
        let mut heap = self.lock();
        let mut ports = Vec::new();
        while heap.peek().is_some_and(|Reverse(entry)| entry.due <= now) {
            let Some(Reverse(entry)) = heap.pop() else { break };
            entry.port.call_came(entry.due);
            ports.push(entry.port);
        }
        ports
    }

    /// Takes all ports: the server stops.
    pub(crate) fn all(&self) -> Vec<Arc<Port>> {
        self.due(NEVER)
    }

    /// When the next call is due.
    pub(crate) fn next(&self) -> Option<Micros> {
        self.lock().peek().map(|Reverse(entry)| entry.due)
    }

    fn lock(&self) -> MutexGuard<'_, BinaryHeap<Reverse<Entry>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Order {
        self.due.cmp(&other.due)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Order> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.due == other.due
    }
}

impl Eq for Entry {}
