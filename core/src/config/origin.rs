//! Which web pages may connect (Fetch standard, "CORS protocol"; the same rule guards WebSocket).

use std::sync::Arc;

use super::proxy::Told;
use super::{Config, Origins};
use crate::field::Field;
use crate::http::{Request, Response};

/// What the `Origin` of a request means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Access<'a> {
    /// No browser, a page of the same host, or origins are not checked: nothing to add.
    Plain,
    /// Another page that may connect, under this origin or `*`.
    Cross(&'a str),
    Refused,
}

impl<'a> Access<'a> {
    /// Decides about a request; `judged` is what [`Config::judge`] said, if it was asked.
    pub(crate) fn of(request: &Request<'a>, judged: Option<bool>, config: &Config) -> Self {
        let Some(origin) = request.fields.text(Field::Origin) else { return Self::Plain };
        let same = || is_same(origin, request, config);
        match &config.origins {
            Origins::Any => Self::Cross("*"),
            Origins::Unchecked => Self::Plain,
            Origins::List(_) | Origins::Matching(_) | Origins::SameOrigin if same() => Self::Plain,
            Origins::List(list) if list.iter().any(|one| one == origin) => Self::Cross(origin),
            Origins::Matching(judge) if judged.unwrap_or_else(|| judge.accepts(origin)) => {
                Self::Cross(origin)
            }
            Origins::List(_) | Origins::Matching(_) | Origins::SameOrigin => Self::Refused,
        }
    }

    /// Remembers the origin for answers that come later.
    pub(crate) fn remember(self, known: &mut Option<Arc<str>>) {
        let origin = match self {
            Self::Cross(origin) => Some(origin),
            Self::Plain | Self::Refused => None,
        };
        if known.as_deref() != origin {
            *known = origin.map(Arc::from);
        }
    }

    /// Adds what lets the page read the answer.
    pub(crate) fn allow(self, response: Response, config: &Config) -> Response {
        match self {
            Self::Cross(origin) => allow(response, Some(origin), config),
            Self::Plain => response,
            // The same request without this origin would be answered otherwise.
            Self::Refused => response.header("vary", "Origin"),
        }
    }

    /// Answers a preflight request.
    pub(crate) fn preflight(self, request: &Request<'_>, config: &Config) -> Response {
        let mut response = Response::status(204);
        if let (Self::Cross(_), Some(wanted)) =
            (self, request.header("access-control-request-headers"))
        {
            response = response.header("access-control-allow-headers", wanted.into_owned());
        }
        let response = response.header("access-control-allow-methods", "GET, POST, OPTIONS");
        self.allow(response, config)
    }
}

/// Adds what lets the page under `origin`, if one other than ours asked, read the answer.
///
/// Answers to pages of the same host stay as they are although they depend on the origin: no cache
/// may keep them.
pub(crate) fn allow(response: Response, origin: Option<&str>, config: &Config) -> Response {
    let Some(origin) = origin else { return response };
    let response = response.header(ALLOW_ORIGIN, origin.to_owned()).header("vary", "Origin");
    // The standard forbids every page together with cookies.
    if config.credentials && origin != "*" {
        return response.header("access-control-allow-credentials", "true");
    }
    response
}

/// The field that lets pages of another host read an answer.
pub(crate) const ALLOW_ORIGIN: &str = "access-control-allow-origin";

/// Whether `origin` is a page of the host that the request names, or of the one that a trusted proxy
/// says it named.
fn is_same(origin: &str, request: &Request<'_>, config: &Config) -> bool {
    if request.fields.text(Field::Host).is_some_and(|host| same_host(origin, host)) {
        return true;
    }
    if !config.trust_forwarded {
        return false;
    }
    let told = Told::of(request.fields);
    told.host.is_some_and(|host| same_host(origin, &host))
        && told.proto.is_none_or(|proto| has_scheme(origin, &proto))
}

fn has_scheme(origin: &str, scheme: &str) -> bool {
    origin.split_once("://").is_some_and(|(own, _)| own.eq_ignore_ascii_case(scheme))
}

/// Whether `origin` is a page of `host`. The scheme is left out of it: behind a proxy that ends TLS
/// it cannot be known here.
fn same_host(origin: &str, host: &str) -> bool {
    let Some((scheme, authority)) = origin.split_once("://") else { return false };
    let port = match scheme {
        "http" => ":80",
        "https" => ":443",
        _ => return false,
    };
    let bare = |name: &'_ str| name.strip_suffix(port).map_or(name.len(), str::len);
    let (authority, host) = (&authority[..bare(authority)], &host[..bare(host)]);
    authority.eq_ignore_ascii_case(host)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_the_same_host_and_port_are_the_same() {
        for (origin, host) in [
            ("http://a.example", "a.example"),
            ("https://a.example", "a.example"),
            ("https://a.example", "A.example:443"),
            ("http://a.example:3000", "a.example:3000"),
        ] {
            assert!(same_host(origin, host), "{origin} {host}");
        }
        for (origin, host) in [
            ("http://b.example", "a.example"),
            ("http://a.example:3000", "a.example"),
            ("http://a.example", "a.example:443"),
            ("null", "a.example"),
            ("file://a.example", "a.example"),
        ] {
            assert!(!same_host(origin, host), "{origin} {host}");
        }
    }
}
