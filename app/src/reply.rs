//! What handlers return.

use bytes::Bytes;
use sansocket::Args;
use serde::Serialize;
use serde_json::value::RawValue;

use crate::args::{self, EncodeError};
use crate::error::{BoxError, Cause};

/// The acknowledgement a handler leaves.
#[derive(Debug)]
#[non_exhaustive]
pub enum Reply {
    /// These arguments, if the client asked for an acknowledgement.
    Args(Args),
    /// None now; the handler took the [`Ack`](crate::Ack), or wants none.
    None,
}

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
    /// Turns it into the acknowledgement.
    ///
    /// # Errors
    /// What the error handler will see.
    fn into_reply(self) -> Result<Reply, Cause>;
}

/// One argument of a type of yours.
#[derive(Clone, Copy, Debug)]
pub struct Json<T>(pub T);

/// Sends no acknowledgement, even when the client asked for one.
#[derive(Clone, Copy, Debug)]
pub struct NoReply;

impl IntoReply for () {
    fn into_reply(self) -> Result<Reply, Cause> {
        encode(&self)
    }
}

impl IntoReply for NoReply {
    fn into_reply(self) -> Result<Reply, Cause> {
        Ok(Reply::None)
    }
}

impl IntoReply for Args {
    fn into_reply(self) -> Result<Reply, Cause> {
        Ok(Reply::Args(self))
    }
}

impl<T: Serialize> IntoReply for Json<T> {
    fn into_reply(self) -> Result<Reply, Cause> {
        encode(&(self.0,))
    }
}

impl<T: IntoReply, E: Into<BoxError>> IntoReply for Result<T, E> {
    fn into_reply(self) -> Result<Reply, Cause> {
        match self {
            Ok(reply) => reply.into_reply(),
            Err(error) => Err(Cause::Returned(error.into())),
        }
    }
}

macro_rules! one_argument {
    ($($type:ty),* $(,)?) => {$(
        impl IntoReply for $type {
            fn into_reply(self) -> Result<Reply, Cause> {
                encode(&(self,))
            }
        }
    )*};
}
one_argument!(bool, char, u8, u16, u32, u64, usize, i8, i16, i32, i64, isize, f32, f64);
one_argument!(String, &'static str, Bytes, serde_json::Value);

impl<T: Serialize> IntoReply for Option<T> {
    fn into_reply(self) -> Result<Reply, Cause> {
        encode(&(self,))
    }
}

impl<T: Serialize> IntoReply for Vec<T> {
    fn into_reply(self) -> Result<Reply, Cause> {
        encode(&(self,))
    }
}

macro_rules! arguments {
    ($($T:ident)+) => {
        impl<$($T: Serialize),+> IntoReply for ($($T,)+) {
            fn into_reply(self) -> Result<Reply, Cause> {
                encode(&self)
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

fn encode(value: &impl Serialize) -> Result<Reply, Cause> {
    to_args(value).map(Reply::Args).map_err(Cause::Reply)
}

/// Encodes a value as owned arguments.
pub(crate) fn to_args<T: Serialize + ?Sized>(value: &T) -> Result<Args, EncodeError> {
    let (mut json, mut attachments) = (Vec::new(), Vec::new());
    args::encode(value, &mut json, &mut attachments)?;
    let json = String::from_utf8(json).expect("JSON text is UTF-8");
    Ok(Args::from_json(&json, attachments).expect("arguments are encoded as an array"))
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

    /// The object that CONNECT_ERROR carries.
    pub(crate) fn to_json(&self) -> String {
        let message = serde_json::Value::from(self.message.as_str());
        match &self.data {
            None => format!("{{\"message\":{message}}}"),
            Some(data) => format!("{{\"message\":{message},\"data\":{data}}}"),
        }
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

/// What a connect handler may return: `()`, `false` to refuse, or `Result<(), E>` with a reason.
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
        if self { Ok(()) } else { Err(Refusal::new("Connection rejected by server")) }
    }
}

impl<E: Into<Refusal>> IntoAdmission for Result<(), E> {
    fn into_admission(self) -> Result<(), Refusal> {
        self.map_err(Into::into)
    }
}
