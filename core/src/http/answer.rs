//! Heads of answers, as a client reads them (RFC 9112 §4, §6.3).

use super::Fields;
use super::body::Body;
use super::coding::Coding;
use super::head::{MAX_FIELDS, Persistence, Places, Wish, digits};
use crate::error::Violation;
use crate::field::Field;
use crate::limits::Limits;

/// The head of an answer that a client read, borrowed from the read buffer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ResponseHead<'a> {
    /// Status code; 101 when the stream is a WebSocket from here on.
    pub status: u16,
    /// The header fields.
    pub fields: Fields<'a>,
}

impl<'a> ResponseHead<'a> {
    /// Makes the head of an answer that a host read itself.
    #[must_use]
    pub fn new(status: u16, fields: Fields<'a>) -> Self {
        Self { status, fields }
    }
}

/// What the head of an answer says.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) status: u16,
    pub(crate) body: Body,
    /// What the body is compressed with.
    pub(crate) coding: Option<Coding>,
    pub(crate) persistence: Persistence,
    pub(crate) places: Places,
}

/// The request that an answer belongs to, as far as it decides where the answer ends.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Asked {
    /// HEAD, whose answer has no body.
    Head,
    /// Any other method.
    Whole,
}

/// Parses a whole head, from the status line through the empty line.
///
/// An answer whose end only the end of the stream tells is refused: it could not be told from one that
/// was cut off.
pub(crate) fn parse(bytes: &[u8], asked: Asked, limits: &Limits) -> Result<Head, Violation> {
    let mut storage = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let mut response = httparse::Response::new(&mut storage[..limits.headers.min(MAX_FIELDS)]);
    match response.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Err(httparse::Error::TooManyHeaders) => return Err(Violation::TooManyHeaders),
        Ok(httparse::Status::Partial) | Err(_) => return Err(Violation::InvalidHead),
    }
    let (Some(status), Some(version)) = (response.code, response.version) else {
        return Err(Violation::InvalidHead);
    };
    // The parser overlooks line breaks before the status line.
    let line = memchr::memchr(b'\n', bytes).filter(|_| bytes.starts_with(b"HTTP/"));
    let lines = line.ok_or(Violation::InvalidHead)? + 1;
    let framing = Framing::read(response.headers)?;
    let bodiless = asked == Asked::Head || matches!(status, 100..=199 | 204 | 304);
    Ok(Head {
        status,
        body: if bodiless { Body::Length(0) } else { framing.body(version)? },
        coding: framing.content.filter(|_| !bodiless),
        persistence: match (framing.wish, version) {
            (Wish::Close, _) | (Wish::Nothing, 0) => Persistence::Close,
            (Wish::KeepAlive | Wish::Nothing, _) => Persistence::Keep,
        },
        places: Places::lines_from(lines).ok_or(Violation::HeadTooLarge)?,
    })
}

/// Fields that decide where the answer ends, and what becomes of its body.
struct Framing<'a> {
    length: Option<&'a [u8]>,
    transfer: Option<&'a [u8]>,
    content: Option<Coding>,
    wish: Wish,
}

impl<'a> Framing<'a> {
    fn read(headers: &[httparse::Header<'a>]) -> Result<Self, Violation> {
        let mut framing = Self { length: None, transfer: None, content: None, wish: Wish::Nothing };
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-encoding") {
                framing.content = Coding::of(header.value)?;
                continue;
            }
            let place = match Field::from_name(header.name) {
                Some(Field::Connection) => {
                    framing.wish = framing.wish.max(Wish::of(header.value));
                    continue;
                }
                Some(Field::ContentLength) => &mut framing.length,
                Some(Field::TransferEncoding) => &mut framing.transfer,
                Some(
                    Field::Authorization
                    | Field::ContentType
                    | Field::Expect
                    | Field::Host
                    | Field::Origin
                    | Field::SecWebSocketKey
                    | Field::SecWebSocketProtocol
                    | Field::SecWebSocketVersion
                    | Field::Upgrade,
                )
                | None => continue,
            };
            if place.replace(header.value).is_some() {
                return Err(match framing.transfer {
                    Some(_) => Violation::RepeatedField(Field::TransferEncoding),
                    None => Violation::RepeatedField(Field::ContentLength),
                });
            }
        }
        Ok(framing)
    }

    fn body(&self, version: u8) -> Result<Body, Violation> {
        match (self.length, self.transfer) {
            (Some(_), Some(_)) => Err(Violation::AmbiguousRequest),
            (Some(length), None) => digits(length).map(Body::Length),
            (None, Some(_)) if version == 0 => Err(Violation::UnexpectedCoding),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Body::chunked()),
            (None, Some(_)) => Err(Violation::UnsupportedCoding),
            (None, None) => Err(Violation::UnboundedAnswer),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(head: &str) -> Result<Head, Violation> {
        parse(format!("{head}\r\n\r\n").as_bytes(), Asked::Whole, &Limits::default())
    }

    #[test]
    fn an_answer_ends_where_its_head_says() {
        let head = read("HTTP/1.1 200 OK\r\nContent-Length: 5").expect("valid");
        assert_eq!((head.status, head.body), (200, Body::Length(5)));
        assert_eq!(head.persistence, Persistence::Keep);
        let head = read("HTTP/1.1 404 \r\ntransfer-encoding: Chunked").expect("valid");
        assert_eq!((head.status, head.body), (404, Body::chunked()));
        for status in ["101 Switching Protocols", "204 No Content", "304 Not Modified"] {
            let head = read(&format!("HTTP/1.1 {status}\r\nA: b")).expect("valid");
            assert_eq!(head.body, Body::Length(0), "{status}");
        }
        let head = b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n";
        let head = parse(head, Asked::Head, &Limits::default()).expect("valid");
        assert_eq!((head.body, head.persistence), (Body::Length(0), Persistence::Close));
        let head = read("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, close");
        assert_eq!(head.expect("valid").persistence, Persistence::Close);
    }

    #[test]
    fn an_answer_that_two_readers_could_end_differently_is_refused() {
        for (head, violation) in [
            ("HTTP/1.1 200 OK\r\nA: b", Violation::UnboundedAnswer),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked",
                Violation::AmbiguousRequest,
            ),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1",
                Violation::RepeatedField(Field::ContentLength),
            ),
            ("HTTP/1.1 200 OK\r\nContent-Length: +1", Violation::InvalidLength),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip", Violation::UnsupportedCoding),
            ("HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked", Violation::UnexpectedCoding),
            (
                "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Encoding: br",
                Violation::UnsupportedCoding,
            ),
            ("\r\nHTTP/1.1 200 OK\r\nContent-Length: 1", Violation::InvalidHead),
            ("HTTP/2 200 OK", Violation::InvalidHead),
            ("GET / HTTP/1.1", Violation::InvalidHead),
        ] {
            assert_eq!(read(head).map(|head| head.status), Err(violation), "{head:?}");
        }
    }
}
