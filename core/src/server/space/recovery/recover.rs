//! How clients are lost and come back, and how events are remembered.

use std::sync::Arc;

use super::history::Given;
use super::log::To;
use super::seek::Newcomer;
use crate::cluster::{Body, Whom};
use crate::error::{Gone, Reason, Refused};
use crate::key::Socket;
use crate::recovery::lost::Lost;
use crate::recovery::offset::{Offset, Reach};
use crate::recovery::pid::Pid;
use crate::server::sessions::session::Goodbye;
use crate::server::space::client::Phase;
use crate::server::space::space::Space;
use crate::server::{Event, Scope, Server, Target};
use crate::socket::ArgsRef;
use crate::socket::encoded::Packet;

impl Server {
    /// A client is new: tells the application. It gets a private id, unless its revision knows none.
    pub(in crate::server::space) fn greet(&mut self, newcomer: Newcomer) {
        let slot = newcomer.socket.0.slot;
        let old = self.space.clients.at(slot).is_none_or(|client| client.id.is_shared());
        if let Some(history) = &mut self.space.history
            && !old
        {
            history.greet(slot);
        }
        let Newcomer { socket, id, namespace, auth, handshake } = newcomer;
        self.outputs.tell(Event::Connect { socket, id, namespace, auth, handshake });
    }

    /// A client is one that was lost: tells the application.
    pub(in crate::server::space) fn welcome_back(
        &mut self,
        newcomer: Newcomer,
        pid: Pid,
        lost: Lost,
    ) {
        let Newcomer { socket, namespace, auth, handshake, .. } = newcomer;
        let id = lost.id;
        // It waits to be admitted.
        if self.adopt(socket, id).is_err() {
            return;
        }
        if let Some(history) = &mut self.space.history {
            history.welcome_back(socket.0.slot, pid, lost);
        }
        self.outputs.tell(Event::Connect { socket, id, namespace, auth, handshake });
    }

    /// Gives a client that is admitted what it had, and sends what it missed.
    ///
    /// # Errors
    /// [`Gone`] when what it missed is not known any more: its session ends, and it will start anew.
    pub(in crate::server::space) fn give_back(
        &mut self,
        socket: Socket,
        session: u32,
    ) -> Result<(), Gone> {
        let now = self.clock.latest();
        let Some(history) = &mut self.space.history else { return Ok(()) };
        let given = history.admit(now, socket.0.slot, &mut self.outputs);
        self.note_deadline();
        match given {
            Given::Nothing => Ok(()),
            Given::Incomplete => {
                self.end(session, Reason::SlowConsumer, Goodbye::SERVER);
                Err(Gone)
            }
            Given::Back { rooms, missed } => {
                for room in rooms {
                    // A name may have become the id of a client of a node that was met since.
                    let _ = self.space.join_room(socket, &room, &mut self.outputs);
                }
                for packet in missed {
                    let packet = self.sessions.fit(session, &packet);
                    self.send_or_end(session, packet);
                }
                Ok(())
            }
        }
    }

    /// Remembers a client that leaves, if it may come back.
    pub(in crate::server::space) fn lose(&mut self, slot: u32, rooms: &[Arc<str>], reason: Reason) {
        let since = self.clock.latest();
        let space = &mut self.space;
        let (Some(history), Some(client)) = (&mut space.history, space.clients.at(slot)) else {
            return;
        };
        let Some(namespace) = space.namespaces.at(client.namespace) else { return };
        if reason.is_recoverable() {
            let (id, namespace, rooms) = (client.id, namespace.name.clone(), rooms.to_vec());
            let (kept, data, brought) = (None, None, None);
            let lost = Lost { since, id, namespace, rooms, kept, data, brought };
            let lost = client.is_member().then_some(lost);
            history.lose(since, slot, lost, &mut self.outputs);
            self.note_deadline();
        }
    }

    /// Whether the application does not know of a client yet.
    pub(in crate::server::space) fn is_unannounced(&self, slot: u32) -> bool {
        self.space.history.as_ref().is_some_and(|history| history.is_sought(slot))
    }

    /// Sends an event to many and remembers it, on all shards: the clients it is for may come back to any
    /// of them.
    #[cold]
    #[inline(never)]
    pub(in crate::server::space) fn broadcast_recorded(
        &mut self,
        to: &Target<'_>,
        name: &str,
        args: ArgsRef<'_>,
    ) {
        if to.scope == Scope::Cluster && self.space.goes_by_stream() {
            return self.broadcast_by_stream(to, name, args);
        }
        let Space { history, encoder, clients, .. } = &mut self.space;
        let Some(history) = history else { return };
        let reach = match to.scope {
            Scope::Cluster | Scope::Process => Reach::All,
            Scope::Shard => Reach::Own,
        };
        let (offset, packet) = history.write(encoder, reach, (to.namespace, name), args);
        let packet = if to.compress { packet } else { packet.plain() };
        let own = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let mut whom =
            Whom { namespace: to.namespace.into(), rooms: own(to.rooms), except: own(to.except) };
        let skip = to.skip.and_then(|socket| clients.get(socket.0));
        whom.except.extend(skip.map(|client| client.id.as_str().into()));
        let whom = Arc::new(whom);
        for peer in self.space.peers_of_recorded(to).into_iter().flatten() {
            let (to, packet) = (whom.clone(), packet.clone());
            let body = Body::Broadcast { to, packet, volatile: false, offset, ask: None };
            self.outputs.post(peer, body);
        }
        if let Some(offset) = offset {
            self.record(whom, offset, &packet);
        }
        self.space.select(to);
        self.fan_out(&packet, false);
    }

    /// Remembers a broadcast.
    pub(in crate::server::space) fn record(
        &mut self,
        to: Arc<Whom>,
        offset: Offset,
        packet: &Packet,
    ) {
        if let Some(history) = &mut self.space.history {
            history.record(offset, To::Target(to), packet.clone());
        }
    }

    /// Sends an event to a client in some form, and remembers it.
    #[cold]
    #[inline(never)]
    pub(in crate::server::space) fn send_recorded(
        &mut self,
        socket: Socket,
        name: &str,
        args: ArgsRef<'_>,
        form: fn(Packet) -> Packet,
    ) -> Result<(), Refused> {
        let is_member = self.space.is_connected(socket);
        if is_member && self.space.goes_by_stream() {
            return self.send_by_stream(socket, name, args, form);
        }
        let Self { config, space, sessions, .. } = self;
        let client = space.clients.get_mut(socket.0).ok_or(Gone)?;
        let namespace = space.namespaces.at(client.namespace).ok_or(Gone)?;
        let history = space.history.as_mut().ok_or(Gone)?;
        let of = (&*namespace.name, name);
        let (offset, packet) = history.write(&mut space.encoder, Reach::Own, of, args);
        let packet = form(packet);
        let (slot, to) = (client.session, To::Client(namespace.name.clone(), client.id));
        let sent = match &mut client.phase {
            Phase::Connected => {
                let packet = sessions.fit(slot, &packet);
                sessions.send(slot, packet)
            }
            Phase::Joining(joining) => {
                joining.hold(packet.clone(), config.limits.max_backlog, (slot, sessions))
            }
        };
        match sent {
            Ok(()) => {
                if let Some(offset) = offset {
                    history.record(offset, to, packet);
                }
                Ok(())
            }
            Err(Refused::Backlog { bytes }) => self.on_slow(slot, bytes),
            Err(refused) => Err(refused),
        }
    }

    /// Takes note of when the history forgets something.
    pub(in crate::server::space) fn note_deadline(&mut self) {
        let history = self.space.history.as_ref();
        if let Some(at) = history.map(|history| history.deadline()) {
            self.sessions.timers.note(at);
        }
    }
}
