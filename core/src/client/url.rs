//! URLs of servers and proxies, taken apart.
//!
//! ```text
//! url = scheme "://" [ login "@" ] authority [ path ] [ "?" query ] [ "#" fragment ]
//! ```

use crate::http::{cut, is_authority};

/// The parts of a URL, as they were written.
pub(super) struct Url<'a> {
    pub(super) scheme: &'a str,
    /// Name and password.
    pub(super) login: Option<(&'a str, &'a str)>,
    authority: &'a str,
    /// Empty when there is none.
    pub(super) path: &'a str,
    pub(super) query: &'a str,
}

/// Why a text is no address of a server or proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum UrlError {
    /// The host is missing, or is no name, IPv4 address or IPv6 address in brackets.
    #[error("the URL has no host, or one that is no name or address: write other letters as xn--…")]
    Host,
    /// The name or the password for a SOCKS proxy is longer than the protocol can tell.
    #[error("name and password for a SOCKS proxy have at most 255 bytes each")]
    Password,
    /// The port is not between 1 and 65535.
    #[error("the port of the URL is no number between 1 and 65535")]
    Port,
    /// The scheme is missing.
    #[error("the URL has no scheme: begin it with http:// or https://")]
    NoScheme,
    /// The scheme of a proxy is none of http, https, socks5 and socks5h.
    #[error("the scheme of the proxy is none of http, https, socks5 and socks5h")]
    ProxyScheme,
    /// The scheme of a server is none of http, https, ws and wss.
    #[error("the scheme of the URL is none of http, https, ws and wss")]
    Scheme,
}

/// The longest host, in bytes: a SOCKS proxy cannot be told a longer one, and names of the DNS have 253.
const HOST: usize = 255;

impl<'a> Url<'a> {
    pub(super) fn split(url: &'a str) -> Result<Self, UrlError> {
        let (scheme, rest) = url.trim_ascii().split_once("://").ok_or(UrlError::NoScheme)?;
        let rest = cut(rest, b'#').map_or(rest, |(rest, _)| rest);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, rest) = rest.split_at(end);
        let (login, authority) = match authority.rsplit_once('@') {
            Some((login, authority)) => (Some(cut(login, b':').unwrap_or((login, ""))), authority),
            None => (None, authority),
        };
        let (path, query) = cut(rest, b'?').unwrap_or((rest, ""));
        Ok(Self { scheme, login, authority, path, query })
    }

    /// Whether the scheme is that one, in any case.
    pub(super) fn has_scheme(&self, scheme: &str) -> bool {
        self.scheme.eq_ignore_ascii_case(scheme)
    }

    /// The host, with brackets if it has any, and the port.
    pub(super) fn host_and_port(&self, default: u16) -> Result<(&'a str, u16), UrlError> {
        let authority = self.authority;
        let bracket = authority.rfind(']').map_or(0, |at| at + 1);
        let end = authority[bracket..].find(':').map_or(authority.len(), |at| bracket + at);
        let host = &authority[..end];
        if host.len() > HOST || !is_authority(host.as_bytes()) {
            return Err(UrlError::Host);
        }
        let port = match authority[end..].strip_prefix(':') {
            None | Some("") => return Ok((host, default)),
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => digits.parse().ok(),
            Some(_) => None,
        };
        Ok((host, port.filter(|&port| port > 0).ok_or(UrlError::Port)?))
    }

    /// Name and password with their percent signs resolved.
    pub(super) fn decoded_login(&self) -> Option<(Vec<u8>, Vec<u8>)> {
        self.login.map(|(user, password)| (decoded(user), decoded(password)))
    }
}

/// A host without the brackets of an IPv6 address.
pub(super) fn unbracketed(host: &str) -> &str {
    host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
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
    fn c4_keys_and_values_are_encoded() {
        let mut out = String::new();
        put_encoded(&mut out, "a b&c=d/\u{e9}'");
        assert_eq!(out, "a%20b%26c%3Dd%2F%C3%A9'");
    }
}
