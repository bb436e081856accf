//! Packets of the server.

use bytes::Bytes;
use std::borrow::Cow;

use super::space::{Namespace, Status};
use crate::client::Client;
use crate::client::engine::engine::Incoming;
use crate::client::event::{AckToken, Event};
use crate::engine::terms::Revision;
use crate::error::Violation;
use crate::parser::RawPacket;
use crate::socket::attach::{Partial, Whole, bytes_of};
use crate::socket::packet::{self, Body};
use crate::socket::{Args, EventMessage};
use crate::time::Tick;

impl Client {
    /// One text message: a packet, as the protocol or a parser writes it.
    pub(in crate::client) fn on_text(&mut self, now: Tick, text: &str) -> Result<(), Violation> {
        if let Some(parser) = &self.config.parser {
            let raw = parser.decode_text(text, &self.config.limits)?;
            return self.on_raw(now, &raw);
        }
        if self.engine.incoming.is_some() {
            return Err(Violation::AttachmentsMissing);
        }
        let most = self.config.limits.attachments;
        match self.engine.revision {
            Revision::V3(_) => self.on_socket_io_2(now, packet::parse_of_v2(text, most)?),
            Revision::V4 => self.on_socket_io(now, packet::parse(text, most)?),
        }
    }

    /// A packet that a parser read, with its attachments.
    fn on_raw(&mut self, now: Tick, raw: &RawPacket<'_>) -> Result<(), Violation> {
        let packet = packet::check(raw, &self.config.limits)?;
        match self.engine.revision {
            Revision::V3(_) => self.on_socket_io_2(now, packet),
            Revision::V4 => self.on_socket_io(now, packet),
        }?;
        raw.attachments.iter().try_for_each(|bytes| self.on_attachment(now, bytes.clone()))
    }

    /// One Socket.IO packet. Those for namespaces that are not joined mean nothing.
    pub(super) fn on_socket_io(
        &mut self,
        now: Tick,
        packet: packet::Packet<'_>,
    ) -> Result<(), Violation> {
        let to = self.spaces.find(packet.namespace);
        match (packet.body, to) {
            (Body::Event { name, rest, id, attachments: 0 }, Some(to)) => {
                self.on_event(to, EventMessage::new(&name, rest), id)?;
            }
            (Body::Ack { args, id, attachments: 0 }, Some(to)) => {
                self.on_ack(now, to, id, Args::new(args, Vec::new()));
            }
            (Body::Event { name, rest, id, attachments: attachments @ 1.. }, to) => {
                let message = EventMessage::new(&name, rest);
                self.await_attachments(now, to, Partial::event(message, id, attachments));
            }
            (Body::Ack { args, id, attachments: attachments @ 1.. }, to) => {
                self.await_attachments(now, to, Partial::ack(args, id, attachments));
            }
            (Body::Connect { auth }, Some(to)) => self.on_connect(now, to, auth),
            (Body::ConnectError { reason }, Some(to)) => self.on_refused(now, to, reason),
            (Body::Disconnect, Some(to)) => self.on_disconnected(now, to),
            (
                Body::Ack { .. }
                | Body::Connect { .. }
                | Body::ConnectError { .. }
                | Body::Disconnect
                | Body::Event { .. },
                None,
            ) => {}
        }
        Ok(())
    }

    /// One binary message: an attachment of the packet that announced it, or a packet of a parser.
    pub(in crate::client) fn on_binary(
        &mut self,
        now: Tick,
        bytes: Cow<'_, [u8]>,
    ) -> Result<(), Violation> {
        if let Some(parser) = &self.config.parser {
            let raw = parser.decode_binary(&bytes, &self.config.limits)?;
            return self.on_raw(now, &raw);
        }
        self.on_attachment(now, bytes_of(bytes))
    }

    /// An attachment of the packet that waits for it.
    fn on_attachment(&mut self, now: Tick, bytes: Bytes) -> Result<(), Violation> {
        let mut incoming = self.engine.incoming.take().ok_or(Violation::AttachmentUnexpected)?;
        if !incoming.partial.add(bytes, &self.config.limits)? {
            self.engine.incoming = Some(incoming);
            return Ok(());
        }
        let Some(to) = incoming.to else { return Ok(()) };
        match incoming.partial.finish() {
            Whole::Event { message, id } => self.on_event(to, message, id)?,
            Whole::Ack { args, id } => self.on_ack(now, to, id, args),
        }
        Ok(())
    }

    fn await_attachments(&mut self, now: Tick, to: Option<Namespace>, partial: Partial) {
        let due = now.after(self.config.limits.attachment_time);
        self.engine.incoming = Some(Box::new(Incoming { partial, to, due }));
    }

    /// An event. One that comes before the answer to CONNECT waits for it.
    fn on_event(
        &mut self,
        namespace: Namespace,
        message: EventMessage,
        id: Option<u64>,
    ) -> Result<(), Violation> {
        let bounds = self.config.offline;
        let Some(space) = self.spaces.get_mut(namespace) else { return Ok(()) };
        match space.status {
            Status::Joined { .. } => self.deliver(namespace, message, id),
            Status::Joining { .. } if !space.left => {
                let attachments = message.attachments().iter().map(Bytes::len).sum::<usize>();
                space.early_bytes += message.name().len() + message.json().len() + attachments;
                if space.early.len() >= bounds.events || space.early_bytes > bounds.bytes {
                    return Err(Violation::NotConnected);
                }
                space.early.push_back((message, id));
            }
            Status::Authenticating
            | Status::Joining { .. }
            | Status::Left
            | Status::Retracting
            | Status::Waiting => {}
        }
        Ok(())
    }

    /// Hands an event of a joined namespace to the application.
    pub(super) fn deliver(&mut self, namespace: Namespace, message: EventMessage, id: Option<u64>) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if let Some(memory) = &mut space.memory {
            memory.note(&message);
        }
        let visit = space.visit;
        let ack = id.map(|id| AckToken { namespace, visit, id });
        self.outputs.tell(Event::Message { namespace, message, ack });
    }
}
