//! The other nodes behind a load balancer, to which requests for their sessions are forwarded.

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, EXPECT, FORWARDED, SEC_WEBSOCKET_KEY, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue};
use sansocket::cluster::bus::Home;
use sansocket::{Caller, Config, NodeName, Request};
use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use crate::runtime::BoxFuture;
use crate::web::handler::request_of;
use crate::web::tunnel::{NodeEnd, Place};

/// The other nodes, and the way to them.
#[derive(Default)]
pub(crate) struct Nodes {
    /// Those that were named.
    addresses: HashMap<NodeName, SocketAddr>,
    /// Where this node listens for them, if it tells.
    own: Option<SocketAddr>,
    /// Those that said where they listen: empty unless this one tells. Bounded by the processes of the cluster.
    told: RwLock<HashMap<NodeName, Told>>,
    /// Set by bindings that open streams.
    way: Option<Box<dyn Forward>>,
    /// What all tunnels have a copy of, so that they are counted.
    place: Place,
}

/// What a process of the cluster said of itself.
struct Told {
    /// Its name on the bus.
    process: Box<str>,
    address: SocketAddr,
}

/// What carries a request to another node.
pub(crate) trait Forward: Send + Sync {
    /// Sends a request with its whole body and waits for the whole answer.
    fn forward(&self, node: SocketAddr, request: http::Request<Bytes>) -> Forwarding;

    /// Sends a request for a WebSocket, and then passes bytes to and from `end`.
    fn tunnel(&self, node: SocketAddr, request: http::Request<()>, end: NodeEnd);
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
    /// Names the others.
    pub(crate) fn name(&mut self, addresses: impl IntoIterator<Item = (NodeName, SocketAddr)>) {
        self.addresses = addresses.into_iter().collect();
    }

    /// Has this node tell the others where it listens.
    pub(crate) fn tell(&mut self, own: SocketAddr) {
        self.own = Some(own);
    }

    /// What this node tells the others.
    pub(crate) fn home(&self, config: &Config) -> Option<Home> {
        Some(Home { name: config.node?, address: self.own? })
    }

    /// Takes note of what a process of the cluster says of itself, or that it is gone. The last one to say a name has
    /// it: a process that was started again may come before its end is noticed.
    pub(crate) fn hear(&self, process: &str, home: Option<Home>) {
        let mut told = self.told.write().unwrap_or_else(PoisonError::into_inner);
        told.retain(|_, told| *told.process != *process);
        if let Some(Home { name, address }) = home {
            told.insert(name, Told { process: process.into(), address });
        }
    }

    /// Where a node listens.
    fn address(&self, name: NodeName) -> Option<SocketAddr> {
        let named = self.addresses.get(&name).copied();
        named.or_else(|| self.told().get(&name).map(|told| told.address))
    }

    fn told(&self) -> RwLockReadGuard<'_, HashMap<NodeName, Told>> {
        self.told.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn lead_by(&mut self, way: impl Forward + 'static) {
        self.way = Some(Box::new(way));
    }

    pub(crate) fn way(&self) -> Option<&dyn Forward> {
        self.way.as_deref()
    }

    /// A place for one more tunnel, unless there are `most`.
    pub(crate) fn place(&self, most: usize) -> Option<Place> {
        let tunnels = Arc::strong_count(&self.place) - 1;
        (tunnels < most).then(|| self.place.clone())
    }

    /// The node that has the session of a request, when the request is to be forwarded there.
    pub(crate) fn destination(&self, request: &Request<'_>, config: &Config) -> Option<SocketAddr> {
        let address = self.address(config.elsewhere(request)?)?;
        let stays = request.header(MARK.as_str()).is_some() || self.way.is_none();
        (!stays && config.serves(request.path())).then_some(address)
    }

    /// Whether another node forwarded a request, and so is believed what it says of the client.
    pub(crate) fn forwarded(&self, request: &Request<'_>, from: Option<IpAddr>) -> bool {
        request.header(MARK.as_str()).is_some()
            && from.is_some_and(|from| {
                self.addresses.values().any(|address| address.ip() == from)
                    || self.told().values().any(|told| told.address.ip() == from)
            })
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
    // That of a `CONNECT` does not stand among its fields.
    if !fields.contains_key(SEC_WEBSOCKET_KEY)
        && let Some(key) = request.header(SEC_WEBSOCKET_KEY.as_str())
    {
        fields.insert(SEC_WEBSOCKET_KEY, HeaderValue::from_str(&key).ok()?);
    }
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

    #[test]
    fn what_is_named_goes_before_what_is_told_and_the_last_to_say_a_name_has_it() {
        let [n1, n2] = ["n1", "n2"].map(|name| NodeName::new(name).expect("it is a name"));
        let [a, b, c] = [1, 2, 3].map(|port| SocketAddr::from(([10, 0, 0, 9], port)));
        let mut nodes = Nodes::default();
        nodes.name([(n1, a)]);
        let home = |name, address| Some(Home { name, address });
        nodes.hear("one", home(n1, b));
        nodes.hear("two", home(n2, b));
        assert_eq!((nodes.address(n1), nodes.address(n2)), (Some(a), Some(b)));
        nodes.hear("again", home(n2, c));
        nodes.hear("two", None);
        assert_eq!(nodes.address(n2), Some(c), "it was started again");
        nodes.hear("again", None);
        assert_eq!(nodes.address(n2), None);
        assert_eq!(nodes.home(&config(false)), None, "it tells nothing");
        nodes.tell(a);
        assert_eq!(nodes.home(&config(false)), home(n1, a));
        assert_eq!(nodes.home(&Config::default()), None, "it has no name");
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
