//! Rooms: dense lists of members, left in constant time.

use std::collections::HashMap;
use std::sync::Arc;

use crate::error::{Gone, Misuse};
use crate::hash::Seeded;
use crate::key::{Slab, Socket};
use crate::server::Server;
use crate::server::outputs::Outputs;
use crate::server::space::adopted::Whereabouts;
use crate::server::space::namespace::Namespace;
use crate::server::space::space::Space;
use crate::slack::Slack as _;

/// One room of a namespace; exists while it has members.
#[derive(Debug)]
pub(in crate::server) struct Room {
    pub(in crate::server) name: Arc<str>,
    pub(in crate::server) members: Vec<Member>,
    /// The last broadcast that considered it: naming it again adds no client.
    pub(super) stamp: u32,
}

/// A client in a room, and where the client notes that room.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Member {
    pub(in crate::server) client: u32,
    pub(in crate::server) note: u32,
}

/// A room a client is in, and where the room lists the client.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Membership {
    pub(in crate::server) room: u32,
    pub(in crate::server) place: u32,
}

/// Where clients that are in many rooms find these: the first [`NEAR`] rooms of each are looked
/// through, the others are here. So it takes constant time to say whether a client is in a room, and
/// clients in few rooms pay nothing.
#[derive(Debug)]
pub(in crate::server) struct Far {
    /// The notes of the others, by the slots of client and room.
    notes: HashMap<(u32, u32), u32, Seeded>,
}

/// Rooms of a client that are looked through.
pub(in crate::server) const NEAR: usize = 32;

impl Far {
    pub(in crate::server) fn new(hasher: Seeded) -> Self {
        Self { notes: HashMap::with_hasher(hasher) }
    }

    /// How many rooms it holds notes of.
    #[cfg(feature = "fuzz")]
    pub(in crate::server) fn len(&self) -> usize {
        self.notes.len()
    }

    /// Where the client in `slot` notes a room, of those it is in.
    pub(in crate::server) fn find(
        &self,
        slot: u32,
        rooms: &[Membership],
        room: u32,
    ) -> Option<u32> {
        let near = rooms.iter().take(NEAR).position(|membership| membership.room == room);
        match near {
            Some(note) => Some(index(note)),
            None if rooms.len() <= NEAR => None,
            None => self.notes.get(&(slot, room)).copied(),
        }
    }

    fn add(&mut self, slot: u32, room: u32, note: u32) {
        if note as usize >= NEAR {
            self.notes.insert((slot, room), note);
        }
    }

    fn remove(&mut self, slot: u32, room: u32, note: u32) {
        if note as usize >= NEAR {
            self.notes.remove(&(slot, room));
            self.notes.tighten();
        }
    }
}

impl Namespace {
    /// The members of a room, unless the broadcast of that number considered them already.
    pub(super) fn consider(&mut self, name: &str, epoch: u32) -> &[Member] {
        let room = self.room_names.get(name).and_then(|&slot| self.rooms.at_mut(slot));
        match room.filter(|room| room.stamp != epoch) {
            Some(room) => {
                room.stamp = epoch;
                &room.members
            }
            None => &[],
        }
    }

    fn new_room(&mut self, name: &str) -> u32 {
        let name: Arc<str> = name.into();
        let room = Room { name: name.clone(), members: Vec::new(), stamp: 0 };
        let slot = self.rooms.insert(|_| room).slot;
        self.room_names.insert(name, slot);
        slot
    }

    /// Drops a room without members; says whether it was one.
    fn drop_if_empty(&mut self, slot: u32) -> bool {
        let Some(room) = self.rooms.at(slot) else { return false };
        if !room.members.is_empty() {
            return false;
        }
        self.room_names.remove(&room.name);
        self.room_names.tighten();
        if let Some(key) = self.rooms.key(slot) {
            self.rooms.remove(key);
        }
        true
    }
}

impl Server {
    /// Returns the rooms of a namespace on this shard, each with the number of clients in it. The
    /// rooms named by the clients' ids are left out.
    pub fn rooms(&self, namespace: &str) -> impl Iterator<Item = (&str, usize)> {
        let namespaces = &self.space.namespaces;
        let namespace = namespaces.find(namespace).and_then(|at| namespaces.at(at));
        namespace.into_iter().flat_map(|namespace| {
            let rooms = namespace.rooms.keys().filter_map(|key| namespace.rooms.get(key));
            rooms.map(|room| (&*room.name, room.members.len()))
        })
    }
}

impl Space {
    /// Puts a client into a room; `false` when it was in it.
    ///
    /// The room named by the client's own id holds it anyway; another client's is refused.
    pub(super) fn join_room(
        &mut self,
        socket: Socket,
        name: &str,
        outputs: &mut Outputs,
    ) -> Result<bool, JoinError> {
        let client = self.clients.get(socket.0).ok_or(Gone)?;
        match self.whereabouts(name) {
            Whereabouts::Room => {}
            Whereabouts::Client(_) if client.id.as_str() == name => return Ok(false),
            Whereabouts::Session(_)
                if self.sharing(client.namespace, name) == Some(socket.0.slot) =>
            {
                return Ok(false);
            }
            Whereabouts::Client(_) | Whereabouts::Node | Whereabouts::Session(_) => {
                return Err(Misuse::ForeignRoom.into());
            }
        }
        let slot = socket.0.slot;
        let known = self.namespaces.at(client.namespace).ok_or(Gone)?.room_names.get(name).copied();
        let note = known.and_then(|room| self.namespaces.far.find(slot, &client.rooms, room));
        if note.is_some() {
            return Ok(false);
        }
        if client.rooms.len() >= self.config.limits.rooms {
            return Err(Misuse::TooManyRooms.into());
        }
        let (id, at) = (client.id, client.namespace);
        let namespace = self.namespaces.at_mut(at).ok_or(Gone)?;
        let room = known.unwrap_or_else(|| namespace.new_room(name));
        let members = &mut namespace.rooms.at_mut(room).ok_or(Gone)?.members;
        let (place, note) = (index(members.len()), index(client.rooms.len()));
        members.push(Member { client: slot, note });
        if let Some(client) = self.clients.get_mut(socket.0) {
            client.rooms.push(Membership { room, place });
        }
        self.namespaces.far.add(slot, room, note);
        self.namespaces.rooms += usize::from(known.is_none());
        if self.config.life_events || self.cluster.is_some() {
            self.tell_joined((at, room), id, outputs);
        }
        Ok(true)
    }

    /// Takes a client out of a room; `false` when it was not in it.
    pub(super) fn leave_room(&mut self, socket: Socket, name: &str, outputs: &mut Outputs) -> bool {
        let Some(client) = self.clients.get(socket.0) else { return false };
        let Some(namespace) = self.namespaces.at(client.namespace) else { return false };
        let Some(&room) = namespace.room_names.get(name) else { return false };
        let slot = socket.0.slot;
        let Some(note) = self.namespaces.far.find(slot, &client.rooms, room) else { return false };
        self.leave_at(slot, note, outputs);
        true
    }

    pub(super) fn leave_all_rooms(&mut self, slot: u32, outputs: &mut Outputs) {
        while let Some(count) = self.clients.at(slot).map(|client| client.rooms.len()) {
            if count == 0 {
                return;
            }
            self.leave_at(slot, index(count - 1), outputs);
        }
    }

    /// Removes the nth membership of a client: one swap on each side, and two positions to mend.
    fn leave_at(&mut self, slot: u32, note: u32, outputs: &mut Outputs) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        let (id, at) = (client.id, client.namespace);
        let Membership { room, place } = client.rooms.swap_remove(note as usize);
        let moved_note = client.rooms.get(note as usize).copied();
        let last = index(client.rooms.len());
        if client.rooms.is_empty() {
            client.rooms = Vec::new();
        }
        client.rooms.tighten();
        self.namespaces.far.remove(slot, room, note);
        if let Some(moved) = moved_note {
            self.namespaces.far.remove(slot, moved.room, last);
            self.namespaces.far.add(slot, moved.room, note);
        }
        let Some(namespace) = self.namespaces.at_mut(at) else { return };
        if let Some(moved) = moved_note {
            mend_note(&mut namespace.rooms, moved, note);
        }
        let Some(left) = namespace.rooms.at_mut(room) else { return };
        left.members.swap_remove(place as usize);
        left.members.tighten();
        let moved_member = left.members.get(place as usize).copied();
        let told = (self.config.life_events || self.cluster.is_some()).then(|| left.name.clone());
        let dropped = namespace.drop_if_empty(room);
        if let Some(moved) = moved_member
            && let Some(client) = self.clients.at_mut(moved.client)
            && let Some(membership) = client.rooms.get_mut(moved.note as usize)
        {
            membership.place = place;
        }
        self.namespaces.rooms -= usize::from(dropped);
        if let Some(room) = told {
            self.tell_left(at, (room, id), outputs);
        }
    }

    /// The names of the rooms a client is in, without its own.
    pub(super) fn rooms_of(&self, socket: Socket) -> impl Iterator<Item = &Arc<str>> {
        let client = self.clients.get(socket.0);
        let namespace = client.and_then(|client| self.namespaces.at(client.namespace));
        let memberships = client.map_or(&[][..], |client| &client.rooms);
        memberships.iter().filter_map(move |membership| {
            namespace
                .and_then(|namespace| namespace.rooms.at(membership.room))
                .map(|room| &room.name)
        })
    }
}

/// Why a room was not joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum JoinError {
    /// The client has disconnected.
    #[error(transparent)]
    Gone(#[from] Gone),
    /// The room cannot be joined.
    #[error(transparent)]
    Misuse(#[from] Misuse),
}

fn mend_note(rooms: &mut Slab<Room>, moved: Membership, note: u32) {
    if let Some(room) = rooms.at_mut(moved.room)
        && let Some(member) = room.members.get_mut(moved.place as usize)
    {
        member.note = note;
    }
}

fn index(n: usize) -> u32 {
    u32::try_from(n).expect("fewer than 2^32 entries fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broadcast_considers_a_room_once_however_often_it_is_named() {
        let mut namespace = Namespace {
            name: "/".into(),
            clients: 0,
            members: Vec::new(),
            rooms: Slab::new(),
            room_names: HashMap::with_hasher(Seeded::new([7; 16])),
        };
        for name in ["a", "b"] {
            let room = namespace.new_room(name);
            let room = namespace.rooms.at_mut(room).expect("it was made just now");
            room.members = (0..1000).map(|client| Member { client, note: 0 }).collect();
        }
        for epoch in 1..3 {
            let named = ["a", "b", "a", "c"].repeat(1000);
            let considered = named.iter().map(|name| namespace.consider(name, epoch).len());
            assert_eq!(considered.sum::<usize>(), 2 * 1000);
        }
    }

    #[test]
    fn the_rooms_of_a_client_are_found_without_looking_through_all_of_them() {
        let mut far = Far::new(Seeded::new([7; 16]));
        let rooms: Vec<_> = (0..1000).map(|room| Membership { room, place: 0 }).collect();
        let near = index(NEAR);
        (0..1000).for_each(|note| far.add(7, note, note));
        assert_eq!(far.notes.len(), 1000 - NEAR);
        far.remove(7, near, near);
        for (room, note) in [(0, Some(0)), (near - 1, Some(near - 1)), (near, None)] {
            assert_eq!(far.find(7, &rooms, room), note);
        }
        assert_eq!((far.find(7, &rooms, 999), far.find(8, &rooms, 999)), (Some(999), None));
        assert_eq!(far.find(7, &rooms[..NEAR], 999), None);
        (near + 1..1000).for_each(|note| far.remove(7, note, note));
        assert!(far.notes.is_empty() && far.notes.capacity() < 100, "{}", far.notes.capacity());
    }
}
