//! The address of a server, read from a URL.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

use super::url::{Url, UrlError, unbracketed};

/// Where a server is: scheme, host and port, and what else its URL says.
///
/// Its `Debug` text shows neither the login nor the query.
#[derive(Clone, Eq, PartialEq)]
pub struct Endpoint {
    secure: bool,
    /// Host and port as they were written, without the default port.
    authority: Box<str>,
    /// Bytes of the host in `authority`.
    host: usize,
    port: u16,
    path: Box<str>,
    query: Box<str>,
    /// The value of `Authorization` that the login becomes.
    login: Option<Box<str>>,
}

impl Endpoint {
    /// Reads a URL with the scheme `http`, `https`, `ws` or `wss`; the last two mean the first.
    ///
    /// # Errors
    /// The part of the URL that cannot be used.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = Url::split(url)?;
        let secure = if url.has_scheme("http") || url.has_scheme("ws") {
            false
        } else if url.has_scheme("https") || url.has_scheme("wss") {
            true
        } else {
            return Err(UrlError::Scheme);
        };
        let path = if url.path.is_empty() { "/" } else { url.path }.into();
        let (host, port) = url.host_and_port(if secure { 443 } else { 80 })?;
        let authority = match (port, secure) {
            (80, false) | (443, true) => host.into(),
            _ => format!("{host}:{port}").into(),
        };
        let login = url.decoded_login().map(|login| basic(&login).into());
        let (host, query) = (host.len(), url.query.into());
        Ok(Self { secure, authority, host, port, path, query, login })
    }

    /// Whether the stream is to be encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host: a name or an address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        unbracketed(&self.authority[..self.host])
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the path of the URL, `/` when it has none: the namespace that a client joins by it.
    #[must_use]
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The value of the field `Host`.
    pub(super) fn authority(&self) -> &str {
        &self.authority
    }

    pub(super) fn query(&self) -> &str {
        &self.query
    }

    pub(super) fn login(&self) -> Option<&str> {
        self.login.as_deref()
    }

    /// Whether both name the same host and port.
    pub(super) fn is_same_host(&self, other: &Self) -> bool {
        self.port == other.port && self.host().eq_ignore_ascii_case(other.host())
    }

    /// The address that `location` means in an answer from this one (RFC 3986 §5.2); `None` when it is
    /// none, or would give up encryption.
    pub(super) fn resolve(&self, path: &str, location: &str) -> Option<Self> {
        let scheme = if self.secure { "https" } else { "http" };
        let next = if location.contains("://") {
            Self::parse(location)
        } else if let Some(rest) = location.strip_prefix("//") {
            Self::parse(&format!("{scheme}://{rest}"))
        } else if location.starts_with('/') {
            Self::parse(&format!("{scheme}://{}{location}", self.authority))
        } else {
            let folder = path.rfind('/').map_or("/", |at| &path[..=at]);
            Self::parse(&format!("{scheme}://{}{folder}{location}", self.authority))
        };
        let mut next = next.ok().filter(|next| next.secure || !self.secure)?;
        if next.login.is_none() && next.is_same_host(self) {
            next.login = self.login.clone();
        }
        Some(next)
    }
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Endpoint({self})")
    }
}

impl fmt::Display for Endpoint {
    /// Writes the address without login and query.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.secure { "https" } else { "http" };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

/// The value of `Authorization`, or of `Proxy-Authorization`, for name and password (RFC 7617).
pub(super) fn basic((user, password): &(Vec<u8>, Vec<u8>)) -> String {
    format!("Basic {}", STANDARD.encode([user, &b":"[..], password].concat()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c1_urls_have_a_scheme_a_host_and_perhaps_more() {
        for (url, secure, host, port, authority, path) in [
            ("http://a", false, "a", 80, "a", "/"),
            ("https://a.example/chat?x=1#y", true, "a.example", 443, "a.example", "/chat"),
            ("ws://a:8080", false, "a", 8080, "a:8080", "/"),
            ("WSS://[::1]:443/", true, "::1", 443, "[::1]", "/"),
            ("http://[2001:db8::1]:3000/x", false, "2001:db8::1", 3000, "[2001:db8::1]:3000", "/x"),
            ("http://a:80?q", false, "a", 80, "a", "/"),
            ("http://a:", false, "a", 80, "a", "/"),
        ] {
            let endpoint = Endpoint::parse(url).expect(url);
            assert_eq!(
                (endpoint.is_secure(), endpoint.host(), endpoint.port()),
                (secure, host, port)
            );
            assert_eq!((endpoint.authority(), endpoint.path()), (authority, path), "{url}");
        }
        for (url, error) in [
            ("a.example", UrlError::NoScheme),
            ("//a", UrlError::NoScheme),
            ("ftp://a", UrlError::Scheme),
            ("http://", UrlError::Host),
            ("http://:80", UrlError::Host),
            ("http://a b", UrlError::Host),
            ("http://::1", UrlError::Host),
            ("http://b\u{fc}cher.example", UrlError::Host),
            ("http://a:0", UrlError::Port),
            ("http://a:65536", UrlError::Port),
            ("http://a:8x", UrlError::Port),
        ] {
            assert_eq!(Endpoint::parse(url), Err(error), "{url}");
        }
    }

    #[test]
    fn c1_a_login_becomes_basic_authorization_and_is_not_shown() {
        let endpoint = Endpoint::parse("http://user:p%40ss@a/?token=sesame").expect("valid");
        assert_eq!(endpoint.login(), Some("Basic dXNlcjpwQHNz"));
        assert_eq!(endpoint.authority(), "a");
        let shown = format!("{endpoint:?} {endpoint}");
        assert!(!shown.contains("ss") && !shown.contains("dXN"), "{shown}");
    }

    #[test]
    fn c94_locations_are_resolved_and_keep_the_encryption() {
        let from = Endpoint::parse("https://a:8443/chat").expect("valid");
        for (location, to) in [
            ("https://b/x", Some("https://b/x")),
            ("//b:1/x", Some("https://b:1/x")),
            ("/x/?y=1", Some("https://a:8443/x/")),
            ("x", Some("https://a:8443/socket.io/x")),
            ("http://a:8443/", None),
            ("http://", None),
            ("javascript://x", None),
        ] {
            let next = from.resolve("/socket.io/", location).map(|next| next.to_string());
            assert_eq!(next.as_deref(), to, "{location}");
        }
    }
}
