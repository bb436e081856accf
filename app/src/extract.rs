//! What handlers take.

use sansocket::EventMessage;
use serde::de::DeserializeOwned;

use crate::ack::Ack;
use crate::args::{DecodeError, Decoder};
use crate::io::Io;
use crate::socket::Socket;

/// One event on its way into the parameters of a handler.
#[derive(Debug)]
pub struct Call<'a> {
    socket: &'a Socket,
    args: Decoder<'a>,
    ack: &'a mut Option<Ack>,
}

impl<'a> Call<'a> {
    pub(crate) fn new(
        socket: &'a Socket,
        message: &'a EventMessage,
        ack: &'a mut Option<Ack>,
    ) -> Self {
        Self { socket, args: Decoder::new(message.json(), message.attachments()), ack }
    }
}

/// A parameter of a handler.
pub trait Extract: Sized {
    /// Takes it from the event.
    ///
    /// # Errors
    /// When the client's arguments do not fit.
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError>;
}

/// The arguments that no parameter before it took.
#[derive(Clone, Debug)]
pub struct Rest<T>(pub Vec<T>);

impl<T: DeserializeOwned> Extract for T {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        call.args.read_or_missing()
    }
}

impl<T: DeserializeOwned> Extract for Rest<T> {
    fn extract(call: &mut Call<'_>) -> Result<Self, DecodeError> {
        let mut rest = Vec::new();
        while let Some(argument) = call.args.read()? {
            rest.push(argument);
        }
        Ok(Self(rest))
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
        Ok(call.ack.take().unwrap_or_else(|| Self::unwanted(call.socket)))
    }
}
