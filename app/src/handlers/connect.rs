//! Functions that decide about joining a namespace.

use std::future::Future;
use std::sync::Arc;

use crate::handlers::extract::{Incoming, Parameters};
use crate::handlers::function::{Async, Kind, Plain};
use crate::handlers::handler::Progress;
use crate::handlers::needs::Needs;
use crate::handlers::refusal::{IntoAdmission, Refusal};
use crate::sockets::side::Side;
use crate::sockets::socket::Socket;

pub(crate) type Admission = Result<(), Refusal>;

/// A connect handler with its parameters forgotten. It gets the payload of the CONNECT packet.
pub(crate) type ConnectFn<S = Socket> =
    Arc<dyn Fn(&S, Option<&str>) -> Progress<Admission> + Send + Sync>;

/// A [`Handler`](crate::Handler) that decides whether a client may join: it returns
/// [`IntoAdmission`], or a future of that, and takes what handlers of events take. The one argument is
/// the auth payload:
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
/// The protocol wants an object: take a map, a `serde_json::Value` or a struct. A client whose
/// payload does not fit is refused. When none was sent, an `Option` is `None`, and anything else reads
/// an empty object; [`Auth`](crate::Auth) and [`Socket::auth`] do the same.
///
/// On a client, the handler decides whether the client stays: refused, it leaves. The one argument is the
/// object that the server sent when it let the client in, with its `sid`.
///
/// `P` and `R` are those of the function, and `S` is the [side](Side) it serves. `K` only tells the forms of
/// functions apart.
pub trait ConnectHandler<P, R, K, S: Side = Socket>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, socket: &S, payload: Option<&str>) -> Progress<Admission>;

    #[doc(hidden)]
    fn needs(needs: &mut Needs);
}

/// Lets a client through the doors of its namespace from the one at `at` on.
pub(crate) fn pass(
    doors: &Arc<[ConnectFn]>,
    socket: &Socket,
    mut at: usize,
) -> Progress<Admission> {
    while let Some(door) = doors.get(at) {
        at += 1;
        match door(socket, socket.auth_object()) {
            Progress::Done(Ok(())) => {}
            Progress::Done(denied) => return Progress::Done(denied),
            Progress::Pending(decision) => {
                let (doors, socket) = (doors.clone(), socket.clone());
                return Progress::Pending(Box::pin(async move {
                    decision.await?;
                    match pass(&doors, &socket, at) {
                        Progress::Done(decision) => decision,
                        Progress::Pending(rest) => rest.await,
                    }
                }));
            }
        }
    }
    Progress::Done(Ok(()))
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, P, R, K, M, S> ConnectHandler<P, R, (K, M), S> for F
where
    F: Send + Sync + 'static,
    S: Side,
    P: Parameters<S>,
    R: Decision<K, M>,
    K: Decide<R, M>,
    K: Kind<F, P, R>,
{
    fn call(&self, socket: &S, payload: Option<&str>) -> Progress<Admission> {
        let arguments = payload.map_or_else(String::new, |payload| ["[", payload, "]"].concat());
        match P::extract(&mut Incoming::connect(socket, &arguments, &mut None)) {
            Ok(parameters) => K::decide(K::call(self, parameters)),
            Err(error) => Progress::Done(Err(error.into())),
        }
    }

    fn needs(needs: &mut Needs) {
        P::needs(needs);
    }
}

/// What a connect handler returns. `K` is the kind of the function, `M` the form of its decision.
#[doc(hidden)]
#[diagnostic::on_unimplemented(
    message = "a connect handler or middleware cannot return `{Self}`",
    label = "this function returns `{Self}`",
    note = "it returns `()`, `bool`, or `Result<(), E>`, where `E` is a `Refusal`, a text, a tuple of text and data, `BoxError` or `anyhow::Error`",
    note = "for an error of another type return `Result<(), BoxError>` and use `?`: the client is told \"Internal error\", and the error handler gets the cause"
)]
pub trait Decision<K, M> {}

#[diagnostic::do_not_recommend]
impl<T: IntoAdmission<M>, M> Decision<Plain, M> for T {}

#[diagnostic::do_not_recommend]
impl<U: Future, M> Decision<Async, M> for U {}

/// Makes a decision of what a function of a kind returned.
#[doc(hidden)]
#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
pub trait Decide<R, M> {
    fn decide(result: R) -> Progress<Admission>;
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<R: IntoAdmission<M>, M> Decide<R, M> for Plain {
    fn decide(result: R) -> Progress<Admission> {
        Progress::Done(result.into_admission())
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<U: Future<Output: IntoAdmission<M>> + Send + 'static, M> Decide<U, M> for Async {
    fn decide(future: U) -> Progress<Admission> {
        Progress::Pending(Box::pin(async move { future.await.into_admission() }))
    }
}
