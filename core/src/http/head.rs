//! Request heads (RFC 9112 §3, §5, §6): found incrementally, parsed once, refused when two readers
//! could disagree about them.

use std::ops::Range;

use super::body::Body;
use super::coding::{self, Accept, Coding};
use super::request::Method;
use crate::config::Limits;
use crate::error::Violation;
use crate::ws::handshake::has_token;

/// What a request head says, as places in the bytes it was parsed from.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    pub(crate) target: Range<usize>,
    pub(crate) fields: Range<usize>,
    pub(crate) body: Body,
    pub(crate) keep_alive: bool,
    pub(crate) expects_continue: bool,
    pub(crate) coding: Option<Coding>,
    pub(crate) seen: Seen,
}

/// Which of the fields that may appear once did: most questions are about one that did not.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Seen(u16);

impl Seen {
    /// Knows nothing, so that every question is looked up.
    #[cfg(test)]
    pub(crate) const ALL: Self = Self(u16::MAX);

    /// Whether a field of that name, in lower case, is known to be absent.
    pub(crate) fn lacks(self, name: &str) -> bool {
        SINGLE.iter().position(|single| *single == name).is_some_and(|at| self.0 & (1 << at) == 0)
    }

    /// Notes one more; `false` when it was there.
    fn note(&mut self, at: usize) -> bool {
        let before = self.0;
        self.0 |= 1 << at;
        self.0 != before
    }
}

/// Finds the end of a head, starting where the last search stopped.
///
/// `Ok(Err(n))` says that the first `n` bytes need no second look.
pub(crate) fn find_end(
    bytes: &[u8],
    scanned: usize,
    limits: &Limits,
) -> Result<Result<usize, usize>, Violation> {
    let window = &bytes[..bytes.len().min(limits.head)];
    for at in memchr::memchr_iter(b'\n', window.get(scanned..).unwrap_or_default()) {
        let line_end = scanned + at;
        // A bare LF ends a line for some readers and not for others.
        if line_end == 0 || window[line_end - 1] != b'\r' {
            return Err(Violation::InvalidHead);
        }
        if window[..=line_end].ends_with(b"\r\n\r\n") {
            return Ok(Ok(line_end + 1));
        }
    }
    if bytes.len() >= limits.head {
        return Err(Violation::HeadTooLarge);
    }
    Ok(Err(window.len()))
}

/// Parses a whole head, from the request line through the empty line.
pub(crate) fn parse(bytes: &[u8], limits: &Limits) -> Result<Head, Violation> {
    let mut storage = [httparse::EMPTY_HEADER; MAX_FIELDS];
    let fields = limits.headers.min(MAX_FIELDS);
    let mut request = httparse::Request::new(&mut storage[..fields]);
    match request.parse(bytes) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Violation::InvalidHead),
        Err(httparse::Error::TooManyHeaders) => return Err(Violation::TooManyHeaders),
        Err(_) => return Err(Violation::InvalidHead),
    }
    let (Some(name), Some(target), Some(version)) = (request.method, request.path, request.version)
    else {
        return Err(Violation::InvalidHead);
    };
    if !target.starts_with('/') && target != "*" {
        return Err(Violation::InvalidHead);
    }
    let framing = Framing::read(request.headers, version)?;
    let body = framing.body(version)?;
    if matches!(name, "GET" | "HEAD") && !matches!(body, Body::Length(0)) {
        return Err(Violation::AmbiguousRequest);
    }
    let line = memchr::memchr(b'\n', bytes).ok_or(Violation::InvalidHead)?;
    // The parser accepts one space between method and target, and nothing before the method.
    let start = name.len() + 1;
    if bytes.get(start..start + target.len()) != Some(target.as_bytes()) {
        return Err(Violation::InvalidHead);
    }
    Ok(Head {
        method: Method::from_name(name),
        target: start..start + target.len(),
        fields: line + 1..bytes.len() - 2,
        body,
        keep_alive: framing.keep_alive.unwrap_or(version == 1),
        expects_continue: framing.expects_continue && version == 1,
        coding: framing.accept.coding(),
        seen: framing.seen,
    })
}

/// Most that `Limits::headers` can ask for: the parser works on the stack.
pub(crate) const MAX_FIELDS: usize = 128;

/// Fields that decide where the request ends; each may appear once.
#[derive(Default)]
struct Framing<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    keep_alive: Option<bool>,
    expects_continue: bool,
    accept: Accept,
    seen: Seen,
}

impl<'a> Framing<'a> {
    fn read(headers: &[httparse::Header<'a>], version: u8) -> Result<Self, Violation> {
        let mut framing = Self::default();
        for header in headers {
            let Some(which) = single(header.name) else {
                if coding::ENABLED && header.name.eq_ignore_ascii_case("accept-encoding") {
                    framing.accept.read(header.value);
                }
                continue;
            };
            if !framing.seen.note(which) {
                return Err(Violation::AmbiguousRequest);
            }
            match SINGLE[which] {
                "content-length" => framing.length = Some(header.value),
                "transfer-encoding" => framing.coding = Some(header.value),
                "connection" => framing.keep_alive = keep_alive(header.value),
                "expect" => {
                    framing.expects_continue = header.value.eq_ignore_ascii_case(b"100-continue");
                }
                _ => {}
            }
        }
        if version == 1 && framing.seen.lacks(SINGLE[0]) {
            return Err(Violation::InvalidHead);
        }
        Ok(framing)
    }

    fn body(&self, version: u8) -> Result<Body, Violation> {
        match (self.length, self.coding) {
            (None, None) => Ok(Body::Length(0)),
            (Some(_), Some(_)) => Err(Violation::AmbiguousRequest),
            (None, Some(_)) if version == 0 => Err(Violation::AmbiguousRequest),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Body::chunked()),
            (None, Some(_)) => Err(Violation::UnsupportedCoding),
            (Some(length), None) => digits(length).map(Body::Length),
        }
    }
}

/// Fields that may appear once; the first is required.
const SINGLE: [&str; 9] = [
    "host",
    "connection",
    "content-length",
    "expect",
    "origin",
    "sec-websocket-key",
    "sec-websocket-version",
    "transfer-encoding",
    "upgrade",
];

/// Which of them a name in any case is. Most fields are ruled out by their length.
fn single(name: &str) -> Option<usize> {
    match name.len() {
        4 | 6 | 7 | 10 | 14 | 17 | 21 => {
            SINGLE.iter().position(|single| name.eq_ignore_ascii_case(single))
        }
        _ => None,
    }
}

fn keep_alive(value: &[u8]) -> Option<bool> {
    let value = std::str::from_utf8(value).ok()?;
    if has_token(value, "close") {
        return Some(false);
    }
    has_token(value, "keep-alive").then_some(true)
}

/// Digits only: no sign, no space, no list (RFC 9112 §6.2).
fn digits(value: &[u8]) -> Result<u64, Violation> {
    let text = std::str::from_utf8(value).map_err(|_| Violation::AmbiguousRequest)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Violation::AmbiguousRequest);
    }
    text.parse().map_err(|_| Violation::BodyTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(fields: &str) -> Result<Head, Violation> {
        let text = format!("POST /socket.io/?EIO=4 HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        parse(text.as_bytes(), &Limits::default())
    }

    #[test]
    fn target_and_fields_are_places_in_the_head() {
        let text = b"GET /GET?x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
        let head = parse(text, &Limits::default()).expect("valid");
        assert_eq!(&text[head.target], b"/GET?x");
        assert_eq!(&text[head.fields], b"Host: a\r\nX: y\r\n");
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        for fields in [
            "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n",
            "Content-Length: 5\r\nContent-Length: 5\r\n",
            "Content-Length: +5\r\n",
            "Content-Length: 5, 5\r\n",
            "Content-Length:\r\n",
            "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
            "Host: b\r\n",
            "Upgrade: websocket\r\nUpgrade: websocket\r\n",
        ] {
            assert_eq!(head(fields).err(), Some(Violation::AmbiguousRequest), "{fields}");
        }
        let get = b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\n\r\n";
        assert_eq!(parse(get, &Limits::default()).err(), Some(Violation::AmbiguousRequest));
    }

    #[test]
    fn only_the_chunked_coding_is_known() {
        let coding = |value: &str| head(&format!("Transfer-Encoding: {value}\r\n")).err();
        assert_eq!(coding("chunked"), None);
        assert_eq!(coding("gzip, chunked"), Some(Violation::UnsupportedCoding));
        assert_eq!(coding("xchunked"), Some(Violation::UnsupportedCoding));
    }

    #[test]
    fn malformed_heads_are_refused() {
        for text in [
            "GET / HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
        ] {
            assert_eq!(
                parse(text.as_bytes(), &Limits::default()).err(),
                Some(Violation::InvalidHead)
            );
        }
    }

    #[test]
    fn fields_are_counted() {
        let limits = Limits { headers: 2, ..Limits::default() };
        let refused = |n: usize| {
            let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "X: y\r\n".repeat(n));
            parse(text.as_bytes(), &limits).err()
        };
        assert_eq!(refused(1), None);
        assert_eq!(refused(2), Some(Violation::TooManyHeaders));
    }

    #[test]
    fn the_end_is_found_without_looking_twice() {
        let limits = Limits { head: 40, ..Limits::default() };
        let text = b"GET / HTTP/1.1\r\nHost: a\r\n\r\nrest";
        let mut scanned = 0;
        for end in 0..27 {
            match find_end(&text[..end], scanned, &limits) {
                Ok(Err(n)) => scanned = n,
                other => assert_eq!((other, end), (Ok(Ok(27)), 27)),
            }
        }
        assert_eq!(find_end(text, scanned, &limits), Ok(Ok(27)));
        assert_eq!(find_end(&[b'x'; 40], 0, &limits), Err(Violation::HeadTooLarge));
        assert_eq!(find_end(b"GET / HTTP/1.1\n\n", 0, &limits), Err(Violation::InvalidHead));
    }
}
