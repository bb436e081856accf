//! Functions as handlers of events: plain or async, with any number of parameters.

use sansocket::EventMessage;
use std::sync::Arc;

use crate::handlers::extract::{Incoming, Parameters};
use crate::handlers::function::{Answer, Kind, Settle};
use crate::handlers::needs::Needs;
use crate::runtime::BoxFuture;
use crate::sockets::answers::ack::Ack;
use crate::sockets::error::Cause;
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;

/// The outcome of a handler, or the rest of its way there.
pub(crate) enum Progress<T> {
    Done(T),
    Pending(BoxFuture<T>),
}

/// The cause is in a box: there is mostly none, and every handler returns room for it.
pub(crate) type Handled = Result<(), Box<Cause>>;

/// An event on its way to a handler of a [side](Side).
#[derive(Debug)]
pub struct Delivery<'a, S: Side = Socket> {
    pub(crate) socket: &'a S,
    /// There until a handler takes it as a whole.
    pub(crate) message: &'a mut Option<EventMessage>,
    /// There until a handler takes it, when the client waits for an acknowledgement.
    pub(crate) token: &'a mut Option<S::Token>,
    /// What became of it, when that is not just done.
    pub(crate) rest: Option<Progress<Handled>>,
}

/// A handler of events with its parameters forgotten.
pub(crate) type EventFn<S> = Arc<dyn Fn(&mut Delivery<'_, S>) + Send + Sync>;

/// A [`Handler`](crate::Handler) of events: its parameters are [`Extract`](crate::Extract), and it returns
/// [`IntoReply`](crate::IntoReply) or a future of that.
///
/// `P` and `R` are those of the function, and `S` is the [side](Side) whose events it handles. `K` only
/// tells the forms of functions apart.
pub trait EventHandler<P, R, K, S: Side = Socket>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, delivery: &mut Delivery<'_, S>) -> Progress<Handled>;

    #[doc(hidden)]
    fn needs(needs: &mut Needs);
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, P, R, V, K, S> EventHandler<P, R, (V, K), S> for F
where
    F: Send + Sync + 'static,
    S: Side,
    P: Taken<V, S>,
    R: Answer<K>,
    K: Settle<R>,
    K: Kind<F, P, R>,
{
    #[inline(always)]
    fn call(&self, delivery: &mut Delivery<'_, S>) -> Progress<Handled> {
        match P::take(delivery) {
            Ok(parameters) => K::settle(K::call(self, parameters), || delivery.owed()),
            Err(cause) => Progress::Done(Err(cause)),
        }
    }

    fn needs(needs: &mut Needs) {
        P::needs(needs);
    }
}

/// The parameters of a handler, taken from an event. `V` tells the two ways apart.
#[doc(hidden)]
pub trait Taken<V, S: Side = Socket>: Sized {
    fn take(delivery: &mut Delivery<'_, S>) -> Result<Self, Box<Cause>>;

    fn needs(_: &mut Needs) {}
}

/// Decoded, one by one.
#[doc(hidden)]
#[derive(Debug)]
pub struct Decoded;

/// The message as it came.
#[doc(hidden)]
#[derive(Debug)]
pub struct Raw;

impl<P: Parameters<S>, S: Side> Taken<Decoded, S> for P {
    #[inline(always)]
    fn take(delivery: &mut Delivery<'_, S>) -> Result<Self, Box<Cause>> {
        P::extract(&mut Incoming::new(delivery)).map_err(Into::into)
    }

    fn needs(needs: &mut Needs) {
        P::needs(needs);
    }
}

impl<S: Side> Taken<Raw, S> for (S, EventMessage) {
    fn take(delivery: &mut Delivery<'_, S>) -> Result<Self, Box<Cause>> {
        Ok((delivery.socket.clone(), delivery.take_message()))
    }
}

impl<S: Side> Taken<Raw, S> for (S, EventMessage, Ack<S>) {
    fn take(delivery: &mut Delivery<'_, S>) -> Result<Self, Box<Cause>> {
        let (message, token) = (delivery.take_message(), delivery.token.take());
        Ok((delivery.socket.clone(), message, Ack::new(delivery.socket, token)))
    }
}

impl<S: Side> Delivery<'_, S> {
    /// Notes how far a handler came. Mostly it is done, which needs no note.
    #[inline(always)]
    pub(crate) fn came(&mut self, progress: Progress<Handled>) {
        if !matches!(progress, Progress::Done(Ok(()))) {
            self.rest = Some(progress);
        }
    }

    fn take_message(&mut self) -> EventMessage {
        self.message.take().expect("only the handler takes it")
    }

    /// The acknowledgement that is still to be given.
    fn owed(&mut self) -> Option<Ack<S>> {
        self.token.take().map(|token| Ack::new(self.socket, Some(token)))
    }
}

impl<T> std::fmt::Debug for Progress<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Done(_) => "Done",
            Self::Pending(_) => "Pending",
        })
    }
}
