//! The wait before each attempt to reconnect.

use std::time::Duration;

/// How long a client waits before it tries to connect again, as the JavaScript client does.
///
/// Before attempt `n`, counted from 0, it waits `delay * 2^n`, more or less by a random part of
/// [`jitter`](Self::jitter), and [`max`](Self::max) at most.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Backoff {
    /// The wait before the first attempt. Default 1 s; less than a millisecond counts as one.
    pub delay: Duration,
    /// The longest wait. Default 5 s.
    pub max: Duration,
    /// The largest part of a wait that chance adds or takes, above 0 and up to 1; anything else means
    /// none. Default 0.5.
    pub jitter: f64,
    /// How many attempts are made in a row. Default `None`, which is no limit; 0 means the same.
    pub attempts: Option<u32>,
}

impl Default for Backoff {
    fn default() -> Self {
        let (delay, max) = (Duration::from_secs(1), Duration::from_secs(5));
        Self { delay, max, jitter: 0.5, attempts: None }
    }
}

/// Numbers beyond it do not count milliseconds exactly, and no wait is that long.
const MOST: f64 = (1_u64 << 53) as f64;

/// A client never tries again at once: a server that closes each session would keep it busy.
const LEAST: Duration = Duration::from_millis(1);

impl Backoff {
    /// The wait before attempt `n`, which is counted from 0. `size` and `sign` are random.
    pub(super) fn wait(&self, n: u32, size: u32, sign: u32) -> Duration {
        let millis = |time: Duration| time.as_secs_f64() * 1000.0;
        let jitter = if self.jitter > 0.0 && self.jitter <= 1.0 { self.jitter } else { 0.0 };
        let exponent = i32::try_from(n).unwrap_or(i32::MAX).min(64);
        let wait = (millis(self.delay.max(LEAST)) * 2_f64.powi(exponent)).min(MOST);
        let part = f64::from(size) / (f64::from(u32::MAX) + 1.0);
        let deviation = (part * jitter * wait).floor();
        let wait = if sign.is_multiple_of(2) { wait - deviation } else { wait + deviation };
        // The jitter comes before the cap, so at the cap it only shortens.
        let wait = wait.clamp(0.0, millis(self.max).min(MOST));
        Duration::from_secs_f64(wait / 1000.0).max(LEAST)
    }

    /// Whether `made` attempts in a row are all.
    pub(super) fn is_exhausted(&self, made: u32) -> bool {
        self.attempts.is_some_and(|most| most > 0 && made >= most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HALF: u32 = 1 << 31;

    fn millis(backoff: &Backoff, n: u32, size: u32, sign: u32) -> u128 {
        backoff.wait(n, size, sign).as_millis()
    }

    #[test]
    fn c41_waits_are_those_of_the_javascript_client() {
        let backoff = Backoff::default();
        // Math.random() of 0, then of 0.5 with both signs.
        let waits: Vec<_> = (0..5).map(|n| millis(&backoff, n, 0, 0)).collect();
        assert_eq!(waits, [1000, 2000, 4000, 5000, 5000]);
        let waits: Vec<_> = (0..4).map(|n| millis(&backoff, n, HALF, 0)).collect();
        assert_eq!(waits, [750, 1500, 3000, 5000], "8000 less a quarter is above the cap");
        let waits: Vec<_> = (0..4).map(|n| millis(&backoff, n, HALF, 1)).collect();
        assert_eq!(waits, [1250, 2500, 5000, 5000]);
        let flat = Backoff { jitter: 0.0, ..backoff };
        assert_eq!(millis(&flat, 1, u32::MAX, 1), 2000);
        let wrong = Backoff { jitter: 1.5, ..backoff };
        assert_eq!(millis(&wrong, 1, u32::MAX, 1), 2000, "such a factor counts as none");
    }

    #[test]
    fn c41_large_numbers_of_attempts_and_odd_settings_are_survived() {
        let backoff = Backoff::default();
        for n in [63, 64, 1000, u32::MAX] {
            for (size, sign) in [(0, 0), (HALF, 0), (u32::MAX, 0), (u32::MAX, 1)] {
                let wait = backoff.wait(n, size, sign);
                assert!(wait <= backoff.max && wait >= LEAST, "{n} {wait:?}");
            }
        }
        let none = Backoff { delay: Duration::ZERO, max: Duration::ZERO, ..backoff };
        assert_eq!(none.wait(0, 0, 0), LEAST, "there is no hot loop");
        let endless = Backoff { delay: Duration::MAX, max: Duration::MAX, ..backoff };
        assert!(endless.wait(5, HALF, 1) > Duration::from_secs(1 << 30));
        assert!(Backoff { attempts: Some(2), ..backoff }.is_exhausted(2));
        assert!(!Backoff { attempts: Some(0), ..backoff }.is_exhausted(9));
    }
}
