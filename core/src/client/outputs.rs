//! The outputs of a client: events for its application, actions for its host.

use std::collections::VecDeque;

use super::action::Action;
use super::event::Event;
use crate::slack::{pop_sparing, push_sparing};

/// Events and actions that wait, each in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    events: VecDeque<Event>,
    actions: VecDeque<Action>,
}

impl Outputs {
    pub(super) fn tell(&mut self, event: Event) {
        push_sparing(&mut self.events, event);
    }

    pub(super) fn act(&mut self, action: Action) {
        push_sparing(&mut self.actions, action);
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        pop_sparing(&mut self.events)
    }

    pub(super) fn next_action(&mut self) -> Option<Action> {
        pop_sparing(&mut self.actions)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.actions.is_empty()
    }
}
