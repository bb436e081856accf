//! When the client connects, and connects again.

use super::client::Client;
use super::engine::state::State;
use super::event::Event;
use super::fault::{Fault, Kind};
use crate::time::Tick;

/// The attempts to connect.
#[derive(Debug)]
pub(super) struct Attempts {
    phase: Phase,
    /// The number of the attempt that is made or waited for; 0 is the first connection.
    n: u32,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Phase {
    /// Nothing is tried: it is not wanted, was given up, or is done.
    Idle,
    /// The application makes the settings, until then.
    Settling { due: Tick },
    /// The engine opens a session.
    Opening,
    /// A session is open.
    Open,
    /// The next attempt begins then.
    Waiting { due: Tick },
}

impl Attempts {
    pub(super) fn new() -> Self {
        Self { phase: Phase::Idle, n: 0 }
    }

    pub(super) fn is_idle(&self) -> bool {
        self.phase == Phase::Idle
    }

    pub(super) fn due(&self) -> Tick {
        match self.phase {
            Phase::Settling { due } | Phase::Waiting { due } => due,
            Phase::Idle | Phase::Open | Phase::Opening => Tick::NEVER,
        }
    }

    /// Forgets what was tried.
    pub(super) fn rest(&mut self) {
        *self = Self::new();
    }
}

impl Client {
    /// Connects now, if that is not done and not tried.
    pub(super) fn connect(&mut self, now: Tick) {
        if self.engine.state != State::None {
            return;
        }
        match self.attempts.phase {
            Phase::Idle | Phase::Waiting { .. } => self.attempt(now),
            Phase::Open | Phase::Opening | Phase::Settling { .. } => {}
        }
    }

    /// Begins the attempt whose time has come.
    fn attempt(&mut self, now: Tick) {
        let n = self.attempts.n;
        if n > 0 {
            self.outputs.tell(Event::Attempt { n });
        }
        let due = now.after(self.config.timeout);
        if self.config.ask_settings {
            self.attempts.phase = Phase::Settling { due };
            self.outputs.tell(Event::NeedsSettings);
        } else {
            self.attempts.phase = Phase::Settling { due };
            self.begin(now);
        }
    }

    /// Opens a session with the settings as they are now.
    pub(super) fn begin(&mut self, now: Tick) {
        let Phase::Settling { due } = self.attempts.phase else { return };
        self.attempts.phase = Phase::Opening;
        if !self.engine.open(&self.config, due) {
            self.fail(now, Fault::new(Kind::Transport, "the settings name no transport"));
        }
    }

    /// The session is open.
    pub(super) fn on_opened(&mut self, now: Tick) {
        let n = self.attempts.n;
        self.attempts = Attempts { phase: Phase::Open, n: 0 };
        self.outputs.tell(Event::Opened);
        if n > 0 {
            self.outputs.tell(Event::Reconnected { n });
        }
        for namespace in self.spaces.keys() {
            self.knock(now, namespace);
        }
    }

    /// The attempt failed.
    pub(super) fn fail(&mut self, now: Tick, fault: Fault) {
        self.engine.remembered = false;
        self.engine.reset(&mut self.outputs, |_, _| {});
        let n = self.attempts.n;
        let retries = self.is_worth_another();
        self.spaces.tell_failure(&mut self.outputs, &fault, retries);
        if n > 0 {
            self.outputs.tell(Event::AttemptFailed { n, fault: fault.clone() });
        }
        self.schedule(now, &fault);
    }

    /// Waits for the next attempt, if there is to be one.
    pub(super) fn schedule(&mut self, now: Tick, fault: &Fault) {
        let n = self.attempts.n;
        match self.config.reconnect {
            Some(backoff) if self.spaces.are_wanted() && !backoff.is_exhausted(n) => {
                let [a, b, c, d, e, f, g, h] = self.seeds.draw();
                let size = u32::from_le_bytes([a, b, c, d]);
                let sign = u32::from_le_bytes([e, f, g, h]);
                let wait = backoff.wait(n, size, sign).max(fault.retry_after());
                let phase = Phase::Waiting { due: now.after(wait) };
                self.attempts = Attempts { phase, n: n.saturating_add(1) };
            }
            Some(_) | None => {
                self.attempts.rest();
                if n > 0 && self.spaces.are_wanted() {
                    self.outputs.tell(Event::GaveUp);
                }
            }
        }
    }

    /// Whether another attempt follows when this one fails.
    pub(super) fn is_worth_another(&self) -> bool {
        self.config.reconnect.is_some_and(|backoff| !backoff.is_exhausted(self.attempts.n))
    }

    /// The time of the attempts has come.
    pub(super) fn on_attempt_due(&mut self, now: Tick) {
        match self.attempts.phase {
            Phase::Waiting { .. } => self.attempt(now),
            Phase::Settling { .. } => self.fail(now, Fault::timeout("timeout")),
            Phase::Idle | Phase::Open | Phase::Opening => {}
        }
    }

    /// The network is another one.
    pub(super) fn on_network_change(&mut self, now: Tick) {
        match self.attempts.phase {
            Phase::Open => {
                let fault = Fault::transport("the network changed");
                self.end(now, super::Reason::TransportClose, Some(fault));
            }
            Phase::Opening => self.fail(now, Fault::transport("the network changed")),
            Phase::Idle | Phase::Settling { .. } | Phase::Waiting { .. } => {}
        }
        if let Phase::Waiting { .. } = self.attempts.phase {
            self.attempt(now);
        }
    }

    /// New settings may forbid the attempt that is waited for.
    pub(super) fn stop_waiting(&mut self) {
        if let Phase::Waiting { .. } = self.attempts.phase
            && self.config.reconnect.is_none()
        {
            self.attempts.rest();
        }
    }
}
