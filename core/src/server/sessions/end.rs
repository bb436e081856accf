//! How sessions end.

use std::sync::Arc;
use std::time::Instant;

use crate::config::Layer;
use crate::config::origin;
use crate::error::{Reason, Violation};
use crate::http::Response;
use crate::key::{self, Key};
use crate::link::{Link, Transmit};
use crate::server::door::refusal::{self, Refusal};
use crate::server::sessions::deadline::Due;
use crate::server::sessions::link::{Reading, poll_packet};
use crate::server::sessions::session::{Goodbye, PollEnd};
use crate::server::sessions::sessions::Sessions;
use crate::server::sessions::strangers::Source;
use crate::server::sessions::transport::{OnGone, Transport};
use crate::server::{Event, NONE, Server};
use crate::slack::Slack as _;
use crate::time::Tick;
use crate::ws::CloseCode;

impl Server {
    /// Takes note that the stream under `link` is gone, cleanly or not.
    pub fn handle_closed(&mut self, now: Instant, link: Link) {
        self.enter(now);
        let slot = self.sessions.session_of(link);
        self.sessions.detach(link);
        let Some(slot) = slot else { return };
        let Some(session) = self.sessions.at_mut(slot) else { return };
        let (transport, outcome) = session.transport.on_gone(link);
        session.transport = transport;
        match outcome {
            OnGone::Aborted => self.end(slot, Reason::TransportError, Goodbye::SERVER),
            OnGone::Closed => self.end(slot, Reason::TransportClose, Goodbye::CLIENT),
            OnGone::ProbeLost => {
                session.aside_due = Tick::NEVER;
                self.sessions.resume_delivery(slot);
            }
            OnGone::Over => drop(self.sessions.remove(slot)),
            OnGone::Nothing => {}
        }
    }

    /// Takes note that the peer broke a rule of framing on `link`, and returns the answer to it for a
    /// stream that still speaks HTTP: see [`Decoder::reject_as`](crate::Decoder::reject_as).
    pub fn handle_violation(&mut self, now: Instant, link: Link, violation: Violation) -> Response {
        self.enter(now);
        let Some(slot) = self.sessions.session_of(link) else {
            // The session ended before. Mostly its answer to this request waits.
            let left = self.sessions.take_last_answer(link);
            return self.dress(link, left.unwrap_or_else(|| Response::refusing(violation)));
        };
        let response = self.dress(link, refusal::of_session(violation));
        if self.sessions.at(slot).is_some_and(|session| session.transport.is_probe(link)) {
            self.handle_closed(now, link);
        } else {
            self.sessions.detach(link);
            self.end(slot, Reason::Violation(violation), Goodbye::refusing(violation));
        }
        response
    }

    /// Makes an answer of the embedder's own to the request under `link` one of this server's: adds
    /// [`Config::headers`](crate::Config::headers), and what lets the page that asked read it.
    #[must_use]
    pub fn dress(&self, link: Link, response: Response) -> Response {
        let session = self.sessions.session_of(link).and_then(|slot| self.sessions.at(slot));
        let origin = session.and_then(|session| session.origin.as_deref());
        let mut response = origin::allow(response, origin, &self.config);
        response.dress(&self.config.headers);
        response
    }

    /// Closes every session, as a server going down does: clients will reconnect.
    pub fn shutdown(&mut self, now: Instant) {
        let now = self.enter(now);
        let keys: Vec<Key> = self.sessions.keys().collect();
        for key in keys {
            self.wind_down(now, key.slot, Reason::ShuttingDown);
        }
    }

    /// Closes a bare Engine.IO session once its queued messages are delivered.
    pub fn close(&mut self, now: Instant, session: key::Session) {
        let now = self.enter(now);
        if let Some(slot) = self.sessions.slot_of(session) {
            self.wind_down(now, slot, Reason::ForcedClose);
        }
    }

    /// Makes room for a new session among those in no namespace; returns whether there is room.
    pub(in crate::server) fn make_room(&mut self, newcomer: Source) -> bool {
        let strangers = &self.sessions.strangers;
        if self.config.layer == Layer::EngineIo || strangers.len() < self.config.limits.handshakes {
            return true;
        }
        let Some(slot) = strangers.who_gives_way_to(newcomer) else { return false };
        self.end(slot, Reason::GaveWay, Goodbye::SERVER);
        self.sessions.budget.gave_way += 1;
        true
    }

    /// Ends a session at once: its queued packets are dropped, and its links get their last message.
    pub(in crate::server) fn end(&mut self, slot: u32, reason: Reason, goodbye: Goodbye) {
        self.disconnect_all(slot, reason);
        self.sessions.end(slot, goodbye);
    }

    /// Ends a session gracefully: its clients leave now, the peer gets the queued packets and then CLOSE.
    pub(in crate::server) fn wind_down(&mut self, now: Tick, slot: u32, reason: Reason) {
        self.disconnect_all(slot, reason);
        self.sessions.wind_down(now, slot);
    }

    /// Takes every client of a session out of its namespace.
    fn disconnect_all(&mut self, slot: u32, reason: Reason) {
        if self.config.layer == Layer::EngineIo {
            let Some(session) = self.sessions.public_key(slot) else { return };
            if self.sessions.at(slot).is_some_and(|session| !session.transport.is_closing()) {
                self.outputs.tell(Event::Closed { session, reason });
            }
            return;
        }
        while let Some(first) = self.sessions.at(slot).map(|session| session.clients) {
            if first == NONE {
                break;
            }
            self.remove_client(first, reason);
        }
    }
}

impl Sessions {
    /// Ends a session that has no clients any more.
    fn end(&mut self, slot: u32, goodbye: Goodbye) {
        let Some(Remains { transport, origin, reading }) = self.remove(slot) else { return };
        let origin = origin.as_deref();
        let [get, post, ws] = transport.links();
        if let Some(get) = get {
            let response = match goodbye.poll {
                PollEnd::Packet(packet) => poll_packet(packet, reading, origin, &self.config),
                PollEnd::Refused(violation) => {
                    origin::allow(refusal::of_session(violation), origin, &self.config)
                }
            };
            self.farewell(get, Transmit::Response(response));
        }
        if let Some(post) = post {
            self.turn_away(post, Refusal::Ended, origin);
        }
        if let Some(ws) = ws {
            self.farewell(ws, Transmit::Close(goodbye.code));
        }
    }

    /// Lets a session that has no clients any more deliver its queued packets.
    fn wind_down(&mut self, now: Tick, slot: u32) {
        self.introduce(slot);
        let Some(session) = self.table.at_mut(slot) else { return };
        let (transport, [post, ws]) = session.transport.on_closing();
        session.transport = transport;
        session.aside_due = self.timers.arm(Due::Close, now, slot);
        self.budget.aside -= session.partial_bytes();
        session.partial = None;
        if let Some(post) = post {
            let origin = session.origin.clone();
            self.turn_away(post, Refusal::Ended, origin.as_deref());
        }
        if let Some(ws) = ws {
            self.farewell(ws, Transmit::Close(CloseCode::NORMAL));
        }
        if let Some(link) = transport.carrier() {
            self.mark_ready(link);
        }
    }

    /// Refuses a request that comes after the end of its session, or of its transport.
    pub(super) fn turn_away(&mut self, request: Link, refusal: Refusal, origin: Option<&str>) {
        let response = origin::allow(refusal.response(), origin, &self.config);
        self.farewell(request, Transmit::Response(response));
    }

    /// Takes a session out of the table with everything it holds, and returns what its links are told
    /// with.
    pub(super) fn remove(&mut self, slot: u32) -> Option<Remains> {
        let key = self.table.key(slot)?;
        let mut session = self.table.remove(key)?;
        let reading = self.reading(slot, session.terms);
        session.outbox.clear(&mut self.pool);
        self.strangers.leave(session.place);
        self.budget.aside -= session.partial_bytes();
        self.budget.heads -= session.handshake.bytes_held();
        self.budget.contexts -= session.context_bytes();
        if !self.own_sids.is_empty() {
            self.own_sids.remove(slot);
        }
        if reading.jsonp.is_some() {
            self.jsonp.remove(&slot);
            self.jsonp.tighten();
        }
        Some(Remains { transport: session.transport, origin: session.origin, reading })
    }
}

/// What the links of a session that is over are told with.
#[derive(Debug)]
pub(super) struct Remains {
    transport: Transport,
    origin: Option<Arc<str>>,
    reading: Reading,
}
