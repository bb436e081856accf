//! What a broker brought, and waits for the node.

use sansocket::cluster::{Arrival, Reader, Taken};
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What the thread of a broker brought, in that order, until the node takes it: at once, unless another thread has the
/// lock of the node.
pub(super) struct Arrivals {
    line: Mutex<Line>,
    /// Whether any wait: spares the lock when none do.
    any: AtomicBool,
}

struct Line {
    reader: Arc<Reader>,
    /// Bounded by [`MOST`] and [`MOST_BYTES`]: who brings one waits for room.
    waiting: VecDeque<Brought>,
    /// Bytes of all of them.
    bytes: usize,
}

/// What a broker brought.
pub(super) enum Brought {
    /// A message of another process, or an entry of a stream.
    Message(Arrival),
    /// What the broker kept of a client that comes back, by the ticket of the question. All entries up to
    /// [`Taken::until`] are before it in the line, or reached the node.
    Kept(u64, Option<Taken>),
}

/// How much the node takes before it lets go of its lock, and shards of theirs.
pub(super) struct Turn {
    messages: usize,
    bytes: usize,
}

/// Messages of one turn: each may have to be handed to all clients.
const TURN: usize = 16;

/// Bytes of one turn. One message may be larger.
const TURN_BYTES: usize = 256 * 1024;

/// Messages that may wait.
const MOST: usize = 1024;

/// Turns in which the node takes as many messages as may wait.
pub(super) const TURNS: usize = MOST / TURN;

/// Bytes of messages that may wait, when another one comes.
const MOST_BYTES: usize = 4 * 1024 * 1024;

/// Messages for which an empty line keeps room.
const KEPT: usize = 64;

impl Arrivals {
    pub(super) fn new(reader: Arc<Reader>) -> Self {
        let line = Line { reader, waiting: VecDeque::new(), bytes: 0 };
        Self { line: Mutex::new(line), any: AtomicBool::new(false) }
    }

    /// What reads messages, without any lock.
    pub(super) fn reader(&self) -> Arc<Reader> {
        self.lock().reader.clone()
    }

    /// Messages are read in another way from now on.
    pub(super) fn set_reader(&self, reader: Arc<Reader>) {
        self.lock().reader = reader;
    }

    /// Puts what came behind the rest, or returns it when there is no room.
    #[must_use = "it is lost otherwise"]
    pub(super) fn push(&self, brought: Brought) -> Option<Brought> {
        let mut line = self.lock();
        if line.waiting.len() >= MOST || line.bytes >= MOST_BYTES {
            return Some(brought);
        }
        line.bytes = line.bytes.saturating_add(brought.size());
        line.waiting.push_back(brought);
        self.any.store(true, Ordering::Relaxed);
        drop(line);
        // See `is_there`.
        fence(Ordering::SeqCst);
        None
    }

    /// Whether any wait. The lock of the node is not held.
    pub(super) fn is_there(&self) -> bool {
        // Whoever puts something in line tries the lock of the node then, and whoever had that looks here after it let go.
        // With a fence between the two steps of each, one of them sees what the other did, and nothing is left in line.
        fence(Ordering::SeqCst);
        self.any.load(Ordering::Relaxed)
    }

    /// Takes the first, if the turn is not over. The lock of the node is held.
    pub(super) fn next(&self, turn: &mut Turn) -> Option<Brought> {
        if turn.messages == 0 || turn.bytes == 0 || !self.any.load(Ordering::Relaxed) {
            return None;
        }
        let mut line = self.lock();
        let brought = line.waiting.pop_front()?;
        line.bytes = line.bytes.saturating_sub(brought.size());
        if line.waiting.is_empty() {
            line.waiting.shrink_to(KEPT);
            self.any.store(false, Ordering::Relaxed);
        }
        turn.messages -= 1;
        turn.bytes = turn.bytes.saturating_sub(brought.size());
        Some(brought)
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Brought {
    fn size(&self) -> usize {
        match self {
            Self::Message(arrival) => arrival.size(),
            Self::Kept(_, taken) => taken.as_ref().map_or(0, Taken::size),
        }
    }
}

impl Turn {
    pub(super) fn new() -> Self {
        Self { messages: TURN, bytes: TURN_BYTES }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sansocket::Config;
    use sansocket::cluster::bus::{Entry, EntryId};
    use sansocket::cluster::{Node, NodeConfig};
    use std::time::Instant;

    const CHANNEL: &str = "sansocket:n:/";

    /// A line of so many messages of that size.
    fn line(count: usize, size: usize) -> Arrivals {
        let server = Arc::new(Config::default());
        let node = Node::new(NodeConfig::default(), server, 1, [7; 32], Instant::now());
        let arrivals = Arrivals::new(node.reader().clone());
        for _ in 0..count {
            let arrival = arrivals.reader().read(CHANNEL, &vec![0; size].into());
            let _ = arrivals.push(Brought::Message(arrival));
        }
        arrivals
    }

    fn taken(arrivals: &Arrivals) -> usize {
        let mut turn = Turn::new();
        std::iter::from_fn(|| arrivals.next(&mut turn)).count()
    }

    #[test]
    fn k21_a_turn_is_bounded_in_messages() {
        let arrivals = line(TURN + 1, 1);
        assert_eq!(taken(&arrivals), TURN);
        assert!(arrivals.is_there());
        assert_eq!(taken(&arrivals), 1);
        assert!(!arrivals.is_there());
    }

    #[test]
    fn k21_a_turn_is_bounded_in_bytes_and_takes_one_message_of_any_size() {
        let arrivals = line(3, TURN_BYTES / 2);
        assert_eq!((taken(&arrivals), taken(&arrivals)), (2, 1));
        let arrivals = line(3, TURN_BYTES / 2 - 1);
        assert_eq!(taken(&arrivals), 3);
        let arrivals = line(2, 2 * TURN_BYTES);
        assert_eq!((taken(&arrivals), taken(&arrivals), taken(&arrivals)), (1, 1, 0));
    }

    #[test]
    fn k21_the_line_is_bounded_in_messages_and_bytes() {
        let has_room = |arrivals: Arrivals| {
            let one = arrivals.reader().read(CHANNEL, &vec![0].into());
            arrivals.push(Brought::Message(one)).is_none()
        };
        assert!(has_room(line(MOST - 1, 1)) && !has_room(line(MOST, 1)));
        assert!(has_room(line(1, MOST_BYTES - 1)) && !has_room(line(1, MOST_BYTES)));
    }

    #[test]
    fn k09_what_was_kept_of_a_client_keeps_its_place_in_the_line() {
        let arrivals = line(2, 1);
        assert!(arrivals.push(Brought::Kept(7, None)).is_none());
        let message = arrivals.reader().read(CHANNEL, &vec![0].into());
        assert!(arrivals.push(Brought::Message(message)).is_none());
        let mut turn = Turn::new();
        let all = std::iter::from_fn(|| arrivals.next(&mut turn));
        let kept = all.map(|brought| matches!(brought, Brought::Kept(7, None)));
        assert_eq!(kept.collect::<Vec<_>>(), [false, false, true, false]);
    }

    #[test]
    fn what_was_kept_of_clients_counts_in_bytes() {
        let arrivals = line(0, 0);
        for ticket in 0..3 {
            let (value, until) = (vec![0; TURN_BYTES / 2], EntryId::START);
            let entry = Entry {
                id: None,
                uid: b"u".into(),
                nsp: b"/".into(),
                kind: b"3".into(),
                data: vec![0; TURN_BYTES / 2].into(),
            };
            let taken = Taken { value, entries: vec![entry], until };
            assert!(arrivals.push(Brought::Kept(ticket, Some(taken))).is_none());
        }
        assert_eq!([(); 4].map(|()| taken(&arrivals)), [1, 1, 1, 0]);
    }

    #[test]
    fn a_burst_leaves_no_memory_behind() {
        let arrivals = line(MOST, 1);
        while taken(&arrivals) > 0 {}
        let line = arrivals.lock();
        assert!(line.waiting.capacity() <= KEPT && line.bytes == 0);
    }
}
