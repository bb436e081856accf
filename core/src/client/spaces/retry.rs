//! Events that are sent one at a time, again and again, until they are acknowledged.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use super::questions::Whose;
use super::space::Namespace;
use super::spaces::Spaces;
use crate::client::Client;
use crate::client::event::{Answer, Event, Ticket};
use crate::client::outputs::Outputs;
use crate::client::queue::{Cargo, Item};
use crate::client::refused::Refused;
use crate::socket::{ArgsRef, EventMessage};
use crate::time::Tick;

/// An event that is sent until it is acknowledged.
#[derive(Debug)]
pub(super) struct Retried {
    message: EventMessage,
    /// Whether the application awaits the outcome.
    ticket: Option<Ticket>,
    /// How often it may still be sent.
    left: u32,
    /// Whether its acknowledgement is awaited.
    stage: Stage,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Stage {
    Resting,
    Sent,
}

impl Retried {
    pub(super) fn ticket(&self) -> Option<Ticket> {
        self.ticket
    }

    fn bytes(&self) -> usize {
        let attachments = self.message.attachments().iter().map(bytes::Bytes::len).sum::<usize>();
        self.message.name().len() + self.message.json().len() + attachments
    }
}

impl Client {
    /// Takes an event that is to be sent until it is acknowledged.
    pub(super) fn retry(
        &mut self,
        now: Tick,
        namespace: Namespace,
        (name, args): (&str, ArgsRef<'_>),
        ticket: Option<Ticket>,
    ) -> Result<(), Refused> {
        let offline = self.config.offline;
        let Some(retries) = self.config.retries else { return Err(Refused::NotJoined) };
        let left = retries.most.saturating_add(1);
        let Some(space) = self.spaces.get_mut(namespace) else { return Err(Refused::NotJoined) };
        let bytes: usize = space.retried.iter().map(Retried::bytes).sum();
        if space.retried.len() >= offline.events || bytes >= offline.bytes {
            return Err(Refused::Full);
        }
        let message = if retries.key {
            let json = with_key(args.json(), &URL_SAFE_NO_PAD.encode(self.seeds.draw::<16>()));
            EventMessage::from_args(name, ArgsRef::from_valid(&json, args.attachments()))
        } else {
            EventMessage::from_args(name, args)
        };
        space.retried.push_back(Retried { message, ticket, left, stage: Stage::Resting });
        self.retry_first(now, namespace);
        Ok(())
    }

    /// Sends the first of them, if the namespace is joined and it is not on its way.
    pub(super) fn retry_first(&mut self, now: Tick, namespace: Namespace) {
        let Some(retries) = self.config.retries else { return };
        let (report, mut encoder) = (self.config.report_sent, self.encoder());
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if !space.status.is_joined() {
            return;
        }
        let Some(first) = space.retried.front_mut() else { return };
        if first.stage == Stage::Sent {
            return;
        }
        first.stage = Stage::Sent;
        first.left = first.left.saturating_sub(1);
        let id = space.next_id;
        space.next_id += 1;
        let message = &first.message;
        let packet = encoder.event(&space.name, message.name(), message.args(), Some(id)).packet();
        if report {
            let message = message.clone();
            self.outputs.tell(Event::Sent { namespace, message });
        }
        let cargo = Cargo::Event { of: namespace, id: Some(id), until: Tick::NEVER };
        self.engine.outbox.push(Item { packet, cargo });
        let timeout = Some(retries.ack_timeout);
        self.spaces.await_ack(now, (namespace, id), Whose::Retry, timeout);
    }

    /// The first of them is settled, and the next is sent.
    pub(super) fn on_retry_done(&mut self, now: Tick, namespace: Namespace, answer: Answer) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if let Some(ticket) = space.retried.pop_front().and_then(|first| first.ticket) {
            self.outputs.tell(Event::Answer { ticket, answer });
        }
        self.retry_first(now, namespace);
    }

    /// The first of them was not acknowledged in time.
    pub(super) fn on_retry_timeout(&mut self, now: Tick, namespace: Namespace) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        let Some(first) = space.retried.front_mut() else { return };
        if first.left == 0 {
            return self.on_retry_done(now, namespace, Answer::TimedOut);
        }
        first.stage = Stage::Resting;
        self.retry_first(now, namespace);
    }
}

/// Arguments with a text behind them that needs no escapes.
fn with_key(array: &str, key: &str) -> String {
    let inside = array.strip_suffix(']').unwrap_or("[").trim_ascii_end();
    let comma = if inside.trim_ascii_start() == "[" { "" } else { "," };
    format!("{inside}{comma}\"{key}\"]")
}

impl Spaces {
    /// The session ended before the first of them was acknowledged.
    pub(super) fn unsent_retry(&mut self, namespace: Namespace, outputs: &mut Outputs) {
        let Some(space) = self.get_mut(namespace) else { return };
        let Some(first) = space.retried.front_mut() else { return };
        first.stage = Stage::Resting;
        if first.left == 0
            && let Some(ticket) = space.retried.pop_front().and_then(|first| first.ticket)
        {
            outputs.tell(Event::Answer { ticket, answer: Answer::Disconnected });
        }
    }
}
