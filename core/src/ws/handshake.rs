//! The opening handshake, both roles: over HTTP/1.1 (RFC 6455 §4), and how a `CONNECT` of HTTP/2
//! stands for it (RFC 8441).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha1::{Digest, Sha1};
use std::fmt;

use crate::deflate::Deflate;
use crate::deflate::agreed::{self, Agreed};
use crate::error::Violation;
use crate::field::Field;
use crate::http::{Fields, Headers, Method, Request, Response};

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

impl Request<'_> {
    /// Whether it is a GET that asks for an upgrade to a WebSocket, with a key and in a version that may be wrong.
    #[must_use]
    pub fn asks_for_websocket(&self) -> bool {
        match ask(self) {
            Ask::WebSocket { .. } | Ask::Broken(Flaw::Key | Flaw::Version) => true,
            Ask::Broken(Flaw::Connection | Flaw::Method) | Ask::Http => false,
        }
    }
}

impl Response {
    /// Makes the answer that accepts a WebSocket; `None` when `request` asks for none, or breaks a rule
    /// of its opening handshake (RFC 6455 §4.2.1). It names no subprotocol: add the field
    /// `sec-websocket-protocol` when one is offered and spoken.
    #[must_use]
    pub fn accepting(request: &Request<'_>) -> Option<Self> {
        match ask(request) {
            Ask::WebSocket { key } => Some(Self::switching(key)),
            Ask::Broken(_) | Ask::Http => None,
        }
    }

    /// The same, and agrees to compress messages if the client offers to (RFC 7692).
    #[must_use]
    pub fn accepting_with(request: &Request<'_>, deflate: &Deflate) -> Option<Self> {
        let response = Self::accepting(request)?;
        Some(match compressing(request, deflate) {
            Some(agreed) => response.agreeing(agreed),
            None => response,
        })
    }

    /// The answer that accepts the WebSocket that was asked for under `key`.
    pub(crate) fn switching(key: &str) -> Self {
        Self::status(101)
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-accept", accept(key))
    }

    /// Turns the answer that accepts a WebSocket into that to the [`CONNECT`](ConnectFields) that asked
    /// for it: nothing is switched, and no key is proven (RFC 8441 §5).
    #[must_use]
    pub fn connected(mut self) -> Self {
        self.status = 200;
        self.headers.retain(|(name, _)| STANDS_FOR.iter().all(|(_, proof, _)| name != proof));
        self
    }
}

/// The header fields of a `CONNECT` whose `:protocol` is `websocket` (RFC 8441 §5), shown as those of the
/// GET that it stands for: for hosts that speak HTTP/2.
#[derive(Clone, Copy)]
pub struct ConnectFields<'a>(pub &'a dyn Headers);

/// The fields of an upgrade that a `CONNECT` goes without: in the request, in its answer, and the value
/// that is read.
const STANDS_FOR: [(&str, &str, &str); 3] = [
    ("connection", "connection", "upgrade"),
    ("upgrade", "upgrade", "websocket"),
    // A key without meaning.
    ("sec-websocket-key", "sec-websocket-accept", "AAAAAAAAAAAAAAAAAAAAAA=="),
];

impl Headers for ConnectFields<'_> {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        self.0.each(each);
    }

    fn values<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8])) {
        match STANDS_FOR.iter().find(|(field, ..)| *field == name) {
            Some((_, _, value)) => each(value.as_bytes()),
            None => self.0.values(name, each),
        }
    }
}

impl fmt::Debug for ConnectFields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ConnectFields(…)")
    }
}

/// What is agreed on for a client that offers to compress messages, and the words that say so.
pub(crate) fn compressing(request: &Request<'_>, deflate: &Deflate) -> Option<(Agreed, String)> {
    agreed::accept(&request.fields.get(EXTENSIONS)?, deflate)
}

const EXTENSIONS: &str = "sec-websocket-extensions";

/// The `Sec-WebSocket-Key` of a client that drew `nonce` (RFC 6455 §4.1).
pub(crate) fn key(nonce: [u8; 16]) -> String {
    STANDARD.encode(nonce)
}

/// The fields that a client adds to a GET to ask for a WebSocket under `key` (RFC 6455 §4.1).
pub(crate) fn offer(key: &str) -> [(&str, &str); 4] {
    [
        ("connection", "Upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", VERSION),
        ("sec-websocket-key", key),
    ]
}

/// Checks the fields of the 101 that answers an offer under `key` (RFC 6455 §4.1), and returns what is agreed
/// on of the extension that was offered, if one was. No other may be chosen.
pub(crate) fn verify(
    fields: &Fields<'_>,
    key: &str,
    offered: Option<&Deflate>,
) -> Result<Option<Agreed>, Violation> {
    prove(fields, key)?;
    match (fields.get(EXTENSIONS), offered) {
        (Some(chosen), Some(offered)) => agreed::accepted(&chosen, offered).map(Some),
        (Some(_), None) => Err(Violation::InvalidAccept),
        (None, _) => Ok(None),
    }
}

/// Checks that the fields of a 101 answer an offer under `key`, whatever they agree on.
pub(crate) fn prove(fields: &Fields<'_>, key: &str) -> Result<(), Violation> {
    let accepted = fields.get("sec-websocket-accept");
    let holds = fields.has_token(Field::Upgrade, "websocket")
        && fields.has_token(Field::Connection, "upgrade")
        && accepted.is_some_and(|accepted| accepted == accept(key));
    if holds { Ok(()) } else { Err(Violation::InvalidAccept) }
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
    fn an_offer_is_accepted_by_its_key_alone() {
        let (key, other) = (key([1; 16]), key([2; 16]));
        let fields = offer(&key);
        let request = Request::new(Method::Get, "/", Fields::host(&fields));
        let answer = Response::accepting(&request).expect("the offer is whole");
        let verdict =
            |answer: &Response, key: &str| verify(&Fields::host(&answer.headers), key, None);
        assert_eq!(verdict(&answer, &key), Ok(None));
        assert_eq!(verdict(&answer, &other), Err(Violation::InvalidAccept));
        let extended = answer.clone().header("sec-websocket-extensions", "permessage-deflate");
        assert_eq!(verdict(&extended, &key), Err(Violation::InvalidAccept));
        for missing in 0..answer.headers.len() {
            let mut answer = answer.clone();
            answer.headers.remove(missing);
            assert_eq!(verdict(&answer, &key), Err(Violation::InvalidAccept), "{missing}");
        }
    }

    #[test]
    fn a_connect_stands_for_a_get_with_an_upgrade() {
        let sent = [("sec-websocket-version", "13"), ("upgrade", "h2c")];
        let fields = ConnectFields(&sent);
        let request = Request::new(Method::Get, "/", Fields::host(&fields));
        let answer = Response::accepting(&request).expect("the offer is whole").header("x", "y");
        let answer = answer.connected();
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers, [("x".into(), "y".into())]);
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
