//! The budget of all sessions of a process, and the choice of sessions to end when it is exceeded.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use crate::error::Reason;
use crate::key::Shard;
use crate::limits::Limits;
use crate::server::Server;
use crate::server::sessions::session::Goodbye;
use crate::server::sessions::sessions::Sessions;
use crate::server::space::space::Space;
use crate::time::Tick;

/// The share of clients in [`Limits::sessions`](crate::Limits::sessions) and
/// [`Limits::bytes`](crate::Limits::bytes).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Engine.IO sessions.
    pub sessions: usize,
    /// About the memory they take, in bytes; a packet that waits for many counts for each of them, unless
    /// it was [measured](Server::measure) within a second.
    pub bytes: usize,
}

/// Counts of this shard, and those that the host told of other shards.
#[derive(Debug, Default)]
pub(in crate::server) struct Budget {
    elsewhere: Usage,
    /// Bytes of the requests that sessions began with.
    pub(in crate::server) heads: usize,
    /// Bytes of the contexts of connections whose messages refer to those before.
    pub(in crate::server) contexts: usize,
    /// The cost of packets that wait for attachments or for an admission.
    pub(in crate::server) aside: usize,
    /// How many sessions in no namespace gave way to others.
    pub(in crate::server) gave_way: usize,
    /// How many handshakes were refused for want of room.
    pub(in crate::server) refused: usize,
    /// How many sessions were ended for want of room.
    pub(in crate::server) cut_off: usize,
    measured: Measured,
    told: Told,
}

/// The counts when the host was told last.
#[derive(Debug, Default)]
struct Told {
    sessions: usize,
    counted: usize,
    /// The number of bytes by which the count may change before the host is told again.
    step: usize,
}

/// The memory of packets when it was measured last. A packet for many clients is counted for each of
/// them, and exists once.
#[derive(Debug, Default)]
struct Measured {
    at: Tick,
    /// The count, and the memory that was really in use.
    counted: usize,
    real: usize,
}

/// How long a measurement is relied on.
const LASTING: Duration = Duration::from_secs(1);

/// The most by which a shard's bytes move untold: all shards together keep within a part of the limit.
const STEP: usize = 64 * 1024;

/// A count that no shard has: the host is told whatever it is.
const UNTOLD: usize = usize::MAX;

impl Budget {
    pub(super) fn new(limits: &Limits, shard: Shard) -> Self {
        let step = (limits.bytes / 16 / usize::from(shard.count.max(1))).min(STEP);
        Self { told: Told { step, ..Told::default() }, ..Self::default() }
    }
}

impl Server {
    /// Returns the number and the memory of the sessions of this shard. Takes constant time.
    #[inline]
    #[must_use]
    pub fn usage(&self) -> Usage {
        self.sessions.usage()
    }

    /// Returns [`usage`](Self::usage) when the number of sessions changed, or their memory by more than a
    /// step, since this was last asked with a result. A step is 64 KiB, or less when all shards together
    /// would otherwise miss a sixteenth of [`Limits::bytes`](crate::Limits::bytes).
    ///
    /// A comparison, for hosts that add up the usage of all shards.
    #[inline]
    #[must_use]
    pub fn poll_usage(&mut self) -> Option<Usage> {
        if self.sessions.is_told() { None } else { Some(self.sessions.tell()) }
    }

    /// Takes note of the usage of all other shards of the process. Without it, a shard
    /// keeps within the limits of the process on its own.
    pub fn set_elsewhere(&mut self, elsewhere: Usage) {
        self.sessions.budget.elsewhere = elsewhere;
    }

    /// Measures the packets that wait, counting a packet for many clients once. To be called when the
    /// process seems to be above [`Limits::bytes`](crate::Limits::bytes). Takes time in proportion to the
    /// packets; the result is relied on for a second.
    pub fn measure(&mut self, now: Instant) {
        let now = self.clock.read(now);
        self.sessions.measure(now, &self.space);
    }

    /// Ends the sessions for which most waits, until the process takes three quarters of
    /// [`Limits::bytes`](crate::Limits::bytes), or this shard no more than its part of them; returns
    /// how many. They end with [`Reason::SlowConsumer`].
    pub fn relieve(&mut self) -> usize {
        let goal = self.sessions.share().max(self.sessions.own_goal());
        let before = self.sessions.len();
        loop {
            let mut sessions = self.sessions.weigh_all(&self.space);
            let taken = self.sessions.note_real(&sessions);
            if taken <= goal || sessions.is_empty() {
                break;
            }
            // A packet for many clients is freed with the last of them: the remaining sessions are
            // weighed again, a few times at most.
            let mut excess = (taken - goal).max(taken / 8);
            sessions.sort_unstable_by_key(|&(bytes, _)| Reverse(bytes));
            for (bytes, slot) in sessions {
                self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
                excess = excess.saturating_sub(bytes);
                if excess == 0 {
                    break;
                }
            }
        }
        let ended = before - self.sessions.len();
        self.sessions.budget.cut_off += ended;
        ended
    }

    /// Forgets an old measurement, and keeps the only shard of a process within its limit.
    pub(super) fn check_budget(&mut self, now: Tick) {
        self.sessions.forget_measured(now);
        let part = self.config.limits.bytes / 16;
        if self.shard.count == 1 && self.usage().bytes > 14 * part {
            self.sessions.measure(now, &self.space);
            if self.usage().bytes > 13 * part {
                self.relieve();
            }
        }
    }
}

impl Sessions {
    #[inline]
    fn usage(&self) -> Usage {
        let Measured { counted: then, real, .. } = self.budget.measured;
        let counted = self.bytes_counted();
        let bytes = counted.min(real + counted.saturating_sub(then));
        Usage { sessions: self.table.len(), bytes }
    }

    /// Whether the counts are about those that the host was told.
    #[inline]
    fn is_told(&self) -> bool {
        let Told { sessions, counted, step } = self.budget.told;
        sessions == self.table.len() && self.bytes_counted().abs_diff(counted) <= step
    }

    #[cold]
    fn tell(&mut self) -> Usage {
        let (sessions, counted) = (self.table.len(), self.bytes_counted());
        self.budget.told = Told { sessions, counted, ..self.budget.told };
        self.usage()
    }

    /// Whether the process holds as many sessions as it may, or as many bytes.
    pub(in crate::server) fn is_full(&self) -> bool {
        let sessions = self.table.len() + self.budget.elsewhere.sessions;
        sessions >= self.config.limits.sessions || self.is_short()
    }

    /// Whether the process holds more bytes than it may.
    pub(in crate::server) fn is_short(&self) -> bool {
        self.usage().bytes + self.budget.elsewhere.bytes > self.config.limits.bytes
    }

    /// The cost of packets that wait for sessions, for attachments or for an admission.
    #[inline]
    pub(in crate::server) fn bytes_held(&self) -> usize {
        self.pool.bytes() + self.budget.aside
    }

    /// The cost of all packets and requests; a packet for many clients is counted for each.
    #[inline]
    fn bytes_counted(&self) -> usize {
        self.bytes_held() + self.budget.heads + self.budget.contexts
    }

    /// The bytes that a process above its limit is brought down to. They are well below the limit, since
    /// each round of ending sessions looks at all of them.
    fn goal(&self) -> usize {
        self.config.limits.bytes / 4 * 3
    }

    /// The bytes that this shard is brought down to while the others keep theirs.
    fn own_goal(&self) -> usize {
        self.goal().saturating_sub(self.budget.elsewhere.bytes)
    }

    /// The part of this shard.
    fn share(&self) -> usize {
        self.goal() / usize::from(self.shard.count.max(1))
    }

    fn measure(&mut self, now: Tick, space: &Space) {
        self.budget.measured.at = now;
        let sessions = self.weigh_all(space);
        self.note_real(&sessions);
    }

    /// Takes note of the memory that sessions really use, with their heads, and returns it.
    fn note_real(&mut self, sessions: &[(usize, u32)]) -> usize {
        let kept = self.budget.heads + self.budget.contexts;
        let real = kept + sessions.iter().map(|(bytes, _)| bytes).sum::<usize>();
        let counted = self.bytes_counted();
        (self.budget.measured.counted, self.budget.measured.real) = (counted, real);
        self.budget.told.counted = UNTOLD;
        real
    }

    fn forget_measured(&mut self, now: Tick) {
        let measured = &mut self.budget.measured;
        if measured.at.is_over(now, LASTING) {
            if measured.real < measured.counted {
                self.budget.told.counted = UNTOLD;
            }
            *measured = Measured { at: now, ..Measured::default() };
        }
    }

    /// The sessions for which bytes wait, each with the number of these.
    fn weigh_all(&self, space: &Space) -> Vec<(usize, u32)> {
        let weighed = self.iter().map(|(key, session)| {
            let waiting = session.outbox.weigh(&self.pool) + session.partial_bytes();
            (waiting + space.bytes_held(session.clients), key.slot)
        });
        weighed.filter(|&(bytes, _)| bytes > 0).collect()
    }
}
