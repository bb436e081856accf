//! Why nothing is sent.

use sansocket::Misuse;
use sansocket::cluster::{BusError, EmitterError};
use sansocket_args::EncodeError;

/// Why a message was not sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The bus does not carry it: the format has no words for it, too much waits, or it is too large.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The arguments have no JSON form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// No client would accept it.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

impl From<EmitterError> for EmitError {
    fn from(error: EmitterError) -> Self {
        match error {
            EmitterError::Bus(error) => error.into(),
            EmitterError::Misuse(error) => error.into(),
        }
    }
}
