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

    pub(crate) fn instant(&self, tick: Tick) -> Instant {
        self.birth + Duration::from_micros(tick.0)
    }
}

/// Deadlines that all lie the same delay ahead, so pushing keeps them sorted.
///
/// Entries are never cancelled: the owner remembers its current deadline, and an entry that says
/// something else is stale and falls out when it reaches the front.
#[derive(Debug)]
pub(crate) struct Queue {
    delay: u64,
    /// Live and stale ones. Bounded by whoever pushes, with `compact`.
    entries: VecDeque<(Tick, u32)>,
    /// How many the last compaction left.
    kept: usize,
    /// Whether a deadline came to the front since this was last asked.
    moved: bool,
}

impl Queue {
    pub(crate) fn new(delay: Duration) -> Self {
        let delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX / 2).min(u64::MAX / 2);
        Self { delay, entries: VecDeque::new(), kept: 0, moved: false }
    }

    /// Arms a deadline for `slot` and returns it.
    pub(crate) fn arm(&mut self, now: Tick, slot: u32) -> Tick {
        let due = Tick(now.0.saturating_add(self.delay));
        self.moved |= self.entries.is_empty();
        if self.entries.back() != Some(&(due, slot)) {
            self.entries.push_back((due, slot));
        }
        due
    }

    /// Drops stale entries once they outnumber the `live` ones: peers that come and go leave many.
    pub(crate) fn compact(&mut self, live: usize, current: impl Fn(u32) -> Tick) {
        if self.entries.len() > 64 + 2 * live.max(self.kept) {
            self.entries.retain(|&(due, slot)| current(slot) == due);
            self.kept = self.entries.len();
            self.entries.tighten();
        }
    }

    /// Takes the next slot whose current deadline has come.
    pub(crate) fn expired(&mut self, now: Tick, current: impl Fn(u32) -> Tick) -> Option<u32> {
        while let Some(&(due, slot)) = self.entries.front() {
            let live = current(slot) == due;
            if live && due > now {
                return None;
            }
            self.entries.pop_front();
            self.entries.tighten();
            if live {
                return Some(slot);
            }
        }
        None
    }

    pub(crate) fn next(&self) -> Option<Tick> {
        self.entries.front().map(|&(due, _)| due)
    }

    pub(crate) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }
}

/// Deadlines of arbitrary distance, for the few things whose delay the application chooses.
#[derive(Debug)]
pub(crate) struct Heap<T> {
    entries: BinaryHeap<Reverse<(Tick, T)>>,
    /// Whether a deadline came to the front since this was last asked.
    moved: bool,
}

impl<T: Ord> Heap<T> {
    pub(crate) fn new() -> Self {
        Self { entries: BinaryHeap::new(), moved: false }
    }

    pub(crate) fn arm(&mut self, now: Tick, delay: Duration, what: T) {
        let delay = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX / 2);
        let due = Tick(now.0.saturating_add(delay));
        self.moved |= self.next().is_none_or(|next| due < next);
        self.entries.push(Reverse((due, what)));
    }

    pub(crate) fn expired(&mut self, now: Tick) -> Option<T> {
        let Reverse((due, _)) = self.entries.peek()?;
        if *due > now {
            return None;
        }
        let popped = self.entries.pop();
        self.entries.tighten();
        popped.map(|Reverse((_, what))| what)
    }

    pub(crate) fn take_moved(&mut self) -> bool {
        std::mem::take(&mut self.moved)
    }

    pub(crate) fn next(&self) -> Option<Tick> {
        self.entries.peek().map(|Reverse((due, _))| *due)
    }

    /// Drops entries nobody waits for once they outnumber the `live` ones.
    pub(crate) fn compact(&mut self, live: usize, keep: impl Fn(&T) -> bool) {
        if self.entries.len() > 64 + 2 * live {
            self.entries.retain(|Reverse((_, what))| keep(what));
            self.entries.tighten();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_expires_when_it_equals_now() {
        let mut queue = Queue::new(Duration::from_millis(5));
        let due = queue.arm(Tick(100), 7);
        assert_eq!(queue.expired(Tick(5099), |_| due), None);
        assert_eq!(queue.expired(Tick(5100), |_| due), Some(7));
        assert_eq!(queue.expired(Tick(9999), |_| due), None);
    }

    #[test]
    fn stale_entries_fall_out() {
        let mut queue = Queue::new(Duration::from_millis(1));
        queue.arm(Tick(0), 1);
        let second = queue.arm(Tick(10), 1);
        assert_eq!(queue.expired(second, |_| second), Some(1));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn stale_entries_do_not_pile_up() {
        let mut queue = Queue::new(Duration::from_secs(60));
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
        assert_eq!(queue.expired(due, |_| due), Some(7));
        assert_eq!(queue.expired(due, |_| Tick::NEVER), None);
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
