//! Other ways to write packets than the text of the protocol.

use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;

use crate::error::Violation;
use crate::limits::Limits;

/// Writes each Socket.IO packet as one Engine.IO message, and reads it.
///
/// Both ends of a connection must have the same parser, since packets do not tell by which they were written.
/// What both see of a packet is the same as in JavaScript: type, namespace, id and data (socket.io-protocol v5,
/// "Packet encoding").
///
/// A message has [`Limits::max_payload`] bytes at most; what a parser makes of it, and how deep it recurses, is
/// its own to bound. What it returns is checked as the text of the protocol is: namespace and id, the shape
/// and depth of the JSON, the number of attachments and their placeholders, and names that are reserved.
pub trait Parser: fmt::Debug + Send + Sync {
    /// Appends a packet to `out`, which is empty, and says which kind of message it becomes.
    ///
    /// Text must be UTF-8. A U+001E in it is replaced, because it separates packets on polling.
    fn encode(&self, packet: &RawPacket<'_>, out: &mut Vec<u8>) -> MessageKind;

    /// Reads a packet from a binary message.
    ///
    /// # Errors
    /// The rule that the peer broke, which ends the session. Without an implementation, all are refused.
    fn decode_binary<'m>(
        &self,
        message: &'m [u8],
        limits: &Limits,
    ) -> Result<RawPacket<'m>, Violation> {
        let _ = (message, limits);
        Err(Violation::InvalidPacket)
    }

    /// Reads a packet from a text message.
    ///
    /// # Errors
    /// As for [`decode_binary`](Self::decode_binary).
    fn decode_text<'m>(
        &self,
        message: &'m str,
        limits: &Limits,
    ) -> Result<RawPacket<'m>, Violation> {
        let _ = (message, limits);
        Err(Violation::InvalidPacket)
    }
}

/// A Socket.IO packet as a [`Parser`] sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RawPacket<'a> {
    /// What it says.
    pub kind: PacketKind,
    /// The namespace, which begins with a slash.
    pub namespace: Cow<'a, str>,
    /// The id of the event that asks for an acknowledgement, or that is acknowledged; at most 2^53 - 1.
    pub id: Option<u64>,
    /// The text of its JSON, empty when there is none: for an event the array of its name and its arguments,
    /// with `{"_placeholder":true,"num":0}` where the first attachment belongs, and so on.
    pub data: Cow<'a, str>,
    /// The attachments in the order of their numbers: of events and acknowledgements only.
    pub attachments: Cow<'a, [Bytes]>,
}

impl<'a> RawPacket<'a> {
    /// Makes a packet without id, data and attachments.
    #[must_use]
    pub fn new(kind: PacketKind, namespace: impl Into<Cow<'a, str>>) -> Self {
        Self {
            kind,
            namespace: namespace.into(),
            id: None,
            data: Cow::Borrowed(""),
            attachments: Cow::Borrowed(&[]),
        }
    }
}

/// What a packet says; that an event or an acknowledgement has attachments is seen by these.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PacketKind {
    /// A client asks to enter the namespace, or the server lets it in. The data is an object, if there is any.
    Connect,
    /// The peer leaves the namespace, or the server puts it out. There is no data.
    Disconnect,
    /// An event. The data is an array that begins with its name.
    Event,
    /// The acknowledgement of an event. The data is an array.
    Ack,
    /// The server keeps the client out of the namespace. The data is an object or a string.
    ConnectError,
}

impl PacketKind {
    const ALL: [Self; 5] =
        [Self::Connect, Self::Disconnect, Self::Event, Self::Ack, Self::ConnectError];

    /// Returns the kind of that number (socket.io-protocol v5, "Packet types").
    #[must_use]
    pub fn from_number(number: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(number).ok()?).copied()
    }

    /// Returns its number, from 0 for CONNECT to 4 for CONNECT_ERROR.
    #[must_use]
    pub fn number(self) -> u8 {
        self as u8
    }
}

/// A kind of Engine.IO message.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum MessageKind {
    /// Bytes; on polling they are sent as base64.
    Binary,
    /// UTF-8.
    Text,
}
