//! Answers to requests of a client, refusals and redirects among them.

use std::time::Duration;

use super::channel::{Rejection, Stage};
use super::state::{Probe, State};
use crate::client::Client;
use crate::client::action::Purpose;
use crate::client::config::Transport;
use crate::client::event::Reason;
use crate::client::fault::{Fault, Kind};
use crate::error::Violation;
use crate::http::ResponseHead;
use crate::time::Tick;

impl Client {
    /// The head of an answer.
    pub(in crate::client) fn on_head(
        &mut self,
        now: Tick,
        purpose: Purpose,
        head: &ResponseHead<'_>,
    ) {
        let (config, engine) = (&*self.config, &mut self.engine);
        let trusted = engine.route.as_ref().is_some_and(|route| route.is_trusted(config));
        if config.cookies && trusted {
            engine.jar.take(now, &head.fields);
        }
        let Some(channel) = engine.channel(purpose) else { return };
        if !matches!(channel.stage, Stage::Asked) {
            return;
        }
        if head.status == 101 && purpose == Purpose::WebSocket {
            channel.stage = Stage::Open;
            let chosen = head.fields.get("sec-websocket-protocol");
            if chosen.is_some_and(|chosen| !config.protocols.iter().any(|own| *own == *chosen)) {
                let fault = Fault::violation(Kind::Protocol, Violation::InvalidAccept);
                return self.on_websocket_failed(now, Reason::TransportError, fault);
            }
            if engine.state == State::Probing(Probe::Opening) {
                engine.state = State::Probing(Probe::Due);
            }
            return;
        }
        let rejection = (head.status != 200 || purpose == Purpose::WebSocket).then(|| {
            let location = head.fields.get("location");
            let wait = head.fields.get("retry-after").and_then(|text| text.parse().ok());
            let moved = matches!(head.status, 301..=303 | 307 | 308);
            let waits = matches!(head.status, 429 | 503);
            Box::new(Rejection {
                status: head.status,
                location: location.filter(|_| moved).map(|it| it.as_ref().into()),
                retry_after: wait.filter(|_| waits).map(Duration::from_secs),
            })
        });
        channel.stage = Stage::Answering(rejection);
    }

    /// The body of an answer.
    pub(in crate::client) fn on_body(&mut self, now: Tick, purpose: Purpose, body: &[u8]) {
        let Some(channel) = self.engine.channel(purpose) else { return };
        let stage = std::mem::replace(&mut channel.stage, Stage::Ready);
        let Stage::Answering(rejection) = stage else {
            channel.stage = stage;
            return;
        };
        channel.answered = channel.answered.saturating_add(1);
        if let Some(rejection) = rejection {
            return self.on_rejected(now, purpose, &rejection, body);
        }
        match purpose {
            Purpose::Poll => self.on_payload(now, body),
            Purpose::Post => self.engine.dues.post = Tick::NEVER,
            Purpose::WebSocket => {}
        }
    }

    /// An answer that is no success.
    fn on_rejected(&mut self, now: Tick, purpose: Purpose, rejection: &Rejection, body: &[u8]) {
        let engine = &mut self.engine;
        if let (State::Opening(_), Some(location)) = (engine.state, &rejection.location)
            && engine.route.as_mut().is_some_and(|route| route.redirect(&self.config, location))
        {
            return engine.retarget(&self.config, &mut self.outputs);
        }
        let fault = Fault::status(rejection.status, rejection.retry_after).with_body(body);
        match purpose {
            Purpose::WebSocket => self.on_websocket_failed(now, Reason::TransportError, fault),
            Purpose::Poll | Purpose::Post => self.on_polling_failed(now, fault),
        }
    }

    /// A request of polling failed.
    pub(in crate::client) fn on_polling_failed(&mut self, now: Tick, fault: Fault) {
        match self.engine.state {
            State::Opening(Transport::Polling) => self.fail_here(now, fault),
            State::Pausing | State::Polling | State::Probing(_) => {
                self.end(now, Reason::TransportError, Some(fault));
            }
            State::Closing(Transport::Polling) => self.finish(now),
            State::Closing(Transport::WebSocket)
            | State::None
            | State::Opening(Transport::WebSocket)
            | State::WebSocket => {}
        }
    }

    /// The WebSocket failed, or ended.
    pub(in crate::client) fn on_websocket_failed(
        &mut self,
        now: Tick,
        reason: Reason,
        fault: Fault,
    ) {
        match self.engine.state {
            State::Opening(Transport::WebSocket) => self.fail_here(now, fault),
            State::Pausing | State::Probing(_) => self.give_up_probe(fault),
            State::WebSocket => self.end(now, reason, Some(fault)),
            State::Closing(Transport::WebSocket) => self.finish(now),
            State::Closing(Transport::Polling)
            | State::None
            | State::Opening(Transport::Polling)
            | State::Polling => {}
        }
    }

    /// The attempt failed at the server: the next transport may do better.
    fn fail_here(&mut self, now: Tick, fault: Fault) {
        self.engine.remembered = false;
        let next = self.engine.route.as_mut().is_some_and(|route| route.next(&self.config));
        if next {
            self.engine.retarget(&self.config, &mut self.outputs);
        } else {
            self.fail(now, fault);
        }
    }
}
