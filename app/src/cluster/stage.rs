//! How the end of a process reaches its bus.

use std::time::{Duration, Instant};

/// How far the end of a process has come.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    /// It serves.
    Serving,
    /// It was told to stop. Handlers of disconnects may still emit.
    Stopping {
        /// When it tells the others that it leaves.
        leave: Instant,
        /// When it waits no longer for the broker.
        end: Instant,
    },
    /// It told the others that it leaves, and waits until the broker has that.
    Leaving {
        /// When it waits no longer.
        end: Instant,
    },
    /// Nothing is published any more.
    Closed,
}

/// How long handlers of disconnects may emit before the process leaves its cluster.
const GOODBYE: Duration = Duration::from_millis(100);

/// How long the end of a process waits for the broker, at most.
const PATIENCE: Duration = Duration::from_secs(2);

impl Stage {
    /// The stage of a process that is to end within `grace`.
    pub(super) fn stopping(now: Instant, grace: Duration) -> Self {
        let grace = grace.min(PATIENCE);
        Self::Stopping { leave: now + GOODBYE.min(grace / 2), end: now + grace }
    }

    /// When the next stage begins by itself.
    pub(super) fn due(self) -> Option<Instant> {
        match self {
            Self::Stopping { leave, .. } => Some(leave),
            Self::Leaving { end } => Some(end),
            Self::Serving | Self::Closed => None,
        }
    }
}
