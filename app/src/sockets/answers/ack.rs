//! Acknowledgements: giving them, and waiting for them.

use sansocket::Args;
use serde::de::DeserializeOwned;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::args::{self, DecodeError, IntoArgs, with_args};
use crate::sockets::error::EmitError;
use crate::sockets::side::{Sealed, Side};
use crate::sockets::socket::Socket;
use crate::wait::slot::Slot;
use crate::wait::wait;

/// A timeout that never comes: an answer is awaited until the connection is lost.
pub const NO_TIMEOUT: Duration = Duration::MAX;

/// The right to acknowledge an event, once.
///
/// A handler that takes it answers when it likes; what the handler returns is not sent then. It gets
/// one from a client that does not wait as well, whose answer goes nowhere: ask
/// [`is_wanted`](Self::is_wanted) instead of taking an `Option<Ack>`, which would be an argument that
/// may be missing.
///
/// `S` is the [side](Side) whose handler acknowledges.
#[derive(Debug)]
pub struct Ack<S: Side = Socket> {
    socket: S,
    token: Option<S::Token>,
}

impl<S: Side> Ack<S> {
    /// Without a token the sender of the event does not wait.
    pub(crate) fn new(socket: &S, token: Option<S::Token>) -> Self {
        Self { socket: socket.clone(), token }
    }

    /// Whether the sender of the event waits for it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.token.is_some()
    }

    /// Acknowledges. A tuple is several arguments, `()` none, anything else one; encoded arguments
    /// are sent as they are, see [`IntoArgs`]. Nothing is sent when the sender does not wait, or has
    /// left.
    ///
    /// # Errors
    /// When the arguments have no JSON form, and on a client when they are larger than the server takes.
    pub fn send(self, args: impl IntoArgs) -> Result<(), S::EmitError> {
        let Self { socket, token } = self;
        with_args(args, |args| match token {
            Some(token) => socket.acknowledge(token, args, Sealed),
            None => Ok(()),
        })
    }
}

/// Why no acknowledgement came.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
    /// The client answered something else than was asked for.
    #[error("the acknowledgement does not fit: {0}")]
    Decode(#[from] DecodeError),
    /// The client left before it answered.
    #[error("the client disconnected before it acknowledged")]
    Disconnected,
    /// The event was not sent.
    #[error(transparent)]
    Emit(#[from] EmitError),
    /// The client did not answer in time.
    #[error("no acknowledgement within the timeout")]
    TimedOut,
}

/// Waits for one acknowledgement. `E` says why there is none.
///
/// # Cancel safety
/// Dropping it changes nothing for the other end; its acknowledgement is dropped when it comes.
#[derive(Debug)]
#[must_use = "the event is sent already; this only waits for its acknowledgement"]
pub struct AckFuture<E = AckError>(Arc<Slot<Result<Args, E>>>);

/// Waits for one acknowledgement and reads it as `R` by the rules of [`decode`](args::decode): `()` reads
/// nothing, a tuple several arguments, anything else the first. `E` says why there is none.
///
/// # Cancel safety
/// Dropping it changes nothing for the other end; its acknowledgement is dropped when it comes.
#[must_use = "the event is sent already; this only waits for its acknowledgement"]
pub struct Calling<R, E = AckError> {
    reply: AckFuture<E>,
    answer: PhantomData<fn() -> R>,
}

impl<E> AckFuture<E> {
    pub(crate) fn new(slot: Arc<Slot<Result<Args, E>>>) -> Self {
        Self(slot)
    }

    pub(crate) fn failed(error: E) -> Self {
        Self(Arc::new(Slot::filled(Err(error))))
    }

    /// Reads the acknowledgement as `R` by the rules of [`decode`](args::decode).
    pub fn decode<R: DeserializeOwned>(self) -> Calling<R, E> {
        Calling { reply: self, answer: PhantomData }
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to bring the
    /// answer.
    ///
    /// # Errors
    /// `E` says why there is no answer.
    pub fn wait(self) -> Result<Args, E> {
        wait(self)
    }
}

impl<R: DeserializeOwned, E: From<DecodeError>> Calling<R, E> {
    /// Waits on this thread; never inside an async handler, whose thread may have to bring the
    /// answer.
    ///
    /// # Errors
    /// `E` says why there is no answer.
    pub fn wait(self) -> Result<R, E> {
        wait(self)
    }
}

impl<E> Future for AckFuture<E> {
    type Output = Result<Args, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}

impl<R: DeserializeOwned, E: From<DecodeError>> Future for Calling<R, E> {
    type Output = Result<R, E>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.reply).poll(context).map(|reply| {
            let args = reply?;
            Ok(args::decode_owned(args.json(), args.attachments())?)
        })
    }
}

impl<R, E: fmt::Debug> fmt::Debug for Calling<R, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Calling").field(&self.reply).finish()
    }
}
