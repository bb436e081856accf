//! A broadcast being addressed.

use sansocket::{ArgsRef, Disconnect, Scope, Server, Socket as Key, Target};
use serde::Serialize;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::log::{log, quoted};
use crate::sockets::answers::ack::Found;
use crate::sockets::answers::gather::Gathering;
use crate::sockets::error::EmitError;
use crate::sockets::io::with_args;
use crate::sockets::reach::Reach;
use crate::sockets::rooms::Rooms;
use crate::sockets::socket::Socket;

/// Who will get an event: the union of rooms, or the whole namespace, minus exceptions.
///
/// A client whose backlog is full is disconnected by a broadcast: it would otherwise miss the event
/// silently. One that is being admitted is passed by.
///
/// ```
/// use sansocket_app::{App, EmitError, Socket, To};
/// # use sansocket_app::test::TestServer;
///
/// let mut app = App::new();
/// app.on("move", |socket: Socket, game: String, field: u8| -> Result<usize, EmitError> {
///     let others: To = socket.to([&game, "watchers"]).except("muted");
///     others.emit("moved", &(&game, field))?;
///     Ok(others.count())
/// });
/// app.on("point", |socket: Socket, game: String, field: u8| {
///     socket.to(game).volatile().emit("pointed", &field)
/// });
/// # app.on_connect(|socket: Socket| { let _ = socket.join("chess"); });
/// # let server = TestServer::new(app);
/// # let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
/// # assert_eq!(ann.call("move", &("chess", 12)), Ok(1));
/// # assert_eq!(bob.expect::<(String, u8)>("moved"), ("chess".into(), 12));
/// # ann.emit("point", &("chess", 13));
/// # assert_eq!(bob.expect::<u8>("pointed"), 13);
/// ```
#[derive(Clone)]
#[must_use = "a broadcast reaches nobody until it is emitted"]
pub struct To {
    hub: Arc<dyn Reach>,
    /// Where it starts: that of the sender, so that its own order is kept.
    shard: u16,
    namespace: Arc<str>,
    /// What was listed; without a list everybody is meant.
    rooms: Option<Vec<Box<str>>>,
    except: Vec<Box<str>>,
    skip: Option<Key>,
    volatile: bool,
}

impl To {
    pub(crate) fn new(hub: Arc<dyn Reach>, namespace: Arc<str>) -> Self {
        let (rooms, except) = (None, Vec::new());
        Self { hub, shard: 0, namespace, rooms, except, skip: None, volatile: false }
    }

    pub(crate) fn starting_on(self, shard: u16) -> Self {
        Self { shard, ..self }
    }

    pub(crate) fn without(self, sender: Key) -> Self {
        Self { skip: Some(sender), ..self }
    }

    /// Adds rooms, or clients by their ids. A client in several rooms gets one copy.
    ///
    /// A list without a room in it reaches nobody, not everybody.
    pub fn to(mut self, rooms: impl Rooms) -> Self {
        let listed = self.rooms.get_or_insert_default();
        rooms.each(&mut |room| listed.push(room.into()));
        self
    }

    /// Leaves out rooms, or clients by their ids.
    pub fn except(mut self, rooms: impl Rooms) -> Self {
        rooms.each(&mut |room| self.except.push(room.into()));
        self
    }

    /// Passes over clients that cannot take the event at once. Events that ask for acknowledgements
    /// are never volatile.
    pub fn volatile(mut self) -> Self {
        self.volatile = true;
        self
    }

    /// Stays within this process. A server of one process has nobody elsewhere.
    pub fn local(self) -> Self {
        self
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one.
    ///
    /// An array such as `&[a, b, c]` is several too, because serde cannot tell it from a tuple: both
    /// have their length in their type. A `Vec` or a slice is one argument, and so is `&([a, b, c],)`.
    ///
    /// # Errors
    /// When the arguments have no JSON form, or the event name is reserved.
    pub fn emit<T: Serialize + ?Sized>(&self, event: &str, args: &T) -> Result<(), EmitError> {
        with_args(args, |args| self.emit_raw(event, args))
    }

    /// Sends an event whose arguments are encoded already.
    ///
    /// # Errors
    /// When the event name is reserved, or there are too many attachments.
    pub fn emit_raw(&self, event: &str, args: ArgsRef<'_>) -> Result<(), EmitError> {
        log!(
            trace, "sansocket::event", namespace = ?quoted(&self.namespace),
            event = ?quoted(event), args = ?quoted(args.json()), "broadcast"
        );
        Ok(self.with(|server, target| server.broadcast(target, event, args))?)
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    /// When the data has no JSON form.
    pub fn send<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), EmitError> {
        self.emit("message", data)
    }

    /// Sends the event `json`.
    ///
    /// # Errors
    /// When the data has no JSON form.
    pub fn send_json<T: Serialize + ?Sized>(&self, data: &T) -> Result<(), EmitError> {
        self.emit("json", data)
    }

    /// Sends an event and gathers the acknowledgements that come within `timeout`.
    ///
    /// The event is sent before this returns; the future only waits.
    pub fn emit_with_ack<T: Serialize + ?Sized>(
        &self,
        event: &str,
        args: &T,
        timeout: Duration,
    ) -> Gathering {
        let sent = with_args(args, |args| self.emit_raw_with_ack(event, args, timeout));
        sent.unwrap_or_else(Gathering::failed)
    }

    /// The same for arguments that are encoded already.
    ///
    /// # Errors
    /// When the event name is reserved, or there are too many attachments.
    pub fn emit_raw_with_ack(
        &self,
        event: &str,
        args: ArgsRef<'_>,
        timeout: Duration,
    ) -> Result<Gathering, EmitError> {
        let now = self.hub.runtime().now();
        let ask = |server: &mut Server| {
            self.target(|to| server.broadcast_with_ack(now, to, event, args, timeout))
        };
        Ok(self.hub.ask_many(self.shard, ask)?)
    }

    /// Finds the ids of all clients it reaches.
    pub fn sockets(&self) -> Found {
        self.hub.find(self.shard, |server| self.target(|to| server.find(to)))
    }

    /// Returns the clients of this process that it reaches.
    #[must_use]
    pub fn fetch_sockets(&self) -> Vec<Socket> {
        (0..self.hub.shards().count()).flat_map(|shard| self.fetch_from(shard)).collect()
    }

    /// Returns how many clients of this process it reaches.
    #[must_use]
    pub fn count(&self) -> usize {
        let count = |shard| {
            self.hub.with(shard, |server| self.target_in(shard, |to| server.members(to).count()))
        };
        (0..self.hub.shards().count()).map(count).sum()
    }

    /// Makes all clients it reaches join rooms. Those already in as many as the limit allows stay
    /// out, and so does everybody from the room named by a client's id.
    pub fn join(&self, rooms: impl Rooms) {
        let now = self.hub.runtime().now();
        listed(&rooms, |rooms| self.with(|server, to| server.join_all(now, to, rooms)));
    }

    /// Makes all clients it reaches leave rooms.
    pub fn leave(&self, rooms: impl Rooms) {
        let now = self.hub.runtime().now();
        listed(&rooms, |rooms| self.with(|server, to| server.leave_all(now, to, rooms)));
    }

    /// Disconnects all clients it reaches from the namespace; their connections live on.
    pub fn disconnect(&self) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.disconnect_all_of(now, to, Disconnect::Namespace));
    }

    /// Disconnects all clients it reaches from all their namespaces and closes their connections.
    pub fn disconnect_all(&self) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.disconnect_all_of(now, to, Disconnect::Connection));
    }

    pub(crate) fn hub(&self) -> &Arc<dyn Reach> {
        &self.hub
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.namespace
    }

    /// The clients of one shard that it reaches.
    pub(crate) fn fetch_from(&self, shard: u16) -> Vec<Socket> {
        self.hub.with_cell(shard, |cell| {
            let (server, clients) = (&mut cell.server, &cell.kept);
            let socket = |key: Key| clients.socket(key).cloned();
            self.target_in(shard, |to| server.members(to).filter_map(socket).collect())
        })
    }

    fn with<R>(&self, act: impl FnOnce(&mut Server, &Target<'_>) -> R) -> R {
        self.hub.with(self.shard, |server| self.target(|to| act(server, to)))
    }

    fn target<R>(&self, act: impl FnOnce(&Target<'_>) -> R) -> R {
        self.target_in(self.shard, act)
    }

    /// The target as the core of one shard sees it.
    fn target_in<R>(&self, shard: u16, act: impl FnOnce(&Target<'_>) -> R) -> R {
        let except: Vec<&str> = self.except.iter().map(|room| &**room).collect();
        let rooms: Vec<&str> = self.rooms.iter().flatten().map(|room| &**room).collect();
        let everybody = Target {
            rooms: &rooms,
            except: &except,
            // A key means its client on one shard only.
            skip: self.skip.filter(|_| shard == self.shard),
            volatile: self.volatile,
            ..Target::namespace(&self.namespace)
        };
        if self.rooms.is_some() && rooms.is_empty() {
            // No client is in a namespace without a name.
            return act(&Target { namespace: "", scope: Scope::Shard, ..everybody });
        }
        act(&everybody)
    }
}

impl fmt::Debug for To {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("To")
            .field("namespace", &self.namespace)
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

/// Lends the names of rooms as a list.
fn listed<R>(rooms: &impl Rooms, act: impl FnOnce(&[&str]) -> R) -> R {
    let mut names: Vec<Box<str>> = Vec::new();
    rooms.each(&mut |room| names.push(room.into()));
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    act(&names)
}
