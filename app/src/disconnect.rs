//! Functions that hear of clients' leaving.

use sansocket::Reason;
use std::future::Future;
use std::sync::Arc;

use crate::handler::{Async, Outcome, Plain, Progress};
use crate::io::Io;
use crate::reply::IntoReply;
use crate::socket::Socket;
use crate::state::{Needs, State};

pub(crate) type DisconnectFn = Arc<dyn Fn(Departure<'_>) -> Progress<Outcome> + Send + Sync>;

/// A client that has left a namespace.
#[derive(Debug)]
pub struct Departure<'a> {
    pub(crate) socket: &'a Socket,
    pub(crate) reason: Reason,
    pub(crate) rooms: &'a [Arc<str>],
}

/// A parameter of a disconnect handler: [`Socket`], [`Reason`], the names of the rooms the client was
/// in as `Vec<Arc<str>>`, [`Io`] or [`State`], in any order.
pub trait FromDeparture: Sized {
    /// Takes it from what is known of the client.
    fn from_departure(departure: &Departure<'_>) -> Self;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

/// A function that hears of a client's leaving, plain or async, with parameters that are
/// [`FromDeparture`].
pub trait DisconnectHandler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, departure: Departure<'_>) -> Progress<Outcome>;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

impl FromDeparture for Socket {
    fn from_departure(departure: &Departure<'_>) -> Self {
        departure.socket.clone()
    }
}

impl FromDeparture for Io {
    fn from_departure(departure: &Departure<'_>) -> Self {
        departure.socket.io()
    }
}

impl FromDeparture for Reason {
    fn from_departure(departure: &Departure<'_>) -> Self {
        departure.reason
    }
}

impl FromDeparture for Vec<Arc<str>> {
    fn from_departure(departure: &Departure<'_>) -> Self {
        departure.rooms.to_vec()
    }
}

impl<T: Send + Sync + 'static> FromDeparture for State<T> {
    fn from_departure(departure: &Departure<'_>) -> Self {
        Self::of(departure.socket)
    }

    fn needs(needs: &mut Needs) {
        needs.add::<T>();
    }
}

/// Repeats something for the numbers of parameters that make sense here.
macro_rules! each_few {
    ($macro:ident) => {
        $macro!();
        $macro!(A);
        $macro!(A B);
        $macro!(A B D);
        $macro!(A B D E);
        $macro!(A B D E G);
    };
}
pub(crate) use each_few;

macro_rules! disconnect_handlers {
    ($($T:ident)*) => {
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        impl<F, R, $($T),*> DisconnectHandler<(Plain, R, $($T,)*)> for F
        where
            F: Fn($($T),*) -> R + Send + Sync + 'static,
            R: IntoReply,
            $($T: FromDeparture,)*
        {
            fn call(&self, _departure: Departure<'_>) -> Progress<Outcome> {
                Progress::replied(self($($T::from_departure(&_departure)),*).reply(None))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        impl<F, U, $($T),*> DisconnectHandler<(Async, U, $($T,)*)> for F
        where
            F: Fn($($T),*) -> U + Send + Sync + 'static,
            U: Future<Output: IntoReply> + Send + 'static,
            $($T: FromDeparture,)*
        {
            fn call(&self, _departure: Departure<'_>) -> Progress<Outcome> {
                let future = self($($T::from_departure(&_departure)),*);
                Progress::later(async move { future.await.reply(None) })
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }
    };
}
each_few!(disconnect_handlers);
