//! Events for the application.

use bytes::Bytes;
use std::sync::Arc;

use crate::error::Reason;
use crate::key::{Id, Session, Socket};
use crate::server::door::handshake::Handshake;
use crate::server::space::life::Life;
use crate::socket::{Args, EventMessage};

/// An event for the application, in the order in which events happened.
#[derive(Debug)]
// Every event is moved from list to list. Behind a tag of one byte it would be moved in pieces that
// are not those it was written in, and a processor waits until such a write is complete.
#[repr(usize)]
#[non_exhaustive]
pub enum Event {
    /// An answer to `emit_with_ack` or `broadcast_with_ack`.
    Ack {
        /// The question.
        ticket: Ticket,
        /// The client that answered.
        from: Option<Socket>,
        /// The answer. See [`Answer`] for how many there are.
        answer: Answer,
    },
    /// A bare Engine.IO session ended.
    Closed {
        /// The session.
        session: Session,
        /// Why.
        reason: Reason,
    },
    /// A client asks to join a namespace: answer with [`Server::admit`](crate::Server::admit) or
    /// [`Server::refuse`](crate::Server::refuse), now or within the connect timeout.
    ///
    /// Answer even if it leaves meanwhile: until then, or until the connect timeout, it takes one of
    /// the [`Limits::namespaces`](crate::Limits::namespaces) of its connection, and cannot ask again.
    Connect {
        /// The client, should it be admitted.
        socket: Socket,
        /// Its public id.
        id: Id,
        /// The namespace it asks for.
        namespace: Arc<str>,
        /// Its auth payload, the text of a JSON object.
        auth: Option<Box<str>>,
        /// The request its session began with.
        handshake: Arc<Handshake>,
    },
    /// A client left its namespace, or the admission it waited for is void.
    Disconnect {
        /// The client; the key is stale from now on.
        socket: Socket,
        /// Why.
        reason: Reason,
        /// The rooms it was in until now.
        rooms: Vec<Arc<str>>,
    },
    /// A client that was refused for its backlog reads again.
    Drain {
        /// The client.
        socket: Socket,
    },
    /// The answer to [`Server::find`](crate::Server::find).
    Found {
        /// The question.
        ticket: Ticket,
        /// The ids of the clients that match.
        ids: Vec<Id>,
    },
    /// Something happened to a namespace or a room, when
    /// [`Config::life_events`](crate::Config::life_events) asks for such events.
    Life {
        /// The namespace.
        namespace: Arc<str>,
        /// What happened.
        life: Life,
    },
    /// A client sent an event.
    Message {
        /// The client.
        socket: Socket,
        /// Name and arguments.
        message: EventMessage,
        /// The right to acknowledge it, when the client asked for that.
        ack: Option<AckToken>,
    },
    /// A bare Engine.IO session opened.
    Opened {
        /// The session.
        session: Session,
        /// The request it began with.
        handshake: Arc<Handshake>,
    },
    /// A bare Engine.IO message.
    Received {
        /// The session.
        session: Session,
        /// The message.
        message: Received,
    },
}

/// A bare Engine.IO message.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Received {
    /// Binary.
    Binary(Bytes),
    /// Text.
    Text(Box<str>),
}

/// The outcome of a request for acknowledgement.
///
/// A question to one client has exactly one answer: `Args`, `TimedOut` or `Disconnected`. A question
/// to many has one `Args` per client that answered, then exactly one `Done`.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Answer {
    /// The client's arguments.
    Args(Args),
    /// The client left before it answered.
    Disconnected,
    /// All answers are in, or time is up.
    Done {
        /// Clients that were asked and did not answer, or read or answer too slowly to be asked.
        missing: u32,
    },
    /// The client did not answer in time.
    TimedOut,
}

/// Identifies a question whose answer comes as an event.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Ticket(pub(crate) u64);

/// The right to answer one event, once.
#[derive(Debug)]
#[must_use = "the client waits for an acknowledgement"]
pub struct AckToken {
    pub(crate) socket: Socket,
    pub(crate) id: u64,
}

impl AckToken {
    /// Returns the client that waits.
    #[must_use]
    pub fn socket(&self) -> Socket {
        self.socket
    }
}
