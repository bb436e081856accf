//! What is open, and what has its outcome.

use sansocket::{
    AckToken, Answer, Event, Frame, Id, Link, Response, Server, Socket, Ticket, Transmit,
};
use std::collections::{HashMap, HashSet};

use super::settings;

/// What a question is owed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owed {
    /// Answers, then the conclusion.
    Many,
    Nothing,
    /// One answer, or why there is none.
    One,
}

/// Everything that must be answered, and how often it was.
#[derive(Default)]
pub(super) struct Ledger {
    /// Links that ever were: using one that is over must do nothing.
    pub(super) links: Vec<Link>,
    /// Links of requests whose bodies are awaited.
    pub(super) bodies: Vec<Link>,
    /// Clients that ever were.
    pub(super) sockets: Vec<Socket>,
    pub(super) ids: Vec<Id>,
    /// Acknowledgements the application owes.
    pub(super) owed: Vec<AckToken>,
    /// Links that carry requests, and whether they were answered.
    requests: HashMap<Link, bool>,
    /// The pages that those came from which still wait.
    origins: HashMap<Link, Option<&'static str>>,
    /// WebSockets that were told to close.
    closed: HashSet<Link>,
    /// Attachments that WebSockets have still to send.
    attachments: HashMap<Link, usize>,
    /// Clients, and whether they left.
    clients: HashMap<Socket, bool>,
    /// Questions, and the answers still to come.
    questions: HashMap<Ticket, Owed>,
}

impl Ledger {
    pub(super) fn websocket(&mut self, link: Link) {
        self.links.push(link);
    }

    pub(super) fn request(&mut self, link: Link, origin: Option<&'static str>) {
        self.links.push(link);
        self.origins.insert(link, origin);
        assert_eq!(self.requests.insert(link, false), None, "links are never used twice");
    }

    pub(super) fn body(&mut self, link: Link, origin: Option<&'static str>) {
        self.bodies.push(link);
        self.request(link, origin);
    }

    /// Takes note that an answer is not awaited any more.
    pub(super) fn gone(&mut self, link: Link) {
        self.origins.remove(&link);
    }

    /// Checks an answer, if it is awaited.
    pub(super) fn answer(&self, server: &Server, link: Link, response: &Response) {
        if let Some(origin) = self.origins.get(&link) {
            settings::check_answer(server.config(), response, *origin);
        }
    }

    pub(super) fn asked(&mut self, ticket: Ticket, owed: Owed) {
        assert_eq!(self.questions.insert(ticket, owed), None, "a ticket names one question");
    }

    pub(super) fn refused(&mut self, socket: Socket) {
        self.left(socket);
    }

    /// Takes what waits on a link, up to so many outputs.
    pub(super) fn pull(&mut self, server: &mut Server, link: Link, most: usize) {
        for _ in 0..most {
            let Some(transmit) = server.poll_transmit(link) else { return };
            match transmit {
                Transmit::Response(response) => {
                    self.answer(server, link, &response);
                    self.bodies.retain(|&other| other != link);
                    let answered = self.requests.get_mut(&link).expect("a request is answered");
                    assert!(!std::mem::replace(answered, true), "a request is answered once");
                }
                Transmit::Frame(frame) => {
                    assert!(!self.requests.contains_key(&link), "a frame is no answer");
                    assert!(!self.closed.contains(&link), "nothing follows a close frame");
                    self.frame(link, &frame);
                }
                Transmit::Close(_) => assert!(self.closed.insert(link), "one close frame"),
            }
        }
    }

    /// Attachments follow their packet, and nothing comes between.
    fn frame(&mut self, link: Link, frame: &Frame) {
        let due = self.attachments.entry(link).or_default();
        // Clients that poll by JSONP have binary as text.
        if !frame.is_text() || frame.payload().starts_with(b"b4") {
            *due = due.checked_sub(1).expect("an attachment is announced");
            return;
        }
        assert_eq!(*due, 0, "attachments are missing");
        let text = std::str::from_utf8(frame.payload()).expect("text frames are text");
        let count = text.strip_prefix("45").and_then(|rest| rest.split_once('-'));
        *due = count.map_or(0, |(count, _)| count.parse().expect("a count"));
    }

    /// Takes all events.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are of bare sessions")]
    pub(super) fn hear(&mut self, server: &mut Server) {
        while let Some(event) = server.poll_event() {
            match event {
                Event::Connect { socket, id, .. } => {
                    self.sockets.push(socket);
                    self.ids.push(id);
                    assert_eq!(self.clients.insert(socket, false), None, "a key is never reused");
                }
                Event::Disconnect { socket, .. } => self.left(socket),
                Event::Message { socket, ack, .. } => {
                    assert_eq!(self.clients.get(&socket), Some(&false), "it is there");
                    self.owed.extend(ack);
                }
                Event::Ack { ticket, answer: Answer::Args(_), from } if from.is_none() => {
                    panic!("somebody answered {ticket:?}")
                }
                Event::Ack { ticket, answer, .. } => self.answered(ticket, &answer),
                Event::Drain { .. } | Event::Found { .. } => {}
                other => panic!("{other:?} of a bare session"),
            }
        }
    }

    /// Checks that everything has its outcome.
    pub(super) fn settled(&self) {
        assert!(self.clients.values().all(|&left| left), "a client left without a word");
        let mut owed = self.questions.values();
        assert!(owed.all(|&owed| owed == Owed::Nothing), "a question has no outcome");
    }

    fn left(&mut self, socket: Socket) {
        let left = self.clients.get_mut(&socket).expect("who leaves has come");
        assert!(!std::mem::replace(left, true), "a client leaves once");
    }

    fn answered(&mut self, ticket: Ticket, answer: &Answer) {
        let owed = self.questions.get_mut(&ticket).expect("an answer has its question");
        *owed = match (*owed, answer) {
            (Owed::One, Answer::Args(_) | Answer::Disconnected | Answer::TimedOut) => Owed::Nothing,
            (Owed::Many, Answer::Args(_)) => Owed::Many,
            (Owed::Many, Answer::Done { .. }) => Owed::Nothing,
            (owed, answer) => panic!("{answer:?} to a question that is owed {owed:?}"),
        };
    }
}
