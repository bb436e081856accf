//! Events of the core become jobs for handlers.

use sansocket::{
    AckToken, Answer, Args, Bytes, Event, EventMessage, Gone, Reason, Received, Socket as Key,
    Ticket,
};
use std::sync::Arc;
use std::task::Waker;

use crate::answers::ack::AckError;
use crate::answers::waiting::{Then, Waiting};
use crate::hub::port::Pending;
use crate::hub::shards::{Cell, Hub, give_back};
use crate::sockets::engine::EngineSession;
use crate::sockets::socket::{Introduction, Socket};

/// One call of a handler to be made, on behalf of the connection that brought it when it may have to
/// wait.
#[derive(Default)]
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) pending: Option<Pending>,
}

/// What a handler is called for.
///
/// The tag has a word of its own: see [`Event`].
#[derive(Default)]
#[repr(usize)]
pub(crate) enum Task {
    /// Nothing any more.
    #[default]
    Done,
    Callback(Callback),
    Connect(Socket),
    Disconnect {
        socket: Socket,
        reason: Reason,
        rooms: Vec<Arc<str>>,
    },
    Engine {
        session: EngineSession,
        message: Received,
    },
    /// The message is there until a handler takes it.
    Message {
        socket: Socket,
        message: Option<EventMessage>,
        ack: Option<AckToken>,
    },
}

/// A job takes a place in a list, and such a list may be half empty.
const PLACE: usize = 2 * size_of::<Job>();

/// A [`Then`] whose time has come, in line with the events of who answered.
pub(crate) struct Callback {
    pub(crate) socket: Option<Socket>,
    pub(crate) then: Then,
    pub(crate) outcome: Result<Args, AckError>,
}

impl Cell {
    /// Takes an event: what handlers must hear becomes a job, what somebody waits for is answered.
    pub(crate) fn note(&mut self, hub: &Hub, shard: u16, event: Event) -> Option<Waker> {
        match event {
            Event::Connect { socket: key, id, namespace, auth, handshake } => {
                let intro = Introduction { shard, key, id, namespace, auth, handshake };
                let socket = Socket::new(hub.shared(), intro);
                let at = key.index();
                if at >= self.sockets.len() {
                    self.sockets.resize_with(at + 1, || None);
                }
                self.sockets[at] = Some(socket.clone());
                self.push(Task::Connect(socket));
            }
            Event::Message { socket, message, ack } => {
                if let Some(socket) = self.socket(socket) {
                    // Weighed before it is put together, which then happens once.
                    let pending = self.charge(|| PLACE + size_of_event(&message));
                    let task = Task::Message { socket, message: Some(message), ack };
                    self.jobs.push(Job { task, pending });
                }
            }
            Event::Disconnect { socket: key, reason, rooms } => {
                if let Some(socket) = self.socket(key) {
                    self.sockets[key.index()] = None;
                    give_back(&mut self.sockets);
                    self.push(Task::Disconnect { socket, reason, rooms });
                }
                return self.draining.end(key, Err(Gone));
            }
            Event::Ack { ticket, answer, .. } => return self.answered(ticket, answer),
            Event::Drain { socket } => return self.draining.end(socket, Ok(())),
            Event::Found { ticket, ids } => {
                if let Some(Waiting::Found(slot)) = self.take_waiting(ticket) {
                    return slot.fill(ids);
                }
            }
            Event::Received { session, message } => {
                let session = EngineSession::new(hub.shared(), shard, session);
                self.push(Task::Engine { session, message });
            }
            // Nothing of the application layer waits for these.
            Event::Closed { .. } | Event::Opened { .. } | _ => {}
        }
        None
    }

    /// Adds to the work for handlers.
    fn push(&mut self, task: Task) {
        let pending = self.charge(|| task.weight());
        self.jobs.push(Job { task, pending });
    }

    /// Charges who is being read for a job that may have to wait.
    #[inline]
    fn charge(&self, weight: impl FnOnce() -> usize) -> Option<Pending> {
        self.reader.as_ref().map(|port| Pending::new(port, weight()))
    }

    pub(crate) fn socket(&self, key: Key) -> Option<Socket> {
        self.sockets.get(key.index())?.as_ref().filter(|socket| socket.key() == key).cloned()
    }

    fn answered(&mut self, ticket: Ticket, answer: Answer) -> Option<Waker> {
        if let Answer::Args(args) = answer {
            return self.answered_with(ticket, args);
        }
        match (self.take_waiting(ticket)?, answer) {
            (Waiting::Then(socket, then), Answer::TimedOut) => {
                self.call_back(socket, then, Err(AckError::TimedOut))
            }
            (Waiting::Then(socket, then), _) => {
                self.call_back(socket, then, Err(AckError::Disconnected))
            }
            (Waiting::One(slot), Answer::TimedOut) => slot.fill(Err(AckError::TimedOut)),
            (Waiting::One(slot), _) => slot.fill(Err(AckError::Disconnected)),
            (Waiting::Many(tally), Answer::Done { missing }) => tally.finish(missing),
            (Waiting::Many(tally), _) => tally.finish(0),
            (Waiting::Found(_), _) => None,
        }
    }

    fn answered_with(&mut self, ticket: Ticket, args: Args) -> Option<Waker> {
        let place = self.questions.place(ticket)?;
        if let Some(Waiting::Many(tally)) = self.questions.at(place) {
            return tally.add(args);
        }
        match self.questions.take(place)? {
            Waiting::One(slot) => slot.fill(Ok(args)),
            Waiting::Then(socket, then) => self.call_back(socket, then, Ok(args)),
            Waiting::Many(_) | Waiting::Found(_) => None,
        }
    }

    fn call_back(
        &mut self,
        socket: Option<Socket>,
        then: Then,
        outcome: Result<Args, AckError>,
    ) -> Option<Waker> {
        self.push(Task::Callback(Callback { socket, then, outcome }));
        None
    }

    fn take_waiting(&mut self, ticket: Ticket) -> Option<Waiting> {
        self.questions.take(self.questions.place(ticket)?)
    }
}

impl Job {
    /// About the memory it takes while it waits, in bytes.
    pub(crate) fn weight(&self) -> usize {
        self.task.weight()
    }
}

impl Task {
    fn weight(&self) -> usize {
        let size = match self {
            Self::Callback(Callback { outcome, .. }) => outcome
                .as_ref()
                .map_or(0, |args| args.json().len() + size_of_all(args.attachments())),
            Self::Connect(socket) => socket.auth_object().map_or(0, str::len),
            Self::Disconnect { rooms, .. } => {
                rooms.iter().map(|room| size_of::<Arc<str>>() + room.len()).sum()
            }
            Self::Done => 0,
            Self::Engine { message: Received::Binary(bytes), .. } => bytes.len(),
            Self::Engine { message: Received::Text(text), .. } => text.len(),
            Self::Message { message, .. } => size_of_event(there(message)),
        };
        PLACE + size
    }

    /// The client it concerns.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match self {
            Self::Callback(Callback { socket, .. }) => socket.as_ref(),
            Self::Connect(socket)
            | Self::Disconnect { socket, .. }
            | Self::Message { socket, .. } => Some(socket),
            Self::Done | Self::Engine { .. } => None,
        }
    }
}

/// The message of an event that no handler has had.
pub(crate) fn there(message: &Option<EventMessage>) -> &EventMessage {
    message.as_ref().expect("only a handler takes it")
}

fn size_of_event(message: &EventMessage) -> usize {
    message.name().len() + message.json().len() + size_of_all(message.attachments())
}

fn size_of_all(attachments: &[Bytes]) -> usize {
    attachments.iter().map(|bytes| size_of::<Bytes>() + bytes.len()).sum()
}
