//! What the peer of a connection has to do, and until when.

use sansocket::{Awaits, Violation};
use std::sync::Arc;
use std::time::Duration;

use super::{Connection, End, Pause};
use crate::hub::hub::Hub;
use crate::serve::tls::TlsConnection;
use crate::shards::port::Port;
use crate::shards::watch::Seat;
use crate::time::NEVER;

/// The deadline of a connection. The moment itself is in its port, where the timers see it.
pub(super) struct Deadline {
    awaits: Awaits,
    owed: Owed,
    /// The place among the ports that the timers look at.
    seat: Option<Seat>,
}

/// Bytes that the peer has to take and to give until its deadline comes, not to be cut off then.
#[derive(Clone, Copy, Debug, Default)]
struct Owed {
    taken: u32,
    given: u32,
}

/// How long a peer may take to close the stream after it was told to.
pub(super) const FAREWELL: Duration = Duration::from_secs(3);

impl Default for Deadline {
    fn default() -> Self {
        Self { awaits: Awaits::Answer, owed: Owed::default(), seat: None }
    }
}

impl Deadline {
    /// What the deadline is for.
    pub(super) fn awaits(&self) -> Awaits {
        self.awaits
    }

    /// Whether the timers watch this connection.
    pub(super) fn is_watched(&self) -> bool {
        self.seat.is_some()
    }

    /// Counts bytes that the peer sent.
    #[inline]
    pub(super) fn gave(&mut self, bytes: usize) {
        pay(&mut self.owed.given, bytes);
    }

    /// Counts bytes that the peer took.
    #[inline]
    pub(super) fn took(&mut self, bytes: usize) {
        pay(&mut self.owed.taken, bytes);
    }

    /// Goes on as if an answer was awaited, so that whatever follows counts as new.
    pub(super) fn awaits_answer(&mut self) {
        self.awaits = Awaits::Answer;
    }

    /// The same, without a deadline.
    pub(super) fn forget(&mut self, port: &Port) {
        self.awaits_answer();
        port.set_due(NEVER);
    }

    /// Has the timers watch the connection, whether it has a deadline or not.
    pub(super) fn sit(&mut self, hub: &Hub, port: &Arc<Port>) {
        if self.seat.is_none() {
            self.seat = Some(hub.shards().watch().sit(port));
        }
    }

    /// Sets the deadline.
    pub(super) fn set(&mut self, hub: &Hub, port: &Arc<Port>, patience: Duration) {
        self.sit(hub, port);
        match hub.runtime().now().checked_add(patience) {
            Some(due) => hub.shards().set_due(port, due),
            None => port.set_due(NEVER),
        }
    }

    /// Gives up the deadline, and the place among the connections that the timers watch.
    pub(super) fn stand_up(&mut self, hub: &Hub, port: &Port) {
        port.set_due(NEVER);
        if let Some(seat) = self.seat.take() {
            hub.shards().watch().leave(seat);
        }
    }

    /// Begins to measure how fast the peer is.
    fn begin_window(&mut self, hub: &Hub, port: &Arc<Port>) {
        let limits = hub.limits();
        let bytes = u128::from(limits.least_rate) * limits.rate_window.as_millis() / 1000;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.owed = Owed { taken: bytes, given: bytes };
        self.set(hub, port, limits.rate_window);
    }
}

impl Connection {
    /// Sets the deadline for the data awaited now, unless it runs already.
    pub(super) fn watch(&mut self) {
        let awaits = self.conn.awaits();
        if awaits != self.deadline.awaits {
            self.await_anew(awaits);
        }
    }

    #[cold]
    fn await_anew(&mut self, awaits: Awaits) {
        let limits = self.hub.limits();
        self.deadline.awaits = awaits;
        self.deadline.owed = Owed { taken: 1, given: 0 };
        let patience = match awaits {
            Awaits::Answer => return self.port.set_due(NEVER),
            Awaits::Messages => {
                self.front = None;
                return self.deadline.stand_up(&self.hub, &self.port);
            }
            Awaits::Body => limits.body_time,
            Awaits::Room => return self.deadline.begin_window(&self.hub, &self.port),
            Awaits::Farewell => FAREWELL,
            Awaits::Head => limits.head_time,
            Awaits::Request if self.tls.as_ref().is_some_and(TlsConnection::is_handshaking) => {
                limits.head_time
            }
            Awaits::Request => limits.idle_time,
        };
        self.deadline.set(&self.hub, &self.port, patience);
    }

    /// Before it rests: whatever the peer has to take or to give has a deadline, also where nothing
    /// else has one. Nothing is owed when nothing waited for a moment.
    pub(super) fn keep_pace(&mut self) {
        if !matches!(self.deadline.awaits, Awaits::Answer | Awaits::Messages) {
            return;
        }
        let (takes, gives) = (self.waits(), self.gives());
        if !takes {
            self.deadline.owed.taken = 0;
        }
        if !gives {
            self.deadline.owed.given = 0;
        }
        if (takes || gives) && self.port.due() == NEVER {
            self.deadline.begin_window(&self.hub, &self.port);
        }
    }

    /// Its deadline came: ends the stream, unless the peer is slow but not too slow, or something it sent
    /// may not have been read yet.
    pub(super) fn late(&mut self) {
        match self.is_behind() {
            false => {}
            true if self.wants_read() => self.port.look_once_more(),
            true => self.give_up(),
        }
    }

    /// Whether the peer has not done what the deadline that came was for; otherwise sets the next.
    pub(super) fn is_behind(&mut self) -> bool {
        let (takes, gives) = (self.waits(), self.gives());
        match self.deadline.awaits {
            Awaits::Answer | Awaits::Messages if self.end != End::Half => {
                if takes && self.deadline.owed.taken > 0 || gives && self.deadline.owed.given > 0 {
                    return true;
                }
                if takes || gives {
                    self.deadline.begin_window(&self.hub, &self.port);
                } else if self.deadline.awaits == Awaits::Messages {
                    self.deadline.stand_up(&self.hub, &self.port);
                } else {
                    self.port.set_due(NEVER);
                }
                return false;
            }
            Awaits::Farewell | Awaits::Head | Awaits::Request | Awaits::Room => {
                if self.deadline.owed.taken == 0 && (takes || self.deadline.awaits == Awaits::Room)
                {
                    self.deadline.begin_window(&self.hub, &self.port);
                    return false;
                }
            }
            Awaits::Answer | Awaits::Body | Awaits::Messages => {}
        }
        let pauses = self.pause == Pause::Reading;
        if pauses {
            self.deadline.set(&self.hub, &self.port, self.hub.limits().body_time);
        }
        !pauses
    }

    /// Ends the stream of a peer that is late.
    pub(super) fn give_up(&mut self) {
        match self.deadline.awaits {
            Awaits::Answer | Awaits::Messages if self.end != End::Half => self.cut_off(),
            Awaits::Answer
            | Awaits::Body
            | Awaits::Farewell
            | Awaits::Head
            | Awaits::Messages
            | Awaits::Request
            | Awaits::Room => self.end = End::Over,
        }
    }

    /// Ends the stream of a peer that is too slow, and the session it carries.
    fn cut_off(&mut self) {
        self.end = End::Over;
        let Some(link) = self.conn.link() else { return };
        let now = self.hub.runtime().now();
        self.hub.turn(self.shard, |cell| {
            cell.server.handle_violation(now, link, Violation::TooSlow);
            cell.unbind(link);
        });
    }

    /// Whether something waits for the peer to take it.
    pub(super) fn waits(&self) -> bool {
        !self.conn.is_flushed() || self.tls.as_ref().is_some_and(TlsConnection::wants_write)
    }

    /// Whether the peer is to give the rest of a message, and would be heard.
    fn gives(&self) -> bool {
        self.pause == Pause::Nothing && self.conn.is_collecting()
    }
    /// Bounds how long an answer is awaited for a peer that sends nothing more: its leaving would not be
    /// noticed meanwhile.
    pub(super) fn hurry(&mut self) {
        if self.end == End::Half && self.deadline.awaits == Awaits::Answer {
            self.deadline.set(&self.hub, &self.port, self.hub.limits().body_time);
        }
    }
}

/// Takes bytes off the debt.
#[inline]
fn pay(owed: &mut u32, bytes: usize) {
    *owed = owed.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
}
