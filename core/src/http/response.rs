//! Responses: what the protocol answers, and how they are written.

use bytes::Bytes;
use std::borrow::Cow;

use super::Request;
use crate::ws::handshake::{self, Ask};

/// A complete answer.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Media type of the body; without one no body is sent.
    pub content_type: Option<&'static str>,
    /// Whether caches are told not to keep it.
    pub no_store: bool,
    /// Further header fields, names in lower case. Must not contain line breaks.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// The body.
    pub body: Bytes,
}

impl Response {
    /// Makes an answer without body or further headers.
    #[must_use]
    pub fn status(status: u16) -> Self {
        Self {
            status,
            content_type: None,
            no_store: false,
            headers: Vec::new(),
            body: Bytes::new(),
        }
    }

    /// Makes an answer with a body of that media type.
    #[must_use]
    pub fn with_body(status: u16, content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { content_type: Some(content_type), body: body.into(), ..Self::status(status) }
    }

    /// Makes the answer that accepts a WebSocket; `None` when `request` asks for none, or breaks a rule
    /// of its opening handshake (RFC 6455 §4.2.1).
    #[must_use]
    pub fn accepting(request: &Request<'_>) -> Option<Self> {
        match handshake::ask(request) {
            Ask::WebSocket { key } => Some(Self::switching(handshake::accept(key))),
            Ask::Broken | Ask::Http => None,
        }
    }

    /// Adds a header field; `name` in lower case, `value` without line breaks.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// The answer to a poll or POST, which no cache may keep.
    pub(crate) fn fresh(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { no_store: true, ..Self::with_body(200, content_type, body) }
    }

    /// `{"code":…,"message":…}` as the JavaScript server words it.
    pub(crate) fn error(status: u16, code: u8, message: &str) -> Self {
        let body = format!("{{\"code\":{code},\"message\":\"{message}\"}}");
        Self::with_body(status, "application/json", body)
    }

    pub(crate) fn switching(accept: String) -> Self {
        Self::status(101)
            .header("upgrade", "websocket")
            .header("connection", "Upgrade")
            .header("sec-websocket-accept", accept)
    }

    /// Appends the head, up to and including the empty line.
    pub(crate) fn put_head(&self, out: &mut Vec<u8>, keep_alive: bool) {
        out.reserve(192);
        out.extend_from_slice(b"HTTP/1.1 ");
        put_number(out, usize::from(self.status));
        out.push(b' ');
        out.extend_from_slice(phrase(self.status).as_bytes());
        out.extend_from_slice(b"\r\n");
        if let Some(content_type) = self.content_type {
            put_field(out, "content-type", content_type);
        }
        if self.no_store {
            put_field(out, "cache-control", "no-store");
        }
        for (name, value) in &self.headers {
            put_field(out, name, value);
        }
        if !matches!(self.status, 100..=199 | 204) {
            out.extend_from_slice(b"content-length: ");
            put_number(out, self.body.len());
            out.extend_from_slice(b"\r\n");
        }
        if !keep_alive && self.status != 101 {
            put_field(out, "connection", "close");
        }
        out.extend_from_slice(b"\r\n");
    }
}

fn put_field(out: &mut Vec<u8>, name: &str, value: &str) {
    out.extend_from_slice(name.as_bytes());
    out.extend_from_slice(b": ");
    // A line break inside a value would let it forge fields; nothing legitimate contains one.
    let mut rest = value.as_bytes();
    while let Some(at) = memchr::memchr3(b'\r', b'\n', 0, rest) {
        out.extend_from_slice(&rest[..at]);
        rest = &rest[at + 1..];
    }
    out.extend_from_slice(rest);
    out.extend_from_slice(b"\r\n");
}

fn put_number(out: &mut Vec<u8>, n: usize) {
    let mut digits = [0; 20];
    let mut at = digits.len();
    let mut left = n;
    loop {
        at -= 1;
        digits[at] = b'0' + u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
        if left == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[at..]);
}

fn phrase(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        204 => "No Content",
        206 => "Partial Content",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        413 => "Content Too Large",
        431 => "Request Header Fields Too Large",
        501 => "Not Implemented",
        503 => "Service Unavailable",
        _ => "Status",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_written_as_on_the_wire() {
        let mut out = Vec::new();
        Response::error(400, 1, "Session ID unknown").put_head(&mut out, false);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\
             content-length: 41\r\nconnection: close\r\n\r\n"
        );
    }

    #[test]
    fn line_breaks_cannot_forge_fields() {
        let mut out = Vec::new();
        Response::status(204).header("x", "a\r\nset-cookie: b").put_head(&mut out, true);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 204 No Content\r\nx: aset-cookie: b\r\n\r\n"
        );
    }
}
