//! All questions that wait for an answer.

use std::collections::HashMap;

use crate::hash::Seeded;
use crate::key::{Shard, Socket};
use crate::server::Event;
use crate::server::answers::ask::{Asker, Pending};
use crate::server::answers::gather::{Asked, Gathering};
use crate::server::answers::search::Search;
use crate::server::event::{Answer, Ticket};
use crate::server::outputs::Outputs;
use crate::server::space::space::Space;
use crate::slack::Slack as _;
use crate::socket::Args;
use crate::time::{Heap, Tick};

/// All questions a shard asked, or passed on.
#[derive(Debug)]
pub(in crate::server) struct Answers {
    pub(super) shard: Shard,
    next: u64,
    /// How many number their questions: the shards, and the node if there is one.
    askers: u16,
    /// Questions to one client that wait.
    pub(super) single: usize,
    /// Questions to many that this shard asked. Each has a deadline.
    pub(super) gatherings: HashMap<u64, Gathering, Seeded>,
    /// Clients of this shard that were asked something along with others, to forget it in time.
    pub(super) asked: HashMap<u64, Asked, Seeded>,
    /// Searches that wait for other shards.
    pub(super) searches: HashMap<u64, Search, Seeded>,
    deadlines: Heap<Deadline>,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) enum Deadline {
    Single { socket: Socket, id: u64 },
    Many { id: u64 },
}

impl Answers {
    pub(in crate::server) fn new(shard: Shard, hasher: &Seeded) -> Self {
        Self {
            shard,
            next: 0,
            askers: shard.count,
            single: 0,
            gatherings: HashMap::with_hasher(hasher.clone()),
            asked: HashMap::with_hasher(hasher.clone()),
            searches: HashMap::with_hasher(hasher.clone()),
            deadlines: Heap::new(),
        }
    }

    pub(in crate::server) fn len(&self) -> usize {
        self.single + self.gatherings.len() + self.searches.len() + self.asked.len()
    }

    /// The next deadline.
    pub(in crate::server) fn deadline(&self) -> Tick {
        self.deadlines.next()
    }

    /// Numbers are unique in the process, so that a broadcast carries one for all shards.
    pub(super) fn next_question(&mut self) -> u64 {
        let n = self.next;
        self.next += 1;
        n * u64::from(self.askers) + u64::from(self.shard.index)
    }

    /// Leaves numbers to the node from now on, and uses none twice.
    pub(in crate::server) fn share_numbers(&mut self) {
        if self.askers == self.shard.count {
            let largest = self.next.saturating_mul(u64::from(self.shard.count));
            self.askers += 1;
            self.next = largest.div_ceil(u64::from(self.askers));
        }
    }

    /// Arms the deadline of a question and returns it.
    pub(super) fn arm(
        &mut self,
        now: Tick,
        timeout: std::time::Duration,
        deadline: Deadline,
        space: &Space,
    ) -> Tick {
        self.compact(space);
        self.deadlines.arm(now, timeout, deadline)
    }

    /// Ends the questions whose time is up.
    pub(in crate::server) fn expire(
        &mut self,
        now: Tick,
        space: &mut Space,
        outputs: &mut Outputs,
    ) {
        while let Some(deadline) = self.deadlines.expired(now) {
            match deadline {
                Deadline::Single { socket, id } => {
                    if space.forget_question(socket, id) {
                        self.single -= 1;
                        let (ticket, answer) = (Ticket(id), Answer::TimedOut);
                        outputs.tell(Event::Ack { ticket, from: Some(socket), answer });
                    }
                }
                Deadline::Many { id } => self.expire_many(id, space, outputs),
            }
            self.tighten();
        }
    }

    /// One question to one client has its outcome.
    pub(super) fn settle(
        &mut self,
        socket: Socket,
        pending: Pending,
        args: Option<Args>,
        outputs: &mut Outputs,
    ) {
        let id = pending.id;
        match pending.asker {
            Asker::One => {
                self.single -= 1;
                let answer = args.map_or(Answer::Disconnected, Answer::Args);
                let ticket = Ticket(id);
                outputs.tell(Event::Ack { ticket, from: Some(socket), answer });
            }
            Asker::Many { asked_by } => {
                self.settle_one_of_many(socket, id, asked_by, args, outputs)
            }
        }
    }

    /// Drops the deadlines of questions that have their outcome.
    fn compact(&mut self, space: &Space) {
        let live = self.len();
        let Self { deadlines, gatherings, asked, .. } = self;
        deadlines.compact(live, |deadline| match deadline {
            Deadline::Single { socket, id } => space.is_asked(*socket, *id),
            Deadline::Many { id } => gatherings.contains_key(id) || asked.contains_key(id),
        });
    }

    /// Gives room back that many questions took. Each has a deadline, with which this is called.
    fn tighten(&mut self) {
        self.gatherings.tighten();
        self.searches.tighten();
        self.asked.tighten();
    }
}
