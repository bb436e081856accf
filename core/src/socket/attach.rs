//! Binary reassembly: a packet that waits for its attachments.

use bytes::Bytes;
use std::borrow::Cow;

use super::encoded::PART;
use super::{Args, EventMessage};
use crate::config::Limits;
use crate::error::Violation;
use crate::key::Socket;
use crate::time::Tick;

/// A packet whose attachments are arriving.
#[derive(Debug)]
pub(crate) struct Partial {
    /// To whom it goes; `None` when the namespace was left and the packet is only swallowed.
    to: Option<Socket>,
    head: Head,
    expected: u32,
    /// Bounded by `limits.attachments` and `limits.attachment_bytes`.
    attachments: Vec<Bytes>,
    bytes: usize,
    /// When the last attachment must have come.
    pub(crate) due: Tick,
}

#[derive(Debug)]
enum Head {
    Event { message: EventMessage, id: Option<u64> },
    Ack { json: Box<str>, id: u64 },
}

/// A packet with everything that belongs to it.
#[derive(Debug)]
pub(crate) enum Whole {
    Event { message: EventMessage, id: Option<u64> },
    Ack { args: Args, id: u64 },
}

impl Partial {
    pub(crate) fn event(
        to: Option<Socket>,
        message: EventMessage,
        id: Option<u64>,
        expected: u32,
    ) -> Self {
        Self::new(to, Head::Event { message, id }, expected)
    }

    pub(crate) fn ack(to: Option<Socket>, json: &str, id: u64, expected: u32) -> Self {
        Self::new(to, Head::Ack { json: json.into(), id }, expected)
    }

    fn new(to: Option<Socket>, head: Head, expected: u32) -> Self {
        Self { to, head, expected, attachments: Vec::new(), bytes: 0, due: Tick::NEVER }
    }

    /// Adds one attachment and says whether it was the last.
    pub(crate) fn add(&mut self, bytes: Cow<'_, [u8]>, limits: &Limits) -> Result<bool, Violation> {
        if self.bytes + bytes.len() > limits.attachment_bytes {
            return Err(Violation::AttachmentsTooLarge);
        }
        self.bytes += bytes.len();
        self.attachments.push(bytes_of(bytes));
        Ok(self.attachments.len() >= self.expected as usize)
    }

    pub(crate) fn finish(self) -> (Option<Socket>, Whole) {
        let whole = match self.head {
            Head::Event { mut message, id } => {
                message.attach(self.attachments);
                Whole::Event { message, id }
            }
            Head::Ack { json, id } => Whole::Ack { args: Args::new(json, self.attachments), id },
        };
        (self.to, whole)
    }

    /// About the memory it takes: the text and the attachments so far, and [`PART`] for each.
    pub(crate) fn bytes_held(&self) -> usize {
        let text = match &self.head {
            Head::Event { message, .. } => message.name().len() + message.json().len(),
            Head::Ack { json, .. } => json.len(),
        };
        text + self.bytes + PART * (1 + self.attachments.len())
    }
}

/// Keeps binary: what was decoded already as it is, what lies in a read buffer as a copy.
pub(crate) fn bytes_of(bytes: Cow<'_, [u8]>) -> Bytes {
    match bytes {
        Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
        // Without the room that was made for white space, which no budget counts.
        Cow::Owned(bytes) => bytes.into_boxed_slice().into(),
    }
}
