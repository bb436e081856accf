//! Request heads (RFC 9112 §3, §5, §6): found incrementally, parsed once, refused when two readers
//! could disagree about them.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::body::Body;
use super::coding::{self, Accept, Coding};
use super::field::{Field, is_authority};
use super::request::{Method, has_token};
use crate::config::Limits;
use crate::error::Violation;

/// What a request head says, as places in the bytes it was parsed from.
#[derive(Debug)]
pub(crate) struct Head {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) target: Range<usize>,
    pub(crate) body: Body,
    pub(crate) persistence: Persistence,
    pub(crate) expects_continue: bool,
    pub(crate) coding: Option<Coding>,
    pub(crate) places: Places,
}

/// What becomes of the connection after an answer (RFC 9112 §9.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Persistence {
    /// It ends, and the answer says so.
    Close,
    /// It stays, which goes without saying.
    Keep,
    /// It stays, and the answer says so: the client speaks HTTP/1.0 and asked for it.
    KeepAlive,
}

/// Where the values of the [`Field`]s are: most questions are about one of these, and most often it is
/// absent.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Places {
    fields: [Place; Field::COUNT],
    /// Where the lines of all fields begin.
    lines: u32,
}

/// Where the value of a field is in the head.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Place {
    Absent,
    At {
        start: u16,
        len: u16,
    },
    /// Beyond what can be noted, or on several lines.
    Unknown,
}

impl Place {
    /// The value, if its place is known.
    pub(crate) fn of(self, head: &[u8]) -> Option<&[u8]> {
        let Self::At { start, len } = self else { return None };
        head.get(usize::from(start)..)?.get(..usize::from(len))
    }

    fn at(range: &Range<usize>) -> Self {
        match (u16::try_from(range.start), u16::try_from(range.len())) {
            (_, Ok(0)) => Self::At { start: 0, len: 0 },
            (Ok(start), Ok(len)) => Self::At { start, len },
            (_, _) => Self::Unknown,
        }
    }
}

impl Places {
    /// Knows nothing, so that every question is looked up in what are lines from the start.
    #[cfg(test)]
    pub(crate) const UNKNOWN: Self = Self { fields: [Place::Unknown; Field::COUNT], lines: 0 };

    pub(super) fn at(&self, field: Field) -> Place {
        self.fields[field as usize]
    }

    /// The host, when it is in the target and not among the fields.
    pub(super) fn authority(&self) -> Option<Place> {
        let host = self.at(Field::Host);
        matches!(host, Place::At { start, len } if len > 0 && u32::from(start) < self.lines)
            .then_some(host)
    }

    pub(super) fn lines_of<'a>(&self, head: &'a [u8]) -> &'a [u8] {
        head.get(self.lines as usize..).unwrap_or_default()
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
pub(crate) fn parse(bytes: &mut [u8], limits: &Limits) -> Result<Head, Violation> {
    let mut head = read(bytes, limits)?;
    if !bytes[head.target.clone()].starts_with(b"/") {
        head.root(bytes);
    }
    Ok(head)
}

fn read(bytes: &[u8], limits: &Limits) -> Result<Head, Violation> {
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
    if method == Method::Other {
        check_name(name)?;
    }
    // The parser accepts one space between method and target, and nothing before the method.
    let start = name.len() + 1;
    let end = start + target.len();
    let line = end + VERSION.len();
    if bytes.get(start..end) != Some(target.as_bytes()) || bytes.get(line - 1) != Some(&b'\n') {
        return Err(Violation::InvalidHead);
    }
    let authority = authority(method, target.as_bytes())?;
    let path = start + authority.end..end;
    let authority = start + authority.start..start + authority.end;
    let framing = Framing::read(request.headers, (version, authority), (bytes, line))?;
    let body = framing.body(version)?;
    if matches!(method, Method::Get | Method::Head) && !matches!(body, Body::Length(0)) {
        return Err(Violation::UnexpectedBody);
    }
    Ok(Head {
        method,
        target: path,
        body,
        persistence: framing.persistence(version),
        expects_continue: framing.expects_continue && version == 1,
        coding: framing.accept.coding(),
        places: framing.places,
    })
}

impl Head {
    /// Gives a target that is nothing but a host, or goes on with the query, the path that it means
    /// (RFC 9110 §4.2.3). Its slash is the last one before the host: `//a?b` becomes `/a/?b`.
    fn root(&mut self, bytes: &mut [u8]) {
        let Place::At { start, len } = &mut self.places.fields[Field::Host as usize] else {
            return;
        };
        let host = usize::from(*start)..usize::from(*start) + usize::from(*len);
        if self.places.lines as usize <= host.start || host.is_empty() {
            return;
        }
        bytes[host.start - 1..host.end].rotate_left(1);
        *start -= 1;
        self.target.start -= 1;
    }
}

/// Checks the name of a method that is none of ours.
fn check_name(name: &str) -> Result<(), Violation> {
    match name {
        // Its target is a host to connect to (RFC 9112 §3.2.3), and its answer would promise a tunnel.
        "CONNECT" => Err(Violation::Tunnel),
        _ if name.len() > MAX_METHOD => Err(Violation::InvalidHead),
        _ => Ok(()),
    }
}

/// Where the host of a target is; nothing, at its start, when it names none.
///
/// ```text
/// target = path [ "?" query ] / ( "http://" / "https://" ) authority [ path ] [ "?" query ] / "*"
/// ```
///
/// (RFC 9112 §3.2.) A fragment is not the server's to see, and who sends one hides from another
/// reader what follows it.
fn authority(method: Method, target: &[u8]) -> Result<Range<usize>, Violation> {
    let fragment = memchr::memchr(b'#', target).is_some();
    match target {
        _ if fragment => Err(Violation::InvalidTarget),
        [b'/', ..] => Ok(0..0),
        b"*" if method == Method::Options => Ok(0..0),
        [..] => {
            let is = |scheme: &&str| {
                target
                    .get(..scheme.len())
                    .is_some_and(|s| s.eq_ignore_ascii_case(scheme.as_bytes()))
            };
            let scheme = ["http://", "https://"].into_iter().find(is);
            let start = scheme.ok_or(Violation::InvalidTarget)?.len();
            let end = target[start..].iter().position(|byte| matches!(byte, b'/' | b'?'));
            let host = start..end.map_or(target.len(), |end| start + end);
            match is_authority(&target[host.clone()]) && u16::try_from(host.end).is_ok() {
                true => Ok(host),
                false => Err(Violation::InvalidTarget),
            }
        }
    }
}

/// What follows a target on its line.
const VERSION: &str = " HTTP/1.1\r\n";

/// Bytes of the name of a method; the longest that is registered has 17.
const MAX_METHOD: usize = 32;

/// Most that `Limits::headers` can ask for: the parser works on the stack.
pub(crate) const MAX_FIELDS: usize = 128;

/// What a client says of the connection. Of several, the last one counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Wish {
    Nothing,
    KeepAlive,
    Close,
}

impl Wish {
    fn of(value: &[u8]) -> Self {
        if has_token(value, "close") {
            Self::Close
        } else if has_token(value, "keep-alive") {
            Self::KeepAlive
        } else {
            Self::Nothing
        }
    }
}

/// Fields that decide where the request ends.
struct Framing<'a> {
    length: Option<&'a [u8]>,
    coding: Option<&'a [u8]>,
    wish: Wish,
    expects_continue: bool,
    accept: Accept,
    places: Places,
}

impl<'a> Framing<'a> {
    /// Reads the fields of a head whose target names a host at `authority`, if not nothing, and whose
    /// `lines` begin there.
    fn read(
        headers: &[httparse::Header<'a>],
        (version, authority): (u8, Range<usize>),
        (head, lines): (&[u8], usize),
    ) -> Result<Self, Violation> {
        let lines = u32::try_from(lines).map_err(|_| Violation::HeadTooLarge)?;
        let mut framing = Self {
            length: None,
            coding: None,
            wish: Wish::Nothing,
            expects_continue: false,
            accept: Accept::default(),
            places: Places { fields: [Place::Absent; Field::COUNT], lines },
        };
        for header in headers {
            let Some(field) = Field::from_name(header.name) else {
                if coding::ENABLED && header.name.eq_ignore_ascii_case("accept-encoding") {
                    framing.accept.read(header.value);
                }
                continue;
            };
            let place = &mut framing.places.fields[field as usize];
            match *place {
                Place::Absent => *place = place_of(header.value, head),
                _ if field.is_list() => *place = Place::Unknown,
                Place::At { .. } | Place::Unknown => {
                    return Err(Violation::RepeatedField(field));
                }
            }
            match field {
                Field::Connection => framing.wish = framing.wish.max(Wish::of(header.value)),
                Field::ContentLength => framing.length = Some(header.value),
                Field::Expect => {
                    field.check(header.value)?;
                    framing.expects_continue = true;
                }
                // The one in the target goes before it (RFC 9112 §3.2.2).
                Field::Host if !authority.is_empty() => {}
                Field::Host | Field::Origin => field.check(header.value)?,
                Field::TransferEncoding => framing.coding = Some(header.value),
                // What HTTP/1.0 cannot do is not asked for (RFC 9110 §7.8).
                Field::Upgrade if version == 0 => *place = Place::Absent,
                Field::Authorization
                | Field::ContentType
                | Field::SecWebSocketKey
                | Field::SecWebSocketVersion
                | Field::Upgrade => {}
            }
        }
        let host = &mut framing.places.fields[Field::Host as usize];
        if version == 1 && *host == Place::Absent {
            return Err(Violation::InvalidHost);
        }
        if !authority.is_empty() {
            *host = Place::at(&authority);
        }
        Ok(framing)
    }

    fn persistence(&self, version: u8) -> Persistence {
        match (self.wish, version) {
            (Wish::Close, _) | (Wish::Nothing, 0) => Persistence::Close,
            (Wish::KeepAlive, 0) => Persistence::KeepAlive,
            (Wish::KeepAlive | Wish::Nothing, _) => Persistence::Keep,
        }
    }

    fn body(&self, version: u8) -> Result<Body, Violation> {
        match (self.length, self.coding) {
            (None, None) => Ok(Body::Length(0)),
            (Some(_), Some(_)) => Err(Violation::AmbiguousRequest),
            (None, Some(_)) if version == 0 => Err(Violation::UnexpectedCoding),
            (None, Some(coding)) if coding.eq_ignore_ascii_case(b"chunked") => Ok(Body::chunked()),
            (None, Some(_)) => Err(Violation::UnsupportedCoding),
            (Some(length), None) => digits(length).map(Body::Length),
        }
    }
}

/// Where a value lies, which is a part of `head`.
fn place_of(value: &[u8], head: &[u8]) -> Place {
    let start = value.as_ptr().addr().wrapping_sub(head.as_ptr().addr());
    Place::at(&(start..start.saturating_add(value.len())))
}

/// Digits only: no sign, no space, no list (RFC 9112 §6.2).
fn digits(value: &[u8]) -> Result<u64, Violation> {
    let text = std::str::from_utf8(value).map_err(|_| Violation::InvalidLength)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(Violation::InvalidLength);
    }
    text.parse().map_err(|_| Violation::BodyTooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Fields;

    /// Reads a head from a text that may be changed by it.
    fn parse(text: &[u8], limits: &Limits) -> Result<Head, Violation> {
        super::parse(&mut text.to_vec(), limits)
    }

    fn head(fields: &str) -> Result<Head, Violation> {
        let text = format!("POST /socket.io/?EIO=4 HTTP/1.1\r\nHost: a\r\n{fields}\r\n");
        parse(text.as_bytes(), &Limits::default())
    }

    /// The refusal of a request of these bytes.
    fn refused(text: impl AsRef<[u8]>) -> Option<Violation> {
        parse(text.as_ref(), &Limits::default()).err()
    }

    #[test]
    fn target_and_fields_are_places_in_the_head() {
        let text = b"GET /GET?x HTTP/1.1\r\nHost: a\r\nX: y\r\n\r\n";
        let head = parse(text, &Limits::default()).expect("valid");
        assert_eq!(&text[head.target], b"/GET?x");
        assert_eq!(head.places.lines_of(text), b"Host: a\r\nX: y\r\n\r\n");
    }

    #[test]
    fn values_are_found_where_they_are() {
        let text = b"GET / HTTP/1.1\r\nHost:  a.b \r\nX: y\r\nUpgrade:\r\nOrigin:c\r\n\r\n";
        let head = parse(text, &Limits::default()).expect("valid");
        let fields = Fields::head(text, &head.places);
        for (name, value) in [
            ("host", Some("a.b")),
            ("upgrade", Some("")),
            ("origin", Some("c")),
            ("x", Some("y")),
            ("expect", None),
            ("y", None),
        ] {
            assert_eq!(fields.get(name).as_deref(), value, "{name}");
        }
    }

    #[test]
    fn lists_on_several_lines_are_one() {
        let several = "Connection: keep-alive\r\nUpgrade: a\r\nconnection: Upgrade, close\r\n\
                       Upgrade: b\r\n";
        let text = format!("GET / HTTP/1.1\r\nHost: a\r\n{several}\r\n");
        let head = parse(text.as_bytes(), &Limits::default()).expect("valid");
        assert_eq!(head.persistence, Persistence::Close);
        let fields = Fields::head(text.as_bytes(), &head.places);
        assert_eq!(fields.get("connection").as_deref(), Some("keep-alive, Upgrade, close"));
        assert!(fields.has_token(Field::Connection, "upgrade"));
        assert!(fields.has_token(Field::Upgrade, "b"));
    }

    #[test]
    fn who_speaks_http_1_0_has_to_ask_for_the_connection_to_stay() {
        let persistence = |version: &str, fields: &str| {
            let text = format!("GET / HTTP/{version}\r\nHost: a\r\n{fields}\r\n");
            parse(text.as_bytes(), &Limits::default()).expect("valid").persistence
        };
        for (version, fields, expected) in [
            ("1.1", "", Persistence::Keep),
            ("1.1", "Connection: keep-alive\r\n", Persistence::Keep),
            ("1.1", "Connection: keep-alive, close\r\n", Persistence::Close),
            ("1.0", "", Persistence::Close),
            ("1.0", "Connection: Keep-Alive\r\n", Persistence::KeepAlive),
            ("1.0", "Connection: x\r\nConnection: keep-alive\r\n", Persistence::KeepAlive),
            ("1.0", "Connection: close\r\nConnection: keep-alive\r\n", Persistence::Close),
        ] {
            assert_eq!(persistence(version, fields), expected, "{version} {fields}");
        }
    }

    #[test]
    fn what_http_1_0_cannot_do_is_not_asked_for() {
        let text = b"GET / HTTP/1.0\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                     Expect: 100-continue\r\nUpgrade: h2c\r\n\r\n";
        let head = parse(text, &Limits::default()).expect("valid");
        assert!(!head.expects_continue);
        assert!(!Fields::head(text, &head.places).has_token(Field::Upgrade, "websocket"));
    }

    #[test]
    fn a_target_may_name_its_host() {
        for (sent, target, host) in [
            ("/a?b", "/a?b", "h"),
            ("http://b.example/a?b", "/a?b", "b.example"),
            ("HTTP://b.example:80/", "/", "b.example:80"),
            ("hTTps://[::1]:443/?a=http://c/", "/?a=http://c/", "[::1]:443"),
            ("http://b", "/", "b"),
            ("http://b:1", "/", "b:1"),
            ("http://b.example?a/b", "/?a/b", "b.example"),
        ] {
            let mut text = format!("GET {sent} HTTP/1.1\r\nX: y\r\nHost: h\r\n\r\n").into_bytes();
            let head = super::parse(&mut text, &Limits::default()).expect(sent);
            assert_eq!(std::str::from_utf8(&text[head.target]), Ok(target), "{sent}");
            let lines = &text[..text.len() - 2];
            let fields = Fields::head(lines, &head.places);
            assert_eq!(fields.get("host").as_deref(), Some(host), "{sent}");
            let mut all = Vec::new();
            fields.each(&mut |name, value| {
                all.push((name.to_ascii_lowercase(), String::from_utf8_lossy(value).into_owned()));
            });
            all.sort();
            let expected = [("host", host), ("x", "y")].map(|(a, b)| (a.to_owned(), b.to_owned()));
            assert_eq!(all, expected, "{sent}");
        }
    }

    #[test]
    fn targets_that_are_no_address_of_ours_are_refused() {
        for target in [
            "http://",
            "http:///a",
            "http://?a",
            "http://a b/",
            "http://me@b/",
            "http://me:secret@b/",
            "http://a,b/",
            "http://a:x/",
            "http:/a",
            "ftp://a/",
            "ws://a/",
            "a:80",
            "a",
            "*",
            "?a",
            "/a#b",
            "/a?b#c",
            "http://a/#b",
            "http://a#b",
        ] {
            let text = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\n");
            let expected = if target.contains(' ') {
                Violation::InvalidHead
            } else {
                Violation::InvalidTarget
            };
            assert_eq!(refused(text), Some(expected), "{target}");
        }
        let asks = |line: &str| refused(format!("{line} HTTP/1.1\r\nHost: a\r\n\r\n"));
        assert_eq!(asks("OPTIONS *"), None);
        assert_eq!(asks("OPTIONS *a"), Some(Violation::InvalidTarget));
        assert_eq!(asks("CONNECT a:80"), Some(Violation::Tunnel));
        assert_eq!(asks("CONNECT /"), Some(Violation::Tunnel));
    }

    #[test]
    fn a_host_is_one_authority() {
        let refused = |version: &str, target: &str, fields: &str| {
            refused(format!("GET {target} HTTP/{version}\r\n{fields}\r\n"))
        };
        for (fields, expected) in [
            ("", Some(Violation::InvalidHost)),
            ("Host:\r\n", Some(Violation::InvalidHost)),
            ("Host: a b,c/@\r\n", Some(Violation::InvalidHost)),
            ("Host: a, b\r\n", Some(Violation::InvalidHost)),
            ("Host: me@a\r\n", Some(Violation::InvalidHost)),
            ("Host: a:80\r\n", None),
            ("Host: a\r\nHost: a\r\n", Some(Violation::RepeatedField(Field::Host))),
        ] {
            assert_eq!(refused("1.1", "/", fields), expected, "{fields}");
            let old = if fields.is_empty() { None } else { expected };
            assert_eq!(refused("1.0", "/", fields), old, "{fields}");
        }
        // The host of the target goes before the field, which has to be there all the same.
        assert_eq!(refused("1.1", "http://a/", "Host:\r\n"), None);
        assert_eq!(refused("1.1", "http://a/", ""), Some(Violation::InvalidHost));
        assert_eq!(refused("1.0", "http://a/", ""), None);
    }

    #[test]
    fn ambiguous_framing_is_refused() {
        use Violation::{AmbiguousRequest, InvalidLength, RepeatedField};
        for (fields, expected) in [
            ("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", AmbiguousRequest),
            ("Content-Length: +5\r\n", InvalidLength),
            ("Content-Length: 5, 5\r\n", InvalidLength),
            ("Content-Length:\r\n", InvalidLength),
            ("Content-Length: 5\r\nContent-Length: 5\r\n", RepeatedField(Field::ContentLength)),
            (
                "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n",
                RepeatedField(Field::TransferEncoding),
            ),
            ("Host: b\r\n", RepeatedField(Field::Host)),
            ("Origin: http://a\r\nOrigin: http://a\r\n", RepeatedField(Field::Origin)),
            ("Content-Type: a\r\nContent-Type: b\r\n", RepeatedField(Field::ContentType)),
            ("Authorization: a\r\nAuthorization: b\r\n", RepeatedField(Field::Authorization)),
            (
                "Sec-WebSocket-Key: a\r\nSec-WebSocket-Key: b\r\n",
                RepeatedField(Field::SecWebSocketKey),
            ),
        ] {
            assert_eq!(head(fields).err(), Some(expected), "{fields}");
        }
        let get = |fields: &str| refused(format!("GET / HTTP/1.1\r\nHost: a\r\n{fields}\r\n"));
        assert_eq!(get("Content-Length: 1\r\n"), Some(Violation::UnexpectedBody));
        assert_eq!(get("Transfer-Encoding: chunked\r\n"), Some(Violation::UnexpectedBody));
        assert_eq!(get("Content-Length: 0\r\n"), None);
        let old = "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n";
        assert_eq!(refused(old), Some(Violation::UnexpectedCoding));
    }

    #[test]
    fn repeated_fields_are_named() {
        let told = head("Host: b\r\n").expect_err("refused").to_string();
        assert_eq!(told, "the field Host is given more than once");
    }

    #[test]
    fn expectations_other_than_100_continue_are_refused() {
        assert!(head("Expect: 100-Continue\r\n").expect("valid").expects_continue);
        for value in ["200-ok", "y 100-continue", "100-continue, x", "", "100-continue;a"] {
            let refusal = head(&format!("Expect: {value}\r\n")).err();
            assert_eq!(refusal, Some(Violation::UnknownExpectation), "{value}");
        }
    }

    #[test]
    fn an_origin_that_is_no_text_is_refused() {
        let text = b"GET / HTTP/1.1\r\nHost: a\r\nOrigin: http://\xff\r\n\r\n";
        assert_eq!(refused(text), Some(Violation::InvalidOrigin));
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
            "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\0\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n",
            "GET /\x00 HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET /  HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1 \r\nHost: a\r\n\r\n",
            "GET / http/1.1\r\nHost: a\r\n\r\n",
            "G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n",
            "GET / HTTP/1.1\r\nHost: a\r\nX\u{e9}: b\r\n\r\n",
        ] {
            assert_eq!(refused(text), Some(Violation::InvalidHead), "{text:?}");
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
