//! The formats of messages, and what all of them have in common.

use std::borrow::Cow;
use std::fmt;

use super::{
    Answer, Body, EntryId, Invalid, Message, Part, Place, Unsupported, adapter, classic, native,
    python,
};

/// How the processes of a cluster write their messages.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum Format {
    /// JSON as python-socketio 5.14 and later have it, on any of its queues.
    Python,
    /// `@socket.io/redis-adapter` 8 for JavaScript, by `createAdapter`.
    Classic,
    /// `@socket.io/redis-adapter` 8 for JavaScript, by `createShardedAdapter`.
    Sharded,
    /// `@socket.io/redis-streams-adapter` 0.3 for JavaScript.
    Streams,
    /// Our own.
    Native,
}

impl Format {
    /// Returns what the names of channels begin with unless somebody says otherwise: `socketio` in
    /// [`Python`](Self::Python), `sansocket` in [`Native`](Self::Native), `socket.io` in the others.
    #[must_use]
    pub fn usual_prefix(self) -> &'static str {
        match self {
            Self::Python => "socketio",
            Self::Classic | Self::Sharded | Self::Streams => "socket.io",
            Self::Native => "sansocket",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Python => "python-socketio",
            Self::Classic => "the Redis adapter",
            Self::Sharded => "the sharded Redis adapter",
            Self::Streams => "the Redis streams adapter",
            Self::Native => "Sansocket",
        })
    }
}

/// Bounds on messages of the bus.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct BusLimits {
    /// Bytes of a message. Default 16 MiB.
    pub message: usize,
    /// Rooms in each list of a message. Default 100 000, for the answers to questions about
    /// all rooms.
    pub names: usize,
    /// Clients in one answer, and in all answers to a question: what fits is told, and a process whose answer does not
    /// fit counts as missing. The same holds for rooms and replies. Default 100 000.
    pub clients: usize,
    /// Attachments of an event, of an acknowledgement, or of what is attached to a client. Default 10, as clients
    /// refuse more.
    pub attachments: u32,
    /// Attachments of a message. Default 100 000, for answers about many clients.
    pub all_attachments: u32,
    /// Bytes of what is kept of a client that was lost. Default 1 MiB.
    pub session: usize,
}

impl Default for BusLimits {
    fn default() -> Self {
        Self {
            message: 16 * 1024 * 1024,
            names: 100_000,
            clients: 100_000,
            attachments: 10,
            all_attachments: 100_000,
            session: 1024 * 1024,
        }
    }
}

/// What a broker carries.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Payload<'p> {
    /// The bytes of a message.
    Bytes(Cow<'p, [u8]>),
    /// An entry of a stream.
    Entry(Entry<'p>),
}

/// An entry of a stream, by the names of its fields.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Entry<'p> {
    /// Where it is in the stream, when it was read from there.
    pub id: Option<EntryId>,
    /// `uid`: the process that added it.
    pub uid: Cow<'p, [u8]>,
    /// `nsp`: the namespace.
    pub nsp: Cow<'p, [u8]>,
    /// `type`: the text of a number.
    pub kind: Cow<'p, [u8]>,
    /// `data`: JSON, or MessagePack in base64.
    pub data: Cow<'p, [u8]>,
}

impl Entry<'_> {
    /// Returns how many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        let Self { id: _, uid, nsp, kind, data } = self;
        uid.len() + nsp.len() + kind.len() + data.len()
    }

    /// Makes a copy that borrows nothing.
    #[must_use]
    pub fn into_owned(self) -> Entry<'static> {
        let Self { id, uid, nsp, kind, data } = self;
        let own = |field: Cow<'_, [u8]>| Cow::Owned(field.into_owned());
        Entry { id, uid: own(uid), nsp: own(nsp), kind: own(kind), data: own(data) }
    }
}

impl<'p> From<&'p [u8]> for Payload<'p> {
    fn from(bytes: &'p [u8]) -> Self {
        Self::Bytes(Cow::Borrowed(bytes))
    }
}

impl From<Vec<u8>> for Payload<'_> {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Cow::Owned(bytes))
    }
}

impl Payload<'_> {
    /// Returns how many bytes it has.
    #[must_use]
    pub fn size(&self) -> usize {
        match self {
            Self::Bytes(bytes) => bytes.len(),
            Self::Entry(entry) => entry.size(),
        }
    }
}

/// Writes and reads messages in one format.
#[derive(Clone, Debug)]
pub struct Codec {
    format: Format,
    limits: BusLimits,
}

impl Codec {
    /// Makes a codec.
    #[must_use]
    pub fn new(format: Format, limits: BusLimits) -> Self {
        Self { format, limits }
    }

    pub(in crate::cluster) fn format(&self) -> Format {
        self.format
    }

    /// Writes a message.
    ///
    /// # Errors
    /// [`Unsupported`] when the format has no words for it.
    pub fn encode(&self, message: &Message) -> Result<Payload<'static>, Unsupported> {
        if let Body::Answer(Answer { part, .. }) = &message.body
            && *part != Part::default()
            && self.format != Format::Native
        {
            return Err(Unsupported { format: self.format, what: "answers in parts" });
        }
        let written = match self.format {
            Format::Python => python::encode(message).map(Payload::from),
            Format::Classic => classic::encode(message).map(Payload::from),
            Format::Sharded => adapter::encode(message).map(Payload::from),
            Format::Streams => adapter::encode_for_streams(message),
            Format::Native => native::encode(message).map(Payload::from),
        };
        written.map_err(|what| Unsupported { format: self.format, what })
    }

    /// Reads a message that came from a channel of this place.
    ///
    /// # Errors
    /// [`Invalid`] says what is wrong with it.
    pub fn decode(&self, place: Place<'_>, payload: &Payload<'_>) -> Result<Message, Invalid> {
        if payload.size() > self.limits.message {
            return Err(Invalid::TooLarge);
        }
        match (self.format, payload) {
            (Format::Python, Payload::Bytes(bytes)) => python::decode(bytes, &self.limits),
            (Format::Classic, Payload::Bytes(bytes)) => classic::decode(place, bytes, &self.limits),
            (Format::Sharded | Format::Streams, Payload::Bytes(bytes)) => {
                adapter::decode(place, bytes, &self.limits)
            }
            (Format::Streams, Payload::Entry(entry)) => adapter::decode_entry(entry, &self.limits),
            (Format::Native, Payload::Bytes(bytes)) => native::decode(bytes, &self.limits),
            (
                Format::Python | Format::Classic | Format::Sharded | Format::Native,
                Payload::Entry(_),
            ) => Err(Invalid::Foreign),
        }
    }
}
