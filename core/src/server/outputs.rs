//! The outputs of a shard: events for its application, messages for its peers.

use std::collections::VecDeque;

use crate::cluster::{Body, Destination, Message, Output};
use crate::server::Event;
use crate::slack::Slack as _;

/// Events and messages that wait, each in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    events: VecDeque<Event>,
    messages: VecDeque<Output>,
}

/// Events, or messages to peers, for which room is kept.
const KEEP: usize = 1024;

impl Outputs {
    /// Queues an event for the application.
    #[inline(always)]
    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    /// Queues a message for peers.
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
