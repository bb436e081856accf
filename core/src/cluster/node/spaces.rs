//! The namespaces of a process: which of them are open, and how far their subscriptions are.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use super::others::Others;
use crate::cluster::bus::Subscription;

/// The namespaces of which messages are subscribed to.
#[derive(Debug, Default)]
pub(super) struct Spaces {
    all: BTreeMap<Arc<str>, Space>,
    /// The namespaces that wait for a subscription to be confirmed.
    waiting: BTreeMap<Subscription, Vec<Arc<str>>>,
    /// The largest number of a message in any namespace that was closed. Others may remember it when the namespace is
    /// opened again, so numbers go on from here.
    closed: u64,
}

/// One namespace.
#[derive(Debug, Default)]
pub(super) struct Space {
    /// Whether the application keeps it open.
    is_kept: bool,
    /// How many shards have clients in it.
    shards: u32,
    /// How many of its subscriptions are not confirmed.
    unconfirmed: usize,
    /// The channel whose subscribers count as processes, where a broker counts.
    pub(super) counted: Option<String>,
    /// From when on questions may be asked: answers to earlier ones would not arrive, or not all processes that
    /// have to be asked would be known.
    pub(super) ready: Option<Instant>,
    /// The number of the last message that has one.
    pub(super) sequence: u64,
    pub(super) others: Others,
}

impl Space {
    pub(super) fn is_confirmed(&self) -> bool {
        self.unconfirmed == 0
    }
}

impl Spaces {
    pub(super) fn get(&self, namespace: &str) -> Option<&Space> {
        self.all.get(namespace)
    }

    pub(super) fn get_mut(&mut self, namespace: &str) -> Option<&mut Space> {
        self.all.get_mut(namespace)
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    pub(super) fn contains(&self, namespace: &str) -> bool {
        self.all.contains_key(namespace)
    }

    /// The name of a namespace, shared with those that are open.
    pub(super) fn name(&self, namespace: &str) -> Arc<str> {
        let open = self.all.get_key_value(namespace);
        open.map_or_else(|| namespace.into(), |(name, _)| name.clone())
    }

    pub(super) fn names(&self) -> impl Iterator<Item = &Arc<str>> {
        self.all.keys()
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Space> {
        self.all.values()
    }

    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = (&Arc<str>, &mut Space)> {
        self.all.iter_mut()
    }

    /// The application keeps a namespace open; says whether that is new.
    pub(super) fn keep(&mut self, namespace: &str) -> bool {
        let is_new = !self.contains(namespace);
        self.entry(namespace).is_kept = true;
        is_new
    }

    /// A shard has clients in a namespace; says whether that is new.
    pub(super) fn enter(&mut self, namespace: &str) -> bool {
        let is_new = !self.contains(namespace);
        self.entry(namespace).shards += 1;
        is_new
    }

    /// A shard has no clients in a namespace any more; says whether nothing is left of that.
    pub(super) fn leave(&mut self, namespace: &str) -> bool {
        let Some(space) = self.all.get_mut(namespace) else { return false };
        space.shards = space.shards.saturating_sub(1);
        let is_over = space.shards == 0 && !space.is_kept;
        if is_over {
            self.closed = self.closed.max(space.sequence);
            self.all.remove(namespace);
            self.waiting.retain(|_, spaces| {
                spaces.retain(|space| &**space != namespace);
                !spaces.is_empty()
            });
        }
        is_over
    }

    /// A namespace waits for these subscriptions.
    pub(super) fn wait(&mut self, namespace: &Arc<str>, subscriptions: Vec<Subscription>) {
        let Some(space) = self.all.get_mut(namespace) else { return };
        space.unconfirmed = subscriptions.len();
        space.ready = None;
        for subscription in subscriptions {
            self.waiting.entry(subscription).or_default().push(namespace.clone());
        }
    }

    /// A subscription is confirmed. Returns the namespaces that wait for none any more.
    pub(super) fn confirm(&mut self, subscription: &Subscription) -> Vec<Arc<str>> {
        let mut confirmed = self.waiting.remove(subscription).unwrap_or_default();
        confirmed.retain(|namespace| {
            let Some(space) = self.all.get_mut(namespace) else { return false };
            space.unconfirmed = space.unconfirmed.saturating_sub(1);
            space.unconfirmed == 0
        });
        confirmed
    }

    /// No subscription is confirmed any more.
    pub(super) fn begin_anew(&mut self) {
        self.waiting.clear();
        for space in self.all.values_mut() {
            space.ready = None;
        }
    }

    fn entry(&mut self, namespace: &str) -> &mut Space {
        let new = || Space { sequence: self.closed, ..Space::default() };
        self.all.entry(namespace.into()).or_insert_with(new)
    }
}

#[cfg(feature = "fuzz")]
impl Spaces {
    pub(super) fn check(&self) {
        for (name, space) in &self.all {
            let waits = self.waiting.values().filter(|spaces| spaces.contains(name)).count();
            assert!(space.is_kept || space.shards > 0, "a namespace is kept or has clients");
            assert!(waits == 0 || waits == space.unconfirmed, "what it waits for is counted");
        }
        let waiting = self.waiting.values().flatten();
        assert!(waiting.into_iter().all(|name| self.contains(name)), "those that wait are open");
    }
}
