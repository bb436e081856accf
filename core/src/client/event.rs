//! Events for the application.

use super::fault::Fault;
use super::spaces::Namespace;
use crate::socket::{Args, EventMessage};

/// What happened, in the order in which it happened.
///
/// An attempt to connect that fails gives [`ConnectFailed`](Self::ConnectFailed) for each namespace that is
/// to be joined, then [`AttemptFailed`](Self::AttemptFailed) if it was a further attempt, then
/// [`GaveUp`](Self::GaveUp), or later the next [`Attempt`](Self::Attempt).
#[derive(Debug)]
#[non_exhaustive]
pub enum Event {
    /// The outcome of a question: exactly one.
    Answer {
        /// The question.
        ticket: Ticket,
        /// Its outcome.
        answer: Answer,
    },
    /// A further attempt to connect begins; the first one after a loss has number 1.
    Attempt {
        /// Its number.
        n: u32,
    },
    /// A further attempt to connect failed.
    AttemptFailed {
        /// Its number.
        n: u32,
        /// Why.
        fault: Fault,
    },
    /// The session is over.
    Closed {
        /// Why.
        reason: Reason,
        /// What broke, if something did.
        fault: Option<Fault>,
    },
    /// A namespace is joined, for the first time or again.
    Connected {
        /// The namespace.
        namespace: Namespace,
        /// Whether the server took the client for the one that it lost: nothing was missed.
        recovered: bool,
    },
    /// A namespace is not joined.
    ConnectFailed {
        /// The namespace.
        namespace: Namespace,
        /// Why.
        fault: Fault,
        /// Whether the client will try again by itself.
        retries: bool,
    },
    /// A namespace was left, or lost.
    Disconnected {
        /// The namespace.
        namespace: Namespace,
        /// Why.
        reason: Reason,
        /// Whether the client will join again by itself.
        retries: bool,
    },
    /// Something was refused because too much waited, and now little waits.
    Drained,
    /// No further attempt to connect is made.
    GaveUp,
    /// Events that waited for a namespace were dropped: they are larger than the server takes, or the
    /// oldest gave way to new ones.
    Lost {
        /// The namespace.
        namespace: Namespace,
        /// How many.
        events: u32,
    },
    /// The server sent an event.
    Message {
        /// The namespace.
        namespace: Namespace,
        /// Name and arguments.
        message: EventMessage,
        /// The right to acknowledge it, when the server asked for that.
        ack: Option<AckToken>,
    },
    /// The payload that shows to the server who joins is asked for: answer with
    /// [`SocketMut::supply_auth`](super::SocketMut::supply_auth).
    NeedsAuth {
        /// The namespace.
        namespace: Namespace,
        /// The question.
        ask: AuthRequest,
    },
    /// The next attempt waits for [`Client::proceed`](super::Client::proceed): change the settings before,
    /// if they should change.
    NeedsSettings,
    /// A session is open.
    Opened,
    /// The attempt of that number succeeded.
    Reconnected {
        /// Its number.
        n: u32,
    },
    /// An event was handed to the transport: see [`Config::report_sent`](super::Config::report_sent).
    Sent {
        /// The namespace.
        namespace: Namespace,
        /// Name and arguments.
        message: EventMessage,
    },
    /// The session moved to a WebSocket.
    Upgraded,
    /// The session did not move to a WebSocket; it goes on.
    UpgradeFailed {
        /// Why.
        fault: Fault,
    },
}

/// The outcome of a question.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// The arguments of the server.
    Args(Args),
    /// The session ended before the answer came.
    Disconnected,
    /// The event was not sent: it is larger than the server takes, or gave way to newer ones.
    NotSent,
    /// No answer came in time.
    TimedOut,
}

/// Identifies a question whose outcome comes as [`Event::Answer`].
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub(super) u64);

/// Identifies one request for an auth payload.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct AuthRequest(pub(super) u32);

/// The right to acknowledge one event, once. It is void when the session has ended.
#[derive(Debug)]
#[must_use = "the server waits for an acknowledgement"]
pub struct AckToken {
    pub(super) namespace: Namespace,
    /// Which time it was that the namespace was joined.
    pub(super) visit: u32,
    pub(super) id: u64,
}

impl AckToken {
    /// Returns the namespace whose event it is.
    #[must_use]
    pub fn namespace(&self) -> Namespace {
        self.namespace
    }
}

/// Why a session or a namespace is over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The application left the namespace or closed the client.
    ClientDisconnect,
    /// The server sent what is no packet.
    ParseError,
    /// No PING came in time.
    PingTimeout,
    /// The server put the client out of the namespace.
    ServerDisconnect,
    /// The stream ended, or the server closed the session.
    TransportClose,
    /// A request failed, or the stream broke.
    TransportError,
}

impl Reason {
    /// Returns the text that `disconnect` handlers of the JavaScript client receive.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientDisconnect => "io client disconnect",
            Self::ParseError => "parse error",
            Self::PingTimeout => "ping timeout",
            Self::ServerDisconnect => "io server disconnect",
            Self::TransportClose => "transport close",
            Self::TransportError => "transport error",
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

const _: () = assert!(size_of::<Event>() <= 72, "events are moved from list to list");
