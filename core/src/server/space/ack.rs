//! Acknowledgements both ways, each with exactly one outcome (socket.io-protocol v5,
//! "Acknowledgement").

use std::collections::HashMap;
use std::time::{Duration, Instant};

use crate::cluster::{Ask, Body, Destination, Message, Output};
use crate::error::{Gone, Refused};
use crate::hash::Seeded;
use crate::key::{Id, Socket};
use crate::server::event::{AckToken, Answer, Ticket};
use crate::server::{Event, Server};
use crate::slack::Slack as _;
use crate::socket::encoded::Packet;
use crate::socket::{Args, ArgsRef};
use crate::time::{Heap, Tick};

/// A question a client has not answered.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Pending {
    pub(in crate::server) id: u64,
    pub(in crate::server) asker: Asker,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Asker {
    /// Asked of this client alone.
    One,
    /// Asked of many, by this shard.
    Many { shard: u16 },
}

/// All questions a shard asked, or passed on.
#[derive(Debug)]
pub(in crate::server) struct Questions {
    next: u64,
    /// Questions to many that this shard asked. Each has a deadline.
    gatherings: HashMap<u64, Gathering, Seeded>,
    /// Searches that wait for other shards.
    searches: HashMap<u64, Search, Seeded>,
    /// Clients of this shard that were asked something along with others, to forget it in time.
    pub(in crate::server) asked: HashMap<u64, Asked, Seeded>,
    deadlines: Heap<Deadline>,
    /// Questions to one client that wait.
    pub(in crate::server) single: usize,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Deadline {
    Single { socket: Socket, id: u64 },
    Many { id: u64 },
}

#[derive(Debug)]
struct Gathering {
    /// Shards that have not said how many clients they asked.
    reports: u16,
    waiting: u32,
    missing: u32,
}

#[derive(Debug)]
pub(in crate::server) struct Asked {
    sockets: Vec<Socket>,
    /// How many of them have not answered.
    pub(in crate::server) waiting: usize,
}

#[derive(Debug)]
struct Search {
    reports: u16,
    ids: Vec<Id>,
}

impl Questions {
    pub(in crate::server) fn new(hasher: &Seeded) -> Self {
        Self {
            next: 0,
            gatherings: HashMap::with_hasher(hasher.clone()),
            searches: HashMap::with_hasher(hasher.clone()),
            asked: HashMap::with_hasher(hasher.clone()),
            deadlines: Heap::new(),
            single: 0,
        }
    }

    /// The next deadline.
    pub(in crate::server) fn deadline(&self) -> Tick {
        self.deadlines.next()
    }

    /// Gives room back that many questions took. Each has a deadline, with which this is called.
    fn tighten(&mut self) {
        self.gatherings.tighten();
        self.searches.tighten();
        self.asked.tighten();
    }

    pub(in crate::server) fn len(&self) -> usize {
        self.single + self.gatherings.len() + self.searches.len() + self.asked.len()
    }
}

impl Server {
    /// Answers an event that asked for it; the token is used up.
    ///
    /// Nothing happens when the client has left meanwhile.
    pub fn acknowledge(&mut self, ack: AckToken, args: ArgsRef<'_>) {
        let Some(client) = self.clients.get(ack.socket.0) else { return };
        let slot = client.session;
        let Some(namespace) = self.namespaces.at(client.namespace) else { return };
        let packet = self.encoder.ack(&namespace.name, args, ack.id);
        self.send_or_end(slot, packet);
    }

    /// An ACK from a client: only an open question to this very client is answered by it.
    pub(in crate::server) fn on_ack(&mut self, socket: Socket, id: u64, args: Args) {
        let Some(client) = self.clients.get_mut(socket.0) else { return };
        let Ok(at) = client.pending.binary_search_by_key(&id, |pending| pending.id) else { return };
        let pending = client.pending.remove(at);
        if client.pending.is_empty() {
            client.pending = Vec::new();
        }
        client.pending.tighten();
        self.settle(socket, pending, Some(args));
    }

    /// The client leaves: what it was asked stays unanswered.
    pub(in crate::server) fn abandon_questions(&mut self, slot: u32) {
        let Some(client) = self.clients.at_mut(slot) else { return };
        let socket = Socket(client.key);
        for pending in std::mem::take(&mut client.pending) {
            self.settle(socket, pending, None);
        }
    }

    /// Sends a question to one client.
    pub(in crate::server) fn ask(
        &mut self,
        now: Instant,
        socket: Socket,
        (name, args): (&str, ArgsRef<'_>),
        timeout: Duration,
    ) -> Result<Ticket, Refused> {
        self.check_event(name, args)?;
        let now = self.enter(now);
        let id = self.next_question();
        let client = self.clients.get(socket.0).ok_or(Gone)?;
        if client.pending.len() >= self.config.limits.questions {
            return Err(Refused::TooManyQuestions);
        }
        let namespace = self.namespaces.at(client.namespace).ok_or(Gone)?;
        let packet = self.encoder.event(&namespace.name, name, args, Some(id));
        self.send_to(socket, packet)?;
        self.note_question(socket, Pending { id, asker: Asker::One });
        self.questions.single += 1;
        self.compact_deadlines();
        let due = self.questions.deadlines.arm(now, timeout, Deadline::Single { socket, id });
        self.timers.note(due);
        Ok(Ticket(id))
    }

    /// Sends a question to the clients that were selected. Returns how many got it, and how many are
    /// still here but read or answer too slowly to be asked.
    pub(in crate::server) fn ask_selected(
        &mut self,
        now: Tick,
        packet: &Packet,
        ask: Ask,
    ) -> (u32, u32) {
        let (mut asked, mut missing) = (Vec::new(), 0);
        for socket in self.take_selected() {
            let Some(client) = self.clients.get(socket.0) else { continue };
            let (slot, owed) = (client.session, client.pending.len());
            if owed < self.config.limits.questions && self.send_shared(slot, packet.clone()) {
                let asker = Asker::Many { shard: ask.from };
                self.note_question(socket, Pending { id: ask.id, asker });
                asked.push(socket);
            } else if self.clients.get(socket.0).is_some() {
                missing += 1;
            }
        }
        let count = u32::try_from(asked.len()).unwrap_or(u32::MAX);
        if !asked.is_empty() {
            let waiting = asked.len();
            self.questions.asked.insert(ask.id, Asked { sockets: asked, waiting });
        }
        self.compact_deadlines();
        let due = self.questions.deadlines.arm(now, ask.timeout, Deadline::Many { id: ask.id });
        self.timers.note(due);
        (count, missing)
    }

    /// Waits for the answers of the clients that were asked here and the reports of other shards.
    pub(in crate::server) fn open_gathering(&mut self, ask: Ask, asked: (u32, u32), reports: u16) {
        let (waiting, missing) = asked;
        let gathering = Gathering { reports, waiting, missing };
        self.questions.gatherings.insert(ask.id, gathering);
        self.finish_gathering(ask.id, false);
    }

    /// Waits for what other shards find.
    pub(in crate::server) fn open_search(&mut self, id: u64, ids: Vec<Id>, reports: u16) {
        if reports == 0 {
            self.events.push_back(Event::Found { ticket: Ticket(id), ids });
        } else {
            self.questions.searches.insert(id, Search { reports, ids });
        }
    }

    /// Another shard says whom it found.
    pub(in crate::server) fn on_found(&mut self, id: u64, ids: &[Id]) {
        let Some(search) = self.questions.searches.get_mut(&id) else { return };
        search.ids.extend_from_slice(ids);
        search.reports = search.reports.saturating_sub(1);
        if search.reports == 0
            && let Some(search) = self.questions.searches.remove(&id)
        {
            self.events.push_back(Event::Found { ticket: Ticket(id), ids: search.ids });
        }
    }

    /// Another shard says how many clients it asked.
    pub(in crate::server) fn on_asked(&mut self, id: u64, clients: u32, missing: u32) {
        if let Some(gathering) = self.questions.gatherings.get_mut(&id) {
            gathering.reports = gathering.reports.saturating_sub(1);
            gathering.waiting += clients;
            gathering.missing += missing;
            self.finish_gathering(id, false);
        }
    }

    /// A client of another shard answered, or left without.
    pub(in crate::server) fn on_answered(&mut self, id: u64, args: Option<Args>) {
        self.gather(id, None, args);
    }

    /// Numbers are unique in the process, so that a broadcast carries one for all shards.
    pub(in crate::server) fn next_question(&mut self) -> u64 {
        let n = self.questions.next;
        self.questions.next += 1;
        n * u64::from(self.shard.count) + u64::from(self.shard.index)
    }

    pub(in crate::server) fn expire_questions(&mut self, now: Tick) {
        while let Some(deadline) = self.questions.deadlines.expired(now) {
            match deadline {
                Deadline::Single { socket, id } => {
                    if self.forget_question(socket, id) {
                        self.questions.single -= 1;
                        let (ticket, answer) = (Ticket(id), Answer::TimedOut);
                        self.events.push_back(Event::Ack { ticket, from: Some(socket), answer });
                    }
                }
                Deadline::Many { id } => {
                    let asked = self.questions.asked.remove(&id);
                    for socket in asked.map_or(Vec::new(), |asked| asked.sockets) {
                        self.forget_question(socket, id);
                    }
                    self.finish_gathering(id, true);
                }
            }
            self.questions.tighten();
        }
    }

    /// Drops the deadlines of questions that have their outcome.
    fn compact_deadlines(&mut self) {
        let live = self.questions.len();
        let (clients, Questions { deadlines, gatherings, asked, .. }) =
            (&self.clients, &mut self.questions);
        deadlines.compact(live, |deadline| match deadline {
            Deadline::Single { socket, id } => clients.get(socket.0).is_some_and(|client| {
                client.pending.binary_search_by_key(id, |pending| pending.id).is_ok()
            }),
            Deadline::Many { id } => gatherings.contains_key(id) || asked.contains_key(id),
        });
    }

    /// One question to one client has its outcome.
    fn settle(&mut self, socket: Socket, pending: Pending, args: Option<Args>) {
        let id = pending.id;
        if let Asker::Many { .. } = pending.asker
            && let Some(asked) = self.questions.asked.get_mut(&id)
        {
            asked.waiting -= 1;
            if asked.waiting == 0 {
                self.questions.asked.remove(&id);
            }
        }
        match pending.asker {
            Asker::One => {
                self.questions.single -= 1;
                let answer = args.map_or(Answer::Disconnected, Answer::Args);
                let ticket = Ticket(id);
                self.events.push_back(Event::Ack { ticket, from: Some(socket), answer });
            }
            Asker::Many { shard } if shard == self.shard.index => {
                self.gather(id, Some(socket), args);
            }
            Asker::Many { shard } => {
                let message = Message(Body::Answered { id, args });
                self.outputs.push_back(Output { to: Destination::Shard(shard), message });
            }
        }
    }

    fn gather(&mut self, id: u64, from: Option<Socket>, args: Option<Args>) {
        let Some(gathering) = self.questions.gatherings.get_mut(&id) else { return };
        gathering.waiting = gathering.waiting.saturating_sub(1);
        match args {
            Some(args) => {
                let answer = Answer::Args(args);
                self.events.push_back(Event::Ack { ticket: Ticket(id), from, answer });
            }
            None => gathering.missing += 1,
        }
        self.finish_gathering(id, false);
    }

    /// Reports a gathering that is complete, or whose time is up.
    fn finish_gathering(&mut self, id: u64, late: bool) {
        let Some(gathering) = self.questions.gatherings.get(&id) else { return };
        if !late && (gathering.waiting > 0 || gathering.reports > 0) {
            return;
        }
        let missing = gathering.missing + gathering.waiting;
        self.questions.gatherings.remove(&id);
        let answer = Answer::Done { missing };
        self.events.push_back(Event::Ack { ticket: Ticket(id), from: None, answer });
    }

    fn note_question(&mut self, socket: Socket, pending: Pending) {
        let Some(client) = self.clients.get_mut(socket.0) else { return };
        // Own numbers only grow, but those of other shards arrive in between.
        let at = client.pending.partition_point(|other| other.id < pending.id);
        client.pending.insert(at, pending);
    }

    fn forget_question(&mut self, socket: Socket, id: u64) -> bool {
        let Some(client) = self.clients.get_mut(socket.0) else { return false };
        let Ok(at) = client.pending.binary_search_by_key(&id, |pending| pending.id) else {
            return false;
        };
        client.pending.remove(at);
        client.pending.tighten();
        true
    }
}
