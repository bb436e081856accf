//! What one process says to others, whatever the format.

use std::net::SocketAddr;
use std::time::Duration;

use crate::cluster::Disconnect;
use crate::node_name::NodeName;
use crate::socket::{Args, EventMessage};

/// A message of one process to the others of its cluster.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Message {
    /// The name of the process that sent it: 6 characters in [`Format::Classic`](super::Format), 16 hexadecimal
    /// digits in the other formats of JavaScript, 32 in the others. Processes that only emit call
    /// themselves `emitter`, or nothing.
    pub from: Option<Box<str>>,
    /// The namespace that it is about.
    pub namespace: Box<str>,
    /// How many messages about the namespace the process sent, this one included: in
    /// [`Format::Native`](super::Format) alone.
    pub sequence: Option<u64>,
    /// What it says.
    pub body: Body,
}

/// What a [`Message`] says.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Body {
    /// The answer to a question, for the process that asked.
    Answer(Answer),
    /// The process lives, and listens there, if it tells.
    Beat(Option<Home>),
    /// An event for the clients of a target.
    Broadcast {
        /// The clients.
        to: To,
        /// The event.
        event: EventMessage,
        /// How it is sent.
        flags: Flags,
        /// Has acknowledgements sent back.
        ask: Option<Ask>,
    },
    /// Everybody leaves the room.
    Close {
        /// The room.
        room: Box<str>,
    },
    /// The clients of a target are disconnected.
    Disconnect {
        /// The clients.
        to: To,
        /// How far.
        how: Disconnect,
    },
    /// A question: which clients are in the target?
    Fetch {
        /// The clients.
        to: To,
        /// The id of the question.
        request: Box<str>,
        /// What is to be told of them.
        detail: Detail,
    },
    /// The process is new, and asks the others for a [`Body::Beat`].
    Hello,
    /// The clients of a target join rooms.
    Join {
        /// The clients.
        to: To,
        /// The rooms.
        rooms: Vec<Box<str>>,
    },
    /// The clients of a target leave rooms.
    Leave {
        /// The clients.
        to: To,
        /// The rooms.
        rooms: Vec<Box<str>>,
    },
    /// The process is about to end.
    Left,
    /// A question: which rooms are there?
    Rooms {
        /// The id of the question.
        request: Box<str>,
    },
    /// An event for the other processes themselves.
    ServerEvent {
        /// The event.
        event: EventMessage,
        /// The id of the question, when answers are wanted.
        request: Option<Box<str>>,
    },
}

/// Clients of a namespace: those in any of some rooms, but for those in any of some others.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct To {
    /// The rooms; none stand for the whole namespace. The id of a client is a room with that client alone.
    pub rooms: Vec<Box<str>>,
    /// The rooms whose clients are left out.
    pub except: Vec<Box<str>>,
}

/// How a broadcast is sent.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Flags {
    /// Whether clients that cannot take it at once miss it.
    pub volatile: bool,
    /// Whether connections that compress leave it as it is.
    pub uncompressed: bool,
}

/// A wish for acknowledgements.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ask {
    /// The id of the question. In [`Format::Python`](super::Format) the text of a number.
    pub request: Box<str>,
    /// How long clients may take, in whole milliseconds, where the format tells.
    pub timeout: Option<Duration>,
}

/// The answer to a question.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// The name of the process that asked, where the format tells.
    pub asker: Option<Box<str>>,
    /// The id of the question.
    pub request: Box<str>,
    /// What is answered.
    pub report: Report,
    /// Which part of the answer it is.
    pub part: Part,
}

/// A part of an answer about many clients or rooms. The default is a whole answer, and in formats but for
/// [`Format::Native`](super::Format) there is no other.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct Part {
    /// How many parts came before.
    pub number: u32,
    /// Whether another one follows.
    pub more: bool,
}

/// What a process answers.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Report {
    /// A client acknowledged the event. The formats of JavaScript carry the first argument alone.
    Acknowledged {
        /// The room that was asked: in [`Format::Python`](super::Format) alone.
        room: Option<Box<str>>,
        /// The arguments.
        args: Args,
    },
    /// So many clients of the process were asked.
    Clients(u32),
    /// The process did what it was asked to.
    Done,
    /// These clients are in the target.
    Found(Vec<Found>),
    /// Clients with these ids are in the target.
    Ids(Vec<Box<str>>),
    /// A handler of the process replied. The formats of JavaScript carry the first argument alone.
    Replied(Args),
    /// The process has these rooms.
    Rooms(Vec<Box<str>>),
}

/// What is told of clients.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Detail {
    /// Everything: handshake, rooms and data.
    Clients,
    /// Their ids.
    Ids,
}

/// A client of another process.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Found {
    /// Its id.
    pub id: Box<str>,
    /// Its rooms, its id among them.
    pub rooms: Vec<Box<str>>,
    /// What its process attached to it: an array of that value alone, or of nothing.
    pub data: Args,
    /// The request it came with.
    pub handshake: Handshake,
}

/// The request that a client came with, as far as its process tells. Everything in it can be read by
/// whoever can read the bus.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Handshake {
    /// The address of the client.
    pub address: Box<str>,
    /// The text of a JSON object: what the client gave when it connected.
    pub auth: Box<str>,
    /// The text of a JSON object: the header fields.
    pub headers: Box<str>,
    /// When it came, in milliseconds since the beginning of 1970.
    pub issued: u64,
    /// The text of a JSON object: the parameters of the URL.
    pub query: Box<str>,
    /// Whether it came by TLS.
    pub secure: bool,
    /// When it came, as JavaScript writes a date.
    pub time: Box<str>,
    /// The path and the parameters.
    pub url: Box<str>,
    /// Whether a page of another origin made it.
    pub xdomain: bool,
}

impl Default for Handshake {
    fn default() -> Self {
        Self {
            address: "".into(),
            auth: "{}".into(),
            headers: "{}".into(),
            issued: 0,
            query: "{}".into(),
            secure: false,
            time: "".into(),
            url: "".into(),
            xdomain: false,
        }
    }
}

/// Where a process listens for requests that belong to its sessions.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Home {
    /// The name in front of its session ids: see [`Config::node`](crate::Config::node).
    pub name: NodeName,
    /// The address and port.
    pub address: SocketAddr,
}
