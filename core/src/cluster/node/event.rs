//! What a node tells the host.

use super::BusError;
use crate::cluster::bus::{Detail, Found, Home, To};
use crate::socket::{Args, EventMessage};

/// A question to other processes.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Question(pub(super) u64);

/// Gives an answer to the process that asked; used up by [`Node::answer`](super::Node::answer).
#[derive(Debug, Eq, PartialEq)]
pub struct AnswerToken {
    pub(super) namespace: Box<str>,
    pub(super) asker: Option<Box<str>>,
    pub(super) request: Box<str>,
    /// The room that was asked, where the format has it in answers.
    pub(super) room: Option<Box<str>>,
}

impl AnswerToken {
    /// For a question that gets several answers.
    pub(super) fn copy(&self) -> Self {
        let Self { namespace, asker, request, room } = self;
        Self {
            namespace: namespace.clone(),
            asker: asker.clone(),
            request: request.clone(),
            room: room.clone(),
        }
    }
}

/// What a node tells the host.
#[derive(Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NodeEvent {
    /// A question of this process has its outcome.
    Answered {
        /// The question.
        question: Question,
        /// What other processes answered.
        outcome: Outcome,
    },
    /// Another process asks which clients of this one are in a target:
    /// [`Report::Found`](crate::cluster::bus::Report::Found) or `Ids` answers, by [`Detail`].
    Fetch {
        /// The namespace.
        namespace: Box<str>,
        /// The target.
        to: To,
        /// What is to be told of them.
        detail: Detail,
        /// For the answer.
        token: AnswerToken,
    },
    /// Another process asks for the rooms of this one: [`Report::Rooms`](crate::cluster::bus::Report::Rooms) answers.
    Rooms {
        /// The namespace.
        namespace: Box<str>,
        /// For the answer.
        token: AnswerToken,
    },
    /// Another process sent an event to this one.
    ServerEvent {
        /// The namespace.
        namespace: Box<str>,
        /// The event.
        event: EventMessage,
        /// For the answer, [`Report::Replied`](crate::cluster::bus::Report::Replied), when one is wanted.
        token: Option<AnswerToken>,
    },
    /// Another process says where it listens for requests that belong to its sessions, or is gone. Only told with
    /// [`NodeConfig::home`](super::NodeConfig::home).
    Home {
        /// The name of the process on the bus.
        node: Box<str>,
        /// Where it listens; `None` when it is gone.
        home: Option<Home>,
    },
    /// The bus changed its state; for a log.
    Status(NodeStatus),
}

/// What other processes answered.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Outcome {
    /// The clients found: with their ids alone, where that was asked for.
    pub found: Vec<Found>,
    /// The rooms.
    pub rooms: Vec<Box<str>>,
    /// The replies to an event for processes.
    pub replies: Vec<Args>,
    /// The number of processes, this one included, where that was asked for.
    pub nodes: u64,
    /// How many processes were asked.
    pub asked: u64,
    /// How many of them did not answer in time.
    pub missing: u64,
    /// The names of those, where they are known.
    pub missing_names: Vec<Box<str>>,
}

/// What became of the connection with the broker, or of messages.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum NodeStatus {
    /// The broker is connected, and all subscriptions that were wished for then are confirmed; not told of a connection
    /// behind one whose loss was not told.
    Connected {
        /// Messages that were dropped since the connection was lost.
        dropped: u64,
    },
    /// The connection was lost, or could not be made; told at the first failure and once a minute, until a connection
    /// lasts five seconds.
    Lost {
        /// Why.
        why: Box<str>,
    },
    /// Messages that could not be read came; told once a minute.
    Invalid {
        /// How many since this was told last.
        count: u64,
        /// What was wrong with the last one.
        last: crate::cluster::bus::Invalid,
    },
    /// Messages for other processes were not sent; told once a minute.
    Refused {
        /// How many since this was told last.
        count: u64,
        /// Why the last one was not.
        last: BusError,
    },
    /// Another process has the name of this one, which took another.
    Renamed,
    /// A process of the cluster came, in [`Format::Native`](crate::cluster::bus::Format).
    Joined {
        /// Its name.
        node: Box<str>,
    },
    /// A process of the cluster left, or gave no sign of life.
    Left {
        /// Its name.
        node: Box<str>,
    },
}
