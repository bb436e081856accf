//! The connection with a broker.

use std::time::{Duration, Instant};

use crate::rng::Rng;

/// The connection with a broker.
#[derive(Debug)]
pub(super) enum Line {
    /// There is none, after so many attempts that failed in a row.
    Down { failures: u32 },
    /// The broker does not answer, and the driver is to be told so.
    Hung,
    /// The driver knows that the broker does not answer.
    GivenUp,
    /// The broker is connected.
    Up(Up),
}

/// What is known of a broker that is connected.
#[derive(Debug)]
pub(super) struct Up {
    /// Bytes that a message may have.
    pub(super) largest: Option<usize>,
    /// When the broker gave the last sign of life.
    pub(super) heard: Instant,
    /// When it was asked for one.
    pub(super) pinged: Option<Instant>,
}

/// How long a broker may be silent before it is asked for a sign of life.
const IDLE: Duration = Duration::from_secs(5);

/// How long an answer of the broker may take.
const PATIENCE: Duration = Duration::from_secs(5);

const FIRST_WAIT: Duration = Duration::from_millis(100);
const LONGEST_WAIT: Duration = Duration::from_secs(5);

impl Up {
    /// When the broker counts as hung: `oldest` is when it was given what it has not confirmed.
    pub(super) fn hung_at(&self, oldest: Option<Instant>) -> Option<Instant> {
        let asked = [oldest, self.pinged].into_iter().flatten().min()?;
        Some(asked.max(self.heard) + PATIENCE)
    }

    /// When the broker is to be pinged, if it is not asked for anything already.
    pub(super) fn ping_at(&self, oldest: Option<Instant>) -> Option<Instant> {
        let is_asked = oldest.is_some() || self.pinged.is_some();
        (!is_asked).then(|| self.heard + IDLE)
    }
}

/// The pause after so many failures in a row: up to a quarter shorter by chance.
pub(super) fn pause(failures: u32, rng: &mut Rng) -> Duration {
    let wait = FIRST_WAIT.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_WAIT);
    wait - wait / 4 * u32::from(rng.bytes::<1>()[0]) / 255
}
