//! What can go wrong for a client.

use sansocket::Misuse;
use sansocket::client::{Fault, Kind, Refused};
use serde::de::DeserializeOwned;
use std::fmt;

use crate::args::{self, DecodeError, EncodeError};

/// Why nothing was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The arguments have no JSON form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// Too much waits, the event is too large, or it cannot be sent at all.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<Misuse> for EmitError {
    fn from(misuse: Misuse) -> Self {
        Self::Refused(Refused::Misuse(misuse))
    }
}

/// Why no acknowledgement came.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The server answered something else than was asked for.
    #[error("the acknowledgement does not fit: {0}")]
    Decode(#[from] DecodeError),
    /// The connection was lost, or the namespace left, before the answer came. The server may have handled the
    /// event.
    #[error("the connection was lost before the server acknowledged")]
    Disconnected,
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The event waited to be sent, and was dropped: it is larger than the server takes, or gave way to newer
    /// ones.
    #[error("the event was dropped before it was sent: it is too large, or too much waited")]
    NotSent,
    /// The server did not answer in time. An event that was not sent by then is not sent.
    #[error("no acknowledgement within the timeout")]
    TimedOut,
}

/// Why a namespace is not joined.
#[derive(Clone, Debug, PartialEq)]
pub struct ConnectError {
    fault: Fault,
    next: Next,
}

/// What a client does after a failure.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    Nothing,
    TriesAgain,
}

impl ConnectError {
    pub(crate) fn new(fault: Fault, next: Next) -> Self {
        Self { fault, next }
    }

    /// The application itself left the namespace.
    pub(crate) fn left() -> Self {
        Self::new(Fault::transport("the namespace was left before it was joined"), Next::Nothing)
    }

    /// The client makes no further attempt.
    pub(crate) fn gave_up() -> Self {
        Self::new(Fault::transport("the client makes no further attempt to connect"), Next::Nothing)
    }

    /// The same failure, after which the client does not try again.
    pub(crate) fn for_good(self) -> Self {
        Self { next: Next::Nothing, ..self }
    }

    /// Returns what kind of failure it was.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.fault.kind()
    }

    /// Returns the message: of a server that refuses, its own words.
    #[must_use]
    pub fn message(&self) -> &str {
        self.fault.message()
    }

    /// Returns the HTTP status, if one was answered.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        self.fault.http_status()
    }

    /// Returns the JSON text of the data with which a server refused the client.
    #[must_use]
    pub fn data_json(&self) -> Option<&str> {
        self.fault.data()
    }

    /// Reads the data with which a server refused the client.
    ///
    /// # Errors
    /// When there is none, or it does not fit `T`.
    pub fn data<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        let data = args::parse_owned(self.data_json().unwrap_or("null"));
        data.map_err(|error| DecodeError::argument(0, &error))
    }

    /// Whether the client tries again by itself.
    #[must_use]
    pub fn will_retry(&self) -> bool {
        self.next == Next::TriesAgain
    }

    /// Returns all that is known of the failure.
    #[must_use]
    pub fn fault(&self) -> &Fault {
        &self.fault
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind() == Kind::Refused {
            f.write_str("the server refused the client: ")?;
        }
        f.write_str(self.message())
    }
}

impl std::error::Error for ConnectError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.fault)
    }
}
