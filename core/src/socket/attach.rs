//! Binary reassembly: a packet that waits for its attachments.

use bytes::Bytes;
use std::borrow::Cow;

use super::encoded::PART;
use super::{Args, EventMessage};
use crate::error::Violation;
use crate::limits::Limits;

/// A packet whose attachments are arriving.
#[derive(Debug)]
pub(crate) struct Partial {
    head: Head,
    expected: u32,
    /// Bounded by `limits.attachments` and `limits.attachment_bytes`.
    attachments: Vec<Bytes>,
    bytes: usize,
}

/// Attachments for which there is room from the beginning.
const FEW: usize = 4;

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
    pub(crate) fn event(message: EventMessage, id: Option<u64>, expected: u32) -> Self {
        Self::new(Head::Event { message, id }, expected)
    }

    pub(crate) fn ack(json: &str, id: u64, expected: u32) -> Self {
        Self::new(Head::Ack { json: json.into(), id }, expected)
    }

    fn new(head: Head, expected: u32) -> Self {
        // A peer may announce many and send none.
        let attachments = Vec::with_capacity(FEW.min(expected as usize));
        Self { head, expected, attachments, bytes: 0 }
    }

    /// Adds one attachment, and returns whether it was the last.
    pub(crate) fn add(&mut self, bytes: Bytes, limits: &Limits) -> Result<bool, Violation> {
        if self.bytes + bytes.len() > limits.attachment_bytes {
            return Err(Violation::AttachmentsTooLarge);
        }
        self.bytes += bytes.len();
        self.attachments.push(bytes);
        Ok(self.is_whole())
    }

    /// Whether all attachments have come.
    pub(crate) fn is_whole(&self) -> bool {
        self.attachments.len() >= self.expected as usize
    }

    pub(crate) fn finish(self) -> Whole {
        match self.head {
            Head::Event { mut message, id } => {
                message.attach(self.attachments);
                Whole::Event { message, id }
            }
            Head::Ack { json, id } => Whole::Ack { args: Args::new(json, self.attachments), id },
        }
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

/// Keeps an attachment: as it is when it was decoded before, as a copy when it lies in a read buffer.
pub(crate) fn bytes_of(bytes: Cow<'_, [u8]>) -> Bytes {
    match bytes {
        Cow::Borrowed(bytes) => Bytes::copy_from_slice(bytes),
        // Without the room that was made for white space, which no budget counts.
        Cow::Owned(bytes) => bytes.into_boxed_slice().into(),
    }
}
