//! A request, borrowed from its parser or its writer.

use std::borrow::Cow;
use std::fmt;

use super::write::{put_field, put_number};
use super::{Fields, cut};

/// The head of a request: its method, target and header fields.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct Request<'a> {
    /// The request method.
    pub method: Method,
    /// The name of the method when it is [`Method::Other`] and the embedder knows it; one that a
    /// [`Conn`](crate::Conn) read has 32 bytes at most.
    pub other: Option<&'a str>,
    /// Path and query, as sent: never empty, and without the host of an absolute target, which is the
    /// `host` of the fields then.
    pub target: &'a str,
    /// The header fields.
    pub fields: Fields<'a>,
}

impl<'a> Request<'a> {
    /// Makes a request of a method, a target and header fields.
    #[must_use]
    pub fn new(method: Method, target: &'a str, fields: Fields<'a>) -> Self {
        Self { method, other: None, target, fields }
    }

    /// Returns the name of the method, when it is known.
    #[must_use]
    pub fn method_name(&self) -> Option<&'a str> {
        self.method.name().or(self.other)
    }

    /// Returns the value of the field of that name, in lower case: see [`Fields::get`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
        self.fields.get(name)
    }

    /// Appends the head as a client sends it (RFC 9112 §3), up to and including the empty line, for a
    /// body of `length` bytes.
    ///
    /// A method that is [`Other`](Method::Other) needs its name, and a host is among the fields. The
    /// length is written here: fields that say where the body ends are left out, and so are white space
    /// and control characters of the target.
    pub fn put_head(&self, out: &mut Vec<u8>, length: usize) {
        out.extend_from_slice(self.method_name().unwrap_or_default().as_bytes());
        out.push(b' ');
        out.extend(self.target.bytes().filter(|&byte| byte > b' ' && byte != 0x7f));
        out.extend_from_slice(b" HTTP/1.1\r\n");
        self.fields.each(&mut |name, value| {
            let framing = ["content-length", "transfer-encoding"];
            if !framing.iter().any(|field| name.eq_ignore_ascii_case(field)) {
                put_field(out, name, value);
            }
        });
        if length > 0 || matches!(self.method, Method::Patch | Method::Post | Method::Put) {
            out.extend_from_slice(b"content-length: ");
            put_number(out, length as u64);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b"\r\n");
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_written_as_on_the_wire() {
        let fields = [("host", "a"), ("content-length", "7"), ("x", "a\r\nb: c")];
        let mut out = Vec::new();
        Request::new(Method::Get, "/a?b\r\n=c d", Fields::host(&fields)).put_head(&mut out, 0);
        let request = Request::new(Method::Post, "/", Fields::host(&fields));
        request.put_head(&mut out, 12);
        assert_eq!(
            String::from_utf8_lossy(&out),
            "GET /a?b=cd HTTP/1.1\r\nhost: a\r\nx: ab: c\r\n\r\n\
             POST / HTTP/1.1\r\nhost: a\r\nx: ab: c\r\ncontent-length: 12\r\n\r\n"
        );
    }

    #[test]
    fn methods_have_one_name_each() {
        for name in ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"] {
            assert_eq!(Method::from_name(name).name(), Some(name));
        }
        assert_eq!(Method::from_name("get"), Method::Other);
        assert_eq!(Method::Other.name(), None);
    }
}
