//! How a session ends, and what becomes of the rest.

use super::action::Purpose;
use super::client::Client;
use super::config::Transport;
use super::engine::engine::StreamEnd;
use super::engine::state::State;
use super::event::{Event, Reason};
use super::fault::{Fault, Kind};
use super::spaces::Namespace;
use crate::error::Violation;
use crate::time::Tick;

impl Client {
    /// The session is lost.
    pub(super) fn end(&mut self, now: Tick, reason: Reason, fault: Option<Fault>) {
        let spaces = &mut self.spaces;
        self.engine.reset(&mut self.outputs, |namespace, item| spaces.keep(namespace, item));
        self.spaces.forget_session();
        self.outputs.tell(Event::Closed { reason, fault: fault.clone() });
        self.attempts.rest();
        let retries = self.is_worth_another();
        let fault = fault.unwrap_or_else(|| Fault::transport(reason.as_str()));
        self.spaces.lose(&mut self.outputs, reason, (&fault, retries));
        self.schedule(now, &fault);
    }

    /// All that waited when the client closed was sent, or its time is over.
    pub(super) fn finish(&mut self, now: Tick) {
        let spaces = &mut self.spaces;
        self.engine.reset(&mut self.outputs, |namespace, item| spaces.keep(namespace, item));
        self.spaces.forget_session();
        self.outputs.tell(Event::Closed { reason: Reason::ClientDisconnect, fault: None });
        self.attempts.rest();
        if self.spaces.are_wanted() {
            self.connect(now);
        }
    }

    /// Leaves a namespace; with the last one the session closes.
    pub(super) fn leave(&mut self, now: Tick, namespace: Namespace) {
        let open = self.engine.state.is_open();
        let joined = self.spaces.leave(namespace, Reason::ClientDisconnect, &mut self.outputs);
        if joined && open {
            self.put_disconnect(namespace);
        }
        self.close_if_unwanted(now);
    }

    /// Closes the session, or ends the attempts at one, when no namespace wants it.
    pub(super) fn close_if_unwanted(&mut self, now: Tick) {
        if self.spaces.are_wanted() {
            return;
        }
        match self.engine.state {
            State::Pausing | State::Polling | State::Probing(_) | State::WebSocket => {
                self.engine.close(now.after(self.config.close_timeout), &mut self.outputs);
            }
            State::Opening(_) => {
                self.engine.reset(&mut self.outputs, |_, _| {});
                self.attempts.rest();
            }
            State::None => self.attempts.rest(),
            State::Closing(_) => {}
        }
    }

    /// A stream ended, or could not be opened.
    pub(super) fn on_gone(&mut self, now: Tick, purpose: Purpose, fault: Option<Fault>) {
        let (end, reason) = match fault {
            Some(_) => (StreamEnd::Broken, Reason::TransportError),
            None => (StreamEnd::Closed, Reason::TransportClose),
        };
        let Some(gone) = self.engine.on_gone(purpose, end) else { return };
        let fault = fault.unwrap_or_else(|| Fault::transport(gone.message()));
        if let (State::Opening(_), true) = (self.engine.state, gone.is_unopened()) {
            // No other transport reaches the server either.
            return self.fail(now, fault);
        }
        match purpose {
            Purpose::Poll | Purpose::Post => self.on_polling_failed(now, fault),
            Purpose::WebSocket => self.on_websocket_failed(now, reason, fault),
        }
    }

    /// What came on a stream broke a rule of HTTP or WebSocket.
    pub(super) fn on_broken(&mut self, now: Tick, purpose: Purpose, violation: Violation) {
        let kind = match self.engine.state {
            State::Opening(_) => Kind::Protocol,
            State::Closing(Transport::Polling | Transport::WebSocket)
            | State::None
            | State::Pausing
            | State::Polling
            | State::Probing(_)
            | State::WebSocket => Kind::Transport,
        };
        let fault = Fault::violation(kind, violation);
        match purpose {
            Purpose::Poll | Purpose::Post => self.on_polling_failed(now, fault),
            Purpose::WebSocket => {
                self.on_websocket_failed(now, Reason::TransportError, fault);
            }
        }
    }
}
