//! One client's slice of the server.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::cluster::Disconnect;
use crate::error::{Misuse, Reason, Refused};
use crate::key::{Id, Place, Socket};
use crate::server::event::Ticket;
use crate::server::space::adopted::Whereabouts;
use crate::server::space::client::Client;
use crate::server::space::room::JoinError;
use crate::server::{NONE, Server, Target};
use crate::socket::{Args, ArgsRef};

/// Everything that concerns one client, borrowed from its server.
#[derive(Debug)]
pub struct SocketMut<'a> {
    server: &'a mut Server,
    socket: Socket,
}

impl Server {
    /// Borrows one client; `None` when it has disconnected.
    pub fn socket(&mut self, socket: Socket) -> Option<SocketMut<'_>> {
        self.space.clients.get(socket.0).filter(|client| !client.is_leaving())?;
        Some(SocketMut { server: self, socket })
    }

    /// Returns the shard of this process that has the client with that public id, or had it last;
    /// `None` when the client is on another node, and when the text is no id.
    #[must_use]
    pub fn shard_of(&self, id: &str) -> Option<u16> {
        match self.space.whereabouts(id) {
            Whereabouts::Client(Place { shard, .. }) | Whereabouts::Session(shard) => {
                Some(shard).filter(|&at| at < self.shard.count)
            }
            Whereabouts::Node | Whereabouts::Room => None,
        }
    }
}

impl SocketMut<'_> {
    /// Sends an event. Before the client is admitted it is held back until then.
    ///
    /// # Errors
    /// [`Refused::Backlog`] when the client reads too slowly, unless [`Config::slow`] says otherwise;
    /// [`Refused::Misuse`] when the event cannot be sent at all.
    ///
    /// [`Config::slow`]: crate::Config::slow
    pub fn emit(&mut self, name: &str, args: ArgsRef<'_>) -> Result<(), Refused> {
        self.server.space.check_event(name, args)?;
        self.server.send_to(self.socket, name, args, None)
    }

    /// Sends an event if it can leave at once, and says whether it was sent.
    ///
    /// # Errors
    /// [`Misuse`] when the event cannot be sent at all.
    pub fn emit_volatile(&mut self, name: &str, args: ArgsRef<'_>) -> Result<bool, Misuse> {
        let space = &mut self.server.space;
        space.check_event(name, args)?;
        let Some(client) = space.clients.get(self.socket.0).filter(|client| client.is_member())
        else {
            return Ok(false);
        };
        let slot = client.session;
        let Some(namespace) = space.namespaces.at(client.namespace) else { return Ok(false) };
        let packet = space.encoder.event(&namespace.name, name, args, None).packet();
        Ok(self.server.sessions.send_volatile(slot, packet))
    }

    /// Sends an event that is never compressed, as if it was short: text that is secret beside text that others
    /// choose, or data that is compressed already. A polling answer with nothing else is not compressed either.
    ///
    /// # Errors
    /// As for [`emit`](Self::emit).
    pub fn emit_uncompressed(&mut self, name: &str, args: ArgsRef<'_>) -> Result<(), Refused> {
        self.server.space.check_event(name, args)?;
        self.server.send_plain_to(self.socket, name, args)
    }

    /// Sends an event that asks for an acknowledgement; the outcome comes as
    /// [`Event::Ack`](crate::server::Event), exactly once, after `timeout` at the latest.
    ///
    /// # Errors
    /// As for [`emit`](Self::emit), and [`Refused::TooManyQuestions`] when the client owes too many
    /// answers; then no outcome follows.
    pub fn emit_with_ack(
        &mut self,
        now: Instant,
        name: &str,
        args: ArgsRef<'_>,
        timeout: Duration,
    ) -> Result<Ticket, Refused> {
        self.server.ask(now, self.socket, (name, args), timeout)
    }

    /// Puts the client into a room; `false` when it was in it.
    ///
    /// # Errors
    /// [`JoinError::Misuse`] for another client's own room, or one room too many.
    pub fn join(&mut self, room: &str) -> Result<bool, JoinError> {
        self.server.space.join_room(self.socket, room, &mut self.server.outputs)
    }

    /// Takes the client out of a room; `false` when it was not in it.
    pub fn leave(&mut self, room: &str) -> bool {
        self.server.space.leave_room(self.socket, room, &mut self.server.outputs)
    }

    /// Returns the rooms the client is in, without the one named by its id.
    pub fn rooms(&self) -> impl Iterator<Item = &str> {
        self.server.space.rooms_of(self.socket).map(|room| &**room)
    }

    /// Returns the client's public id. In other namespaces than `/`, a client of Socket.IO 2 is known by
    /// what [`Id::text_in`] returns.
    #[must_use]
    pub fn id(&self) -> Option<Id> {
        self.client().map(|client| client.id)
    }

    /// Whether the client was lost and came back, with its id, its rooms and the events it missed: see
    /// [`Config::recovery`](crate::Config::recovery). Known from [`Event::Connect`](crate::server::Event)
    /// on; the rooms and the events are given when it is admitted.
    #[must_use]
    pub fn recovered(&self) -> bool {
        let history = self.server.space.history.as_ref();
        self.client().is_some()
            && history.is_some_and(|history| history.is_back(self.socket.0.slot))
    }

    /// Attaches a value to the client, for when its connection is lost and it comes back; returns whether
    /// the client can. [`Event::Forgotten`](crate::server::Event) returns it when it will not.
    pub fn keep(&mut self, kept: Arc<dyn Any + Send + Sync>) -> bool {
        let is_here = self.client().is_some();
        let history = self.server.space.history.as_mut().filter(|_| is_here);
        history.is_some_and(|history| history.keep(self.socket.0.slot, kept))
    }

    /// Returns the value that was attached to the client.
    #[must_use]
    pub fn kept(&self) -> Option<Arc<dyn Any + Send + Sync>> {
        self.client()?;
        self.server.space.history.as_ref()?.kept(self.socket.0.slot)
    }

    /// Attaches what all processes of a cluster may see to the client, for when its connection is lost and it comes back
    /// to another process: an array of one value, or of none. Only a cluster in
    /// [`Format::Streams`](crate::cluster::bus::Format) has use for it.
    pub fn attach(&mut self, data: Args) {
        let is_here = self.client().is_some();
        if let Some(history) = self.server.space.history.as_mut().filter(|_| is_here) {
            history.attach(self.socket.0.slot, data);
        }
    }

    /// Returns what was attached to the client, by the process that it was lost on if it came back.
    #[must_use]
    pub fn attached(&self) -> Option<&Args> {
        self.client()?;
        self.server.space.history.as_ref()?.attached(self.socket.0.slot)
    }

    /// Returns the transport that carries the client now: `"polling"`, `"websocket"` or
    /// `"webtransport"`.
    #[must_use]
    pub fn transport(&self) -> Option<&'static str> {
        let session = self.server.sessions.at(self.client()?.session)?;
        Some(session.transport_name())
    }

    /// Returns the memory, in bytes, of the packets that wait for the client: counted as for
    /// [`Limits::max_backlog`](crate::Limits::max_backlog).
    #[must_use]
    pub fn backlog(&self) -> usize {
        let session = self.client().and_then(|client| self.server.sessions.at(client.session));
        session.map_or(0, |session| session.outbox.bytes())
    }

    /// Whether something was refused for the client's backlog and [`Event::Drain`](crate::server::Event) is
    /// still to come.
    #[must_use]
    pub fn is_congested(&self) -> bool {
        let session = self.client().and_then(|client| self.server.sessions.at(client.session));
        session.is_some_and(|session| session.congested)
    }

    /// Disconnects the client.
    pub fn disconnect(&mut self, now: Instant, from: Disconnect) {
        let now = self.server.enter(now);
        let Some(slot) = self.client().map(|client| client.session) else { return };
        if from == Disconnect::Namespace {
            return self.server.expel(self.socket);
        }
        let first = self.server.sessions.at(slot).map_or(NONE, |session| session.clients);
        let sockets: Vec<Socket> = self.server.space.present(first).collect();
        for socket in sockets {
            self.server.expel(socket);
        }
        self.server.wind_down(now, slot, Reason::ForcedClose);
    }

    /// Closes the client's connection without telling its namespaces first.
    pub fn close_transport(&mut self, now: Instant) {
        let now = self.server.enter(now);
        if let Some(slot) = self.client().map(|client| client.session) {
            self.server.wind_down(now, slot, Reason::ForcedClose);
        }
    }

    /// Starts a broadcast to the client's namespace without the client itself.
    #[must_use]
    pub fn others<'t>(&self, namespace: &'t str) -> Target<'t> {
        Target { skip: Some(self.socket), ..Target::namespace(namespace) }
    }

    fn client(&self) -> Option<&Client> {
        self.server.space.clients.get(self.socket.0)
    }
}

impl Server {
    /// Sends DISCONNECT to a client and takes it out of its namespace.
    fn expel(&mut self, socket: Socket) {
        let space = &mut self.space;
        let Some(client) = space.clients.get(socket.0) else { return };
        let slot = client.session;
        let Some(namespace) = space.namespaces.at(client.namespace) else { return };
        let packet = space.encoder.disconnect(&namespace.name);
        if self.space.history.is_some() {
            self.hurry(socket);
        }
        self.remove_client(socket.0.slot, Reason::ServerDisconnect);
        self.send_or_end(slot, packet);
    }
}
