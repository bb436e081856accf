//! Namespaces: their clients, members and rooms.

use std::collections::HashMap;
use std::sync::Arc;

use crate::hash::Seeded;
use crate::key::Slab;
use crate::server::space::room::{Far, Room};
use crate::slack::Slack as _;

/// One namespace of the shard; exists while it has clients.
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

    /// All namespaces.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Namespace> {
        self.slab.values_mut()
    }

    pub(in crate::server) fn iter(&self) -> impl Iterator<Item = &Namespace> {
        self.slab.keys().filter_map(|key| self.slab.get(key))
    }

    /// Counts a client in, making the namespace when it is the first.
    pub(super) fn enter(&mut self, name: &str) -> (u32, Arc<str>) {
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
    pub(super) fn exit(&mut self, slot: u32) {
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
