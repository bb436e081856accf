//! Clients that share the id of their session, as those of Socket.IO 2 do.

use std::collections::HashMap;

use crate::hash::Seeded;
use crate::key::{Id, Known};
use crate::server::Server;
use crate::server::space::space::Space;
use crate::slack::Slack as _;

/// The clients of this shard with such an id, by their namespaces. Bounded by the clients; empty unless
/// [`Config::allow_eio3`](crate::Config::allow_eio3) is on.
#[derive(Debug)]
pub(super) struct Shared {
    slots: HashMap<(Id, u32), u32, Seeded>,
}

impl Shared {
    pub(super) fn new(hasher: Seeded) -> Self {
        Self { slots: HashMap::with_hasher(hasher) }
    }

    /// A client came to a namespace.
    pub(super) fn insert(&mut self, id: Id, namespace: u32, slot: u32) {
        self.slots.insert((id, namespace), slot);
    }

    /// The client in `slot`, which may have such an id, left a namespace.
    pub(super) fn remove(&mut self, id: Id, namespace: u32, slot: u32) {
        if !self.slots.is_empty() && self.slots.get(&(id, namespace)) == Some(&slot) {
            self.slots.remove(&(id, namespace));
            self.slots.tighten();
        }
    }
}

impl Server {
    /// Gives a fresh session an id that its clients share, and returns the session id that follows from it.
    pub(in crate::server) fn share_id(&mut self, slot: u32) -> String {
        loop {
            let id = self.space.mint.issue_for_session(self.shard.index);
            let sid = id.text_in("/", self.config.node.as_ref());
            if self.sessions.own_sids.check(&sid).is_ok() {
                self.sessions.share_id(slot, id);
                return sid.into_owned();
            }
        }
    }
}

impl Space {
    /// The client that is known by that text in a namespace, when it shares its id: by the id, or by the
    /// name of the namespace and the id.
    pub(super) fn sharing(&self, namespace: u32, text: &str) -> Option<u32> {
        let Known { namespace: before, id, .. } = Known::of(text);
        let name = &self.namespaces.at(namespace)?.name;
        if !before.is_empty() && (before != &**name || before == "/") {
            return None;
        }
        self.shared.slots.get(&(Id::parse(id)?, namespace)).copied()
    }
}

#[cfg(feature = "fuzz")]
impl Space {
    /// Checks that every client of this shard which shares its id is found by it, and no other.
    pub(in crate::server) fn check_shared(&self) {
        for (&(id, namespace), &slot) in &self.shared.slots {
            let client = self.clients.at(slot).expect("a client that left gives up its id");
            assert_eq!((client.id, client.namespace), (id, namespace), "an id leads to its client");
        }
    }
}
