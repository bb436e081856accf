//! Why an event was not taken.

use crate::error::Misuse;

/// Why an event was not taken: it is not sent, and nothing follows.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Refused {
    /// Too much waits: for the transport until [`Event::Drained`](super::Event), or for the namespace to be
    /// joined.
    #[error("as much waits as the limits allow: send less, or wait until it is sent")]
    Full,
    /// The call itself cannot be carried out.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The namespace is not joined, and the settings keep nothing for later.
    #[error("the namespace is not joined")]
    NotJoined,
    /// The event is larger than the server takes.
    #[error("the event takes {size} bytes, and the server takes {limit}")]
    TooLarge {
        /// Bytes of the largest message that it would take.
        size: usize,
        /// The `maxPayload` of the server.
        limit: usize,
    },
    /// The server owes `Limits::questions` acknowledgements already.
    #[error("the server owes as many acknowledgements as Limits::questions allows: ask it less")]
    TooManyQuestions,
}
