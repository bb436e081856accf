//! Settings of a client.

use std::sync::Arc;
use std::time::Duration;

use super::backoff::Backoff;
use super::endpoint::Endpoint;
use crate::deflate::Deflate;
use crate::engine::terms::{self, Binary};
use crate::limits::Limits;
use crate::parser::Parser;

/// Settings of a client, shared by as many as like.
///
/// [`Client::set_config`](super::Client::set_config) changes them on a client that runs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// Where the server is. Parameters of its query go with every request, and so does its login.
    pub endpoint: Arc<Endpoint>,
    /// The revision of the protocols that the client speaks. Default [`Revision::EngineIo4`].
    pub revision: Revision,
    /// Path of the requests. Default `/socket.io/`.
    pub path: String,
    /// Parameters that go with every request, before those of the protocol, whose names they cannot take;
    /// they win over those of the URL. Default none.
    pub query: Vec<(String, String)>,
    /// Header fields of every request, the WebSocket handshake included. Default none.
    pub headers: Vec<(String, String)>,
    /// Transports in the order in which they are tried. Default polling, then WebSocket.
    pub transports: Vec<Transport>,
    /// Whether the next transport is tried at once when the first one reaches the server and fails there.
    /// Default yes.
    pub try_all: bool,
    /// Whether a session that began on polling moves to a WebSocket, when both ends have it. Default yes.
    pub upgrade: bool,
    /// Whether a session begins on a WebSocket when the one before was on one. Default no.
    pub remember_upgrade: bool,
    /// Which requests have a parameter `t` that differs each time, so that no cache answers. Default those of
    /// polling.
    pub timestamps: Timestamps,
    /// What writes and reads packets instead of the text of the protocol: the server must have such a parser,
    /// too. Default none. [`Msgpack`](crate::Msgpack) is one. Events that wait are written already, so it
    /// must not change while some do.
    pub parser: Option<Arc<dyn Parser>>,
    /// Whether binary goes as base64 text on a WebSocket, too. Default no.
    pub base64: bool,
    /// Subprotocols that the WebSocket handshake offers. Default none.
    pub protocols: Vec<String>,
    /// How messages on a WebSocket may be compressed: what the handshake offers. Default `None`, which offers
    /// nothing. Needs the feature `compression`.
    pub deflate: Option<Deflate>,
    /// Time from the beginning of an attempt to the open session; also that for an upgrade, and for the
    /// answer to a POST. Default 20 s.
    pub timeout: Duration,
    /// Time from CONNECT to the answer of the server. Default 20 s.
    pub connect_timeout: Duration,
    /// Time that a closing session has to send what waits. Default 1 s.
    pub close_timeout: Duration,
    /// How a lost connection is tried again. Default [`Backoff::default`]; `None` never tries.
    pub reconnect: Option<Backoff>,
    /// Whether each attempt waits for [`Client::proceed`](super::Client::proceed), so that the
    /// settings can be made anew. Default no.
    pub ask_settings: bool,
    /// What becomes of events that are sent while their namespace is not joined.
    pub offline: Offline,
    /// How events are sent again that the server does not acknowledge. Default `None`, which is never.
    pub retries: Option<Retries>,
    /// Redirects that are followed from the request that opens a session. Default 5; 0 follows none.
    pub redirects: u8,
    /// Whether cookies of the server are sent back to it. Default no.
    pub cookies: bool,
    /// Whether [`Event::Sent`](super::Event::Sent) tells of each event that is handed to the transport.
    /// Default no.
    pub report_sent: bool,
    /// Bounds on everything the server controls, and on what waits for it. Default as for a server, but
    /// messages may have 16 MiB, because servers send more than they take, and the head of an answer has 10 s from its
    /// first byte on.
    pub limits: Limits,
}

/// A revision of Engine.IO, and that of Socket.IO which goes with it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Revision {
    /// engine.io-protocol v3 and socket.io-protocol v4: those of servers of Socket.IO 1 and 2.
    ///
    /// Such a server lets a client into `/` without being asked, and takes no auth payload there: what it is to
    /// know goes into [`Config::query`]. For other namespaces the payload becomes a query behind their name, in
    /// which members that are no strings are JSON text. The client pings, and has a public id that follows from
    /// that of its session: do not show it.
    EngineIo3,
    /// engine.io-protocol v4 and socket.io-protocol v5: those of servers since Socket.IO 3.
    EngineIo4,
}

/// A transport.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Transport {
    /// HTTP long-polling.
    Polling,
    /// WebSocket.
    WebSocket,
}

/// Which requests have a parameter that differs each time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Timestamps {
    /// All.
    All,
    /// None.
    None,
    /// Those of polling.
    Polling,
}

/// What becomes of events that are sent while their namespace is not joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Offline {
    /// What happens when there is no room, or from the first event on.
    pub policy: OfflinePolicy,
    /// Events that wait for one namespace. Default 1000.
    pub events: usize,
    /// Memory, in bytes, that they take: counted as for [`Limits::max_backlog`]. Default 1 MiB.
    pub bytes: usize,
}

/// What happens to an event that is sent while its namespace is not joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum OfflinePolicy {
    /// It waits; when there is no room it is refused.
    Buffer,
    /// It waits; when there is no room the oldest events give way.
    DropOldest,
    /// It is refused.
    Refuse,
}

/// How events are sent again that the server does not acknowledge: one at a time, in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Retries {
    /// How often an event is sent again, after the first time.
    pub most: u32,
    /// Time that the server has to acknowledge an event.
    pub ack_timeout: Duration,
    /// Whether events have a further argument, the last one: a text that is the same each time the event is
    /// sent and differs from that of all other events, by which the server knows an event that it had
    /// before. Default no.
    pub key: bool,
}

impl Config {
    /// Makes the default settings for a server.
    #[must_use]
    pub fn new(endpoint: Endpoint) -> Self {
        Self {
            endpoint: Arc::new(endpoint),
            revision: Revision::EngineIo4,
            path: "/socket.io/".into(),
            query: Vec::new(),
            headers: Vec::new(),
            transports: vec![Transport::Polling, Transport::WebSocket],
            try_all: true,
            upgrade: true,
            remember_upgrade: false,
            timestamps: Timestamps::Polling,
            parser: None,
            base64: false,
            protocols: Vec::new(),
            deflate: None,
            timeout: Duration::from_secs(20),
            connect_timeout: Duration::from_secs(20),
            close_timeout: Duration::from_secs(1),
            reconnect: Some(Backoff::default()),
            ask_settings: false,
            offline: Offline::default(),
            retries: None,
            redirects: 5,
            cookies: false,
            report_sent: false,
            limits: Limits {
                max_payload: 16 * 1024 * 1024,
                head_time: Duration::from_secs(10),
                ..Limits::default()
            },
        }
    }

    /// What a session is opened with.
    pub(super) fn opening(&self) -> terms::Revision {
        match (self.revision, self.base64) {
            (Revision::EngineIo3, true) => terms::Revision::V3(Binary::Base64),
            (Revision::EngineIo3, false) => terms::Revision::V3(Binary::Bytes),
            (Revision::EngineIo4, _) => terms::Revision::V4,
        }
    }

    /// The transport at a place of the list.
    pub(super) fn transport(&self, at: usize) -> Option<Transport> {
        self.transports.get(at).copied()
    }
}

impl Default for Offline {
    fn default() -> Self {
        Self { policy: OfflinePolicy::Buffer, events: 1000, bytes: 1024 * 1024 }
    }
}

impl Retries {
    /// Sends an event so many times again, each time when no acknowledgement came within the timeout.
    #[must_use]
    pub fn new(most: u32, ack_timeout: Duration) -> Self {
        Self { most, ack_timeout, key: false }
    }
}

impl Transport {
    /// Returns the name: `polling` or `websocket`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Polling => "polling",
            Self::WebSocket => "websocket",
        }
    }
}
