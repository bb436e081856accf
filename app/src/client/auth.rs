//! What shows to the server who joins.

use sansocket::Misuse;
use sansocket::client as core;
use sansocket::client::Fault;
use serde::Serialize;
use std::future::Future;
use std::sync::Arc;

use super::error::EmitError;
use crate::args::EncodeError;
use crate::runtime::BoxFuture;
use crate::sockets::error::BoxError;

/// The text of a JSON object, or why there is none.
pub(super) type Payload = Result<Box<str>, Fault>;

/// Makes the payload of one CONNECT.
pub(super) type AuthFn = Arc<dyn Fn() -> BoxFuture<Payload> + Send + Sync>;

/// What shows to the server who joins a namespace.
#[derive(Clone, Default)]
pub(super) enum Auth {
    #[default]
    None,
    Function(AuthFn),
    Value(Box<str>),
}

impl Auth {
    /// A payload that is the same each time.
    pub(super) fn value<T: Serialize + ?Sized>(value: &T) -> Result<Self, EmitError> {
        let json = serde_json::to_string(value)
            .map_err(|error| EncodeError::Value { message: error.to_string() })?;
        if json.starts_with('{') {
            Ok(Self::Value(json.into()))
        } else {
            Err(Misuse::NotAnObject.into())
        }
    }

    /// A payload that is made for each attempt.
    pub(super) fn function<T, E, U, F>(make: F) -> Self
    where
        T: Serialize,
        E: Into<BoxError>,
        U: Future<Output = Result<T, E>> + Send + 'static,
        F: FnOnce() -> U + Clone + Send + Sync + 'static,
    {
        let make = move || -> BoxFuture<Payload> {
            let made = make.clone()();
            Box::pin(async move {
                let value =
                    made.await.map_err(|error| Fault::transport(error.into().to_string()))?;
                let json = serde_json::to_string(&value);
                Ok(json.map_err(|error| Fault::transport(error.to_string()))?.into())
            })
        };
        Self::Function(Arc::new(make))
    }

    /// The same for the core.
    pub(super) fn to_core(&self) -> core::Auth {
        match self {
            Self::None => core::Auth::None,
            Self::Function(_) => core::Auth::Asked,
            Self::Value(json) => core::Auth::Value(json.clone()),
        }
    }
}
