//! How clients join namespaces (socket.io-protocol v5, "Connection to a namespace").

use std::convert::identity;
use std::sync::Arc;
use std::time::Instant;

use crate::engine::terms::Revision;
use crate::error::{Gone, Reason, Refused, Violation};
use crate::key::{Id, Place, Socket};
use crate::server::sessions::session::Goodbye;
use crate::server::sessions::sessions::Sessions;
use crate::server::space::client::{Client, Early, Held, Joining, Phase};
use crate::server::space::life::Life;
use crate::server::space::recovery::seek::Newcomer;
use crate::server::space::space::Space;
use crate::server::{Event, NONE, Server};
use crate::socket::encoded::Packet;
use crate::socket::scan;
use crate::socket::{ArgsRef, EventMessage};
use crate::time::Tick;

impl Server {
    /// Lets a client into the namespace it asked for, answering [`Event::Connect`].
    ///
    /// # Errors
    /// [`Gone`] when the client left or its time was up; admitting twice changes nothing.
    pub fn admit(&mut self, now: Instant, socket: Socket) -> Result<(), Gone> {
        self.enter(now);
        self.free_place(socket);
        let space = &mut self.space;
        let client = space.clients.get_mut(socket.0).ok_or(Gone)?;
        let Phase::Joining(joining) = std::mem::replace(&mut client.phase, Phase::Connected) else {
            return Ok(());
        };
        let held = joining.held.unwrap_or_default();
        self.sessions.budget.aside -= held.bytes();
        let (id, slot) = (client.id, client.session);
        let revision = self.sessions.revision(slot);
        let namespace = space.namespaces.at_mut(client.namespace).ok_or(Gone)?;
        client.position = u32::try_from(namespace.members.len()).unwrap_or(NONE);
        namespace.members.push(socket.0.slot);
        let is_first = namespace.members.len() == 1;
        let pid = space.history.as_ref().and_then(|history| history.pid(socket.0.slot));
        let connect = match (revision, pid) {
            (Revision::V3(_), _) => space.encoder.connect_with(&namespace.name, ""),
            (Revision::V4, None) => space.encoder.connect(&namespace.name, id.as_str()),
            (Revision::V4, Some(pid)) => {
                let payload = format!("{{\"sid\":\"{id}\",\"pid\":\"{pid}\"}}");
                space.encoder.connect_with(&namespace.name, &payload)
            }
        };
        if is_first {
            let place = client.namespace;
            space.tell_members(place, Life::NamespaceCreated, &mut self.outputs);
        }
        self.sessions.introduce(slot);
        if self.space.history.is_some() {
            self.give_back(socket, slot)?;
        }
        self.send_or_end(slot, connect);
        for packet in held.packets {
            let packet = self.sessions.fit(slot, &packet);
            if let Err(Refused::Backlog { .. }) = self.send_event(slot, packet) {
                self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
            }
        }
        for Early { message, id } in held.early {
            // It may be gone: what it was sent was too much.
            if self.space.is_connected(socket) {
                self.deliver(socket, message, id);
            }
        }
        Ok(())
    }

    /// Keeps a client out of the namespace it asked for, answering [`Event::Connect`].
    ///
    /// `reason` is the JSON object that the client's `connect_error` receives, by convention
    /// `{"message":"…"}` with optional `"data"`. A client of Socket.IO 2 receives the data alone, or the
    /// message when there is none.
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
        let space = &mut self.space;
        let client = space.clients.get(socket.0).ok_or(Gone)?;
        if matches!(client.phase, Phase::Connected) {
            return Err(Gone);
        }
        let slot = client.session;
        let namespace = space.namespaces.at(client.namespace).ok_or(Gone)?;
        let reason = self.sessions.revision(slot).reason(reason);
        let packet = space.encoder.connect_error(&namespace.name, reason);
        self.forget_client(socket.0.slot);
        self.send_or_end(slot, packet);
        Ok(())
    }

    /// An event of a client that is not admitted yet. In revision 4 clients wait for the admission; in revision 3
    /// python-socketio does not, as its servers let clients into `/` before they read on.
    ///
    /// # Errors
    /// When the client sent more than `limits.max_payload` that way.
    #[cold]
    #[inline(never)]
    pub(in crate::server) fn on_early(
        &mut self,
        socket: Socket,
        message: EventMessage,
        id: Option<u64>,
    ) -> Result<(), Violation> {
        let Some(client) = self.space.clients.get_mut(socket.0) else { return Ok(()) };
        let Revision::V3(_) = self.sessions.revision(client.session) else { return Ok(()) };
        let Phase::Joining(joining) = &mut client.phase else { return Ok(()) };
        let Some(held) = &mut joining.held else { return Ok(()) };
        let cost = held.push_early(Early { message, id }, self.config.limits.max_payload);
        self.sessions.budget.aside += cost.ok_or(Violation::NotConnected)?;
        Ok(())
    }

    /// The application decided about a client that left meanwhile: its place is free again.
    fn free_place(&mut self, socket: Socket) {
        if self.space.clients.get(socket.0).is_some_and(Client::is_leaving) {
            self.forget_client(socket.0.slot);
        }
    }

    /// A CONNECT packet.
    pub(in crate::server) fn on_connect(
        &mut self,
        now: Tick,
        slot: u32,
        namespace: &str,
        auth: Option<&str>,
    ) -> Result<(), Violation> {
        let Some(session) = self.sessions.at_mut(slot) else { return Ok(()) };
        if let Some((socket, _)) = self.space.client_in(session.clients, namespace) {
            let is_leaving = self.space.clients.get(socket.0).is_some_and(Client::is_leaving);
            // A client that asks again is in, or will be told: there is nothing to add.
            return if is_leaving { Err(Violation::DuplicateConnect) } else { Ok(()) };
        }
        if namespace.len() > self.config.limits.namespace_name {
            return Err(Violation::InvalidPacket);
        }
        if session.joined >= self.config.limits.namespaces {
            return Err(Violation::TooManyNamespaces);
        }
        session.joined += 1;
        session.introduced = true;
        let (handshake, shared) = (session.handshake.clone(), session.shared_id());
        let of = (slot, session.clients, shared);
        let (socket, id, namespace) = self.space.enter(now, of, namespace);
        session.clients = socket.0.slot;
        self.sessions.timers.note(self.space.deadline());
        let auth = auth.map(Box::from);
        if self.space.history.is_some() {
            self.arrive(now, Newcomer { socket, id, namespace, auth, handshake });
            return Ok(());
        }
        self.outputs.tell(Event::Connect { socket, id, namespace, auth, handshake });
        Ok(())
    }

    /// Refuses the clients about whom the application did not decide in time.
    pub(in crate::server) fn expire_admissions(&mut self, now: Tick) {
        while let Some(slot) = self.space.expired_admission(now) {
            let space = &mut self.space;
            let Some(client) = space.clients.at(slot) else { return };
            if client.is_leaving() {
                self.forget_client(slot);
                continue;
            }
            let (session, place, socket) = (client.session, client.namespace, Socket(client.key));
            let Some(namespace) = space.namespaces.at(place) else { return };
            let reason = self.sessions.revision(session).reason("{\"message\":\"timed out\"}");
            let packet = space.encoder.connect_error(&namespace.name, reason);
            let is_unannounced = self.is_unannounced(slot);
            self.forget_client(slot);
            let reason = Reason::Violation(Violation::ConnectTimeout);
            if !is_unannounced {
                self.outputs.tell(Event::Disconnect { socket, reason, rooms: Vec::new() });
            }
            self.send_or_end(session, packet);
        }
    }

    /// Sends an event to a client, or holds it until the client is admitted.
    #[inline(always)]
    pub(in crate::server) fn send_to(
        &mut self,
        socket: Socket,
        name: &str,
        args: ArgsRef<'_>,
        id: Option<u64>,
    ) -> Result<(), Refused> {
        if self.space.history.is_some() && id.is_none() {
            return self.send_recorded(socket, name, args, identity);
        }
        let Self { config, space, sessions, .. } = self;
        let client = space.clients.get_mut(socket.0).ok_or(Gone)?;
        let namespace = space.namespaces.at(client.namespace).ok_or(Gone)?;
        let slot = client.session;
        let draft = space.encoder.event(&namespace.name, name, args, id);
        let sent = match &mut client.phase {
            Phase::Connected => sessions.send_draft(slot, draft),
            Phase::Joining(joining) => {
                joining.hold(draft.packet(), config.limits.max_backlog, (slot, sessions))
            }
        };
        match sent {
            Err(Refused::Backlog { bytes }) => self.on_slow(slot, bytes),
            sent => sent,
        }
    }
}

impl Server {
    /// The same for an event that is never to be compressed.
    pub(in crate::server) fn send_plain_to(
        &mut self,
        socket: Socket,
        name: &str,
        args: ArgsRef<'_>,
    ) -> Result<(), Refused> {
        if self.space.history.is_some() {
            return self.send_recorded(socket, name, args, Packet::plain);
        }
        let Self { config, space, sessions, .. } = self;
        let client = space.clients.get_mut(socket.0).ok_or(Gone)?;
        let namespace = space.namespaces.at(client.namespace).ok_or(Gone)?;
        let slot = client.session;
        let packet = space.encoder.event(&namespace.name, name, args, None).packet().plain();
        match &mut client.phase {
            Phase::Connected => {
                let packet = sessions.fit(slot, &packet);
                self.send_event(slot, packet)
            }
            Phase::Joining(joining) => {
                match joining.hold(packet, config.limits.max_backlog, (slot, sessions)) {
                    Err(Refused::Backlog { bytes }) => self.on_slow(slot, bytes),
                    held => held,
                }
            }
        }
    }
}

impl Joining {
    /// Holds a packet back, for the session in a slot, until the client is admitted.
    #[cold]
    pub(super) fn hold(
        &mut self,
        packet: Packet,
        max_backlog: usize,
        (slot, sessions): (u32, &mut Sessions),
    ) -> Result<(), Refused> {
        let held = self.held.as_mut().ok_or(Gone)?;
        let held = held.push(packet, max_backlog);
        if let (Err(_), Some(session)) = (&held, sessions.at_mut(slot)) {
            session.congested = true;
        }
        held.map(|cost| sessions.budget.aside += cost)
    }
}

impl Revision {
    /// What a client is told of the object that an application refuses it with.
    fn reason(self, reason: &str) -> &str {
        let data = || scan::member(reason, "data").filter(|data| !FALSY.contains(data));
        match self {
            Self::V3(_) => data().or_else(|| scan::member(reason, "message")).unwrap_or(reason),
            Self::V4 => reason,
        }
    }
}

/// Values that are no data to the JavaScript server.
const FALSY: [&str; 4] = ["null", "false", "0", "\"\""];

impl Space {
    /// Makes a client that waits to be admitted, of a session and in front of its first client; `shared`
    /// is the id of all clients of the session, when they have one.
    fn enter(
        &mut self,
        now: Tick,
        (session, sibling, shared): (u32, u32, Option<Id>),
        namespace: &str,
    ) -> (Socket, Id, Arc<str>) {
        let (place, name) = self.namespaces.enter(namespace);
        let (mint, admissions) = (&mut self.mint, &mut self.admissions);
        let shard = self.shard.index;
        let mut public = None;
        let key = self.clients.insert(|key| {
            let id = shared.unwrap_or_else(|| mint.issue(Place { shard, slot: key.slot }));
            public = Some(id);
            Client {
                key,
                session,
                sibling,
                namespace: place,
                position: NONE,
                stamp: 0,
                id,
                phase: Phase::Joining(Box::new(Joining {
                    due: admissions.arm(now, key.slot),
                    held: Some(Held::default()),
                })),
                rooms: Vec::new(),
                pending: Vec::new(),
            }
        });
        if let Some(id) = shared {
            self.shared.insert(id, place, key.slot);
        }
        self.compact_admissions();
        (Socket(key), public.expect("a client was made"), name)
    }

    /// The next client about which the application did not decide in time.
    fn expired_admission(&mut self, now: Tick) -> Option<u32> {
        let due = |slot| self.clients.at(slot).map_or(Tick::NEVER, Client::admission_due);
        self.admissions.expired(now, due).map(|(_, slot)| slot)
    }

    /// Drops the deadlines of clients that left before these came: a client can make new ones as often
    /// as it likes.
    fn compact_admissions(&mut self) {
        let Self { admissions, clients, .. } = self;
        let due = |slot| clients.at(slot).map_or(Tick::NEVER, Client::admission_due);
        admissions.compact(clients.len(), due);
    }
}
