//! When something has to be done without being asked.

use std::time::Instant;

use super::client::Client;
use super::engine::state::State;
use super::event::Reason;
use super::fault::{Fault, Kind};
use crate::engine::terms::Revision;
use crate::error::Violation;
use crate::time::Tick;

impl Client {
    /// Reads the clock, and acts upon the deadlines that have passed.
    pub(super) fn enter(&mut self, now: Instant) -> Tick {
        let now = self.clock.read(now);
        if self.due() <= now {
            self.expire(now);
        }
        now
    }

    /// The next deadline.
    pub(super) fn due(&self) -> Tick {
        self.engine.due().min(self.attempts.due()).min(self.spaces.due())
    }

    fn expire(&mut self, now: Tick) {
        self.expire_session(now);
        if self.attempts.due() <= now {
            self.on_attempt_due(now);
        }
        self.expire_joins(now);
        self.expire_questions(now);
        self.advance(now);
    }

    fn expire_session(&mut self, now: Tick) {
        if self.engine.dues.beat.ping_due() <= now {
            self.engine.ping(now);
        }
        let dues = &self.engine.dues;
        let incoming = self.engine.incoming.as_ref().is_some_and(|it| it.due <= now);
        let closing = matches!(self.engine.state, State::Closing(_));
        if dues.silent() <= now {
            let fault = Fault::timeout(match self.engine.revision {
                Revision::V3(_) => "a PING was not answered in time",
                Revision::V4 => "no PING came in time",
            });
            self.end(now, Reason::PingTimeout, Some(fault));
        } else if closing && dues.phase.min(dues.post) <= now {
            self.finish(now);
        } else if dues.phase <= now {
            self.fail(now, Fault::timeout("timeout"));
        } else if dues.post <= now {
            let fault = Fault::timeout("a POST was not answered in time");
            self.end(now, Reason::TransportError, Some(fault));
        } else if incoming {
            let fault = Fault::violation(Kind::Protocol, Violation::AttachmentsLate);
            self.end(now, Reason::ParseError, Some(fault));
        } else if dues.probe <= now {
            self.give_up_probe(Fault::timeout("the WebSocket was not ready in time"));
        }
    }
}
