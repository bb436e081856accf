//! Packets from clients: Engine.IO types, then Socket.IO packets and their attachments.

use bytes::Bytes;
use std::borrow::Cow;
use std::time::Instant;

use crate::config::Layer;
use crate::engine::base64;
use crate::engine::packet::Packet as Engine;
use crate::engine::terms::Revision;
use crate::error::{Reason, Violation};
use crate::key::Socket;
use crate::link::{Link, Message};
use crate::parser::RawPacket;
use crate::server::event::{AckToken, Received};
use crate::server::sessions::deadline::Due;
use crate::server::sessions::session::{Awaited, Goodbye};
use crate::server::sessions::sessions::Sessions;
use crate::server::sessions::transport::Transport;
use crate::server::space::query::{auth_of, split_query};
use crate::server::{Event, Server};
use crate::socket::attach::{Partial, Whole, bytes_of};
use crate::socket::encoded::Packet;
use crate::socket::packet::{self, Body, MainEvent};
use crate::socket::{Args, EventMessage};
use crate::time::Tick;

impl Server {
    /// Takes a whole WebSocket message, unmasked and defragmented.
    pub fn handle_message(&mut self, now: Instant, link: Link, message: Message<'_>) {
        let now = self.enter(now);
        let Some(slot) = self.sessions.session_of(link) else { return };
        let Some(session) = self.sessions.at(slot) else { return };
        let outcome = match session.transport {
            Transport::WebSocket { .. } => match message {
                Message::Text(text) => self.on_packet(now, slot, text),
                Message::Binary(bytes) => self.on_bytes(now, slot, bytes),
            },
            Transport::Probing { .. } => {
                self.sessions.on_probe_message(now, slot, link, message);
                Ok(())
            }
            // Messages of the client are dropped while the server closes the session.
            Transport::ClosingPolling { .. }
            | Transport::ClosingWebSocket { .. }
            | Transport::Polling { .. } => Ok(()),
        };
        if let Err(violation) = outcome {
            self.end(slot, Reason::Violation(violation), Goodbye::of(violation));
        }
    }

    /// One Engine.IO packet of an established transport.
    pub(in crate::server) fn on_packet(
        &mut self,
        now: Tick,
        slot: u32,
        text: &str,
    ) -> Result<(), Violation> {
        let packet = Engine::parse(text)?;
        if packet == Engine::Pong {
            return self.sessions.note_pong(now, slot);
        }
        self.sessions.note_life(now, slot);
        match packet {
            Engine::Message(text) if self.config.layer == Layer::EngineIo => {
                self.received(slot, Received::Text(text.into()));
                Ok(())
            }
            Engine::Message(text) => self.on_text(now, slot, text),
            Engine::Binary(text) => {
                let text = self.sessions.content_of_base64(slot, text)?;
                let bytes = base64::decode(text).ok_or(Violation::InvalidBase64)?;
                self.on_binary(now, slot, Cow::Owned(bytes))
            }
            Engine::Close => {
                self.depart(now, slot);
                Ok(())
            }
            Engine::Ping(_) => {
                self.sessions.note_ping(now, slot)?;
                // As bounded as events are: a client may ping and never read.
                self.send_or_end(slot, Packet::engine(b"3"));
                Ok(())
            }
            Engine::Open => Err(Violation::UnknownPacket),
            // Late or early parts of an upgrade mean nothing here.
            Engine::Noop | Engine::Pong | Engine::Upgrade => Ok(()),
        }
    }

    /// One binary message as it travels: in revision 3 behind its type, a byte (engine.io-protocol v3,
    /// "Packet").
    pub(in crate::server) fn on_bytes(
        &mut self,
        now: Tick,
        slot: u32,
        bytes: &[u8],
    ) -> Result<(), Violation> {
        let Some(session) = self.sessions.at(slot) else { return Ok(()) };
        let content = match session.terms.revision {
            Revision::V3(_) => bytes.strip_prefix(b"\x04").ok_or(Violation::UnknownPacket)?,
            Revision::V4 => bytes,
        };
        self.on_binary(now, slot, Cow::Borrowed(content))
    }

    /// One binary message: an attachment of the packet that announced it, or a packet of a parser.
    fn on_binary(&mut self, now: Tick, slot: u32, bytes: Cow<'_, [u8]>) -> Result<(), Violation> {
        self.sessions.note_life(now, slot);
        if self.config.layer == Layer::EngineIo {
            self.received(slot, Received::Binary(bytes_of(bytes)));
            return Ok(());
        }
        if let Some(parser) = &self.config.parser {
            let raw = parser.decode_binary(&bytes, &self.config.limits)?;
            return self.on_raw(now, slot, &raw);
        }
        self.on_attachment(slot, bytes_of(bytes))
    }

    /// An attachment of the packet that waits for it.
    #[inline]
    fn on_attachment(&mut self, slot: u32, bytes: Bytes) -> Result<(), Violation> {
        let Some(awaited) = self.sessions.attach_to_packet(slot, bytes)? else { return Ok(()) };
        let Some(socket) = awaited.to else { return Ok(()) };
        match (awaited.partial.finish(), self.space.is_connected(socket)) {
            (Whole::Event { message, id }, true) => self.deliver_other(socket, message, id),
            (Whole::Event { message, id }, false) => return self.on_early(socket, message, id),
            (Whole::Ack { args, id }, true) => self.on_ack(socket, id, args),
            (Whole::Ack { .. }, false) => {}
        }
        Ok(())
    }

    /// One text message: a packet, as the protocol or a parser writes it.
    ///
    /// Inlined where it is called, as all that an event passes on its way: calls of their own would cost
    /// it a hundred instructions.
    #[inline(always)]
    fn on_text(&mut self, now: Tick, slot: u32, text: &str) -> Result<(), Violation> {
        if let Some(parser) = &self.config.parser {
            let raw = parser.decode_text(text, &self.config.limits)?;
            return self.on_raw(now, slot, &raw);
        }
        let Some(session) = self.sessions.at(slot) else { return Ok(()) };
        if session.partial.is_some() {
            return Err(Violation::AttachmentsMissing);
        }
        let (introduced, clients) = (session.introduced, session.clients);
        let Some(MainEvent { name, rest, id }) = packet::main_event(text)? else {
            return self.on_other_text(now, slot, (introduced, clients), text);
        };
        if !introduced {
            return Err(Violation::NotConnected);
        }
        match self.space.client_in(clients, "/") {
            Some((socket, true)) => self.deliver(socket, EventMessage::new(name, rest), id),
            Some((socket, false)) => {
                return self.on_early(socket, EventMessage::new(name, rest), id);
            }
            None => {}
        }
        Ok(())
    }

    /// Any packet of a session, of which the same is known as in [`on_socket_io`](Self::on_socket_io).
    #[inline(never)]
    fn on_other_text(
        &mut self,
        now: Tick,
        slot: u32,
        found: (bool, u32),
        text: &str,
    ) -> Result<(), Violation> {
        let Some(session) = self.sessions.at(slot) else { return Ok(()) };
        let revision = session.terms.revision;
        let packet = packet::parse(text, self.config.limits.attachments)?;
        match revision {
            Revision::V4 => self.on_socket_io(now, slot, found, packet),
            Revision::V3(_) => self.on_queried(now, slot, found, packet),
        }
    }

    /// A packet that a parser read, with its attachments.
    #[cold]
    #[inline(never)]
    fn on_raw(&mut self, now: Tick, slot: u32, raw: &RawPacket<'_>) -> Result<(), Violation> {
        let Some(session) = self.sessions.at(slot) else { return Ok(()) };
        let found = (session.introduced, session.clients);
        let revision = session.terms.revision;
        let packet = packet::check(raw, &self.config.limits)?;
        match revision {
            Revision::V4 => self.on_socket_io(now, slot, found, packet),
            Revision::V3(_) => self.on_queried(now, slot, found, packet),
        }?;
        raw.attachments.iter().try_for_each(|bytes| self.on_attachment(slot, bytes.clone()))
    }

    /// One Socket.IO packet of revision 3, with a query behind the name of its namespace.
    #[cold]
    #[inline(never)]
    fn on_queried(
        &mut self,
        now: Tick,
        slot: u32,
        found: (bool, u32),
        mut packet: packet::Packet<'_>,
    ) -> Result<(), Violation> {
        let (namespace, query) = split_query(packet.namespace);
        packet.namespace = namespace;
        if matches!(packet.body, Body::Connect { .. }) {
            let auth = query.map(auth_of);
            return self.on_connect(now, slot, namespace, auth.as_deref());
        }
        self.on_socket_io(now, slot, found, packet)
    }

    /// One Socket.IO packet of a session, of which is known whether it asked for a namespace, and its first client.
    ///
    /// Inlined where it is called: a call would move the packet about.
    #[inline(always)]
    fn on_socket_io(
        &mut self,
        now: Tick,
        slot: u32,
        (introduced, clients): (bool, u32),
        packet: packet::Packet<'_>,
    ) -> Result<(), Violation> {
        if let Body::Connect { auth } = packet.body {
            return self.on_connect(now, slot, packet.namespace, auth);
        }
        if matches!(packet.body, Body::ConnectError { .. }) {
            return Err(Violation::InvalidPacket);
        }
        if !introduced {
            return Err(Violation::NotConnected);
        }
        // A client may still write to a namespace it was just disconnected from: such packets are dropped, with
        // the attachments they announce.
        let client = self.space.client_in(clients, packet.namespace);
        let to = client.map(|(socket, _)| socket);
        match packet.body {
            Body::Disconnect => {
                if let Some(socket) = to {
                    self.on_disconnect(socket);
                }
            }
            Body::Event { name, rest, id, attachments: 0 } => match client {
                Some((socket, true)) => {
                    self.deliver_other(socket, EventMessage::new(&name, rest), id);
                }
                Some((socket, false)) => {
                    return self.on_early(socket, EventMessage::new(&name, rest), id);
                }
                None => {}
            },
            Body::Ack { args, id, attachments: 0 } => {
                if let Some((socket, true)) = client {
                    self.on_ack(socket, id, Args::new(args, Vec::new()));
                }
            }
            Body::Event { name, rest, id, attachments } => {
                let message = EventMessage::new(&name, rest);
                let partial = Partial::event(message, id, attachments);
                self.sessions.await_attachments(now, slot, to, partial);
            }
            Body::Ack { args, id, attachments } => {
                let partial = Partial::ack(args, id, attachments);
                self.sessions.await_attachments(now, slot, to, partial);
            }
            Body::Connect { .. } | Body::ConnectError { .. } => {}
        }
        Ok(())
    }

    #[inline(always)]
    pub(in crate::server) fn deliver(
        &mut self,
        socket: Socket,
        message: EventMessage,
        id: Option<u64>,
    ) {
        let ack = id.map(|id| AckToken { socket, id });
        self.outputs.tell(Event::Message { socket, message, ack });
    }

    #[inline(never)]
    fn deliver_other(&mut self, socket: Socket, message: EventMessage, id: Option<u64>) {
        self.deliver(socket, message, id);
    }

    fn on_ack(&mut self, socket: Socket, id: u64, args: Args) {
        self.answers.on_ack(socket, id, args, (&mut self.space, &mut self.outputs));
    }

    fn received(&mut self, slot: u32, message: Received) {
        if let Some(session) = self.sessions.public_key(slot) {
            self.outputs.tell(Event::Received { session, message });
        }
    }
}

impl Sessions {
    /// A message on a WebSocket that is being tried: anything but the next step ends the try.
    fn on_probe_message(&mut self, now: Tick, slot: u32, link: Link, message: Message<'_>) {
        let packet = match message {
            Message::Text(text) => Engine::parse(text).ok(),
            Message::Binary(_) => None,
        };
        self.note_life(now, slot);
        let accepted = match packet {
            Some(Engine::Ping("probe")) => {
                let next = self.at(slot).and_then(|session| session.transport.on_probe());
                if let (Some(next), Some(session)) = (next, self.at_mut(slot)) {
                    session.transport = next;
                    self.mark_ready(link);
                }
                next.is_some()
            }
            Some(Engine::Upgrade) => self.upgrade(slot),
            Some(_) | None => false,
        };
        if !accepted {
            self.give_up_probe(slot);
        }
    }

    /// Adds an attachment to the packet that waits for it; returns the packet when that was the last.
    #[inline]
    fn attach_to_packet(
        &mut self,
        slot: u32,
        bytes: Bytes,
    ) -> Result<Option<Box<Awaited>>, Violation> {
        let Some(session) = self.table.at_mut(slot) else { return Ok(None) };
        let awaited = session.partial.as_mut().ok_or(Violation::AttachmentUnexpected)?;
        let partial = &mut awaited.partial;
        let before = partial.bytes_held();
        let whole = partial.add(bytes, &self.config.limits)?;
        self.budget.aside += partial.bytes_held() - before;
        if !whole {
            return Ok(None);
        }
        self.budget.aside -= session.partial_bytes();
        Ok(session.partial.take())
    }

    fn await_attachments(&mut self, now: Tick, slot: u32, to: Option<Socket>, partial: Partial) {
        if let Some(session) = self.table.at_mut(slot) {
            let due = self.timers.arm(Due::Partial, now, slot);
            self.budget.aside += partial.bytes_held();
            session.partial = Some(Box::new(Awaited { partial, to, due }));
        }
        self.compact_timers_of(Due::Partial);
    }

    /// What follows `b`, and in revision 3 the type of the packet, in a packet that is base64.
    fn content_of_base64<'a>(&self, slot: u32, text: &'a str) -> Result<&'a str, Violation> {
        match self.at(slot).map(|session| session.terms.revision) {
            Some(Revision::V3(_)) => text.strip_prefix('4').ok_or(Violation::UnknownPacket),
            Some(Revision::V4) | None => Ok(text),
        }
    }

    /// A PONG came.
    fn note_pong(&mut self, now: Tick, slot: u32) -> Result<(), Violation> {
        let Some(session) = self.table.at_mut(slot) else { return Ok(()) };
        session.beat.pong(|| self.timers.arm(Due::Ping, now, slot))
    }

    /// A PING came.
    fn note_ping(&mut self, now: Tick, slot: u32) -> Result<(), Violation> {
        let Some(session) = self.table.at_mut(slot) else { return Ok(()) };
        session.beat.ping(|| self.timers.arm(Due::Silence, now, slot))?;
        self.compact_timers();
        Ok(())
    }

    /// Another packet came.
    #[inline(always)]
    fn note_life(&mut self, now: Tick, slot: u32) {
        if let Some(session) = self.table.at_mut(slot) {
            session.beat.other(|| self.timers.arm(Due::Pong, now, slot));
        }
    }
}
