//! Payloads: the packets of one POST, separated by U+001E (engine.io-protocol v4, "HTTP
//! long-polling").

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::error::Violation;

/// One packet of a payload.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Part<'a> {
    Text(&'a str),
    Binary(Vec<u8>),
}

/// Splits a payload into its packets, in order.
pub(crate) fn parts(payload: &str) -> impl Iterator<Item = Result<Part<'_>, Violation>> {
    payload.split('\x1e').map(|packet| match packet.strip_prefix('b') {
        Some(base64) => {
            STANDARD.decode(base64).map(Part::Binary).map_err(|_| Violation::InvalidBase64)
        }
        None => Ok(Part::Text(packet)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_binary_packets_keep_their_order() {
        let found: Result<Vec<_>, _> = parts("4hello\x1ebAQIDBA==\x1e3").collect();
        let binary = Part::Binary(vec![1, 2, 3, 4]);
        assert_eq!(found, Ok(vec![Part::Text("4hello"), binary, Part::Text("3")]));
    }

    #[test]
    fn base64_is_strict() {
        for bad in ["b!!!", "bAQ", "bAQIDBB==", "bAQID BA=="] {
            assert_eq!(parts(bad).next(), Some(Err(Violation::InvalidBase64)), "{bad}");
        }
    }
}
