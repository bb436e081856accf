//! Messages of other processes, read without the node.

use std::sync::Arc;

use super::echoes::{self, Echo};
use crate::cluster::bus::{
    Body, Codec, Entry, EntryId, Format, Invalid, Lane, Message, Names, Payload,
};
use crate::hash::Seeded;

/// Reads what a broker delivers to a [`Node`](super::Node), without the node: other threads may change that meanwhile.
#[derive(Clone, Debug)]
pub struct Reader {
    pub(super) codec: Codec,
    pub(super) names: Names,
    /// The name of the process.
    pub(super) process: Box<str>,
    /// The open namespaces with a sign in their names that ends a namespace in the channels of JavaScript.
    pub(super) signed: Vec<Signed>,
    /// How entries of the process are known again, where its clients wait for them.
    pub(super) echoes: Option<Seeded>,
}

/// A namespace such as `/a#b`, whose channels look like those of rooms of `/a`.
#[derive(Clone, Debug)]
pub(super) struct Signed {
    pub(super) namespace: Arc<str>,
    pub(super) shorter: Shorter,
}

/// Whether the namespace up to the sign is open, and gets the messages.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shorter {
    Open,
    Closed,
}

/// A message that was read, for [`Node::handle_arrival`](super::Node::handle_arrival).
#[derive(Debug)]
pub struct Arrival {
    pub(super) size: usize,
    /// Where it is in its stream.
    pub(super) id: Option<EntryId>,
    pub(super) content: Result<Message, Unread>,
    pub(super) address: Address,
}

/// Why a message is not acted on.
#[derive(Debug)]
pub(super) enum Unread {
    /// The process wrote it itself.
    Own,
    /// The process added it to the stream itself, and its clients may wait for it.
    Echo(Echo),
    Invalid(Invalid),
}

/// What says which namespace a message is about.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Address {
    /// The channel, to which the process subscribed for that namespace.
    Channel,
    /// The message. It may be about a namespace that the process does not have.
    Message,
}

impl Arrival {
    /// Returns how many bytes the message had.
    #[must_use]
    pub fn size(&self) -> usize {
        self.size
    }
}

impl Reader {
    /// Reads a message that came on a channel, or as an entry of a stream.
    #[must_use]
    pub fn read(&self, channel: &str, payload: &Payload<'_>) -> Arrival {
        let content = match self.codec.is_own(&self.process, payload) {
            true => Err(self.own(payload)),
            false => self.decode(channel, payload).map_err(Unread::Invalid),
        };
        let id = match payload {
            Payload::Entry(entry) => entry.id,
            Payload::Bytes(_) => None,
        };
        Arrival { size: payload.size(), id, content, address: self.address(payload) }
    }

    /// Returns how many bytes a message has, and the name of its channel; none when the format has no words for it.
    #[must_use]
    pub fn measure(&self, namespace: &str, body: Body) -> Option<[usize; 2]> {
        let from = Some(self.process.clone());
        let message = Message { from, namespace: namespace.into(), sequence: Some(1), body };
        let payload = self.codec.encode(&message).ok()?;
        Some([payload.size(), self.names.channel(&message).len()])
    }

    fn own(&self, payload: &Payload<'_>) -> Unread {
        match (&self.echoes, payload) {
            (Some(hasher), Payload::Entry(entry @ Entry { id: Some(id), .. })) => {
                Unread::Echo(Echo { id: *id, hash: echoes::hash(hasher, entry) })
            }
            (Some(_) | None, Payload::Entry(_) | Payload::Bytes(_)) => Unread::Own,
        }
    }

    fn decode(&self, channel: &str, payload: &Payload<'_>) -> Result<Message, Invalid> {
        let namespace = self.namespace_of(channel).ok_or(Invalid::Foreign)?;
        let place = self.names.place(namespace, channel).ok_or(Invalid::Foreign)?;
        let message = self.codec.decode(place, payload)?;
        // A channel of our own is that of a namespace.
        let is_own = self.codec.format() == Format::Native;
        let is_foreign = is_own && place.lane == Lane::Everyone && *message.namespace != *namespace;
        if is_foreign { Err(Invalid::Foreign) } else { Ok(message) }
    }

    /// The namespace of a channel, where it names one.
    fn namespace_of<'a>(&'a self, channel: &'a str) -> Option<&'a str> {
        let rest = channel.strip_prefix(self.names.prefix())?;
        match self.codec.format() {
            Format::Python => Some("/"),
            Format::Native => Some(rest.strip_prefix(":n:").unwrap_or("/")),
            Format::Streams if !rest.starts_with('#') => Some("/"),
            Format::Classic | Format::Sharded | Format::Streams => {
                let is_of = |signed: &&Signed| {
                    signed.shorter == Shorter::Closed
                        && self.names.place(&signed.namespace, channel).is_some()
                };
                match self.signed.iter().find(is_of) {
                    Some(signed) => Some(&signed.namespace),
                    None => rest.split_once('#')?.1.split('#').next(),
                }
            }
        }
    }

    fn address(&self, payload: &Payload<'_>) -> Address {
        match (self.codec.format(), payload) {
            (Format::Classic | Format::Sharded | Format::Streams, Payload::Bytes(_)) => {
                Address::Channel
            }
            (
                Format::Classic
                | Format::Native
                | Format::Python
                | Format::Sharded
                | Format::Streams,
                _,
            ) => Address::Message,
        }
    }
}
