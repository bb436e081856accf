//! Acknowledgements: giving them, and waiting for them.

use sansocket::{AckToken, Args, ArgsRef, Id};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::args::{self, DecodeError};
use crate::error::EmitError;
use crate::io::with_args;
use crate::socket::Socket;

/// The right to acknowledge an event, once.
///
/// A handler that takes it answers when it likes; what the handler returns is not sent then.
#[derive(Debug)]
pub struct Ack {
    socket: Socket,
    token: Option<AckToken>,
}

impl Ack {
    pub(crate) fn new(socket: &Socket, token: AckToken) -> Self {
        Self { socket: socket.clone(), token: Some(token) }
    }

    /// Of an event whose sender does not wait.
    pub(crate) fn unwanted(socket: &Socket) -> Self {
        Self { socket: socket.clone(), token: None }
    }

    /// Whether the client waits for it.
    #[must_use]
    pub fn is_wanted(&self) -> bool {
        self.token.is_some()
    }

    /// Acknowledges. A tuple is several arguments, `()` none, anything else one. Nothing is sent when
    /// the client does not wait, or has left.
    ///
    /// # Errors
    /// When the arguments have no JSON form.
    pub fn send<T: Serialize + ?Sized>(self, args: &T) -> Result<(), EmitError> {
        with_args(args, |args| {
            self.send_raw(args);
            Ok(())
        })
    }

    /// Acknowledges with arguments that are encoded already.
    pub fn send_raw(self, args: ArgsRef<'_>) {
        if let Some(token) = self.token {
            self.socket.hub().with(self.socket.shard(), |server| server.acknowledge(token, args));
        }
    }
}

/// Why no acknowledgement came.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum AckError {
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

/// Waits for one client's acknowledgement.
#[derive(Debug)]
#[must_use = "the event is sent already; this only waits for its acknowledgement"]
pub struct Reply(Arc<Slot<Result<Args, AckError>>>);

/// Waits for the acknowledgements of many.
#[derive(Debug)]
#[must_use = "the event is sent already; this only waits for its acknowledgements"]
pub struct Gathering(Arc<Slot<Result<Gathered, EmitError>>>);

/// Waits for the ids of clients.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Found(Arc<Slot<Vec<Id>>>);

/// What many clients acknowledged.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Gathered {
    /// The acknowledgements that came, in the order they came.
    pub replies: Vec<Args>,
    /// How many clients were asked and did not answer.
    pub missing: u32,
}

impl Reply {
    pub(crate) fn new(slot: Arc<Slot<Result<Args, AckError>>>) -> Self {
        Self(slot)
    }

    pub(crate) fn failed(error: EmitError) -> Self {
        Self(Arc::new(Slot::filled(Err(error.into()))))
    }
}

impl Gathering {
    pub(crate) fn new(slot: Arc<Slot<Result<Gathered, EmitError>>>) -> Self {
        Self(slot)
    }

    pub(crate) fn failed(error: EmitError) -> Self {
        Self(Arc::new(Slot::filled(Err(error))))
    }
}

impl Found {
    pub(crate) fn new(slot: Arc<Slot<Vec<Id>>>) -> Self {
        Self(slot)
    }
}

impl Gathered {
    /// Reads the acknowledgements, each as `T`.
    ///
    /// # Errors
    /// When one of them does not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<Vec<T>, DecodeError> {
        self.replies.iter().map(|args| args::decode(args.json(), args.attachments())).collect()
    }
}

impl Future for Reply {
    type Output = Result<Args, AckError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}

impl Future for Gathering {
    type Output = Result<Gathered, EmitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}

impl Future for Found {
    type Output = Vec<Id>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}

/// Where an answer is left for the one who waits for it.
#[derive(Debug)]
pub(crate) struct Slot<T>(Mutex<(Option<T>, Option<Waker>)>);

impl<T> Slot<T> {
    pub(crate) fn empty() -> Self {
        Self(Mutex::new((None, None)))
    }

    fn filled(value: T) -> Self {
        Self(Mutex::new((Some(value), None)))
    }

    /// Leaves the answer; the waker, if any, is to be woken.
    pub(crate) fn fill(&self, value: T) -> Option<Waker> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.0 = Some(value);
        inner.1.take()
    }

    fn poll(&self, context: &Context<'_>) -> Poll<T> {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match inner.0.take() {
            Some(value) => Poll::Ready(value),
            None => {
                inner.1 = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}
