//! What handlers take.

use sansocket::{AckToken, Args, EventMessage};
use serde::de::DeserializeOwned;
use std::ops::Deref;

use crate::ack::Ack;
use crate::args::{DecodeError, Decoder};
use crate::handler::Delivery;
use crate::io::Io;
use crate::socket::Socket;
use crate::state::{Needs, State};

/// One event, or one client that wants to join, on its way into the parameters of a handler.
#[derive(Debug)]
pub struct Call<'a> {
    socket: &'a Socket,
    /// None where a client wants to join.
    message: Option<&'a EventMessage>,
    args: Decoder<'a>,
    token: &'a mut Option<AckToken>,
}

impl<'a> Call<'a> {
    /// An event, which nobody took as a whole.
    #[inline]
    pub(crate) fn new(delivery: &'a mut Delivery<'_>) -> Self {
        let message = delivery.message.as_ref().expect("only the handler takes it");
        let args = Decoder::new(message.json(), message.attachments());
        Self { socket: delivery.socket, message: Some(message), args, token: delivery.token }
    }

    /// A client that wants to join; its auth payload is the one argument, or there is none.
    pub(crate) fn connect(
        socket: &'a Socket,
        auth: &'a str,
        token: &'a mut Option<AckToken>,
    ) -> Self {
        Self { socket, message: None, args: Decoder::new(auth, &[]), token }
    }
}

/// A parameter of a handler.
pub trait Extract: Sized {
    /// Takes it from the event.
    ///
    /// # Errors
    /// When the client's arguments do not fit.
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError>;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

/// The arguments that no parameter before it took.
#[derive(Clone, Debug)]
pub struct Rest<T>(pub Vec<T>);

/// The same as they came, binary included, for what only passes them on with `emit_raw`.
#[derive(Clone, Debug)]
pub struct RawRest(pub Args);

/// The auth payload the client joined the namespace with; `{}` when it sent none.
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

impl<T: DeserializeOwned> Extract for T {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        call.args.take()
    }
}

impl<T: DeserializeOwned> Extract for Rest<T> {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        call.args.take_each().map(Self)
    }
}

impl Extract for RawRest {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        call.args.take_rest().map(Self)
    }
}

impl<T: DeserializeOwned> Extract for Auth<T> {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        call.socket.auth().map(Self)
    }
}

impl Extract for EventName {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        Ok(Self(call.message.map_or("connect", EventMessage::name).into()))
    }
}

impl Extract for Socket {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        Ok(call.socket.clone())
    }
}

impl Extract for Io {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        Ok(call.socket.io())
    }
}

impl Extract for Ack {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        Ok(Self::new(call.socket, call.token.take()))
    }
}

impl<T: Send + Sync + 'static> Extract for State<T> {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        Ok(Self::of(call.socket))
    }

    fn needs(needs: &mut Needs) {
        needs.add::<T>();
    }
}
