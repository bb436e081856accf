//! What can go wrong in an application.

use std::fmt;

use crate::args::{DecodeError, EncodeError};
use crate::log::quoted;
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;
use sansocket::cluster::BusError;
use sansocket::cluster::bus::Unsupported;
use sansocket::{Args, EventMessage, Misuse, Refused};

/// Any error a handler returns.
pub type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Why nothing was sent.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum EmitError {
    /// Other processes of the [cluster](crate::Cluster) are not told.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// The arguments have no JSON form.
    #[error(transparent)]
    Encode(#[from] EncodeError),
    /// The client is gone, reads too slowly, or the event cannot be sent at all.
    #[error(transparent)]
    Refused(#[from] Refused),
}

impl From<Unsupported> for EmitError {
    fn from(unsupported: Unsupported) -> Self {
        Self::Bus(unsupported.into())
    }
}

impl From<Misuse> for EmitError {
    fn from(misuse: Misuse) -> Self {
        Self::Refused(Refused::Misuse(misuse))
    }
}

/// A handler that did not succeed, as the error handler sees it. `S` is the [side](Side) of the handler.
#[derive(Debug)]
#[non_exhaustive]
pub struct HandlerError<S: Side = Socket> {
    /// The client.
    pub socket: S,
    /// The event, or `"connect"` and `"disconnect"`.
    pub event: Box<str>,
    /// The namespace.
    pub namespace: Box<str>,
    /// The arguments of the event; none when the handler took the event undecoded.
    pub args: Args,
    /// What happened.
    pub cause: Cause,
}

/// What happened to a handler.
#[derive(Debug)]
#[non_exhaustive]
pub enum Cause {
    /// The client's arguments do not fit the handler's parameters.
    Arguments(DecodeError),
    /// A packet middleware dropped the event.
    Middleware(BoxError),
    /// It panicked with this message; the connection lives on.
    Panic(Box<str>),
    /// What it returned cannot be sent: it has no JSON form, or a client found it larger than the server takes.
    Reply(BoxError),
    /// It returned an error.
    Returned(BoxError),
}

impl From<DecodeError> for Cause {
    fn from(error: DecodeError) -> Self {
        Self::Arguments(error)
    }
}

impl From<DecodeError> for Box<Cause> {
    fn from(error: DecodeError) -> Self {
        Self::new(error.into())
    }
}

impl<S: Side> HandlerError<S> {
    /// Makes the error of a handler; `message` is the event it was called for, where that is shown.
    pub(crate) fn new(
        socket: &S,
        event: Box<str>,
        message: Option<&EventMessage>,
        cause: Cause,
    ) -> Self {
        let (json, attachments) =
            message.map_or(("[]", &[][..]), |message| (message.json(), message.attachments()));
        Self {
            socket: socket.clone(),
            event,
            namespace: socket.namespace().into(),
            args: Args::from_json(json, attachments.to_vec()).unwrap_or_default(),
            cause,
        }
    }
}

impl<S: Side> fmt::Display for HandlerError<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, namespace) = (quoted(&self.event), quoted(&self.namespace));
        write!(f, "handler of {event:?} in namespace {namespace:?}: ")?;
        match &self.cause {
            Cause::Arguments(error) => error.fmt(f),
            Cause::Middleware(error) => write!(f, "a middleware dropped the event: {error}"),
            Cause::Panic(message) => write!(f, "it panicked: {message}"),
            Cause::Reply(error) => write!(f, "its answer cannot be sent: {error}"),
            Cause::Returned(error) => error.fmt(f),
        }
    }
}

impl<S: Side> std::error::Error for HandlerError<S> {}
