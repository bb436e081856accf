//! Frame headers (engine.io-protocol v4, "WebTransport").
//!
//! ```text
//! byte 0   BINARY(1) length(7): 0–125, 126 = 16 more bits, 127 = 64 more bits
//! then     extended length
//! ```

use crate::parser::MessageKind;

/// The longest header: one byte and a 64-bit length.
pub(crate) const MAX: usize = 9;

const BINARY: u8 = 0x80;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Header {
    pub(crate) kind: MessageKind,
    pub(crate) len: u64,
}

impl Header {
    /// Reads a header and its size; `None` when more bytes are needed.
    pub(crate) fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let (first, rest) = bytes.split_first()?;
        let kind = match first & BINARY {
            0 => MessageKind::Text,
            _ => MessageKind::Binary,
        };
        let (len, rest) = match first & !BINARY {
            126 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from(u16::from_be_bytes(*len)), rest)
            }
            127 => {
                let (len, rest) = rest.split_first_chunk()?;
                (u64::from_be_bytes(*len), rest)
            }
            len => (u64::from(len), rest),
        };
        Some((Self { kind, len }, bytes.len() - rest.len()))
    }
}

/// Appends the header of a message whose payload follows.
pub(crate) fn put(out: &mut Vec<u8>, kind: MessageKind, len: usize) {
    let (short, extended) = match u8::try_from(len) {
        Ok(short @ 0..=125) => (short, 0),
        _ if len <= 0xffff => (126, 2),
        _ => (127, 8),
    };
    out.push(match kind {
        MessageKind::Binary => BINARY | short,
        MessageKind::Text => short,
    });
    out.extend_from_slice(&(len as u64).to_be_bytes()[8 - extended..]);
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn headers_are_those_of_the_javascript_encoder() {
        for (kind, len, expected) in [
            (MessageKind::Text, 1, &[1][..]),
            (MessageKind::Text, 125, &[125]),
            (MessageKind::Binary, 125, &[0xfd]),
            (MessageKind::Text, 126, &[126, 0, 126]),
            (MessageKind::Binary, 0xffff, &[0xfe, 0xff, 0xff]),
            (MessageKind::Text, 0x1_0000, &[127, 0, 0, 0, 0, 0, 1, 0, 0]),
            (MessageKind::Binary, 0x1_0000, &[0xff, 0, 0, 0, 0, 0, 1, 0, 0]),
        ] {
            let mut out = Vec::new();
            put(&mut out, kind, len);
            assert_eq!(out, expected);
        }
    }

    proptest! {
        #[test]
        fn a_written_header_reads_back(len in 0usize..200_000, binary: bool) {
            let kind = if binary { MessageKind::Binary } else { MessageKind::Text };
            let mut bytes = Vec::new();
            put(&mut bytes, kind, len);
            prop_assert!(bytes.len() <= MAX);
            for cut in 0..bytes.len() {
                prop_assert_eq!(Header::parse(&bytes[..cut]), None);
            }
            let expected = Header { kind, len: len as u64 };
            prop_assert_eq!(Header::parse(&bytes), Some((expected, bytes.len())));
        }
    }
}
