//! Time as the core sees it: microseconds since the shard was made, and queues of deadlines.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::{Duration, Instant};

use crate::slack::Slack as _;

/// A moment, in microseconds since the birth of the shard.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Tick(u64);

impl Tick {
    /// A deadline that never comes.
    pub(crate) const NEVER: Self = Self(u64::MAX);

    /// The moment from which ticks are counted.
    #[cfg(test)]
    pub(crate) const START: Self = Self(0);

    /// The moment so much later.
    pub(crate) fn after(self, time: Duration) -> Self {
        let time = u64::try_from(time.as_micros()).unwrap_or(u64::MAX / 2);
        Self(self.0.saturating_add(time))
    }

    /// Whether so much time has passed since.
    pub(crate) fn is_over(self, now: Self, time: Duration) -> bool {
        u128::from(now.0.saturating_sub(self.0)) >= time.as_micros()
    }
}

/// Turns the caller's `Instant`s into ticks that never go back.
#[derive(Debug)]
pub(crate) struct Clock {
    birth: Instant,
    /// What was read last: all that happens in one turn happens at the same instant.
    seen: Instant,
    latest: Tick,
}

impl Clock {
    pub(crate) fn new(now: Instant) -> Self {
        Self { birth: now, seen: now, latest: Tick(0) }
    }

    #[inline]
    pub(crate) fn read(&mut self, now: Instant) -> Tick {
        if now == self.seen { self.latest } else { self.advance(now) }
    }

    fn advance(&mut self, now: Instant) -> Tick {
        self.seen = now;
        let elapsed = now.saturating_duration_since(self.birth).as_micros();
        self.latest = self.latest.max(Tick(u64::try_from(elapsed).unwrap_or(u64::MAX - 1)));
        self.latest
    }

    /// The latest moment seen.
    pub(crate) fn latest(&self) -> Tick {
        self.latest
    }

    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.birth + Duration::from_micros(tick.0)
    }
}

/// How late a deadline may be found. Beyond it, the deadlines were not looked at for a while: the process was
/// paused or its threads were blocked, and what peers sent meanwhile was not read either.
///
/// Timers of a busy machine are late by some ten milliseconds; a tenth of a second is little against
/// the seconds that peers are given.
const PUNCTUAL: u64 = 100_000;

/// How long an answer may take to be read after such a pause, in microseconds.
const GRACE: u64 = 1_000_000;

/// Deadlines that all lie the same delay ahead, so pushing keeps them sorted.
///
/// Entries are never cancelled: the owner remembers its current deadline, and an entry that says
/// something else is stale and falls out when it reaches the front.
#[derive(Debug)]
pub(crate) struct Queue {
    delay: u64,
    /// How late a deadline may be found before it is put off.
    patience: u64,
    /// Live and stale entries. Bounded by the code that pushes, with `compact`.
    entries: VecDeque<(Tick, u32)>,
    /// Deadlines that were put off: the new time and the key. Each was an entry before.
    later: VecDeque<(Tick, Tick, u32)>,
    /// How many the last compaction left.
    kept: usize,
}

impl Queue {
    /// Makes a queue of deadlines that count as missed however late they are found.
    pub(crate) fn strict(delay: Duration) -> Self {
        let delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX / 2).min(u64::MAX / 2);
        let (entries, later) = (VecDeque::new(), VecDeque::new());
        Self { delay, patience: u64::MAX, entries, later, kept: 0 }
    }

    /// Makes a queue of deadlines that are put off once, by the whole delay, when they are found too
    /// late for the peer to be blamed.
    pub(crate) fn fair(delay: Duration) -> Self {
        Self { patience: PUNCTUAL, ..Self::strict(delay) }
    }

    /// Arms a deadline for `slot` and returns it. What began a little before the last one counts from
    /// there.
    pub(crate) fn arm(&mut self, start: Tick, slot: u32) -> Tick {
        let due = Tick(start.0.saturating_add(self.delay));
        let due = self.entries.back().map_or(due, |&(last, _)| due.max(last));
        if self.entries.back() != Some(&(due, slot)) {
            self.entries.push_back((due, slot));
        }
        due
    }

    /// Returns from when the delay counts of something that should have begun at `due` and begins
    /// `now`: timers that are a little late should not add up.
    pub(crate) fn start(&self, due: Tick, now: Tick) -> Tick {
        if now.0 - due.0 <= PUNCTUAL.min(self.delay / 2) { due } else { now }
    }

    /// Puts a deadline off, by the delay again.
    pub(crate) fn put_off(&mut self, now: Tick, (due, slot): (Tick, u32)) -> Tick {
        let until = Tick(now.0.saturating_add(self.delay.max(1)));
        self.later.push_back((until, due, slot));
        until
    }

    /// Drops stale entries once they outnumber the `live` ones: peers that come and go leave many.
    pub(crate) fn compact(&mut self, live: usize, current: impl Fn(u32) -> Tick) {
        if self.entries.len() + self.later.len() > 64 + 2 * live.max(self.kept) {
            self.entries.retain(|&(due, slot)| current(slot) == due);
            self.later.retain(|&(_, due, slot)| current(slot) == due);
            self.kept = self.entries.len() + self.later.len();
            self.entries.tighten();
            self.later.tighten();
        }
    }

    /// Takes the next slot whose current deadline has come, and that deadline.
    pub(crate) fn expired(
        &mut self,
        now: Tick,
        current: impl Fn(u32) -> Tick,
    ) -> Option<(Tick, u32)> {
        while let Some(&(due, slot)) = self.entries.front() {
            let live = current(slot) == due;
            if live && due > now {
                break;
            }
            self.entries.pop_front();
            self.entries.tighten();
            if live && now.0 - due.0 <= self.patience {
                return Some((due, slot));
            }
            if live {
                self.put_off(now, (due, slot));
            }
        }
        while let Some(&(until, due, slot)) = self.later.front() {
            let live = current(slot) == due;
            if live && until > now {
                break;
            }
            self.later.pop_front();
            self.later.tighten();
            if live {
                return Some((due, slot));
            }
        }
        if self.later.is_empty() && self.later.capacity() > 0 {
            self.later = VecDeque::new();
        }
        None
    }

    pub(crate) fn next(&self) -> Tick {
        let first = self.entries.front().map_or(Tick::NEVER, |&(due, _)| due);
        self.later.front().map_or(first, |&(until, ..)| first.min(until))
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.later.len()
    }
}

/// Deadlines of arbitrary distance, for the few things whose delay the application chooses. Found too
/// late, they are put off once, for a second.
#[derive(Debug)]
pub(crate) struct Heap<T> {
    entries: BinaryHeap<Reverse<(Tick, T)>>,
    /// Deadlines that were put off, in the order in which that ends. Each was an entry before.
    later: VecDeque<(Tick, T)>,
}

impl<T: Ord> Heap<T> {
    pub(crate) fn new() -> Self {
        Self { entries: BinaryHeap::new(), later: VecDeque::new() }
    }

    /// Arms a deadline and returns it.
    pub(crate) fn arm(&mut self, now: Tick, delay: Duration, what: T) -> Tick {
        let delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX / 2);
        let due = Tick(now.0.saturating_add(delay));
        self.entries.push(Reverse((due, what)));
        due
    }

    /// Takes the next whose deadline has come.
    pub(crate) fn expired(&mut self, now: Tick) -> Option<T> {
        while self.entries.peek().is_some_and(|Reverse((due, _))| *due <= now) {
            let Reverse((due, what)) = self.entries.pop()?;
            self.entries.tighten();
            if now.0 - due.0 <= PUNCTUAL {
                return Some(what);
            }
            self.later.push_back((Tick(now.0.saturating_add(GRACE)), what));
        }
        let (until, _) = self.later.front()?;
        if *until > now {
            return None;
        }
        let later = self.later.pop_front();
        self.later.tighten();
        later.map(|(_, what)| what)
    }

    pub(crate) fn next(&self) -> Tick {
        let first = self.entries.peek().map_or(Tick::NEVER, |Reverse((due, _))| *due);
        self.later.front().map_or(first, |(until, _)| first.min(*until))
    }

    /// Drops stale entries once they outnumber the `live` ones.
    pub(crate) fn compact(&mut self, live: usize, keep: impl Fn(&T) -> bool) {
        if self.entries.len() + self.later.len() > 64 + 2 * live {
            self.entries.retain(|Reverse((_, what))| keep(what));
            self.later.retain(|(_, what)| keep(what));
            self.entries.tighten();
            self.later.tighten();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_expires_when_it_equals_now() {
        let mut queue = Queue::fair(Duration::from_millis(5));
        let due = queue.arm(Tick(100), 7);
        assert_eq!(queue.expired(Tick(5099), |_| due), None);
        assert_eq!(queue.expired(Tick(5100), |_| due), Some((due, 7)));
        assert_eq!(queue.expired(Tick(9999), |_| due), None);
    }

    #[test]
    fn stale_entries_fall_out() {
        let mut queue = Queue::fair(Duration::from_millis(1));
        queue.arm(Tick(0), 1);
        let second = queue.arm(Tick(10), 1);
        assert_eq!(queue.expired(second, |_| second), Some((second, 1)));
        assert_eq!(queue.next(), Tick::NEVER);
    }

    #[test]
    fn stale_entries_do_not_pile_up() {
        let mut queue = Queue::fair(Duration::from_secs(60));
        for moment in 0..10_000 {
            let due = queue.arm(Tick(moment), 7);
            queue.compact(1, |_| due);
            assert!(queue.entries.len() <= 67);
        }
        let due = queue.arm(Tick(10_000), 7);
        for _ in 0..10_000 {
            assert_eq!(queue.arm(Tick(10_000), 7), due);
        }
        assert!(queue.entries.len() <= 67);
        assert_eq!(queue.expired(due, |_| due), Some((due, 7)));
        assert_eq!(queue.expired(due, |_| Tick::NEVER), None);
    }

    #[test]
    fn a_deadline_found_too_late_is_put_off_once() {
        let mut queue = Queue::fair(Duration::from_secs(2));
        let due = queue.arm(Tick(0), 7);
        let late = Tick(due.0 + PUNCTUAL + 1);
        assert_eq!(queue.expired(late, |_| due), None);
        let until = Tick(late.0 + 2_000_000);
        assert_eq!(queue.next(), until);
        assert_eq!(queue.expired(Tick(until.0 - 1), |_| due), None);
        // However late it is found then.
        assert_eq!(queue.expired(Tick(until.0 + 10 * PUNCTUAL), |_| due), Some((due, 7)));
        assert_eq!((queue.next(), queue.len()), (Tick::NEVER, 0));
    }

    #[test]
    fn a_deadline_found_in_time_is_not_put_off() {
        let mut queue = Queue::fair(Duration::from_secs(2));
        let due = queue.arm(Tick(0), 7);
        assert_eq!(queue.expired(Tick(due.0 + PUNCTUAL), |_| due), Some((due, 7)));
        let mut strict = Queue::strict(Duration::from_secs(2));
        let due = strict.arm(Tick(0), 7);
        assert_eq!(strict.expired(Tick(due.0 + 10 * PUNCTUAL), |_| due), Some((due, 7)));
    }

    #[test]
    fn deadlines_stay_sorted_whenever_they_count_from() {
        let mut queue = Queue::fair(Duration::from_millis(1));
        assert_eq!(queue.arm(Tick(500), 1), Tick(1500));
        assert_eq!(queue.arm(Tick(400), 2), Tick(1500));
        assert_eq!(queue.arm(Tick(600), 3), Tick(1600));
    }

    #[test]
    fn what_begins_a_little_late_counts_from_when_it_was_due() {
        let queue = Queue::fair(Duration::from_millis(50));
        assert_eq!(queue.start(Tick(1000), Tick(26_000)), Tick(1000));
        assert_eq!(queue.start(Tick(1000), Tick(26_001)), Tick(26_001));
        let queue = Queue::fair(Duration::from_secs(20));
        assert_eq!(queue.start(Tick(1000), Tick(1000 + PUNCTUAL)), Tick(1000));
        assert_eq!(queue.start(Tick(1000), Tick(1001 + PUNCTUAL)), Tick(1001 + PUNCTUAL));
    }

    #[test]
    fn the_deadline_of_an_answer_found_too_late_is_put_off_once() {
        let mut heap = Heap::new();
        heap.arm(Tick(0), Duration::from_millis(1), 'a');
        heap.arm(Tick(0), Duration::from_secs(1), 'b');
        let late = Tick(1001 + PUNCTUAL);
        assert_eq!(heap.expired(late), None);
        assert_eq!(heap.next(), Tick(1_000_000));
        assert_eq!(heap.expired(Tick(1_000_000)), Some('b'));
        assert_eq!(heap.next(), Tick(late.0 + GRACE));
        assert_eq!(heap.expired(Tick(10 * GRACE)), Some('a'));
        assert_eq!(heap.next(), Tick::NEVER);
    }

    #[test]
    fn time_never_goes_back() {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let birth = Instant::now();
        let mut clock = Clock::new(birth);
        let later = clock.read(birth + Duration::from_secs(2));
        assert_eq!(clock.read(birth), later);
    }
}
