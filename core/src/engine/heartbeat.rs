//! Heartbeat (engine.io-protocol v4, "Heartbeat"): the server pings, the client answers.

use crate::time::Tick;

/// Where one session's heartbeat stands. Independent of the transport, so an upgrade carries it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Heartbeat {
    /// The next PING is due then.
    Resting { due: Tick },
    /// A PING is out; without PONG the session ends then.
    Waiting { due: Tick, extended: bool },
}

impl Heartbeat {
    /// Starts with a rest: the first PING comes one interval after opening.
    pub(crate) fn start(due: Tick) -> Self {
        Self::Resting { due }
    }

    /// A PING is sent, which must be answered by then.
    pub(crate) fn pinged(&mut self, due: Tick) {
        *self = Self::Waiting { due, extended: false };
    }

    /// A PING is sent whose PONG may take any time. The next PING still waits for it: else they would
    /// pile up for a client that is gone.
    pub(crate) fn pinged_unmonitored(&mut self) {
        *self = Self::Waiting { due: Tick::NEVER, extended: true };
    }

    /// A PONG came. One without a PING before it changes nothing.
    pub(crate) fn pong(&mut self, next_ping: impl FnOnce() -> Tick) {
        if let Self::Waiting { .. } = self {
            *self = Self::start(next_ping());
        }
    }

    /// Another packet came: the peer lives, which extends the wait once per PING, as engine.io 6.6.11
    /// does.
    pub(crate) fn other(&mut self, due: impl FnOnce() -> Tick) {
        if let Self::Waiting { extended: false, .. } = self {
            *self = Self::Waiting { due: due(), extended: true };
        }
    }

    pub(crate) fn ping_due(&self) -> Tick {
        match self {
            Self::Resting { due } => *due,
            Self::Waiting { .. } => Tick::NEVER,
        }
    }

    pub(crate) fn pong_due(&self) -> Tick {
        match self {
            Self::Resting { .. } => Tick::NEVER,
            Self::Waiting { due, .. } => *due,
        }
    }
}
