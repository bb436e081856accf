//! What the host of a client has to do.

use std::sync::Arc;

use super::endpoint::Endpoint;
use crate::link::Link;

/// What the host of a client has to do next.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Action {
    /// Close a stream: write what its connection still holds, for a second at most, then drop it. The
    /// client knows the link no more.
    Close(Link),
    /// Open a stream. Report it with [`Client::handle_opened`](super::Client::handle_opened) or
    /// [`Client::handle_failed`](super::Client::handle_failed); unless it is closed before.
    Open {
        /// What the stream is called.
        link: Link,
        /// Where it leads.
        endpoint: Arc<Endpoint>,
        /// What it is for.
        purpose: Purpose,
    },
    /// Something can be pulled from under this link. Each is returned once until something is pulled.
    Transmit(Link),
}

/// What a stream is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Purpose {
    /// GETs, one after the other.
    Poll,
    /// POSTs, one after the other.
    Post,
    /// A WebSocket.
    WebSocket,
}

impl Purpose {
    pub(super) const ALL: [Self; 3] = [Self::Poll, Self::Post, Self::WebSocket];

    /// The slot of the links that serve it.
    pub(super) fn slot(self) -> u32 {
        match self {
            Self::Poll => 0,
            Self::Post => 1,
            Self::WebSocket => 2,
        }
    }
}
