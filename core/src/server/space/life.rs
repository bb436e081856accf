//! The lives of namespaces and rooms, for applications that want to hear of them.

use std::sync::Arc;

use crate::key::Id;
use crate::server::Event;
use crate::server::outputs::Outputs;
use crate::server::space::room::Room;
use crate::server::space::space::Space;

/// What happened to a namespace or a room on one shard.
///
/// A room that a client has by its id is none of these. Another shard may have a room of the same name: the
/// room is new in the process when none has.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Life {
    /// The namespace has its first admitted client.
    NamespaceCreated,
    /// The last admitted client left the namespace.
    NamespaceDeleted,
    /// The room is about to have its first member.
    RoomCreated {
        /// Its name.
        room: Arc<str>,
    },
    /// The last member left the room.
    RoomDeleted {
        /// Its name.
        room: Arc<str>,
    },
    /// A client joined the room.
    RoomJoined {
        /// Its name.
        room: Arc<str>,
        /// The id of the client; in other namespaces than `/`, a client of Socket.IO 2 is known by what
        /// [`Id::text_in`] returns.
        id: Id,
    },
    /// A client left the room, perhaps because it disconnected.
    RoomLeft {
        /// Its name.
        room: Arc<str>,
        /// The id of the client, as for [`RoomJoined`](Self::RoomJoined).
        id: Id,
    },
}

impl Space {
    /// Tells the node, and the application if it wants to hear, that a namespace has its first admitted client,
    /// or lost its last.
    pub(super) fn tell_members(&self, namespace: u32, life: Life, outputs: &mut Outputs) {
        let Some(namespace) = self.namespaces.at(namespace) else { return };
        self.tell_node(namespace, outputs);
        if self.config.life_events {
            outputs.tell(Event::Life { namespace: namespace.name.clone(), life });
        }
    }

    /// Tells the node and the application that a client joined a room, which is new when the client is alone there.
    #[cold]
    pub(super) fn tell_joined(&self, at: (u32, u32), id: Id, outputs: &mut Outputs) {
        let Some(namespace) = self.namespaces.at(at.0) else { return };
        let Some(Room { name, members, .. }) = namespace.rooms.at(at.1) else { return };
        if members.len() == 1 {
            self.tell_node_of_room(namespace, name, outputs);
        }
        if !self.config.life_events {
            return;
        }
        let mut tell = |life| outputs.tell(Event::Life { namespace: namespace.name.clone(), life });
        if members.len() == 1 {
            tell(Life::RoomCreated { room: name.clone() });
        }
        tell(Life::RoomJoined { room: name.clone(), id });
    }

    /// Tells the node and the application that a client left a room, which is gone when its name is unknown now.
    #[cold]
    pub(super) fn tell_left(&self, at: u32, (room, id): (Arc<str>, Id), outputs: &mut Outputs) {
        let Some(namespace) = self.namespaces.at(at) else { return };
        let is_gone = !namespace.room_names.contains_key(&room);
        if is_gone {
            self.tell_node_of_room(namespace, &room, outputs);
        }
        if !self.config.life_events {
            return;
        }
        let mut tell = |life| outputs.tell(Event::Life { namespace: namespace.name.clone(), life });
        tell(Life::RoomLeft { room: room.clone(), id });
        if is_gone {
            tell(Life::RoomDeleted { room });
        }
    }
}
