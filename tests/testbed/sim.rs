//! What tests hold in their hands: the simulation and its sockets.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::{
    ArgsRef, Bytes, Config, Counts, Disconnect, Gone, Handshake, JoinError, Refused, Server,
    Session,
};
use sansocket::{Misuse, Socket, Target};

use crate::app::App;
use crate::http::upgrade;
use crate::net::World;
use crate::polling::Polling;
use crate::tcp::Tcp;
use crate::trace::Question;
use crate::websocket::WebSocket;

/// A process with its network and clients.
pub struct Sim {
    world: Rc<RefCell<World>>,
}

impl Default for Sim {
    fn default() -> Self {
        Self::new()
    }
}

impl Sim {
    /// A process of one shard with default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with(|_| {})
    }

    /// A process of one shard with other settings.
    #[must_use]
    pub fn with(set: impl FnOnce(&mut Config)) -> Self {
        Self::sharded(1, set)
    }

    /// A process of several shards.
    #[must_use]
    pub fn sharded(count: u16, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        set(&mut config);
        Self { world: Rc::new(RefCell::new(World::new(config, count))) }
    }

    /// Tells the application how to behave.
    pub fn app(&mut self, set: impl FnOnce(&mut App)) {
        set(&mut self.world.borrow_mut().app);
    }

    /// Cuts everything clients send into pieces of so many bytes.
    pub fn chunks(&mut self, bytes: usize) {
        self.world.borrow_mut().chunk = bytes;
    }

    /// Opens a connection.
    #[must_use]
    pub fn tcp(&self) -> Tcp {
        Tcp::open(&self.world)
    }

    /// Opens a session on polling.
    #[must_use]
    pub fn polling(&self) -> Polling {
        self.polling_with("EIO=4")
    }

    /// Opens a session on polling whose query begins so.
    #[must_use]
    pub fn polling_with(&self, query: &str) -> Polling {
        Polling::open(&self.world, &self.path(), query)
    }

    /// Opens a session on WebSocket and leaves its OPEN packet to be read.
    #[must_use]
    pub fn websocket_unread(&self) -> WebSocket {
        self.websocket_with("EIO=4")
    }

    /// Opens a session on WebSocket whose query begins so, and leaves its OPEN packet to be read.
    #[must_use]
    pub fn websocket_with(&self, query: &str) -> WebSocket {
        let mut tcp = self.tcp();
        tcp.send(upgrade(&format!("{}?{query}&transport=websocket", self.path())));
        WebSocket::on(tcp)
    }

    /// Opens a session on WebSocket.
    #[must_use]
    pub fn websocket(&self) -> WebSocket {
        let mut ws = self.websocket_unread();
        assert!(ws.recv().starts_with("0{"));
        ws
    }

    /// Opens a session on WebSocket that is in the main namespace.
    #[must_use]
    pub fn joined(&self) -> WebSocket {
        let mut ws = self.websocket();
        assert_eq!(ws.join("/"), r#"40{"sid":"…"}"#);
        ws
    }

    /// Sends the next handshakes to this shard.
    pub fn on_shard(&mut self, shard: usize) -> &mut Self {
        self.world.borrow_mut().next_shard = shard;
        self
    }

    /// Lets the next connections come from an address.
    pub fn from(&mut self, address: &str) -> &mut Self {
        let address = address.parse().expect("an address");
        self.world.borrow_mut().peer = Some(SocketAddr::new(address, 1));
        self
    }

    /// Chooses the session id of the next handshakes, or leaves it to the shards.
    pub fn own_sid(&mut self, sid: Option<&str>) -> &mut Self {
        self.world.borrow_mut().own_sid = sid.map(str::to_owned);
        self
    }

    /// Holds back messages between shards, or lets them go.
    pub fn hold_mail(&mut self, held: bool) {
        let mut world = self.world.borrow_mut();
        world.mail_held = held;
        world.settle();
    }

    /// Lets time pass.
    pub fn advance(&mut self, ms: u64) {
        self.world.borrow_mut().advance(Duration::from_millis(ms));
    }

    /// Lets time pass up to so many milliseconds after the start.
    pub fn advance_to(&mut self, ms: u64) {
        let mut world = self.world.borrow_mut();
        let to = world.birth + Duration::from_millis(ms);
        let by = to.checked_duration_since(world.now).expect("time does not go back");
        world.advance(by);
    }

    /// Lets time pass without a look at the clock: the process is paused.
    pub fn pause(&mut self, ms: u64) {
        self.world.borrow_mut().now += Duration::from_millis(ms);
    }

    /// Lets time pass up to so many milliseconds after the start, without a look at the clock.
    pub fn pause_to(&mut self, ms: u64) {
        let mut world = self.world.borrow_mut();
        world.now = world.now.max(world.birth + Duration::from_millis(ms));
    }

    /// Takes the events so far.
    pub fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.world.borrow_mut().trace.lines)
    }

    /// What all shards hold together.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut sum = Counts::default();
        for shard in &self.world.borrow().shards {
            let counts = shard.counts();
            sum.sessions += counts.sessions;
            sum.handshakes += counts.handshakes;
            sum.links += counts.links;
            sum.sockets += counts.sockets;
            sum.namespaces += counts.namespaces;
            sum.rooms += counts.rooms;
            sum.questions += counts.questions;
            sum.bytes += counts.bytes;
            sum.heads += counts.heads;
            sum.contexts += counts.contexts;
        }
        sum
    }

    /// How many sessions of all shards gave way, how many handshakes were refused, and how many
    /// sessions were cut off, for want of room.
    #[must_use]
    pub fn turned_away(&self) -> [usize; 3] {
        self.world.borrow().shards.iter().map(Server::counts).fold([0; 3], |[a, b, c], counts| {
            [a + counts.gave_way, b + counts.refused, c + counts.cut_off]
        })
    }

    /// The nth socket that connected, from 1.
    #[must_use]
    pub fn socket(&self, number: usize) -> Member {
        let (shard, socket, id) = self.world.borrow().trace.sockets[number - 1];
        Member { world: self.world.clone(), shard, socket, id: id.to_string() }
    }

    /// The request that the session of the nth socket began with.
    #[must_use]
    pub fn handshake(&self, number: usize) -> Arc<Handshake> {
        self.world.borrow().trace.handshakes[number - 1].clone()
    }

    /// The nth bare session that opened, from 1.
    #[must_use]
    pub fn session(&self, number: usize) -> Session {
        self.world.borrow().trace.sessions[number - 1].1
    }

    /// Runs commands on a shard, then everything that follows from them.
    pub fn on<R>(&self, shard: usize, act: impl FnOnce(&mut Server, Instant) -> R) -> R {
        on(&self.world, shard, act)
    }

    /// Broadcasts from the first shard.
    pub fn broadcast(&self, to: &Target<'_>, name: &str, json: &str) {
        self.on(0, |server, _| server.broadcast(to, name, ArgsRef::from_valid(json, &[])))
            .expect("it can be sent");
    }

    /// Broadcasts a question from the first shard.
    pub fn ask_all(&self, to: &Target<'_>, name: &str, timeout: u64) -> Question {
        self.ask(0, |server, now| {
            let timeout = Duration::from_millis(timeout);
            server.broadcast_with_ack(now, to, name, ArgsRef::NONE, timeout).expect("it is sent")
        })
    }

    /// Asks from the first shard for the matching clients.
    pub fn find(&self, to: &Target<'_>) -> Question {
        self.ask(0, |server, _| server.find(to))
    }

    /// Acknowledges the oldest event that asked for it.
    pub fn acknowledge(&self, json: &str, attachments: &[Bytes]) {
        let owed = self.world.borrow_mut().app.owed.pop_front();
        let (shard, token) = owed.expect("an acknowledgement is owed");
        self.on(shard, |server, _| {
            server.acknowledge(token, ArgsRef::from_valid(json, attachments));
        });
    }

    fn ask(
        &self,
        shard: usize,
        act: impl FnOnce(&mut Server, Instant) -> sansocket::Ticket,
    ) -> Question {
        ask(&self.world, shard, |server, now| Ok(act(server, now))).expect("it always asks")
    }

    fn path(&self) -> String {
        self.world.borrow().shards[0].config().path.clone()
    }
}

/// A socket, as the application sees it.
pub struct Member {
    world: Rc<RefCell<World>>,
    shard: usize,
    /// Its key.
    pub socket: Socket,
    /// Its public id.
    pub id: String,
}

impl Member {
    /// Sends it an event.
    ///
    /// # Errors
    /// As `SocketMut::emit`.
    pub fn emit(&self, name: &str, json: &str) -> Result<(), Refused> {
        self.emit_binary(name, json, &[])
    }

    /// Sends it an event that is never compressed.
    ///
    /// # Errors
    /// As `SocketMut::emit_uncompressed`.
    pub fn emit_uncompressed(&self, name: &str, json: &str) -> Result<(), Refused> {
        self.on(|server, _| {
            let mut socket = server.socket(self.socket).ok_or(Refused::Gone)?;
            socket.emit_uncompressed(name, ArgsRef::from_valid(json, &[]))
        })
    }

    /// Sends it an event with attachments.
    ///
    /// # Errors
    /// As `SocketMut::emit`.
    pub fn emit_binary(
        &self,
        name: &str,
        json: &str,
        attachments: &[Bytes],
    ) -> Result<(), Refused> {
        self.on(|server, _| {
            let mut socket = server.socket(self.socket).ok_or(Refused::Gone)?;
            socket.emit(name, ArgsRef::from_valid(json, attachments))
        })
    }

    /// Sends it an event if that can leave at once.
    ///
    /// # Errors
    /// As `SocketMut::emit_volatile`.
    pub fn emit_volatile(&self, name: &str) -> Result<bool, Misuse> {
        self.on(|server, _| {
            let socket = server.socket(self.socket);
            socket.map_or(Ok(false), |mut socket| socket.emit_volatile(name, ArgsRef::NONE))
        })
    }

    /// Asks it something.
    ///
    /// # Errors
    /// As `SocketMut::emit_with_ack`.
    pub fn ask(&self, name: &str, timeout: u64) -> Result<Question, Refused> {
        ask(&self.world, self.shard, |server, now| {
            let mut socket = server.socket(self.socket).ok_or(Refused::Gone)?;
            socket.emit_with_ack(now, name, ArgsRef::NONE, Duration::from_millis(timeout))
        })
    }

    /// Puts it into a room.
    ///
    /// # Errors
    /// As `SocketMut::join`.
    pub fn join(&self, room: &str) -> Result<bool, JoinError> {
        self.on(|server, _| server.socket(self.socket).ok_or(Gone)?.join(room))
    }

    /// Takes it out of a room.
    #[must_use]
    pub fn leave(&self, room: &str) -> bool {
        self.on(|server, _| server.socket(self.socket).is_some_and(|mut s| s.leave(room)))
    }

    /// The rooms it is in, sorted.
    #[must_use]
    pub fn rooms(&self) -> Vec<String> {
        let mut rooms: Vec<String> = self.on(|server, _| {
            let socket = server.socket(self.socket);
            socket.map_or(Vec::new(), |s| s.rooms().map(str::to_owned).collect())
        });
        rooms.sort_unstable();
        rooms
    }

    /// The transport that carries it.
    #[must_use]
    pub fn transport(&self) -> Option<&'static str> {
        self.on(|server, _| server.socket(self.socket)?.transport())
    }

    /// Bytes that wait for it.
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.on(|server, _| server.socket(self.socket).map_or(0, |socket| socket.backlog()))
    }

    /// Lets it into the namespace it asked for.
    ///
    /// # Errors
    /// As `Server::admit`.
    pub fn admit(&self) -> Result<(), Gone> {
        self.on(|server, now| server.admit(now, self.socket))
    }

    /// Keeps it out of the namespace it asked for.
    ///
    /// # Errors
    /// As `Server::refuse`.
    pub fn refuse(&self, reason: &str) -> Result<(), Gone> {
        self.on(|server, now| server.refuse(now, self.socket, reason))
    }

    /// Disconnects it.
    pub fn disconnect(&self, from: Disconnect) {
        self.on(|server, now| {
            if let Some(mut socket) = server.socket(self.socket) {
                socket.disconnect(now, from);
            }
        });
    }

    /// Closes its connection.
    pub fn close_transport(&self) {
        self.on(|server, now| {
            if let Some(mut socket) = server.socket(self.socket) {
                socket.close_transport(now);
            }
        });
    }

    fn on<R>(&self, act: impl FnOnce(&mut Server, Instant) -> R) -> R {
        on(&self.world, self.shard, act)
    }
}

fn on<R>(world: &RefCell<World>, shard: usize, act: impl FnOnce(&mut Server, Instant) -> R) -> R {
    let world = &mut *world.borrow_mut();
    let result = act(&mut world.shards[shard], world.now);
    world.settle();
    result
}

fn ask(
    world: &RefCell<World>,
    shard: usize,
    act: impl FnOnce(&mut Server, Instant) -> Result<sansocket::Ticket, Refused>,
) -> Result<Question, Refused> {
    let world = &mut *world.borrow_mut();
    let ticket = act(&mut world.shards[shard], world.now)?;
    let question = world.trace.asked(shard, ticket);
    world.settle();
    Ok(question)
}
