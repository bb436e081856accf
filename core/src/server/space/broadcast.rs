//! Broadcasts: sending to many with one encoding, and changing many at once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use crate::cluster::Disconnect;
use crate::cluster::{Body, Change};
use crate::error::Misuse;
use crate::key::Socket;
use crate::server::Server;
use crate::socket::ArgsRef;
use crate::socket::encoded::Packet;
use crate::socket::encoder::Draft;

/// The clients that a broadcast reaches: those in one of `rooms`, or all of the namespace, without those in
/// one of `except`.
///
/// Names of rooms and ids of clients are equally good in both lists. Every client gets one copy,
/// however many of the rooms it is in.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The namespace.
    pub namespace: &'a str,
    /// Rooms to reach; none means the whole namespace.
    pub rooms: &'a [&'a str],
    /// Rooms to leave out.
    pub except: &'a [&'a str],
    /// One client of this shard to leave out, usually the sender.
    pub skip: Option<Socket>,
    /// How far it goes.
    pub scope: Scope,
    /// Whether clients that cannot take it now are passed over.
    pub volatile: bool,
    /// Whether it may be compressed for clients with which that was agreed on.
    pub compress: bool,
}

impl<'a> Target<'a> {
    /// Targets all clients of a namespace.
    #[must_use]
    pub fn namespace(namespace: &'a str) -> Self {
        let scope = Scope::Cluster;
        let (volatile, compress) = (false, true);
        Self { namespace, rooms: &[], except: &[], skip: None, scope, volatile, compress }
    }
}

impl Target<'_> {
    /// The packet that is drafted for it.
    #[inline]
    pub(in crate::server) fn packed(&self, draft: Draft<'_>) -> Packet {
        let packet = draft.packet();
        if self.compress { packet } else { packet.plain() }
    }
}

/// How far a broadcast goes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum Scope {
    /// All processes of the cluster. One that [joined](crate::Server::join_cluster) none is all of it.
    #[default]
    Cluster,
    /// All shards of this process.
    Process,
    /// This shard.
    Shard,
}

impl Scope {
    /// What of it is in this process.
    pub(in crate::server) fn within_process(self) -> Self {
        match self {
            Self::Cluster | Self::Process => Self::Process,
            Self::Shard => Self::Shard,
        }
    }
}

impl Server {
    /// Sends an event to many.
    ///
    /// A client whose backlog is full is disconnected: it would otherwise miss the event silently.
    ///
    /// # Errors
    /// [`Misuse`] when the event cannot be sent at all.
    pub fn broadcast(
        &mut self,
        to: &Target<'_>,
        name: &str,
        args: ArgsRef<'_>,
    ) -> Result<(), Misuse> {
        self.space.check_event(name, args)?;
        if self.space.history.is_some() && !to.volatile {
            self.broadcast_recorded(to, name, args);
            return Ok(());
        }
        let packet = to.packed(self.space.encoder.event(to.namespace, name, args, None));
        let volatile = to.volatile;
        self.space.tell_peers(to, &mut self.outputs, |to| Body::Broadcast {
            to,
            packet: packet.clone(),
            volatile,
            offset: None,
            ask: None,
        });
        self.space.select(to);
        self.fan_out(&packet, volatile);
        Ok(())
    }

    /// Returns the clients of this shard that a target means.
    pub fn members(&mut self, to: &Target<'_>) -> impl Iterator<Item = Socket> + '_ {
        self.space.select(to);
        self.space.selected()
    }

    /// Makes all clients of a target join `rooms`.
    pub fn join_all(&mut self, now: Instant, to: &Target<'_>, rooms: &[&str]) {
        // Beyond the limit no client could be in all of them.
        let rooms = each_once(rooms).take(self.config.limits.rooms).map(Arc::from);
        self.change_all(now, to, Change::Join(rooms.collect()));
    }

    /// Makes all clients of a target leave `rooms`.
    pub fn leave_all(&mut self, now: Instant, to: &Target<'_>, rooms: &[&str]) {
        self.change_all(now, to, Change::Leave(each_once(rooms).map(Arc::from).collect()));
    }

    /// Disconnects all clients of a target.
    pub fn disconnect_all_of(&mut self, now: Instant, to: &Target<'_>, from: Disconnect) {
        self.change_all(now, to, Change::Disconnect(from));
    }

    fn change_all(&mut self, now: Instant, to: &Target<'_>, change: Change) {
        self.enter(now);
        self.space
            .tell_peers(to, &mut self.outputs, |to| Body::Apply { to, change: change.clone() });
        self.space.select(to);
        self.change_selected(now, to.namespace, &change);
    }

    /// Applies a change to the clients that were selected.
    pub(super) fn change_selected(&mut self, now: Instant, namespace: &str, change: &Change) {
        let sockets = self.space.take_selected();
        match change {
            // A client at its limit of rooms stays out; the caller may be on another shard.
            Change::Join(rooms) => {
                for room in rooms {
                    for &socket in &sockets {
                        let _ = self.space.join_room(socket, room, &mut self.outputs);
                    }
                }
            }
            Change::Leave(rooms) => {
                for room in rooms {
                    // A name that is no room is looked up once.
                    let here =
                        if self.space.has_room(namespace, room) { &sockets[..] } else { &[] };
                    for &socket in here {
                        self.space.leave_room(socket, room, &mut self.outputs);
                    }
                }
            }
            &Change::Disconnect(from) => {
                for socket in sockets {
                    if let Some(mut socket) = self.socket(socket) {
                        socket.disconnect(now, from);
                    }
                }
            }
        }
    }

    /// Sends to the clients that were selected.
    pub(super) fn fan_out(&mut self, packet: &Packet, volatile: bool) {
        let selected = std::mem::take(&mut self.space.selected);
        let is_plain = packet.is_plain();
        for &slot in &selected {
            let Some(session) = self.space.clients.at(slot).map(|client| client.session) else {
                continue;
            };
            let packet = match is_plain {
                true => self.sessions.fit(session, packet),
                false => packet.clone(),
            };
            if volatile {
                self.sessions.send_volatile(session, packet);
            } else {
                self.send_shared(session, packet);
            }
        }
        self.sessions.forms.forget();
        self.space.keep_selected(selected);
    }
}

/// The names of a list, each where it comes first.
fn each_once<'a>(names: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    let mut seen = BTreeSet::new();
    names.iter().copied().filter(move |name| seen.insert(*name))
}
