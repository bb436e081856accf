//! The connection with the broker.

use std::time::{Duration, Instant};

use super::NodeStatus;

/// The connection with the broker, as its driver tells of it.
#[derive(Debug)]
pub(super) struct Line {
    state: State,
    /// Attempts that failed, and connections that did not last, since one was of use.
    failures: u32,
    /// When a loss was last told of, unless a connection was of use since.
    told: Option<Instant>,
    /// What a log was told last.
    last: Last,
    /// How often a connection was lost.
    pub(super) losses: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Down,
    Up {
        since: Instant,
        stage: Stage,
        /// When the broker gave its last sign of life, by an answer and not by a message of others: these may come
        /// on another stream than what is published leaves on.
        heard: Instant,
        sign: Sign,
    },
}

/// How far a connection is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    /// Subscriptions are not confirmed.
    Subscribing,
    /// Messages are published, since then. Some subscriptions take too long.
    Late(Instant),
    /// Messages are published, since then, and subscriptions are confirmed.
    Ready(Instant),
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Last {
    Connected,
    Lost,
}

/// What begins.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Begins {
    /// Messages are published from now on.
    pub(super) publishing: bool,
    /// A log is told that the broker is connected.
    pub(super) news: bool,
}

/// Signs of life.
#[derive(Clone, Copy, Debug)]
enum Sign {
    /// None is asked for.
    Resting,
    /// One is to be asked for, since then.
    Wanted(Instant),
    /// One was asked for, since then.
    Asked(Instant),
    /// None came in time.
    Overdue,
    /// The driver was told to give the connection up.
    GivenUp,
}

/// How long subscriptions may take before messages are published all the same.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

/// How long a broker may be silent before it is asked for a sign of life, and then before it counts as gone.
const SILENCE: Duration = Duration::from_secs(5);

/// The first pause between two attempts to connect, and the longest.
const PAUSES: [Duration; 2] = [Duration::from_millis(100), Duration::from_secs(5)];

/// How often a log is told of a broker that cannot be reached.
const MINUTE: Duration = Duration::from_secs(60);

impl Line {
    pub(super) fn new() -> Self {
        Self { state: State::Down, failures: 0, told: None, last: Last::Lost, losses: 0 }
    }

    pub(super) fn connect(&mut self, now: Instant) {
        self.state =
            State::Up { since: now, stage: Stage::Subscribing, heard: now, sign: Sign::Resting };
    }

    /// The connection was lost, or not made. Returns the pause before the next attempt, for which `chance` is any
    /// number, and what a log is told.
    pub(super) fn lose(
        &mut self,
        now: Instant,
        why: &str,
        chance: u16,
    ) -> (Duration, Option<NodeStatus>) {
        if self.is_up() {
            self.losses += 1;
        }
        let [first, longest] = PAUSES;
        // One that ends at once is of no use: what is published may be what ends it.
        if self.published().is_some_and(|since| now.saturating_duration_since(since) >= longest) {
            self.failures = 0;
            self.told = None;
        }
        self.state = State::Down;
        let pause = first.saturating_mul(1 << self.failures.min(8)).min(longest);
        self.failures = self.failures.saturating_add(1);
        // Between three and five quarters, so that many processes do not come back at once.
        let pause = pause * 3 / 4 + (pause / 2) * u32::from(chance) / u32::from(u16::MAX);
        let is_news = self.told.is_none_or(|told| now.saturating_duration_since(told) >= MINUTE);
        let status = is_news.then(|| NodeStatus::Lost { why: why.into() });
        if is_news {
            self.told = Some(now);
            self.last = Last::Lost;
        }
        (pause, status)
    }

    /// The subscriptions may be confirmed, or their time may be up.
    pub(super) fn settle(&mut self, now: Instant, is_settled: bool) -> Begins {
        let nothing = Begins { publishing: false, news: false };
        let State::Up { since, stage, .. } = &mut self.state else { return nothing };
        let is_late = now.saturating_duration_since(*since) >= SETTLE;
        let (next, publishing) = match *stage {
            Stage::Subscribing if is_settled => (Stage::Ready(now), true),
            Stage::Subscribing if is_late => (Stage::Late(now), true),
            Stage::Late(since) if is_settled => (Stage::Ready(since), false),
            Stage::Subscribing | Stage::Late(_) | Stage::Ready(_) => return nothing,
        };
        *stage = next;
        let is_connected = matches!(next, Stage::Ready(_));
        let news = is_connected && std::mem::replace(&mut self.last, Last::Connected) == Last::Lost;
        Begins { publishing, news }
    }

    /// The broker answered something.
    pub(super) fn hear(&mut self, now: Instant) {
        if let State::Up { heard, sign, .. } = &mut self.state {
            *heard = now;
            if let Sign::Wanted(_) | Sign::Asked(_) | Sign::Overdue = sign {
                *sign = Sign::Resting;
            }
        }
    }

    pub(super) fn is_up(&self) -> bool {
        matches!(self.state, State::Up { .. })
    }

    /// Whether messages are published.
    pub(super) fn is_ready(&self) -> bool {
        self.published().is_some()
    }

    /// Whether subscriptions are confirmed, too.
    pub(super) fn is_connected(&self) -> bool {
        matches!(self.state, State::Up { stage: Stage::Ready(_), .. })
    }

    /// Since when messages are published.
    fn published(&self) -> Option<Instant> {
        match self.state {
            State::Down | State::Up { stage: Stage::Subscribing, .. } => None,
            State::Up { stage: Stage::Late(since) | Stage::Ready(since), .. } => Some(since),
        }
    }

    /// Whether a sign of life is to be asked for now.
    pub(super) fn take_ping(&mut self) -> bool {
        let State::Up { sign, .. } = &mut self.state else { return false };
        let Sign::Wanted(since) = *sign else { return false };
        *sign = Sign::Asked(since);
        true
    }

    /// Whether the connection is to be given up now.
    pub(super) fn take_end(&mut self) -> bool {
        let State::Up { sign, .. } = &mut self.state else { return false };
        let is_over = matches!(sign, Sign::Overdue);
        if is_over {
            *sign = Sign::GivenUp;
        }
        is_over
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        let State::Up { since, stage, heard, sign } = self.state else { return None };
        let sign = match sign {
            Sign::Resting => Some(heard + SILENCE),
            Sign::Wanted(since) | Sign::Asked(since) => Some(since + SILENCE),
            Sign::Overdue | Sign::GivenUp => None,
        };
        let settle = (stage == Stage::Subscribing).then(|| since + SETTLE);
        sign.into_iter().chain(settle).min()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        let State::Up { heard, sign, .. } = &mut self.state else { return };
        match *sign {
            Sign::Resting if *heard + SILENCE <= now => *sign = Sign::Wanted(now),
            Sign::Wanted(since) | Sign::Asked(since) if since + SILENCE <= now => {
                *sign = Sign::Overdue;
            }
            Sign::Resting | Sign::Wanted(_) | Sign::Asked(_) | Sign::Overdue | Sign::GivenUp => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn k02_pauses_grow_from_a_tenth_of_a_second_to_five_seconds() {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let now = Instant::now();
        let mut line = Line::new();
        let pauses: Vec<_> = (0..8).map(|_| line.lose(now, "refused", u16::MAX / 2).0).collect();
        let near = |n: usize, millis: u128| pauses[n].as_millis().abs_diff(millis) <= 1;
        assert!(near(0, 100) && near(1, 200) && near(5, 3200), "{pauses:?}");
        assert!(near(6, 5000) && near(7, 5000), "{pauses:?}");
        line.connect(now);
        assert!(line.settle(now, true).publishing);
        let later = now + Duration::from_secs(5);
        assert!(line.lose(later, "reset", 0).0 == Duration::from_millis(75));
        assert!(line.lose(later, "reset", u16::MAX).0 == Duration::from_millis(250));
    }

    #[test]
    fn k02_pauses_grow_when_connections_end_as_soon_as_they_are_used() {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let mut now = Instant::now();
        let mut line = Line::new();
        let (mut pauses, mut told) = (Vec::new(), Vec::new());
        for _ in 0..8 {
            line.connect(now);
            if line.settle(now, true).news {
                told.push("connected");
            }
            now += Duration::from_millis(100);
            let (pause, status) = line.lose(now, "forbidden", u16::MAX / 2);
            pauses.push(pause);
            told.extend(status.map(|_| "lost"));
        }
        assert!(pauses.is_sorted() && pauses[7] > Duration::from_secs(4), "{pauses:?}");
        assert_eq!(told, ["connected", "lost", "connected"]);
        line.connect(now);
        assert!(!line.settle(now, true).news);
        now += Duration::from_secs(5);
        let (pause, status) = line.lose(now, "reset", u16::MAX / 2);
        assert!(pause < Duration::from_millis(126) && status.is_some(), "it was of use");
    }

    #[test]
    fn k03_a_connection_is_told_of_when_subscriptions_are_confirmed() {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let now = Instant::now();
        let mut line = Line::new();
        let begins = |publishing, news| Begins { publishing, news };
        line.connect(now);
        assert_eq!(line.settle(now, false), begins(false, false));
        assert_eq!(line.settle(now + SETTLE, false), begins(true, false));
        assert!(line.is_ready() && !line.is_connected());
        assert_eq!(line.settle(now + 2 * SETTLE, false), begins(false, false));
        assert_eq!(line.settle(now + 3 * SETTLE, true), begins(false, true));
        assert!(line.is_ready() && line.is_connected());
        assert_eq!(line.settle(now + 3 * SETTLE, true), begins(false, false));
    }

    #[test]
    fn k02_a_loss_is_told_once_and_then_once_a_minute() {
        #[expect(clippy::disallowed_methods, reason = "tests need one real instant to start from")]
        let now = Instant::now();
        let mut line = Line::new();
        let told = |line: &mut Line, seconds| {
            line.lose(now + Duration::from_secs(seconds), "refused", 0).1.is_some()
        };
        let all: Vec<_> = [0, 1, 59, 60, 61, 120].map(|at| told(&mut line, at)).into();
        assert_eq!(all, [true, false, false, true, false, true]);
    }
}
