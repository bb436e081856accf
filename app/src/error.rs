//! What can go wrong in an application.

use std::fmt;

use crate::args::{DecodeError, EncodeError};
use sansocket::{Misuse, Refused};

/// Any error a handler returns.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why nothing was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// The arguments have no JSON form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The client is gone, reads too slowly, or the event cannot be sent at all.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<Misuse> for EmitError {
    fn from(misuse: Misuse) -> Self {
        Self::Refused(Refused::Misuse(misuse))
    }
}

/// A handler that did not succeed, as the error handler sees it.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandlerError {
    /// The event, or `"connect"` and `"disconnect"`.
    pub event: Box<str>,
    /// The namespace.
    pub namespace: Box<str>,
    /// What happened.
    pub cause: Cause,
}

/// What happened to a handler.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The client's arguments do not fit the handler's parameters.
    Arguments(DecodeError),
    /// It panicked; the connection lives on.
    Panic,
    /// What it returned has no JSON form.
    Reply(EmitError),
    /// It returned an error.
    Returned(BoxError),
}

impl fmt::Display for HandlerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "handler of {:?} in namespace {:?}: ", self.event, self.namespace)?;
        match &self.cause {
            Cause::Arguments(error) => error.fmt(f),
            Cause::Panic => f.write_str("it panicked"),
            Cause::Reply(error) => write!(f, "its answer cannot be sent: {error}"),
            Cause::Returned(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for HandlerError {}
