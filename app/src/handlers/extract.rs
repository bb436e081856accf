//! What handlers take.

use sansocket::{Args, ArgsRef, EventMessage};
use serde::de::DeserializeOwned;
use std::ops::Deref;

use crate::args::{self, DecodeError, Decoder, EncodeError, IntoArgs, Sealed};
use crate::handlers::function::each_arity;
use crate::handlers::handler::Delivery;
use crate::handlers::needs::Needs;
use crate::handlers::state::State;
use crate::sockets::answers::ack::Ack;
use crate::sockets::io::Io;
use crate::sockets::session::Session;
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;

/// One event, or one client that wants to join, on its way into the parameters of a handler.
#[derive(Debug)]
pub struct Incoming<'a, S: Side = Socket> {
    socket: &'a S,
    /// None where a client wants to join.
    message: Option<&'a EventMessage>,
    args: Decoder<'a>,
    token: &'a mut Option<S::Token>,
}

impl<'a, S: Side> Incoming<'a, S> {
    /// An event that no parameter took as a whole.
    #[inline]
    pub(crate) fn new(delivery: &'a mut Delivery<'_, S>) -> Self {
        let message = delivery.message.as_ref().expect("only the handler takes it");
        let args = Decoder::new(message.json(), message.attachments());
        Self { socket: delivery.socket, message: Some(message), args, token: delivery.token }
    }

    /// A client that joins; the payload that came with it, if any, is the one argument.
    pub(crate) fn connect(
        socket: &'a S,
        payload: &'a str,
        token: &'a mut Option<S::Token>,
    ) -> Self {
        Self { socket, message: None, args: Decoder::new(payload, &[]), token }
    }

    /// The socket whose event it is.
    pub(crate) fn socket(&self) -> &'a S {
        self.socket
    }

    /// Reads the auth payload of a client that sent none, as [`Auth`] does.
    #[cold]
    fn without_auth<T: DeserializeOwned>(&self, error: DecodeError) -> Result<T, DecodeError> {
        match (self.message, &error) {
            (None, DecodeError::Missing { .. }) => args::parse_object(None),
            (None, DecodeError::Argument { .. } | DecodeError::Arguments { .. }) | (Some(_), _) => {
                Err(error)
            }
        }
    }
}

/// A parameter of a handler: an argument of the event, or a fact about the client. `S` is the [side](Side) of
/// the handler.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a handler",
    label = "this handler has a parameter of the type `{Self}`",
    note = "the type of an argument is `serde::Deserialize`: derive it for your own type",
    note = "parameters are taken by value: `State<T>` instead of `&State<T>`, `String` instead of `&str`",
    note = "`EventMessage` is taken as `(Socket, EventMessage)` or `(Socket, EventMessage, Ack)` only"
)]
pub trait Extract<S: Side = Socket>: Sized {
    /// Takes it from the event.
    ///
    /// # Errors
    /// When the client's arguments do not fit.
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError>;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

/// The parameters of a function as a tuple.
#[doc(hidden)]
pub trait Parameters<S: Side = Socket>: Sized {
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError>;

    fn needs(needs: &mut Needs);
}

macro_rules! parameters {
    ($($T:ident)*) => {
        impl<S: Side, $($T: Extract<S>),*> Parameters<S> for ($($T,)*) {
            #[inline(always)]
            fn extract(_incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError> {
                Ok(($($T::extract(_incoming)?,)*))
            }

            fn needs(_needs: &mut Needs) {
                $(<$T as Extract<S>>::needs(_needs);)*
            }
        }
    };
}
each_arity!(parameters);

/// The arguments that no parameter before it took.
#[derive(Clone, Debug)]
pub struct Rest<T>(pub Vec<T>);

/// The same as they came, binary included: `emit` passes them on ([`IntoArgs`]).
#[derive(Clone, Debug)]
pub struct RawRest(pub Args);

impl IntoArgs for RawRest {
    #[inline]
    fn lend<R, E: From<EncodeError>>(
        self,
        act: impl FnOnce(ArgsRef<'_>) -> Result<R, E>,
        sealed: Sealed,
    ) -> Result<R, E> {
        self.0.lend(act, sealed)
    }
}

/// The auth payload the client joined the namespace with, as [`Socket::auth`] reads it.
#[derive(Clone, Debug)]
pub struct Auth<T>(pub T);

/// The name of the event, for handlers of several.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub struct EventName(pub Box<str>);

impl Deref for EventName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

#[diagnostic::do_not_recommend]
impl<T: DeserializeOwned, S: Side> Extract<S> for T {
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError> {
        match incoming.args.take() {
            Err(error) => incoming.without_auth(error),
            read => read,
        }
    }

    fn needs(needs: &mut Needs) {
        needs.argument::<T>();
    }
}

impl<T: DeserializeOwned, S: Side> Extract<S> for Rest<T> {
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError> {
        incoming.args.take_each().map(Self)
    }

    fn needs(needs: &mut Needs) {
        needs.rest();
    }
}

impl<S: Side> Extract<S> for RawRest {
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError> {
        incoming.args.take_rest().map(Self)
    }

    fn needs(needs: &mut Needs) {
        needs.rest();
    }
}

impl<T: DeserializeOwned> Extract for Auth<T> {
    fn extract(incoming: &mut Incoming<'_>) -> Result<Self, DecodeError> {
        incoming.socket.auth().map(Self)
    }
}

impl<S: Side> Extract<S> for EventName {
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError> {
        Ok(Self(incoming.message.map_or("connect", EventMessage::name).into()))
    }
}

impl Extract for Socket {
    fn extract(incoming: &mut Incoming<'_>) -> Result<Self, DecodeError> {
        Ok(incoming.socket.clone())
    }
}

impl Extract for Io {
    fn extract(incoming: &mut Incoming<'_>) -> Result<Self, DecodeError> {
        Ok(incoming.socket.io())
    }
}

impl<S: Side> Extract<S> for Ack<S> {
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError> {
        Ok(Self::new(incoming.socket, incoming.token.take()))
    }
}

impl<T: Send + 'static> Extract for Session<T> {
    fn extract(incoming: &mut Incoming<'_>) -> Result<Self, DecodeError> {
        Ok(Self::of(incoming.socket.clone()))
    }
}

impl<T: Send + Sync + 'static, S: Side> Extract<S> for State<T> {
    fn extract(incoming: &mut Incoming<'_, S>) -> Result<Self, DecodeError> {
        Ok(Self::of(incoming.socket))
    }

    fn needs(needs: &mut Needs) {
        needs.state::<T>();
    }
}
