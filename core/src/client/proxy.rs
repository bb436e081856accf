//! The address of a proxy, read from a URL.

use std::fmt;
use std::net::IpAddr;

use super::endpoint::Endpoint;
use super::tunnel::Tunnel;
use super::url::{Url, UrlError, unbracketed};

/// A proxy through which streams are opened, whatever they carry.
///
/// Its `Debug` text does not show the login.
#[derive(Clone, Eq, PartialEq)]
pub struct Proxy {
    scheme: Scheme,
    host: Box<str>,
    port: u16,
    /// Name and password.
    login: Option<(Vec<u8>, Vec<u8>)>,
}

/// What a proxy speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Scheme {
    Http,
    Https,
    /// SOCKS5 with addresses.
    Socks,
    /// SOCKS5 with names, which the proxy resolves.
    SocksNames,
}

impl Proxy {
    /// Reads a URL with the scheme `http`, `https`, `socks5` or `socks5h`; with the last one, the proxy resolves
    /// names. Name and password may stand before the host. The port is 80, 443 or 1080 when it is left out.
    ///
    /// # Errors
    /// The part of the URL that cannot be used.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let url = Url::split(url)?;
        let schemes = [
            ("http", Scheme::Http, 80),
            ("https", Scheme::Https, 443),
            ("socks5", Scheme::Socks, 1080),
            ("socks5h", Scheme::SocksNames, 1080),
        ];
        let known = schemes.into_iter().find(|(name, ..)| url.has_scheme(name));
        let (_, scheme, default) = known.ok_or(UrlError::ProxyScheme)?;
        let (host, port) = url.host_and_port(default)?;
        let login = url.decoded_login();
        let socks = matches!(scheme, Scheme::Socks | Scheme::SocksNames);
        let fits = |text: &[u8]| !text.is_empty() && text.len() <= 255;
        if socks && login.as_ref().is_some_and(|(user, word)| !fits(user) || !fits(word)) {
            return Err(UrlError::Password);
        }
        Ok(Self { scheme, host: unbracketed(host).into(), port, login })
    }

    /// Returns the host: a name or an address, without brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        &self.host
    }

    /// Returns the port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether the stream to the proxy is encrypted.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.scheme == Scheme::Https
    }

    /// Whether the proxy is told addresses: names are to be resolved before.
    #[must_use]
    pub fn wants_address(&self) -> bool {
        self.scheme == Scheme::Socks
    }

    /// Begins to open a stream to a server, at an address of it if the proxy [wants
    /// one](Self::wants_address).
    #[must_use]
    pub fn tunnel(&self, server: &Endpoint, address: Option<IpAddr>) -> Tunnel {
        match self.scheme {
            Scheme::Http | Scheme::Https => Tunnel::http(server, self.login.as_ref()),
            Scheme::Socks | Scheme::SocksNames => {
                let address = address.or_else(|| server.host().parse().ok());
                Tunnel::socks(server, address, self.login.clone())
            }
        }
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Proxy({self})")
    }
}

impl fmt::Display for Proxy {
    /// Writes the address without the login.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
            Scheme::Socks => "socks5",
            Scheme::SocksNames => "socks5h",
        };
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        write!(f, "{scheme}://{open}{}{close}:{}", self.host, self.port)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn c100_urls_of_proxies_have_one_of_four_schemes() {
        for (url, shown, secure, wants_address) in [
            ("http://a", "http://a:80", false, false),
            ("HTTPS://u:p@a.example/", "https://a.example:443", true, false),
            ("socks5://[::1]", "socks5://[::1]:1080", false, true),
            ("socks5h://a:9050", "socks5h://a:9050", false, false),
        ] {
            let proxy = Proxy::parse(url).expect(url);
            assert_eq!(proxy.to_string(), shown);
            assert_eq!((proxy.is_secure(), proxy.wants_address()), (secure, wants_address));
        }
        for (url, error) in [
            ("a:80", UrlError::NoScheme),
            ("ftp://a", UrlError::ProxyScheme),
            ("socks4://a", UrlError::ProxyScheme),
            ("http://", UrlError::Host),
            ("http://a:0", UrlError::Port),
            ("socks5://u@a", UrlError::Password),
        ] {
            assert_eq!(Proxy::parse(url), Err(error), "{url}");
        }
        let shown = format!("{:?}", Proxy::parse("http://name:word@a").expect("valid"));
        assert!(!shown.contains("name") && !shown.contains("word"), "{shown}");
    }
}
