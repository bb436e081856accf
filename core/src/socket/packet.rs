//! The text of a Socket.IO packet, read and written.
//!
//! ```text
//! packet      = type [ attachments "-" ] [ namespace "," ] [ id ] [ json ]
//! type        = "0" CONNECT / "1" DISCONNECT / "2" EVENT / "3" ACK / "4" CONNECT_ERROR
//!             / "5" BINARY_EVENT / "6" BINARY_ACK
//! attachments = 1*digit       BINARY_EVENT and BINARY_ACK, and required there
//! namespace   = "/" *char     "/" itself is left out; its comma may be missing at the end
//! id          = 1*digit       EVENT (optional) and ACK (required), at most 2^53 - 1
//! json        = object        CONNECT (optional)
//!             / object/string CONNECT_ERROR (optional)
//!             / array         EVENT and ACK (required), an event's begins with its name
//! ```
//!
//! socket.io-protocol v5, "Packet encoding"; stricter where JavaScript's number conversion would
//! let through what no encoder writes.

use bytes::Bytes;
use std::borrow::Cow;

use super::scan;
use crate::error::Violation;
use crate::limits::Limits;
pub(crate) use crate::parser::PacketKind as Kind;
use crate::parser::RawPacket;

/// A packet, borrowed from its text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    /// As it was written, with its query if it has one; "/" when absent.
    pub namespace: &'a str,
    pub body: Body<'a>,
}

/// What a packet says; JSON was checked and is passed on as text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body<'a> {
    /// The peer enters the namespace, with an object if it has something to show for itself.
    Connect { auth: Option<&'a str> },
    /// The peer leaves the namespace.
    Disconnect,
    /// An event: its name, and its arguments from after the name's comma to the closing bracket.
    Event { name: Cow<'a, str>, rest: &'a str, id: Option<u64>, attachments: u32 },
    /// The answer to the event with that id, as an array.
    Ack { args: &'a str, id: u64, attachments: u32 },
    /// The peer was refused, for an object or a string.
    ConnectError { reason: Option<&'a str> },
}

/// An event in the main namespace without attachments.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct MainEvent<'a> {
    /// As it was written: it has no escapes.
    pub name: &'a str,
    /// Its arguments from after the name's comma to the closing bracket.
    pub rest: &'a str,
    pub id: Option<u64>,
}

/// All of a packet but its JSON, which was not looked at.
struct Head<'a> {
    kind: Kind,
    attachments: u32,
    namespace: &'a str,
    id: Option<u64>,
    json: &'a str,
}

/// Reads an event in the main namespace without attachments, as nearly every packet is. `None` says nothing
/// about the packet.
#[inline(always)]
pub(crate) fn main_event(text: &str) -> Result<Option<MainEvent<'_>>, Violation> {
    let Some(text) = text.strip_prefix('2') else { return Ok(None) };
    let (id, text) = id(text)?;
    let event = scan::plain_event(text)?;
    Ok(event.map(|(name, rest)| MainEvent { name, rest, id }))
}

/// Reads a packet that may announce up to `max_attachments`.
pub(crate) fn parse(text: &str, max_attachments: u32) -> Result<Packet<'_>, Violation> {
    let Head { kind, attachments, namespace, id, json } = head(text, max_attachments)?;
    Ok(Packet { namespace, body: body(kind, attachments, id, json)? })
}

/// Reads a packet of a server of Socket.IO 2, which refuses with any value (socket.io-protocol v4, "ERROR").
pub(crate) fn parse_of_v2(text: &str, max_attachments: u32) -> Result<Packet<'_>, Violation> {
    let Head { kind, attachments, namespace, id, json } = head(text, max_attachments)?;
    let body = if kind == Kind::ConnectError {
        Body::ConnectError { reason: optional(json, |text| scan::value(text, 0))? }
    } else {
        body(kind, attachments, id, json)?
    };
    Ok(Packet { namespace, body })
}

/// Checks a packet that a parser read.
pub(crate) fn check<'a>(raw: &'a RawPacket<'_>, limits: &Limits) -> Result<Packet<'a>, Violation> {
    let attachments = u32::try_from(raw.attachments.len()).unwrap_or(u32::MAX);
    if attachments > limits.attachments {
        return Err(Violation::TooManyAttachments);
    }
    let namespace = &*raw.namespace;
    let valid = namespace.starts_with('/') && memchr::memchr(b',', namespace.as_bytes()).is_none();
    if !valid || raw.id.is_some_and(|id| id > MAX_ID) {
        return Err(Violation::InvalidPacket);
    }
    if attachments > 0 && !matches!(raw.kind, Kind::Event | Kind::Ack) {
        return Err(Violation::IllegalAttachments);
    }
    Ok(Packet { namespace, body: body(raw.kind, attachments, raw.id, &raw.data)? })
}

/// What a parser is to see of a packet of ours; `None` when the text is no packet.
pub(crate) fn raw<'a>(text: &'a str, attachments: &'a [Bytes]) -> Option<RawPacket<'a>> {
    let Head { kind, namespace, id, json, .. } = head(text, u32::MAX).ok()?;
    let (namespace, data) = (Cow::Borrowed(namespace), Cow::Borrowed(json));
    Some(RawPacket { kind, namespace, id, data, attachments: Cow::Borrowed(attachments) })
}

#[inline(always)]
fn head(text: &str, max_attachments: u32) -> Result<Head<'_>, Violation> {
    let digit = text.bytes().next().ok_or(Violation::InvalidPacket)?;
    let (kind, is_binary) = match digit {
        b'0' => (Kind::Connect, false),
        b'1' => (Kind::Disconnect, false),
        b'2' => (Kind::Event, false),
        b'3' => (Kind::Ack, false),
        b'4' => (Kind::ConnectError, false),
        b'5' => (Kind::Event, true),
        b'6' => (Kind::Ack, true),
        _ => return Err(Violation::InvalidPacket),
    };
    let text = &text[1..];
    let (attachments, text) = if is_binary { announced(text, max_attachments)? } else { (0, text) };
    let (namespace, text) = namespace(text);
    let (id, json) = match kind {
        Kind::Event | Kind::Ack => id(text)?,
        Kind::Connect | Kind::ConnectError | Kind::Disconnect => (None, text),
    };
    Ok(Head { kind, attachments, namespace, id, json })
}

/// Checks what a packet of that kind carries.
#[inline(always)]
fn body(kind: Kind, attachments: u32, id: Option<u64>, json: &str) -> Result<Body<'_>, Violation> {
    Ok(match kind {
        Kind::Connect => Body::Connect { auth: optional(json, scan::object)? },
        Kind::Disconnect if json.is_empty() => Body::Disconnect,
        Kind::Disconnect => return Err(Violation::InvalidPacket),
        Kind::Event => {
            let scan::Elements { name, rest } = scan::event(json, attachments)?;
            Body::Event { name, rest, id, attachments }
        }
        Kind::Ack => {
            let id = id.ok_or(Violation::InvalidPacket)?;
            scan::array(json, attachments)?;
            Body::Ack { args: json, id, attachments }
        }
        Kind::ConnectError => {
            Body::ConnectError { reason: optional(json, scan::object_or_string)? }
        }
    })
}

/// Appends all of a packet up to its JSON.
pub(crate) fn put_header(
    out: &mut Vec<u8>,
    kind: Kind,
    attachments: u32,
    namespace: &str,
    id: Option<u64>,
) {
    out.push(match (kind, attachments) {
        (Kind::Connect, _) => b'0',
        (Kind::Disconnect, _) => b'1',
        (Kind::Event, 0) => b'2',
        (Kind::Ack, 0) => b'3',
        (Kind::ConnectError, _) => b'4',
        (Kind::Event, _) => b'5',
        (Kind::Ack, _) => b'6',
    });
    if attachments > 0 {
        put_number(out, attachments.into());
        out.push(b'-');
    }
    if namespace != "/" {
        out.extend_from_slice(namespace.as_bytes());
        out.push(b',');
    }
    if let Some(id) = id {
        put_number(out, id);
    }
}

/// Appends the inside of a JSON string, escaped where it must be, as `JSON.stringify` does.
#[inline]
pub(crate) fn put_escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let (plain, rest) = bytes.split_at(scan::plain(bytes));
    out.extend_from_slice(plain);
    if !rest.is_empty() {
        put_marked(out, rest);
    }
}

/// The same for what begins with a mark.
#[inline(never)]
fn put_marked(out: &mut Vec<u8>, mut bytes: &[u8]) {
    while let Some((&mark, after)) = bytes.split_first() {
        put_escape(out, mark);
        let (plain, rest) = after.split_at(scan::plain(after));
        out.extend_from_slice(plain);
        bytes = rest;
    }
}

/// Splits off the number of attachments, before any of the rest is looked at.
fn announced(text: &str, max: u32) -> Result<(u32, &str), Violation> {
    let (digits, rest) = digits(text);
    let attachments = match digits.parse() {
        Ok(0) => Err(Violation::IllegalAttachments),
        Ok(count) if count <= max => Ok(count),
        _ if digits.is_empty() => Err(Violation::InvalidPacket),
        _ => Err(Violation::TooManyAttachments),
    }?;
    let rest = rest.strip_prefix('-').ok_or(Violation::InvalidPacket)?;
    Ok((attachments, rest))
}

fn namespace(text: &str) -> (&str, &str) {
    if !text.starts_with('/') {
        return ("/", text);
    }
    match memchr::memchr(b',', text.as_bytes()) {
        Some(comma) => (&text[..comma], &text[comma + 1..]),
        None => (text, ""),
    }
}

#[inline(always)]
fn id(text: &str) -> Result<(Option<u64>, &str), Violation> {
    match text.as_bytes().first() {
        Some(b'0'..=b'9') => number(text),
        Some(_) | None => Ok((None, text)),
    }
}

#[inline(never)]
fn number(text: &str) -> Result<(Option<u64>, &str), Violation> {
    let (digits, rest) = digits(text);
    match digits.parse() {
        Ok(id) if id <= MAX_ID => Ok((Some(id), rest)),
        _ => Err(Violation::InvalidPacket),
    }
}

fn digits(text: &str) -> (&str, &str) {
    let end = text.bytes().position(|byte| !byte.is_ascii_digit()).unwrap_or(text.len());
    text.split_at(end)
}

fn optional(
    text: &str,
    check: fn(&str) -> Result<(), Violation>,
) -> Result<Option<&str>, Violation> {
    if text.is_empty() {
        return Ok(None);
    }
    check(text).map(|()| Some(text))
}

fn put_number(out: &mut Vec<u8>, mut number: u64) {
    let start = out.len();
    loop {
        out.push(b'0' + (number % 10) as u8);
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out[start..].reverse();
}

fn put_escape(out: &mut Vec<u8>, mark: u8) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let short = match mark {
        0x08 => b'b',
        0x0c => b'f',
        b'\n' => b'n',
        b'\r' => b'r',
        b'\t' => b't',
        b'"' | b'\\' => mark,
        _ => {
            out.extend_from_slice(b"\\u00");
            out.extend([HEX[usize::from(mark >> 4)], HEX[usize::from(mark & 0xf)]]);
            return;
        }
    };
    out.extend([b'\\', short]);
}

/// The largest id a JavaScript peer can echo unchanged: 2^53 - 1.
const MAX_ID: u64 = (1 << 53) - 1;

#[cfg(test)]
mod tests;
