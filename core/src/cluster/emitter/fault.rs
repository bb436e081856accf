//! Why an emitter sends nothing.

use std::fmt;

use crate::cluster::BusError;
use crate::error::Misuse;

/// Why an emitter does not send a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
pub enum EmitterError {
    /// The bus does not carry it.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// No client would accept it.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

/// Messages that the broker did not confirm. It may have got some of them.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("{count} messages were not confirmed by the broker: {last}")]
pub struct Unconfirmed {
    /// How many.
    pub count: u64,
    /// Why the last of them was not.
    pub last: Loss,
}

/// Why a message was not confirmed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Loss {
    /// The connection was lost before the broker answered. The message is not repeated.
    Broken,
    /// The emitter was closed.
    Closed,
    /// The message waited for longer than [`EmitterConfig::age`](super::EmitterConfig::age).
    Expired,
    /// The broker refused the message.
    Refused,
}

impl fmt::Display for Loss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Broken => "the connection was lost",
            Self::Closed => "the emitter was closed",
            Self::Expired => "the broker could not be reached in time",
            Self::Refused => "the broker refused it",
        })
    }
}
