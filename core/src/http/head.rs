//! Heads (RFC 9112 §3, §5, §6): found incrementally; those of requests parsed once, and refused when
//! two readers could disagree about them.

use std::mem::MaybeUninit;
use std::ops::Range;

use super::body::Body;
use super::coding::{self, Accept, Coding};
use super::field::is_authority;
use super::request::Method;
use super::token::has_token;
use crate::error::Violation;
use crate::field::Field;
use crate::limits::Limits;

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
    pub(crate) const UNKNOWN: Self = Self { fields: [Place::Unknown; Field::COUNT], lines: 0 };

    /// Knows only where the lines begin, if that can be noted.
    pub(super) fn lines_from(start: usize) -> Option<Self> {
        u32::try_from(start).ok().map(|lines| Self { lines, ..Self::UNKNOWN })
    }

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

/// Checks the name of a method without a variant of its own.
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
/// (RFC 9112 §3.2.) A fragment is not the server's to see, and a client that sends one hides from another
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

/// What the other end says of the connection. Of several, the last one counts.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Wish {
    Nothing,
    KeepAlive,
    Close,
}

impl Wish {
    pub(super) fn of(value: &[u8]) -> Self {
        match value {
            b"keep-alive" | b"Keep-Alive" => Self::KeepAlive,
            b"close" => Self::Close,
            [..] => Self::in_list(value),
        }
    }

    fn in_list(value: &[u8]) -> Self {
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
pub(super) fn digits(value: &[u8]) -> Result<u64, Violation> {
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Violation::InvalidLength);
    }
    let add = |sum: u64, digit: &u8| sum.checked_mul(10)?.checked_add(u64::from(digit - b'0'));
    value.iter().try_fold(0, add).ok_or(Violation::BodyTooLarge)
}

#[cfg(test)]
mod tests;
