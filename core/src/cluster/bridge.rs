//! Two buses whose messages go from one to the other.

use std::collections::BTreeMap;
use std::time::Instant;

use super::bus::{Detail, Format, Report, To, is_id};
use super::{
    AnswerToken, Body, BusError, Message, Node, NodeEvent, NodeStatus, Outcome, Peer, Question,
};

/// Carries messages between two buses, each with a [`Node`] that serves no clients.
///
/// Both nodes are made for one shard, keep the same namespaces [open](Node::open), and have no shards: what they would
/// tell these goes to the other bus. A bus may be in several bridges, as long as there is only one way from one bus to
/// another: by a second way each message would go round forever.
///
/// What the format of the other bus has no words for stays on its bus, and a question about it is answered at once, as
/// by a process without clients. So is each question while the other bus is not connected. Of the replies to an event
/// for processes the first is handed on: a bridge counts as one process, which gives one.
#[derive(Debug, Default)]
pub struct Bridge {
    left: Waiting,
    right: Waiting,
}

/// One of the two buses of a [`Bridge`].
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Side {
    /// The first.
    Left,
    /// The second.
    Right,
}

/// What waits for the answers to questions that were asked on one bus. Bounded by [`MOST`].
type Waiting = BTreeMap<Question, Then>;

/// What follows from an answer.
#[derive(Debug)]
enum Then {
    /// The process on the other bus that asked is told.
    Answer(AnswerToken, Kind),
    /// The client that was looked for on its own bus is asked on the other, unless it was found.
    Forward { message: Message, id: u64 },
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
enum Kind {
    Fetch(Detail),
    Replies,
    Rooms,
}

/// Questions that wait on each side.
const MOST: usize = 16 * 1024;

/// The bus that something comes from, and the other.
struct Way<'a> {
    now: Instant,
    here: &'a mut Node,
    there: &'a mut Node,
    asked_here: &'a mut Waiting,
    asked_there: &'a mut Waiting,
}

impl Bridge {
    /// Takes what both nodes have for their shards and their host to the other bus, and returns what a log may want
    /// to know: to be called after each change of a node.
    pub fn carry(
        &mut self,
        now: Instant,
        left: &mut Node,
        right: &mut Node,
    ) -> Vec<(Side, NodeStatus)> {
        let mut statuses = Vec::new();
        loop {
            let (asked_here, asked_there) = (&mut self.left, &mut self.right);
            let way = Way { now, here: left, there: right, asked_here, asked_there };
            let went = way.carry(Side::Left, &mut statuses);
            let (asked_here, asked_there) = (&mut self.right, &mut self.left);
            let way = Way { now, here: right, there: left, asked_here, asked_there };
            let came = way.carry(Side::Right, &mut statuses);
            if !went && !came {
                return statuses;
            }
        }
    }
}

impl Way<'_> {
    /// Takes what the node here has to the other; says whether there was something.
    fn carry(mut self, side: Side, statuses: &mut Vec<(Side, NodeStatus)>) -> bool {
        let mut any = false;
        while let Some(output) = self.here.poll_shard() {
            any = true;
            self.carry_message(output.message);
        }
        while let Some(event) = self.here.poll_event() {
            any = true;
            match event {
                NodeEvent::Answered { question, outcome } => self.conclude(question, outcome),
                NodeEvent::Fetch { namespace, to, detail, token } => {
                    self.ask(token, Kind::Fetch(detail), |there, now| {
                        there.fetch(now, &namespace, to, detail)
                    });
                }
                NodeEvent::Rooms { namespace, token } => {
                    self.ask(token, Kind::Rooms, |there, now| there.rooms(now, &namespace));
                }
                NodeEvent::ServerEvent { namespace, event, token: Some(token) } => {
                    self.ask(token, Kind::Replies, |there, now| {
                        there.server_ask(now, &namespace, event)
                    });
                }
                NodeEvent::ServerEvent { namespace, event, token: None } => {
                    // A format without such events leaves them where they are.
                    let _ = self.there.server_emit(self.now, &namespace, event);
                }
                NodeEvent::Status(status) => statuses.push((side, status)),
                // A bridge has no sessions, and tells of no home.
                NodeEvent::Home { .. } => {}
            }
        }
        any
    }

    /// Takes a message for shards to the other bus, whose node reports to the one here as a shard does.
    fn carry_message(&mut self, mut message: Message) {
        if let Body::Broadcast { to, ask: Some(ask), .. } = &mut message.0 {
            ask.from = Peer::Shard(0);
            let id = ask.id;
            if !self.there.is_publishing() {
                return self.tell_nobody_asked(id);
            }
            // Nobody there says who has a client: it is there unless it is here.
            if self.there.format() == Format::Python
                && let [client] = &*to.rooms
                && is_id(client)
                && self.asked_here.len() < MOST
            {
                let to_client = To { rooms: vec![client.clone()], except: Vec::new() };
                let namespace = to.namespace.clone();
                let found = self.here.fetch(self.now, &namespace, to_client, Detail::Ids);
                if let Ok(question) = found {
                    self.asked_here.insert(question, Then::Forward { message, id });
                    return;
                }
            }
        }
        self.there.handle_shard(self.now, &message);
    }

    /// Puts a question to the other bus, or answers it at once when that cannot be asked.
    fn ask(
        &mut self,
        token: AnswerToken,
        kind: Kind,
        ask: impl FnOnce(&mut Node, Instant) -> Result<Question, BusError>,
    ) {
        let can_ask = self.there.is_publishing() && self.asked_there.len() < MOST;
        match can_ask.then(|| ask(self.there, self.now)) {
            Some(Ok(question)) => {
                self.asked_there.insert(question, Then::Answer(token, kind));
            }
            Some(Err(_)) | None => {
                self.here.answer(self.now, token, kind.report(Outcome::default()));
            }
        }
    }

    /// A question that was asked here has its outcome.
    fn conclude(&mut self, question: Question, outcome: Outcome) {
        match self.asked_here.remove(&question) {
            Some(Then::Answer(token, kind)) => {
                self.there.answer(self.now, token, kind.report(outcome));
            }
            Some(Then::Forward { message, .. }) if outcome.found.is_empty() => {
                self.there.handle_shard(self.now, &message);
            }
            Some(Then::Forward { id, .. }) => self.tell_nobody_asked(id),
            None => {}
        }
    }

    /// Tells the node here that no client of the other bus was asked.
    fn tell_nobody_asked(&mut self, id: u64) {
        let message = Message(Body::Asked { id, clients: 0, missing: 0 });
        self.here.handle_shard(self.now, &message);
    }
}

impl Kind {
    /// What the process that asked is told.
    fn report(self, outcome: Outcome) -> Report {
        match self {
            Self::Fetch(Detail::Clients) => Report::Found(outcome.found),
            Self::Fetch(Detail::Ids) => {
                Report::Ids(outcome.found.into_iter().map(|found| found.id).collect())
            }
            Self::Replies => {
                let none = || crate::socket::Args::new("[]", Vec::new());
                Report::Replied(outcome.replies.into_iter().next().unwrap_or_else(none))
            }
            Self::Rooms => Report::Rooms(outcome.rooms),
        }
    }
}
