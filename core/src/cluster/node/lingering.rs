//! Namespaces and rooms that the last client left, where it may come back to what others sent meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::node::Node;
use crate::config::{Config, Recovery};

/// What is listened to for a while without clients: as long as one that was lost may come back, and be admitted.
#[derive(Debug)]
pub(super) struct Lingering {
    time: Duration,
    /// Each once, however many shards left it, or how often. Their bytes are bounded by [`Recovery::bytes`].
    left: BTreeMap<Place, Instant>,
    order: BTreeSet<(Instant, Place)>,
    bytes: usize,
    most: usize,
}

/// A namespace, or a room in it.
type Place = Arc<(Box<str>, Option<Box<str>>)>;

/// About what a place takes besides its names, in bytes.
const PLACE: usize = 192;

impl Lingering {
    pub(super) fn new(recovery: &Recovery, config: &Config) -> Self {
        let time = recovery.max_disconnection_duration.saturating_add(config.connect_timeout);
        let (left, order) = (BTreeMap::new(), BTreeSet::new());
        Self { time, left, order, bytes: 0, most: recovery.bytes }
    }

    /// Adds a place, or puts it last; says whether it was there.
    fn push(&mut self, now: Instant, namespace: &str, room: Option<&str>) -> bool {
        let place: Place = Arc::new((namespace.into(), room.map(Box::from)));
        let due = now.checked_add(self.time).unwrap_or(now);
        let former = self.left.insert(place.clone(), due);
        match former {
            Some(former) => drop(self.order.remove(&(former, place.clone()))),
            None => self.bytes += cost(&place),
        }
        self.order.insert((due, place));
        former.is_some()
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.order.first().map(|(due, _)| *due)
    }

    /// The oldest, if its time is over or there are too many.
    fn pop(&mut self, now: Instant) -> Option<Place> {
        if self.bytes <= self.most && self.deadline()? > now {
            return None;
        }
        let (_, place) = self.order.pop_first()?;
        self.left.remove(&place);
        self.bytes -= cost(&place);
        Some(place)
    }
}

fn cost(place: &Place) -> usize {
    PLACE + place.0.len() + place.1.as_ref().map_or(0, |room| room.len())
}

impl Node {
    /// A shard has no clients in a namespace, or in a room of it, any more.
    pub(super) fn on_deserted(&mut self, now: Instant, namespace: &str, room: Option<&str>) {
        let Some(lingering) = &mut self.lingering else {
            return self.desert(now, namespace, room);
        };
        // One that lingers keeps the place: the other shard leaves it at once.
        if lingering.push(now, namespace, room) {
            self.desert(now, namespace, room);
        }
        self.expire_lingering(now);
    }

    pub(super) fn expire_lingering(&mut self, now: Instant) {
        while let Some(place) = self.lingering.as_mut().and_then(|lingering| lingering.pop(now)) {
            let (namespace, room) = &*place;
            self.desert(now, namespace, room.as_deref());
        }
    }
}
