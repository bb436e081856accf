//! Ids that name another client than they were issued for, and the meaning of names: clients or rooms.

use std::collections::HashMap;
use std::time::Instant;

use crate::cluster::{Body, Destination};
use crate::error::Gone;
use crate::hash::Seeded;
use crate::key::{Id, NodeKey, Owner, Place, Socket};
use crate::server::Server;
use crate::server::space::space::Space;
use crate::slack::Slack as _;

/// The meaning of a name in a target, or of a room to join.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whereabouts {
    /// A client of this process.
    Client(Place),
    /// A client of this process, on that shard, that shares its id with others of its session.
    Session(u16),
    /// A client of another node.
    Node,
    /// A room, whether it has members or not.
    Room,
}

/// Where the clients of the process are that were admitted under the id of a former client.
///
/// Every shard knows all of them, so that messages to such a client go to its shard directly, and in
/// order. Bounded by the clients of the process; empty unless [`Server::admit_as`] is called.
#[derive(Debug)]
pub(super) struct Adopted {
    places: HashMap<Id, Place, Seeded>,
}

impl Adopted {
    pub(super) fn new(hasher: Seeded) -> Self {
        Self { places: HashMap::with_hasher(hasher) }
    }

    fn find(&self, name: &str) -> Option<Place> {
        if self.places.is_empty() {
            return None;
        }
        self.places.get(&Id::parse(name)?).copied()
    }

    /// Another client than before has an id.
    pub(super) fn insert(&mut self, id: Id, place: Place) {
        self.places.insert(id, place);
    }

    /// The client in a place has an id no more; says whether it had.
    pub(super) fn remove(&mut self, id: Id, place: Place) -> bool {
        let had = self.places.get(&id) == Some(&place);
        if had {
            self.places.remove(&id);
            self.places.tighten();
        }
        had
    }
}

impl Server {
    /// Lets a client into the namespace it asked for, as [`admit`](Self::admit) does, under the id of a
    /// client that left: for clients that come back after their connection was lost.
    ///
    /// Messages to that id reach the new client from now on, on whichever shard it is. The id may have been
    /// issued by another node. Two clients that are here at a time must not have the same id: messages
    /// would reach the later one.
    ///
    /// # Errors
    /// [`Gone`] when the client left or its time was up; a client that was admitted before keeps its id.
    pub fn admit_as(&mut self, now: Instant, socket: Socket, id: Id) -> Result<(), Gone> {
        self.enter(now);
        self.adopt(socket, id)?;
        self.admit(now, socket)
    }

    /// Gives a client that waits to be admitted the id of a former one.
    pub(super) fn adopt(&mut self, socket: Socket, id: Id) -> Result<(), Gone> {
        if let Some(place) = self.space.rename(socket, id)? {
            self.tell_shards(Body::Adopted { id, place });
        }
        Ok(())
    }

    /// Returns what proves the ids of this process, for other nodes of a cluster.
    #[must_use]
    pub fn node_key(&self) -> NodeKey {
        self.space.mint.key()
    }

    /// Takes note of another node of the cluster: messages with
    /// [`Scope::Cluster`](crate::Scope::Cluster) are for it as well, its ids are recognised, and
    /// clients cannot join the rooms they name.
    pub fn meet(&mut self, node: NodeKey) {
        self.space.mint.meet(node);
    }

    /// Takes note that another node left the cluster.
    pub fn part(&mut self, node: NodeKey) {
        self.space.mint.part(node);
    }

    /// A client left: if it was admitted under the id of another, no client has that id any more.
    pub(super) fn release_id(&mut self, id: Id, slot: u32) {
        let place = Place { shard: self.shard.index, slot };
        if self.space.adopted.remove(id, place) {
            self.tell_shards(Body::Released { id, place });
        }
    }

    fn tell_shards(&mut self, body: Body) {
        if self.shard.count > 1 {
            self.outputs.post(Destination::Everyone, body);
        }
    }
}

impl Space {
    /// The meaning of a name.
    pub(super) fn whereabouts(&self, name: &str) -> Whereabouts {
        if let Some(place) = self.adopted.find(name) {
            return Whereabouts::Client(place);
        }
        match self.mint.owner(name) {
            Some(Owner::Here(place)) => Whereabouts::Client(place),
            Some(Owner::Session(shard)) => Whereabouts::Session(shard),
            Some(Owner::Node) => Whereabouts::Node,
            None => Whereabouts::Room,
        }
    }

    /// Gives a client that waits to be admitted another id; returns its place when it took that.
    fn rename(&mut self, socket: Socket, id: Id) -> Result<Option<Place>, Gone> {
        let client = self.clients.get_mut(socket.0).ok_or(Gone)?;
        if client.is_member() || client.is_leaving() || client.id == id {
            return Ok(None);
        }
        let former = std::mem::replace(&mut client.id, id);
        self.shared.remove(former, client.namespace, socket.0.slot);
        let place = Place { shard: self.shard.index, slot: socket.0.slot };
        self.adopted.insert(id, place);
        Ok(Some(place))
    }
}

#[cfg(feature = "fuzz")]
impl Space {
    /// Checks that ids which were given to clients of this shard are theirs.
    pub(in crate::server) fn check_adopted(&self) {
        let here = self.adopted.places.iter().filter(|(_, place)| place.shard == self.shard.index);
        for (id, place) in here {
            let client = self.clients.at(place.slot).expect("a client that left releases its id");
            assert_eq!(client.id, *id, "a client has the id that it was admitted under");
        }
    }
}

#[cfg(test)]
mod tests;
