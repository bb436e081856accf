//! Whole Socket.IO packets of either end: read from messages, written as frames.

use bytes::Bytes;
use std::sync::Arc;

use super::attach::{Partial, Whole};
use super::encoder::Encoder;
use super::packet::{self, Body};
use super::{Args, EventMessage, Frame};
use crate::error::Violation;
use crate::limits::Limits;
use crate::parser::{Parser, RawPacket};

/// A Socket.IO packet with its attachments (socket.io-protocol v5, "Packet encoding").
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SocketPacket {
    /// The namespace, with the query it was written with.
    pub namespace: Box<str>,
    /// The content.
    pub body: SocketBody,
}

/// The content of a Socket.IO packet. JSON is passed on as text.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum SocketBody {
    /// The acknowledgement of the event with this id.
    Ack {
        /// The arguments.
        args: Args,
        /// The id.
        id: u64,
    },
    /// A client asks to enter the namespace, or the server lets it in.
    Connect {
        /// A JSON object: the auth payload of a client, the id that a server gives it.
        payload: Option<Box<str>>,
    },
    /// The server keeps the client out of the namespace.
    ConnectError {
        /// A JSON object or string.
        reason: Option<Box<str>>,
    },
    /// The peer leaves the namespace.
    Disconnect,
    /// An event.
    Event {
        /// Name and arguments.
        message: EventMessage,
        /// The id under which the sender awaits an acknowledgement.
        id: Option<u64>,
    },
}

/// Collects the Socket.IO packets of a session out of its Engine.IO messages.
///
/// Attachments follow their packet as messages of their own. A packet that waits for them is bounded by
/// [`Limits::attachments`] and [`Limits::attachment_bytes`]; how long it may wait is the caller's to say.
#[derive(Debug, Default)]
pub struct PacketReader {
    parser: Option<Arc<dyn Parser>>,
    partial: Option<Box<(Box<str>, Partial)>>,
}

impl SocketPacket {
    /// Encodes the packet as the messages that carry it, the attachments last: payloads begin with the
    /// Engine.IO type, and a [`Conn`](crate::Conn) masks what a client sends.
    #[must_use]
    pub fn frames(&self) -> Vec<Frame> {
        self.frames_by(None)
    }

    /// Encodes the packet as a parser writes it.
    #[must_use]
    pub fn frames_by(&self, parser: Option<&Arc<dyn Parser>>) -> Vec<Frame> {
        let (mut encoder, namespace) = (Encoder::new(parser), &*self.namespace);
        let packet = match &self.body {
            SocketBody::Ack { args, id } => encoder.ack(namespace, args.as_ref(), *id).packet(),
            SocketBody::Connect { payload } => {
                encoder.connect_with(namespace, payload.as_deref().unwrap_or_default())
            }
            SocketBody::ConnectError { reason } => {
                encoder.connect_error(namespace, reason.as_deref().unwrap_or_default())
            }
            SocketBody::Disconnect => encoder.disconnect(namespace),
            SocketBody::Event { message, id } => {
                encoder.event(namespace, message.name(), message.args(), *id).packet()
            }
        };
        packet.frames()
    }
}

impl PacketReader {
    /// Makes a reader of what a parser wrote, or, without one, of what the protocol says.
    #[must_use]
    pub fn new(parser: Option<Arc<dyn Parser>>) -> Self {
        Self { parser, partial: None }
    }

    /// Takes a text message, without its Engine.IO type; returns the packet unless attachments follow.
    ///
    /// # Errors
    /// The rule that the peer broke.
    pub fn text(&mut self, text: &str, limits: &Limits) -> Result<Option<SocketPacket>, Violation> {
        if let Some(parser) = &self.parser {
            let raw = parser.decode_text(text, limits)?;
            return self.raw(&raw, limits);
        }
        if self.partial.is_some() {
            return Err(Violation::AttachmentsMissing);
        }
        Ok(self.packet(packet::parse(text, limits.attachments)?))
    }

    /// Takes a binary message; returns the packet that it completes.
    ///
    /// # Errors
    /// The rule that the peer broke.
    pub fn binary(
        &mut self,
        bytes: &[u8],
        limits: &Limits,
    ) -> Result<Option<SocketPacket>, Violation> {
        if let Some(parser) = &self.parser {
            let raw = parser.decode_binary(bytes, limits)?;
            return self.raw(&raw, limits);
        }
        self.attachment(Bytes::copy_from_slice(bytes), limits)
    }

    /// A packet that a parser read, with its attachments.
    fn raw(
        &mut self,
        raw: &RawPacket<'_>,
        limits: &Limits,
    ) -> Result<Option<SocketPacket>, Violation> {
        let mut read = self.packet(packet::check(raw, limits)?);
        for bytes in raw.attachments.iter() {
            read = self.attachment(bytes.clone(), limits)?;
        }
        Ok(read)
    }

    /// A packet, unless attachments follow.
    fn packet(&mut self, packet: packet::Packet<'_>) -> Option<SocketPacket> {
        let namespace = packet.namespace.into();
        let body = match packet.body {
            Body::Connect { auth } => SocketBody::Connect { payload: auth.map(Box::from) },
            Body::ConnectError { reason } => {
                SocketBody::ConnectError { reason: reason.map(Box::from) }
            }
            Body::Disconnect => SocketBody::Disconnect,
            Body::Event { name, rest, id, attachments } => {
                let message = EventMessage::new(&name, rest);
                return self.collect(namespace, Partial::event(message, id, attachments));
            }
            Body::Ack { args, id, attachments } => {
                return self.collect(namespace, Partial::ack(args, id, attachments));
            }
        };
        Some(SocketPacket { namespace, body })
    }

    /// An attachment of the packet that waits for it.
    fn attachment(
        &mut self,
        bytes: Bytes,
        limits: &Limits,
    ) -> Result<Option<SocketPacket>, Violation> {
        let partial = self.partial.take().ok_or(Violation::AttachmentUnexpected)?;
        let (namespace, mut partial) = *partial;
        partial.add(bytes, limits)?;
        Ok(self.collect(namespace, partial))
    }

    /// Returns the packet, or keeps it until its attachments have come.
    fn collect(&mut self, namespace: Box<str>, partial: Partial) -> Option<SocketPacket> {
        if !partial.is_whole() {
            self.partial = Some(Box::new((namespace, partial)));
            return None;
        }
        let body = match partial.finish() {
            Whole::Ack { args, id } => SocketBody::Ack { args, id },
            Whole::Event { message, id } => SocketBody::Event { message, id },
        };
        Some(SocketPacket { namespace, body })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::ArgsRef;

    /// Reads a packet from its frames.
    fn read(frames: &[Frame]) -> Option<SocketPacket> {
        let (mut reader, limits) = (PacketReader::default(), Limits::default());
        frames.iter().fold(None, |_, frame| {
            let packet = match frame.is_text() {
                true => {
                    let text = std::str::from_utf8(frame.payload()).expect("it is text");
                    reader.text(text.strip_prefix('4').expect("it is a message"), &limits)
                }
                false => reader.binary(frame.payload(), &limits),
            };
            packet.expect("it keeps the rules")
        })
    }

    fn packets() -> [(SocketPacket, &'static str); 7] {
        let attachments = [Bytes::from_static(b"\x01\x02"), Bytes::new()];
        let holes = r#"[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        let args = ArgsRef::from_valid(holes, &attachments);
        let event = |name: &str, args| EventMessage::from_args(name, args);
        let ack = SocketBody::Ack { args: args.to_args(), id: 12 };
        let asking = SocketBody::Event { message: event("\"a", ArgsRef::NONE), id: Some(7) };
        let binary = SocketBody::Event { message: event("b", args), id: None };
        [
            ("/", SocketBody::Connect { payload: None }, "40"),
            ("/a", SocketBody::Connect { payload: Some("{\"t\":1}".into()) }, "40/a,{\"t\":1}"),
            ("/a", SocketBody::ConnectError { reason: Some("\"no\"".into()) }, "44/a,\"no\""),
            ("/a", SocketBody::Disconnect, "41/a,"),
            ("/", asking, "427[\"\\\"a\"]"),
            (
                "/a",
                binary,
                r#"452-/a,["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#,
            ),
            ("/", ack, r#"462-12[{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#),
        ]
        .map(|(namespace, body, text)| (SocketPacket { namespace: namespace.into(), body }, text))
    }

    #[test]
    fn packets_are_written_as_in_the_protocol_and_read_again() {
        for (packet, text) in packets() {
            let frames = packet.frames();
            assert_eq!(frames[0].payload(), text.as_bytes());
            assert_eq!(read(&frames), Some(packet));
        }
    }

    #[test]
    fn attachments_come_behind_their_packet_and_nowhere_else() {
        let (mut reader, limits) = (PacketReader::default(), Limits::default());
        assert_eq!(reader.binary(b"", &limits), Err(Violation::AttachmentUnexpected));
        let text = r#"52-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
        assert_eq!(reader.text(text, &limits), Ok(None));
        assert_eq!(reader.binary(b"", &limits), Ok(None));
        assert_eq!(reader.text("2[\"c\"]", &limits), Err(Violation::AttachmentsMissing));
    }

    #[test]
    fn attachments_are_bounded_in_number_and_bytes() {
        let limits = Limits { attachments: 1, attachment_bytes: 2, ..Limits::default() };
        let hole = r#"["b",{"_placeholder":true,"num":0}]"#;
        let mut reader = PacketReader::default();
        let two = reader.text(&format!("52-{hole}"), &limits);
        assert_eq!(two, Err(Violation::TooManyAttachments));
        for (bytes, fits) in [(&b"ab"[..], true), (b"abc", false)] {
            assert_eq!(reader.text(&format!("51-{hole}"), &limits), Ok(None));
            let packet = reader.binary(bytes, &limits);
            assert_eq!(packet.is_ok_and(|packet| packet.is_some()), fits);
        }
    }
}
