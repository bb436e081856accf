//! Functions as handlers: plain or async, with any number of parameters.

use sansocket::{EventMessage, Reason};
use std::future::Future;
use std::sync::Arc;

use crate::ack::Ack;
use crate::error::Cause;
use crate::extract::{Call, Extract};
use crate::reply::{IntoAdmission, IntoReply, Refusal};
use crate::runtime::BoxFuture;
use crate::socket::Socket;

/// The outcome of a handler, or the rest of its way there.
pub(crate) enum Progress<T> {
    Done(T),
    Pending(BoxFuture<T>),
}

pub(crate) type Outcome = Result<(), Cause>;

/// A handler of events with its parameters forgotten.
pub(crate) type EventHandler =
    Arc<dyn Fn(&Socket, EventMessage, Option<Ack>) -> Progress<Outcome> + Send + Sync>;
pub(crate) type ConnectFn = Arc<dyn Fn(Socket) -> Progress<Result<(), Refusal>> + Send + Sync>;
pub(crate) type DisconnectFn =
    Arc<dyn Fn(Socket, Reason, Vec<Arc<str>>) -> Progress<Outcome> + Send + Sync>;

/// A function that handles an event. `M` only tells the forms of functions apart.
pub trait Handler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, socket: &Socket, message: EventMessage, ack: Option<Ack>) -> Progress<Outcome>;
}

/// A function that decides whether a client may join: takes the [`Socket`], returns
/// [`IntoAdmission`], plain or async.
pub trait ConnectHandler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, socket: Socket) -> Progress<Result<(), Refusal>>;
}

/// A function that hears of a client's leaving: takes the [`Socket`] and, if it likes, the
/// [`Reason`] and the names of the rooms the client was in.
pub trait DisconnectHandler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, socket: Socket, reason: Reason, rooms: Vec<Arc<str>>) -> Progress<Outcome>;
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
            fn call(
                &self,
                socket: &Socket,
                message: EventMessage,
                mut ack: Option<Ack>,
            ) -> Progress<Outcome> {
                let mut call = Call::new(socket, &message, &mut ack);
                let _ = &mut call;
                $(let $T = match $T::extract(&mut call) {
                    Ok(value) => value,
                    Err(error) => return Progress::Done(Err(Cause::Arguments(error))),
                };)*
                Progress::Done(self($($T),*).reply(ack))
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
            fn call(
                &self,
                socket: &Socket,
                message: EventMessage,
                mut ack: Option<Ack>,
            ) -> Progress<Outcome> {
                let mut call = Call::new(socket, &message, &mut ack);
                let _ = &mut call;
                $(let $T = match $T::extract(&mut call) {
                    Ok(value) => value,
                    Err(error) => return Progress::Done(Err(Cause::Arguments(error))),
                };)*
                let future = self($($T),*);
                Progress::Pending(Box::pin(async move { future.await.reply(ack) }))
            }
        }
    };
}
handlers!();
handlers!(A);
handlers!(A B);
handlers!(A B C);
handlers!(A B C D);
handlers!(A B C D E);
handlers!(A B C D E G);
handlers!(A B C D E G H);
handlers!(A B C D E G H I);

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, R> Handler<(Raw, R)> for F
where
    F: Fn(Socket, EventMessage) -> R + Send + Sync + 'static,
    R: IntoReply + 'static,
{
    fn call(&self, socket: &Socket, message: EventMessage, ack: Option<Ack>) -> Progress<Outcome> {
        Progress::Done(self(socket.clone(), message).reply(ack))
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, R> Handler<(Raw, Ack, R)> for F
where
    F: Fn(Socket, EventMessage, Ack) -> R + Send + Sync + 'static,
    R: IntoReply + 'static,
{
    fn call(&self, socket: &Socket, message: EventMessage, ack: Option<Ack>) -> Progress<Outcome> {
        let ack = ack.unwrap_or_else(|| Ack::unwanted(socket));
        Progress::Done(self(socket.clone(), message, ack).reply(None))
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, R> ConnectHandler<(Plain, R)> for F
where
    F: Fn(Socket) -> R + Send + Sync + 'static,
    R: IntoAdmission,
{
    fn call(&self, socket: Socket) -> Progress<Result<(), Refusal>> {
        Progress::Done(self(socket).into_admission())
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, U> ConnectHandler<(Async, U)> for F
where
    F: Fn(Socket) -> U + Send + Sync + 'static,
    U: Future<Output: IntoAdmission> + Send + 'static,
{
    fn call(&self, socket: Socket) -> Progress<Result<(), Refusal>> {
        let future = self(socket);
        Progress::Pending(Box::pin(async move { future.await.into_admission() }))
    }
}

macro_rules! disconnect_handlers {
    ($socket:ident, $reason:ident, $rooms:ident => $($name:ident: $type:ty),*) => {
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        impl<F, R> DisconnectHandler<(Plain, R, $($type),*)> for F
        where
            F: Fn($($type),*) -> R + Send + Sync + 'static,
            R: IntoReply,
        {
            fn call(&self, $socket: Socket, $reason: Reason, $rooms: Vec<Arc<str>>) -> Progress<Outcome> {
                Progress::Done(self($($name),*).reply(None))
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        impl<F, U> DisconnectHandler<(Async, U, $($type),*)> for F
        where
            F: Fn($($type),*) -> U + Send + Sync + 'static,
            U: Future<Output: IntoReply> + Send + 'static,
        {
            fn call(&self, $socket: Socket, $reason: Reason, $rooms: Vec<Arc<str>>) -> Progress<Outcome> {
                let future = self($($name),*);
                Progress::Pending(Box::pin(async move { future.await.reply(None) }))
            }
        }
    };
}
disconnect_handlers!(socket, _reason, _rooms => socket: Socket);
disconnect_handlers!(socket, reason, _rooms => socket: Socket, reason: Reason);
disconnect_handlers!(socket, reason, rooms => socket: Socket, reason: Reason, rooms: Vec<Arc<str>>);
