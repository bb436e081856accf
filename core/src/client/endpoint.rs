//! The address of a server, read from a URL.
//!
//! ```text
//! url    = scheme "://" [ login "@" ] authority [ path ] [ "?" query ] [ "#" fragment ]
//! scheme = "http" / "https" / "ws" / "wss"        in any case
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

use crate::http::{cut, is_authority};

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

/// Why a text is no address of a server.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The host is missing, or is no name, IPv4 address or IPv6 address in brackets.
    #[error("the URL has no host, or one that is no name or address: write other letters as xn--…")]
    Host,
    /// The port is not between 1 and 65535.
    #[error("the port of the URL is no number between 1 and 65535")]
    Port,
    /// The scheme is missing.
    #[error("the URL has no scheme: begin it with http:// or https://")]
    NoScheme,
    /// The scheme is none of http, https, ws and wss.
    #[error("the scheme of the URL is none of http, https, ws and wss")]
    Scheme,
}

impl Endpoint {
    /// Reads a URL with the scheme `http`, `https`, `ws` or `wss`; the last two mean the first.
    ///
    /// # Errors
    /// The part of the URL that cannot be used.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = url.trim_ascii();
        let (scheme, rest) = url.split_once("://").ok_or(UrlError::NoScheme)?;
        let secure = match scheme {
            _ if is(scheme, "http") || is(scheme, "ws") => false,
            _ if is(scheme, "https") || is(scheme, "wss") => true,
            _ => return Err(UrlError::Scheme),
        };
        let rest = cut(rest, b'#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (login, authority) = match authority.rsplit_once('@') {
            Some((login, authority)) => (Some(login), authority),
            None => (None, authority),
        };
        let (path, query) = cut(rest, b'?').unwrap_or((rest, ""));
        let path = if path.is_empty() { "/" } else { path };
        let (host, port) = host_and_port(authority, secure)?;
        let authority = match (port, secure) {
            (80, false) | (443, true) => authority[..host].into(),
            _ => format!("{}:{port}", &authority[..host]).into(),
        };
        let login = login.map(|login| {
            let (user, password) = cut(login, b':').unwrap_or((login, ""));
            let pair = [&decoded(user)[..], b":", &decoded(password)].concat();
            format!("Basic {}", STANDARD.encode(pair)).into()
        });
        Ok(Self { secure, authority, host, port, path: path.into(), query: query.into(), login })
    }

    /// Whether the stream is to be encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure
    }

    /// Returns the host: a name or an address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        let host = &self.authority[..self.host];
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
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

fn is(text: &str, name: &str) -> bool {
    text.eq_ignore_ascii_case(name)
}

/// The length of the host in `authority`, and the port.
fn host_and_port(authority: &str, secure: bool) -> Result<(usize, u16), UrlError> {
    let bracket = authority.rfind(']').map_or(0, |at| at + 1);
    let host = authority[bracket..].find(':').map_or(authority.len(), |at| bracket + at);
    if !is_authority(&authority.as_bytes()[..host]) {
        return Err(UrlError::Host);
    }
    let port = match authority[host..].strip_prefix(':') {
        None | Some("") => return Ok((host, if secure { 443 } else { 80 })),
        Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
        Some(_) => None,
    };
    Ok((host, port.filter(|&port| port > 0).ok_or(UrlError::Port)?))
}

/// What a text with percent signs stands for (RFC 3986 §2.1).
fn decoded(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let digits = text.get(at + 1..at + 3).filter(|_| byte == b'%');
        let digits = digits.filter(|digits| digits.bytes().all(|digit| digit.is_ascii_hexdigit()));
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// Appends a text as a key or a value of a query, as `encodeURIComponent` does.
pub(super) fn put_encoded(out: &mut String, text: &str) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 0xf)]));
        }
    }
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

    #[test]
    fn c4_keys_and_values_are_encoded() {
        let mut out = String::new();
        put_encoded(&mut out, "a b&c=d/\u{e9}'");
        assert_eq!(out, "a%20b%26c%3Dd%2F%C3%A9'");
    }
}
