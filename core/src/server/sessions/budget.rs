//! What all sessions of a process may take together, and who is ended when they take more.

use std::cmp::Reverse;
use std::time::{Duration, Instant};

use crate::error::Reason;
use crate::server::Server;
use crate::server::sessions::session::Goodbye;
use crate::server::space::namespace::Client;
use crate::time::Tick;

/// What clients take of [`Limits::sessions`](crate::Limits::sessions) and
/// [`Limits::bytes`](crate::Limits::bytes).
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Usage {
    /// Engine.IO sessions.
    pub sessions: usize,
    /// About the memory they take, in bytes; a packet that waits for many counts for each of them, unless
    /// it was [measured](Server::measure) within a second.
    pub bytes: usize,
}

/// What is known of the process, and of the shard itself.
#[derive(Debug, Default)]
pub(in crate::server) struct Budget {
    elsewhere: Usage,
    /// Bytes of the requests that sessions began with.
    pub(in crate::server) heads: usize,
    measured: Measured,
}

/// What packets took when they were last looked at: one that waits for many counts for each of them,
/// but is there once.
#[derive(Debug, Default)]
struct Measured {
    at: Tick,
    /// What everything was counted with, and what it really took.
    counted: usize,
    real: usize,
}

/// How long a measurement is relied on.
const LASTING: Duration = Duration::from_secs(1);

impl Server {
    /// Returns what the clients of this shard take. Takes constant time.
    #[inline]
    #[must_use]
    pub fn usage(&self) -> Usage {
        let Measured { counted: then, real, .. } = self.budget.measured;
        let counted = self.bytes_counted();
        let bytes = counted.min(real + counted.saturating_sub(then));
        Usage { sessions: self.sessions.len(), bytes }
    }

    /// Takes note of what the clients of all other shards of the process take. Without it, a shard
    /// keeps within the limits of the process on its own.
    pub fn set_elsewhere(&mut self, elsewhere: Usage) {
        self.budget.elsewhere = elsewhere;
    }

    /// Looks at every packet that waits, to count one that waits for many once. To be called when the
    /// process seems to be above [`Limits::bytes`](crate::Limits::bytes), which takes as long as what
    /// waits is much; what is known then is relied on for a second.
    pub fn measure(&mut self, now: Instant) {
        let now = self.clock.read(now);
        self.measure_at(now);
    }

    fn measure_at(&mut self, now: Tick) {
        self.budget.measured.at = now;
        let sessions = self.weigh_all();
        self.note_real(&sessions);
    }

    /// Ends the sessions for which most waits, until the process takes three quarters of
    /// [`Limits::bytes`](crate::Limits::bytes), or this shard no more than its part of them; returns
    /// how many. They end with [`Reason::SlowConsumer`].
    pub fn relieve(&mut self) -> usize {
        let goal = self.share().max(self.goal().saturating_sub(self.budget.elsewhere.bytes));
        let before = self.sessions.len();
        loop {
            let mut sessions = self.weigh_all();
            let taken = self.note_real(&sessions);
            if taken <= goal || sessions.is_empty() {
                break;
            }
            // A packet that waits for many is gone with the last of them: what is left is weighed again,
            // a few times at most.
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
        self.cut_off += ended;
        ended
    }

    /// Whether the process holds as many sessions as it may, or as many bytes.
    pub(in crate::server) fn is_full(&self) -> bool {
        let sessions = self.sessions.len() + self.budget.elsewhere.sessions;
        sessions >= self.config.limits.sessions || self.is_short()
    }

    /// Whether the process holds more bytes than it may.
    pub(in crate::server) fn is_short(&self) -> bool {
        self.usage().bytes + self.budget.elsewhere.bytes > self.config.limits.bytes
    }

    /// Forgets what was measured too long ago, and keeps the only shard of a process within its limit.
    pub(in crate::server) fn check_budget(&mut self, now: Tick) {
        if self.budget.measured.at.is_over(now, LASTING) {
            self.budget.measured = Measured { at: now, ..Measured::default() };
        }
        let part = self.config.limits.bytes / 16;
        if self.shard.count == 1 && self.usage().bytes > 14 * part {
            self.measure_at(now);
            if self.usage().bytes > 13 * part {
                self.relieve();
            }
        }
    }

    /// What all packets and requests cost, those to many counted for each.
    #[inline]
    fn bytes_counted(&self) -> usize {
        self.bytes_held() + self.budget.heads
    }

    /// What the process comes down to when it was above its limit: ending sessions one by one, each
    /// time a packet comes, would look at all of them each time.
    fn goal(&self) -> usize {
        self.config.limits.bytes / 4 * 3
    }

    /// The part of this shard.
    fn share(&self) -> usize {
        self.goal() / usize::from(self.shard.count.max(1))
    }

    /// Takes note of what sessions really take, with their heads, and returns it.
    fn note_real(&mut self, sessions: &[(usize, u32)]) -> usize {
        let real = self.budget.heads + sessions.iter().map(|(bytes, _)| bytes).sum::<usize>();
        (self.budget.measured.counted, self.budget.measured.real) = (self.bytes_counted(), real);
        real
    }

    /// What waits for and from every session for which something does, in bytes, and the session.
    fn weigh_all(&self) -> Vec<(usize, u32)> {
        let sessions = self.sessions.keys().filter_map(|key| self.sessions.get(key).zip(Some(key)));
        let weighed = sessions.map(|(session, key)| {
            let partial = session.partial.as_ref().map_or(0, |partial| partial.bytes_held());
            let clients = self.siblings(session.clients);
            let held = clients.filter_map(|socket| self.clients.get(socket.0));
            let held: usize = held.map(Client::bytes_held).sum();
            (session.outbox.weigh(&self.pool) + partial + held, key.slot)
        });
        weighed.filter(|&(bytes, _)| bytes > 0).collect()
    }
}
