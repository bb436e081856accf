//! Heartbeat (engine.io-protocol v4, "Heartbeat"): the server pings, the client answers.

use crate::time::{Queue, Tick};

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
    pub(crate) fn start(now: Tick, slot: u32, pings: &mut Queue) -> Self {
        Self::Resting { due: pings.arm(now, slot) }
    }

    /// A PING is sent.
    pub(crate) fn pinged(&mut self, now: Tick, slot: u32, pongs: &mut Queue) {
        *self = Self::Waiting { due: pongs.arm(now, slot), extended: false };
    }

    /// A PING is sent whose PONG may take any time. The next PING still waits for it: else they would
    /// pile up for a client that is gone.
    pub(crate) fn pinged_unmonitored(&mut self) {
        *self = Self::Waiting { due: Tick::NEVER, extended: true };
    }

    /// A PONG came. One that nobody waits for changes nothing.
    pub(crate) fn pong(&mut self, now: Tick, slot: u32, pings: &mut Queue) {
        if let Self::Waiting { .. } = self {
            *self = Self::start(now, slot, pings);
        }
    }

    /// Another packet came: the peer lives, which extends the wait once per PING, as engine.io 6.6.11
    /// does.
    pub(crate) fn other(&mut self, now: Tick, slot: u32, pongs: &mut Queue) {
        if let Self::Waiting { extended: false, .. } = self {
            *self = Self::Waiting { due: pongs.arm(now, slot), extended: true };
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
