//! Deadlines of sessions, and the actions that follow when they pass.
//!
//! Every method with `now` first acts upon those that have passed, see [`Server::enter`]. A session does
//! not end for bytes that lie unread: while a stream of it may hold some, that stream is looked at first,
//! see [`Server::poll_overdue`]; and a deadline that is found late, because
//! the process was paused, is put off once, see [`Queue::fair`].

use std::time::Instant;

use crate::config::Config;
use crate::error::{Reason, Violation};
use crate::key::Slab;
use crate::link::Link;
use crate::server::Server;
use crate::server::sessions::session::{Goodbye, Session};
use crate::server::sessions::sessions::Sessions;
use crate::server::sessions::strangers::Strangers;
use crate::server::sessions::transport::Transport;
use crate::time::{Queue, Tick};

/// The kinds of deadlines that a session has.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Due {
    /// The answer to a PING.
    Pong,
    /// The next PING.
    Ping,
    /// The next PING of a client that pings.
    Silence,
    /// The end of a probe.
    Upgrade,
    /// The end of a closing session.
    Close,
    /// Joining the first namespace.
    Connect,
    /// The attachments of a packet.
    Partial,
}

/// The deadlines of sessions, and the earliest of the whole shard.
#[derive(Debug)]
pub(in crate::server) struct Timers {
    /// By [`Due`].
    sessions: [Queue; 7],
    /// Nothing is due before.
    soonest: Tick,
    /// Whether `soonest` became earlier since this was last asked.
    moved: bool,
}

impl Due {
    const ALL: [Self; 7] = [
        Self::Pong,
        Self::Ping,
        Self::Silence,
        Self::Upgrade,
        Self::Close,
        Self::Connect,
        Self::Partial,
    ];
}

impl Timers {
    pub(in crate::server) fn new(config: &Config) -> Self {
        let queue = |due| match due {
            Due::Pong => Queue::fair(config.ping_timeout),
            Due::Ping => Queue::strict(config.ping_interval),
            Due::Silence => Queue::fair(
                config
                    .ping_interval
                    .saturating_add(config.ping_grace)
                    .saturating_add(config.ping_timeout),
            ),
            Due::Upgrade => Queue::fair(config.upgrade_timeout),
            Due::Close => Queue::fair(config.close_timeout),
            Due::Connect => Queue::fair(config.connect_timeout),
            Due::Partial => Queue::fair(config.limits.attachment_time),
        };
        Self { sessions: Due::ALL.map(queue), soonest: Tick::NEVER, moved: false }
    }

    /// Arms a deadline of a session and returns it.
    pub(super) fn arm(&mut self, due: Due, start: Tick, slot: u32) -> Tick {
        let at = self.of(due).arm(start, slot);
        self.note(at);
        at
    }

    /// Takes note of a deadline.
    #[inline]
    pub(in crate::server) fn note(&mut self, at: Tick) {
        if at < self.soonest {
            self.soonest = at;
            self.moved = true;
        }
    }

    #[cfg(test)]
    pub(in crate::server) fn len(&self) -> usize {
        self.sessions.iter().map(Queue::len).sum()
    }

    /// Looks for the earliest deadline anew: `elsewhere` is the earliest of those kept elsewhere.
    fn rewind(&mut self, elsewhere: Tick) {
        let next = self.sessions.iter().map(Queue::next).min();
        self.soonest = next.map_or(elsewhere, |next| next.min(elsewhere));
    }

    fn of(&mut self, due: Due) -> &mut Queue {
        &mut self.sessions[due as usize]
    }
}

impl Session {
    /// When it must have happened.
    fn due(&self, due: Due, strangers: &Strangers) -> Tick {
        match due {
            Due::Pong => self.beat.pong_due(),
            Due::Ping => self.beat.ping_due(),
            Due::Silence => self.beat.silence_due(),
            Due::Upgrade if matches!(self.transport, Transport::Probing { .. }) => self.aside_due,
            Due::Close if self.transport.is_closing() => self.aside_due,
            Due::Upgrade | Due::Close => Tick::NEVER,
            Due::Connect => strangers.due(self.place),
            Due::Partial => self.partial.as_ref().map_or(Tick::NEVER, |awaited| awaited.due),
        }
    }
}

impl Slab<Session> {
    fn due(&self, slot: u32, due: Due, strangers: &Strangers) -> Tick {
        self.at(slot).map_or(Tick::NEVER, |session| session.due(due, strangers))
    }
}

impl Server {
    /// Does what is due. Calling it too early, or for nothing, changes nothing.
    ///
    /// For loops that hand over everything that has arrived before they call it: peers that sent nothing
    /// are taken for gone. Loops of several threads call [`catch_up`](Self::catch_up).
    ///
    /// A deadline that is found more than 100 ms late is put off once, by its whole time: the process
    /// was paused then, and the peer could not be heard.
    pub fn handle_timeout(&mut self, now: Instant) {
        let now = self.clock.read(now);
        self.expire(now);
        while let Some(link) = self.sessions.overdue.pop_front() {
            self.on_quiet(now, link);
        }
    }

    /// Does what is due, as [`handle_timeout`](Self::handle_timeout) does, but for loops in which
    /// something may have arrived that is not handed over yet: no peer is taken for gone before
    /// [`handle_quiet`](Self::handle_quiet) says that nothing did.
    ///
    /// Every method with `now` begins with this.
    pub fn catch_up(&mut self, now: Instant) {
        self.enter(now);
    }

    /// Returns the next link whose peer is overdue, or whose peer may have completed an upgrade before it
    /// sent the poll that waits to know: look whether its stream has something to read, hand that over,
    /// and once it has nothing call [`handle_quiet`](Self::handle_quiet). A stream that is not read now,
    /// for back-pressure, is looked at when it is read again. Without an outcome it is asked for again
    /// after the time that the peer was given; a poll waits for `upgrade_timeout` at most.
    ///
    /// Loops that only call [`handle_timeout`](Self::handle_timeout) need not ask.
    #[must_use]
    pub fn poll_overdue(&mut self) -> Option<Link> {
        self.sessions.overdue.pop_front()
    }

    /// Whether [`poll_overdue`](Self::poll_overdue) has something to return.
    #[must_use]
    pub fn is_asking(&self) -> bool {
        !self.sessions.overdue.is_empty()
    }

    /// Takes note that the stream under `link` had nothing to read when it was looked at, after
    /// [`poll_overdue`](Self::poll_overdue) returned it.
    pub fn handle_quiet(&mut self, now: Instant, link: Link) {
        let now = self.enter(now);
        self.on_quiet(now, link);
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) should be called, if nothing else
    /// happens first.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let next = match self.sessions.overdue.is_empty() {
            true => self.sessions.timers.soonest,
            false => self.clock.latest(),
        };
        (next != Tick::NEVER).then(|| self.clock.instant(next))
    }

    /// Returns [`poll_timeout`](Self::poll_timeout) when it may have become earlier since this was
    /// last asked: a cheap question for loops that wait elsewhere.
    #[must_use]
    #[inline]
    pub fn poll_earlier_timeout(&mut self) -> Option<Instant> {
        if std::mem::take(&mut self.sessions.timers.moved) { self.poll_timeout() } else { None }
    }

    /// Takes note that the stream under `link` had nothing to read, but that the peer is not to blame: what it
    /// should answer may have been written only just before the look. It has its time once more; a poll that
    /// waits for the outcome is released.
    pub fn handle_excused(&mut self, now: Instant, link: Link) {
        self.enter(now);
        self.sessions.release_crossing(link);
    }

    /// Reads the clock and acts upon the deadlines that have passed, so that no method finds a session, a
    /// client or a question that should have ended.
    #[inline]
    pub(in crate::server) fn enter(&mut self, now: Instant) -> Tick {
        let now = self.clock.read(now);
        if self.sessions.timers.soonest <= now {
            self.expire(now);
        }
        now
    }

    /// Acts upon every deadline that has passed.
    #[cold]
    fn expire(&mut self, now: Tick) {
        for due in Due::ALL {
            while let Some(passed) = self.sessions.expired(now, due) {
                if let Some((due, passed)) = self.sessions.on_due(now, due, passed) {
                    self.act_upon(now, due, passed);
                }
            }
        }
        self.expire_admissions(now);
        self.answers.expire(now, &mut self.space, &mut self.outputs);
        self.check_budget(now);
        self.sessions.departed.expire(now);
        if let Some(history) = &mut self.space.history {
            history.expire(now, &mut self.outputs);
        }
        self.sessions.tighten();
        self.outputs.tighten();
        let elsewhere = self.space.deadline().min(self.answers.deadline());
        let elsewhere = match &self.space.history {
            Some(history) => elsewhere.min(history.deadline()),
            None => elsewhere,
        };
        self.sessions.timers.rewind(elsewhere);
    }

    /// Nothing more came on `link`: acts upon the deadlines that have passed for its session, unless
    /// the peer may be heard on another link too.
    fn on_quiet(&mut self, now: Tick, link: Link) {
        self.sessions.release_crossing(link);
        let Some(slot) = self.sessions.silent(now, link) else { return };
        for due in Due::ALL {
            let at = self.sessions.due(slot, due);
            if at <= now {
                self.act_upon(now, due, (at, slot));
            }
        }
    }

    /// Acts upon a deadline that has passed.
    fn act_upon(&mut self, now: Tick, due: Due, (at, slot): (Tick, u32)) {
        let violation = match due {
            Due::Ping => return self.sessions.ping(now, at, slot),
            Due::Upgrade => return self.sessions.give_up_probe(slot),
            Due::Pong | Due::Silence => {
                return self.end(slot, Reason::PingTimeout, Goodbye::SERVER);
            }
            Due::Close => return self.end(slot, Reason::ForcedClose, Goodbye::SERVER),
            Due::Connect => Violation::ConnectTimeout,
            Due::Partial => Violation::AttachmentsLate,
        };
        self.end(slot, Reason::Violation(violation), Goodbye::of(violation));
    }
}

impl Sessions {
    /// When something must have happened to a session.
    fn due(&self, slot: u32, due: Due) -> Tick {
        self.table.due(slot, due, &self.strangers)
    }

    /// The next session for which a deadline of this kind has passed, and that deadline.
    fn expired(&mut self, now: Tick, due: Due) -> Option<(Tick, u32)> {
        let current = |slot| self.table.due(slot, due, &self.strangers);
        self.timers.of(due).expired(now, current)
    }

    /// A deadline of a session has passed: looks first whether the peer can be heard. Returns the
    /// deadline to act upon, if there is one.
    fn on_due(
        &mut self,
        now: Tick,
        due: Due,
        (at, slot): (Tick, u32),
    ) -> Option<(Due, (Tick, u32))> {
        match self.at(slot)?.transport.ears().into_iter().flatten().next() {
            Some(link) if due != Due::Ping => {
                self.timers.of(due).put_off(now, (at, slot));
                self.overdue.push_back(link);
                None
            }
            Some(_) | None => Some((due, (at, slot))),
        }
    }

    /// Nothing more came on `link`: returns its session when a deadline has passed for it and there is
    /// no other link on which the peer may be heard. Has the next one looked at otherwise.
    fn silent(&mut self, now: Tick, link: Link) -> Option<u32> {
        let slot = self.session_of(link)?;
        if !Due::ALL.into_iter().any(|due| self.due(slot, due) <= now) {
            return None;
        }
        let ears = self.at(slot)?.transport.ears().into_iter().flatten();
        let mut from = ears.skip_while(|&ear| ear != link);
        match (from.next(), from.next()) {
            (None, _) => None,
            (Some(_), Some(next)) => {
                self.overdue.push_back(next);
                None
            }
            (Some(_), None) => Some(slot),
        }
    }

    /// Has a link looked at for a poll that waits to know.
    pub(in crate::server) fn look_at(&mut self, link: Link) {
        self.overdue.push_back(link);
    }

    /// The upgrade was not completed on `link` before the poll that waits to know was sent.
    fn release_crossing(&mut self, link: Link) {
        let Some(slot) = self.session_of(link) else { return };
        let Some(session) = self.table.at_mut(slot) else { return };
        let (transport, poll) = session.transport.on_quiet(link);
        session.transport = transport;
        if let Some(poll) = poll {
            self.release(slot, poll);
        }
    }

    /// Sends a PING that was due at `at`. A client that waits for it has the whole time to answer; without a poll,
    /// that time began when a poll would have been answered.
    fn ping(&mut self, now: Tick, at: Tick, slot: u32) {
        if let Some(session) = self.table.at_mut(slot) {
            let start = match session.transport.carrier() {
                Some(_) => now,
                None => self.timers.of(Due::Pong).start(at, now),
            };
            if self.config.monitor_clients {
                session.beat.pinged(self.timers.arm(Due::Pong, start, slot));
            } else {
                session.beat.pinged_unmonitored();
            }
        }
        self.push(slot, self.ping.clone());
    }

    /// Drops the deadlines of sessions that ended before these came: to be called wherever a peer can
    /// make new ones as often as it likes.
    pub(super) fn compact_timers(&mut self) {
        Due::ALL.into_iter().for_each(|due| self.compact_timers_of(due));
    }

    /// The same for deadlines of one kind.
    pub(super) fn compact_timers_of(&mut self, due: Due) {
        let Self { timers, table, strangers, .. } = self;
        timers.of(due).compact(table.len(), |slot| table.due(slot, due, strangers));
    }
}
