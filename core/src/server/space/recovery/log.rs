//! The events that a shard sent lately, and those of other shards, in the order in which it took note of
//! them.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use crate::cluster::Whom;
use crate::config::Recovery;
use crate::hash::Seeded;
use crate::key::Id;
use crate::recovery::lost::{Lost, Then};
use crate::recovery::offset::{Offset, Origin, Reach};
use crate::socket::encoded::Packet;

/// The latest events, oldest first. Bounded by `packets` and `bytes` of [`Recovery`].
#[derive(Debug)]
pub(super) struct Log {
    entries: VecDeque<Entry>,
    /// Place of the oldest entry among all that there ever were.
    first: u64,
    bytes: usize,
    /// As many as there are shards in the process, twice; one of the stream of a cluster, or of what other processes
    /// send; and one of each shard of other nodes, while the log has an event of it.
    tracks: HashMap<Origin, Track, Seeded>,
    /// The random number of this process.
    process: u32,
}

/// One event, and the clients it was for.
#[derive(Debug)]
struct Entry {
    offset: Offset,
    to: To,
    packet: Packet,
    cost: usize,
}

/// The clients that an event was for.
#[derive(Clone, Debug)]
pub(super) enum To {
    /// One client.
    Client(Arc<str>, Id),
    /// The clients of a target.
    Target(Arc<Whom>),
}

/// The events of one origin.
#[derive(Debug, Default)]
struct Track {
    /// The number of the next one.
    next: u128,
    /// The number after the last one that was forgotten.
    known: u128,
    /// The numbers and places of those in the log.
    places: VecDeque<(u128, u64)>,
}

/// The names by which a client is meant.
pub(super) struct Names<'a> {
    namespace: &'a str,
    names: BTreeSet<&'a str>,
    id: Id,
}

/// About what an entry takes besides its packet and names, in bytes.
const ENTRY: usize = 128;

/// About what a name takes besides its text, in bytes.
const NAME: usize = 32;

impl Log {
    pub(super) fn new(process: u32, hasher: Seeded) -> Self {
        let (entries, tracks) = (VecDeque::new(), HashMap::with_hasher(hasher));
        Self { entries, first: 0, bytes: 0, tracks, process }
    }

    /// Adds an event. The oldest ones make room.
    pub(super) fn push(&mut self, offset: Offset, to: To, packet: Packet, bounds: &Recovery) {
        let cost = packet.cost() + to.cost() + ENTRY;
        let track = self.tracks.entry(offset.origin).or_default();
        track.next = offset.number + 1;
        track.places.push_back((offset.number, self.first + self.entries.len() as u64));
        self.bytes += cost;
        self.entries.push_back(Entry { offset, to, packet, cost });
        while self.entries.len() > bounds.packets || self.bytes > bounds.bytes {
            self.pop();
        }
    }

    /// Memory taken, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The place behind the latest event.
    pub(super) fn end(&self) -> u64 {
        self.first + self.entries.len() as u64
    }

    /// The place behind an event.
    pub(super) fn after(&self, offset: Offset) -> Option<u64> {
        let places = &self.tracks.get(&offset.origin)?.places;
        let at = places.binary_search_by_key(&offset.number, |(number, _)| *number).ok()?;
        Some(places.get(at)?.1 + 1)
    }

    /// For each origin, the number of its first event that comes after all that this shard has seen, and
    /// another one when its log was used before.
    pub(super) fn seen_since(&self, former: Option<&Then>) -> Vec<(Origin, u128)> {
        let mut seen: BTreeMap<Origin, u128> = match former {
            Some(Then::Beyond(seen)) => seen.iter().copied().collect(),
            Some(Then::From(_)) | None => BTreeMap::new(),
        };
        for (origin, track) in self.tracks.iter().filter(|(origin, _)| origin.reach == Reach::All) {
            let next = seen.entry(*origin).or_default();
            *next = track.next.max(*next);
        }
        seen.into_iter().collect()
    }

    /// Whether all events of this process came that another shard has seen.
    pub(super) fn has_all(&self, seen: &[(Origin, u128)]) -> bool {
        let here = seen.iter().filter(|(origin, _)| origin.process == self.process);
        here.into_iter()
            .all(|(origin, next)| self.tracks.get(origin).is_some_and(|track| track.next >= *next))
    }

    /// The events from a place on that are for a client; `None` when some were forgotten.
    pub(super) fn from(&self, place: u64, lost: &Lost) -> Option<Vec<(Offset, Packet)>> {
        Some(self.later(place, lost)?.map(Entry::content).collect())
    }

    /// The events from a place on that were sent to a client itself; `None` when some were forgotten.
    pub(super) fn own(&self, place: u64, lost: &Lost) -> Option<Vec<(Offset, Packet)>> {
        let own = self.later(place, lost)?.filter(|entry| matches!(entry.to, To::Client(..)));
        Some(own.map(Entry::content).collect())
    }

    fn later(&self, place: u64, lost: &Lost) -> Option<impl Iterator<Item = &Entry>> {
        let skipped = usize::try_from(place.checked_sub(self.first)?).ok()?;
        let names = Names::new(&lost.namespace, &lost.id, &lost.rooms);
        let later = self.entries.range(skipped.min(self.entries.len())..);
        Some(later.filter(move |entry| names.mean(&entry.to)))
    }

    /// The events for a client that another shard has not seen; `None` when some were forgotten.
    pub(super) fn beyond(
        &self,
        seen: &[(Origin, u128)],
        lost: &Lost,
    ) -> Option<Vec<(Offset, Packet)>> {
        let seen: BTreeMap<Origin, u128> = seen.iter().copied().collect();
        let next = |origin: &Origin| seen.get(origin).copied().unwrap_or(0);
        let mut start = self.end();
        for (origin, track) in self.tracks.iter().filter(|(origin, _)| origin.reach == Reach::All) {
            if track.known > next(origin) {
                return None;
            }
            let at = track.places.partition_point(|(number, _)| *number < next(origin));
            start = track.places.get(at).map_or(start, |(_, place)| start.min(*place));
        }
        let unseen = |(offset, _): &(Offset, Packet)| {
            offset.origin.reach == Reach::All && offset.number >= next(&offset.origin)
        };
        Some(self.from(start, lost)?.into_iter().filter(unseen).collect())
    }

    fn pop(&mut self) {
        let Some(Entry { offset, cost, .. }) = self.entries.pop_front() else { return };
        self.bytes -= cost;
        self.first += 1;
        let Some(track) = self.tracks.get_mut(&offset.origin) else { return };
        track.places.pop_front();
        track.known = offset.number + 1;
        let stays = offset.origin.process == self.process || offset.origin == Origin::STREAM;
        if track.places.is_empty() && !stays {
            self.tracks.remove(&offset.origin);
        }
    }
}

impl Entry {
    fn content(&self) -> (Offset, Packet) {
        (self.offset, self.packet.clone())
    }
}

impl To {
    fn cost(&self) -> usize {
        match self {
            Self::Client(..) => 0,
            Self::Target(whom) => {
                let names = whom.rooms.iter().chain(&whom.except);
                names.map(|name| name.len() + NAME).sum::<usize>() + whom.namespace.len()
            }
        }
    }
}

impl<'a> Names<'a> {
    pub(super) fn new(namespace: &'a str, id: &'a Id, rooms: &'a [Arc<str>]) -> Self {
        let names = rooms.iter().map(|room| &**room).chain([id.as_str()]).collect();
        Self { namespace, names, id: *id }
    }

    fn mean(&self, to: &To) -> bool {
        match to {
            To::Client(namespace, id) => *id == self.id && **namespace == *self.namespace,
            To::Target(whom) => self.are_in(whom),
        }
    }

    /// Whether a target means the client.
    pub(super) fn are_in(&self, whom: &Whom) -> bool {
        let named = |name: &str| self.names.contains(name);
        *whom.namespace == *self.namespace
            && (whom.rooms.is_empty() || whom.rooms.iter().any(|name| named(name)))
            && !whom.except.iter().any(|name| named(name))
    }
}

#[cfg(feature = "fuzz")]
impl Log {
    /// Checks that the counts are those of the entries.
    pub(super) fn check(&self) {
        assert_eq!(self.bytes, self.entries.iter().map(|entry| entry.cost).sum::<usize>());
        let places: usize = self.tracks.values().map(|track| track.places.len()).sum();
        assert_eq!(places, self.entries.len(), "every event has a place");
    }
}
