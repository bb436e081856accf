//! What the driver does in one namespace.

use examples::driver::{Answer, Function, Report, Times, spelled};
use sansocket::{Args, EventMessage};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

#[derive(Default)]
pub(crate) struct Space {
    pub(crate) name: String,
    pub(crate) auth: Option<Arc<Function>>,
    pub(crate) reports_sent: bool,
    answers: HashMap<String, Answer>,
    handlers: HashMap<String, Vec<Times>>,
}

impl Space {
    pub(crate) fn new(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    pub(crate) fn on(&mut self, event: String, times: Times) {
        self.handlers.entry(event).or_default().push(times);
    }

    pub(crate) fn off(&mut self, event: &str) {
        self.handlers.remove(event);
    }

    pub(crate) fn answer(&mut self, event: String, answer: Answer) {
        self.answers.insert(event, answer);
    }

    /// Reports an event of the server to the catch-all and to the handlers.
    pub(crate) fn report(&mut self, message: &EventMessage, ack: bool) {
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
    pub(crate) fn take_answer(&mut self, event: &str) -> Option<(Args, Duration)> {
        let answer = self.answers.get_mut(event)?;
        if let Some(times) = &mut answer.times {
            *times = times.checked_sub(1)?;
        }
        Some((answer.args.clone(), answer.delay))
    }
}
