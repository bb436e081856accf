//! Why a client may not join.

use serde::Serialize;
use serde_json::value::RawValue;
use std::error::Error;
use std::fmt;
use std::iter::successors;

use crate::args::{DecodeError, EncodeError};
use crate::sockets::answers::ack::AckError;
use crate::sockets::error::{BoxError, Cause, EmitError};
use sansocket::{Gone, JoinError, Misuse, Refused};

/// Why a client was not let into a namespace; its `connect_error` receives message and data.
///
/// Errors of this crate and [`std::io::Error`] become one by `?`, as with [`internal`](Self::internal).
#[derive(Debug)]
pub struct Refusal {
    message: String,
    data: Option<Box<RawValue>>,
    cause: Option<Box<Cause>>,
}

/// What a client is told that need not know more.
const INTERNAL: &str = "Internal error";

impl Refusal {
    /// Makes a refusal that says why.
    #[must_use]
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), data: None, cause: None }
    }

    /// Makes a refusal for what the client need not know: it is told "Internal error", and the error
    /// handler gets `cause`, as [`Cause::Returned`].
    #[must_use]
    pub fn internal(cause: impl Into<BoxError>) -> Self {
        Self::new(INTERNAL).with_cause(Cause::Returned(cause.into()))
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

    /// Takes the cause for the error handler.
    pub(crate) fn take_cause(&mut self) -> Option<Cause> {
        self.cause.take().map(|cause| *cause)
    }

    fn with_cause(mut self, cause: Cause) -> Self {
        self.cause = Some(Box::new(cause));
        self
    }

    /// What it says, in one that has no cause.
    fn said(&self) -> Self {
        Self { message: self.message.clone(), data: self.data.clone(), cause: None }
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

impl Error for Refusal {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self.cause.as_deref()? {
            Cause::Arguments(error) => Some(error),
            Cause::Middleware(error) | Cause::Reply(error) | Cause::Returned(error) => {
                Some(&**error)
            }
            Cause::Panic(_) => None,
        }
    }
}

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

/// As for a parameter: the client is told what is wrong with its auth payload, but not what else a
/// parameter lacks.
impl From<DecodeError> for Refusal {
    fn from(error: DecodeError) -> Self {
        let told = match &error {
            DecodeError::Argument { .. } | DecodeError::Missing { .. } => {
                Self::new(format!("invalid auth payload: {error}"))
            }
            DecodeError::Arguments { .. } => Self::new(INTERNAL),
        };
        told.with_cause(Cause::Arguments(error))
    }
}

macro_rules! internal {
    ($($error:ty),* $(,)?) => {$(
        impl From<$error> for Refusal {
            fn from(error: $error) -> Self {
                Self::internal(error)
            }
        }
    )*};
}
internal!(AckError, EmitError, EncodeError, Gone, JoinError, Misuse, Refused, std::io::Error);

/// What a connect handler or a middleware may return: `()`, `false` to refuse, or `Result<(), E>`.
///
/// | `E` | the client is told |
/// |---|---|
/// | [`Refusal`], a text, a tuple of text and data, `()` | that |
/// | [`EmitError`] and other errors of this crate, [`std::io::Error`] | "Internal error" |
/// | [`BoxError`], `anyhow::Error` and their like | what a [`Refusal`] inside says, else "Internal error" |
///
/// The error handler gets the cause of an "Internal error", as [`Cause::Returned`]. `M` only
/// tells the forms apart.
#[diagnostic::on_unimplemented(
    message = "a connect handler or middleware cannot return `{Self}`",
    label = "this function returns `{Self}`",
    note = "it returns `()`, `bool`, or `Result<(), E>`, where `E` is a `Refusal`, a text, a tuple of text and data, `BoxError` or `anyhow::Error`",
    note = "for an error of another type return `Result<(), BoxError>` and use `?`: the client is told \"Internal error\", and the error handler gets the cause"
)]
pub trait IntoAdmission<M> {
    /// Turns it into the decision.
    ///
    /// # Errors
    /// Why the client is refused.
    fn into_admission(self) -> Result<(), Refusal>;
}

/// Decisions that refuse with something to say.
#[doc(hidden)]
#[derive(Debug)]
pub struct Said;

/// Decisions that fail with any error.
#[doc(hidden)]
#[derive(Debug)]
pub struct Failed;

impl IntoAdmission<Said> for () {
    fn into_admission(self) -> Result<(), Refusal> {
        Ok(())
    }
}

impl IntoAdmission<Said> for bool {
    fn into_admission(self) -> Result<(), Refusal> {
        if self { Ok(()) } else { Err(Refusal::default()) }
    }
}

impl<E: Into<Refusal>> IntoAdmission<Said> for Result<(), E> {
    fn into_admission(self) -> Result<(), Refusal> {
        self.map_err(Into::into)
    }
}

impl<E> IntoAdmission<Failed> for Result<(), E>
where
    E: AsRef<dyn Error + Send + Sync> + Into<BoxError>,
{
    fn into_admission(self) -> Result<(), Refusal> {
        self.map_err(|error| {
            let outer: &(dyn Error + 'static) = error.as_ref();
            let mut chain = successors(Some(outer), |&error| error.source());
            match chain.find_map(|error| error.downcast_ref::<Refusal>()) {
                Some(refusal) if refusal.cause.is_none() => refusal.said(),
                Some(refusal) => refusal.said().with_cause(Cause::Returned(error.into())),
                None => Refusal::internal(error),
            }
        })
    }
}
