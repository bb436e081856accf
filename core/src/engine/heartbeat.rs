//! Heartbeat: the server pings and the client answers (engine.io-protocol v4, "Heartbeat"), or the client
//! pings and the server answers (v3, "Timeouts").

use crate::error::Violation;
use crate::time::Tick;

/// Where one session's heartbeat stands, at the end that pings or at the other. Independent of the transport,
/// so an upgrade carries it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Heartbeat {
    /// The next PING is due then.
    Resting { due: Tick },
    /// A PING is out; without PONG the session ends then.
    Waiting { due: Tick, extended: bool },
    /// The peer pings; without another PING the session ends then.
    Listening { due: Tick },
}

impl Heartbeat {
    /// Starts with a rest: the first PING comes one interval after opening.
    pub(crate) fn start(due: Tick) -> Self {
        Self::Resting { due }
    }

    /// Waits for the PINGs of the peer: a client of revision 3, or a server of revision 4.
    pub(crate) const fn listen(due: Tick) -> Self {
        Self::Listening { due }
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
    pub(crate) fn pong(&mut self, next_ping: impl FnOnce() -> Tick) -> Result<(), Violation> {
        match self {
            Self::Waiting { .. } => *self = Self::start(next_ping()),
            Self::Resting { .. } => {}
            Self::Listening { .. } => return Err(Violation::HeartbeatDirection),
        }
        Ok(())
    }

    /// A PING came.
    pub(crate) fn ping(&mut self, next_due: impl FnOnce() -> Tick) -> Result<(), Violation> {
        match self {
            Self::Listening { due: Tick::NEVER } => {}
            Self::Listening { due } => *due = next_due(),
            Self::Resting { .. } | Self::Waiting { .. } => {
                return Err(Violation::HeartbeatDirection);
            }
        }
        Ok(())
    }

    /// Another packet came: the peer lives, which extends the wait once per PING, as engine.io 6.6.11
    /// does.
    pub(crate) fn other(&mut self, due: impl FnOnce() -> Tick) {
        if let Self::Waiting { extended: false, .. } = self {
            *self = Self::Waiting { due: due(), extended: true };
        }
    }

    /// When something is due, whatever it is.
    pub(crate) fn due(&self) -> Tick {
        match self {
            Self::Listening { due } | Self::Resting { due } | Self::Waiting { due, .. } => *due,
        }
    }

    pub(crate) fn ping_due(&self) -> Tick {
        match self {
            Self::Resting { due } => *due,
            Self::Listening { .. } | Self::Waiting { .. } => Tick::NEVER,
        }
    }

    pub(crate) fn pong_due(&self) -> Tick {
        match self {
            Self::Listening { .. } | Self::Resting { .. } => Tick::NEVER,
            Self::Waiting { due, .. } => *due,
        }
    }

    /// When the peer must have sent its next PING.
    pub(crate) fn silence_due(&self) -> Tick {
        match self {
            Self::Listening { due } => *due,
            Self::Resting { .. } | Self::Waiting { .. } => Tick::NEVER,
        }
    }
}
