//! Answers of this process that are sent in parts.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::node::Node;
use super::{AnswerToken, BusError};
use crate::cluster::bus::{Part, Report, is_spent, split};

/// Answers of which parts are still to be sent: these wait while the queue has no room for them.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Bounded by [`MOST`], each by the clients and rooms of this process, and all in time.
    waiting: VecDeque<Rest>,
}

/// What is left of an answer.
#[derive(Debug)]
struct Rest {
    to: AnswerToken,
    report: Report,
    /// Parts that were sent.
    sent: u32,
    since: Instant,
}

/// Answers that wait.
const MOST: usize = 64;

/// Bytes of a part, however much the broker carries: between two of them other messages are sent.
const LONGEST: usize = 1024 * 1024;

/// How many parts the queue has room for, when it is empty.
const SHARE: usize = 4;

/// Bytes around the clients or names of a part, but for the names of the namespace and of the question.
const FRAME: usize = 128;

impl Parts {
    /// Drops the answers that waited for too long, and returns how many.
    pub(super) fn expire(&mut self, now: Instant, age: Duration) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|rest| now.saturating_duration_since(rest.since) < age);
        (before - self.waiting.len()) as u64
    }

    /// Returns when one will have waited for too long.
    pub(super) fn expiry(&self, age: Duration) -> Option<Instant> {
        self.waiting.iter().filter_map(|rest| rest.since.checked_add(age)).min()
    }
}

impl Node {
    /// Sends an answer, in as many parts as it takes.
    pub(super) fn send_in_parts(&mut self, now: Instant, to: AnswerToken, report: Report) {
        if self.parts.waiting.len() >= MOST {
            self.counts.dropped_full += 1;
            return self.note_refusal(now, BusError::Full { limit: self.config.queue });
        }
        self.parts.waiting.push_back(Rest { to, report, sent: 0, since: now });
        self.send_next_parts(now);
    }

    /// Queues the parts for which there is room. What is left of an answer is dropped when a part of it cannot be
    /// sent: whoever asked knows that it is not whole.
    pub(super) fn send_next_parts(&mut self, now: Instant) {
        while let Some(mut rest) = self.parts.waiting.pop_front() {
            let most = self.longest_part();
            if self.outbox.len() > 0 && self.outbox.room() < most {
                self.parts.waiting.push_front(rest);
                return;
            }
            let around = FRAME + rest.to.namespace.len() + rest.to.request.len();
            let bytes = most.saturating_sub(around);
            let report = split(&mut rest.report, bytes, &self.config.limits);
            let part = Part { number: rest.sent, more: !is_spent(&rest.report) };
            rest.sent += 1;
            match self.send_part(now, rest.to.copy(), report, part) {
                Ok(()) if part.more => self.parts.waiting.push_front(rest),
                Ok(()) => {}
                Err(error) => self.note_refusal(now, error),
            }
        }
    }

    /// Bytes of a part, with its channel, at most.
    fn longest_part(&self) -> usize {
        let carried = self.largest.unwrap_or(LONGEST).min(self.config.limits.message);
        LONGEST.min(carried).min(self.config.queue / SHARE)
    }
}
