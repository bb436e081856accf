//! Messages that wait for a broker.

use std::collections::VecDeque;
use std::time::Instant;

use crate::cluster::bus::Payload;

/// Messages that wait for a broker, bounded in bytes and age.
#[derive(Debug)]
pub(super) struct Outbox {
    waiting: VecDeque<Letter>,
    bytes: usize,
    /// Bytes that may wait.
    limit: usize,
}

/// A message and its channel.
#[derive(Debug)]
pub(super) struct Letter {
    pub(super) channel: String,
    pub(super) payload: Payload<'static>,
    pub(super) is_volatile: bool,
    /// Whether all servers subscribe to the channel: that of a room is for those with clients in it.
    pub(super) is_for_all: bool,
    /// When it is dropped.
    pub(super) until: Instant,
}

impl Letter {
    fn weight(&self) -> usize {
        self.channel.len() + self.payload.size() + size_of::<Self>()
    }
}

impl Outbox {
    pub(super) fn new(limit: usize) -> Self {
        Self { waiting: VecDeque::new(), bytes: 0, limit }
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Takes a letter, and returns how many volatile ones were dropped to make room; `None` when there is none.
    pub(super) fn push(&mut self, letter: Letter) -> Option<u64> {
        let mut dropped = 0;
        if self.bytes + letter.weight() > self.limit && !letter.is_volatile {
            dropped = self.drop_volatile();
        }
        if self.bytes + letter.weight() > self.limit {
            return None;
        }
        self.bytes += letter.weight();
        self.waiting.push_back(letter);
        Some(dropped)
    }

    pub(super) fn pop(&mut self) -> Option<Letter> {
        let letter = self.waiting.pop_front()?;
        self.bytes -= letter.weight();
        Some(letter)
    }

    /// Takes the oldest letter if it has waited for too long.
    pub(super) fn pop_expired(&mut self, now: Instant) -> Option<Letter> {
        self.oldest().filter(|until| *until <= now)?;
        self.pop()
    }

    /// Returns when the oldest letter is dropped.
    pub(super) fn oldest(&self) -> Option<Instant> {
        self.waiting.front().map(|letter| letter.until)
    }

    /// Drops all volatile letters, and returns how many.
    pub(super) fn drop_volatile(&mut self) -> u64 {
        let before = self.waiting.len();
        self.waiting.retain(|letter| !letter.is_volatile);
        self.bytes = self.waiting.iter().map(Letter::weight).sum();
        (before - self.waiting.len()) as u64
    }
}
