//! Namespaces: who is in them, and how clients join and leave (socket.io-protocol v5, "Connection to
//! a namespace").

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

use crate::error::{Gone, Misuse, Reason, Refused, Violation};
use crate::hash::Seeded;
use crate::key::{Id, Key, Slab, Socket};
use crate::server::sessions::session::Goodbye;
use crate::server::space::ack::Pending;
use crate::server::space::room::{Far, Membership, Room};
use crate::server::{Event, NONE, Server};
use crate::slack::Slack as _;
use crate::socket::encoded::Packet;
use crate::socket::scan;
use crate::time::Tick;

/// One client in one namespace.
#[derive(Debug)]
pub(in crate::server) struct Client {
    pub(in crate::server) key: Key,
    pub(in crate::server) session: u32,
    /// Next client of the same session.
    pub(in crate::server) sibling: u32,
    pub(in crate::server) namespace: u32,
    /// Where it stands among the namespace's members.
    pub(in crate::server) position: u32,
    /// The last broadcast that considered it: one packet each, however many rooms overlap.
    pub(in crate::server) stamp: u32,
    pub(in crate::server) id: Id,
    phase: Phase,
    /// Bounded by `limits.rooms`.
    pub(in crate::server) rooms: Vec<Membership>,
    /// Questions it has not answered, oldest first. Bounded by whoever asks.
    pub(in crate::server) pending: Vec<Pending>,
}

const _: () = assert!(size_of::<Client>() <= 120, "a client is held per connection");

#[derive(Debug)]
enum Phase {
    /// The application has not decided.
    Joining(Box<Joining>),
    Connected,
}

#[derive(Debug)]
struct Joining {
    /// When the application must have decided.
    due: Tick,
    /// What follows the admission; nothing when the client has left meanwhile. Its place stays taken
    /// all the same: otherwise it could have the application decide about any number at a time.
    held: Option<Held>,
}

/// What the application emits before it decides.
#[derive(Debug, Default)]
struct Held {
    packets: Vec<Packet>,
    /// What they cost. Bounded by `limits.max_backlog`.
    bytes: usize,
}

/// One namespace of the shard; exists while somebody is in it.
#[derive(Debug)]
pub(in crate::server) struct Namespace {
    pub(in crate::server) name: Arc<str>,
    /// Clients, admitted or not.
    pub(in crate::server) clients: u32,
    /// Admitted clients.
    pub(in crate::server) members: Vec<u32>,
    pub(in crate::server) rooms: Slab<Room>,
    pub(in crate::server) room_names: HashMap<Arc<str>, u32, Seeded>,
}

impl Client {
    /// Whether it was admitted, so that broadcasts reach it.
    pub(in crate::server) fn is_member(&self) -> bool {
        self.position != NONE
    }

    /// Whether only its place is left of it.
    pub(in crate::server) fn is_leaving(&self) -> bool {
        matches!(&self.phase, Phase::Joining(joining) if joining.held.is_none())
    }

    /// When the application must have decided about it.
    pub(in crate::server) fn admission_due(&self) -> Tick {
        match &self.phase {
            Phase::Joining(joining) => joining.due,
            Phase::Connected => Tick::NEVER,
        }
    }

    /// Bytes that wait for the application to decide about it.
    pub(in crate::server) fn bytes_held(&self) -> usize {
        match &self.phase {
            Phase::Joining(joining) => joining.held.as_ref().map_or(0, |held| held.bytes),
            Phase::Connected => 0,
        }
    }
}

#[cfg(feature = "fuzz")]
impl Client {
    /// What [`bytes_held`](Self::bytes_held) returns, counted anew.
    pub(in crate::server) fn bytes_recounted(&self) -> usize {
        match &self.phase {
            Phase::Joining(joining) => {
                let packets = joining.held.iter().flat_map(|held| &held.packets);
                packets.map(Packet::cost).sum()
            }
            Phase::Connected => 0,
        }
    }
}

/// All namespaces of the shard. Bounded by sessions × `limits.namespaces`.
#[derive(Debug)]
pub(in crate::server) struct Namespaces {
    slab: Slab<Namespace>,
    names: HashMap<Arc<str>, u32, Seeded>,
    /// Rooms of all of them.
    pub(in crate::server) rooms: usize,
    pub(in crate::server) far: Far,
}

impl Namespaces {
    pub(in crate::server) fn new(hasher: Seeded) -> Self {
        let (names, far) = (HashMap::with_hasher(hasher.clone()), Far::new(hasher));
        Self { slab: Slab::new(), names, rooms: 0, far }
    }

    pub(in crate::server) fn find(&self, name: &str) -> Option<u32> {
        self.names.get(name).copied()
    }

    pub(in crate::server) fn at(&self, slot: u32) -> Option<&Namespace> {
        self.slab.at(slot)
    }

    pub(in crate::server) fn at_mut(&mut self, slot: u32) -> Option<&mut Namespace> {
        self.slab.at_mut(slot)
    }

    pub(in crate::server) fn len(&self) -> usize {
        self.slab.len()
    }

    /// All there are.
    pub(in crate::server) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Namespace> {
        self.slab.values_mut()
    }

    #[cfg(feature = "fuzz")]
    pub(in crate::server) fn iter(&self) -> impl Iterator<Item = &Namespace> {
        self.slab.keys().filter_map(|key| self.slab.get(key))
    }

    /// Counts a client in, making the namespace when it is the first.
    fn enter(&mut self, name: &str) -> (u32, Arc<str>) {
        if let Some(slot) = self.find(name)
            && let Some(namespace) = self.slab.at_mut(slot)
        {
            namespace.clients += 1;
            return (slot, namespace.name.clone());
        }
        let name: Arc<str> = name.into();
        let hasher = self.names.hasher().clone();
        let key = self.slab.insert(|_| Namespace {
            name: name.clone(),
            clients: 1,
            members: Vec::new(),
            rooms: Slab::new(),
            room_names: HashMap::with_hasher(hasher),
        });
        self.names.insert(name.clone(), key.slot);
        (key.slot, name)
    }

    /// Counts a client out, dropping the namespace with the last.
    fn exit(&mut self, slot: u32) {
        let Some(namespace) = self.slab.at_mut(slot) else { return };
        namespace.clients -= 1;
        if namespace.clients > 0 {
            return;
        }
        self.names.remove(&namespace.name);
        self.names.tighten();
        if let Some(key) = self.slab.key(slot) {
            self.slab.remove(key);
        }
    }
}

impl Server {
    /// Lets a client into the namespace it asked for, answering [`Event::Connect`].
    ///
    /// # Errors
    /// [`Gone`] when the client left or its time was up; admitting twice changes nothing.
    pub fn admit(&mut self, now: Instant, socket: Socket) -> Result<(), Gone> {
        self.enter(now);
        self.free_place(socket);
        let client = self.clients.get_mut(socket.0).ok_or(Gone)?;
        let Phase::Joining(joining) = std::mem::replace(&mut client.phase, Phase::Connected) else {
            return Ok(());
        };
        let held = joining.held.unwrap_or_default();
        self.aside -= held.bytes;
        let (id, slot) = (client.id, client.session);
        let namespace = self.namespaces.at_mut(client.namespace).ok_or(Gone)?;
        client.position = u32::try_from(namespace.members.len()).unwrap_or(NONE);
        namespace.members.push(socket.0.slot);
        let connect = self.encoder.connect(&namespace.name, id.as_str());
        self.introduce(slot);
        self.send_or_end(slot, connect);
        for packet in held.packets {
            if let Err(Refused::Backlog { .. }) = self.send_event(slot, packet) {
                self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
            }
        }
        Ok(())
    }

    /// Keeps a client out of the namespace it asked for, answering [`Event::Connect`].
    ///
    /// `reason` is the JSON object that the client's `connect_error` receives, by convention
    /// `{"message":"…"}` with optional `"data"`.
    ///
    /// # Errors
    /// [`Gone`] when the client left or was admitted already.
    ///
    /// # Panics
    /// In debug builds, when `reason` is not a JSON object.
    pub fn refuse(&mut self, now: Instant, socket: Socket, reason: &str) -> Result<(), Gone> {
        debug_assert!(scan::object(reason).is_ok(), "a refusal is a JSON object");
        self.enter(now);
        self.free_place(socket);
        let client = self.clients.get(socket.0).ok_or(Gone)?;
        if matches!(client.phase, Phase::Connected) {
            return Err(Gone);
        }
        let slot = client.session;
        let namespace = self.namespaces.at(client.namespace).ok_or(Gone)?;
        let packet = self.encoder.connect_error(&namespace.name, reason);
        self.forget_client(socket.0.slot);
        self.send_or_end(slot, packet);
        Ok(())
    }

    /// The application decided about a client that left meanwhile: its place is free again.
    fn free_place(&mut self, socket: Socket) {
        if self.clients.get(socket.0).is_some_and(Client::is_leaving) {
            self.forget_client(socket.0.slot);
        }
    }

    /// Whether the client is in its namespace, that is admitted and not gone.
    #[must_use]
    pub fn is_connected(&self, socket: Socket) -> bool {
        self.clients.get(socket.0).is_some_and(|client| matches!(client.phase, Phase::Connected))
    }

    /// A CONNECT packet.
    pub(in crate::server) fn on_connect(
        &mut self,
        now: Tick,
        slot: u32,
        namespace: &str,
        auth: Option<&str>,
    ) -> Result<(), Violation> {
        if let Some((socket, _)) = self.client_in(slot, namespace) {
            let is_leaving = self.clients.get(socket.0).is_some_and(Client::is_leaving);
            // A client that asks again is in, or will be told: there is nothing to add.
            return if is_leaving { Err(Violation::DuplicateConnect) } else { Ok(()) };
        }
        if namespace.len() > self.config.limits.namespace_name {
            return Err(Violation::InvalidPacket);
        }
        let Some(session) = self.sessions.at_mut(slot) else { return Ok(()) };
        if session.joined >= self.config.limits.namespaces {
            return Err(Violation::TooManyNamespaces);
        }
        session.joined += 1;
        session.introduced = true;
        let (sibling, handshake) = (session.clients, session.handshake.clone());
        let (place, name) = self.namespaces.enter(namespace);
        let (mint, rng, shard) = (&self.mint, &mut self.rng, self.shard);
        let timers = &mut self.timers;
        let key = self.clients.insert(|key| Client {
            key,
            session: slot,
            sibling,
            namespace: place,
            position: NONE,
            stamp: 0,
            id: mint.issue(rng, shard, key.slot),
            phase: Phase::Joining(Box::new(Joining {
                due: timers.arm_admission(now, key.slot),
                held: Some(Held::default()),
            })),
            rooms: Vec::new(),
            pending: Vec::new(),
        });
        session.clients = key.slot;
        let Some(id) = self.clients.at(key.slot).map(|client| client.id) else { return Ok(()) };
        let auth = auth.map(Box::from);
        let socket = Socket(key);
        self.events.push_back(Event::Connect { socket, id, namespace: name, auth, handshake });
        self.compact_timers();
        Ok(())
    }

    /// Refuses the clients about whom the application did not decide in time.
    pub(in crate::server) fn expire_admissions(&mut self, now: Tick) {
        loop {
            let due = |slot| self.clients.at(slot).map_or(Tick::NEVER, Client::admission_due);
            let Some(slot) = self.timers.expired_admission(now, due) else { return };
            let Some(client) = self.clients.at(slot) else { return };
            if client.is_leaving() {
                self.forget_client(slot);
                continue;
            }
            let (session, place, socket) = (client.session, client.namespace, Socket(client.key));
            let Some(namespace) = self.namespaces.at(place) else { return };
            let reason = "{\"message\":\"timed out\"}";
            let packet = self.encoder.connect_error(&namespace.name, reason);
            self.forget_client(slot);
            let reason = Reason::Violation(Violation::ConnectTimeout);
            self.events.push_back(Event::Disconnect { socket, reason, rooms: Vec::new() });
            self.send_or_end(session, packet);
        }
    }

    /// Sends a packet to a client, or holds it until the client is admitted.
    pub(in crate::server) fn send_to(
        &mut self,
        socket: Socket,
        packet: Packet,
    ) -> Result<(), Refused> {
        let client = self.clients.get_mut(socket.0).ok_or(Gone)?;
        match &mut client.phase {
            Phase::Connected => {
                let slot = client.session;
                self.send_event(slot, packet)
            }
            Phase::Joining(joining) => {
                let held = joining.held.as_mut().ok_or(Refused::Gone)?;
                let bytes = held.bytes;
                if bytes >= self.config.limits.max_backlog {
                    let slot = client.session;
                    if let Some(session) = self.sessions.at_mut(slot) {
                        session.congested = true;
                    }
                    return self.on_slow(slot, bytes);
                }
                held.bytes += packet.cost();
                self.aside += packet.cost();
                held.packets.push(packet);
                Ok(())
            }
        }
    }

    /// The session's client in that namespace, and whether it was admitted.
    ///
    /// Inlined where it is called: every packet of a client asks.
    #[inline(always)]
    pub(in crate::server) fn client_in(
        &self,
        slot: u32,
        namespace: &str,
    ) -> Option<(Socket, bool)> {
        let mut next = self.sessions.at(slot)?.clients;
        loop {
            let client = self.clients.at(next)?;
            if &*self.namespaces.at(client.namespace)?.name == namespace {
                return Some((Socket(client.key), client.is_member()));
            }
            next = client.sibling;
        }
    }

    /// A DISCONNECT packet.
    pub(in crate::server) fn on_disconnect(&mut self, socket: Socket) {
        let Some(client) = self.clients.get_mut(socket.0) else { return };
        let Phase::Joining(joining) = &mut client.phase else {
            return self.remove_client(socket.0.slot, Reason::ClientDisconnect);
        };
        let Some(held) = joining.held.take() else { return };
        self.aside -= held.bytes;
        let rooms = self.rooms_of(socket).cloned().collect();
        self.leave_all_rooms(socket.0.slot);
        self.abandon_questions(socket.0.slot);
        self.events.push_back(Event::Disconnect {
            socket,
            reason: Reason::ClientDisconnect,
            rooms,
        });
    }

    /// The clients of a session, from its first, but those of which only the place is left.
    pub(in crate::server) fn present(&self, first: u32) -> impl Iterator<Item = Socket> {
        let here = |socket: &Socket| self.clients.get(socket.0).is_some_and(|c| !c.is_leaving());
        self.siblings(first).filter(here)
    }

    /// The clients of a session, from its first.
    pub(in crate::server) fn siblings(&self, first: u32) -> impl Iterator<Item = Socket> {
        let mut next = first;
        std::iter::from_fn(move || {
            let client = self.clients.at(next)?;
            next = client.sibling;
            Some(Socket(client.key))
        })
    }

    /// Takes a client out of everything and tells the application, unless it knows.
    pub(in crate::server) fn remove_client(&mut self, slot: u32, reason: Reason) {
        let Some(socket) = self.clients.key(slot).map(Socket) else { return };
        if self.clients.at(slot).is_some_and(Client::is_leaving) {
            return self.forget_client(slot);
        }
        let rooms = self.rooms_of(socket).cloned().collect();
        self.forget_client(slot);
        self.events.push_back(Event::Disconnect { socket, reason, rooms });
    }

    /// Takes a client out of every index: rooms, questions, namespace, session.
    fn forget_client(&mut self, slot: u32) {
        self.leave_all_rooms(slot);
        self.abandon_questions(slot);
        let Some(key) = self.clients.key(slot) else { return };
        let Some(client) = self.clients.remove(key) else { return };
        self.aside -= client.bytes_held();
        if let Some(namespace) = self.namespaces.at_mut(client.namespace)
            && client.position != NONE
        {
            namespace.members.swap_remove(client.position as usize);
            namespace.members.tighten();
            let moved = namespace.members.get(client.position as usize);
            if let Some(moved) = moved.and_then(|&moved| self.clients.at_mut(moved)) {
                moved.position = client.position;
            }
        }
        self.namespaces.exit(client.namespace);
        self.unlink(client.session, slot, client.sibling);
    }

    /// Takes a client out of its session's list.
    fn unlink(&mut self, session: u32, slot: u32, next: u32) {
        let Some(session) = self.sessions.at_mut(session) else { return };
        session.joined -= 1;
        if session.clients == slot {
            session.clients = next;
            return;
        }
        let mut at = session.clients;
        while let Some(client) = self.clients.at_mut(at) {
            if client.sibling == slot {
                client.sibling = next;
                return;
            }
            at = client.sibling;
        }
    }
}

/// Event names that Socket.IO keeps for itself.
pub(in crate::server) fn check_name(name: &str) -> Result<(), Misuse> {
    const RESERVED: [&str; 6] = [
        "connect",
        "connect_error",
        "disconnect",
        "disconnecting",
        "newListener",
        "removeListener",
    ];
    if RESERVED.contains(&name) { Err(Misuse::ReservedEvent) } else { Ok(()) }
}
