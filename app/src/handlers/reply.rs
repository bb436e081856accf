//! What handlers return.

use bytes::Bytes;
use sansocket::{Args, ArgsRef};
use serde::Serialize;

use crate::args::IntoArgs;
use crate::sockets::answers::ack::Ack;
use crate::sockets::error::{BoxError, Cause};
use crate::sockets::side::Side;

/// What a handler may return.
///
/// | type | acknowledgement |
/// |---|---|
/// | `()` | without arguments |
/// | a tuple | one argument per element |
/// | numbers, `bool`, strings, [`Bytes`], `Option`, `Vec`, [`serde_json::Value`], [`Json`] | one argument |
/// | [`Args`] | as they are |
/// | [`NoReply`] | none |
/// | `Result<T, E>` | that of `T`; an `Err` goes to the error handler, and the client gets none |
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "this handler returns `{Self}`",
    note = "a type that implements `serde::Serialize` is returned as `Json(value)`",
    note = "the error of a `Result` is a `std::error::Error` or a text: with `BoxError`, `?` takes any",
    note = "a tuple is several arguments, `NoReply` is no acknowledgement"
)]
pub trait IntoReply {
    /// Sends it, if the sender of the event waits for an acknowledgement.
    ///
    /// # Errors
    /// What the error handler will see.
    fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause>;
}

/// One argument of a type of the application.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// Sends no acknowledgement, even when the client asked for one.
#[derive(Clone, Copy, Debug)]
pub struct NoReply;

impl IntoReply for () {
    fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
        send(ack, ArgsRef::NONE)
    }
}

impl IntoReply for NoReply {
    fn reply<S: Side>(self, _: Option<Ack<S>>) -> Result<(), Cause> {
        Ok(())
    }
}

impl IntoReply for Args {
    fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
        send(ack, self)
    }
}

impl<T: Serialize> IntoReply for Json<T> {
    fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
        send(ack, &(self.0,))
    }
}

impl<T: IntoReply, E: Into<BoxError>> IntoReply for Result<T, E> {
    fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
        match self {
            Ok(reply) => reply.reply(ack),
            Err(error) => Err(Cause::Returned(error.into())),
        }
    }
}

macro_rules! one_argument {
    ($($type:ty),* $(,)?) => {$(
        impl IntoReply for $type {
            fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
                send(ack, &(self,))
            }
        }
    )*};
}
one_argument!(bool, char, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64);
one_argument!(String, &'static str, Bytes, serde_json::Value);

impl<T: Serialize> IntoReply for Option<T> {
    fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
        send(ack, &(self,))
    }
}

impl<T: Serialize> IntoReply for Vec<T> {
    fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
        send(ack, &(self,))
    }
}

macro_rules! arguments {
    ($($T:ident)+) => {
        impl<$($T: Serialize),+> IntoReply for ($($T,)+) {
            fn reply<S: Side>(self, ack: Option<Ack<S>>) -> Result<(), Cause> {
                send(ack, &self)
            }
        }
    };
}
arguments!(A);
arguments!(A B);
arguments!(A B C);
arguments!(A B C D);
arguments!(A B C D E);
arguments!(A B C D E F);
arguments!(A B C D E F G);
arguments!(A B C D E F G H);

fn send<S: Side>(ack: Option<Ack<S>>, args: impl IntoArgs) -> Result<(), Cause> {
    match ack {
        Some(ack) => ack.send(args).map_err(|error| Cause::Reply(error.into())),
        None => Ok(()),
    }
}
