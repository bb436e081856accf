//! Deadlines of connections: for slow requests, idle streams and farewells.
//!
//! A connection takes a seat while it has deadlines, which a WebSocket has not: the heartbeat
//! watches over those. Deadlines change with every request and cost one store; they are met within
//! about a second, so that looking at all seats is rare.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shards::port::Port;
use crate::time::{Micros, NEVER};

/// The deadline came.
pub(crate) const CAME: Micros = 0;

/// Deadlines are rounded up to multiples of this: 2^20 µs.
const GRID: Micros = 1 << 20;

/// The seats taken, and the earliest of their deadlines.
#[derive(Debug)]
pub(crate) struct Watch {
    seats: Mutex<Seats>,
    next: AtomicU64,
}

/// In a tree, which takes no more room than the current seats need, however many came and went.
#[derive(Debug, Default)]
struct Seats {
    taken: BTreeMap<Seat, Arc<Port>>,
    last: u32,
}

/// A place, counted from 1: `Option` of it takes no more room, of which every connection has one.
pub(crate) type Seat = NonZeroU32;

impl Default for Watch {
    fn default() -> Self {
        Self { seats: Mutex::default(), next: AtomicU64::new(NEVER) }
    }
}

impl Watch {
    pub(crate) fn sit(&self, port: &Arc<Port>) -> Seat {
        let Seats { taken, last } = &mut *self.lock();
        loop {
            *last = last.wrapping_add(1);
            if let Some(seat) = Seat::new(*last)
                && let Entry::Vacant(vacant) = taken.entry(seat)
            {
                vacant.insert(port.clone());
                return seat;
            }
        }
    }

    pub(crate) fn leave(&self, seat: Seat) {
        self.lock().taken.remove(&seat);
    }

    /// Sets the deadline of a seat, and returns when it will be met.
    pub(crate) fn set(&self, port: &Port, due: Micros) -> Micros {
        let due = due.checked_next_multiple_of(GRID).unwrap_or(NEVER - 1);
        port.set_due(due);
        self.next.fetch_min(due, Ordering::AcqRel);
        due
    }

    /// When the next deadline is.
    pub(crate) fn next(&self) -> Micros {
        self.next.load(Ordering::Acquire)
    }

    /// Takes the ports whose deadline came.
    pub(crate) fn due(&self, now: Micros) -> Vec<Arc<Port>> {
        if self.next() > now {
            return Vec::new();
        }
        // Deadlines set from now on are not forgotten; earlier ones are seen below.
        self.next.store(NEVER, Ordering::SeqCst);
        let mut next = NEVER;
        let mut came = Vec::new();
        for port in self.lock().taken.values() {
            match port.due() {
                CAME => {}
                due if due <= now => {
                    if port.take_due(due) {
                        came.push(port.clone());
                    }
                }
                due => next = next.min(due),
            }
        }
        self.next.fetch_min(next, Ordering::AcqRel);
        came
    }

    /// Takes all ports: the server stops.
    pub(crate) fn all(&self) -> Vec<Arc<Port>> {
        self.lock().taken.values().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
