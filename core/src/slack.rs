//! Room that a burst took.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::hash::{BuildHasher, Hash};

/// A table that otherwise keeps room for as many entries as it ever held.
pub(crate) trait Slack {
    /// Gives room back when an eighth of it or less is used. Called after each removal it takes
    /// constant time on average.
    fn tighten(&mut self);
}

/// Entries for which room is kept.
const KEEP: usize = 64;

macro_rules! slack {
    ($([$($param:tt)*] $table:ty;)*) => {$(
        impl<$($param)*> Slack for $table {
            #[inline]
            fn tighten(&mut self) {
                if self.capacity() > KEEP && self.len() <= self.capacity() / 8 {
                    self.shrink_to(2 * self.len());
                }
            }
        }
    )*};
}

slack! {
    [T: Ord] BinaryHeap<T>;
    [K: Eq + Hash, V, S: BuildHasher] HashMap<K, V, S>;
    [T] Vec<T>;
    [T] VecDeque<T>;
}

/// Adds to a list that belongs to one connection of many: it begins with room for one.
pub(crate) fn push_sparing<T>(list: &mut VecDeque<T>, value: T) {
    if list.capacity() == 0 {
        list.reserve_exact(1);
    }
    list.push_back(value);
}

/// Takes from such a list: when it is empty it keeps room for one at most.
pub(crate) fn pop_sparing<T>(list: &mut VecDeque<T>) -> Option<T> {
    let value = list.pop_front();
    if list.is_empty() && list.capacity() > 1 {
        *list = VecDeque::new();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_that_empties_keeps_little_room_and_shrinks_rarely() {
        let mut list: Vec<u32> = (0..100_000).collect();
        let (mut capacity, mut shrunk) = (list.capacity(), 0);
        while list.pop().is_some() {
            list.tighten();
            shrunk += usize::from(list.capacity() != capacity);
            capacity = list.capacity();
            assert!(capacity <= KEEP.max(8 * list.len() + 8));
        }
        assert!(shrunk < 10, "{shrunk}");
    }

    #[test]
    fn a_table_that_is_used_keeps_its_room() {
        let mut map: HashMap<u32, u32> = (0..1000).map(|n| (n, n)).collect();
        map.retain(|n, _| *n < 500);
        map.tighten();
        assert!(map.capacity() >= 1000, "{}", map.capacity());
        map.retain(|n, _| *n < 5);
        map.tighten();
        assert!(map.capacity() <= KEEP, "{}", map.capacity());
    }
}
