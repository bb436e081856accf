//! Sessions that were not admitted to a namespace yet, counted by the address that opened them.
//!
//! When all places are taken, the address with most sessions loses its oldest. So no address keeps others
//! out by opening sessions, and an address with few sessions is served however many another one opens.

use std::cmp::Reverse;
use std::collections::{BTreeSet, HashMap};
use std::net::{IpAddr, SocketAddr};

use crate::hash::Seeded;
use crate::key::Slab;
use crate::server::NONE;
use crate::slack::Slack;
use crate::time::Tick;

/// The address or network that a session is counted for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(in crate::server) enum Source {
    Ipv4([u8; 4]),
    /// The first 64 bits of an address: a network of that size is what one subscriber gets.
    Ipv6([u8; 8]),
    /// All clients whose address is not known, as on a Unix socket.
    Unknown,
}

/// The sessions in no namespace, by source. Bounded by `limits.handshakes`.
#[derive(Debug)]
pub(in crate::server) struct Strangers {
    places: Slab<Place>,
    groups: Slab<Group>,
    by_source: HashMap<Source, u32, Seeded>,
    /// The groups by size, those of a size by the age of their oldest session.
    ranks: BTreeSet<Rank>,
}

/// One session, in the list of its group.
#[derive(Debug)]
struct Place {
    session: u32,
    /// When it must have joined a namespace.
    due: Tick,
    group: u32,
    older: u32,
    younger: u32,
}

/// The sessions of one source, oldest first.
#[derive(Debug)]
struct Group {
    source: Source,
    size: u32,
    oldest: u32,
    youngest: u32,
}

/// How greedy a group is: its size, the deadline of its oldest session, and where it is.
type Rank = (u32, Reverse<Tick>, u32);

impl Source {
    pub(in crate::server) fn of(peer: Option<SocketAddr>) -> Self {
        match peer.map(|peer| peer.ip().to_canonical()) {
            None => Self::Unknown,
            Some(IpAddr::V4(address)) => Self::Ipv4(address.octets()),
            Some(IpAddr::V6(address)) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::Ipv6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl Strangers {
    pub(in crate::server) fn new(hasher: Seeded) -> Self {
        Self {
            places: Slab::new(),
            groups: Slab::new(),
            by_source: HashMap::with_hasher(hasher),
            ranks: BTreeSet::new(),
        }
    }

    pub(in crate::server) fn len(&self) -> usize {
        self.places.len()
    }

    /// When the session in a place must have joined a namespace; never, when there is no such place.
    pub(in crate::server) fn due(&self, place: u32) -> Tick {
        self.places.at(place).map_or(Tick::NEVER, |place| place.due)
    }

    /// The session that gives way to a newcomer: the oldest of the source that has most, of the
    /// newcomer's own when no other has more.
    pub(super) fn who_gives_way_to(&self, newcomer: Source) -> Option<u32> {
        let &(most, _, greediest) = self.ranks.last()?;
        let own = self.by_source.get(&newcomer).copied();
        let group = own.filter(|&own| self.groups.at(own).is_some_and(|own| own.size >= most));
        let group = self.groups.at(group.unwrap_or(greediest))?;
        self.places.at(group.oldest).map(|place| place.session)
    }

    /// Counts a session, the youngest of all, and returns its place.
    pub(in crate::server) fn enter(&mut self, source: Source, session: u32, due: Tick) -> u32 {
        let slot = self.group_of(source);
        let Some(group) = self.groups.at_mut(slot) else { return NONE };
        let older = group.youngest;
        let place = Place { session, due, group: slot, older, younger: NONE };
        let place = self.places.insert(|_| place).slot;
        match self.places.at_mut(older) {
            Some(older) => older.younger = place,
            None => group.oldest = place,
        }
        group.youngest = place;
        group.size += 1;
        self.rank(slot);
        place
    }

    /// Counts the session in a place no more.
    pub(super) fn leave(&mut self, place: u32) {
        let Some(key) = self.places.key(place) else { return };
        let Some(place) = self.places.get(key) else { return };
        let Place { group: slot, older, younger, .. } = *place;
        self.unrank(slot);
        self.places.remove(key);
        let Some(group) = self.groups.at_mut(slot) else { return };
        match self.places.at_mut(older) {
            Some(older) => older.younger = younger,
            None => group.oldest = younger,
        }
        match self.places.at_mut(younger) {
            Some(younger) => younger.older = older,
            None => group.youngest = older,
        }
        group.size -= 1;
        match group.size {
            0 => self.drop_group(slot),
            _ => self.rank(slot),
        }
    }

    /// The group of a source, which has no rank until it is given one.
    fn group_of(&mut self, source: Source) -> u32 {
        if let Some(&slot) = self.by_source.get(&source) {
            self.unrank(slot);
            return slot;
        }
        let group = Group { source, size: 0, oldest: NONE, youngest: NONE };
        let slot = self.groups.insert(|_| group).slot;
        self.by_source.insert(source, slot);
        slot
    }

    fn drop_group(&mut self, slot: u32) {
        if let Some(key) = self.groups.key(slot)
            && let Some(group) = self.groups.remove(key)
        {
            self.by_source.remove(&group.source);
            self.by_source.tighten();
        }
    }

    fn rank(&mut self, slot: u32) {
        if let Some(rank) = self.rank_of(slot) {
            self.ranks.insert(rank);
        }
    }

    fn unrank(&mut self, slot: u32) {
        if let Some(rank) = self.rank_of(slot) {
            self.ranks.remove(&rank);
        }
    }

    fn rank_of(&self, slot: u32) -> Option<Rank> {
        let group = self.groups.at(slot)?;
        let oldest = self.places.at(group.oldest)?;
        Some((group.size, Reverse(oldest.due), slot))
    }
}

#[cfg(feature = "fuzz")]
impl Strangers {
    /// Checks that lists, sizes and ranks agree, and returns which session is in each place.
    pub(in crate::server) fn census(&self) -> Vec<(u32, u32)> {
        let mut seen = Vec::new();
        for (source, &slot) in &self.by_source {
            let group = self.groups.at(slot).expect("a source leads to its group");
            assert_eq!(group.source, *source);
            let (mut at, mut older, mut size) = (group.oldest, NONE, 0);
            while let Some(place) = self.places.at(at) {
                assert_eq!((place.group, place.older), (slot, older), "a list goes both ways");
                seen.push((at, place.session));
                (older, at) = (at, place.younger);
                size += 1;
            }
            assert_eq!((group.size, group.youngest), (size, older), "a group is its list");
            let rank = self.rank_of(slot).expect("no group is empty");
            assert!(self.ranks.contains(&rank), "every group has its rank");
        }
        assert_eq!(self.ranks.len(), self.groups.len());
        assert_eq!(self.by_source.len(), self.groups.len());
        assert_eq!(seen.len(), self.places.len(), "every place is in a list");
        seen
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::time::{Clock, Queue};
    use std::time::{Duration, Instant};

    fn source(address: &str) -> Source {
        Source::of(Some(SocketAddr::new(address.parse().expect("an address"), 1)))
    }

    /// Deadlines one after another.
    fn dues() -> impl FnMut() -> Tick {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let birth = Instant::now();
        let (mut clock, mut queue) = (Clock::new(birth), Queue::fair(Duration::from_secs(45)));
        let mut passed = 0;
        move || {
            passed += 1;
            queue.arm(clock.read(birth + Duration::from_millis(passed)), 0)
        }
    }

    fn nobody() -> Strangers {
        Strangers::new(Seeded::new([7; 16]))
    }

    #[test]
    fn a_source_is_an_address_or_a_network() {
        assert_eq!(source("1.2.3.4"), source("::ffff:1.2.3.4"));
        assert_ne!(source("1.2.3.4"), source("1.2.3.5"));
        assert_eq!(source("2001:db8:0:1::1"), source("2001:db8:0:1:ffff::2"));
        assert_ne!(source("2001:db8:0:1::1"), source("2001:db8:0:2::1"));
        assert_eq!(Source::of(None), Source::Unknown);
    }

    #[test]
    fn the_oldest_of_the_greediest_gives_way() {
        let (mut all, mut due) = (nobody(), dues());
        let [greedy, modest, newcomer] = ["1.1.1.1", "2.2.2.2", "3.3.3.3"].map(source);
        assert_eq!(all.who_gives_way_to(newcomer), None);
        all.enter(modest, 1, due());
        let first = all.enter(greedy, 2, due());
        all.enter(greedy, 3, due());
        for peer in [greedy, modest, newcomer] {
            assert_eq!(all.who_gives_way_to(peer), Some(2));
        }
        all.leave(first);
        assert_eq!(all.len(), 2);
        assert_eq!(all.who_gives_way_to(newcomer), Some(1), "of equals the one who was first");
        assert_eq!(all.who_gives_way_to(greedy), Some(3), "nobody is greedier than itself");
    }

    #[test]
    fn places_leave_in_any_order_and_nothing_stays() {
        let (mut all, mut due) = (nobody(), dues());
        let peers = ["1.1.1.1", "2.2.2.2", "::1"].map(source);
        let places: Vec<u32> =
            (0..3 * 100).map(|n| all.enter(peers[n as usize % 3], n, due())).collect();
        // A step that has no factor in common with the number of places reaches all of them.
        for n in 0..places.len() {
            all.leave(places[n * 7 % places.len()]);
            all.leave(places[n * 7 % places.len()]);
            assert_eq!(all.len(), places.len() - n - 1);
            assert_eq!(all.who_gives_way_to(peers[0]).is_none(), all.len() == 0);
        }
        assert_eq!((all.groups.len(), all.by_source.len(), all.ranks.len()), (0, 0, 0));
    }
}
