//! A request, borrowed from whoever parsed it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use super::{Fields, cut};

/// A parsed request line and its headers, with what the host knows of the stream.
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

    /// Returns the value of the field of that name, in lower case: see [`Fields::get`].
    #[must_use]
    pub fn header(&self, name: &str) -> Option<Cow<'a, str>> {
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
}
