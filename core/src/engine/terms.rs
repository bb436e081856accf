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
    pub(crate) fn of(revision: Revision) -> Self {
        Self { revision, window: None }
    }
}

/// A revision of Engine.IO.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Revision {
    /// engine.io-protocol v3, which goes with Socket.IO 2.
    V3,
    /// engine.io-protocol v4.
    V4,
}

impl Revision {
    /// Reads the parameter `EIO` of a request.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "3" => Some(Self::V3),
            "4" => Some(Self::V4),
            _ => None,
        }
    }
}
