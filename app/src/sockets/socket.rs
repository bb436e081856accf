//! One client in one namespace, as handlers see it.

use sansocket::{
    Args, ArgsRef, Disconnect, Gone, Handshake, Id, JoinError, Refused, Server, Socket as Key,
    SocketMut,
};
use serde::de::DeserializeOwned;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use crate::args::{self, DecodeError, IntoArgs, with_args};
use crate::log::{log, quoted};
use crate::sockets::answers::ack::{AckError, AckFuture, Calling};
use crate::sockets::answers::drain::Drained;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::EmitError;
use crate::sockets::gate::Gate;
use crate::sockets::io::Io;
use crate::sockets::namespace::NamespaceIo;
use crate::sockets::outgoing::Outgoing;
use crate::sockets::reach::Reach;
use crate::sockets::session::Store;
use crate::sockets::shown::Shown;
use sansocket_args::Rooms;

/// One client in one namespace. Cloning copies a pointer; it stays valid, and says so, after the
/// client has left.
///
/// ```
/// use sansocket_app::{AckError, App, Socket};
/// use std::time::Duration;
/// # use sansocket_app::test::TestServer;
///
/// let mut app = App::new();
/// app.on("enter", async |socket: Socket, room: String| -> Result<bool, AckError> {
///     let sure: bool = socket.call_within("sure?", &room, Duration::from_secs(30)).await?;
///     if sure {
///         let _ = socket.join(&room);
///         socket.to(&room).emit("entered", &socket.id())?;
///         socket.emit("welcome", &(room, socket.rooms()))?;
///     }
///     Ok(sure)
/// });
/// # let server = TestServer::new(app);
/// # let client = server.connect().unwrap();
/// # let answer = client.emit_with_ack("enter", "tea");
/// # client.expect_event("sure?").ack(&true);
/// # let (room, rooms): (String, Vec<String>) = client.expect("welcome");
/// # assert_eq!((room.as_str(), rooms), ("tea", vec!["tea".to_owned()]));
/// # drop(answer);
/// ```
#[derive(Clone)]
pub struct Socket(Arc<Inner>);

struct Inner {
    hub: Arc<dyn Reach>,
    shard: u16,
    key: Key,
    id: Shown,
    namespace: Arc<str>,
    auth: Option<Box<str>>,
    handshake: Arc<Handshake>,
    /// Where the handlers of its namespace are; [`NOWHERE`] until they are looked for.
    place: AtomicU32,
    /// When it came, in seconds since the server began; told to other processes only.
    came: u32,
    admitted: AtomicBool,
    recovered: AtomicBool,
    /// Whether the application hears of the events that it sends.
    heard: bool,
    gate: Gate,
    store: Store,
}

const NOWHERE: u32 = u32::MAX;

/// What a client is made of, as the core reports it.
pub(crate) struct Introduction {
    pub(crate) shard: u16,
    pub(crate) key: Key,
    pub(crate) id: Id,
    pub(crate) namespace: Arc<str>,
    pub(crate) auth: Option<Box<str>>,
    pub(crate) handshake: Arc<Handshake>,
    /// In seconds since the server began.
    pub(crate) came: u32,
}

impl Socket {
    pub(crate) fn new(hub: Arc<dyn Reach>, intro: Introduction) -> Self {
        let Introduction { shard, key, id, namespace, auth, handshake, came } = intro;
        let heard = hub.outgoing().is_some();
        Self(Arc::new(Inner {
            id: Shown::of(id, &namespace, hub.node()),
            hub,
            shard,
            key,
            namespace,
            auth,
            handshake,
            place: AtomicU32::new(NOWHERE),
            came,
            admitted: AtomicBool::new(false),
            recovered: AtomicBool::new(false),
            heard,
            gate: Gate::default(),
            store: Store::default(),
        }))
    }

    /// Returns the client's id in this namespace, which other clients may know.
    ///
    /// That of a client of Socket.IO 2 is its session id, in `/admin` behind `/admin#`, as the client
    /// itself has it, with the name of the [node](crate::Config::node) if there is one: whoever knows it can act for
    /// the client.
    #[must_use]
    pub fn id(&self) -> &str {
        self.0.id.as_str()
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        &self.0.namespace
    }

    /// Whether the client was lost and came back, with its id, its rooms, what its [`Session`](crate::Session)
    /// holds and the events it missed: see [`Config::recovery`](crate::Config::recovery). Connect handlers
    /// know it; the client is in its rooms once they are done.
    #[must_use]
    pub fn recovered(&self) -> bool {
        self.0.recovered.load(Ordering::Acquire)
    }

    /// Returns the request the connection began with.
    #[must_use]
    pub fn handshake(&self) -> &Handshake {
        &self.0.handshake
    }

    /// Reads the auth payload the client sent along. When it sent none, an `Option` is `None`, and any
    /// other type reads an empty object.
    ///
    /// # Errors
    /// When it does not fit `T`.
    pub fn auth<T: DeserializeOwned>(&self) -> Result<T, DecodeError> {
        args::parse_object(self.auth_object())
    }

    /// Returns the auth payload as the JSON text it came as.
    #[must_use]
    pub fn auth_json(&self) -> &str {
        self.auth_object().unwrap_or("{}")
    }

    /// Returns a handle to the whole server.
    #[must_use]
    pub fn io(&self) -> Io {
        Io::over(self.0.hub.clone())
    }

    /// Returns a handle to the client's namespace: broadcasts of it reach the client too.
    #[must_use]
    pub fn nsp(&self) -> NamespaceIo {
        NamespaceIo::new(self.everybody())
    }

    /// Returns `"polling"`, `"websocket"` or `"webtransport"`, whichever carries the client now.
    ///
    /// # Errors
    /// When the client has disconnected.
    pub fn transport(&self) -> Result<&'static str, Gone> {
        self.with(|socket| socket.transport())?.ok_or(Gone)
    }

    /// Whether the client is in the namespace.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.0.hub.with(self.0.shard, |server| server.is_connected(self.0.key))
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one; encoded arguments
    /// are sent as they are, see [`IntoArgs`].
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        with_args(args, |args| self.emit_encoded(event, args))
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent.
    pub fn send(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.emit("message", data)
    }

    /// Sends the event `json`.
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent.
    pub fn send_json(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.emit("json", data)
    }

    /// Sends an event if it can leave at once; otherwise it is dropped, and `false` returned.
    ///
    /// # Errors
    /// [`EmitError`] when it could not be sent in any case.
    pub fn emit_volatile(&self, event: &str, args: impl IntoArgs) -> Result<bool, EmitError> {
        with_args(args, |args| {
            self.tell_outgoing(event, args);
            Ok(self.with(|socket| socket.emit_volatile(event, args)).map_err(Refused::from)??)
        })
    }

    /// Sends an event that is never compressed, whatever [`Config::deflate`](crate::Config::deflate) and
    /// [`Config::compression`](crate::Config::compression) say: data that is compressed already, or a secret beside
    /// text that others choose. For other kinds of emits there is [`Broadcast::uncompressed`].
    ///
    /// # Errors
    /// [`EmitError`] says why nothing was sent.
    #[doc(alias = "compress")]
    pub fn emit_uncompressed(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        with_args(args, |args| {
            self.tell_outgoing(event, args);
            let sent = self.with(|socket| socket.emit_uncompressed(event, args));
            Ok(sent.map_err(Refused::from)??)
        })
    }

    /// Sends an event and waits for the client's answer, at most for 60 s. `R` is `()` for none, a
    /// tuple for several arguments, anything else for the first.
    ///
    /// The event is sent before this returns; the future only waits:
    ///
    /// ```
    /// # use sansocket_app::{AckError, Socket};
    /// # async fn ask(socket: Socket) -> Result<(), AckError> {
    /// let (name, age) = socket.call::<(String, u8)>("who", &()).await?;
    /// # Ok(())
    /// # }
    /// ```
    pub fn call<R: DeserializeOwned>(&self, event: &str, args: impl IntoArgs) -> Calling<R> {
        self.call_within(event, args, CALL)
    }

    /// Sends an event and waits for the client's answer, at most for `timeout`.
    pub fn call_within<R: DeserializeOwned>(
        &self,
        event: &str,
        args: impl IntoArgs,
        timeout: Duration,
    ) -> Calling<R> {
        self.emit_with_ack(event, args, timeout).decode()
    }

    /// Sends an event and waits for the client's acknowledgement, at most for `timeout`, or with
    /// [`NO_TIMEOUT`](crate::NO_TIMEOUT) until the client has left.
    ///
    /// The event is sent before this returns; the future only waits.
    pub fn emit_with_ack(&self, event: &str, args: impl IntoArgs, timeout: Duration) -> AckFuture {
        let (hub, now) = (&self.0.hub, self.0.hub.runtime().now());
        let sent = with_args(args, |args| {
            self.tell_outgoing(event, args);
            let ask = |socket: &mut SocketMut<'_>| socket.emit_with_ack(now, event, args, timeout);
            Ok(hub.ask_one(self.0.shard, self.0.key, ask)?)
        });
        sent.unwrap_or_else(|error: EmitError| AckFuture::failed(error.into()))
    }

    /// Sends an event and hands the client's acknowledgement to `then`, which runs like a handler: in
    /// the order of events, where the future of [`emit_with_ack`](Self::emit_with_ack) wakes a task
    /// that runs when it can.
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
        let (hub, now) = (&self.0.hub, self.0.hub.runtime().now());
        with_args(args, |args| {
            self.tell_outgoing(event, args);
            let ask = |socket: &mut SocketMut<'_>| socket.emit_with_ack(now, event, args, timeout);
            Ok(hub.ask_then(self.0.shard, self.0.key, ask, Box::new(then))?)
        })
    }

    /// Waits until the client has taken most of what waits for it: half of
    /// [`Limits::max_backlog`](crate::Limits) at most is left then. There is nothing to wait for
    /// unless something was refused with [`Refused::Backlog`].
    ///
    /// ```
    /// # use sansocket_app::{EmitError, Refused, Socket};
    /// # async fn send(socket: Socket, big: String) -> Result<(), EmitError> {
    /// while let Err(EmitError::Refused(Refused::Backlog { .. })) = socket.emit("part", &big) {
    ///     socket.drained().await.map_err(Refused::from)?;
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn drained(&self) -> Drained {
        self.0.hub.with_cell(self.0.shard, |cell| match cell.server.socket(self.0.key) {
            None => Drained::ready(Err(Gone)),
            Some(socket) if !socket.is_congested() => Drained::ready(Ok(())),
            Some(_) => cell.kept.draining.add(self.0.key),
        })
    }

    /// Starts a broadcast to rooms, or to clients by their ids; the sender is left out.
    pub fn to(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().to(rooms)
    }

    /// Starts a broadcast to rooms, or to clients by their ids, the sender included.
    #[doc(alias = "in")]
    pub fn within(&self, rooms: impl Rooms) -> Broadcast {
        self.everybody().to(rooms)
    }

    /// Starts a broadcast to the namespace without some rooms, or clients; the sender is left out
    /// too.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast {
        self.broadcast().except(rooms)
    }

    /// Starts a broadcast to everybody else in the namespace.
    pub fn broadcast(&self) -> Broadcast {
        self.everybody().without(self.0.key)
    }

    /// Joins rooms; `false` when all were joined already.
    ///
    /// # Errors
    /// When the client is gone, is in too many rooms, or a room is another client's own. It stays in
    /// the rooms before that one in a list.
    pub fn join(&self, rooms: impl Rooms) -> Result<bool, JoinError> {
        self.with(|socket| {
            let mut joined = Ok(false);
            rooms.each(&mut |room| {
                if let Ok(before) = joined {
                    joined = socket.join(room).map(|now| before | now);
                }
            });
            joined
        })?
    }

    /// Leaves rooms; `false` when it was in none of them.
    pub fn leave(&self, rooms: impl Rooms) -> bool {
        self.with(|socket| {
            let mut left = false;
            rooms.each(&mut |room| left |= socket.leave(room));
            left
        })
        .unwrap_or(false)
    }

    /// Returns the rooms the client is in, without the one named by its id.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        self.with(|socket| socket.rooms().map(str::to_owned).collect()).unwrap_or_default()
    }

    /// Disconnects the client from this namespace; its connection and other namespaces live on.
    pub fn disconnect(&self) {
        let now = self.0.hub.runtime().now();
        let _ = self.with(|socket| socket.disconnect(now, Disconnect::Namespace));
    }

    /// Disconnects the client from all its namespaces and closes its connection.
    pub fn disconnect_and_close(&self) {
        let now = self.0.hub.runtime().now();
        let _ = self.with(|socket| socket.disconnect(now, Disconnect::Connection));
    }

    /// Closes the client's connection without a word to its namespaces, as a network fault would.
    pub fn close_transport(&self) {
        let now = self.0.hub.runtime().now();
        let _ = self.with(|socket| socket.close_transport(now));
    }

    pub(crate) fn key(&self) -> Key {
        self.0.key
    }

    pub(crate) fn shard(&self) -> u16 {
        self.0.shard
    }

    pub(crate) fn hub(&self) -> &Arc<dyn Reach> {
        &self.0.hub
    }

    /// Notes where the handlers of its namespace are.
    pub(crate) fn set_place(&self, place: usize) {
        self.0.place.store(u32::try_from(place).unwrap_or(NOWHERE), Ordering::Release);
    }

    /// Where the handlers of its namespace are; a place without any until that was noted.
    #[inline]
    pub(crate) fn place(&self) -> usize {
        self.0.place.load(Ordering::Acquire) as usize
    }

    /// How long it has been here, where the process is in a cluster.
    pub(crate) fn age(&self) -> Duration {
        Duration::from_secs(self.0.hub.shards().age().saturating_sub(self.0.came).into())
    }

    pub(crate) fn mark_admitted(&self) {
        self.0.admitted.store(true, Ordering::Release);
    }

    /// Whether it ever was in the namespace.
    pub(crate) fn was_admitted(&self) -> bool {
        self.0.admitted.load(Ordering::Acquire)
    }

    /// Goes on with what was kept for the client before it was lost, if it was, or lets that be kept.
    pub(crate) fn remember(&self, server: &mut Server) {
        let Some(mut client) = server.socket(self.0.key) else { return };
        if !client.recovered() {
            client.keep(self.0.store.share());
            return;
        }
        if let Some(Ok(kept)) = client.kept().map(Arc::downcast) {
            self.0.store.go_on_with(kept);
        } else {
            // It was lost on another process.
            client.attached().cloned().into_iter().for_each(|data| self.go_on_with(data));
            client.keep(self.0.store.share());
        }
        self.0.recovered.store(true, Ordering::Release);
    }

    /// Lets other processes have what is attached to the client, if it is lost and comes back to them.
    pub(crate) fn attach(&self, data: Args) {
        let _ = self.with(|client| client.attach(data));
    }

    /// Keeps its events in line.
    pub(crate) fn gate(&self) -> &Gate {
        &self.0.gate
    }

    /// What the application remembers of it.
    pub(crate) fn store(&self) -> &Store {
        &self.0.store
    }

    /// The auth payload, when there is one.
    pub(crate) fn auth_object(&self) -> Option<&str> {
        self.0.auth.as_deref()
    }

    fn emit_encoded(&self, event: &str, args: ArgsRef<'_>) -> Result<(), EmitError> {
        log!(
            trace, "sansocket::event", id = %self.id(), event = ?quoted(event),
            args = ?quoted(args.json()), "sent"
        );
        self.tell_outgoing(event, args);
        // Written out: `??` moves the outcome about even when nothing was refused, which takes as long
        // as queueing the packet.
        match self.with(|socket| socket.emit(event, args)) {
            Ok(Ok(())) => Ok(()),
            Ok(Err(refused)) => Err(refused.into()),
            Err(gone) => Err(Refused::from(gone).into()),
        }
    }

    #[inline]
    fn tell_outgoing(&self, event: &str, args: ArgsRef<'_>) {
        if self.0.heard
            && let Some(hear) = self.0.hub.outgoing()
        {
            hear(Outgoing { namespace: self.namespace(), socket: Some(self), event, args });
        }
    }

    fn everybody(&self) -> Broadcast {
        Broadcast::new(self.0.hub.clone(), self.0.namespace.clone()).starting_on(self.0.shard)
    }

    fn with<R>(&self, act: impl FnOnce(&mut SocketMut<'_>) -> R) -> Result<R, Gone> {
        let found =
            |server: &mut Server| server.socket(self.0.key).map(|mut socket| act(&mut socket));
        self.0.hub.with(self.0.shard, found).ok_or(Gone)
    }
}

/// How long a call waits by default, as python-socketio does.
const CALL: Duration = Duration::from_secs(60);

impl PartialEq for Socket {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Socket {}

impl fmt::Debug for Socket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Socket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .finish_non_exhaustive()
    }
}
