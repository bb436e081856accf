//! Some clients of a namespace, and the operations on all of them.

use sansocket::cluster::BusError;
use sansocket::cluster::bus::{Ask, Body, Detail, Flags, To, Unsupported};
use sansocket::{ArgsRef, Disconnect, EventMessage, Scope, Server, Socket as Key, Target};
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crate::args::{IntoArgs, with_args};
use crate::cluster::asked::Asked;
use crate::cluster::bus::Bus;
use crate::log::{log, quoted};
use crate::shards::cell::Cell;
use crate::sockets::answers::fetch::FetchSockets;
use crate::sockets::answers::gather::Gathering;
use crate::sockets::clients::Clients;
use crate::sockets::error::EmitError;
use crate::sockets::extent::{Everywhere, Extent, Local};
use crate::sockets::outgoing::Outgoing;
use crate::sockets::reach::Reach;
use crate::sockets::socket::Socket;
use sansocket_args::Rooms;

/// Some clients of a namespace: those in any of some rooms, or all, minus exceptions. An event sent to
/// them reaches each once; they can be moved between rooms, disconnected and found.
///
/// `R` says whether it reaches [`Everywhere`] or stays within this process, after
/// [`local`](Broadcast::local). A client whose backlog is full is disconnected by a broadcast: it would otherwise miss the event
/// silently. One that is being admitted is passed by.
///
/// ```
/// use sansocket_app::{App, Broadcast, EmitError, Socket};
/// # use sansocket_app::test::TestServer;
///
/// let mut app = App::new();
/// app.on("move", |socket: Socket, game: String, field: u8| -> Result<usize, EmitError> {
///     let others: Broadcast = socket.to([&game, "watchers"]).except("muted");
///     others.emit("moved", &(&game, field))?;
///     Ok(others.local().count())
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
#[must_use = "a broadcast reaches nobody until it is told what to do"]
pub struct Broadcast<R: Extent = Everywhere> {
    hub: Arc<dyn Reach>,
    /// Where it starts: that of the sender, so that its own order is kept.
    shard: u16,
    namespace: Arc<str>,
    /// The rooms listed; without a list all clients are meant.
    rooms: Option<Vec<Box<str>>>,
    except: Vec<Box<str>>,
    skip: Option<Key>,
    volatile: bool,
    compress: bool,
    extent: PhantomData<R>,
}

impl Broadcast {
    pub(crate) fn new(hub: Arc<dyn Reach>, namespace: Arc<str>) -> Self {
        let (rooms, except) = (None, Vec::new());
        let (skip, volatile, compress) = (None, false, true);
        let extent = PhantomData;
        Self { hub, shard: 0, namespace, rooms, except, skip, volatile, compress, extent }
    }

    pub(crate) fn starting_on(self, shard: u16) -> Self {
        Self { shard, ..self }
    }

    pub(crate) fn without(self, sender: Key) -> Self {
        Self { skip: Some(sender), ..self }
    }

    /// Stays within this process.
    pub fn local(self) -> Broadcast<Local> {
        self.into_local()
    }

    /// Finds all clients it reaches, on all servers. Those of this process alone are
    /// [`local`](Self::local)`().`[`sockets`](Broadcast::sockets)`()`, at once.
    pub fn fetch_sockets(&self) -> FetchSockets {
        let everyone = Self::new(self.hub.clone(), self.namespace.clone());
        let here = self.clone().local().found_here();
        let asked = match self.hub.bus() {
            Some(bus) if !self.means_nobody() => bus.ask(|node, now| {
                node.fetch(now, &self.namespace, self.to_everywhere(), Detail::Clients)
            }),
            Some(_) | None => Asked::Nobody,
        };
        FetchSockets::new(here, asked, everyone)
    }

    /// Makes all clients it reaches join rooms. Those already in as many as the limit allows stay
    /// out, and so does everybody from the room named by a client's id.
    ///
    /// # Errors
    /// When other processes are not told: those of this process join all the same.
    #[doc(alias = "socketsJoin")]
    pub fn join(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        listed(&rooms, |rooms| {
            let told = self.check_change(rooms, |to| Body::Join { to, rooms: owned(rooms) });
            self.join_here(rooms);
            told
        })
    }

    /// Makes all clients it reaches leave rooms.
    ///
    /// # Errors
    /// When other processes are not told: those of this process leave all the same.
    #[doc(alias = "socketsLeave")]
    pub fn leave(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        listed(&rooms, |rooms| {
            let told = self.check_change(rooms, |to| Body::Leave { to, rooms: owned(rooms) });
            self.leave_here(rooms);
            told
        })
    }

    /// Disconnects all clients it reaches from the namespace; their connections live on.
    ///
    /// # Errors
    /// When other processes are not told: those of this process are disconnected all the same.
    #[doc(alias = "disconnectSockets")]
    pub fn disconnect(&self) -> Result<(), EmitError> {
        self.order_disconnect(Disconnect::Namespace)
    }

    /// Disconnects all clients it reaches from all their namespaces and closes their connections.
    ///
    /// # Errors
    /// When other processes are not told: those of this process are disconnected all the same.
    pub fn disconnect_and_close(&self) -> Result<(), EmitError> {
        self.order_disconnect(Disconnect::Connection)
    }

    fn order_disconnect(&self, how: Disconnect) -> Result<(), EmitError> {
        let told = self.check_change(&[], |to| Body::Disconnect { to, how });
        self.disconnect_here(how);
        told
    }

    /// Looks whether other processes will be told of a change.
    fn check_change(
        &self,
        rooms: &[&str],
        change: impl FnOnce(To) -> Body,
    ) -> Result<(), EmitError> {
        let Some(bus) = self.hub.bus().filter(|_| !self.means_nobody()) else { return Ok(()) };
        let change = change(self.to_everywhere());
        bus.format().check_change(&change)?;
        let more = owned(rooms);
        let names = self.names().chain(&more);
        let most = bus.format().most_bytes(&self.namespace, names, "", ArgsRef::NONE);
        Ok(bus.check_size(most, |reader| reader.measure(&self.namespace, change))?)
    }
}

impl Broadcast<Local> {
    /// Makes all clients it reaches join rooms. Those already in as many as the limit allows stay
    /// out, and so does everybody from the room named by a client's id.
    #[doc(alias = "socketsJoin")]
    pub fn join(&self, rooms: impl Rooms) {
        listed(&rooms, |rooms| self.join_here(rooms));
    }

    /// Makes all clients it reaches leave rooms.
    #[doc(alias = "socketsLeave")]
    pub fn leave(&self, rooms: impl Rooms) {
        listed(&rooms, |rooms| self.leave_here(rooms));
    }

    /// Disconnects all clients it reaches from the namespace; their connections live on.
    #[doc(alias = "disconnectSockets")]
    pub fn disconnect(&self) {
        self.disconnect_here(Disconnect::Namespace);
    }

    /// Disconnects all clients it reaches from all their namespaces and closes their connections.
    pub fn disconnect_and_close(&self) {
        self.disconnect_here(Disconnect::Connection);
    }

    /// Returns the clients of this process that it reaches.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
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
}

impl Broadcast<Local> {
    /// The clients of this process that it reaches, each with its rooms, that of its id left out.
    pub(crate) fn found_here(&self) -> Vec<(Socket, Vec<String>)> {
        (0..self.hub.shards().count()).flat_map(|shard| self.found_on(shard)).collect()
    }

    fn found_on(&self, shard: u16) -> Vec<(Socket, Vec<String>)> {
        self.hub.with_cell(shard, |cell| {
            let (server, clients) = (&mut cell.server, &cell.kept);
            let keys: Vec<Key> = self.target_in(shard, |to| server.members(to).collect());
            let found = |key| {
                let rooms = server.socket(key)?.rooms().map(str::to_owned).collect();
                Some((clients.socket(key)?.clone(), rooms))
            };
            keys.into_iter().filter_map(found).collect()
        })
    }
}

impl<R: Extent> Broadcast<R> {
    /// Adds rooms, or clients by their ids. A client in several rooms gets one copy.
    ///
    /// A list without a room in it reaches no client rather than all of them.
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

    /// Has the event sent as it is, never compressed: see
    /// [`Socket::emit_uncompressed`](crate::Socket::emit_uncompressed).
    #[doc(alias = "compress")]
    pub fn uncompressed(mut self) -> Self {
        self.compress = false;
        self
    }

    /// Sends an event. A tuple is several arguments, `()` none, anything else one; encoded arguments
    /// are sent as they are, see [`IntoArgs`].
    ///
    /// # Errors
    /// When the arguments have no JSON form or too many attachments, or the event name is reserved.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        with_args(args, |args| self.emit_encoded(event, args))
    }

    /// Sends the event `message`.
    ///
    /// # Errors
    /// When the data has no JSON form or too many attachments.
    pub fn send(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.emit("message", data)
    }

    /// Sends the event `json`.
    ///
    /// # Errors
    /// When the data has no JSON form or too many attachments.
    pub fn send_json(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.emit("json", data)
    }

    /// Sends an event and gathers the acknowledgements that come within `timeout`.
    ///
    /// The event is sent before this returns; the future only waits.
    pub fn emit_with_ack(&self, event: &str, args: impl IntoArgs, timeout: Duration) -> Gathering {
        let sent = with_args(args, |args| self.ask(event, args, timeout));
        sent.unwrap_or_else(Gathering::failed)
    }

    fn join_here(&self, rooms: &[&str]) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.join_all(now, to, rooms));
    }

    fn leave_here(&self, rooms: &[&str]) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.leave_all(now, to, rooms));
    }

    fn disconnect_here(&self, how: Disconnect) {
        let now = self.hub.runtime().now();
        self.with(|server, to| server.disconnect_all_of(now, to, how));
    }

    fn into_local(self) -> Broadcast<Local> {
        let Self { hub, shard, namespace, rooms, except, skip, volatile, compress, extent: _ } =
            self;
        let extent = PhantomData;
        Broadcast { hub, shard, namespace, rooms, except, skip, volatile, compress, extent }
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

    fn emit_encoded(&self, event: &str, args: ArgsRef<'_>) -> Result<(), EmitError> {
        log!(
            trace, "sansocket::event", namespace = ?quoted(&self.namespace),
            event = ?quoted(event), args = ?quoted(args.json()), "broadcast"
        );
        let told = match self.hub.bus() {
            Some(bus) => self.check_bus(bus, event, args)?,
            None => Ok(()),
        };
        self.tell_outgoing(event, args);
        self.with(|server, target| server.broadcast(target, event, args))?;
        Ok(told?)
    }

    fn ask(
        &self,
        event: &str,
        args: ArgsRef<'_>,
        timeout: Duration,
    ) -> Result<Gathering, EmitError> {
        let scope = self.scope_of_question()?;
        if scope == Scope::Cluster {
            self.check_question(event, args, timeout)?;
        }
        self.tell_outgoing(event, args);
        let now = self.hub.runtime().now();
        let ask = |server: &mut Server| {
            self.target(|to| {
                let to = Target { scope: narrower(to.scope, scope), ..*to };
                server.broadcast_with_ack(now, &to, event, args, timeout)
            })
        };
        Ok(self.hub.ask_many(self.shard, ask)?)
    }

    /// Looks whether other processes can be told of an event. What is `Ok` says whether they will be.
    #[cold]
    fn check_bus(
        &self,
        bus: &Bus,
        event: &str,
        args: ArgsRef<'_>,
    ) -> Result<Result<(), BusError>, Unsupported> {
        if R::SCOPE != Scope::Cluster {
            return Ok(Ok(()));
        }
        if !self.except.is_empty() {
            bus.format().check_broadcast(&self.named())?;
        }
        Ok(self.check_size(bus, (event, args), None))
    }

    /// Looks whether the broker carries a question. While too many messages wait for it, clients of this process
    /// are asked all the same.
    fn check_question(
        &self,
        event: &str,
        args: ArgsRef<'_>,
        timeout: Duration,
    ) -> Result<(), BusError> {
        let Some(bus) = self.hub.bus() else { return Ok(()) };
        match self.check_size(bus, (event, args), Some(timeout)) {
            Err(error @ BusError::TooLarge { .. }) => Err(error),
            Ok(()) | Err(_) => Ok(()),
        }
    }

    /// Looks whether the broker carries an event, which has to be acknowledged when `timeout` is given.
    fn check_size(
        &self,
        bus: &Bus,
        (event, args): (&str, ArgsRef<'_>),
        timeout: Option<Duration>,
    ) -> Result<(), BusError> {
        if self.means_nobody() {
            return Ok(());
        }
        let most = bus.format().most_bytes(&self.namespace, self.names(), event, args);
        bus.check_size(most, |reader| {
            let ask = timeout.map(|_| Ask { request: LONGEST.into(), timeout });
            let (to, event) = (self.to_everywhere(), EventMessage::from_args(event, args));
            let body = Body::Broadcast { to, event, flags: Flags::default(), ask };
            reader.measure(&self.namespace, body)
        })
    }

    /// The target as other processes are told of it.
    fn to_everywhere(&self) -> To {
        let skip = self.skip.and_then(|key| {
            let id = |cell: &mut Cell<Clients>| cell.kept.socket(key).map(|own| own.id().into());
            self.hub.with_cell(self.shard, id)
        });
        let mut to = self.named();
        to.except.extend(skip);
        to
    }

    /// How far a question goes. In the format of Python, other processes acknowledge for one client: nobody knows
    /// whether they have members of a room, so a room with members here is refused, and of another one nobody is asked.
    fn scope_of_question(&self) -> Result<Scope, Unsupported> {
        let bus = self.hub.bus().filter(|_| R::SCOPE == Scope::Cluster);
        let Some(Err(unsupported)) = bus.map(|bus| bus.format().check_ask(&self.named())) else {
            return Ok(R::SCOPE);
        };
        match self.clone().into_local().count() {
            0 => Ok(Scope::Process),
            _ => Err(unsupported),
        }
    }

    fn names(&self) -> impl Iterator<Item = &Box<str>> {
        self.rooms.iter().flatten().chain(&self.except)
    }

    /// The names of the target.
    fn named(&self) -> To {
        To { rooms: self.rooms.clone().unwrap_or_default(), except: self.except.clone() }
    }

    /// Whether rooms were listed, but none is among them.
    fn means_nobody(&self) -> bool {
        self.rooms.as_ref().is_some_and(Vec::is_empty)
    }

    fn tell_outgoing(&self, event: &str, args: ArgsRef<'_>) {
        if let Some(hear) = self.hub.outgoing() {
            hear(Outgoing { namespace: &self.namespace, socket: None, event, args });
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut Server, &Target<'_>) -> T) -> T {
        self.hub.with(self.shard, |server| self.target(|to| act(server, to)))
    }

    fn target<T>(&self, act: impl FnOnce(&Target<'_>) -> T) -> T {
        self.target_in(self.shard, act)
    }

    /// The target as the core of one shard sees it.
    fn target_in<T>(&self, shard: u16, act: impl FnOnce(&Target<'_>) -> T) -> T {
        let except: Vec<&str> = self.except.iter().map(|room| &**room).collect();
        let rooms: Vec<&str> = self.rooms.iter().flatten().map(|room| &**room).collect();
        let everybody = Target {
            rooms: &rooms,
            except: &except,
            // A key means its client on one shard only.
            skip: self.skip.filter(|_| shard == self.shard),
            volatile: self.volatile,
            compress: self.compress,
            scope: R::SCOPE,
            ..Target::namespace(&self.namespace)
        };
        if self.means_nobody() {
            // No client is in a namespace without a name.
            return act(&Target { namespace: "", scope: Scope::Shard, ..everybody });
        }
        act(&everybody)
    }
}

impl<R: Extent> fmt::Debug for Broadcast<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Broadcast")
            .field("namespace", &self.namespace)
            .field("rooms", &self.rooms)
            .field("except", &self.except)
            .finish_non_exhaustive()
    }
}

/// The scope that goes less far.
fn narrower(a: Scope, b: Scope) -> Scope {
    match (a, b) {
        (Scope::Shard, _) | (_, Scope::Shard) => Scope::Shard,
        (Scope::Process, _) | (_, Scope::Process) => Scope::Process,
        (Scope::Cluster, Scope::Cluster) => Scope::Cluster,
    }
}

/// Lends the names of rooms as a list.
fn listed<R>(rooms: &impl Rooms, act: impl FnOnce(&[&str]) -> R) -> R {
    let mut names: Vec<Box<str>> = Vec::new();
    rooms.each(&mut |room| names.push(room.into()));
    let names: Vec<&str> = names.iter().map(|name| &**name).collect();
    act(&names)
}

fn owned(rooms: &[&str]) -> Vec<Box<str>> {
    rooms.iter().map(|room| Box::from(*room)).collect()
}

/// A number of a question that is as long as any.
const LONGEST: &str = "9007199254740991";
