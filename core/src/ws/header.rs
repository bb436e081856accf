//! Frame headers (RFC 6455 §5.2).
//!
//! ```text
//! byte 0   FIN(1) RSV(3) opcode(4)
//! byte 1   MASK(1) length(7): 0–125, 126 = 16 more bits, 127 = 64 more bits
//! then     extended length, then 4 bytes of mask when MASK is set
//! ```

use crate::error::Violation;

/// The longest header: two bytes, a 64-bit length and a mask.
pub(crate) const MAX: usize = 14;

/// The longest header without a mask, as servers send it.
pub(crate) const MAX_UNMASKED: usize = 10;

/// The first reserved bit, in the first byte: a compressed message begins (RFC 7692 §6).
pub(crate) const COMPRESSED: u8 = 0x40;

/// What a frame carries.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Op {
    Continuation,
    Text,
    Binary,
    Close,
    Ping,
    Pong,
}

impl Op {
    pub(crate) fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }

    fn from_wire(bits: u8) -> Result<Self, Violation> {
        match bits {
            0 => Ok(Self::Continuation),
            1 => Ok(Self::Text),
            2 => Ok(Self::Binary),
            8 => Ok(Self::Close),
            9 => Ok(Self::Ping),
            10 => Ok(Self::Pong),
            _ => Err(Violation::UnknownOpcode),
        }
    }

    pub(crate) fn to_wire(self) -> u8 {
        match self {
            Self::Continuation => 0,
            Self::Text => 1,
            Self::Binary => 2,
            Self::Close => 8,
            Self::Ping => 9,
            Self::Pong => 10,
        }
    }
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) fin: bool,
    pub(crate) op: Op,
    /// Whether it says that it begins a compressed message (RFC 7692 §6).
    pub(crate) compressed: bool,
    pub(crate) mask: Option<[u8; 4]>,
    pub(crate) len: u64,
}

impl Header {
    /// Reads a header and its size; `None` when more bytes are needed.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Option<(Self, usize)>, Violation> {
        let [first, second, rest @ ..] = bytes else { return Ok(None) };
        if first & 0x30 != 0 {
            return Err(Violation::ReservedBits);
        }
        let (fin, op) = (first & 0x80 != 0, Op::from_wire(first & 0x0f)?);
        let compressed = first & COMPRESSED != 0;
        let short = second & 0x7f;
        if op.is_control() && (!fin || short > 125) {
            return Err(if op == Op::Close {
                Violation::BadClose
            } else {
                Violation::ControlFrame
            });
        }
        let (len, rest) = match short {
            126 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from(u16::from_be_bytes(*len)), rest),
                None => return Ok(None),
            },
            127 => match rest.split_first_chunk() {
                Some((len, rest)) => (u64::from_be_bytes(*len), rest),
                None => return Ok(None),
            },
            len => (u64::from(len), rest),
        };
        let (mask, rest) = match second & 0x80 {
            0 => (None, rest),
            _ => match rest.split_first_chunk() {
                Some((mask, rest)) => (Some(*mask), rest),
                None => return Ok(None),
            },
        };
        Ok(Some((Self { fin, op, compressed, mask, len }, bytes.len() - rest.len())))
    }
}

/// Size of an unmasked header for a payload of `len` bytes.
pub(crate) const fn size(len: usize) -> usize {
    match len {
        0..=125 => 2,
        126..=0xffff => 4,
        _ => 10,
    }
}

/// Appends the header of a whole message; its payload follows, masked by the caller if a mask is
/// given.
pub(crate) fn put(out: &mut Vec<u8>, op: Op, len: usize, mask: Option<[u8; 4]>) {
    let (short, extended) = short_len(len);
    out.push(0x80 | op.to_wire());
    out.push(if mask.is_some() { 0x80 | short } else { short });
    out.extend_from_slice(&(len as u64).to_be_bytes()[8 - extended..]);
    out.extend_from_slice(mask.as_ref().map_or(&[], |mask| mask));
}

/// Appends a frame of text without a mask, of at most 65 535 bytes, whose payload `put` appends; returns the
/// length of the payload.
#[inline(always)]
pub(crate) fn put_text_with(out: &mut Vec<u8>, put: impl FnOnce(&mut Vec<u8>)) -> usize {
    let start = out.len();
    out.extend_from_slice(&[0x80 | Op::Text.to_wire(), 0]);
    put(out);
    let len = out.len() - start - 2;
    match u8::try_from(len) {
        Ok(short @ 0..=125) => out[start + 1] = short,
        _ => extend_len(out, start, len),
    }
    len
}

/// Makes room for the two bytes of a longer length.
#[inline(never)]
fn extend_len(out: &mut Vec<u8>, start: usize, len: usize) {
    debug_assert!(len <= 0xffff, "longer frames are written elsewhere");
    out[start + 1] = 126;
    out.splice(start + 2..start + 2, (len as u16).to_be_bytes());
}

/// Splits the payload of a frame with an unmasked header off, which has 65 535 bytes at most.
#[inline]
pub(crate) fn split_short(frames: &[u8]) -> Option<(&[u8], &[u8])> {
    let (len, rest) = match frames {
        [_, 126, high, low, rest @ ..] => (u16::from_be_bytes([*high, *low]).into(), rest),
        [_, len, rest @ ..] => (usize::from(*len), rest),
        _ => return None,
    };
    rest.split_at_checked(len)
}

/// Whether a frame that begins with this header is one of text.
pub(crate) fn is_text(header: &[u8]) -> bool {
    header.first().is_some_and(|first| first & 0x0f == Op::Text.to_wire())
}

/// Writes an unmasked header right-aligned into `room`, whose end is where the payload begins.
pub(crate) fn write_before(room: &mut [u8; MAX_UNMASKED], op: Op, len: usize) {
    let (short, extended) = short_len(len);
    room[2..].copy_from_slice(&(len as u64).to_be_bytes());
    let start = MAX_UNMASKED - extended - 2;
    room[start] = 0x80 | op.to_wire();
    room[start + 1] = short;
}

/// The 7-bit length and how many bytes extend it.
fn short_len(len: usize) -> (u8, usize) {
    match u8::try_from(len) {
        Ok(short @ 0..=125) => (short, 0),
        _ if len <= 0xffff => (126, 2),
        _ => (127, 8),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_huge_length_is_read_without_overflow() {
        let bytes = [0x82, 0x7f, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
        let (header, size) = Header::parse(&bytes).expect("valid").expect("whole");
        assert_eq!((header.len, size), (u64::MAX / 2, 10));
    }

    #[test]
    fn broken_headers_are_named() {
        assert_eq!(Header::parse(&[0xa1, 0]), Err(Violation::ReservedBits));
        assert_eq!(Header::parse(&[0x91, 0]), Err(Violation::ReservedBits));
        assert_eq!(Header::parse(&[0x83, 0]), Err(Violation::UnknownOpcode));
        assert_eq!(Header::parse(&[0x09, 0]), Err(Violation::ControlFrame));
        assert_eq!(Header::parse(&[0x89, 126]), Err(Violation::ControlFrame));
    }

    proptest! {
        #[test]
        fn a_written_header_reads_back(len in 0usize..200_000, mask: Option<[u8; 4]>) {
            let mut bytes = Vec::new();
            put(&mut bytes, Op::Binary, len, mask);
            for cut in 0..bytes.len() {
                prop_assert_eq!(Header::parse(&bytes[..cut]), Ok(None));
            }
            let (fin, op, compressed) = (true, Op::Binary, false);
            let expected = Header { fin, op, compressed, mask, len: len as u64 };
            prop_assert_eq!(Header::parse(&bytes), Ok(Some((expected, bytes.len()))));
            if mask.is_none() {
                prop_assert_eq!(size(len), bytes.len());
                if len <= 0xffff {
                    let mut frame = vec![9];
                    let put = |out: &mut Vec<u8>| out.resize(out.len() + len, 7);
                    prop_assert_eq!(put_text_with(&mut frame, put), len);
                    let text = [0x80 | Op::Text.to_wire()];
                    let expected = [&[9], &text[..], &bytes[1..], &vec![7; len]].concat();
                    prop_assert_eq!(frame, expected);
                }
                let mut room = [0; MAX_UNMASKED];
                write_before(&mut room, Op::Binary, len);
                prop_assert_eq!(&room[MAX_UNMASKED - size(len)..], &bytes[..]);
                bytes.resize(bytes.len() + len, 7);
                let payload = vec![7; len];
                let expected = (len <= 0xffff).then_some((&payload[..], &[][..]));
                prop_assert_eq!(split_short(&bytes).filter(|_| len <= 0xffff), expected);
            }
        }
    }
}
