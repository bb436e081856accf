//! What the application was told, as lines that a test can spell out.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;

use sansocket::{Answer, Event, Handshake, Id, Life, Received, Session, Socket, Ticket};

/// Names sockets, sessions and questions by number, and notes events.
#[derive(Debug, Default)]
pub(crate) struct Trace {
    pub(crate) lines: Vec<String>,
    /// Sockets in the order they connected, numbered from 1.
    pub(crate) sockets: Vec<(usize, Socket, Id)>,
    /// The requests their sessions began with.
    pub(crate) handshakes: Vec<Arc<Handshake>>,
    /// Bare sessions in the order they opened, numbered from 1.
    pub(crate) sessions: Vec<(usize, Session)>,
    numbers: HashMap<(usize, Socket), usize>,
    questions: HashMap<(usize, Ticket), usize>,
}

/// A question a test asked, numbered from 1.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Question(pub usize);

impl Trace {
    pub(crate) fn asked(&mut self, shard: usize, ticket: Ticket) -> Question {
        let number = self.questions.len() + 1;
        self.questions.insert((shard, ticket), number);
        Question(number)
    }

    pub(crate) fn note(&mut self, shard: usize, event: &Event) {
        let line = self.line(shard, event);
        self.lines.push(line);
    }

    fn line(&mut self, shard: usize, event: &Event) -> String {
        let number = |socket: Socket| self.numbers.get(&(shard, socket)).copied().unwrap_or(0);
        match event {
            Event::Ack { ticket, from, answer } => {
                let from = from.map_or(String::new(), |from| format!(" from {}", number(from)));
                format!("{}{from} {}", self.question(shard, *ticket), told(answer))
            }
            Event::Closed { session, reason } => {
                format!("closed {} {reason:?}", self.session(shard, *session))
            }
            Event::Connect { socket, id, namespace, auth, handshake, .. } => {
                self.handshakes.push(handshake.clone());
                self.sockets.push((shard, *socket, *id));
                self.numbers.insert((shard, *socket), self.sockets.len());
                let auth = auth.as_ref().map_or(String::new(), |auth| format!(" {auth}"));
                format!("connect {} {namespace}{auth}", self.sockets.len())
            }
            Event::Disconnect { socket, reason, rooms } => {
                let rooms = rooms.iter().fold(String::new(), |all, room| all + " " + room);
                format!("disconnect {} {reason:?}{rooms}", number(*socket))
            }
            Event::Drain { socket } => format!("drain {}", number(*socket)),
            Event::Found { ticket, ids } => {
                let mut found: Vec<_> = ids
                    .iter()
                    .filter_map(|id| self.sockets.iter().position(|(_, _, known)| known == id))
                    .map(|at| at + 1)
                    .collect();
                found.sort_unstable();
                format!("{} found {found:?}", self.question(shard, *ticket))
            }
            Event::Life { namespace, life } => format!("{namespace} {}", self.life(life)),
            Event::Message { socket, message, ack } => {
                let ack = if ack.is_some() { " asking" } else { "" };
                let binary = binary(message.attachments());
                let (name, json) = (message.name(), message.json());
                format!("event {} {name} {json}{binary}{ack}", number(*socket))
            }
            Event::Opened { session, .. } => {
                self.sessions.push((shard, *session));
                format!("opened {}", self.sessions.len())
            }
            Event::Received { session, message } => {
                let n = self.session(shard, *session);
                match message {
                    Received::Binary(bytes) => format!("received {n}{}", hex(bytes)),
                    Received::Text(text) => format!("received {n} {text}"),
                }
            }
            other => format!("{other:?}"),
        }
    }

    fn life(&self, life: &Life) -> String {
        let number = |id: &Id| {
            let found = self.sockets.iter().position(|(_, _, known)| known == id);
            found.map_or(0, |at| at + 1)
        };
        match life {
            Life::NamespaceCreated => "created".into(),
            Life::NamespaceDeleted => "deleted".into(),
            Life::RoomCreated { room } => format!("{room} created"),
            Life::RoomDeleted { room } => format!("{room} deleted"),
            Life::RoomJoined { room, id } => format!("{room} joined by {}", number(id)),
            Life::RoomLeft { room, id } => format!("{room} left by {}", number(id)),
            other => format!("{other:?}"),
        }
    }

    fn session(&self, shard: usize, session: Session) -> usize {
        self.sessions.iter().position(|&known| known == (shard, session)).map_or(0, |at| at + 1)
    }

    fn question(&self, shard: usize, ticket: Ticket) -> String {
        match self.questions.get(&(shard, ticket)) {
            Some(number) => format!("answer {number}"),
            // There was no time to name it: the answer came with the question.
            None => format!("answer {}", self.questions.len() + 1),
        }
    }
}

fn told(answer: &Answer) -> String {
    match answer {
        Answer::Args(args) => format!("{}{}", args.json(), binary(args.attachments())),
        Answer::Disconnected => "disconnected".into(),
        Answer::Done { missing } => format!("done, {missing} missing"),
        Answer::TimedOut => "timed out".into(),
        other => format!("{other:?}"),
    }
}

fn binary(attachments: &[sansocket::Bytes]) -> String {
    attachments.iter().fold(String::new(), |all, bytes| all + &hex(bytes))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::from(" 0x"), |mut all, byte| {
        let _ = write!(all, "{byte:02x}");
        all
    })
}

/// Puts an ellipsis for what differs from run to run: session and socket ids.
#[must_use]
pub fn normal(text: &str) -> String {
    let mut parts = text.split("\"sid\":\"");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let rest = part.split_once('"').map_or("", |(_, rest)| rest);
        out.push_str("\"sid\":\"…\"");
        out.push_str(rest);
    }
    out
}
