//! The other nodes behind a load balancer, to which requests for their sessions are forwarded.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, TE, TRAILER, TRANSFER_ENCODING,
    UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use sansocket::{Caller, Config, NodeName, Request};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};

use crate::runtime::BoxFuture;
use crate::web::handler::request_of;

/// The other nodes, and the way to them.
pub(crate) struct Nodes {
    addresses: HashMap<NodeName, SocketAddr>,
    /// Set by bindings that open streams.
    way: Option<Box<dyn Forward>>,
}

/// What carries a request to another node.
pub(crate) trait Forward: Send + Sync {
    /// Sends a request with its whole body and waits for the whole answer.
    fn forward(&self, node: SocketAddr, request: http::Request<Bytes>) -> Forwarding;
}

/// An answer of another node.
pub(crate) type Forwarding = BoxFuture<Result<http::Response<Bytes>, Unanswered>>;

/// Why another node did not answer.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[error("another node did not answer: {0}")]
pub(crate) struct Unanswered(pub(crate) String);

/// Marks a request as forwarded, with the name of the node that did so. It is never forwarded again, whoever
/// sent it.
pub(crate) const MARK: HeaderName = HeaderName::from_static("sansocket-forwarded-by");

const FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// The fields that concern one connection (RFC 9110 §7.6.1), and the coding of answers, which is chosen for each
/// connection.
const OWN: [HeaderName; 10] = [
    ACCEPT_ENCODING,
    CONNECTION,
    CONTENT_LENGTH,
    EXPECT,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    TE,
    TRAILER,
    TRANSFER_ENCODING,
    UPGRADE,
];

impl Nodes {
    pub(crate) fn new(addresses: impl IntoIterator<Item = (NodeName, SocketAddr)>) -> Self {
        Self { addresses: addresses.into_iter().collect(), way: None }
    }

    pub(crate) fn lead_by(&mut self, way: impl Forward + 'static) {
        self.way = Some(Box::new(way));
    }

    pub(crate) fn way(&self) -> Option<&dyn Forward> {
        self.way.as_deref()
    }

    /// The node that has the session of a request, when the request is to be forwarded there. One for a WebSocket
    /// is not.
    pub(crate) fn destination(&self, request: &Request<'_>, config: &Config) -> Option<SocketAddr> {
        let address = *self.addresses.get(&config.elsewhere(request)?)?;
        let stays = request.header(MARK.as_str()).is_some() || request.header("upgrade").is_some();
        (!stays && self.way.is_some() && config.serves(request.path())).then_some(address)
    }

    /// Whether another node forwarded a request, and so is believed what it says of the client.
    pub(crate) fn forwarded(&self, request: &Request<'_>, from: Option<IpAddr>) -> bool {
        request.header(MARK.as_str()).is_some()
            && self.addresses.values().any(|address| Some(address.ip()) == from)
    }
}

/// The head of a request of `caller` as it is forwarded; `None` when it cannot be.
pub(crate) fn forwardable(
    request: &Request<'_>,
    caller: Caller,
    config: &Config,
) -> Option<http::Request<()>> {
    let mut head = request_of(request, caller)?;
    let fields = head.headers_mut();
    leave_out_own(fields);
    let mark = config.node.as_ref().map_or("", NodeName::as_str);
    fields.insert(MARK, HeaderValue::from_str(mark).ok()?);
    // What a trusted proxy says in `Forwarded` alone is said to the other node in the same words.
    let usual = [FOR, PROTO, HOST];
    if config.trust_forwarded
        && fields.contains_key(FORWARDED)
        && !usual.iter().any(|name| fields.contains_key(name))
    {
        return Some(head);
    }
    if !config.trust_forwarded {
        fields.remove(HOST);
    }
    fields.remove(FORWARDED);
    let peer = caller.peer.map_or_else(|| "unknown".to_owned(), |peer| peer.ip().to_string());
    fields.insert(FOR, HeaderValue::from_str(&peer).ok()?);
    fields.insert(PROTO, HeaderValue::from_static(if caller.secure { "https" } else { "http" }));
    Some(head)
}

/// Takes the fields out that concern one connection.
pub(crate) fn leave_out_own(fields: &mut HeaderMap) {
    let named: Vec<_> = fields.get_all(CONNECTION).iter().cloned().collect();
    let named =
        named.iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(','));
    for name in named.filter_map(|name| HeaderName::try_from(name.trim()).ok()) {
        fields.remove(name);
    }
    for name in OWN {
        fields.remove(name);
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(&self.addresses).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sansocket::{Fields, Method};

    fn config(trust_forwarded: bool) -> Config {
        let mut config = Config::default();
        config.node = Some("n1".parse().expect("it is a name"));
        config.trust_forwarded = trust_forwarded;
        config
    }

    /// The fields of a request as they are forwarded.
    fn forwarded<const N: usize>(fields: [(&str, &str); N], config: &Config) -> Vec<String> {
        let request = Request::new(Method::Get, "/socket.io/?sid=n2.A", Fields::host(&fields));
        let mut caller = Caller::default();
        caller.peer = Some("1.2.3.4:5".parse().expect("it is an address"));
        let head = forwardable(&request, config.seen(&request, caller), config);
        let head = head.expect("it can be forwarded");
        let line = |(name, value): (&HeaderName, &HeaderValue)| {
            format!("{name}: {}", value.to_str().expect("it is text"))
        };
        let mut lines: Vec<_> = head.headers().iter().map(line).collect();
        lines.sort();
        lines
    }

    const CLIENT: [&str; 3] =
        ["sansocket-forwarded-by: n1", "x-forwarded-for: 1.2.3.4", "x-forwarded-proto: http"];

    #[test]
    fn what_concerns_one_connection_stays_with_it() {
        let fields = [
            ("connection", "Keep-Alive, X-Mine"),
            ("keep-alive", "5"),
            ("x-mine", "1"),
            ("te", "trailers"),
            ("transfer-encoding", "chunked"),
            ("accept-encoding", "gzip"),
        ];
        assert_eq!(forwarded(fields, &config(false)), CLIENT);
    }

    #[test]
    fn a_client_cannot_say_where_it_is() {
        let fields = [
            ("sansocket-forwarded-by", "n9"),
            ("forwarded", "for=6.6.6.6"),
            ("x-forwarded-for", "6.6.6.6"),
            ("x-forwarded-for", "7.7.7.7"),
            ("x-forwarded-host", "evil.example"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(forwarded(fields, &config(false)), CLIENT);
    }

    #[test]
    fn what_a_trusted_proxy_says_is_passed_on() {
        let fields = [
            ("x-forwarded-for", "6.6.6.6, 9.9.9.9"),
            ("x-forwarded-host", "a.example"),
            ("x-forwarded-proto", "https"),
        ];
        assert_eq!(
            forwarded(fields, &config(true)),
            [
                "sansocket-forwarded-by: n1",
                "x-forwarded-for: 9.9.9.9",
                "x-forwarded-host: a.example",
                "x-forwarded-proto: https",
            ]
        );
        let fields = [("forwarded", "for=6.6.6.6, for=9.9.9.9;proto=https;host=a.example")];
        assert_eq!(
            forwarded(fields, &config(true)),
            [
                "forwarded: for=6.6.6.6, for=9.9.9.9;proto=https;host=a.example",
                "sansocket-forwarded-by: n1",
            ]
        );
    }
}
