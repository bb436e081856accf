//! A reference for membership and delivery: slow, obvious, and without shards.

use std::collections::{BTreeMap, BTreeSet};

/// Clients and the rooms they are in, by namespace and client number.
#[derive(Debug, Default)]
pub(super) struct Model {
    members: BTreeMap<(usize, usize), BTreeSet<String>>,
}

impl Model {
    /// The namespaces a client is in.
    #[must_use]
    pub(super) fn of(&self, client: usize) -> Vec<usize> {
        self.members.keys().filter(|(_, member)| *member == client).map(|(n, _)| *n).collect()
    }

    /// The rooms a client is in; `None` when it is not in the namespace.
    #[must_use]
    pub(super) fn rooms(&self, namespace: usize, client: usize) -> Option<Vec<String>> {
        self.members.get(&(namespace, client)).map(|rooms| rooms.iter().cloned().collect())
    }

    /// A client enters a namespace; `false` when it is in.
    pub(super) fn enter(&mut self, namespace: usize, client: usize) -> bool {
        let fresh = !self.members.contains_key(&(namespace, client));
        self.members.entry((namespace, client)).or_default();
        fresh
    }

    /// A client leaves a namespace; `false` when it is not in.
    pub(super) fn exit(&mut self, namespace: usize, client: usize) -> bool {
        self.members.remove(&(namespace, client)).is_some()
    }

    /// A client leaves everything.
    pub(super) fn vanish(&mut self, client: usize) {
        self.members.retain(|(_, member), _| *member != client);
    }

    /// A client joins a room.
    pub(super) fn join(&mut self, namespace: usize, client: usize, room: &str) {
        if let Some(rooms) = self.members.get_mut(&(namespace, client)) {
            rooms.insert(room.to_owned());
        }
    }

    /// A client leaves a room.
    pub(super) fn leave(&mut self, namespace: usize, client: usize, room: &str) {
        if let Some(rooms) = self.members.get_mut(&(namespace, client)) {
            rooms.remove(room);
        }
    }

    /// The clients in one of `rooms`, or all when there are none, and in none of `except`.
    #[must_use]
    pub(super) fn target(&self, namespace: usize, rooms: &[&str], except: &[&str]) -> Vec<usize> {
        let here = self.members.iter().filter(|((n, _), _)| *n == namespace);
        let within = |joined: &BTreeSet<String>, names: &[&str]| {
            names.iter().any(|name| joined.contains(*name))
        };
        here.filter(|(_, joined)| rooms.is_empty() || within(joined, rooms))
            .filter(|(_, joined)| !within(joined, except))
            .map(|((_, client), _)| *client)
            .collect()
    }

    /// How many rooms have members, counting those of two namespaces, and of two shards, apart.
    #[must_use]
    pub(super) fn room_count(&self, shard_of: impl Fn(usize) -> usize) -> usize {
        let named = self.members.iter().flat_map(|((namespace, client), rooms)| {
            let shard = shard_of(*client);
            rooms.iter().map(move |room| (*namespace, shard, room))
        });
        named.collect::<BTreeSet<_>>().len()
    }

    /// How many sockets there are.
    #[must_use]
    pub(super) fn socket_count(&self) -> usize {
        self.members.len()
    }
}
