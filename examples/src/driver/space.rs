//! What a driver does in one namespace.

use sansocket::{Args, EventMessage};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::auth::Function;
use super::command::{Answer, Times};
use super::json::spelled;
use super::report::Report;

/// What a driver does in one namespace.
#[derive(Debug, Default)]
pub struct Space {
    /// The name.
    pub name: String,
    /// Returns the auth payload.
    pub auth: Option<Arc<Function>>,
    /// Whether events are reported that are handed to the transport.
    pub reports_sent: bool,
    answers: HashMap<String, Answer>,
    handlers: HashMap<String, Vec<Times>>,
}

impl Space {
    /// Makes one that only reports.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// Adds a handler of an event.
    pub fn on(&mut self, event: String, times: Times) {
        self.handlers.entry(event).or_default().push(times);
    }

    /// Removes the handlers of an event.
    pub fn off(&mut self, event: &str) {
        self.handlers.remove(event);
    }

    /// Acknowledges such events from now on.
    pub fn answer(&mut self, event: String, answer: Answer) {
        self.answers.insert(event, answer);
    }

    /// Reports an event of the server to the catch-all and to the handlers.
    pub fn report(&mut self, message: &EventMessage, ack: bool) {
        let (nsp, name) = (&*self.name, message.name());
        Report::Event { nsp, name, args: spelled(message.args()), ack }.print();
        if let Some(handlers) = self.handlers.get_mut(name) {
            for _ in handlers.iter() {
                Report::Handled { nsp, name, args: spelled(message.args()) }.print();
            }
            handlers.retain(|&times| times == Times::Always);
        }
    }

    /// Returns how such an event is acknowledged, and after which time.
    pub fn take_answer(&mut self, event: &str) -> Option<(Args, Duration)> {
        let answer = self.answers.get_mut(event)?;
        if let Some(times) = &mut answer.times {
            *times = times.checked_sub(1)?;
        }
        Some((answer.args.clone(), answer.delay))
    }
}
