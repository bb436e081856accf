//! What handlers return.

use bytes::Bytes;
use sansocket::{Args, ArgsRef};
use serde::Serialize;
use serde_json::value::RawValue;
use std::fmt;

use crate::ack::Ack;
use crate::error::{BoxError, Cause};

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
pub trait IntoReply {
    /// Sends it, if the client waits for an acknowledgement.
    ///
    /// # Errors
    /// What the error handler will see.
    fn reply(self, ack: Option<Ack>) -> Result<(), Cause>;
}

/// One argument of a type of yours.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// Sends no acknowledgement, even when the client asked for one.
#[derive(Clone, Copy, Debug)]
pub struct NoReply;

impl IntoReply for () {
    fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
        if let Some(ack) = ack {
            ack.send_raw(ArgsRef::NONE);
        }
        Ok(())
    }
}

impl IntoReply for NoReply {
    fn reply(self, _: Option<Ack>) -> Result<(), Cause> {
        Ok(())
    }
}

impl IntoReply for Args {
    fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
        if let Some(ack) = ack {
            ack.send_raw(self.as_ref());
        }
        Ok(())
    }
}

impl<T: Serialize> IntoReply for Json<T> {
    fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
        send(ack, &(self.0,))
    }
}

impl<T: IntoReply, E: Into<BoxError>> IntoReply for Result<T, E> {
    fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
        match self {
            Ok(reply) => reply.reply(ack),
            Err(error) => Err(Cause::Returned(error.into())),
        }
    }
}

macro_rules! one_argument {
    ($($type:ty),* $(,)?) => {$(
        impl IntoReply for $type {
            fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
                send(ack, &(self,))
            }
        }
    )*};
}
one_argument!(bool, char, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64);
one_argument!(String, &'static str, Bytes, serde_json::Value);

impl<T: Serialize> IntoReply for Option<T> {
    fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
        send(ack, &(self,))
    }
}

impl<T: Serialize> IntoReply for Vec<T> {
    fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
        send(ack, &(self,))
    }
}

macro_rules! arguments {
    ($($T:ident)+) => {
        impl<$($T: Serialize),+> IntoReply for ($($T,)+) {
            fn reply(self, ack: Option<Ack>) -> Result<(), Cause> {
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

fn send(ack: Option<Ack>, args: &impl Serialize) -> Result<(), Cause> {
    match ack {
        Some(ack) => ack.send(args).map_err(Cause::Reply),
        None => Ok(()),
    }
}

/// Why a client was not let into a namespace; its `connect_error` receives message and data.
#[derive(Clone, Debug)]
pub struct Refusal {
    message: String,
    data: Option<Box<RawValue>>,
}

impl Refusal {
    /// Makes a refusal that says why.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None }
    }

    /// Adds data for the client's code.
    ///
    /// # Panics
    /// When `data` has no JSON form, such as a map whose keys are not strings.
    #[must_use]
    pub fn with_data(mut self, data: &impl Serialize) -> Self {
        let data = serde_json::value::to_raw_value(data);
        self.data = Some(data.expect("the data of a refusal has a JSON form"));
        self
    }

    /// Returns what the client is told.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// The object that CONNECT_ERROR carries.
    pub(crate) fn to_json(&self) -> String {
        let message = serde_json::Value::from(self.message.as_str());
        match &self.data {
            None => format!("{{\"message\":{message}}}"),
            Some(data) => format!("{{\"message\":{message},\"data\":{data}}}"),
        }
    }
}

impl Default for Refusal {
    fn default() -> Self {
        Self::new("Connection rejected by server")
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Refusal {}

impl From<()> for Refusal {
    fn from((): ()) -> Self {
        Self::default()
    }
}

/// Message and data.
impl<M: Into<String>, A: Serialize> From<(M, A)> for Refusal {
    fn from((message, data): (M, A)) -> Self {
        Self::new(message).with_data(&data)
    }
}

/// Message and two pieces of data, which become an array.
impl<M: Into<String>, A: Serialize, B: Serialize> From<(M, A, B)> for Refusal {
    fn from((message, first, second): (M, A, B)) -> Self {
        Self::new(message).with_data(&(first, second))
    }
}

impl From<&str> for Refusal {
    fn from(message: &str) -> Self {
        Self::new(message)
    }
}

impl From<String> for Refusal {
    fn from(message: String) -> Self {
        Self::new(message)
    }
}

/// What a connect handler may return: `()`, `false` to refuse, or `Result<(), E>` with a reason: a
/// [`Refusal`], a message, or a tuple of message and data.
pub trait IntoAdmission {
    /// Turns it into the decision.
    ///
    /// # Errors
    /// Why the client is refused.
    fn into_admission(self) -> Result<(), Refusal>;
}

impl IntoAdmission for () {
    fn into_admission(self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl IntoAdmission for bool {
    fn into_admission(self) -> Result<(), Refusal> {
        if self { Ok(()) } else { Err(Refusal::default()) }
    }
}

impl<E: Into<Refusal>> IntoAdmission for Result<(), E> {
    fn into_admission(self) -> Result<(), Refusal> {
        self.map_err(Into::into)
    }
}
