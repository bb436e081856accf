//! Responses: what the protocol answers, and how they are written.

use bytes::Bytes;
use std::borrow::Cow;

use super::Date;
use super::coding::{self, Accept, Coding};
use super::head::Persistence;
use super::write::{put_field, put_number};
use crate::deflate::agreed::Agreed;
use crate::error::Violation;

/// A complete answer.
///
/// There is no clock here: a [`Conn`](crate::Conn) writes the `Date` that its owner hands in, see
/// [`Decoder::dated`](crate::Decoder::dated), unless [`headers`](Self::headers) has one.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Media type of the body; without one no body is sent.
    pub content_type: Option<Cow<'static, str>>,
    /// Whether caches are told not to keep it.
    pub no_store: bool,
    /// Further header fields, names in lower case. Must not contain line breaks.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body.
    pub body: Bytes,
    /// Bytes of the whole body, when `body` is only its start: [`Conn`](crate::Conn) is given the rest
    /// piece by piece.
    pub length: Option<u64>,
    /// Whether the body should be compressed for clients that accept it: worth it from about 1 KiB.
    /// It is only done for texts, with status 200 and without `length`.
    ///
    /// On 304, 206 and the answer to HEAD it says that of the whole answer to GET, whose fields those
    /// then have. 304 is taken for a text unless it has a media type, which is not sent.
    pub compress: bool,
    /// How the JavaScript server numbers the refusal.
    code: Option<u8>,
    /// Whether the length is left out, because only compressing would tell it.
    unmeasured: bool,
    /// Behind one more reference, which keeps the ordinary answer small.
    rule: Option<&'static &'static str>,
    /// What a 101 agrees on, besides speaking WebSocket.
    agreed: Option<Box<Agreed>>,
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
            length: None,
            compress: false,
            code: None,
            unmeasured: false,
            rule: None,
            agreed: None,
        }
    }

    /// Makes an answer with a body of that media type.
    #[must_use]
    pub fn with_body(
        status: u16,
        content_type: impl Into<Cow<'static, str>>,
        body: impl Into<Bytes>,
    ) -> Self {
        let content_type = Some(content_type.into());
        Self { content_type, body: body.into(), ..Self::status(status) }
    }

    /// Makes the answer to a request that breaks a rule of HTTP: the status that fits, and the rule as
    /// its text.
    #[must_use]
    pub fn refusing(violation: Violation) -> Self {
        Self::with_body(violation.status(), "text/plain", violation.to_string()).nosniff()
    }

    /// Adds a header field; `name` in lower case, `value` without line breaks.
    #[must_use]
    pub fn header(
        mut self,
        name: impl Into<Cow<'static, str>>,
        value: impl Into<Cow<'static, str>>,
    ) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Returns the number of the refusal, from 0 to 5, as the JavaScript server has them: 0 for an unknown
    /// transport, 1 for an unknown session, 2 for a handshake by another method than GET, 3 for any other bad request, 4
    /// for a client that is not let in, 5 for another revision of the protocol.
    #[must_use]
    pub fn code(&self) -> Option<u8> {
        self.code
    }

    /// Returns the rule that refused the request, in words for a log.
    #[must_use]
    pub fn rule(&self) -> Option<&'static str> {
        self.rule.copied()
    }

    pub(crate) fn refused_by(mut self, rule: &'static &'static str) -> Self {
        self.rule = Some(rule);
        self
    }

    /// Agrees on compression of messages, in words that are given.
    pub(crate) fn agreeing(mut self, (agreed, words): (Agreed, String)) -> Self {
        self.agreed = Some(Box::new(agreed));
        self.header("sec-websocket-extensions", words)
    }

    pub(crate) fn agreed(&self) -> Option<&Agreed> {
        self.agreed.as_deref()
    }

    /// Compresses the body as the request's `Accept-Encoding` asks, when [`compress`](Self::compress)
    /// says so.
    ///
    /// [`Conn`](crate::Conn) does this itself; it is for hosts that write answers on their own.
    #[must_use]
    pub fn encoded(self, accept_encoding: &str) -> Self {
        self.encoded_with(accept_encoding, |_, compress| compress())
    }

    /// The same for hosts that keep compressed bodies: `body` is given the name of the coding, `gzip`
    /// or `deflate`, and what compresses. It returns the compressed body, or `None` when that would not
    /// be smaller. It is not called when the answer goes as it is.
    ///
    /// The answer that is returned is final: [`Conn`](crate::Conn) compresses it no more.
    #[must_use]
    pub fn encoded_with(
        self,
        accept_encoding: &str,
        body: impl FnOnce(&'static str, &dyn Fn() -> Option<Bytes>) -> Option<Bytes>,
    ) -> Self {
        let mut accept = Accept::default();
        accept.read(accept_encoding.as_bytes());
        let coded = self.coded_with(accept.coding(), body);
        Self { compress: false, ..coded }
    }

    /// The answer to HEAD, with the fields that [`encoded`](Self::encoded) gives to that to GET: without
    /// a length when only compressing would tell it (RFC 9110 §9.3.2).
    #[must_use]
    pub fn encoded_head(self, accept_encoding: &str) -> Self {
        let mut accept = Accept::default();
        accept.read(accept_encoding.as_bytes());
        self.coded_head(accept.coding())
    }

    pub(crate) fn coded(self, coding: Option<Coding>) -> Self {
        self.coded_with(coding, |_, compress| compress())
    }

    fn coded_with(
        mut self,
        coding: Option<Coding>,
        body: impl FnOnce(&'static str, &dyn Fn() -> Option<Bytes>) -> Option<Bytes>,
    ) -> Self {
        if self.status == 200 && self.length.is_some() {
            return self;
        }
        let Some(coding) = self.negotiate(coding) else { return self };
        let compressed = body(coding.name(), &|| coding::compressed(coding, &self.body));
        let Some(body) = compressed else { return self };
        self.body = body;
        self.header("content-encoding", coding.name())
    }

    /// The answer to HEAD, with the fields that GET's would have (RFC 9110 §9.3.2).
    pub(crate) fn coded_head(mut self, coding: Option<Coding>) -> Self {
        if self.negotiate(coding).is_some() {
            self.unmeasured = true;
            self.length = None;
        }
        self
    }

    /// Writes down what depends on `Accept-Encoding`, and returns the coding that GET is answered in,
    /// if the body gets smaller by it.
    fn negotiate(&mut self, coding: Option<Coding>) -> Option<Coding> {
        let depends = coding::ENABLED && self.is_compressible();
        if self.status == 304 {
            self.content_type = None;
        }
        if !depends {
            return None;
        }
        match self.field("vary") {
            Some(vary) => *vary = format!("{vary}, Accept-Encoding").into(),
            None => self.headers.push(("vary".into(), "Accept-Encoding".into())),
        }
        // A part is always one of the plain bytes.
        let coding = coding.filter(|_| self.status != 206)?;
        // The bytes are others now, so the tag no longer stands for each of them (RFC 9110 §8.8.1).
        // It is decided by the request alone, so that 304 has the same tag (§15.4.5).
        if let Some(tag) = self.field("etag").filter(|tag| !tag.starts_with("W/")) {
            *tag = format!("W/{tag}").into();
        }
        (self.status == 200).then_some(coding)
    }

    fn is_compressible(&mut self) -> bool {
        self.compress
            && matches!(self.status, 200 | 206 | 304)
            && self.field("content-encoding").is_none()
            && match &self.content_type {
                Some(media) => coding::is_compressible(media),
                None => match self.field("content-type") {
                    Some(media) => coding::is_compressible(media),
                    None => self.status == 304,
                },
            }
    }

    fn field(&mut self, name: &str) -> Option<&mut Cow<'static, str>> {
        let mut fields = self.headers.iter_mut();
        fields.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value)
    }

    /// Whether the status rules a body out (RFC 9110 §6.4.1).
    pub(crate) fn is_bodiless(&self) -> bool {
        matches!(self.status, 100..=199 | 204 | 304)
    }

    /// Adds the header fields that all answers have, as [`Config::headers`](crate::Config::headers) are,
    /// except those that it has of its own.
    pub fn dress(&mut self, headers: &[(String, String)]) {
        for (name, value) in headers {
            if self.field(name).is_none() {
                self.headers.push((name.clone().into(), value.clone().into()));
            }
        }
    }

    /// The answer to a poll or POST, which no cache may keep.
    pub(crate) fn fresh(content_type: &'static str, body: impl Into<Bytes>) -> Self {
        Self { no_store: true, ..Self::with_body(200, content_type, body) }
    }

    /// `{"code":…,"message":…,"hint":…}`: the first two as the JavaScript server words them, the last
    /// for the reader. Neither text may contain what JSON escapes.
    pub(crate) fn error(status: u16, code: u8, message: &str, hint: &str) -> Self {
        let body = format!("{{\"code\":{code},\"message\":\"{message}\",\"hint\":\"{hint}\"}}");
        Self { code: Some(code), ..Self::with_body(status, "application/json", body).nosniff() }
    }

    /// Has browsers take the body for nothing but what it says it is. Answers to POSTs and polls can do
    /// without: the ones are always `ok`, and no browser takes the `text/plain` of the others for a page
    /// or a script.
    #[must_use]
    pub fn nosniff(self) -> Self {
        self.header("x-content-type-options", "nosniff")
    }

    /// Appends the head, up to and including the empty line.
    pub(crate) fn put_head(&self, out: &mut Vec<u8>, persistence: Persistence, date: Option<Date>) {
        out.reserve(224);
        if self.status == 200 {
            out.extend_from_slice(b"HTTP/1.1 200 OK\r\n");
        } else {
            self.put_status(out);
        }
        if let Some(content_type) = &self.content_type {
            put_field(out, "content-type", content_type.as_bytes());
        }
        if self.no_store {
            out.extend_from_slice(b"cache-control: no-store\r\n");
        }
        for (name, value) in &self.headers {
            put_field(out, name, value.as_bytes());
        }
        if !self.is_bodiless() && !self.unmeasured {
            out.extend_from_slice(b"content-length: ");
            put_number(out, self.length.unwrap_or(self.body.len() as u64));
            out.extend_from_slice(b"\r\n");
        }
        if let Some(date) = date
            && !self.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("date"))
        {
            out.extend_from_slice(b"date: ");
            out.extend_from_slice(date.as_bytes());
            out.extend_from_slice(b"\r\n");
        }
        match persistence {
            Persistence::Close => out.extend_from_slice(b"connection: close\r\n"),
            Persistence::Keep => {}
            Persistence::KeepAlive => out.extend_from_slice(b"connection: keep-alive\r\n"),
        }
        out.extend_from_slice(b"\r\n");
    }

    fn put_status(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(b"HTTP/1.1 ");
        put_number(out, u64::from(self.status));
        out.push(b' ');
        out.extend_from_slice(phrase(self.status).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

fn phrase(status: u16) -> &'static str {
    match status {
        101 => "Switching Protocols",
        200 => "OK",
        201 => "Created",
        202 => "Accepted",
        204 => "No Content",
        206 => "Partial Content",
        301 => "Moved Permanently",
        302 => "Found",
        303 => "See Other",
        304 => "Not Modified",
        307 => "Temporary Redirect",
        308 => "Permanent Redirect",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        408 => "Request Timeout",
        409 => "Conflict",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        416 => "Range Not Satisfiable",
        417 => "Expectation Failed",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        431 => "Request Header Fields Too Large",
        500 => "Internal Server Error",
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
        Response::error(400, 1, "Session ID unknown", "no").put_head(
            &mut out,
            Persistence::Close,
            None,
        );
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\n\
             x-content-type-options: nosniff\r\ncontent-length: 53\r\nconnection: close\r\n\r\n"
        );
    }

    #[test]
    fn line_breaks_cannot_forge_fields() {
        let mut out = Vec::new();
        let response = Response::status(204).header("x", "a\r\nset-cookie: b");
        response.put_head(&mut out, Persistence::Keep, None);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "HTTP/1.1 204 No Content\r\nx: aset-cookie: b\r\n\r\n"
        );
    }

    #[test]
    fn a_date_is_written_once() {
        let date = Date::from_unix(784_111_777);
        let written = |response: Response| {
            let mut out = Vec::new();
            response.put_head(&mut out, Persistence::KeepAlive, Some(date));
            String::from_utf8(out).expect("it is text")
        };
        assert_eq!(
            written(Response::status(204)),
            "HTTP/1.1 204 No Content\r\ndate: Sun, 06 Nov 1994 08:49:37 GMT\r\n\
             connection: keep-alive\r\n\r\n"
        );
        assert_eq!(
            written(Response::status(204).header("Date", "today")),
            "HTTP/1.1 204 No Content\r\nDate: today\r\nconnection: keep-alive\r\n\r\n"
        );
    }
}
