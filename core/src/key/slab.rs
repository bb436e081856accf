//! Values in reused slots.

use std::collections::BTreeMap;
use std::num::NonZeroU32;

use super::Key;

/// Values in reused slots, found by key or by slot number.
///
/// Room is given back after a burst, although keys cannot be changed: what a few values leave of a
/// long table stays at its slots, outside of it.
#[derive(Debug)]
pub(crate) struct Slab<T> {
    entries: Vec<Entry<T>>,
    /// Values in slots behind `entries`, each used. Empty but after a burst.
    strays: BTreeMap<u32, Entry<T>>,
    free: u32,
    len: usize,
    /// The generation of slots that have no entry: no key with it was handed out.
    fresh: NonZeroU32,
}

#[derive(Debug)]
struct Entry<T> {
    generation: NonZeroU32,
    state: State<T>,
}

#[derive(Debug)]
enum State<T> {
    Free { next: u32 },
    Used(T),
}

const END: u32 = u32::MAX;

/// Entries for which room is kept.
const KEEP: usize = 64;

impl<T> Slab<T> {
    pub(crate) fn new() -> Self {
        Self {
            entries: Vec::new(),
            strays: BTreeMap::new(),
            free: END,
            len: 0,
            fresh: NonZeroU32::MIN,
        }
    }

    pub(crate) fn insert(&mut self, make: impl FnOnce(Key) -> T) -> Key {
        self.len += 1;
        if let Some(entry) = self.entries.get_mut(self.free as usize) {
            let key = Key { slot: self.free, generation: entry.generation };
            if let State::Free { next } = entry.state {
                self.free = next;
            }
            entry.state = State::Used(make(key));
            return key;
        }
        if !self.strays.is_empty() {
            self.take_in_strays();
        }
        let key = Key { slot: slot(self.entries.len()), generation: self.fresh };
        self.entries.push(Entry { generation: key.generation, state: State::Used(make(key)) });
        key
    }

    pub(crate) fn remove(&mut self, key: Key) -> Option<T> {
        self.get(key)?;
        self.len -= 1;
        let next = key.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
        let state = match self.entries.get_mut(key.slot as usize) {
            Some(entry) => {
                entry.generation = next;
                let free = State::Free { next: self.free };
                self.free = key.slot;
                std::mem::replace(&mut entry.state, free)
            }
            None => {
                self.fresh = self.fresh.max(next);
                self.strays.remove(&key.slot)?.state
            }
        };
        if self.entries.len() > KEEP && self.len < self.entries.len() / 8 {
            self.shrink();
        }
        match state {
            State::Used(value) => Some(value),
            State::Free { .. } => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut T> {
        match self.entries.get_mut(key.slot as usize) {
            Some(Entry { generation, state: State::Used(value) })
                if *generation == key.generation =>
            {
                Some(value)
            }
            Some(_) => None,
            None => stray_of_mut(&mut self.strays, key),
        }
    }

    #[inline]
    pub(crate) fn at_mut(&mut self, slot: u32) -> Option<&mut T> {
        match self.entries.get_mut(slot as usize) {
            Some(entry) => entry.used_mut(),
            None => stray_mut(&mut self.strays, slot),
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: Key) -> Option<&T> {
        match self.entries.get(key.slot as usize) {
            Some(Entry { generation, state: State::Used(value) })
                if *generation == key.generation =>
            {
                Some(value)
            }
            Some(_) => None,
            None => stray_of(&self.strays, key),
        }
    }

    #[inline]
    pub(crate) fn at(&self, slot: u32) -> Option<&T> {
        match self.entries.get(slot as usize) {
            Some(entry) => entry.used(),
            None => stray(&self.strays, slot),
        }
    }

    /// The key of whatever lives in `slot` now.
    pub(crate) fn key(&self, slot: u32) -> Option<Key> {
        let entry = match self.entries.get(slot as usize) {
            Some(entry) => entry,
            None => self.strays.get(&slot)?,
        };
        entry.used().map(|_| Key { slot, generation: entry.generation })
    }

    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        let slots = (0..slot(self.entries.len())).chain(self.strays.keys().copied());
        slots.filter_map(|slot| self.key(slot))
    }

    pub(crate) fn values_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.entries.iter_mut().chain(self.strays.values_mut()).filter_map(Entry::used_mut)
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// Gives room back: half of the entries that stay are free. It was paid for by those that went.
    #[cold]
    fn shrink(&mut self) {
        let keep = KEEP.max(2 * self.len);
        for (at, entry) in self.entries.drain(keep..).enumerate() {
            match entry.state {
                State::Free { .. } => self.fresh = self.fresh.max(entry.generation),
                State::Used(_) => drop(self.strays.insert(slot(keep + at), entry)),
            }
        }
        self.entries.shrink_to_fit();
        self.free = END;
        for (at, entry) in self.entries.iter_mut().enumerate().rev() {
            if let State::Free { next } = &mut entry.state {
                *next = std::mem::replace(&mut self.free, slot(at));
            }
        }
    }

    /// Moves the values back whose slots come next.
    #[cold]
    fn take_in_strays(&mut self) {
        while let Some(entry) = self.strays.remove(&slot(self.entries.len())) {
            self.entries.push(entry);
        }
    }
}

impl<T> Entry<T> {
    #[inline]
    fn used(&self) -> Option<&T> {
        match &self.state {
            State::Used(value) => Some(value),
            State::Free { .. } => None,
        }
    }

    #[inline]
    fn used_mut(&mut self) -> Option<&mut T> {
        match &mut self.state {
            State::Used(value) => Some(value),
            State::Free { .. } => None,
        }
    }
}

#[cold]
#[inline(never)]
fn stray<T>(strays: &BTreeMap<u32, Entry<T>>, slot: u32) -> Option<&T> {
    strays.get(&slot)?.used()
}

#[cold]
#[inline(never)]
fn stray_mut<T>(strays: &mut BTreeMap<u32, Entry<T>>, slot: u32) -> Option<&mut T> {
    strays.get_mut(&slot)?.used_mut()
}

#[cold]
#[inline(never)]
fn stray_of<T>(strays: &BTreeMap<u32, Entry<T>>, key: Key) -> Option<&T> {
    let entry = strays.get(&key.slot)?;
    if entry.generation == key.generation { entry.used() } else { None }
}

#[cold]
#[inline(never)]
fn stray_of_mut<T>(strays: &mut BTreeMap<u32, Entry<T>>, key: Key) -> Option<&mut T> {
    let entry = strays.get_mut(&key.slot)?;
    if entry.generation == key.generation { entry.used_mut() } else { None }
}

fn slot(at: usize) -> u32 {
    u32::try_from(at).expect("fewer than 2^32 entries fit in memory")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashSet;

    #[test]
    fn a_stale_key_finds_nothing() {
        let mut slab = Slab::new();
        let first = slab.insert(|_| 'a');
        assert_eq!(slab.remove(first), Some('a'));
        let second = slab.insert(|_| 'b');
        assert_eq!(first.slot, second.slot);
        assert_eq!(slab.get(first), None);
        assert_eq!(slab.remove(first), None);
        assert_eq!(slab.get(second), Some(&'b'));
    }

    #[test]
    fn room_is_given_back_although_some_stay() {
        let mut slab = Slab::new();
        let keys: Vec<Key> = (0..10_000).map(|n| slab.insert(|_| n)).collect();
        let stay = |n: usize| n % 2_000 == 1_999;
        for (n, &key) in keys.iter().enumerate().filter(|(n, _)| !stay(*n)) {
            assert_eq!(slab.remove(key), Some(n));
        }
        assert_eq!((slab.len(), slab.strays.len()), (5, 5));
        assert!(slab.entries.capacity() <= KEEP, "{}", slab.entries.capacity());
        for (n, &key) in keys.iter().enumerate() {
            assert_eq!(slab.get(key), stay(n).then_some(&n));
            assert_eq!(slab.at(key.slot), stay(n).then_some(&n));
            assert_eq!(slab.get_mut(key).copied(), stay(n).then_some(n));
            assert_eq!(slab.at_mut(key.slot).copied(), stay(n).then_some(n));
        }
        assert_eq!(slab.keys().count(), 5);
        assert_eq!(slab.values_mut().count(), 5);
        // The slots that were given back come anew, and no key of theirs is one from before.
        let again: Vec<Key> = (0..10_000).map(|n| slab.insert(|_| n)).collect();
        assert!(slab.strays.is_empty());
        assert!(keys.iter().filter(|key| slab.get(**key).is_some()).count() == 5);
        assert!(again.iter().all(|key| slab.get(*key).is_some()));
        assert_eq!(slab.entries.len(), 10_005);
    }

    proptest! {
        #[test]
        fn a_key_finds_its_own_value_and_nothing_once_it_is_gone(
            steps in prop::collection::vec((any::<bool>(), 1..400_usize, any::<usize>()), 1..20),
        ) {
            let mut slab = Slab::new();
            let (mut live, mut known): (Vec<Key>, HashSet<Key>) = Default::default();
            for (comes, many, pick) in steps {
                for n in 0..many {
                    if comes {
                        let key = slab.insert(|key| key);
                        prop_assert!(known.insert(key), "no key comes twice");
                        live.push(key);
                    } else if !live.is_empty() {
                        let key = live.swap_remove(pick.wrapping_mul(n + 7) % live.len());
                        prop_assert_eq!(slab.remove(key), Some(key));
                        prop_assert_eq!(slab.remove(key), None);
                    }
                }
                prop_assert_eq!(slab.len(), live.len());
                prop_assert!(slab.entries.len() <= KEEP.max(8 * live.len() + 8));
                let found = known.iter().filter(|key| slab.get(**key) == Some(key)).count();
                prop_assert_eq!(found, live.len());
                prop_assert_eq!(slab.keys().collect::<HashSet<_>>(), live.iter().copied().collect());
            }
        }
    }
}
