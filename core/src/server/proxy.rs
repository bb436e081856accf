//! What a trusted proxy says about a request: the `X-Forwarded-*` headers.

use std::net::{IpAddr, SocketAddr};

use crate::config::Config;
use crate::http::{Fields, Request};

impl Config {
    /// Returns a request as its client made it: with what a trusted proxy says of address and
    /// encryption, when [`trust_forwarded`](Self::trust_forwarded) is set.
    #[must_use]
    pub fn seen<'a>(&self, request: &Request<'a>) -> Request<'a> {
        if self.trust_forwarded { seen_from(request) } else { *request }
    }
}

/// The request as its proxy saw it: the client's address, and whether it came encrypted.
pub(super) fn seen_from<'a>(request: &Request<'a>) -> Request<'a> {
    let mut last = None;
    request.fields.each(&mut |name, value| {
        if name.eq_ignore_ascii_case("x-forwarded-for") {
            // Whatever stands before the last element came from the client.
            last = value.rsplit(',').next().and_then(|element| address(element.trim_ascii()));
        }
    });
    Request {
        peer: last.or(request.peer),
        secure: match proto(request.fields) {
            Some(proto) => proto.eq_ignore_ascii_case("https"),
            None => request.secure,
        },
        ..*request
    }
}

/// The scheme that the client used.
pub(super) fn proto<'a>(fields: Fields<'a>) -> Option<&'a str> {
    first(fields.get("x-forwarded-proto")?)
}

/// The host that the client named.
pub(super) fn host<'a>(fields: Fields<'a>) -> Option<&'a str> {
    first(fields.get("x-forwarded-host")?)
}

fn first(list: &str) -> Option<&str> {
    list.split(',').next().map(str::trim_ascii).filter(|element| !element.is_empty())
}

/// An address with or without a port, which is 0 then, in any of the forms proxies write.
fn address(text: &str) -> Option<SocketAddr> {
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let alone = || bare.parse::<IpAddr>().ok().map(|ip| SocketAddr::new(ip, 0));
    text.parse().ok().or_else(alone)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Method;
    use crate::http::head::Places;

    fn request(lines: &str) -> Request<'_> {
        Request::new(Method::Get, "/", Fields::lines(lines.as_bytes(), &Places::UNKNOWN))
    }

    #[test]
    fn the_last_address_is_the_one_the_nearest_proxy_wrote() {
        for (lines, expected) in [
            ("X-Forwarded-For: 1.2.3.4\r\n", Some("1.2.3.4:0")),
            ("X-Forwarded-For: 6.6.6.6, 1.2.3.4:99\r\n", Some("1.2.3.4:99")),
            ("X-Forwarded-For: 6.6.6.6\r\nx-forwarded-for: ::1\r\n", Some("[::1]:0")),
            ("X-Forwarded-For: [::1]\r\n", Some("[::1]:0")),
            ("X-Forwarded-For: [::1]:8\r\n", Some("[::1]:8")),
            ("X-Forwarded-For: 1.2.3.4, unknown\r\n", None),
            ("X-Forwarded-For:\r\n", None),
            ("", None),
        ] {
            let peer = seen_from(&request(lines)).peer.map(|peer| peer.to_string());
            assert_eq!(peer.as_deref(), expected, "{lines}");
        }
    }

    #[test]
    fn the_first_scheme_and_host_are_the_clients() {
        let forwarded =
            request("X-Forwarded-Proto: https, http\r\nX-Forwarded-Host: shop.example, inner\r\n");
        assert!(seen_from(&forwarded).secure);
        assert_eq!(host(forwarded.fields), Some("shop.example"));
        let plain = Request { secure: true, ..request("X-Forwarded-Proto: http\r\n") };
        assert!(!seen_from(&plain).secure);
        let silent = Request { secure: true, ..request("X-Forwarded-Host: ,\r\n") };
        assert!(seen_from(&silent).secure);
        assert_eq!(host(silent.fields), None);
    }
}
