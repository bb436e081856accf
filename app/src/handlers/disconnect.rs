//! Functions that handle the disconnects of clients.

use sansocket::Reason;
use std::sync::Arc;

use crate::handlers::function::{Answer, Kind, Settle, each_arity};
use crate::handlers::handler::{Handled, Progress};
use crate::handlers::needs::Needs;
use crate::handlers::state::State;
use crate::sockets::answers::ack::Ack;
use crate::sockets::io::Io;
use crate::sockets::session::Session;
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;

pub(crate) type DisconnectFn<S> = Arc<dyn Fn(Departure<'_, S>) -> Progress<Handled> + Send + Sync>;

/// A client that has left a namespace, as its end of a [side](Side) sees it.
#[derive(Debug)]
pub struct Departure<'a, S: Side = Socket> {
    pub(crate) socket: &'a S,
    pub(crate) reason: S::Reason,
    /// Known to the server only.
    pub(crate) rooms: &'a [Arc<str>],
}

/// A parameter of a disconnect handler: [`Socket`], [`Reason`], the names of the rooms the client was
/// in as `Vec<Arc<str>>`, [`Session`], [`Io`] or [`State`], in any order. `S` is the [side](Side) of the
/// handler: that of a client knows neither rooms nor [`Session`] nor [`Io`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a disconnect handler",
    label = "this handler has a parameter of the type `{Self}`",
    note = "it takes `Socket`, `Reason`, the rooms as `Vec<Arc<str>>`, `Session<T>`, `Io` and `State<T>`, by value and in any order"
)]
pub trait FromDeparture<S: Side = Socket>: Sized {
    /// Takes it from the facts known of the client.
    fn from_departure(departure: &Departure<'_, S>) -> Self;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

/// A [`Handler`](crate::Handler) of the departure of a client: its parameters are
/// [`FromDeparture`], and it returns [`IntoReply`](crate::IntoReply) or a future of that, of which only
/// an `Err` is looked at.
///
/// `P` and `R` are those of the function, and `S` is the [side](Side) it serves. `K` only tells the forms of
/// functions apart.
pub trait DisconnectHandler<P, R, K, S: Side = Socket>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, departure: Departure<'_, S>) -> Progress<Handled>;

    #[doc(hidden)]
    fn needs(needs: &mut Needs);
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

impl<S: Side<Reason = Self>> FromDeparture<S> for Reason {
    fn from_departure(departure: &Departure<'_, S>) -> Self {
        departure.reason
    }
}

impl FromDeparture for Vec<Arc<str>> {
    fn from_departure(departure: &Departure<'_>) -> Self {
        departure.rooms.to_vec()
    }
}

impl<T: Send + 'static> FromDeparture for Session<T> {
    fn from_departure(departure: &Departure<'_>) -> Self {
        Self::of(departure.socket.clone())
    }
}

impl<T: Send + Sync + 'static, S: Side> FromDeparture<S> for State<T> {
    fn from_departure(departure: &Departure<'_, S>) -> Self {
        Self::of(departure.socket)
    }

    fn needs(needs: &mut Needs) {
        needs.state::<T>();
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, P, R, K, S> DisconnectHandler<P, R, K, S> for F
where
    F: Send + Sync + 'static,
    S: Side,
    P: Departing<S>,
    R: Answer<K>,
    K: Settle<R>,
    K: Kind<F, P, R>,
{
    fn call(&self, departure: Departure<'_, S>) -> Progress<Handled> {
        K::settle(K::call(self, P::from_departure(&departure)), || None::<Ack<S>>)
    }

    fn needs(needs: &mut Needs) {
        P::needs(needs);
    }
}

/// The parameters of a disconnect handler as a tuple.
#[doc(hidden)]
pub trait Departing<S: Side = Socket>: Sized {
    fn from_departure(departure: &Departure<'_, S>) -> Self;

    fn needs(needs: &mut Needs);
}

macro_rules! departing {
    ($($T:ident)*) => {
        impl<S: Side, $($T: FromDeparture<S>),*> Departing<S> for ($($T,)*) {
            #[allow(clippy::unused_unit, reason = "what is known of no parameters")]
            fn from_departure(_departure: &Departure<'_, S>) -> Self {
                ($($T::from_departure(_departure),)*)
            }

            fn needs(_needs: &mut Needs) {
                $(<$T as FromDeparture<S>>::needs(_needs);)*
            }
        }
    };
}
each_arity!(departing);
