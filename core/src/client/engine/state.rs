//! The states of the transport of a client, and what each of them has to do (engine.io-protocol v4,
//! "Transports" and "Upgrade").
//!
//! ```text
//! None ──► Opening ──OPEN──► Polling ──► Probing ──"3probe"──► Pausing ──"5"──► WebSocket
//!             │                 ▲           │                    │                 ▲
//!             │                 └── refused, closed, too slow ────┘                 │
//!             └──OPEN on a WebSocket───────────────────────────────────────────────┘
//! any ──the client closes──► Closing ──► None
//! ```
//!
//! | state | GETs | POSTs | WebSocket |
//! |---|---|---|---|
//! | `Opening(Polling)` | one | | |
//! | `Opening(WebSocket)` | | | asked for |
//! | `Polling` | one at a time | one at a time | |
//! | `Probing` | one at a time | one at a time | asked for, then `2probe` |
//! | `Pausing` | the last | the last | silent |
//! | `WebSocket` | | | carries all |
//! | `Closing(Polling)` | the last | until all is sent, CLOSE last | |
//! | `Closing(WebSocket)` | | | until all is sent, then a close frame |

use crate::client::action::Purpose;
use crate::client::config::Transport;

/// What carries a session now.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::client) enum State {
    /// There is no session.
    None,
    /// OPEN is awaited.
    Opening(Transport),
    /// Long-polling.
    Polling,
    /// Long-polling while a WebSocket is tried.
    Probing(Probe),
    /// The WebSocket answered; what polling carries is awaited.
    Pausing,
    /// WebSocket.
    WebSocket,
    /// The client closes.
    Closing(Transport),
}

/// How far the WebSocket is that is tried.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::client) enum Probe {
    /// It is asked for.
    Opening,
    /// It is open, and `2probe` is to be sent.
    Due,
    /// `2probe` was sent, and `3probe` is awaited.
    Asked,
}

impl State {
    /// The transport of an open session.
    pub(in crate::client) fn carrier(self) -> Option<Transport> {
        match self {
            Self::Polling | Self::Probing(_) | Self::Pausing => Some(Transport::Polling),
            Self::WebSocket => Some(Transport::WebSocket),
            Self::Closing(_) | Self::None | Self::Opening(_) => None,
        }
    }

    /// Whether a session is open, and not closing.
    pub(in crate::client) fn is_open(self) -> bool {
        self.carrier().is_some()
    }

    /// Whether a stream for this is part of the session; one that is not may end without notice.
    pub(super) fn needs(self, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Poll => match self {
                Self::Opening(Transport::Polling) | Self::Polling | Self::Probing(_) => true,
                Self::Pausing => true,
                Self::Closing(_) | Self::None | Self::Opening(_) | Self::WebSocket => false,
            },
            Purpose::Post => match self {
                Self::Polling | Self::Probing(_) | Self::Pausing => true,
                Self::Closing(Transport::Polling) => true,
                Self::Closing(_) | Self::None | Self::Opening(_) | Self::WebSocket => false,
            },
            Purpose::WebSocket => match self {
                Self::Opening(Transport::WebSocket) | Self::WebSocket => true,
                Self::Closing(Transport::WebSocket) => true,
                Self::Probing(_) | Self::Pausing => true,
                Self::Closing(_) | Self::None | Self::Opening(_) | Self::Polling => false,
            },
        }
    }

    /// Whether the session is over when this stream is, whatever it was doing.
    pub(super) fn ends_with(self, purpose: Purpose) -> bool {
        purpose == Purpose::WebSocket && self.needs(purpose)
    }
}
