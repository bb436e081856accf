//! Events in packets, as shards hand them on.

use std::fmt;
use std::sync::Arc;

use crate::limits::Limits;
use crate::parser::Parser;
use crate::recovery::offset;
use crate::socket::encoded::{Packet, Part};
use crate::socket::encoder::Encoder;
use crate::socket::{ArgsRef, EventMessage, PacketReader, SocketBody};

/// Reads packets of this process, and writes those for its clients.
#[derive(Debug)]
pub(super) struct Packets {
    parser: Option<Arc<dyn Parser>>,
    encoder: Encoder,
    limits: Limits,
}

impl Packets {
    pub(super) fn new(parser: Option<&Arc<dyn Parser>>) -> Self {
        // What this process wrote has passed its limits.
        let limits = Limits {
            attachments: u32::MAX,
            attachment_bytes: usize::MAX,
            max_payload: usize::MAX,
            ..Limits::default()
        };
        Self { parser: parser.cloned(), encoder: Encoder::new(parser), limits }
    }

    /// Returns the event of a packet.
    pub(super) fn read(&self, packet: &Packet) -> Option<EventMessage> {
        let mut reader = PacketReader::new(self.parser.clone());
        for n in 0.. {
            let read = match packet.content(n)? {
                Part::Text(text) => {
                    let text = std::str::from_utf8(text.strip_prefix(b"4")?).ok()?;
                    reader.text(text, &self.limits)
                }
                Part::Binary(bytes) => reader.binary(bytes, &self.limits),
            };
            if let Some(packet) = read.ok()? {
                return match packet.body {
                    SocketBody::Event { message, .. } => Some(message),
                    SocketBody::Ack { .. }
                    | SocketBody::Connect { .. }
                    | SocketBody::ConnectError { .. }
                    | SocketBody::Disconnect => None,
                };
            }
        }
        None
    }

    /// Returns the packet of an event, with the number under which acknowledgements are awaited.
    pub(super) fn write(
        &mut self,
        namespace: &str,
        event: &EventMessage,
        id: Option<u64>,
    ) -> Packet {
        self.encoder.event(namespace, event.name(), event.args(), id).packet()
    }

    /// Returns the packet of an event with its name behind its arguments.
    pub(super) fn write_named(
        &mut self,
        namespace: &str,
        event: &EventMessage,
        name: impl fmt::Display,
    ) -> Packet {
        let mut text = String::with_capacity(event.json().len() + 32);
        offset::append(&mut text, event.args(), name);
        let args = ArgsRef::from_valid(&text, event.attachments());
        self.encoder.event(namespace, event.name(), args, None).packet()
    }
}
