//! How clients are lost and come back.

use std::sync::Arc;

use super::history::{Given, only};
use super::log::Entry;
use super::lost::Lost;
use super::offset::Offset;
use crate::cluster::Whom;
use crate::error::{Gone, Reason, Refused};
use crate::key::{Id, Socket};
use crate::server::sessions::session::Goodbye;
use crate::server::space::client::Phase;
use crate::server::{Server, Target};
use crate::socket::ArgsRef;
use crate::socket::encoded::Packet;
use crate::time::Tick;

impl Reason {
    /// Whether a client that left so may come back (socket.io, `RECOVERABLE_DISCONNECT_REASONS`).
    fn is_recoverable(self) -> bool {
        match self {
            Self::ForcedClose
            | Self::PingTimeout
            | Self::ShuttingDown
            | Self::TransportClose
            | Self::TransportError => true,
            Self::ClientDisconnect
            | Self::GaveWay
            | Self::ServerDisconnect
            | Self::SlowConsumer
            | Self::Violation(_) => false,
        }
    }
}

impl Server {
    /// A client asks to join: returns its id, that of a lost client when it is one.
    pub(in crate::server::space) fn arrive(
        &mut self,
        now: Tick,
        (socket, id): (Socket, Id),
        namespace: &str,
        auth: Option<&str>,
    ) -> Id {
        let most = self.config.limits.max_backlog;
        let history = self.space.history.as_mut();
        let before = history.and_then(|all| all.arrive(now, socket.0.slot, namespace, auth, most));
        match before {
            Some(before) if self.adopt(socket, before).is_ok() => before,
            Some(_) | None => id,
        }
    }

    /// Gives a client that is admitted what it had, and sends what it missed. `held` is sent later.
    pub(in crate::server::space) fn give_back(
        &mut self,
        socket: Socket,
        session: u32,
        held: &[Packet],
    ) {
        let Some(history) = &mut self.space.history else { return };
        match history.admit(socket.0.slot) {
            Given::Nothing => {}
            Given::Incomplete => self.end(session, Reason::SlowConsumer, Goodbye::SERVER),
            Given::Back { rooms, missed } => {
                for room in rooms {
                    // A name may have become the id of a client of a node that was met since.
                    let _ = self.space.join_room(socket, &room);
                }
                let missed = missed.into_iter();
                for packet in missed.filter(|packet| !held.iter().any(|held| held.is_same(packet)))
                {
                    self.send_or_end(session, packet);
                }
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
        if let Some(namespace) = space.namespaces.at(client.namespace)
            && client.is_member()
            && reason.is_recoverable()
        {
            let (id, namespace) = (client.id, namespace.name.clone());
            history.lose(slot, Lost { since, id, namespace, rooms: rooms.to_vec() });
        }
    }

    /// Remembers a broadcast of this shard.
    pub(in crate::server::space) fn record(
        &mut self,
        to: &Target<'_>,
        offset: Offset,
        packet: &Packet,
    ) {
        let own = |names: &[&str]| names.iter().map(|&name| name.into()).collect();
        let whom =
            Whom { namespace: to.namespace.into(), rooms: own(to.rooms), except: own(to.except) };
        let skip =
            to.skip.and_then(|socket| self.space.clients.get(socket.0)).map(|client| client.id);
        self.remember(Arc::new(whom), skip, offset, packet);
    }

    /// Remembers a broadcast.
    pub(in crate::server::space) fn remember(
        &mut self,
        to: Arc<Whom>,
        skip: Option<Id>,
        offset: Offset,
        packet: &Packet,
    ) {
        let now = self.clock.latest();
        if let Some(history) = &mut self.space.history {
            history.record(now, Entry::new(now, offset, to, packet.clone()).without(skip));
        }
    }

    /// Sends an event to a client and remembers it.
    #[cold]
    #[inline(never)]
    pub(in crate::server::space) fn send_recorded(
        &mut self,
        socket: Socket,
        name: &str,
        args: ArgsRef<'_>,
    ) -> Result<(), Refused> {
        let Self { config, space, sessions, .. } = self;
        let client = space.clients.get_mut(socket.0).ok_or(Gone)?;
        let namespace = space.namespaces.at(client.namespace).ok_or(Gone)?;
        let history = space.history.as_mut().ok_or(Gone)?;
        let (offset, packet) = history.write(&mut space.encoder, &namespace.name, name, args);
        let (slot, to) = (client.session, only(&namespace.name, client.id));
        let sent = match &mut client.phase {
            Phase::Connected => sessions.send(slot, packet.clone()),
            Phase::Joining(joining) => {
                let held = joining.held.as_mut().ok_or(Gone)?;
                let held = held.push(packet.clone(), config.limits.max_backlog);
                if let (Err(_), Some(session)) = (&held, sessions.at_mut(slot)) {
                    session.congested = true;
                }
                held.map(|cost| sessions.budget.aside += cost)
            }
        };
        match sent {
            Ok(()) => self.remember(to, None, offset, &packet),
            Err(Refused::Backlog { bytes }) => return self.on_slow(slot, bytes),
            Err(refused) => return Err(refused),
        }
        Ok(())
    }
}
