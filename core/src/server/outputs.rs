//! What a shard has to say: events for its application, messages for other shards.

use std::collections::VecDeque;

use crate::cluster::{Body, Destination, Message, Output};
use crate::server::Event;
use crate::slack::Slack as _;

/// The queues of what a shard has to say, in the order in which it happened.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    events: VecDeque<Event>,
    messages: VecDeque<Output>,
}

/// Events, or messages to other shards, for which room is kept.
const KEEP: usize = 1024;

impl Outputs {
    /// Queues an event for the application.
    #[inline(always)]
    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Queues a message for other shards.
    pub(super) fn post(&mut self, to: Destination, body: Body) {
        self.messages.push_back(Output { to, message: Message(body) });
    }

    #[inline]
    pub(super) fn next_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    #[inline]
    pub(super) fn next_message(&mut self) -> Option<Output> {
        self.messages.pop_front()
    }

    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.messages.is_empty()
    }

    /// Gives back the room that a burst took.
    pub(super) fn tighten(&mut self) {
        if self.events.capacity().max(self.messages.capacity()) > KEEP {
            self.events.tighten();
            self.messages.tighten();
        }
    }
}
