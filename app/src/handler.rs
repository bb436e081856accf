//! Functions as handlers of events: plain or async, with any number of parameters.

use sansocket::{AckToken, EventMessage};
use std::future::Future;
use std::sync::Arc;

use crate::ack::Ack;
use crate::error::Cause;
use crate::extract::{Call, Extract};
use crate::order::Order;
use crate::reply::IntoReply;
use crate::runtime::BoxFuture;
use crate::socket::Socket;
use crate::state::Needs;

/// The outcome of a handler, or the rest of its way there.
pub(crate) enum Progress<T> {
    Done(T),
    Pending(BoxFuture<T>),
}

/// The cause is in a box: there is mostly none, and every handler returns room for it.
pub(crate) type Outcome = Result<(), Box<Cause>>;

/// An event on its way to a handler.
pub(crate) struct Delivery<'a> {
    pub(crate) socket: &'a Socket,
    /// There until a handler takes it as a whole.
    pub(crate) message: &'a mut Option<EventMessage>,
    /// There until a handler takes it, when the client waits for an acknowledgement.
    pub(crate) token: &'a mut Option<AckToken>,
    /// What became of it, when that is not just done.
    pub(crate) rest: Option<Progress<Outcome>>,
}

/// A handler of events with its parameters forgotten.
pub(crate) type EventHandler = Arc<dyn Fn(&mut Delivery<'_>) + Send + Sync>;

/// A function that handles an event. `M` only tells the forms of functions apart.
pub trait Handler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, delivery: &mut Delivery<'_>) -> Progress<Outcome>;

    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn order() -> Order {
        Order::Inline
    }

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

impl Progress<Outcome> {
    #[inline]
    pub(crate) fn replied(reply: Result<(), Cause>) -> Self {
        Self::Done(reply.map_err(Box::new))
    }

    pub(crate) fn later(reply: impl Future<Output = Result<(), Cause>> + Send + 'static) -> Self {
        Self::Pending(Box::pin(async move { reply.await.map_err(Box::new) }))
    }
}

#[doc(hidden)]
#[derive(Debug)]
pub struct Plain;
#[doc(hidden)]
#[derive(Debug)]
pub struct Async;
#[doc(hidden)]
#[derive(Debug)]
pub struct Raw;

impl Delivery<'_> {
    /// Notes how far a handler came. Mostly it is done, which needs no note.
    #[inline(always)]
    pub(crate) fn came(&mut self, progress: Progress<Outcome>) {
        if !matches!(progress, Progress::Done(Ok(()))) {
            self.rest = Some(progress);
        }
    }

    fn take_message(&mut self) -> EventMessage {
        self.message.take().expect("only the handler takes it")
    }

    fn take_ack(&mut self) -> Ack {
        Ack::new(self.socket, self.token.take())
    }

    /// The acknowledgement that is still to be given.
    pub(crate) fn owed(&mut self) -> Option<Ack> {
        self.token.take().map(|token| Ack::new(self.socket, Some(token)))
    }
}

/// Takes the parameters from a call, or ends the handler with what does not fit.
macro_rules! take {
    ($call:ident: $($T:ident)*) => {
        let _ = &mut $call;
        $(let $T = match $T::extract(&mut $call) {
            Ok(value) => value,
            Err(error) => return Progress::Done(Err(error.into())),
        };)*
    };
}
pub(crate) use take;

/// Repeats something for every number of parameters.
macro_rules! each_arity {
    ($macro:ident) => {
        $macro!();
        $macro!(A);
        $macro!(A B);
        $macro!(A B D);
        $macro!(A B D E);
        $macro!(A B D E G);
        $macro!(A B D E G H);
        $macro!(A B D E G H I);
        $macro!(A B D E G H I J);
    };
}
pub(crate) use each_arity;

macro_rules! handlers {
    ($($T:ident)*) => {
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<F, R, $($T),*> Handler<(Plain, R, $($T,)*)> for F
        where
            F: Fn($($T),*) -> R + Send + Sync + 'static,
            R: IntoReply + 'static,
            $($T: Extract + 'static,)*
        {
            fn call(&self, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
                let mut call = Call::new(delivery);
                take!(call: $($T)*);
                Progress::replied(self($($T),*).reply(delivery.owed()))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<F, U, $($T),*> Handler<(Async, U, $($T,)*)> for F
        where
            F: Fn($($T),*) -> U + Send + Sync + 'static,
            U: Future<Output: IntoReply> + Send + 'static,
            $($T: Extract + 'static,)*
        {
            fn call(&self, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
                let mut call = Call::new(delivery);
                take!(call: $($T)*);
                let (future, ack) = (self($($T),*), delivery.owed());
                Progress::later(async move { future.await.reply(ack) })
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }
    };
}
each_arity!(handlers);

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, R> Handler<(Raw, R)> for F
where
    F: Fn(Socket, EventMessage) -> R + Send + Sync + 'static,
    R: IntoReply + 'static,
{
    fn call(&self, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
        let message = delivery.take_message();
        Progress::replied(self(delivery.socket.clone(), message).reply(delivery.owed()))
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, R> Handler<(Raw, Ack, R)> for F
where
    F: Fn(Socket, EventMessage, Ack) -> R + Send + Sync + 'static,
    R: IntoReply + 'static,
{
    fn call(&self, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
        let (message, ack) = (delivery.take_message(), delivery.take_ack());
        Progress::replied(self(delivery.socket.clone(), message, ack).reply(None))
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, U> Handler<(Raw, Async, U)> for F
where
    F: Fn(Socket, EventMessage) -> U + Send + Sync + 'static,
    U: Future<Output: IntoReply> + Send + 'static,
{
    fn call(&self, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
        let message = delivery.take_message();
        let (future, ack) = (self(delivery.socket.clone(), message), delivery.owed());
        Progress::later(async move { future.await.reply(ack) })
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, U> Handler<(Raw, Async, Ack, U)> for F
where
    F: Fn(Socket, EventMessage, Ack) -> U + Send + Sync + 'static,
    U: Future<Output: IntoReply> + Send + 'static,
{
    fn call(&self, delivery: &mut Delivery<'_>) -> Progress<Outcome> {
        let (message, ack) = (delivery.take_message(), delivery.take_ack());
        let future = self(delivery.socket.clone(), message, ack);
        Progress::later(async move { future.await.reply(None) })
    }
}
