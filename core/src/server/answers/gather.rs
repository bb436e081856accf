//! Questions to many clients, of this shard and of others.

use std::time::{Duration, Instant};

use crate::cluster::{Ask, Body, Peer};
use crate::error::Misuse;
use crate::key::Socket;
use crate::server::answers::answers::{Answers, Deadline};
use crate::server::answers::ask::{Asker, Pending};
use crate::server::event::{Answer, Ticket};
use crate::server::outputs::Outputs;
use crate::server::space::space::Space;
use crate::server::{Event, Server, Target};
use crate::socket::encoded::Packet;
use crate::socket::{Args, ArgsRef};
use crate::time::Tick;

/// A question to many that this shard asked.
#[derive(Debug)]
pub(super) struct Gathering {
    /// Peers that have not said how many clients they asked.
    reports: usize,
    /// Clients that were asked and have not answered: fewer than none when answers overtake the report of the peer
    /// that asked them.
    waiting: i64,
    missing: u32,
}

/// The clients of this shard that were asked together.
#[derive(Debug)]
pub(super) struct Asked {
    sockets: Vec<Socket>,
    /// How many of them have not answered.
    waiting: usize,
}

/// Whether a question to many may wait on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Patience {
    /// Answers may still come.
    Left,
    /// Its time is up.
    Over,
}

impl Server {
    /// Sends an event to many and collects their acknowledgements: see
    /// [`Answer`](crate::server::Answer) for what comes back.
    ///
    /// # Errors
    /// [`Misuse`] when the event cannot be sent at all.
    pub fn broadcast_with_ack(
        &mut self,
        now: Instant,
        to: &Target<'_>,
        name: &str,
        args: ArgsRef<'_>,
        timeout: Duration,
    ) -> Result<Ticket, Misuse> {
        self.space.check_event(name, args)?;
        let now = self.enter(now);
        let id = self.answers.next_question();
        let packet = to.packed(self.space.encoder.event(to.namespace, name, args, Some(id)));
        let ask = Ask { id, from: Peer::Shard(self.shard.index), timeout };
        self.space.select(to);
        let (asked, missing) = self.ask_selected(now, &packet, ask);
        let heard = self.space.tell_peers(to, &mut self.outputs, |to| Body::Broadcast {
            to,
            packet: packet.clone(),
            volatile: false,
            offset: None,
            ask: Some(ask),
        });
        self.answers.open_gathering(id, (asked, missing), heard, &mut self.outputs);
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
        let is_plain = packet.is_plain();
        for socket in self.space.take_selected() {
            let Some(client) = self.space.clients.get(socket.0) else { continue };
            let (slot, owed) = (client.session, client.pending.len());
            let packet = match is_plain {
                true => self.sessions.fit(slot, packet),
                false => packet.clone(),
            };
            if owed < self.config.limits.questions && self.send_shared(slot, packet) {
                let asker = Asker::Many { asked_by: ask.from };
                self.space.note_question(socket, Pending { id: ask.id, asker });
                asked.push(socket);
            } else if self.space.clients.get(socket.0).is_some() {
                missing += 1;
            }
        }
        let count = u32::try_from(asked.len()).unwrap_or(u32::MAX);
        self.answers.note_asked(ask.id, asked);
        let deadline = Deadline::Many { id: ask.id };
        let due = self.answers.arm(now, ask.timeout, deadline, &self.space);
        self.sessions.timers.note(due);
        (count, missing)
    }
}

impl Answers {
    fn note_asked(&mut self, id: u64, sockets: Vec<Socket>) {
        if !sockets.is_empty() {
            let waiting = sockets.len();
            self.asked.insert(id, Asked { sockets, waiting });
        }
    }

    /// Waits for the answers of the clients that were asked here and the reports of peers.
    fn open_gathering(
        &mut self,
        id: u64,
        (waiting, missing): (u32, u32),
        reports: usize,
        outputs: &mut Outputs,
    ) {
        self.gatherings.insert(id, Gathering { reports, waiting: waiting.into(), missing });
        self.finish(id, Patience::Left, outputs);
    }

    /// A peer says how many clients it asked.
    pub(in crate::server) fn on_asked(
        &mut self,
        id: u64,
        (clients, missing): (u32, u32),
        outputs: &mut Outputs,
    ) {
        if let Some(gathering) = self.gatherings.get_mut(&id) {
            gathering.reports = gathering.reports.saturating_sub(1);
            gathering.waiting = gathering.waiting.saturating_add(clients.into());
            gathering.missing = gathering.missing.saturating_add(missing);
            self.finish(id, Patience::Left, outputs);
        }
    }

    /// A client that a peer asked has answered, or left without.
    pub(in crate::server) fn on_answered(
        &mut self,
        id: u64,
        args: Option<Args>,
        outputs: &mut Outputs,
    ) {
        self.gather(id, None, args, outputs);
    }

    /// So many clients that a peer asked will not answer.
    pub(in crate::server) fn on_gone(&mut self, id: u64, clients: u32, outputs: &mut Outputs) {
        if let Some(gathering) = self.gatherings.get_mut(&id) {
            gathering.waiting = gathering.waiting.saturating_sub(clients.into());
            gathering.missing = gathering.missing.saturating_add(clients);
            self.finish(id, Patience::Left, outputs);
        }
    }

    pub(super) fn settle_one_of_many(
        &mut self,
        socket: Socket,
        id: u64,
        asked_by: Peer,
        args: Option<Args>,
        outputs: &mut Outputs,
    ) {
        if let Some(asked) = self.asked.get_mut(&id) {
            asked.waiting -= 1;
            if asked.waiting == 0 {
                self.asked.remove(&id);
            }
        }
        if asked_by == Peer::Shard(self.shard.index) {
            self.gather(id, Some(socket), args, outputs);
        } else {
            outputs.post(asked_by.into(), Body::Answered { id, args });
        }
    }

    /// The time of a question to many is up: clients need not answer any more.
    pub(super) fn expire_many(&mut self, id: u64, space: &mut Space, outputs: &mut Outputs) {
        let asked = self.asked.remove(&id);
        for socket in asked.map_or(Vec::new(), |asked| asked.sockets) {
            space.forget_question(socket, id);
        }
        self.finish(id, Patience::Over, outputs);
    }

    fn gather(&mut self, id: u64, from: Option<Socket>, args: Option<Args>, outputs: &mut Outputs) {
        let Some(gathering) = self.gatherings.get_mut(&id) else { return };
        gathering.waiting = gathering.waiting.saturating_sub(1);
        match args {
            Some(args) => {
                let answer = Answer::Args(args);
                outputs.tell(Event::Ack { ticket: Ticket(id), from, answer });
            }
            None => gathering.missing = gathering.missing.saturating_add(1),
        }
        self.finish(id, Patience::Left, outputs);
    }

    /// Reports a gathering that is complete, or whose time is up.
    fn finish(&mut self, id: u64, patience: Patience, outputs: &mut Outputs) {
        let Some(gathering) = self.gatherings.get(&id) else { return };
        let complete = gathering.waiting == 0 && gathering.reports == 0;
        if patience == Patience::Left && !complete {
            return;
        }
        let waiting = u32::try_from(gathering.waiting.max(0)).unwrap_or(u32::MAX);
        // Of a peer that did not report, at least one client may be missing.
        let silent = u32::try_from(gathering.reports).unwrap_or(u32::MAX);
        let missing = gathering.missing.saturating_add(waiting).saturating_add(silent);
        self.gatherings.remove(&id);
        let answer = Answer::Done { missing };
        outputs.tell(Event::Ack { ticket: Ticket(id), from: None, answer });
    }
}

#[cfg(feature = "fuzz")]
impl Answers {
    /// The questions to many, and how many clients of this shard have not answered each.
    pub(super) fn waiting(&self) -> impl Iterator<Item = (u64, usize)> {
        self.asked.iter().map(|(&id, asked)| (id, asked.waiting))
    }
}
