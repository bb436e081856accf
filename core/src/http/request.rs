//! A request, borrowed from whoever parsed it.

use std::any::Any;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::cut;
use super::head::{Place, Places};

/// A parsed request line and its headers, with what the host knows of the stream.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The request method.
    pub method: Method,
    /// The name of the method when it is [`Method::Other`] and the embedder knows it; one that a
    /// [`Conn`](crate::Conn) read has 32 bytes at most.
    pub other: Option<&'a str>,
    /// Path and query, as sent.
    pub target: &'a str,
    /// The header fields.
    pub fields: Fields<'a>,
    /// Address of the other end, when the embedder knows it.
    pub peer: Option<SocketAddr>,
    /// Whether the stream is encrypted.
    pub secure: bool,
    /// Whatever the host wants to find again in the [`Handshake`](crate::Handshake).
    pub extra: Option<&'a Arc<dyn Any + Send + Sync>>,
    /// The session id that a handshake is to use instead of one that is made here: 1 to 256 letters,
    /// digits and any of `-._~`, not in use, and impossible to guess, since whoever knows it has the
    /// session. Hand such a handshake to the shard of [`Sid::shard_of_text`](crate::Sid::shard_of_text).
    pub own_sid: Option<&'a str>,
    /// Whether the page it comes from may connect, when the embedder asked
    /// [`Config::judge`](crate::Config::judge) already.
    pub judged: Option<bool>,
}

impl<'a> Request<'a> {
    /// Makes a request of which only the head is known.
    #[must_use]
    pub fn new(method: Method, target: &'a str, fields: Fields<'a>) -> Self {
        let (other, peer, secure, extra) = (None, None, false, None);
        let (own_sid, judged) = (None, None);
        Self { method, other, target, fields, peer, secure, extra, own_sid, judged }
    }

    /// Returns the name of the method, when it is known.
    #[must_use]
    pub fn method_name(&self) -> Option<&'a str> {
        self.method.name().or(self.other)
    }

    /// Returns the first field of that name, in lower case, when it is UTF-8.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&'a str> {
        self.fields.get(name)
    }

    /// Returns the target up to the query.
    #[must_use]
    pub fn path(&self) -> &'a str {
        cut(self.target, b'?').map_or(self.target, |(path, _)| path)
    }
}

impl fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The query stays out: it proves to whom a session belongs.
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("path", &self.path())
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

/// The methods the protocol tells apart.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Method {
    /// `DELETE`
    Delete,
    /// `GET`
    Get,
    /// `HEAD`
    Head,
    /// `OPTIONS`
    Options,
    /// Any other method.
    Other,
    /// `PATCH`
    Patch,
    /// `POST`
    Post,
    /// `PUT`
    Put,
}

impl Method {
    /// Reads a method name; names are case-sensitive (RFC 9110 §9.1).
    #[must_use]
    pub fn from_name(name: &str) -> Self {
        match name {
            "DELETE" => Self::Delete,
            "GET" => Self::Get,
            "HEAD" => Self::Head,
            "OPTIONS" => Self::Options,
            "PATCH" => Self::Patch,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            _ => Self::Other,
        }
    }

    /// Returns the name of the method, unless it is one of the [`Other`](Self::Other)s.
    #[must_use]
    pub fn name(self) -> Option<&'static str> {
        Some(match self {
            Self::Delete => "DELETE",
            Self::Get => "GET",
            Self::Head => "HEAD",
            Self::Options => "OPTIONS",
            Self::Patch => "PATCH",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Other => return None,
        })
    }
}

/// How a host framework shows headers it already parsed, such as `http::HeaderMap`.
pub trait Headers {
    /// Returns the first field of that name, in lower case, when it is UTF-8.
    fn get(&self, name: &str) -> Option<&str>;
    /// Calls `each` for every field, with U+FFFD for what is not UTF-8 in its value: a field left out
    /// would let the one before it pass for the last.
    fn each(&self, each: &mut dyn FnMut(&str, &str));
}

/// Header fields, parsed by this crate or by a host.
#[derive(Clone, Copy)]
pub struct Fields<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    /// Lines of a head that was parsed, and where the common fields are among them.
    Lines(&'a [u8], &'a Places),
    Host(&'a dyn Headers),
}

impl<'a> Fields<'a> {
    /// Wraps the headers of a host framework.
    #[must_use]
    pub fn host(headers: &'a dyn Headers) -> Self {
        Self(Source::Host(headers))
    }

    /// Wraps `name: value` lines, each ended by CRLF, that were validated before.
    pub(crate) fn lines(lines: &'a [u8], places: &'a Places) -> Self {
        Self(Source::Lines(lines, places))
    }

    /// Returns the first field of that name, in lower case, when it is UTF-8.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'a str> {
        match self.0 {
            Source::Lines(lines, places) => {
                let value = match places.of(name) {
                    Place::Absent => None,
                    Place::At { start, len } => {
                        lines.get(usize::from(start)..)?.get(..usize::from(len))
                    }
                    Place::Unknown => find(lines, name.as_bytes()),
                };
                std::str::from_utf8(value?).ok()
            }
            Source::Host(host) => host.get(name),
        }
    }

    /// Calls `each` for every field, with U+FFFD for what is not UTF-8 in its value.
    pub fn each(&self, each: &mut dyn FnMut(&str, &str)) {
        match self.0 {
            Source::Lines(lines, _) => each_line(&String::from_utf8_lossy(lines), each),
            Source::Host(host) => host.each(each),
        }
    }
}

impl fmt::Debug for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Values stay out: they carry cookies and tokens.
        f.write_str("Fields(…)")
    }
}

/// The value of the first field of that name.
fn find<'a>(mut lines: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    while let Some(end) = memchr::memchr(b'\n', lines) {
        let (line, rest) = lines.split_at(end);
        if line.get(name.len()) == Some(&b':') && line[..name.len()].eq_ignore_ascii_case(name) {
            return Some(line[name.len() + 1..].trim_ascii());
        }
        lines = &rest[1..];
    }
    None
}

fn each_line(lines: &str, each: &mut dyn FnMut(&str, &str)) {
    let mut rest = lines;
    while let Some((line, after)) = cut(rest, b'\n') {
        rest = after;
        if let Some((name, value)) = cut(line, b':') {
            each(name, value.trim_ascii());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_have_one_name_each() {
        for name in ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] {
            assert_eq!(Method::from_name(name).name(), Some(name));
        }
        assert_eq!(Method::from_name("get"), Method::Other);
        assert_eq!(Method::Other.name(), None);
    }

    #[test]
    fn fields_are_found_by_name_in_any_case() {
        let fields = Fields::lines(
            b"Host: a.example\r\nX-Empty:\r\nCookie:  a=b; c=d \r\n",
            &Places::UNKNOWN,
        );
        assert_eq!(fields.get("host"), Some("a.example"));
        assert_eq!(fields.get("x-empty"), Some(""));
        assert_eq!(fields.get("cookie"), Some("a=b; c=d"));
        assert_eq!(fields.get("hos"), None);
    }
}
