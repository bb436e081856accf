//! The opening handshake (RFC 6455 §4), both roles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::http::{Field, Method, Request};

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask<'a> {
    /// Plain HTTP. Another protocol that is offered is overlooked (RFC 9110 §7.8).
    Http,
    /// A WebSocket, under this key.
    WebSocket { key: &'a str },
    /// A WebSocket, by a handshake that breaks a rule.
    Broken(Flaw),
}

/// The rule that an opening handshake breaks (RFC 6455 §4.2.1).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Flaw {
    /// `Connection` does not name `Upgrade`.
    Connection,
    /// The key is missing, or not 24 characters of base64.
    Key,
    /// It is no GET.
    Method,
    /// A version other than 13, or none.
    Version,
}

/// The version of the protocol that is spoken here.
pub(crate) const VERSION: &str = "13";

/// Reads the `Upgrade` side of a request (RFC 6455 §4.2.1).
pub(crate) fn ask<'a>(request: &Request<'a>) -> Ask<'a> {
    let fields = &request.fields;
    if !fields.has_token(Field::Upgrade, "websocket") {
        return Ask::Http;
    }
    if request.method != Method::Get {
        return Ask::Broken(Flaw::Method);
    }
    if !fields.has_token(Field::Connection, "upgrade") {
        return Ask::Broken(Flaw::Connection);
    }
    if fields.text(Field::SecWebSocketVersion) != Some(VERSION) {
        return Ask::Broken(Flaw::Version);
    }
    match fields.text(Field::SecWebSocketKey) {
        Some(key) if is_key(key) => Ask::WebSocket { key },
        Some(_) | None => Ask::Broken(Flaw::Key),
    }
}

/// The `Sec-WebSocket-Accept` that answers `key`.
pub(crate) fn accept(key: &str) -> String {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    STANDARD.encode(digest)
}

/// Whether a key is the base64 of 16 bytes, whose spare bits mean nothing: it is answered as the text
/// that it is.
fn is_key(key: &str) -> bool {
    let digits = key.strip_suffix("==").unwrap_or_default();
    digits.len() == 22
        && digits.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_is_answered_as_in_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_are_24_characters_of_base64_whatever_their_spare_bits() {
        for good in
            ["dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZR==", "////++++/////++++/////=="]
        {
            assert!(is_key(good), "{good}");
        }
        for bad in [
            "",
            "==",
            "abc",
            "dGhlIHNhbXBsZSBub25jZTE=",
            "dGhlIHNhbXBsZSBub25jZQ",
            "dGhlIHNhbXBsZSBub25jZQ=",
            "dGhlIHNhbXBsZSBub25jZQ===",
            "dGhlIHNhbXBsZSBub25jZQQ==",
            "dGhlIHNhbXBsZSBub25j-_==",
            "dGhlIHNhbXBsZSBub25j\u{e9}==",
        ] {
            assert!(!is_key(bad), "{bad}");
        }
    }
}
