//! Payloads of long-polling: the packets of one body (engine.io-protocol v4, "HTTP long-polling"; v3,
//! "Payload").
//!
//! ```text
//! v4     = packet *( U+001E packet )          binary as "b" base64
//! v3     = *( length ":" packet )             binary as "b4" base64
//!        / *( kind size %xFF bytes )          framed in bytes
//! length = 1*DIGIT                            ; of the packet, in UTF-16 code units
//! kind   = %x00 / %x01                        ; text, or binary that begins with its type, a byte
//! size   = 1*%x00-09                          ; of the packet, in bytes: decimal digits, as numbers
//! ```
//!
//! The first byte tells the two kinds of payload of revision 3 apart.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use super::terms::{Binary, Revision, Terms};
use crate::error::Violation;
use crate::link::Message;
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
    match (terms.revision, part) {
        (Revision::V4, part) => put_separated(out, part),
        (Revision::V3(Binary::Base64), Part::Binary(bytes) | Part::Text(bytes)) => {
            put_measured(out, bytes);
        }
        (Revision::V3(Binary::Bytes), Part::Text(text)) if !is_framed(out) => {
            put_measured(out, text);
        }
        (Revision::V3(Binary::Bytes | Binary::Framed), part) => put_framed(out, part),
    }
}

/// Bytes that a part takes in a payload of revision 4, without a separator.
pub(crate) fn part_len(part: Part<'_>) -> usize {
    match part {
        Part::Text(text) => text.len(),
        Part::Binary(bytes) => 1 + base64_len(bytes),
    }
}

/// Bytes that a packet of one part takes in a payload of revision 3, at most, with what stands before it.
pub(crate) fn most_of_v3(part: Part<'_>, binary: Binary) -> usize {
    let content = match (part, binary) {
        (Part::Binary(bytes), Binary::Base64) => 2 + base64_len(bytes),
        (Part::Binary(bytes), Binary::Bytes | Binary::Framed) => 1 + bytes.len(),
        (Part::Text(text), Binary::Base64 | Binary::Bytes | Binary::Framed) => text.len(),
    };
    HEAD + content
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

/// Whether a payload of revision 3 is framed in bytes.
pub(crate) fn is_framed(payload: &[u8]) -> bool {
    payload.first().is_some_and(|&kind| kind <= BINARY)
}

fn put_measured(out: &mut Vec<u8>, text: &[u8]) {
    // A character of four bytes is two units, any other is one.
    let units = text.iter().map(|byte| match byte {
        0x80..=0xbf => 0,
        0xf0.. => 2,
        _ => 1,
    });
    out.extend_from_slice(units.sum::<usize>().to_string().as_bytes());
    out.push(b':');
    out.extend_from_slice(text);
}

/// Appends a part to a payload that is framed in bytes from here on. Binary has its type already: see
/// [`Forms`](super::forms::Forms).
fn put_framed(out: &mut Vec<u8>, part: Part<'_>) {
    if !out.is_empty() && !is_framed(out) {
        let measured = std::mem::take(out);
        let texts = Packets::Measured(std::str::from_utf8(&measured).unwrap_or_default());
        for text in texts {
            let Ok(Message::Text(text)) = text else { continue };
            put_frame(out, TEXT, text.as_bytes());
        }
    }
    match part {
        Part::Binary(bytes) => put_frame(out, BINARY, bytes),
        Part::Text(text) => put_frame(out, TEXT, text),
    }
}

fn put_frame(out: &mut Vec<u8>, kind: u8, bytes: &[u8]) {
    out.push(kind);
    out.extend(bytes.len().to_string().bytes().map(|digit| digit - b'0'));
    out.push(END);
    out.extend_from_slice(bytes);
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
///
/// # Errors
/// [`Violation::InvalidUtf8`] when it should be text and is not.
pub(crate) fn split(terms: Terms, payload: &[u8]) -> Result<Packets<'_>, Violation> {
    if terms.revision != Revision::V4 && is_framed(payload) {
        return Ok(Packets::Framed(payload));
    }
    let text = std::str::from_utf8(payload).map_err(|_| Violation::InvalidUtf8)?;
    Ok(match terms.revision {
        Revision::V3(_) => Packets::Measured(text),
        Revision::V4 => Packets::Separated(Some(text)),
    })
}

const SEPARATOR: u8 = 0x1e;

/// Kinds of packets in a payload that is framed in bytes.
const TEXT: u8 = 0;
const BINARY: u8 = 1;

/// The end of a size.
const END: u8 = 0xff;

/// Digits of the longest size.
const DIGITS: usize = 10;

/// The longest kind, size and end.
const HEAD: usize = DIGITS + 2;

/// The packets of a payload. After an error nothing more comes; empty packets of revision 3 are passed
/// over.
#[derive(Clone, Debug)]
pub(crate) enum Packets<'a> {
    Framed(&'a [u8]),
    Measured(&'a str),
    Separated(Option<&'a str>),
}

impl<'a> Iterator for Packets<'a> {
    type Item = Result<Message<'a>, Violation>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Separated(rest) => {
                let text = rest.take()?;
                let Some(end) = memchr::memchr(SEPARATOR, text.as_bytes()) else {
                    return Some(Ok(Message::Text(text)));
                };
                *rest = Some(&text[end + 1..]);
                Some(Ok(Message::Text(&text[..end])))
            }
            Self::Framed(_) | Self::Measured(_) => self.next_of_v3(),
        }
    }
}

impl<'a> Packets<'a> {
    /// Whether all packets are texts although the payload is framed in bytes.
    pub(crate) fn frame_texts(&self) -> bool {
        matches!(self, Self::Framed(_))
            && self.clone().all(|packet| matches!(packet, Ok(Message::Text(_))))
    }

    #[inline(never)]
    fn next_of_v3(&mut self) -> Option<Result<Message<'a>, Violation>> {
        loop {
            let packet = match self {
                Self::Framed([]) | Self::Measured("") | Self::Separated(_) => return None,
                Self::Framed(bytes) => framed(bytes).map(|(packet, rest)| {
                    *bytes = rest;
                    packet
                }),
                Self::Measured(text) => measured(text).map(|(packet, rest)| {
                    *text = rest;
                    Message::Text(packet)
                }),
            };
            match packet {
                Ok(Message::Text("") | Message::Binary([])) => {}
                Ok(packet) => return Some(Ok(packet)),
                Err(violation) => {
                    *self = Self::Framed(&[]);
                    return Some(Err(violation));
                }
            }
        }
    }
}

/// Splits off a packet behind its length.
fn measured(text: &str) -> Result<(&str, &str), Violation> {
    let (length, rest) = text.split_once(':').ok_or(Violation::UnknownPacket)?;
    if !length.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Violation::UnknownPacket);
    }
    let mut units: usize = length.parse().map_err(|_| Violation::UnknownPacket)?;
    for (at, character) in rest.char_indices() {
        if units == 0 {
            return Ok((&rest[..at], &rest[at..]));
        }
        units = units.checked_sub(character.len_utf16()).ok_or(Violation::UnknownPacket)?;
    }
    if units == 0 { Ok((rest, "")) } else { Err(Violation::UnknownPacket) }
}

/// Splits off a packet behind its kind and size.
fn framed(bytes: &[u8]) -> Result<(Message<'_>, &[u8]), Violation> {
    let (&kind, rest) = bytes.split_first().ok_or(Violation::UnknownPacket)?;
    let digits = rest.iter().take(DIGITS + 1).position(|&byte| byte == END);
    let (digits, rest) = rest.split_at(digits.ok_or(Violation::UnknownPacket)?);
    if digits.is_empty() || digits.iter().any(|&digit| digit > 9) {
        return Err(Violation::UnknownPacket);
    }
    let size = digits.iter().fold(0_u64, |size, &digit| size * 10 + u64::from(digit));
    let size = usize::try_from(size).map_err(|_| Violation::UnknownPacket)?;
    let (packet, rest) = rest[1..].split_at_checked(size).ok_or(Violation::UnknownPacket)?;
    let packet = match kind {
        TEXT => Message::Text(std::str::from_utf8(packet).map_err(|_| Violation::InvalidUtf8)?),
        BINARY => Message::Binary(packet),
        _ => return Err(Violation::UnknownPacket),
    };
    Ok((packet, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::forms::Forms;
    use crate::socket::ArgsRef;
    use crate::socket::encoder::Encoder;
    use bytes::Bytes;
    use proptest::prelude::*;

    const V3: Terms = Terms::of(Revision::V3(Binary::Bytes));
    const BASE64: Terms = Terms::of(Revision::V3(Binary::Base64));
    const FRAMED: Terms = Terms::of(Revision::V3(Binary::Framed));
    const V4: Terms = Terms::of(Revision::V4);

    fn written(terms: Terms, packets: &[Packet]) -> Vec<u8> {
        let mut out = Vec::new();
        let forms = packets.iter().map(|packet| Forms::default().of(packet.clone(), terms));
        forms.for_each(|packet| put(&mut out, terms, &packet));
        out
    }

    fn read(terms: Terms, payload: &[u8]) -> Vec<Result<Message<'_>, Violation>> {
        match split(terms, payload) {
            Ok(packets) => packets.collect(),
            Err(violation) => vec![Err(violation)],
        }
    }

    fn text(text: &str) -> Result<Message<'_>, Violation> {
        Ok(Message::Text(text))
    }

    #[test]
    fn packets_are_written_as_each_revision_has_them() {
        let attachments = [Bytes::from_static(b"\x01\x02\x03"), Bytes::new()];
        let args = ArgsRef::from_valid("[]", &attachments);
        let packets = [
            Packet::engine("4\u{20ac}\u{1f600}".as_bytes()),
            Encoder::default().event("/", "x", args, None).packet(),
        ];
        let texts =
            |terms| String::from_utf8(written(terms, &packets)).expect("the payload is text");
        assert_eq!(texts(V4), "4\u{20ac}\u{1f600}\u{1e}452-[\"x\"]\u{1e}bAQID\u{1e}b");
        assert_eq!(texts(BASE64), "4:4\u{20ac}\u{1f600}9:452-[\"x\"]6:b4AQID2:b4");
        let framed = [
            &b"\x00\x08\xff4\xe2\x82\xac\xf0\x9f\x98\x80\x00\x09\xff452-[\"x\"]"[..],
            b"\x01\x04\xff\x04\x01\x02\x03\x01\x01\xff\x04",
        ];
        for terms in [V3, FRAMED] {
            assert_eq!(written(terms, &packets), framed.concat());
        }
        assert_eq!(written(V3, &packets[..1]), "4:4\u{20ac}\u{1f600}".as_bytes());
        assert_eq!(written(FRAMED, &packets[..1]), &framed[0][..11]);
    }

    #[test]
    fn a_payload_that_is_framed_in_bytes_is_read() {
        // As the specification has it, but for the type of the binary message, which it forgets.
        let payload = b"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\x04";
        let packets = [text("4\u{20ac}"), Ok(Message::Binary(b"\x04\x01\x02\x03\x04"))];
        assert_eq!(read(V3, payload), packets);
        assert_eq!(read(V3, b"\x00\x01\x00\xff4123456789"), [text("4123456789")]);
        assert_eq!(read(V3, b"\x00\x00\xff\x01\x00\xff\x00\x01\xff2"), [text("2")]);
    }

    #[test]
    fn a_frame_that_does_not_fit_is_refused() {
        for payload in [
            &b"\x00"[..],
            b"\x00\xff",
            b"\x00\x01\xff",
            b"\x00\x02\xff4",
            b"\x01\x05\xff\x04\x01\x02",
            b"\x00\x0a\xff4",
            b"\x00\x01",
            b"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x01\xff4",
            b"\x01\x09\x09\x09\x09\x09\x09\x09\x09\x09\x09\xff",
            b"\x00\x01\xff4\x02\x01\xff4",
            b"\x00\x01\xff41:4",
        ] {
            let last = read(V3, payload).pop();
            assert_eq!(last, Some(Err(Violation::UnknownPacket)), "{payload:?}");
        }
        assert_eq!(read(V3, b"\x00\x02\xff4\xff"), [Err(Violation::InvalidUtf8)]);
        assert_eq!(read(V4, b"\x00\x01\xff4"), [Err(Violation::InvalidUtf8)]);
    }

    #[test]
    fn a_length_that_does_not_fit_is_refused() {
        for payload in [
            "2",
            "2:",
            "2:4",
            "a:4",
            ":4",
            "-1:4",
            "+1:4",
            "1:\u{1f600}",
            "1:44",
            "99999999999999999999:4",
        ] {
            let last = read(V3, payload.as_bytes()).pop();
            assert_eq!(last, Some(Err(Violation::UnknownPacket)), "{payload}");
        }
        assert_eq!(read(V3, b""), []);
        assert_eq!(read(V3, b"0:1:4"), [text("4")]);
        assert_eq!(read(V3, b"1:\xff"), [Err(Violation::InvalidUtf8)]);
        assert_eq!(read(V4, b""), [text("")]);
    }

    #[test]
    fn texts_in_frames_are_told_from_payloads_that_need_them() {
        let frame_texts = |payload| split(V3, payload).is_ok_and(|packets| packets.frame_texts());
        assert!(frame_texts(b"\x00\x01\xff2"));
        assert!(!frame_texts(b"\x00\x01\xff2\x01\x01\xff\x04"));
        assert!(!frame_texts(b"1:2"));
    }

    proptest! {
        #[test]
        fn packets_are_read_as_they_were_written(
            texts in prop::collection::vec("4[^\u{1e}]{0,20}", 1..10),
        ) {
            let packets: Vec<Packet> = texts.iter().map(|t| Packet::engine(t.as_bytes())).collect();
            for terms in [V3, BASE64, FRAMED, V4] {
                let payload = written(terms, &packets);
                let expected: Vec<_> = texts.iter().map(|own| text(own)).collect();
                prop_assert_eq!(read(terms, &payload), expected);
            }
        }

        #[test]
        fn text_and_binary_survive_in_any_mixture(
            packets in prop::collection::vec((any::<bool>(), prop::collection::vec(any::<u8>(), 0..30)), 1..10),
        ) {
            let contents: Vec<(bool, String)> = packets
                .iter()
                .map(|(binary, bytes)| (*binary, format!("4{}", String::from_utf8_lossy(bytes))))
                .collect();
            let packets: Vec<Packet> = contents
                .iter()
                .map(|(binary, content)| match binary {
                    true => Packet::engine_binary(&content.as_bytes()[1..]),
                    false => Packet::engine(content.as_bytes()),
                })
                .collect();
            for terms in [V3, FRAMED] {
                let payload = written(terms, &packets);
                for (packet, (binary, content)) in read(terms, &payload).into_iter().zip(&contents) {
                    match packet {
                        Ok(Message::Binary(bytes)) => {
                            prop_assert!(*binary);
                            prop_assert_eq!(&bytes[..1], b"\x04");
                            prop_assert_eq!(&bytes[1..], &content.as_bytes()[1..]);
                        }
                        Ok(Message::Text(text)) => {
                            prop_assert!(!*binary);
                            prop_assert_eq!(text, content);
                        }
                        Err(violation) => prop_assert!(false, "{violation}"),
                    }
                }
            }
        }

        #[test]
        fn reading_ends_whatever_the_bytes_are(payload in prop::collection::vec(prop_oneof![0..12_u8, Just(b':'), Just(b'4'), Just(0xff)], 0..60)) {
            for terms in [V3, V4] {
                prop_assert!(read(terms, &payload).len() <= payload.len() + 1);
            }
        }
    }
}
