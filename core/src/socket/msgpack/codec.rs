//! One packet is one binary message: a map.
//!
//! ```text
//! packet = map of  "type"  integer from 0 to 4
//!                  "nsp"   str
//!                  "data"  any; without it, nil and undefined are the same
//!                  "id"    integer, for events (optional) and acknowledgements
//!                  str     anything: what is not known is skipped
//! ```
//!
//! Each of the four comes once at most, in any order.

use bytes::Bytes;
use std::borrow::Cow;

use super::read::{Json, Reader, Token};
use super::write;
use crate::error::Violation;
use crate::limits::Limits;
use crate::parser::{MessageKind, PacketKind, Parser, RawPacket};

/// Writes packets in MessagePack, as `socket.io-msgpack-parser` of JavaScript and the serializer `msgpack` of
/// Python do.
///
/// Binary is part of its packet: it is neither sent apart nor, on a WebSocket, longer than it is. Handlers see no
/// difference: arguments are JSON with attachments, as ever. What JSON lacks becomes what JavaScript makes of it:
///
/// | MessagePack | JSON |
/// |---|---|
/// | bin, and ext 0 of any length (a JavaScript `ArrayBuffer`) | an attachment |
/// | integers | all their digits, also beyond 2^53 |
/// | floats | as short as they can be told apart, with a point or an exponent; infinite and not a number: `null` |
/// | timestamp (ext -1), and ext 0 of 8 bytes (a JavaScript `Date`) | the time as text, `"2026-01-31T12:00:00.000Z"` |
/// | undefined (ext 0 of one byte) | no member of an object; `null` in an array |
/// | a key that is a number, nil or a boolean | the key as text |
/// | other extensions, other keys | the session ends |
#[derive(Clone, Copy, Debug, Default)]
pub struct Msgpack;

impl Parser for Msgpack {
    fn encode(&self, packet: &RawPacket<'_>, out: &mut Vec<u8>) -> MessageKind {
        // JavaScript refuses a DISCONNECT with nil for data, so what is not there is left out.
        let (id, data) = (packet.id, &*packet.data);
        write::put_map(out, 2 + usize::from(id.is_some()) + usize::from(!data.is_empty()));
        write::put_str(out, "type");
        write::put_uint(out, packet.kind.number().into());
        if !data.is_empty() {
            write::put_str(out, "data");
            write::put_json(out, data, &packet.attachments);
        }
        write::put_str(out, "nsp");
        write::put_str(out, &packet.namespace);
        if let Some(id) = id {
            write::put_str(out, "id");
            write::put_uint(out, id);
        }
        MessageKind::Binary
    }

    fn decode_binary<'m>(
        &self,
        message: &'m [u8],
        limits: &Limits,
    ) -> Result<RawPacket<'m>, Violation> {
        let mut reader = Reader::new(message);
        let Token::Map(count) = reader.token()? else { return Err(Violation::InvalidPacket) };
        let mut fields = Fields::default();
        for _ in 0..count {
            fields.take(&mut reader, limits)?;
        }
        if reader.is_at_end() { fields.packet() } else { Err(Violation::InvalidPacket) }
    }
}

/// What was read of a packet so far.
#[derive(Default)]
struct Fields<'m> {
    kind: Option<PacketKind>,
    namespace: Option<&'m str>,
    id: Option<Option<u64>>,
    data: Option<(String, Vec<Bytes>)>,
}

impl<'m> Fields<'m> {
    /// Reads a key and its value.
    fn take(&mut self, reader: &mut Reader<'m>, limits: &Limits) -> Result<(), Violation> {
        let Token::Str(key) = reader.token()? else { return Err(Violation::InvalidPacket) };
        match key {
            "type" => once(&mut self.kind, kind(&reader.token()?)?),
            "nsp" => {
                let Token::Str(name) = reader.token()? else {
                    return Err(Violation::InvalidPacket);
                };
                once(&mut self.namespace, name)
            }
            "id" => once(&mut self.id, id(&reader.token()?)?),
            "data" => {
                let mut json = Json::new(reader, limits.attachments);
                let token = json.token()?;
                if !matches!(token, Token::Nil | Token::Undefined) {
                    json.put(token)?;
                }
                once(&mut self.data, json.finish())
            }
            _ => reader.skip(),
        }
    }

    fn packet(self) -> Result<RawPacket<'m>, Violation> {
        let (Some(kind), Some(namespace)) = (self.kind, self.namespace) else {
            return Err(Violation::InvalidPacket);
        };
        let (data, attachments) = self.data.unwrap_or_default();
        Ok(RawPacket {
            kind,
            namespace: Cow::Borrowed(namespace),
            id: self.id.flatten(),
            data: Cow::Owned(data),
            attachments: Cow::Owned(attachments),
        })
    }
}

fn kind(token: &Token<'_>) -> Result<PacketKind, Violation> {
    let kind =
        if let Token::Uint(number) = token { PacketKind::from_number(*number) } else { None };
    kind.ok_or(Violation::InvalidPacket)
}

fn id(token: &Token<'_>) -> Result<Option<u64>, Violation> {
    if let Token::Uint(id) = token {
        return Ok(Some(*id));
    }
    let none = matches!(token, Token::Nil | Token::Undefined);
    if none { Ok(None) } else { Err(Violation::InvalidPacket) }
}

/// Takes a value that may come once.
fn once<T>(place: &mut Option<T>, value: T) -> Result<(), Violation> {
    if place.replace(value).is_some() { Err(Violation::InvalidPacket) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
