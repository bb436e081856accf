//! Questions to one client, and answers to its own, each with exactly one outcome (socket.io-protocol
//! v5, "Acknowledgement").

use std::time::{Duration, Instant};

use crate::cluster::Peer;
use crate::error::{Gone, Reason, Refused};
use crate::key::Socket;
use crate::server::Server;
use crate::server::answers::answers::{Answers, Deadline};
use crate::server::event::{AckToken, Ticket};
use crate::server::outputs::Outputs;
use crate::server::sessions::session::Goodbye;
use crate::server::space::space::Space;
use crate::slack::Slack as _;
use crate::socket::{Args, ArgsRef};

/// A question a client has not answered.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Pending {
    pub(super) id: u64,
    pub(super) asker: Asker,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Asker {
    /// Asked of this client alone.
    One,
    /// Asked of many.
    Many { asked_by: Peer },
}

impl Server {
    /// Answers an event that asked for it; the token is used up.
    ///
    /// Nothing happens when the client has left meanwhile.
    pub fn acknowledge(&mut self, ack: AckToken, args: ArgsRef<'_>) {
        let space = &mut self.space;
        let Some(client) = space.clients.get(ack.socket.0) else { return };
        let slot = client.session;
        let Some(namespace) = space.namespaces.at(client.namespace) else { return };
        let draft = space.encoder.ack(&namespace.name, args, ack.id);
        if let Err(Refused::Backlog { .. }) = self.sessions.send_draft(slot, draft) {
            self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
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
        self.space.check_event(name, args)?;
        let now = self.enter(now);
        let id = self.answers.next_question();
        let client = self.space.clients.get(socket.0).ok_or(Gone)?;
        if client.pending.len() >= self.config.limits.questions {
            return Err(Refused::TooManyQuestions);
        }
        self.send_to(socket, name, args, Some(id))?;
        self.space.note_question(socket, Pending { id, asker: Asker::One });
        self.answers.single += 1;
        let deadline = Deadline::Single { socket, id };
        let due = self.answers.arm(now, timeout, deadline, &self.space);
        self.sessions.timers.note(due);
        Ok(Ticket(id))
    }
}

impl Answers {
    /// An ACK from a client: only an open question to this very client is answered by it.
    pub(in crate::server) fn on_ack(
        &mut self,
        socket: Socket,
        id: u64,
        args: Args,
        (space, outputs): (&mut Space, &mut Outputs),
    ) {
        if let Some(pending) = space.take_question(socket, id) {
            self.settle(socket, pending, Some(args), outputs);
        }
    }

    /// The client leaves: its questions stay unanswered.
    pub(in crate::server) fn abandon(
        &mut self,
        slot: u32,
        (space, outputs): (&mut Space, &mut Outputs),
    ) {
        let Some(client) = space.clients.at_mut(slot) else { return };
        let socket = Socket(client.key);
        for pending in std::mem::take(&mut client.pending) {
            self.settle(socket, pending, None, outputs);
        }
    }
}

impl Space {
    /// Takes note that a client was asked something.
    pub(super) fn note_question(&mut self, socket: Socket, pending: Pending) {
        let Some(client) = self.clients.get_mut(socket.0) else { return };
        // Own numbers only grow, but those of other shards arrive in between.
        let at = client.pending.partition_point(|other| other.id < pending.id);
        client.pending.insert(at, pending);
    }

    /// Whether a client has not answered a question.
    pub(super) fn is_asked(&self, socket: Socket, id: u64) -> bool {
        self.clients.get(socket.0).is_some_and(|client| {
            client.pending.binary_search_by_key(&id, |pending| pending.id).is_ok()
        })
    }

    /// Takes a question off the list of a client; says whether it was there.
    pub(super) fn forget_question(&mut self, socket: Socket, id: u64) -> bool {
        self.take_question(socket, id).is_some()
    }

    fn take_question(&mut self, socket: Socket, id: u64) -> Option<Pending> {
        let client = self.clients.get_mut(socket.0)?;
        let at = client.pending.binary_search_by_key(&id, |pending| pending.id).ok()?;
        let pending = client.pending.remove(at);
        if client.pending.is_empty() {
            client.pending = Vec::new();
        }
        client.pending.tighten();
        Some(pending)
    }
}

#[cfg(feature = "fuzz")]
impl Answers {
    /// Checks the counts against the questions that clients have not answered.
    pub(in crate::server) fn check(&self, pending: &[&Pending]) {
        let single = pending.iter().filter(|pending| pending.asker == Asker::One).count();
        assert_eq!(single, self.single, "questions to one client are counted");
        let mut asked = 0;
        for (id, waiting) in self.waiting() {
            let owed = pending.iter().filter(|pending| pending.id == id).count();
            assert_eq!(owed, waiting, "questions to many are counted");
            assert!(owed > 0, "a question that nobody owes an answer to is forgotten");
            asked += waiting;
        }
        assert_eq!(single + asked, pending.len(), "every question is known");
    }
}
