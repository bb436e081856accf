//! Messages of the bus that cannot be read, and those that cannot be written.

use super::Format;
use crate::error::Violation;

/// A message on the bus is none, or breaks a limit: skip it, and count it.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Invalid {
    /// Placeholders and attachments do not match.
    #[error("attachments and placeholders do not match")]
    Attachments,
    /// It is about another namespace than its channel, or lies on a channel where it has no place.
    #[error("the message does not belong on its channel")]
    Foreign,
    /// It is not what its format says: neither JSON nor MessagePack.
    #[error("the message is malformed")]
    Malformed,
    /// A field is not there.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field has a value of another type, or out of range.
    #[error("the field {0} has a value of the wrong type")]
    Mistyped(&'static str),
    /// An event has a name that Socket.IO keeps for itself.
    #[error("reserved event name")]
    ReservedEvent,
    /// It is nested deeper than 128 levels.
    #[error("the message is nested deeper than 128 levels")]
    TooDeep,
    /// It is larger than [`BusLimits::message`](super::BusLimits::message).
    #[error("the message is too large")]
    TooLarge,
    /// It has more of something than [`BusLimits`](super::BusLimits) allows.
    #[error("the message has too many {0}")]
    TooMany(&'static str),
    /// Its type is unknown.
    #[error("the type of the message is unknown")]
    UnknownKind,
    /// It is of another version of our own format.
    #[error("the message is of version {0} of the format, and this process knows version 1 alone")]
    Version(u8),
}

impl From<Violation> for Invalid {
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "the rest is about other things than values"
    )]
    fn from(violation: Violation) -> Self {
        match violation {
            Violation::IllegalAttachments => Self::Attachments,
            Violation::ReservedEvent => Self::ReservedEvent,
            Violation::TooDeep => Self::TooDeep,
            Violation::TooManyAttachments => Self::TooMany("attachments"),
            _ => Self::Malformed,
        }
    }
}

/// The format has no words for a message.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("a cluster with messages in the format of {format} has no {what}")]
pub struct Unsupported {
    /// The format.
    pub format: Format,
    /// What it lacks, in the plural.
    pub what: &'static str,
}
