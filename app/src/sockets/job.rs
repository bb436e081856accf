//! A job: one call of a handler to be made.

use sansocket::{AckToken, Args, Bytes, EventMessage, Life, Reason, Received};
use std::cell::RefCell;
use std::sync::Arc;

use crate::shards::kept::Work;
use crate::shards::pressure::Charge;
use crate::sockets::answers::ack::AckError;
use crate::sockets::answers::waiting::Then;
use crate::sockets::engine::EngineSession;
use crate::sockets::socket::Socket;

/// One call of a handler to be made, on account of the connection that brought it when it may have to
/// wait.
#[derive(Default)]
pub(crate) struct Job {
    pub(crate) task: Task,
    pub(crate) charge: Option<Charge>,
}

/// What a handler is called for.
///
/// The tag has a word of its own: see [`Event`].
#[derive(Default)]
#[repr(usize)]
pub(crate) enum Task {
    /// Nothing: it was done.
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
    Life {
        namespace: Arc<str>,
        life: Life,
    },
    /// The message is there until a handler takes it. Without a socket, the job before it in the list is
    /// a message of the same client, so that a burst of one client costs one handle: see
    /// [`Job::name_clients`].
    Message {
        socket: Option<Socket>,
        message: Option<EventMessage>,
        ack: Option<AckToken>,
    },
}

/// A job takes a place in a list, and such a list may be half empty.
pub(super) const PLACE: usize = 2 * size_of::<Job>();

/// A [`Then`] that can be called, in line with the events of the client that answered.
pub(crate) struct Callback {
    pub(crate) socket: Option<Socket>,
    pub(crate) then: Then,
    pub(crate) outcome: Result<Args, AckError>,
}

impl Work for Job {
    fn weight(&self) -> usize {
        self.task.weight()
    }

    fn spare_list() -> Vec<Self> {
        // Not there any more when a thread ends.
        SPARE.try_with(RefCell::take).unwrap_or_default()
    }
}

impl Job {
    /// Gives all messages in a list their sockets, so that each can go its own way.
    pub(crate) fn name_clients(jobs: &mut [Self]) {
        let mut client: Option<Socket> = None;
        for job in jobs {
            if let Task::Message { socket, .. } = &mut job.task {
                match socket {
                    Some(own) => client = Some(own.clone()),
                    None => socket.clone_from(&client),
                }
            }
        }
    }

    /// Keeps the room of a list for the next one of this thread.
    pub(crate) fn keep_list(mut list: Vec<Self>) {
        list.clear();
        if list.capacity() <= KEEP {
            let _ = SPARE.try_with(|spare| spare.replace(list));
        }
    }
}

/// A longer list is given back after the burst that made it.
const KEEP: usize = 256;

thread_local! {
    /// One list for all shards whose jobs this thread does.
    static SPARE: RefCell<Vec<Job>> = const { RefCell::new(Vec::new()) };
}

impl Task {
    /// About the memory it takes while it waits, in bytes.
    pub(super) fn weight(&self) -> usize {
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
            Self::Life { .. } => 0,
            Self::Message { message, .. } => size_of_event(there(message)),
        };
        PLACE + size
    }

    /// The client it concerns.
    pub(crate) fn socket(&self) -> Option<&Socket> {
        match self {
            Self::Callback(Callback { socket, .. }) | Self::Message { socket, .. } => {
                socket.as_ref()
            }
            Self::Connect(socket) | Self::Disconnect { socket, .. } => Some(socket),
            Self::Done | Self::Engine { .. } | Self::Life { .. } => None,
        }
    }
}

/// The message of an event that no handler has taken.
pub(crate) fn there(message: &Option<EventMessage>) -> &EventMessage {
    message.as_ref().expect("only a handler takes it")
}

pub(super) fn size_of_event(message: &EventMessage) -> usize {
    message.name().len() + message.json().len() + size_of_all(message.attachments())
}

fn size_of_all(attachments: &[Bytes]) -> usize {
    attachments.iter().map(|bytes| size_of::<Bytes>() + bytes.len()).sum()
}
