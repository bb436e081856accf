//! One stream of a client: which request is asked, and how far its answer is.

use std::num::NonZeroU32;
use std::time::Duration;

/// A stream.
#[derive(Debug)]
pub(super) struct Channel {
    /// Makes the link of a later stream another one.
    pub(super) generation: NonZeroU32,
    pub(super) stage: Stage,
    /// Requests that were answered on it.
    pub(super) answered: u32,
    /// Whether the host was told that something can be pulled, and nothing was pulled since.
    pub(super) noted: bool,
}

/// What a stream is doing.
#[derive(Debug)]
pub(super) enum Stage {
    /// The host opens it.
    Opening,
    /// It is open, and nothing is asked.
    Ready,
    /// A request is to be pulled.
    Due,
    /// The head of an answer is awaited.
    Asked,
    /// The body of an answer is awaited; of one that is no success, this is known.
    Answering(Option<Box<Rejection>>),
    /// It carries messages.
    Open,
    /// A close frame was sent, or came.
    Ending,
}

/// The head of an answer that is no success.
#[derive(Debug)]
pub(super) struct Rejection {
    pub(super) status: u16,
    /// Where a redirect leads.
    pub(super) location: Option<Box<str>>,
    pub(super) retry_after: Option<Duration>,
}

impl Channel {
    pub(super) fn new(generation: NonZeroU32) -> Self {
        Self { generation, stage: Stage::Opening, answered: 0, noted: false }
    }

    /// Whether no answer is awaited.
    pub(super) fn is_quiet(&self) -> bool {
        match self.stage {
            Stage::Due | Stage::Opening | Stage::Ready => true,
            Stage::Answering(_) | Stage::Asked | Stage::Ending | Stage::Open => false,
        }
    }

    /// Whether its end, now, loses nothing: nothing is asked, or what is can be asked again, because the server
    /// closed a kept connection before it read the request.
    pub(super) fn may_end(&self, again: bool) -> bool {
        match self.stage {
            Stage::Ready => true,
            Stage::Due => self.answered > 0,
            Stage::Asked => again && self.answered > 0,
            Stage::Answering(_) | Stage::Ending | Stage::Open | Stage::Opening => false,
        }
    }
}
