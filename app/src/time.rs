//! Moments as numbers, which atomics can hold.

use std::time::{Duration, Instant};

/// A moment, in microseconds since the [`Birth`] of a server.
pub(crate) type Micros = u64;

/// A moment that never comes.
pub(crate) const NEVER: Micros = Micros::MAX;

/// The moment from which a server counts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Birth(Instant);

impl Birth {
    pub(crate) fn new(now: Instant) -> Self {
        Self(now)
    }

    /// Counts a moment, never too early.
    pub(crate) fn micros(self, at: Instant) -> Micros {
        let nanos = at.saturating_duration_since(self.0).as_nanos();
        Micros::try_from(nanos.div_ceil(1000)).unwrap_or(NEVER - 1)
    }

    /// Returns the moment of a number, which is not [`NEVER`].
    pub(crate) fn instant(self, micros: Micros) -> Instant {
        self.0 + Duration::from_micros(micros)
    }
}
