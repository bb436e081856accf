//! Questions of other processes that the clients of this one answer.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use super::AnswerToken;

/// The questions that wait for the clients of this process.
#[derive(Debug)]
pub(super) struct Relays {
    /// Bounded by [`MOST`].
    open: BTreeMap<u64, Relay>,
    due: BTreeSet<(Instant, u64)>,
    next: u64,
    shards: u16,
}

/// One of them.
#[derive(Debug)]
struct Relay {
    to: AnswerToken,
    end: Instant,
    /// Shards that have not told how many clients they asked.
    reports: u16,
    clients: u32,
    answered: u32,
}

/// Questions of other processes at a time.
const MOST: usize = 16 * 1024;

impl Relays {
    pub(super) fn new(shards: u16) -> Self {
        Self { open: BTreeMap::new(), due: BTreeSet::new(), next: 0, shards }
    }

    /// Opens a question until its end, and returns its number, which no question of a shard has; nothing if there
    /// are too many.
    pub(super) fn open(&mut self, to: AnswerToken, end: Instant) -> Option<u64> {
        if self.open.len() >= MOST {
            return None;
        }
        let id = self.next * (u64::from(self.shards) + 1) + u64::from(self.shards);
        self.next += 1;
        let relay = Relay { to, end, reports: self.shards, clients: 0, answered: 0 };
        self.open.insert(id, relay);
        self.due.insert((end, id));
        Some(id)
    }

    /// A shard asked so many clients. When it was the last, returns how many all shards asked, for the process
    /// that wants to know.
    pub(super) fn asked(&mut self, id: u64, clients: u32) -> Option<(AnswerToken, u32)> {
        let relay = self.open.get_mut(&id)?;
        relay.reports = relay.reports.saturating_sub(1);
        relay.clients = relay.clients.saturating_add(clients);
        let told = (relay.reports == 0).then(|| (relay.to.copy(), relay.clients));
        self.close_if_done(id);
        told
    }

    /// A client answered, or left without. Returns the process that waits for it.
    pub(super) fn answered(&mut self, id: u64) -> Option<AnswerToken> {
        let relay = self.open.get_mut(&id)?;
        relay.answered = relay.answered.saturating_add(1);
        let to = relay.to.copy();
        self.close_if_done(id);
        Some(to)
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.due.first().map(|(due, _)| *due)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(due, id)) = self.due.first()
            && due <= now
        {
            self.due.pop_first();
            self.open.remove(&id);
        }
    }

    fn close_if_done(&mut self, id: u64) {
        let is_done = |relay: &Relay| relay.reports == 0 && relay.answered >= relay.clients;
        if self.open.get(&id).is_some_and(is_done)
            && let Some(relay) = self.open.remove(&id)
        {
            self.due.remove(&(relay.end, id));
        }
    }
}

#[cfg(feature = "fuzz")]
impl Relays {
    pub(super) fn check(&self) {
        let due = self.open.iter().map(|(id, relay)| (relay.end, *id));
        assert_eq!(due.collect::<BTreeSet<_>>(), self.due, "each question has one deadline");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn token() -> AnswerToken {
        AnswerToken { namespace: "/".into(), asker: None, request: "q".into(), room: None }
    }

    #[test]
    fn a_question_is_forgotten_when_all_clients_answered_or_its_time_is_up() {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let now = Instant::now();
        let mut relays = Relays::new(2);
        let end = now + Duration::from_secs(1);
        let ids = [0; 3].map(|_| relays.open(token(), end).expect("there is room"));
        assert_eq!(ids, [2, 5, 8], "no numbers of shards");
        assert_eq!(relays.asked(2, 1), None);
        assert!(relays.answered(2).is_some());
        assert_eq!(relays.asked(2, 0).map(|(_, clients)| clients), Some(1));
        assert!(relays.answered(2).is_none(), "it is over");
        assert!(relays.asked(5, 0).is_none() && relays.asked(5, 0).is_some());
        assert_eq!((relays.open.len(), relays.due.len()), (1, 1));
        relays.handle_timeout(end);
        assert!(relays.answered(8).is_none() && relays.deadline().is_none());
    }
}
