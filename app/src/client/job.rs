//! A job: one call of a handler to be made.

use sansocket::client::{AckToken, AuthRequest};
use sansocket::{Args, Bytes, EventMessage};
use std::sync::Arc;

use super::error::{AckError, ConnectError};
use super::event::Event;
use super::loss::Loss;
use super::meeting::Meeting;
use super::seat::Seat;
use crate::wait::slot::Slot;

/// One call of a handler to be made.
pub(super) enum Job {
    /// It concerns the whole client.
    Client(Notice),
    /// It concerns one namespace.
    Namespace(Arc<Seat>, Task),
}

/// What is to be called for the whole client.
pub(super) enum Notice {
    /// Those that wait until nothing is connected.
    Closed(Vec<Arc<Slot<()>>>),
    Event(Event),
    /// A call of a namespace that others of the whole client wait for.
    Meeting(Arc<Meeting>),
    /// The function that makes the settings. Nothing waits for it.
    Settings,
}

/// What is to be called for one namespace.
pub(super) enum Task {
    /// A function that takes the answer to a question.
    Answer(Then, Result<Args, AckError>),
    /// The function that makes the auth payload. Nothing waits for it.
    Auth(AuthRequest),
    Connect,
    Disconnect(Loss),
    Failed(ConnectError),
    /// A call that the whole client waits for, too.
    Meeting(Arc<Meeting>),
    Message {
        message: EventMessage,
        ack: Option<AckToken>,
    },
    Sent(EventMessage),
}

/// What an application does with an acknowledgement.
pub(super) type Then = Box<dyn FnOnce(Result<Args, AckError>) + Send>;

impl Job {
    /// The namespace that it concerns.
    pub(super) fn seat(&self) -> Option<&Arc<Seat>> {
        match self {
            Self::Client(_) => None,
            Self::Namespace(seat, _) => Some(seat),
        }
    }

    /// About the memory that it takes while it waits, in bytes.
    pub(super) fn weight(&self) -> usize {
        let size = match self {
            Self::Client(_) => 0,
            Self::Namespace(_, Task::Answer(_, Ok(args))) => {
                args.json().len() + size_of_all(args.attachments())
            }
            Self::Namespace(_, Task::Message { message, .. } | Task::Sent(message)) => {
                message.name().len() + message.json().len() + size_of_all(message.attachments())
            }
            Self::Namespace(
                _,
                Task::Answer(_, Err(_))
                | Task::Auth(_)
                | Task::Connect
                | Task::Disconnect(_)
                | Task::Failed(_)
                | Task::Meeting(_),
            ) => 0,
        };
        size_of::<Self>() + size
    }
}

fn size_of_all(attachments: &[Bytes]) -> usize {
    attachments.iter().map(|bytes| size_of::<Bytes>() + bytes.len()).sum()
}
