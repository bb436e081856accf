//! Request heads (RFC 9112 §3, §5, §6): found incrementally, parsed once, refused when two readers
//! could disagree about them.

use std::mem::MaybeUninit;
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
    pub(crate) places: Places,
}

/// Where the values of the [`Named`] fields are: most questions are about one of these, and most often
/// it is absent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Places([Place; Named::COUNT]);

/// Where the value of a field is among the lines of all fields.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Absent,
    At { start: u16, len: u16 },
    Unknown,
}

impl Places {
    /// Knows nothing, so that every question is looked up.
    pub(crate) const UNKNOWN: Self = Self([Place::Unknown; Named::COUNT]);

    /// Where the value of a field is whose name is given in any case.
    pub(crate) fn of(&self, name: &str) -> Place {
        Named::from_name(name).map_or(Place::Unknown, |named| self.0[named as usize])
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
    // Filling it would cost more than what is parsed into it.
    let mut storage = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    let fields = limits.headers.min(MAX_FIELDS);
    let mut request = httparse::Request::new(&mut []);
    match request.parse_with_uninit_headers(bytes, &mut storage[..fields]) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(Violation::InvalidHead),
        Err(httparse::Error::TooManyHeaders) => return Err(Violation::TooManyHeaders),
        Err(_) => return Err(Violation::InvalidHead),
    }
    let (Some(name), Some(target), Some(version)) = (request.method, request.path, request.version)
    else {
        return Err(Violation::InvalidHead);
    };
    let method = Method::from_name(name);
    let unknown = method == Method::Other && name.len() > MAX_METHOD;
    if unknown || !target.starts_with('/') && target != "*" {
        return Err(Violation::InvalidHead);
    }
    // The parser accepts one space between method and target, and nothing before the method.
    let start = name.len() + 1;
    let end = start + target.len();
    let line = end + VERSION.len();
    if bytes.get(start..end) != Some(target.as_bytes()) || bytes.get(line - 1) != Some(&b'\n') {
        return Err(Violation::InvalidHead);
    }
    let framing = Framing::read(request.headers, version, &bytes[line..])?;
    let body = framing.body(version)?;
    if matches!(name, "GET" | "HEAD") && !matches!(body, Body::Length(0)) {
        return Err(Violation::AmbiguousRequest);
    }
    Ok(Head {
        method,
        target: start..end,
        fields: line..bytes.len() - 2,
        body,
        keep_alive: framing.keep_alive.unwrap_or(version == 1),
        expects_continue: framing.expects_continue && version == 1,
        coding: framing.accept.coding(),
        places: framing.places,
    })
}

/// What follows a target on its line.
const VERSION: &str = " HTTP/1.1\r\n";

/// Bytes of the name of a method; the longest that is registered has 17.
const MAX_METHOD: usize = 32;

/// Most that `Limits::headers` can ask for: the parser works on the stack.
pub(crate) const MAX_FIELDS: usize = 128;

/// Fields that decide where the request ends.
struct Framing<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    keep_alive: Option<bool>,
    expects_continue: bool,
    accept: Accept,
    places: Places,
}

impl<'a> Framing<'a> {
    fn read(
        headers: &[httparse::Header<'a>],
        version: u8,
        lines: &[u8],
    ) -> Result<Self, Violation> {
        let mut framing = Self {
            length: None,
            coding: None,
            keep_alive: None,
            expects_continue: false,
            accept: Accept::default(),
            places: Places([Place::Absent; Named::COUNT]),
        };
        for header in headers {
            let Some(named) = Named::from_name(header.name) else {
                if coding::ENABLED && header.name.eq_ignore_ascii_case("accept-encoding") {
                    framing.accept.read(header.value);
                }
                continue;
            };
            let place = &mut framing.places.0[named as usize];
            match (*place, named) {
                (Place::Absent, _) => *place = place_of(header.value, lines),
                (_, Named::ContentType) => continue,
                (Place::At { .. } | Place::Unknown, _) => return Err(Violation::AmbiguousRequest),
            }
            match named {
                Named::Connection => framing.keep_alive = keep_alive(header.value),
                Named::ContentLength => framing.length = Some(header.value),
                Named::Expect => {
                    framing.expects_continue = header.value.eq_ignore_ascii_case(b"100-continue");
                }
                Named::TransferEncoding => framing.coding = Some(header.value),
                Named::ContentType
                | Named::Host
                | Named::Origin
                | Named::Upgrade
                | Named::WebSocketKey
                | Named::WebSocketVersion => {}
            }
        }
        if version == 1 && framing.places.0[Named::Host as usize] == Place::Absent {
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

/// Fields with a meaning here. Each may appear once, but for `content-type`, of which the first counts.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Named {
    Connection,
    ContentLength,
    ContentType,
    Expect,
    Host,
    Origin,
    TransferEncoding,
    Upgrade,
    WebSocketKey,
    WebSocketVersion,
}

impl Named {
    const COUNT: usize = 10;

    /// Reads a name in any case. Most are ruled out by their length.
    fn from_name(name: &str) -> Option<Self> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match name.len() {
            4 if is("host") => Some(Self::Host),
            6 if is("origin") => Some(Self::Origin),
            6 if is("expect") => Some(Self::Expect),
            7 if is("upgrade") => Some(Self::Upgrade),
            10 if is("connection") => Some(Self::Connection),
            12 if is("content-type") => Some(Self::ContentType),
            14 if is("content-length") => Some(Self::ContentLength),
            17 if is("sec-websocket-key") => Some(Self::WebSocketKey),
            17 if is("transfer-encoding") => Some(Self::TransferEncoding),
            21 if is("sec-websocket-version") => Some(Self::WebSocketVersion),
            _ => None,
        }
    }
}

/// Where a value lies, which is a part of `lines`.
fn place_of(value: &[u8], lines: &[u8]) -> Place {
    let start = value.as_ptr().addr().wrapping_sub(lines.as_ptr().addr());
    match (u16::try_from(start), u16::try_from(value.len())) {
        (_, Ok(0)) => Place::At { start: 0, len: 0 },
        (Ok(start), Ok(len)) => Place::At { start, len },
        (_, _) => Place::Unknown,
    }
}

fn keep_alive(value: &[u8]) -> Option<bool> {
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
    use crate::http::Fields;

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
    fn values_are_found_where_they_are() {
        let text = b"GET / HTTP/1.1\r\nHost:  a.b \r\nX: y\r\nUpgrade:\r\nOrigin:c\r\n\r\n";
        let head = parse(text, &Limits::default()).expect("valid");
        let fields = Fields::lines(&text[head.fields], &head.places);
        for (name, value) in [
            ("host", Some("a.b")),
            ("upgrade", Some("")),
            ("origin", Some("c")),
            ("x", Some("y")),
            ("expect", None),
            ("y", None),
        ] {
            assert_eq!(fields.get(name), value, "{name}");
        }
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
    fn any_token_of_some_length_is_a_method() {
        let method = |name: &str| {
            let text = format!("{name} /a HTTP/1.1\r\nHost: a\r\n\r\n");
            parse(text.as_bytes(), &Limits::default()).map(|head| (head.method, head.target))
        };
        assert_eq!(method("PROPFIND"), Ok((Method::Other, 9..11)));
        assert_eq!(method("M-x!#$%&'*+.^_`|~"), Ok((Method::Other, 18..20)));
        assert_eq!(method("get"), Ok((Method::Other, 4..6)));
        assert_eq!(method(&"M".repeat(32)), Ok((Method::Other, 33..35)));
        for name in [&*"M".repeat(33), "", "M/", "M\"", "M\u{e9}", "M\t"] {
            assert_eq!(method(name), Err(Violation::InvalidHead), "{name}");
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
