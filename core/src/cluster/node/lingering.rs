//! Namespaces and rooms that the last client left, where it may come back to what others sent meanwhile.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::node::Node;
use crate::config::Recovery;
use crate::slack::Slack as _;

/// What is listened to for a while without clients: as long as one that was lost may come back.
#[derive(Debug)]
pub(super) struct Lingering {
    time: Duration,
    most: usize,
    /// Oldest first. Bounded by [`Recovery::packets`].
    left: VecDeque<Left>,
}

#[derive(Debug)]
struct Left {
    due: Instant,
    namespace: Box<str>,
    room: Option<Box<str>>,
}

impl Lingering {
    pub(super) fn new(recovery: &Recovery) -> Self {
        let time = recovery.max_disconnection_duration;
        Self { time, most: recovery.packets, left: VecDeque::new() }
    }

    fn push(&mut self, now: Instant, namespace: &str, room: Option<&str>) {
        let due = now.checked_add(self.time).unwrap_or(now);
        self.left.push_back(Left { due, namespace: namespace.into(), room: room.map(Box::from) });
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.left.front().map(|left| left.due)
    }

    /// The oldest, if its time is over or there are too many.
    fn pop(&mut self, now: Instant) -> Option<Left> {
        if self.left.len() <= self.most && self.deadline()? > now {
            return None;
        }
        let oldest = self.left.pop_front();
        self.left.tighten();
        oldest
    }
}

impl Node {
    /// A shard has no clients in a namespace, or in a room of it, any more.
    pub(super) fn on_deserted(&mut self, now: Instant, namespace: &str, room: Option<&str>) {
        match &mut self.lingering {
            Some(lingering) => {
                lingering.push(now, namespace, room);
                self.expire_lingering(now);
            }
            None => self.desert(now, namespace, room),
        }
    }

    pub(super) fn expire_lingering(&mut self, now: Instant) {
        while let Some(left) = self.lingering.as_mut().and_then(|lingering| lingering.pop(now)) {
            self.desert(now, &left.namespace, left.room.as_deref());
        }
    }
}
