//! The opening handshake (RFC 6455 §4), both roles.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};

use crate::http::{Method, Request};

/// What a request asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Ask<'a> {
    /// Plain HTTP.
    Http,
    /// A WebSocket, under this key.
    WebSocket { key: &'a str },
    /// Another protocol, or a WebSocket handshake that breaks the rules.
    Broken,
}

/// Reads the `Upgrade` side of a request (RFC 6455 §4.2.1).
pub(crate) fn ask<'a>(request: &Request<'a>) -> Ask<'a> {
    let Some(upgrade) = request.header("upgrade") else { return Ask::Http };
    let connection = request.header("connection").unwrap_or_default();
    let key = request.header("sec-websocket-key").unwrap_or_default();
    let sound = request.method == Method::Get
        && has_token(upgrade, "websocket")
        && has_token(connection, "upgrade")
        && request.header("sec-websocket-version") == Some("13")
        && is_key(key);
    if sound { Ask::WebSocket { key } } else { Ask::Broken }
}

/// The `Sec-WebSocket-Accept` that answers `key`.
pub(crate) fn accept(key: &str) -> String {
    let digest = Sha1::new()
        .chain_update(key)
        .chain_update("258EAFA5-E914-47DA-95CA-C5AB0DC85B11")
        .finalize();
    STANDARD.encode(digest)
}

/// Whether a comma-separated header value contains `token`, in any case.
pub(crate) fn has_token(value: &str, token: &str) -> bool {
    value.split(',').any(|part| part.trim_ascii().eq_ignore_ascii_case(token))
}

/// A key is the base64 of 16 bytes.
fn is_key(key: &str) -> bool {
    let mut bytes = [0; 18];
    matches!(STANDARD.decode_slice(key, &mut bytes), Ok(16))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_of_the_rfc_is_answered_as_in_the_rfc() {
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn keys_are_sixteen_bytes_of_base64() {
        assert!(is_key("dGhlIHNhbXBsZSBub25jZQ=="));
        for bad in ["", "abc", "dGhlIHNhbXBsZSBub25jZTE=", "dGhlIHNhbXBsZSBub25jZQ"] {
            assert!(!is_key(bad), "{bad}");
        }
    }

    #[test]
    fn tokens_are_found_in_lists_of_any_case() {
        assert!(has_token("keep-alive, Upgrade", "upgrade"));
        assert!(!has_token("upgrade-insecure", "upgrade"));
    }
}
