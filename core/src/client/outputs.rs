//! The outputs of a client: events for its application, actions for its host.

use std::collections::VecDeque;

use super::action::Action;
use super::event::Event;
use crate::slack::Slack as _;

/// Events and actions that wait, each in the order in which they happened.
#[derive(Debug, Default)]
pub(super) struct Outputs {
    events: VecDeque<Event>,
    actions: VecDeque<Action>,
}

impl Outputs {
    pub(super) fn tell(&mut self, event: Event) {
        self.events.push_back(event);
    }

    pub(super) fn act(&mut self, action: Action) {
        self.actions.push_back(action);
    }

    pub(super) fn next_event(&mut self) -> Option<Event> {
        let event = self.events.pop_front();
        self.events.tighten();
        event
    }

    pub(super) fn next_action(&mut self) -> Option<Action> {
        let action = self.actions.pop_front();
        self.actions.tighten();
        action
    }

    pub(super) fn is_empty(&self) -> bool {
        self.events.is_empty() && self.actions.is_empty()
    }
}
