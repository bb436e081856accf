//! Messages that wait behind a question.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::time::Instant;

/// Those that wait behind a question of which the answers cannot arrive yet, while those of other queues pass.
///
/// Each is an entry of the outbox, whose bounds hold here. One that was dropped there is found out when its turn comes.
#[derive(Debug, Default)]
pub(super) struct Holds {
    /// The number of the first entry that nobody looked at.
    next: u64,
    all: BTreeMap<Queue, Hold>,
    due: BTreeSet<(Instant, Queue)>,
}

/// Messages that keep their order.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Queue {
    /// Those of a namespace.
    Namespace(Arc<str>),
    /// All of them: they come back by one stream, in the order in which they were added.
    Stream,
}

#[derive(Debug)]
struct Hold {
    /// When to look at the first of them, which may leave then.
    due: Instant,
    /// The numbers of the entries; never empty.
    numbers: VecDeque<u64>,
}

impl Holds {
    /// The number of the first entry that nobody looked at.
    pub(super) fn next(&self) -> u64 {
        self.next
    }

    /// An entry was looked at.
    pub(super) fn pass(&mut self, number: u64) {
        self.next = number + 1;
    }

    /// Has an entry wait, if others of its queue do; says whether it does.
    pub(super) fn follow(&mut self, queue: &Queue, number: u64) -> bool {
        let hold = self.all.get_mut(queue);
        hold.map(|hold| hold.numbers.push_back(number)).is_some()
    }

    /// Has an entry wait, the first of its queue.
    pub(super) fn begin(&mut self, queue: Queue, number: u64, due: Instant) {
        self.due.insert((due, queue.clone()));
        self.all.insert(queue, Hold { due, numbers: VecDeque::from([number]) });
    }

    /// The first entry of a queue whose time has come.
    pub(super) fn first(&self, now: Instant) -> Option<(&Queue, u64)> {
        let (_, queue) = self.due.first().filter(|(due, _)| *due <= now)?;
        let first = self.all.get(queue)?.numbers.front()?;
        Some((queue, *first))
    }

    /// The first entry of a queue waits no more.
    pub(super) fn pop(&mut self, queue: &Queue) {
        let Some(hold) = self.all.get_mut(queue) else { return };
        hold.numbers.pop_front();
        if hold.numbers.is_empty() {
            self.due.remove(&(hold.due, queue.clone()));
            self.all.remove(queue);
        }
    }

    /// A queue waits until then.
    pub(super) fn put_off(&mut self, queue: &Queue, due: Instant) {
        let Some(hold) = self.all.get_mut(queue) else { return };
        let before = std::mem::replace(&mut hold.due, due);
        self.due.remove(&(before, queue.clone()));
        self.due.insert((due, queue.clone()));
    }

    /// A queue may not have to wait for so long.
    pub(super) fn hasten(&mut self, queue: &Queue, due: Instant) {
        if self.all.get(queue).is_some_and(|hold| due < hold.due) {
            self.put_off(queue, due);
        }
    }

    /// No queue has to wait any more.
    pub(super) fn end(&mut self, now: Instant) {
        let queues: Vec<_> = self.all.keys().cloned().collect();
        queues.iter().for_each(|queue| self.hasten(queue, now));
    }

    /// When to look at the next queue.
    pub(super) fn due(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }
}

#[cfg(feature = "fuzz")]
impl Holds {
    pub(super) fn check(&self) {
        let due: BTreeSet<_> =
            self.all.iter().map(|(queue, hold)| (hold.due, queue.clone())).collect();
        assert_eq!(due, self.due, "each queue has one deadline");
        for hold in self.all.values() {
            let next = hold.numbers.iter().skip(1).chain([&self.next]);
            assert!(hold.numbers.iter().zip(next).all(|(a, b)| a < b), "they are in order");
            assert!(!hold.numbers.is_empty(), "a queue that is empty waits for nothing");
        }
    }
}
