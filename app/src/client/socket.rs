//! One namespace of a client, as handlers see it.

use sansocket::client::{AckToken, Reason, SocketMut, Transport};
use sansocket::{Args, ArgsRef, EventMessage};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::{Any, TypeId};
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use super::auth::Auth;
use super::client::MANAGE;
use super::error::{AckError, EmitError};
use super::job::Then;
use super::loss::Loss;
use super::manager::{Manager, Owner};
use super::seat::Seat;
use super::shared::Shared;
use super::space::Space;
use super::state::Waiting;
use super::waits::{Closed, Connecting, Drained};
use crate::args::{DecodeError, IntoArgs, with_args};
use crate::handlers::disconnect::{Departure, FromDeparture};
use crate::handlers::extract::{Extract, Incoming};
use crate::log::{log, quoted};
use crate::sockets::answers::ack::{AckFuture, Calling, NO_TIMEOUT};
use crate::sockets::error::BoxError;
use crate::sockets::side::{Sealed, Side};
use crate::wait::slot::Slot;

/// One namespace of a client, joined or not. Cloning copies two pointers; it stays valid over losses of the
/// connection, and after the namespace was left.
///
/// ```
/// use sansocket_app::client::{AckError, Client, Socket, UrlError};
///
/// # fn main() -> Result<(), UrlError> {
/// let mut client = Client::new("https://example.com")?;
/// client.on("enter", async |socket: Socket, room: String| -> Result<(), AckError> {
///     let members: u32 = socket.call("count", &room).await?;
///     socket.emit("entered", &(room, members))?;
///     Ok(())
/// });
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Socket {
    owner: Arc<Owner>,
    seat: Arc<Seat>,
}

/// How long a call waits by default, as python-socketio does.
const CALL: Duration = Duration::from_secs(60);

impl Socket {
    pub(super) fn new(owner: Arc<Owner>, seat: Arc<Seat>) -> Self {
        Self { owner, seat }
    }

    /// Joins the namespace; the client connects if it does not, at once even while it waits for its next attempt.
    /// Does nothing for a namespace that is joined.
    ///
    /// The client connects already when this returns; the future waits until the namespace is joined, or for the
    /// first failure. [`ConnectError::will_retry`](super::ConnectError::will_retry) tells whether the client
    /// goes on trying; [`Connecting::patiently`] waits as long as it does.
    pub fn connect(&self) -> Connecting {
        Connecting::to(self)
    }

    /// Leaves the namespace. With the last one the connection closes, after what waits for it and within
    /// [`Config::close_timeout`](super::Config::close_timeout). Events that wait until the namespace is joined
    /// stay.
    ///
    /// The namespace is left when this returns; the future waits until the connection has closed, unless other
    /// namespaces need it.
    pub fn disconnect(&self) -> Closed {
        self.leave();
        let needed = self.client().with(|state, now| {
            let keys: Vec<_> = state.seats.iter().map(|seat| seat.key).collect();
            let core = &mut state.core;
            keys.iter().any(|&key| core.socket(now, key).is_some_and(|it| it.is_active()))
        });
        if needed { Closed::now() } else { Closed::of(self.client()) }
    }

    /// Returns the id that the server gave the client in this namespace, while it is joined.
    #[must_use]
    pub fn id(&self) -> Option<String> {
        self.look(|socket| socket.id().map(str::to_owned)).flatten()
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.seat.name
    }

    /// Whether the namespace is joined.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.look(|socket| socket.is_joined()).unwrap_or(false)
    }

    /// Whether the namespace is joined, or will be without another [`connect`](Self::connect).
    #[must_use]
    pub fn is_active(&self) -> bool {
        self.look(|socket| socket.is_active()).unwrap_or(false)
    }

    /// Whether the server took the client for the one that it lost, when the namespace was joined: no event was
    /// missed.
    #[must_use]
    pub fn is_recovered(&self) -> bool {
        self.look(|socket| socket.is_recovered()).unwrap_or(false)
    }

    /// Returns the transport that carries the client now.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.manager().transport()
    }

    /// Returns the handle of the whole client.
    #[must_use]
    pub fn manager(&self) -> Manager {
        Manager::of_owner(self.owner.clone())
    }

    /// Changes the handlers from now on, and the auth payload from the next time that the namespace is joined.
    ///
    /// ```
    /// # use sansocket_app::client::Socket;
    /// # fn example(socket: Socket) {
    /// socket.handlers(|space| {
    ///     space.off("said").on("told", |text: String| println!("{text}"));
    /// });
    /// # }
    /// ```
    ///
    /// # Panics
    /// As the methods of [`Space`] do, and when a handler takes a [`State`](crate::State) that
    /// [`Client::manage`](super::Client::manage) was given no value of. Then nothing is changed.
    #[track_caller]
    pub fn handlers(&self, change: impl FnOnce(&mut Space)) {
        let mut space = Space::clone(&self.seat.space());
        change(&mut space);
        space.handlers.check_states(&self.client().setup.states, MANAGE);
        space.handlers.settle_order();
        let auth = space.auth.to_core();
        self.seat.set_space(Arc::new(space));
        // It is an object: the methods of `Space` take nothing else.
        let _ = self.look(|socket| socket.set_auth(auth));
    }

    /// Sends an auth payload along the next time that the namespace is joined, and each time after that: a value
    /// that serde writes as a JSON object.
    ///
    /// # Errors
    /// When it has no JSON form, or is no object.
    pub fn set_auth<T: Serialize + ?Sized>(&self, auth: &T) -> Result<(), EmitError> {
        let auth = Auth::value(auth)?;
        self.handlers(|space| space.auth = auth);
        Ok(())
    }

    /// Makes the auth payload anew each time that the namespace is to be joined: see
    /// [`Space::auth_with`].
    pub fn set_auth_with<T, E, U, F>(&self, make: F)
    where
        T: Serialize,
        E: Into<BoxError>,
        U: Future<Output = Result<T, E>> + Send + 'static,
        F: FnOnce() -> U + Clone + Send + Sync + 'static,
    {
        self.handlers(|space| space.auth = Auth::function(make));
    }

    /// Sends no auth payload any more, from the next time on that the namespace is joined.
    pub fn clear_auth(&self) {
        self.handlers(|space| space.auth = Auth::None);
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one; encoded arguments are sent as
    /// they are, see [`IntoArgs`]. While the namespace is not joined the event waits, as
    /// [`Config::offline`](super::Config::offline) says.
    ///
    /// # Errors
    /// [`EmitError`] says why it was not taken.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.put(event, args, |socket, args| Ok(socket.emit(event, args)?))
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.emit("message", data)
    }

    /// Sends the event `json`.
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn send_json(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.emit("json", data)
    }

    /// Sends an event, which is dropped when it could not be sent within `time`. It is never
    /// [sent again](super::Config::retries).
    ///
    /// # Errors
    /// As [`emit`](Self::emit).
    pub fn emit_within(
        &self,
        event: &str,
        args: impl IntoArgs,
        time: Duration,
    ) -> Result<(), EmitError> {
        self.put(event, args, |socket, args| Ok(socket.emit_within(time, event, args)?))
    }

    /// Sends an event if it can leave at once; otherwise it is dropped, and `false` returned.
    ///
    /// # Errors
    /// [`EmitError`] when it could not be sent in any case.
    pub fn emit_volatile(&self, event: &str, args: impl IntoArgs) -> Result<bool, EmitError> {
        self.put(event, args, |socket, args| Ok(socket.emit_volatile(event, args)?))
    }

    /// Sends an event and waits for the server's answer, at most for 60 s. `R` is `()` for none, a tuple for several
    /// arguments, anything else for the first.
    ///
    /// The event is sent before this returns; the future only waits:
    ///
    /// ```
    /// # use sansocket_app::client::{AckError, Socket};
    /// # async fn ask(socket: Socket) -> Result<(), AckError> {
    /// let sum: i64 = socket.call("add", &(1, 2)).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl IntoArgs,
    ) -> Calling<R, AckError> {
        self.call_within(event, args, CALL)
    }

    /// Sends an event and waits for the server's answer, at most for `timeout`.
    pub fn call_within<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl IntoArgs,
        timeout: Duration,
    ) -> Calling<R, AckError> {
        self.emit_with_ack(event, args, timeout).decode()
    }

    /// Sends an event and waits for the server's acknowledgement, at most for `timeout`, or with
    /// [`NO_TIMEOUT`](crate::NO_TIMEOUT) until the connection is lost. An event that was not sent by then is not
    /// sent.
    ///
    /// The event is sent before this returns; the future only waits.
    pub fn emit_with_ack(
        &self,
        event: &str,
        args: impl IntoArgs,
        timeout: Duration,
    ) -> AckFuture<AckError> {
        let slot = Arc::new(Slot::empty());
        let waiting = Waiting::Slot(slot.clone());
        match self.ask(event, args, timeout, waiting) {
            Ok(()) => AckFuture::new(slot),
            Err(error) => AckFuture::failed(error.into()),
        }
    }

    /// Sends an event and hands the server's acknowledgement to `then`, which runs like a handler: in the order
    /// of events, where the future of [`emit_with_ack`](Self::emit_with_ack) wakes a task that runs when it
    /// can.
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent; `then` is dropped.
    pub fn emit_then(
        &self,
        event: &str,
        args: impl IntoArgs,
        timeout: Duration,
        then: impl FnOnce(Result<Args, AckError>) + Send + 'static,
    ) -> Result<(), EmitError> {
        let then: Then = Box::new(then);
        self.ask(event, args, timeout, Waiting::Then(self.seat.clone(), then))
    }

    /// Waits until little waits to be sent: [`Limits::low_water`](crate::Limits) bytes at most for the transport, and
    /// nothing for the namespace to be joined. There is nothing to wait for unless something was refused with
    /// [`Refused::Full`](super::Refused::Full).
    pub fn drained(&self) -> Drained {
        Drained::of(self)
    }

    /// Returns how many events wait for the namespace to be joined.
    #[must_use]
    pub fn waiting(&self) -> usize {
        self.look(|socket| socket.waiting()).unwrap_or(0)
    }

    /// Takes the events that wait for the namespace to be joined; questions among them have no answer.
    pub fn take_waiting(&self) -> Vec<EventMessage> {
        self.look(|socket| socket.take_waiting()).unwrap_or_default()
    }

    pub(super) fn client(&self) -> &Arc<Shared> {
        self.owner.client()
    }

    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Leaves the namespace.
    pub(super) fn leave(&self) {
        self.client().with_after(|state, now, after| {
            if let Some(mut socket) = state.core.socket(now, self.seat.key) {
                socket.leave();
            }
            state.joined(self.seat.key, &Err(super::error::ConnectError::left()), after);
        });
    }

    fn look<R>(&self, act: impl FnOnce(&mut SocketMut<'_>) -> R) -> Option<R> {
        self.client().with(|state, now| {
            state.core.socket(now, self.seat.key).map(|mut socket| act(&mut socket))
        })
    }

    fn put<R>(
        &self,
        event: &str,
        args: impl IntoArgs,
        act: impl FnOnce(&mut SocketMut<'_>, ArgsRef<'_>) -> Result<R, EmitError>,
    ) -> Result<R, EmitError> {
        with_args(args, |args| {
            log!(
                trace, "sansocket::event", namespace = ?quoted(&self.seat.name),
                event = ?quoted(event), args = ?quoted(args.json()), "sent"
            );
            let put = self.look(|socket| act(socket, args));
            put.unwrap_or(Err(sansocket::client::Refused::NotJoined.into()))
        })
    }

    /// Asks the server something.
    fn ask(
        &self,
        event: &str,
        args: impl IntoArgs,
        timeout: Duration,
        waiting: Waiting,
    ) -> Result<(), EmitError> {
        with_args(args, |args| {
            // What is not used is dropped after the lock: its destructor may come back here.
            let mut waiting = Some(waiting);
            self.client().with(|state, now| {
                let Some(mut socket) = state.core.socket(now, self.seat.key) else {
                    return Err(sansocket::client::Refused::NotJoined.into());
                };
                let timeout = (timeout < NO_TIMEOUT).then_some(timeout);
                let ticket = socket.emit_with_ack(event, args, timeout)?;
                state.questions.extend(waiting.take().map(|waiting| (ticket, waiting)));
                Ok(())
            })
        })
    }
}

#[expect(private_interfaces, reason = "nothing else is a side")]
impl Side for Socket {
    type Token = AckToken;
    type Reason = Loss;
    type EmitError = EmitError;

    fn namespace(&self) -> &str {
        Self::namespace(self)
    }

    fn acknowledge(&self, token: AckToken, args: ArgsRef<'_>, _: Sealed) -> Result<(), EmitError> {
        let sent = self.look(|socket| socket.acknowledge(token, args));
        Ok(sent.unwrap_or(Ok(()))?)
    }

    fn managed(&self, kind: TypeId, _: Sealed) -> Option<Arc<dyn Any + Send + Sync>> {
        self.client().setup.states.find(kind)
    }
}

impl Extract<Self> for Socket {
    fn extract(incoming: &mut Incoming<'_, Self>) -> Result<Self, DecodeError> {
        Ok(incoming.socket().clone())
    }
}

impl Extract<Socket> for Manager {
    fn extract(incoming: &mut Incoming<'_, Socket>) -> Result<Self, DecodeError> {
        Ok(incoming.socket().manager())
    }
}

impl FromDeparture<Self> for Socket {
    fn from_departure(departure: &Departure<'_, Self>) -> Self {
        departure.socket.clone()
    }
}

impl FromDeparture<Socket> for Manager {
    fn from_departure(departure: &Departure<'_, Socket>) -> Self {
        departure.socket.manager()
    }
}

impl FromDeparture<Socket> for Reason {
    fn from_departure(departure: &Departure<'_, Socket>) -> Self {
        departure.reason.reason
    }
}

impl FromDeparture<Socket> for Loss {
    fn from_departure(departure: &Departure<'_, Socket>) -> Self {
        departure.reason
    }
}

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.seat, &other.seat)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket").field("namespace", &self.namespace()).finish_non_exhaustive()
    }
}
