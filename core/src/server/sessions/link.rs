//! Links: polls, POSTs and WebSockets that serve sessions, and the outputs that leave on them.

use bytes::Bytes;
use std::collections::VecDeque;

use crate::config::Config;
use crate::config::origin;
use crate::engine::outbox::{Outbox, Pool};
use crate::engine::terms::{Revision, Terms};
use crate::engine::{jsonp, payload};
use crate::http::Response;
use crate::key::Socket;
use crate::link::{Feed, Link, Next, Transmit};
use crate::server::Server;
use crate::server::outputs::Outputs;
use crate::server::sessions::sessions::Sessions;
use crate::server::sessions::transport::{Probe, Transport};
use crate::server::space::space::Space;
use crate::socket::Frame;
use crate::socket::encoded::{Packet, Part};
use crate::ws::CloseCode;

/// A link of the shard.
#[derive(Debug)]
pub(super) struct Attachment {
    carries: Carries,
    /// Whether it was noted as having something to write, and nothing was pulled since.
    noted: bool,
}

#[derive(Debug)]
enum Carries {
    /// The session in this slot.
    Session(u32),
    /// No session any more: this last message waits.
    Farewell(Box<Transmit>),
}

impl Server {
    /// Returns the next link that gained something to write. Each is returned once, until something is
    /// pulled from it.
    #[must_use]
    pub fn poll_link(&mut self) -> Option<Link> {
        self.sessions.next_ready()
    }

    /// Returns the next thing to write on `link`.
    #[must_use]
    pub fn poll_transmit(&mut self, link: Link) -> Option<Transmit> {
        let one = |outbox: &mut Outbox, pool: &mut Pool| {
            outbox.next_frame(pool).map_or(Next::Nothing, Next::Frame)
        };
        match self.sessions.next_frame(link, &self.space, &mut self.outputs, one) {
            Next::Frame(frame) => Some(Transmit::Frame(frame)),
            Next::Frames(_) | Next::Nothing => None,
            Next::Other => self.next_other(link),
        }
    }

    /// Returns the clients, admitted or not, of the session that `link` serves.
    pub fn sockets_of(&self, link: Link) -> impl Iterator<Item = Socket> {
        self.space.present(self.sessions.clients_behind(link))
    }
}

impl Feed for Server {
    fn next_other(&mut self, link: Link) -> Option<Transmit> {
        self.sessions.next_other(link, &self.space, &mut self.outputs)
    }

    /// Inlined where it is called: a call of its own would cost 4 % of a delivery.
    #[inline(always)]
    fn next_frame(&mut self, link: Link) -> Next {
        self.sessions.next_frame(link, &self.space, &mut self.outputs, Outbox::next)
    }

    fn is_over(&self, link: Link) -> bool {
        self.sessions.is_over(link)
    }
}

impl Sessions {
    fn next_ready(&mut self) -> Option<Link> {
        loop {
            let Some(link) = self.ready.pop_front() else {
                if self.ready.capacity() > KEEP {
                    self.ready = VecDeque::new();
                }
                return None;
            };
            if self.links.get(link.0).is_some() {
                return Some(link);
            }
        }
    }

    #[inline(never)]
    fn next_other(&mut self, link: Link, space: &Space, outputs: &mut Outputs) -> Option<Transmit> {
        let attachment = self.links.get_mut(link.0)?;
        attachment.noted = false;
        let &Carries::Session(slot) = &attachment.carries else {
            let mut transmit = self.take_farewell(link)?;
            if let Transmit::Response(response) = &mut transmit {
                response.dress(&self.config.headers);
            }
            return Some(transmit);
        };
        let session = self.table.at_mut(slot)?;
        match session.transport {
            Transport::Probing { ws, probe: Probe::Asked, .. } if ws == link => {
                self.answer_probe(slot).map(Transmit::Frame)
            }
            Transport::WebSocket { ws } | Transport::ClosingWebSocket { ws } if ws == link => {
                let closing = session.transport.is_closing();
                let frame = session.outbox.next_frame(&mut self.pool);
                if frame.is_none() && closing {
                    self.links.remove(link.0);
                    self.remove(slot);
                    return Some(Transmit::Close(CloseCode::NORMAL));
                }
                if frame.is_some() {
                    self.note_drain(slot, space, outputs);
                }
                frame.map(Transmit::Frame)
            }
            Transport::Polling { .. }
            | Transport::Probing { .. }
            | Transport::ClosingPolling { .. }
                if session.transport.carrier() == Some(link) =>
            {
                let mut response = self.poll_answer(slot, link, space, outputs)?;
                response.dress(&self.config.headers);
                Some(Transmit::Response(response))
            }
            Transport::ClosingPolling { .. }
            | Transport::ClosingWebSocket { .. }
            | Transport::Polling { .. }
            | Transport::Probing { .. }
            | Transport::WebSocket { .. } => None,
        }
    }

    #[inline(always)]
    fn next_frame(
        &mut self,
        link: Link,
        space: &Space,
        outputs: &mut Outputs,
        take: impl FnOnce(&mut Outbox, &mut Pool) -> Next,
    ) -> Next {
        let Some(attachment) = self.links.get_mut(link.0) else { return Next::Nothing };
        attachment.noted = false;
        let &Carries::Session(slot) = &attachment.carries else { return Next::Other };
        let Some(session) = self.table.at_mut(slot) else { return Next::Nothing };
        if !matches!(session.transport, Transport::WebSocket { ws } if ws == link) {
            return Next::Other;
        }
        let next = take(&mut session.outbox, &mut self.pool);
        if session.congested && !matches!(next, Next::Nothing) {
            self.note_drain(slot, space, outputs);
        }
        next
    }

    fn is_over(&self, link: Link) -> bool {
        self.links
            .get(link.0)
            .is_none_or(|attachment| matches!(attachment.carries, Carries::Farewell(_)))
    }

    /// Everything that waits for a poll, as its answer; `None` when nothing does.
    pub(in crate::server) fn poll_answer(
        &mut self,
        slot: u32,
        link: Link,
        space: &Space,
        outputs: &mut Outputs,
    ) -> Option<Response> {
        let session = self.table.at_mut(slot)?;
        let (closing, terms) = (session.transport.is_closing(), session.terms);
        if session.outbox.is_empty() && !closing {
            return None;
        }
        let limits = &self.config.limits;
        let room = session.outbox.payload_len(&self.pool, limits.max_payload);
        let mut body = Vec::with_capacity(room + 16);
        let compressible = session.outbox.put_polling(
            &mut self.pool,
            &mut body,
            terms,
            limits.packets_per_poll,
            limits.max_payload,
        );
        session.transport = session.transport.on_answered(link);
        // CLOSE travels alone: clients act on it before they handle what came along with it.
        let over = closing && body.is_empty();
        let origin = session.origin.clone();
        let reading = self.reading(slot, terms);
        self.links.remove(link.0);
        let own = self.own_fields.take(link);
        if over {
            self.remove(slot);
            let mut response = poll_packet("1", reading, origin.as_deref(), &self.config);
            response.dress_for(&own);
            return Some(response);
        }
        self.note_drain(slot, space, outputs);
        let mut response = poll_response(body, reading, origin.as_deref(), &self.config);
        response.compress &= compressible > 0;
        response.dress_for(&own);
        Some(response)
    }

    /// How the client of the session in a slot, which has these terms, reads the answers to its polls.
    pub(in crate::server) fn reading(&self, slot: u32, terms: Terms) -> Reading {
        let jsonp = if self.jsonp.is_empty() { None } else { self.jsonp.get(&slot).copied() };
        Reading { terms, jsonp }
    }

    /// Attaches a new link to a session.
    pub(in crate::server) fn attach(&mut self, slot: u32) -> Link {
        let attachment = Attachment { carries: Carries::Session(slot), noted: false };
        Link(self.links.insert(|_| attachment))
    }

    /// Ends a link, with whatever waited there.
    pub(in crate::server) fn detach(&mut self, link: Link) {
        self.own_fields.take(link);
        self.links.remove(link.0);
    }

    /// Ends a link with a last message, which waits until it is pulled.
    pub(super) fn farewell(&mut self, link: Link, mut transmit: Transmit) {
        let own = self.own_fields.take(link);
        if let Transmit::Response(response) = &mut transmit {
            response.dress_for(&own);
        }
        if let Some(attachment) = self.links.get_mut(link.0) {
            attachment.carries = Carries::Farewell(Box::new(transmit));
            // A stream that takes no more is told of the end as well.
            attachment.noted = false;
            self.mark_ready(link);
        }
    }

    /// Ends a link, and returns the last message that waited there.
    fn take_farewell(&mut self, link: Link) -> Option<Transmit> {
        match self.links.remove(link.0)?.carries {
            Carries::Farewell(transmit) => Some(*transmit),
            Carries::Session(_) => None,
        }
    }

    /// Ends the link of a request whose session is over, and returns the answer that waited there.
    pub(in crate::server) fn take_last_answer(&mut self, link: Link) -> Option<Response> {
        match self.take_farewell(link)? {
            Transmit::Response(response) => Some(response),
            Transmit::Close(_) | Transmit::Frame(_) => None,
        }
    }

    pub(super) fn mark_ready(&mut self, link: Link) {
        if let Some(attachment) = self.links.get_mut(link.0)
            && !attachment.noted
        {
            attachment.noted = true;
            self.ready.push_back(link);
        }
    }

    /// The session that `link` serves, unless the session is over and only a farewell waits.
    pub(in crate::server) fn session_of(&self, link: Link) -> Option<u32> {
        match self.links.get(link.0)?.carries {
            Carries::Session(slot) => Some(slot),
            Carries::Farewell(_) => None,
        }
    }

    /// Releases a poll without a packet, so that the client can go on.
    pub(super) fn release(&mut self, slot: u32, poll: Link) {
        let Some(session) = self.table.at(slot) else { return };
        let reading = self.reading(slot, session.terms);
        let response = poll_packet("6", reading, session.origin.as_deref(), &self.config);
        self.farewell(poll, Transmit::Response(response));
    }

    /// Sends `3probe` and releases the poll that waits.
    fn answer_probe(&mut self, slot: u32) -> Option<Frame> {
        let session = self.table.at_mut(slot)?;
        let (transport, poll) = session.transport.on_probe_answered();
        session.transport = transport;
        if let Some(poll) = poll {
            self.release(slot, poll);
        }
        Packet::engine(b"3probe").frame(0)
    }
}

#[cfg(feature = "fuzz")]
impl Sessions {
    /// The links that are in the service of a session.
    pub(in crate::server) fn attached(&self) -> impl Iterator<Item = Link> {
        self.links.keys().map(Link).filter(|&link| self.session_of(link).is_some())
    }
}

/// Links to be pulled from for which room is kept.
const KEEP: usize = 4096;

/// How a client reads the answers to its polls.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Reading {
    pub(in crate::server) terms: Terms,
    /// The number of the function that the answer calls, when it is read by JSONP.
    pub(in crate::server) jsonp: Option<u32>,
}

/// The answer to a poll.
pub(in crate::server) fn poll_response(
    payload: impl Into<Bytes>,
    reading: Reading,
    origin: Option<&str>,
    config: &Config,
) -> Response {
    let payload = payload.into();
    let mut response = match reading.jsonp {
        Some(number) => {
            let script = jsonp::script(number, &payload);
            Response::fresh("text/javascript; charset=UTF-8", script).nosniff()
        }
        None if payload::is_framed(&payload) => {
            Response::fresh("application/octet-stream", payload)
        }
        None => Response::fresh("text/plain; charset=UTF-8", payload),
    };
    response.compress = config.compression.is_some_and(|least| response.body.len() >= least);
    origin::allow(response, origin, config)
}

/// The answer to a poll that is one packet of the server's own, a text.
pub(in crate::server) fn poll_packet(
    packet: impl Into<Bytes>,
    reading: Reading,
    origin: Option<&str>,
    config: &Config,
) -> Response {
    let packet = packet.into();
    if reading.terms.revision == Revision::V4 {
        return poll_response(packet, reading, origin, config);
    }
    let mut payload = Vec::with_capacity(packet.len() + 8);
    payload::put_part(&mut payload, reading.terms, Part::Text(&packet));
    poll_response(payload, reading, origin, config)
}
