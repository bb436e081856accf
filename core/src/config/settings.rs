//! Settings that an application chooses once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::Recovery;
use crate::cookie::Cookie;
use crate::deflate::Deflate;
use crate::limits::Limits;
use crate::node_name::NodeName;
use crate::parser::Parser;

/// Settings of a server; shared by all shards of a process.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Request path, with leading and trailing slash. Default `/socket.io/`.
    pub path: String,
    /// Time from opening, and from each PONG, to the next PING. Default 25 s.
    pub ping_interval: Duration,
    /// Time by which clients are told to expect a PING later than it is due, so that a slow network
    /// does not end their session. Default none.
    pub ping_grace: Duration,
    /// Time a client has to answer a PING. Default 20 s.
    pub ping_timeout: Duration,
    /// Whether a session ends when its PONG is overdue. Default yes; without it a client that
    /// vanished on polling, or behind a dead network, stays until the server closes it.
    pub monitor_clients: bool,
    /// Time a connection has to join its first namespace, and the application to admit a client to
    /// one. Default 45 s.
    pub connect_timeout: Duration,
    /// Time an upgrade may take before its WebSocket is given up; the session goes on polling.
    /// Default 10 s.
    pub upgrade_timeout: Duration,
    /// Time a closing session waits to tell its client so. Default 30 s.
    pub close_timeout: Duration,
    /// Whether clients may start with, and upgrade to, WebSocket. Default both.
    pub transports: Transports,
    /// Whether clients of Engine.IO 3 may connect, which are those of Socket.IO 2: `EIO=3`, on the same
    /// path. Default no. Their public ids are their session ids, as these clients expect: a client that
    /// learns the id of another one can act for it.
    pub allow_eio3: bool,
    /// Whether clients may poll by JSONP, with the parameter `j`, for browsers without CORS. Default no.
    /// Such answers are scripts, which pages of any host can load, with the cookies of their visitors:
    /// only browsers that tell where a request comes from (`Sec-Fetch-Site`) are refused there.
    pub allow_jsonp: bool,
    /// Which web pages may connect. Default: those of the same host.
    pub origins: Origins,
    /// Whether other pages that may connect may send cookies along. Default no.
    pub credentials: bool,
    /// Whether the headers of a proxy about the client are believed. Default no: without a proxy that sets
    /// them itself, every client could.
    ///
    /// `X-Forwarded-For` then gives the client's address: its last element, which the nearest proxy
    /// wrote. `X-Forwarded-Proto` and `X-Forwarded-Host`, the first element of each, give the scheme
    /// and a further name of this host.
    ///
    /// A request without any of these three is read for `Forwarded` (RFC 7239): its last element, which
    /// the nearest proxy wrote, gives all three as `for`, `proto` and `host`. Beside one of the three it
    /// is not believed, since proxies that set them pass on whatever a client says in `Forwarded`; a
    /// proxy that sets `Forwarded` has to take the three out of the requests of its clients.
    pub trust_forwarded: bool,
    /// The cookie that tells a load balancer, or the page, the session id; set by the answer that
    /// opens a session on polling. Default none.
    pub cookie: Option<Cookie>,
    /// The name of this process among those behind one load balancer. It stands in front of the session
    /// ids, as in `n2.AAMAAABN…`, so that the balancer can send each request to the process of its session.
    /// Default none. Sessions of Socket.IO 2, and those whose ids the host chose, have no name in front.
    pub node: Option<NodeName>,
    /// Which of the subprotocols that a client offers for its WebSocket is chosen. Default
    /// [`Protocols::First`].
    pub protocols: Protocols,
    /// Further header fields of every answer of the server, name and value. Default none. An
    /// embedder adds them to what it answers itself with [`dress`](Self::dress).
    pub headers: Vec<(String, String)>,
    /// Bytes of a polling answer from which it is compressed for clients that accept gzip or deflate;
    /// `None` never compresses. Default 1024. Needs the feature `compression`.
    pub compression: Option<usize>,
    /// How messages on a WebSocket are compressed for clients that offer to (permessage-deflate, RFC 7692).
    /// Default `None`, which never agrees to it. Needs the feature `compression`; leave it off where a host
    /// frames WebSockets itself.
    pub deflate: Option<Deflate>,
    /// What the sessions carry. Default Socket.IO.
    pub layer: Layer,
    /// What writes and reads packets instead of the text of the protocol: the same for all clients, which must
    /// have such a parser, too. Default none. [`Msgpack`](crate::Msgpack) is one. Bare Engine.IO messages
    /// concern no parser.
    pub parser: Option<Arc<dyn Parser>>,
    /// The text of an Engine.IO message that every session gets right behind OPEN, on polling with the next
    /// answer. Default none. For a client of Socket.IO it has to be a packet of Socket.IO: one that is none
    /// makes the client close.
    pub initial_packet: Option<String>,
    /// Which request headers a [`Handshake`](crate::Handshake) keeps. Default all but those of the
    /// transport itself.
    pub keep_headers: KeepHeaders,
    /// What happens to events for a client whose backlog is at `limits.max_backlog` already. Default
    /// [`SlowClient::Refuse`].
    pub slow: SlowClient,
    /// Whether clients whose connections were lost come back to where they were. Default no.
    pub recovery: Option<Recovery>,
    /// Whether [`Event::Life`](crate::Event::Life) tells when namespaces and rooms come and go, and who joins and
    /// leaves rooms. Default no. Each costs an event for the application, and a name that is shared.
    pub life_events: bool,
    /// Bounds on everything a peer controls.
    pub limits: Limits,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            path: "/socket.io/".into(),
            ping_interval: Duration::from_secs(25),
            ping_grace: Duration::ZERO,
            ping_timeout: Duration::from_secs(20),
            monitor_clients: true,
            connect_timeout: Duration::from_secs(45),
            upgrade_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_secs(30),
            transports: Transports::default(),
            allow_eio3: false,
            allow_jsonp: false,
            origins: Origins::SameOrigin,
            credentials: false,
            trust_forwarded: false,
            cookie: None,
            node: None,
            protocols: Protocols::First,
            headers: Vec::new(),
            compression: Some(1024),
            deflate: None,
            layer: Layer::SocketIo,
            parser: None,
            initial_packet: None,
            keep_headers: KeepHeaders::All,
            slow: SlowClient::Refuse,
            recovery: None,
            life_events: false,
            limits: Limits::default(),
        }
    }
}

/// The transports a server offers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Transports {
    /// HTTP long-polling.
    pub polling: bool,
    /// WebSocket from the start.
    pub websocket: bool,
    /// The move of a polling session to WebSocket, and to WebTransport where that is on.
    pub upgrades: bool,
    /// WebTransport, where the host listens for it. Browsers that have it try it before WebSocket, and wait 200 ms
    /// for it: leave it off where clients cannot reach it.
    pub webtransport: bool,
}

impl Default for Transports {
    fn default() -> Self {
        Self { polling: true, websocket: true, upgrades: true, webtransport: false }
    }
}

/// Which web pages may connect. Clients that send no `Origin` (everything but browsers) always may.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Origins {
    /// Every page. Do not combine with cookies that authenticate.
    Any,
    /// These origins, each `scheme://host[:port]` or `null`, besides the same host.
    List(Vec<String>),
    /// Those for which a function says so, besides the same host: see [`matching`](Self::matching).
    Matching(Judge),
    /// Pages served under the same host and port as the `Host` header names.
    #[default]
    SameOrigin,
    /// Every page may connect, and no answer is marked for pages of other hosts to read: something
    /// in front decides.
    Unchecked,
}

impl Origins {
    /// Lets a function decide about the `Origin` of each request, besides the same host.
    #[must_use]
    pub fn matching(judge: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::Matching(Judge(Arc::new(judge)))
    }
}

/// A function that decides which origins may connect. Equal only to its own clones.
#[derive(Clone)]
pub struct Judge(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Judge {
    pub(crate) fn accepts(&self, origin: &str) -> bool {
        (self.0)(origin)
    }
}

impl fmt::Debug for Judge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Judge(…)")
    }
}

impl Eq for Judge {}

impl PartialEq for Judge {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

/// Which of the subprotocols that a client offers is chosen (`Sec-WebSocket-Protocol`, RFC 6455
/// §1.9), when a session opens on WebSocket or moves there.
///
/// What travels is Socket.IO under any of them. Browsers give up a WebSocket for which they offered
/// some and none was chosen.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Protocols {
    /// The first that the client offers, as the JavaScript server chooses.
    #[default]
    First,
    /// None.
    None,
    /// The first that the client offers of these; none when it offers none of them.
    OneOf(Vec<String>),
}

/// What sessions carry.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum Layer {
    /// Bare Engine.IO messages: `Event::Opened`, `Event::Received`, `Event::Closed`.
    EngineIo,
    /// Socket.IO: namespaces, events and acknowledgements.
    #[default]
    SocketIo,
}

/// Which request headers a handshake keeps while its session lives.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum KeepHeaders {
    /// All but those of the transport itself (`Connection`, `Upgrade`, `Sec-WebSocket-*`).
    #[default]
    All,
    /// Only those named, in lower case; saves memory per connection.
    Named(Vec<String>),
}

/// What happens to events for a client that does not read: once its backlog is at
/// `Limits::max_backlog`, it costs no more under any of these.
///
/// Volatile events pass such a client by under each of them. What the protocol itself owes it, as the
/// answer to a CONNECT or an acknowledgement, cannot be left out: that ends its session.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub enum SlowClient {
    /// Every event ends its session with [`Reason::SlowConsumer`](crate::Reason); an emit fails with
    /// [`Refused::Gone`](crate::Refused).
    Disconnect,
    /// Every event is dropped, and an emit succeeds nevertheless. A question has its outcome all the
    /// same: no answer came in time.
    Drop,
    /// An emit fails with [`Refused::Backlog`](crate::Refused), so that its caller may wait. A
    /// broadcast, whose caller would not learn of it, ends the session with
    /// [`Reason::SlowConsumer`](crate::Reason).
    #[default]
    Refuse,
    /// An emit fails with [`Refused::Backlog`](crate::Refused), a broadcast leaves the client out.
    Skip,
}
