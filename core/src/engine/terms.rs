//! What both ends of a session agreed on when it was opened.

/// The terms of a session. They choose the bytes that its packets become, and how its payloads are read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Terms {
    pub(crate) revision: Revision,
}

impl Terms {
    /// Those of nearly all sessions: packets go as they are encoded.
    pub(crate) const COMMON: Self = Self { revision: Revision::V4 };
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
