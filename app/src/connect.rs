//! Functions that decide who may join a namespace.

use std::future::Future;
use std::sync::Arc;

use crate::args::DecodeError;
use crate::extract::{Call, Extract};
use crate::handler::{Async, Plain, Progress, each_arity, take};
use crate::reply::{IntoAdmission, Refusal};
use crate::socket::Socket;
use crate::state::Needs;

/// Why a client is not let in.
pub(crate) enum Denial {
    /// Its auth payload does not fit the parameters.
    Auth(DecodeError),
    Refused(Refusal),
}

pub(crate) type Admission = Result<(), Denial>;

pub(crate) type ConnectFn = Arc<dyn Fn(&Socket) -> Progress<Admission> + Send + Sync>;

/// A function that decides whether a client may join, plain or async: returns [`IntoAdmission`] and
/// takes what handlers of events take. The one argument is the auth payload:
///
/// ```
/// # use sansocket_app::{App, Refusal, Socket};
/// # use std::collections::HashMap;
/// # let mut app = App::new();
/// app.on_connect(|socket: Socket, auth: Option<HashMap<String, String>>| -> Result<(), Refusal> {
///     match auth.as_ref().and_then(|auth| auth.get("token")).map(String::as_str) {
///         Some("secret") => Ok(()),
///         _ => Err(Refusal::new("not authorized")),
///     }
/// });
/// ```
///
/// The protocol wants an object: take a map, a `serde_json::Value` or a struct of yours. A client whose payload does not fit is refused. `Option` is `None` when none was sent.
pub trait ConnectHandler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, socket: &Socket) -> Progress<Admission>;

    #[doc(hidden)]
    fn needs(_: &mut Needs) {}
}

impl From<DecodeError> for Denial {
    fn from(error: DecodeError) -> Self {
        Self::Auth(error)
    }
}

/// Decides as the application says.
pub(crate) fn admission(decision: impl IntoAdmission) -> Admission {
    decision.into_admission().map_err(Denial::Refused)
}

/// Lets a client through the doors of its namespace from the one at `at` on.
pub(crate) fn pass(socket: &Socket, mut at: usize) -> Progress<Admission> {
    while let Some(door) = socket.handlers().and_then(|handlers| handlers.doors.get(at)) {
        at += 1;
        match door(socket) {
            Progress::Done(Ok(())) => {}
            Progress::Done(denied) => return Progress::Done(denied),
            Progress::Pending(decision) => {
                let socket = socket.clone();
                return Progress::Pending(Box::pin(async move {
                    decision.await?;
                    match pass(&socket, at) {
                        Progress::Done(decision) => decision,
                        Progress::Pending(rest) => rest.await,
                    }
                }));
            }
        }
    }
    Progress::Done(Ok(()))
}

/// The auth payload as a list of arguments.
pub(crate) fn auth_args(socket: &Socket) -> String {
    socket.auth_object().map_or_else(String::new, |auth| ["[", auth, "]"].concat())
}

macro_rules! connect_handlers {
    ($($T:ident)*) => {
        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<F, R, $($T),*> ConnectHandler<(Plain, R, $($T,)*)> for F
        where
            F: Fn($($T),*) -> R + Send + Sync + 'static,
            R: IntoAdmission,
            $($T: Extract,)*
        {
            fn call(&self, socket: &Socket) -> Progress<Admission> {
                let (auth, mut token) = (auth_args(socket), None);
                let mut call = Call::connect(socket, &auth, &mut token);
                take!(call: $($T)*);
                Progress::Done(admission(self($($T),*)))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }

        #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
        #[allow(non_snake_case, reason = "one name for a type parameter and its value")]
        impl<F, U, $($T),*> ConnectHandler<(Async, U, $($T,)*)> for F
        where
            F: Fn($($T),*) -> U + Send + Sync + 'static,
            U: Future<Output: IntoAdmission> + Send + 'static,
            $($T: Extract,)*
        {
            fn call(&self, socket: &Socket) -> Progress<Admission> {
                let (auth, mut token) = (auth_args(socket), None);
                let mut call = Call::connect(socket, &auth, &mut token);
                take!(call: $($T)*);
                let decision = self($($T),*);
                Progress::Pending(Box::pin(async move { admission(decision.await) }))
            }

            fn needs(_needs: &mut Needs) {
                $($T::needs(_needs);)*
            }
        }
    };
}
each_arity!(connect_handlers);
