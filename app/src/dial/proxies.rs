//! Which server is reached through which proxy.

use sansocket::client::{Endpoint, Proxy, UrlError};
use std::net::IpAddr;
use std::sync::Arc;

/// The proxies for servers of both kinds, and the servers that are reached without one. By default there is
/// no proxy.
///
/// A proxy that fails is never gone around: the attempt has failed.
///
/// ```
/// use sansocket_app::client::Proxies;
///
/// let proxies = Proxies::all("socks5h://127.0.0.1:9050")?;
/// // What the environment says is only asked for when an application wants it.
/// let proxies = Proxies::from_env()?;
/// # Ok::<(), sansocket_app::client::ProxiesError>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct Proxies {
    http: Option<Arc<Proxy>>,
    https: Option<Arc<Proxy>>,
    direct: Vec<Direct>,
}

/// A variable of the environment, or a text, is no proxy.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{variable}{source}")]
pub struct ProxiesError {
    /// Its name with a colon, or nothing.
    variable: String,
    source: UrlError,
}

/// Servers that are reached without a proxy.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Direct {
    All,
    /// A network, and how many of its leading bits count.
    Net(IpAddr, u8),
    /// A name and all below it, and a port if one was given.
    Name(Box<str>, Option<u16>),
}

impl Proxies {
    /// One proxy for all servers, from a URL: see [`Proxy::parse`].
    ///
    /// # Errors
    /// The part of the URL that cannot be used.
    pub fn all(url: &str) -> Result<Self, ProxiesError> {
        let proxy = Proxy::parse(url);
        let proxy = proxy.map_err(|source| ProxiesError { variable: String::new(), source })?;
        Ok(Self::from(proxy))
    }

    /// What the environment says, in the variables `HTTPS_PROXY`, `HTTP_PROXY`, `ALL_PROXY` and
    /// `NO_PROXY`, in small or in capital letters.
    ///
    /// `NO_PROXY` lists names, which mean all names below them too, addresses, networks such as `10.0.0.0/8`, or `*`. A
    /// program that answers CGI requests, where `HTTP_PROXY` is a header field of the request, has no
    /// proxy by `HTTP_PROXY`.
    ///
    /// # Errors
    /// The variable that names no proxy.
    pub fn from_env() -> Result<Self, ProxiesError> {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    fn from_variables(value: impl Fn(&str) -> Option<String>) -> Result<Self, ProxiesError> {
        let set = |name: &str| {
            let (small, capital) = (name.to_ascii_lowercase(), name.to_owned());
            let found = [small, capital].into_iter().find_map(|name| Some((value(&name)?, name)));
            found.filter(|(text, _)| !text.trim().is_empty())
        };
        let proxy = |name: &str| {
            let Some((text, variable)) = set(name) else { return Ok(None) };
            if variable == "HTTP_PROXY" && value("REQUEST_METHOD").is_some() {
                return Ok(None);
            }
            let url = if text.contains("://") { text } else { format!("http://{}", text.trim()) };
            let proxy = Proxy::parse(&url)
                .map_err(|source| ProxiesError { variable: format!("{variable}: "), source })?;
            Ok(Some(Arc::new(proxy)))
        };
        let all = proxy("ALL_PROXY")?;
        let direct = set("NO_PROXY").map(|(text, _)| text).unwrap_or_default();
        Ok(Self {
            http: proxy("HTTP_PROXY")?.or_else(|| all.clone()),
            https: proxy("HTTPS_PROXY")?.or(all),
            direct: direct.split([',', ' ']).filter_map(Direct::parse).collect(),
        })
    }

    /// The proxy for a server, if there is one.
    pub(super) fn of(&self, server: &Endpoint) -> Option<&Arc<Proxy>> {
        let proxy = if server.is_secure() { &self.https } else { &self.http };
        let direct = || self.direct.iter().any(|direct| direct.is(server));
        proxy.as_ref().filter(|_| !direct())
    }
}

impl From<Proxy> for Proxies {
    /// One proxy for all servers.
    fn from(proxy: Proxy) -> Self {
        let proxy = Some(Arc::new(proxy));
        Self { http: proxy.clone(), https: proxy, direct: Vec::new() }
    }
}

impl Direct {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text == "*" {
            return Some(Self::All);
        }
        let (address, bits) = text.split_once('/').unwrap_or((text, ""));
        let address = address.trim_start_matches('[').trim_end_matches(']');
        if let Ok(address) = address.parse::<IpAddr>() {
            let most = if address.is_ipv4() { 32 } else { 128 };
            let bits = if bits.is_empty() { Some(most) } else { bits.parse().ok() };
            return Some(Self::Net(address, bits.filter(|&bits| bits <= most)?));
        }
        let (name, port) = match text.rsplit_once(':') {
            Some((name, port)) => (name, Some(port.parse().ok()?)),
            None => (text, None),
        };
        let name = name.trim_start_matches("*.").trim_matches('.');
        (!name.is_empty()).then(|| Self::Name(name.into(), port))
    }

    fn is(&self, server: &Endpoint) -> bool {
        let host = server.host().trim_end_matches('.');
        match self {
            Self::All => true,
            Self::Net(net, bits) => host.parse().is_ok_and(|address| within(address, *net, *bits)),
            Self::Name(name, port) => {
                let start = host.len().checked_sub(name.len());
                let (above, end) = match start.and_then(|start| host.split_at_checked(start)) {
                    Some(parts) => parts,
                    None => return false,
                };
                end.eq_ignore_ascii_case(name)
                    && (above.is_empty() || above.ends_with('.'))
                    && port.is_none_or(|port| port == server.port())
            }
        }
    }
}

fn within(address: IpAddr, net: IpAddr, bits: u8) -> bool {
    let (address, net, width) = match (address, net) {
        (IpAddr::V4(address), IpAddr::V4(net)) => {
            (u128::from(address.to_bits()), u128::from(net.to_bits()), 32)
        }
        (IpAddr::V6(address), IpAddr::V6(net)) => (address.to_bits(), net.to_bits(), 128),
        (IpAddr::V4(_), IpAddr::V6(_)) | (IpAddr::V6(_), IpAddr::V4(_)) => return false,
    };
    (address ^ net).checked_shr(width - u32::from(bits)).unwrap_or(0) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(variables: &[(&str, &str)], server: &str) -> Option<String> {
        let value = |name: &str| {
            variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).into())
        };
        let proxies = Proxies::from_variables(value).expect("valid");
        Some(proxies.of(&Endpoint::parse(server).expect("valid"))?.to_string())
    }

    #[test]
    fn c100_the_environment_names_a_proxy_for_each_scheme() {
        let variables = [("HTTPS_PROXY", "http://s"), ("http_proxy", "h:3128")];
        assert_eq!(chosen(&variables, "https://a").as_deref(), Some("http://s:80"));
        assert_eq!(chosen(&variables, "http://a").as_deref(), Some("http://h:3128"));
        assert_eq!(
            chosen(&[("ALL_PROXY", "socks5h://t")], "ws://a").as_deref(),
            Some("socks5h://t:1080")
        );
        assert_eq!(chosen(&[("ALL_PROXY", "")], "ws://a"), None);
        let request = [("HTTP_PROXY", "http://evil"), ("REQUEST_METHOD", "GET")];
        assert_eq!(chosen(&request, "http://a"), None, "a header field of a CGI request");
        let error = Proxies::from_variables(|name| (name == "ALL_PROXY").then(|| "ftp://x".into()));
        assert!(error.expect_err("no proxy").to_string().starts_with("ALL_PROXY: the scheme"));
    }

    #[test]
    fn c100_servers_of_no_proxy_are_reached_without_one() {
        for (list, server, direct) in [
            ("*", "http://a", true),
            ("example.com", "http://example.com", true),
            ("example.com", "http://a.EXAMPLE.com", true),
            ("example.com", "http://notexample.com", false),
            (".example.com, other", "http://a.example.com:81", true),
            ("*.example.com", "http://a.example.com", true),
            ("a:81", "http://a:81", true),
            ("a:81", "http://a", false),
            ("10.0.0.0/8", "http://10.9.8.7", true),
            ("10.0.0.0/8", "http://11.0.0.1", false),
            ("0.0.0.0/0", "http://11.0.0.1", true),
            ("127.0.0.1", "http://127.0.0.1:5000", true),
            ("::1", "http://[::1]:5000", true),
            ("fe80::/10", "http://[fe80::1]", true),
            ("10.0.0.0/8", "http://[::1]", false),
            ("10.0.0.0/99,,/", "http://a", false),
        ] {
            let variables = [("all_proxy", "http://p"), ("NO_PROXY", list)];
            assert_eq!(chosen(&variables, server).is_none(), direct, "{list}: {server}");
        }
    }
}
