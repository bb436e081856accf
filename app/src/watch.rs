//! Deadlines of connections: for slow requests, idle streams and farewells.
//!
//! A connection takes a seat while it has deadlines, which a WebSocket has not: the heartbeat
//! watches over those. Deadlines change with every request and cost one store; they are met within
//! about a second, so that looking at all seats is rare.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hub::give_back;
use crate::port::Port;

/// A moment, in microseconds since the birth of the hub.
pub(crate) type Micros = u64;

/// No deadline.
pub(crate) const NEVER: Micros = Micros::MAX;

/// The deadline came.
pub(crate) const CAME: Micros = 0;

/// Free seats that are remembered although they were taken off the end of the row.
const KEEP: usize = 64;

/// Deadlines are rounded up to multiples of this: 2^20 µs.
const GRID: Micros = 1 << 20;

/// Who sits where, and when the first of them is to be called.
#[derive(Debug)]
pub(crate) struct Watch {
    seats: Mutex<Seats>,
    next: AtomicU64,
}

#[derive(Debug, Default)]
struct Seats {
    taken: Vec<Option<Arc<Port>>>,
    /// Those in the row that are free, and some that were taken off its end.
    free: Vec<Seat>,
}

/// A place in the row, counted from 1: `Option` of it takes no more room, of which every connection
/// has one.
pub(crate) type Seat = NonZeroU32;

impl Default for Watch {
    fn default() -> Self {
        Self { seats: Mutex::default(), next: AtomicU64::new(NEVER) }
    }
}

impl Watch {
    pub(crate) fn sit(&self, port: &Arc<Port>) -> Seat {
        let mut seats = self.lock();
        let port = Some(port.clone());
        let row = seats.taken.len();
        let free = std::iter::from_fn(|| seats.free.pop()).find(|seat| place(*seat) < row);
        match free {
            Some(seat) => {
                seats.taken[place(seat)] = port;
                seat
            }
            None => {
                seats.taken.push(port);
                let count = u32::try_from(seats.taken.len()).ok().and_then(Seat::new);
                count.expect("streams are fewer than 2^32")
            }
        }
    }

    pub(crate) fn leave(&self, seat: Seat) {
        let mut seats = self.lock();
        seats.taken[place(seat)] = None;
        seats.free.push(seat);
        give_back(&mut seats.taken);
        if seats.free.len() > KEEP + 2 * seats.taken.len() {
            let row = seats.taken.len();
            seats.free.retain(|seat| place(*seat) < row);
            seats.free.shrink_to_fit();
        }
    }

    /// Sets the deadline of somebody who sits, and returns when it will be met.
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
        // What is set from now on is not forgotten; what was set before is seen below.
        self.next.store(NEVER, Ordering::SeqCst);
        let mut next = NEVER;
        let mut came = Vec::new();
        for port in self.lock().taken.iter().flatten() {
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
        self.lock().taken.iter().flatten().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Seats> {
        self.seats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn place(seat: Seat) -> usize {
    seat.get() as usize - 1
}
