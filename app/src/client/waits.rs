//! What handles of a client wait for.

use sansocket::client::Refused;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::error::ConnectError;
use super::shared::Shared;
use super::socket::Socket;
use super::state::{Draining, Joining};
use crate::wait::slot::Slot;
use crate::wait::wait;

/// Waits until a namespace is joined: by [`Socket::connect`].
///
/// # Cancel safety
/// Dropping it changes nothing: the client goes on trying as long as it has a handle.
#[derive(Debug)]
#[must_use = "the client connects already; this waits until it is joined, or tells why it is not"]
pub struct Connecting {
    socket: Socket,
    slot: Arc<Slot<Result<(), ConnectError>>>,
    patience: Patience,
}

/// Which failure ends the waiting.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Patience {
    /// The first one.
    First,
    /// One after which the client does not try again.
    Last,
}

impl Connecting {
    /// Joins a namespace, and waits.
    pub(super) fn to(socket: &Socket) -> Self {
        let slot = Arc::new(Slot::empty());
        socket.client().with_after(|state, now, after| {
            let namespace = socket.seat().key;
            let Some(mut handle) = state.core.socket(now, namespace) else { return };
            handle.join();
            if handle.is_joined() {
                after.wakers.extend(slot.fill(Ok(())));
            } else {
                state.joining.push(Joining { namespace, slot: slot.clone() });
            }
        });
        Self { socket: socket.clone(), slot, patience: Patience::First }
    }

    /// Overlooks failures after which the client tries again by itself.
    #[must_use = "futures do nothing unless awaited"]
    pub fn patiently(self) -> Self {
        Self { patience: Patience::Last, ..self }
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to bring the answer.
    ///
    /// # Errors
    /// Why the namespace is not joined.
    pub fn wait(self) -> Result<Socket, ConnectError> {
        wait(self)
    }

    /// Waits for the next attempt after one that failed, if there is one.
    fn again(&self, failure: ConnectError) -> Arc<Slot<Result<(), ConnectError>>> {
        let slot = Arc::new(Slot::empty());
        self.socket.client().with_after(|state, now, after| {
            let namespace = self.socket.seat().key;
            let Some(handle) = state.core.socket(now, namespace) else { return };
            let (is_joined, is_active) = (handle.is_joined(), handle.is_active());
            if is_joined {
                after.wakers.extend(slot.fill(Ok(())));
            } else if !is_active {
                after.wakers.extend(slot.fill(Err(ConnectError::left())));
            } else if state.core.is_idle() {
                // All attempts were over before this one was looked at.
                after.wakers.extend(slot.fill(Err(failure.for_good())));
            } else {
                state.joining.push(Joining { namespace, slot: slot.clone() });
            }
        });
        slot
    }
}

impl Future for Connecting {
    type Output = Result<Socket, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        loop {
            match self.slot.poll(context) {
                Poll::Pending => return Poll::Pending,
                Poll::Ready(Ok(())) => return Poll::Ready(Ok(self.socket.clone())),
                Poll::Ready(Err(error))
                    if self.patience == Patience::Last && error.will_retry() =>
                {
                    self.slot = self.again(error);
                }
                Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
            }
        }
    }
}

/// Waits until nothing is connected and nothing is tried: by [`Manager::closed`](super::Manager::closed) and
/// [`Socket::disconnect`].
///
/// # Cancel safety
/// Dropping it changes nothing.
#[derive(Debug)]
pub struct Closed(Arc<Slot<()>>);

impl Closed {
    pub(super) fn now() -> Self {
        Self(Arc::new(Slot::filled(())))
    }

    pub(super) fn of(client: &Shared) -> Self {
        let slot = Arc::new(Slot::empty());
        client.with(|state, _| state.closed.push(slot.clone()));
        Self(slot)
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to carry the bytes.
    pub fn wait(self) {
        wait(self);
    }
}

impl Future for Closed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll(context)
    }
}

/// Waits until little waits to be sent: by [`Socket::drained`].
///
/// # Cancel safety
/// Dropping it changes nothing.
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Drained(Arc<Slot<Result<(), Refused>>>);

impl Drained {
    pub(super) fn of(socket: &Socket) -> Self {
        let slot = Arc::new(Slot::empty());
        let namespace = socket.seat().key;
        socket.client().with(|state, _| {
            state.draining.push(Draining { namespace, slot: slot.clone() });
        });
        Self(slot)
    }

    /// Waits on this thread; never inside an async handler, whose thread may have to write.
    ///
    /// # Errors
    /// [`Refused::NotJoined`] when events wait for a namespace that was left.
    pub fn wait(self) -> Result<(), Refused> {
        wait(self)
    }
}

impl Future for Drained {
    type Output = Result<(), Refused>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll(context)
    }
}
