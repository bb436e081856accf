//! What becomes of the connection of a client.

use sansocket::client::{Fault, Reason, Transport};

/// What becomes of the connection of a client, for logs and tools: see
/// [`Client::on_event`](super::Client::on_event).
///
/// What becomes of its namespaces is told to their handlers. An attempt that fails is told to the
/// `on_connect_error` of each namespace first, then as [`AttemptFailed`](Self::AttemptFailed) if it was a further
/// attempt, then as [`GaveUp`](Self::GaveUp) or the next [`Attempt`](Self::Attempt).
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Event {
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
    /// The connection is over.
    Closed {
        /// Why.
        reason: Reason,
        /// What broke, if something did.
        fault: Option<Fault>,
    },
    /// No further attempt to connect is made.
    GaveUp,
    /// Events that waited for a namespace were dropped: they are larger than the server takes, or the oldest gave
    /// way to new ones.
    Lost {
        /// The namespace.
        namespace: Box<str>,
        /// How many.
        events: u32,
    },
    /// A session is open.
    Opened {
        /// Its id. It proves to whom the session belongs: do not show it.
        session: Box<str>,
        /// What carries it.
        transport: Transport,
    },
    /// The attempt of that number succeeded.
    Reconnected {
        /// Its number.
        n: u32,
    },
    /// The session moved to a WebSocket.
    Upgraded,
    /// The session did not move to a WebSocket; it goes on.
    UpgradeFailed {
        /// Why.
        fault: Fault,
    },
}
