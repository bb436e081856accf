//! Payloads of long-polling: the packets of one body (engine.io-protocol v4, "HTTP long-polling"; v3,
//! "Payload", as text).
//!
//! ```text
//! v4     = packet *( U+001E packet )          binary as "b" base64
//! v3     = *( length ":" packet )             binary as "b4" base64
//! length = 1*DIGIT                            ; of the packet, in UTF-16 code units
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::terms::{Revision, Terms};
use crate::error::Violation;
use crate::socket::encoded::{Packet, Part};

/// Appends a packet in the [form](super::forms) of `terms`, with its attachments.
pub(crate) fn put(out: &mut Vec<u8>, terms: Terms, packet: &Packet) {
    for n in 0..packet.parts() {
        let Some(part) = packet.content(n) else { return };
        put_part(out, terms, part);
    }
}

/// Appends one part of a packet.
#[inline]
pub(crate) fn put_part(out: &mut Vec<u8>, terms: Terms, part: Part<'_>) {
    match terms.revision {
        Revision::V3 => put_measured(out, part),
        Revision::V4 => put_separated(out, part),
    }
}

/// Bytes that a part takes in a payload of revision 4, without a separator.
pub(crate) fn part_len(part: Part<'_>) -> usize {
    match part {
        Part::Text(text) => text.len(),
        Part::Binary(bytes) => 1 + base64_len(bytes),
    }
}

/// Appends a part to a payload of revision 4.
pub(crate) fn put_separated(out: &mut Vec<u8>, part: Part<'_>) {
    if !out.is_empty() {
        out.push(SEPARATOR);
    }
    match part {
        Part::Text(text) => out.extend_from_slice(text),
        Part::Binary(bytes) => put_base64(out, b"b", bytes),
    }
}

fn put_measured(out: &mut Vec<u8>, part: Part<'_>) {
    match part {
        Part::Text(text) => {
            // A character of four bytes is two units, any other is one.
            let units = text.iter().map(|byte| match byte {
                0x80..=0xbf => 0,
                0xf0.. => 2,
                _ => 1,
            });
            put_length(out, units.sum());
            out.extend_from_slice(text);
        }
        // The type of a binary message is its first byte: see `Forms`.
        Part::Binary(bytes) => {
            let bytes = bytes.get(1..).unwrap_or_default();
            put_length(out, 2 + base64_len(bytes));
            put_base64(out, b"b4", bytes);
        }
    }
}

fn put_length(out: &mut Vec<u8>, length: usize) {
    out.extend_from_slice(length.to_string().as_bytes());
    out.push(b':');
}

fn put_base64(out: &mut Vec<u8>, kind: &[u8], bytes: &[u8]) {
    out.extend_from_slice(kind);
    let start = out.len();
    out.resize(start + base64_len(bytes), 0);
    let written = STANDARD.encode_slice(bytes, &mut out[start..]);
    debug_assert!(written.is_ok(), "the room is as long as padded base64");
}

fn base64_len(bytes: &[u8]) -> usize {
    bytes.len().div_ceil(3) * 4
}

/// Splits a payload into its packets.
pub(crate) fn split(terms: Terms, text: &str) -> Packets<'_> {
    match terms.revision {
        Revision::V3 => Packets::Measured(text),
        Revision::V4 => Packets::Separated(Some(text)),
    }
}

const SEPARATOR: u8 = 0x1e;

/// The packets of a payload. After an error nothing more comes.
#[derive(Debug)]
pub(crate) enum Packets<'a> {
    Measured(&'a str),
    Separated(Option<&'a str>),
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<&'a str, Violation>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Separated(rest) => {
                let text = rest.take()?;
                let Some(end) = memchr::memchr(SEPARATOR, text.as_bytes()) else {
                    return Some(Ok(text));
                };
                *rest = Some(&text[end + 1..]);
                Some(Ok(&text[..end]))
            }
            Self::Measured("") => None,
            Self::Measured(text) => match measured(text) {
                Some((packet, rest)) => {
                    *text = rest;
                    Some(Ok(packet))
                }
                None => {
                    *text = "";
                    Some(Err(Violation::UnknownPacket))
                }
            },
        }
    }
}

/// Splits off a packet behind its length.
fn measured(text: &str) -> Option<(&str, &str)> {
    let (length, rest) = text.split_once(':')?;
    if !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let mut units: usize = length.parse().ok()?;
    for (at, character) in rest.char_indices() {
        if units == 0 {
            return Some((&rest[..at], &rest[at..]));
        }
        units = units.checked_sub(character.len_utf16())?;
    }
    (units == 0).then_some((rest, ""))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::forms::Forms;
    use crate::socket::ArgsRef;
    use crate::socket::encoded::Encoder;
    use bytes::Bytes;
    use proptest::prelude::*;

    const V3: Terms = Terms { revision: Revision::V3, window: None };
    const V4: Terms = Terms::COMMON;

    fn written(terms: Terms, packets: &[Packet]) -> String {
        let mut out = Vec::new();
        let forms = packets.iter().map(|packet| Forms::default().of(packet.clone(), terms));
        forms.for_each(|packet| put(&mut out, terms, &packet));
        String::from_utf8(out).expect("payloads are text")
    }

    #[test]
    fn packets_are_written_as_each_revision_has_them() {
        let attachments = [Bytes::from_static(b"\x01\x02\x03"), Bytes::new()];
        let args = ArgsRef::from_valid("[]", &attachments);
        let packets = [
            Packet::engine("4\u{20ac}\u{1f600}".as_bytes()),
            Encoder::default().event("/", "x", args, None).packet(),
        ];
        assert_eq!(written(V4, &packets), "4\u{20ac}\u{1f600}\u{1e}452-[\"x\"]\u{1e}bAQID\u{1e}b");
        assert_eq!(written(V3, &packets), "4:4\u{20ac}\u{1f600}9:452-[\"x\"]6:b4AQID2:b4");
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        for text in ["2", "2:", "2:4", "a:4", ":4", "-1:4", "+1:4", "1:\u{1f600}", "1:44"] {
            let last = split(V3, text).last();
            assert_eq!(last, Some(Err(Violation::UnknownPacket)), "{text}");
        }
        assert_eq!(split(V3, "").last(), None);
        assert_eq!(split(V3, "0:1:4").collect::<Vec<_>>(), [Ok(""), Ok("4")]);
        assert_eq!(split(V4, "").collect::<Vec<_>>(), [Ok("")]);
    }

    proptest! {
        #[test]
        fn packets_are_read_as_they_were_written(
            texts in prop::collection::vec("4[^\u{1e}]{0,20}", 1..10),
        ) {
            let packets: Vec<Packet> = texts.iter().map(|t| Packet::engine(t.as_bytes())).collect();
            for terms in [V3, V4] {
                let payload = written(terms, &packets);
                let read: Result<Vec<&str>, Violation> = split(terms, &payload).collect();
                prop_assert_eq!(read, Ok(texts.iter().map(String::as_str).collect()));
            }
        }
    }
}
