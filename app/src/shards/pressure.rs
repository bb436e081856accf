//! Back-pressure: how much waits for handlers, and which connections are not read because of it.
//!
//! Bytes are counted at three places, and a connection is not read while one of them is too full:
//!
//! | what waits | counted by | limit |
//! |---|---|---|
//! | what one connection brought | [`Charge`], in the [`Load`] of its port | [`SOME`] |
//! | everything of a shard | [`Pressure`] | [`MOST`] |
//! | what the clients of a session sent, for the body of a POST | their gates, see [`Pressure::stops_body`] | [`SOME`] |
//!
//! A connection that is stopped is rung when the count falls to the limit again.

use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shards::port::Port;

/// Bytes of one connection, or of one session, that may wait for handlers before it is no longer read:
/// about as much as one message may have.
const SOME: u32 = 1 << 20;

/// Bytes of a shard that may wait for handlers before its connections are no longer read. Each of them
/// has the lower limit of its own, so it takes many to reach this.
const MOST: usize = 64 << 20;

/// Bytes that one job counts with at most.
const LARGEST: usize = 16 << 20;

/// The work that waits for handlers of one shard: jobs behind those that are being done, at gates, and for
/// workers.
#[derive(Debug, Default)]
pub(crate) struct Pressure {
    /// About their memory, in bytes.
    waiting: AtomicUsize,
    /// The connections that are stopped. Bounded by the connections there are, see [`list`](Self::list).
    stopped: Mutex<Vec<Arc<Port>>>,
}

impl Pressure {
    /// Counts bytes that wait from now on.
    pub(crate) fn add(&self, bytes: usize) {
        self.waiting.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Counts bytes that wait no longer, and rings the connections that may be read again. No lock is
    /// held.
    pub(crate) fn end(&self, bytes: usize) {
        self.ease(bytes).iter().for_each(|port| port.wake());
    }

    /// Counts bytes that wait no longer, and returns the ports whose owners must be woken for it.
    #[must_use = "connections wait for it"]
    pub(super) fn ease(&self, bytes: usize) -> Vec<Arc<Port>> {
        let before = self.waiting.fetch_sub(bytes, Ordering::AcqRel);
        if before > MOST && before - bytes <= MOST { self.unlist() } else { Vec::new() }
    }

    /// Whether anything waits, as far as this thread knows.
    #[inline]
    pub(crate) fn is_felt(&self) -> bool {
        self.waiting.load(Ordering::Relaxed) > 0
    }

    /// Whether a connection should not be read now. If so, `port` is rung when that is over.
    #[inline]
    pub(crate) fn stops(&self, port: &Arc<Port>) -> bool {
        port.load().is_high() || self.is_high() && self.list(port)
    }

    /// Whether the body of a POST should not be read now; `session` counts what waits at the gates of
    /// its clients. If so, `port` is rung when that may be over.
    #[inline]
    pub(crate) fn stops_body(&self, port: &Arc<Port>, session: impl FnOnce() -> usize) -> bool {
        // What waits for a session waits for its shard, too.
        self.waiting.load(Ordering::Acquire) > SOME as usize
            && (self.stops(port) || session() > SOME as usize)
    }

    fn is_high(&self) -> bool {
        self.waiting.load(Ordering::Acquire) > MOST
    }

    /// Lists a connection to be rung, unless the pressure fell meanwhile.
    fn list(&self, port: &Arc<Port>) -> bool {
        let mut stopped = self.lock();
        // The thread that brings the number down rings those listed, under this lock and after it did.
        let high = self.is_high();
        if high && !port.load().list() {
            if stopped.len() == stopped.capacity() {
                stopped.retain(|port| Arc::strong_count(port) > 1);
                // As many must come as are listed before they are looked through again.
                let listed = stopped.len();
                stopped.reserve(listed);
            }
            stopped.push(port.clone());
        }
        high
    }

    #[cold]
    fn unlist(&self) -> Vec<Arc<Port>> {
        let mut stopped = std::mem::take(&mut *self.lock());
        stopped.retain(|port| {
            port.load().unlist();
            port.summon()
        });
        stopped
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Port>>> {
        self.stopped.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How many bytes that one connection brought wait for handlers, and whether it is [`LISTED`].
#[derive(Debug, Default)]
pub(crate) struct Load(AtomicU32);

/// The bit of a [`Load`] that says whether its connection is listed by a [`Pressure`]: one entry is
/// enough. The bytes below never come near it.
const LISTED: u32 = 1 << 31;

impl Load {
    fn is_high(&self) -> bool {
        self.0.load(Ordering::Acquire) & !LISTED > SOME
    }

    /// Adds bytes.
    fn add(&self, bytes: u32) {
        self.0.fetch_add(bytes, Ordering::AcqRel);
    }

    /// Takes bytes away, and says whether its connection may be read again because of that.
    fn end(&self, bytes: u32) -> bool {
        let before = self.0.fetch_sub(bytes, Ordering::AcqRel) & !LISTED;
        before > SOME && before - bytes <= SOME
    }

    /// Notes that it is listed, and says whether it was before.
    fn list(&self) -> bool {
        self.0.fetch_or(LISTED, Ordering::AcqRel) & LISTED != 0
    }

    fn unlist(&self) {
        self.0.fetch_and(!LISTED, Ordering::AcqRel);
    }
}

/// A job that waits, on account of the connection that brought it: counted until it is dropped.
pub(crate) struct Charge {
    port: Arc<Port>,
    /// At most [`LARGEST`], and in a whole word: see [`Event`](sansocket::Event).
    bytes: usize,
}

impl Charge {
    pub(crate) fn new(port: &Arc<Port>, bytes: usize) -> Self {
        // More than one such is never read, so that the sum stays far from overflowing.
        let charge = Self { port: port.clone(), bytes: bytes.min(LARGEST) };
        port.load().add(charge.bytes());
        charge
    }

    fn bytes(&self) -> u32 {
        u32::try_from(self.bytes).expect("at most LARGEST")
    }
}

impl Drop for Charge {
    // Most jobs have none: what drops them stays small.
    #[inline(never)]
    fn drop(&mut self) {
        if self.port.load().end(self.bytes()) {
            self.port.call();
        }
    }
}

/// A job that waits for its turn, on account of its shard: counted until it is dropped.
pub(crate) struct Waits {
    pressure: Arc<Pressure>,
    bytes: usize,
}

impl Waits {
    pub(crate) fn new(pressure: &Arc<Pressure>, bytes: usize) -> Self {
        pressure.add(bytes);
        Self { pressure: pressure.clone(), bytes }
    }
}

impl Drop for Waits {
    fn drop(&mut self) {
        self.pressure.end(self.bytes);
    }
}
