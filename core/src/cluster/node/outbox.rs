//! Messages that wait for the broker: bounded in bytes and in age.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// What waits for the broker, in the order in which it was put.
#[derive(Debug)]
pub(in crate::cluster) struct Outbox<T> {
    /// By their numbers, which only grow.
    entries: BTreeMap<u64, Entry<T>>,
    /// The number of the next entry.
    next: u64,
    /// Bytes of all entries. Bounded by `limit`.
    bytes: usize,
    /// Bytes of those that are volatile.
    volatile: usize,
    limit: usize,
    age: Duration,
}

#[derive(Debug)]
struct Entry<T> {
    what: T,
    size: usize,
    since: Instant,
    keep: Keep,
}

/// Whether an entry gives way to others when there is no room.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cluster) enum Keep {
    Firm,
    Volatile,
}

/// There is no room for an entry.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::cluster) struct Full;

/// What an entry costs besides its bytes.
const ENTRY: usize = 128;

impl<T> Outbox<T> {
    pub(in crate::cluster) fn new(limit: usize, age: Duration) -> Self {
        Self { entries: BTreeMap::new(), next: 0, bytes: 0, volatile: 0, limit, age }
    }

    /// Puts an entry of so many bytes behind the others. Returns how many volatile ones gave way to it.
    pub(in crate::cluster) fn push(
        &mut self,
        now: Instant,
        (what, size): (T, usize),
        keep: Keep,
    ) -> Result<u64, Full> {
        let size = size.saturating_add(ENTRY);
        let mut gone = 0;
        if self.lacks_room_for(size) && keep == Keep::Firm && size <= self.limit {
            gone = self.drop_volatile();
        }
        if self.lacks_room_for(size) {
            return Err(Full);
        }
        self.bytes += size;
        match keep {
            Keep::Firm => {}
            Keep::Volatile => self.volatile += size,
        }
        self.entries.insert(self.next, Entry { what, size, since: now, keep });
        self.next += 1;
        Ok(gone)
    }

    /// Returns the first entry from a number on: its number, what it is, and when it was put.
    pub(in crate::cluster) fn first_from(&self, number: u64) -> Option<(u64, &T, Instant)> {
        let (number, entry) = self.entries.range(number..).next()?;
        Some((*number, &entry.what, entry.since))
    }

    /// Returns the entry of a number and when it was put, unless it was dropped.
    pub(in crate::cluster) fn get(&self, number: u64) -> Option<(&T, Instant)> {
        self.entries.get(&number).map(|entry| (&entry.what, entry.since))
    }

    /// Takes the entry of a number.
    pub(in crate::cluster) fn take(&mut self, number: u64) -> Option<T> {
        let entry = self.entries.remove(&number)?;
        self.bytes -= entry.size;
        match entry.keep {
            Keep::Firm => {}
            Keep::Volatile => self.volatile -= entry.size,
        }
        Some(entry.what)
    }

    /// Takes the first entry.
    pub(in crate::cluster) fn pop(&mut self) -> Option<T> {
        let (number, _) = self.entries.first_key_value()?;
        self.take(*number)
    }

    /// Drops the entries that waited for too long, and returns them.
    pub(in crate::cluster) fn expire(&mut self, now: Instant) -> Vec<T> {
        let mut expired = Vec::new();
        while self.expiry().is_some_and(|due| due <= now) {
            expired.extend(self.pop());
        }
        expired
    }

    /// Drops the volatile entries, and returns how many there were.
    pub(in crate::cluster) fn drop_volatile(&mut self) -> u64 {
        let before = self.len();
        self.entries.retain(|_, entry| entry.keep == Keep::Firm);
        self.bytes -= std::mem::take(&mut self.volatile);
        before - self.len()
    }

    /// Returns when the first entry will have waited for too long.
    pub(in crate::cluster) fn expiry(&self) -> Option<Instant> {
        let (_, first) = self.entries.first_key_value()?;
        first.since.checked_add(self.age)
    }

    pub(in crate::cluster) fn len(&self) -> u64 {
        self.entries.len() as u64
    }

    pub(in crate::cluster) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns for how many bytes of one more entry there is room, if volatile entries give way.
    pub(in crate::cluster) fn room(&self) -> usize {
        self.limit.saturating_sub(self.bytes - self.volatile + ENTRY)
    }

    fn lacks_room_for(&self, size: usize) -> bool {
        size > self.limit.saturating_sub(self.bytes)
    }
}

#[cfg(feature = "fuzz")]
impl<T> Outbox<T> {
    pub(super) fn check(&self) {
        let bytes: usize = self.entries.values().map(|entry| entry.size).sum();
        assert_eq!(bytes, self.bytes, "bytes that wait are counted");
        let volatile = self.entries.values().filter(|entry| entry.keep == Keep::Volatile);
        let volatile: usize = volatile.map(|entry| entry.size).sum();
        assert_eq!(volatile, self.volatile, "and those of volatile entries");
        assert!(bytes <= self.limit, "they are bounded");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start() -> Instant {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        Instant::now()
    }

    fn outbox(limit: usize) -> Outbox<u8> {
        Outbox::new(limit, Duration::from_secs(5))
    }

    #[test]
    fn k05_the_newest_is_refused_when_there_is_no_room() {
        let (mut outbox, now) = (outbox(2 * (ENTRY + 10)), start());
        assert_eq!(outbox.push(now, (1, 10), Keep::Firm), Ok(0));
        assert_eq!(outbox.room(), 10);
        assert_eq!(outbox.push(now, (2, 11), Keep::Firm), Err(Full));
        assert_eq!(outbox.push(now, (3, 10), Keep::Firm), Ok(0));
        assert_eq!(outbox.push(now, (4, 0), Keep::Firm), Err(Full));
        assert_eq!((outbox.pop(), outbox.pop(), outbox.pop()), (Some(1), Some(3), None));
        assert_eq!((outbox.bytes(), outbox.len()), (0, 0));
    }

    #[test]
    fn k05_volatile_messages_give_way() {
        let (mut outbox, now) = (outbox(3 * ENTRY), start());
        for (n, keep) in [(1, Keep::Volatile), (2, Keep::Firm), (3, Keep::Volatile)] {
            assert_eq!(outbox.push(now, (n, 0), keep), Ok(0));
        }
        assert_eq!(outbox.push(now, (4, 0), Keep::Volatile), Err(Full));
        assert_eq!(outbox.room(), ENTRY, "two of three may go");
        assert_eq!(outbox.push(now, (5, 0), Keep::Firm), Ok(2));
        assert_eq!((outbox.pop(), outbox.pop(), outbox.pop()), (Some(2), Some(5), None));
    }

    #[test]
    fn k05_old_messages_expire() {
        let (mut outbox, now) = (outbox(1000), start());
        let later = now + Duration::from_secs(1);
        let _ = outbox.push(now, (1, 0), Keep::Firm);
        let _ = outbox.push(later, (2, 0), Keep::Firm);
        let due = now + Duration::from_secs(5);
        assert_eq!(outbox.expiry(), Some(due));
        assert!(outbox.expire(due - Duration::from_millis(1)).is_empty());
        assert_eq!(outbox.expire(due), [1]);
        assert_eq!(outbox.first_from(0), Some((1, &2, later)));
    }

    #[test]
    fn k05_entries_are_found_and_taken_by_their_numbers() {
        let (mut outbox, now) = (outbox(1000), start());
        (0..4).for_each(|n| assert_eq!(outbox.push(now, (n, 10), Keep::Firm), Ok(0)));
        assert_eq!((outbox.take(1), outbox.take(1), outbox.get(1)), (Some(1), None, None));
        assert_eq!(outbox.first_from(1), Some((2, &2, now)));
        assert_eq!(outbox.get(3), Some((&3, now)));
        assert_eq!((outbox.len(), outbox.bytes()), (3, 3 * (ENTRY + 10)));
        assert_eq!((outbox.pop(), outbox.pop(), outbox.pop()), (Some(0), Some(2), Some(3)));
        assert_eq!((outbox.first_from(0), outbox.bytes()), (None, 0));
    }
}
