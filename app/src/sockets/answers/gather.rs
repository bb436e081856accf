//! Acknowledgements of many clients, all together or one by one.

use futures_core::Stream;
use sansocket::Args;
use serde::de::DeserializeOwned;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::args::{self, DecodeError};
use crate::sockets::error::EmitError;
use crate::wait::wait;

/// Waits for the acknowledgements of many: for all that come in time.
///
/// [`stream`](Self::stream) hands them out one by one instead.
///
/// # Cancel safety
/// Dropping it changes nothing for the clients that were asked; the acknowledgements that came are
/// dropped with it, and those that come later.
#[derive(Debug)]
#[must_use = "the event is sent already; this only waits for its acknowledgements"]
pub struct Gathering(Result<AckStream, EmitError>);

/// The acknowledgements of many, in the order they come.
///
/// It is a [`Stream`], and ends when every client has answered or left, or time is up;
/// [`missing`](Self::missing) tells then how many did not answer.
///
/// # Cancel safety
/// An acknowledgement leaves it only when it is handed out. Dropping it changes nothing for the
/// clients that were asked; the acknowledgements not taken are dropped with it.
#[derive(Debug)]
#[must_use = "the event is sent already; this only waits for its acknowledgements"]
pub struct AckStream(Arc<Tally>);

/// Waits for the next of the [`AckStream`].
///
/// # Cancel safety
/// Nothing is lost when it is dropped: the acknowledgement stays there for the next call.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct NextAck<'a>(&'a mut AckStream);

/// What many clients acknowledged.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Gathered {
    /// The acknowledgements that came, in the order they came.
    pub acks: Vec<Args>,
    /// How many clients were asked and did not answer.
    pub missing: u32,
}

impl Gathering {
    pub(crate) fn new(tally: Arc<Tally>) -> Self {
        Self(Ok(AckStream(tally)))
    }

    pub(crate) fn failed(error: EmitError) -> Self {
        Self(Err(error))
    }

    /// Hands the acknowledgements out as they come.
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent.
    pub fn stream(self) -> Result<AckStream, EmitError> {
        if let Ok(replies) = &self.0 {
            replies.0.lock().wanted = Wanted::Each;
        }
        self.0
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to bring the
    /// answers.
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent.
    pub fn wait(self) -> Result<Gathered, EmitError> {
        wait(self)
    }
}

impl AckStream {
    /// Waits for the next acknowledgement; `None` at the end.
    #[expect(clippy::should_implement_trait, reason = "what it returns is awaited")]
    pub fn next(&mut self) -> NextAck<'_> {
        NextAck(self)
    }

    /// Returns how many clients were asked and did not answer; `None` while some may yet.
    #[must_use]
    pub fn missing(&self) -> Option<u32> {
        self.0.lock().missing
    }
}

impl NextAck<'_> {
    /// Waits on this thread; never inside an async handler, whose thread may have to bring the
    /// answer.
    pub fn wait(self) -> Option<Args> {
        wait(self)
    }
}

impl Gathered {
    /// Reads the acknowledgements, each as `T` by the rules of [`decode`](args::decode).
    ///
    /// # Errors
    /// When one of them does not fit.
    pub fn decode<T: DeserializeOwned>(&self) -> Result<Vec<T>, DecodeError> {
        let read = |args: &Args| args::decode_owned(args.json(), args.attachments());
        self.acks.iter().map(read).collect()
    }
}

impl Future for Gathering {
    type Output = Result<Gathered, EmitError>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match &self.0 {
            Ok(replies) => replies.0.poll_all(context).map(Ok),
            Err(error) => Poll::Ready(Err(error.clone())),
        }
    }
}

impl Stream for AckStream {
    type Item = Args;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Args>> {
        self.0.poll_next(context)
    }
}

impl Future for NextAck<'_> {
    type Output = Option<Args>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Args>> {
        self.0.0.poll_next(context)
    }
}

/// Holds acknowledgements for the future that waits for them.
#[derive(Debug, Default)]
pub(crate) struct Tally(Mutex<Count>);

#[derive(Debug, Default)]
struct Count {
    /// What came and was not taken. Bounded by the clients that were asked.
    acks: VecDeque<Args>,
    /// How many did not answer, once that is known.
    missing: Option<u32>,
    wanted: Wanted,
    waker: Option<Waker>,
}

/// The waker of the waiting task.
#[derive(Debug, Default)]
enum Wanted {
    #[default]
    All,
    Each,
}

impl Tally {
    /// Leaves one answer; the waker, if any, is to be woken.
    pub(crate) fn add(&self, args: Args) -> Option<Waker> {
        let mut count = self.lock();
        count.acks.push_back(args);
        match count.wanted {
            Wanted::All => None,
            Wanted::Each => count.waker.take(),
        }
    }

    /// Notes that no more will come; the waker, if any, is to be woken.
    pub(crate) fn finish(&self, missing: u32) -> Option<Waker> {
        let mut count = self.lock();
        count.missing = Some(missing);
        count.waker.take()
    }

    fn poll_all(&self, context: &Context<'_>) -> Poll<Gathered> {
        let mut count = self.lock();
        let Some(missing) = count.missing else { return count.pend(context) };
        let acks = std::mem::take(&mut count.acks).into();
        Poll::Ready(Gathered { acks, missing })
    }

    fn poll_next(&self, context: &Context<'_>) -> Poll<Option<Args>> {
        let mut count = self.lock();
        match count.acks.pop_front() {
            Some(args) => Poll::Ready(Some(args)),
            None if count.missing.is_some() => Poll::Ready(None),
            None => count.pend(context),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Count> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Count {
    fn pend<T>(&mut self, context: &Context<'_>) -> Poll<T> {
        self.waker = Some(context.waker().clone());
        Poll::Pending
    }
}
