//! Lines of a log, target `sansocket::bus`, when the feature `tracing` is on.

use std::sync::Mutex;
use std::time::{Duration, Instant};

pub(crate) use through::{info, warn};

/// One line a minute of the process, however much is refused.
pub(crate) fn refused(why: &str) {
    if LAST.lock().is_ok_and(|mut last| is_due(&mut last, Instant::now())) {
        warn(&format!("the broker refused a message: {why}"));
    }
}

fn is_due(last: &mut Option<Instant>, now: Instant) -> bool {
    let is_due = last.is_none_or(|last| now.saturating_duration_since(last) >= QUIET);
    if is_due {
        *last = Some(now);
    }
    is_due
}

const QUIET: Duration = Duration::from_secs(60);

static LAST: Mutex<Option<Instant>> = Mutex::new(None);

#[cfg(feature = "tracing")]
mod through {
    pub(crate) fn info(what: &str) {
        tracing::info!(target: "sansocket::bus", "{what}");
    }

    pub(crate) fn warn(what: &str) {
        tracing::warn!(target: "sansocket::bus", "{what}");
    }
}

#[cfg(not(feature = "tracing"))]
mod through {
    pub(crate) fn info(_: &str) {}

    pub(crate) fn warn(_: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_logged_once_a_minute() {
        let (mut last, now) = (None, Instant::now());
        assert!(is_due(&mut last, now));
        assert!(!is_due(&mut last, now + QUIET / 2));
        assert!(is_due(&mut last, now + QUIET));
        assert!(!is_due(&mut last, now + QUIET));
    }
}
