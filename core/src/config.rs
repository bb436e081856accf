//! What an application chooses once, and the bounds on everything a peer controls.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::cookie::Cookie;

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
    /// Which web pages may connect. Default: those of the same host.
    pub origins: Origins,
    /// Whether other pages that may connect may send cookies along. Default no.
    pub credentials: bool,
    /// Whether a proxy in front is believed what it says of the client. Default no: without a proxy
    /// that sets these headers itself, anybody could.
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
    /// Which of the subprotocols that a client offers for its WebSocket is chosen. Default
    /// [`Protocols::First`].
    pub protocols: Protocols,
    /// Further header fields of every answer of the server, name and value. Default none. An
    /// embedder adds them to what it answers itself with [`dress`](Self::dress).
    pub headers: Vec<(String, String)>,
    /// Bytes of a polling answer from which it is compressed for clients that accept gzip or deflate;
    /// `None` never compresses. Default 1024. Needs the feature `compression`.
    pub compression: Option<usize>,
    /// What the sessions carry. Default Socket.IO.
    pub layer: Layer,
    /// Which request headers a [`Handshake`](crate::Handshake) keeps. Default all but those of the
    /// transport itself.
    pub keep_headers: KeepHeaders,
    /// What happens to events for a client whose backlog is at `limits.max_backlog` already. Default
    /// [`SlowClient::Refuse`].
    pub slow: SlowClient,
    /// Bounds on everything a peer controls.
    pub limits: Limits,
}

impl Config {
    /// Whether requests to `path` are for this server: `/socket.io/`, with or without the last
    /// slash; `/socket.io-admin` is somebody else's.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        path == self.path || self.path.strip_suffix('/') == Some(path)
    }
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
            origins: Origins::SameOrigin,
            credentials: false,
            trust_forwarded: false,
            cookie: None,
            protocols: Protocols::First,
            headers: Vec::new(),
            compression: Some(1024),
            layer: Layer::SocketIo,
            keep_headers: KeepHeaders::All,
            slow: SlowClient::Refuse,
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
    /// The move of a polling session to WebSocket.
    pub upgrades: bool,
}

impl Default for Transports {
    fn default() -> Self {
        Self { polling: true, websocket: true, upgrades: true }
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
    /// same: nobody answered in time.
    Drop,
    /// An emit fails with [`Refused::Backlog`](crate::Refused), so that its caller may wait. A
    /// broadcast, whose caller would not learn of it, ends the session with
    /// [`Reason::SlowConsumer`](crate::Reason).
    #[default]
    Refuse,
    /// An emit fails with [`Refused::Backlog`](crate::Refused), a broadcast leaves the client out.
    Skip,
}

/// Bounds on everything a peer controls.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Limits {
    /// Bytes of a request head. Default 16 KiB, twice what browsers with many cookies send.
    pub head: usize,
    /// Header fields of a request, at most 128. Default 96.
    pub headers: usize,
    /// Time from the first byte of a request head to its end. Default 15 s; needed by embedders that
    /// own the clock, as are the next two.
    pub head_time: Duration,
    /// Time from the end of a request head to the end of its body. Default 60 s: a body as large as
    /// is allowed, over a slow mobile line.
    pub body_time: Duration,
    /// Time a connection without a session may do nothing. Default 30 s.
    pub idle_time: Duration,
    /// Bytes a second that a peer must take while something waits to be written to it, and give while a
    /// WebSocket message of more than 4 KiB is incomplete, on average over [`rate_window`](Self::rate_window).
    /// Who does less is cut off, from a WebSocket with [`Violation::TooSlow`](crate::Violation).
    /// Default 1024: slower than any line that a page loads over; 0 never cuts anybody off. Needed by
    /// embedders that own the clock, as is the next.
    pub least_rate: u32,
    /// Time over which [`least_rate`](Self::least_rate) is measured. Default 60 s: the buffers of an
    /// operating system empty in steps of a megabyte and more.
    pub rate_window: Duration,
    /// Bytes of a request body or WebSocket message, announced as `maxPayload`. Default 1 000 000.
    pub max_payload: usize,
    /// Frames of one WebSocket message. Default 16 384, counting empty ones.
    pub fragments: u32,
    /// Packets of one request body. Default 16 384: a burst of some thousand small events is honest.
    pub packets: usize,
    /// Attachments of one packet, both ways. Default 10, as JavaScript peers refuse more.
    pub attachments: u32,
    /// Bytes of all attachments of one packet. Default 10 000 000.
    pub attachment_bytes: usize,
    /// Time from the announcement of attachments to the last of them. Default 60 s.
    pub attachment_time: Duration,
    /// Sessions of one shard that were not admitted to a namespace yet. Beyond, the oldest of the
    /// address that opened most of them ends with [`Reason::GaveWay`](crate::Reason); of IPv6, a network
    /// of 64 bits counts as one address. Default 10 000: some 10 MB with the heads that browsers send,
    /// 160 MB with the largest. Bare Engine.IO sessions are never counted.
    pub handshakes: usize,
    /// Sessions of the process; a handshake beyond them is answered with 503. Default 1 000 000: their
    /// heads fill [`bytes`](Self::bytes) when each has a kilobyte.
    pub sessions: usize,
    /// Memory, in bytes, that sessions of the process take: packets that wait for them and for
    /// admissions, counted as for [`max_backlog`](Self::max_backlog), but one that waits for many with its
    /// bytes once; attachments of incomplete packets; the heads that handshakes keep. From seven eighths
    /// on, the sessions for which most waits end with [`Reason::SlowConsumer`](crate::Reason), until it
    /// is three quarters. Beyond the limit, when that does not help, handshakes are answered with 503 and
    /// volatile events are dropped. Default 1 GiB: some sixty clients that read nothing, or seven million
    /// tiny packets.
    pub bytes: usize,
    /// Namespaces joined by one connection at a time, with those it asked for and left before the
    /// application decided. Default 64.
    pub namespaces: u16,
    /// Bytes of a namespace name. Default 256.
    pub namespace_name: usize,
    /// Rooms one client is in. Default 10 000.
    pub rooms: usize,
    /// Questions one client has not answered, those to many included. Default 4096, some 250 kB for
    /// a client that never answers.
    pub questions: usize,
    /// PONGs that wait for a connection to take them; of the PINGs that come meanwhile only the latest
    /// is answered (RFC 6455 §5.5.3). Default 16; 0 counts as 1.
    pub pongs: u8,
    /// Memory, in bytes, taken by what waits for one session, from which on [`Config::slow`] says what
    /// becomes of events. Each part of a packet, its text and each attachment, counts with its bytes
    /// and 128 more. A packet is never split: the last one may cross the line. Default 16 MiB.
    pub max_backlog: usize,
    /// Bytes, as they are written, handed to a connection at a time. Default 64 KiB.
    pub low_water: usize,
    /// Packets of one polling answer. Default 16, because Python clients refuse more; raise it when
    /// there are none.
    pub packets_per_poll: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            head: 16 * 1024,
            headers: 96,
            head_time: Duration::from_secs(15),
            body_time: Duration::from_secs(60),
            idle_time: Duration::from_secs(30),
            least_rate: 1024,
            rate_window: Duration::from_secs(60),
            max_payload: 1_000_000,
            fragments: 16_384,
            packets: 16_384,
            attachments: 10,
            attachment_bytes: 10_000_000,
            attachment_time: Duration::from_secs(60),
            handshakes: 10_000,
            sessions: 1_000_000,
            bytes: 1 << 30,
            namespaces: 64,
            namespace_name: 256,
            rooms: 10_000,
            questions: 4096,
            pongs: 16,
            max_backlog: 16 * 1024 * 1024,
            low_water: 64 * 1024,
            packets_per_poll: 16,
        }
    }
}
