//! What both ends of a session agreed on when it was opened, and when its WebSocket was.

use std::num::NonZeroU8;

/// The terms of a session. They choose the bytes that its packets become, and how its payloads are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Terms {
    pub(crate) revision: Revision,
    /// The window in which messages are compressed for the WebSocket, each on its own. None when they go as they
    /// are, and when each refers to those before: then the connection compresses them.
    pub(crate) window: Option<NonZeroU8>,
}

impl Terms {
    /// Those of nearly all sessions: packets go as they are encoded.
    pub(crate) const COMMON: Self = Self { revision: Revision::V4, window: None };

    /// Those before its WebSocket is open.
    pub(crate) const fn of(revision: Revision) -> Self {
        Self { revision, window: None }
    }
}

/// A revision of Engine.IO.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Revision {
    /// engine.io-protocol v3, which goes with Socket.IO 2.
    V3(Binary),
    /// engine.io-protocol v4.
    V4,
}

/// The form of binary messages in a session of revision 3: the client's choice.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Binary {
    /// Base64 behind `b4`, on both transports: the handshake said `b64=1`, or polls by JSONP.
    Base64,
    /// Bytes behind the byte 4. A polling payload is framed in bytes when a packet of it is binary.
    Bytes,
    /// The same, but all polling payloads are framed in bytes: the client frames its own texts so. Those in
    /// Python do, and count characters in a payload of text, not UTF-16 code units.
    Framed,
}

impl Revision {
    /// Reads the parameter `EIO` of a request.
    pub(crate) fn parse(text: &str, binary: Binary) -> Option<Self> {
        match text {
            "3" => Some(Self::V3(binary)),
            "4" => Some(Self::V4),
            _ => None,
        }
    }

    /// The number of the revision, as `EIO` tells it.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::V3(_) => 3,
            Self::V4 => 4,
        }
    }
}
