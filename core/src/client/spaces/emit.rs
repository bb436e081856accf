//! Events on their way to the server.

use std::time::Duration;

use super::questions::Whose;
use super::space::Namespace;
use crate::client::Client;
use crate::client::config::{OfflinePolicy, Transport};
use crate::client::event::{AckToken, Answer, Event, Ticket};
use crate::client::queue::{Cargo, Item};
use crate::client::refused::Refused;
use crate::limits::Limits;
use crate::socket::encoded::{Packet, Part};
use crate::socket::{ArgsRef, EventMessage, PacketReader, SocketBody};
use crate::time::Tick;

/// How an event is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum How {
    /// It waits as long as it takes.
    Plain,
    /// It asks for an acknowledgement, within that time if one is given.
    Asking(Option<Duration>),
    /// It is dropped when it is not sent by then.
    Until(Tick),
}

impl Client {
    /// Sends an event, or keeps it until its namespace is joined.
    pub(super) fn emit(
        &mut self,
        now: Tick,
        namespace: Namespace,
        (name, args): (&str, ArgsRef<'_>),
        how: How,
    ) -> Result<Option<Ticket>, Refused> {
        args.check_for(name, self.config.limits.attachments)?;
        let asks = matches!(how, How::Asking(_));
        if self.config.retries.is_some() && !matches!(how, How::Until(_)) {
            let ticket = asks.then(|| self.spaces.next_ticket());
            self.retry(now, namespace, (name, args), ticket)?;
            return Ok(ticket);
        }
        let (questions, mut encoder) = (self.config.limits.questions, self.encoder());
        let Some(space) = self.spaces.get_mut(namespace) else { return Err(Refused::NotJoined) };
        if asks && space.pending.len() >= questions {
            return Err(Refused::TooManyQuestions);
        }
        let id = asks.then_some(space.next_id);
        let joined = space.status.is_joined();
        let packet = encoder.event(&space.name, name, args, id).packet();
        let until = if let How::Until(until) = how { until } else { Tick::NEVER };
        let item = Item { packet, cargo: Cargo::Event { of: namespace, id, until } };
        self.check_size(&item)?;
        if joined {
            self.check_room(item.packet.cost())?;
            self.hand_over(namespace, item);
        } else {
            self.keep_offline(namespace, item)?;
        }
        let How::Asking(timeout) = how else { return Ok(None) };
        let ticket = self.spaces.next_ticket();
        if let (Some(space), Some(id)) = (self.spaces.get_mut(namespace), id) {
            space.next_id += 1;
            self.spaces.await_ack(now, (namespace, id), Whose::Ticket(ticket), timeout);
        }
        Ok(Some(ticket))
    }

    /// Sends an event if the transport takes it now; `false` when it was dropped.
    pub(super) fn emit_volatile(
        &mut self,
        namespace: Namespace,
        (name, args): (&str, ArgsRef<'_>),
    ) -> Result<bool, Refused> {
        args.check_for(name, self.config.limits.attachments)?;
        let Some(space) = self.spaces.get(namespace) else { return Ok(false) };
        let busy = self.engine.outbox.bytes() > self.config.limits.low_water;
        if busy || !space.status.is_joined() || !self.engine.state.is_open() {
            return Ok(false);
        }
        let packet = self.encoder().event(&space.name, name, args, None).packet();
        let item = Item { packet, cargo: Cargo::Volatile };
        self.check_size(&item)?;
        self.hand_over(namespace, item);
        Ok(true)
    }

    /// Acknowledges an event; the right to do so is void when its session has ended.
    pub(super) fn put_ack(&mut self, ack: AckToken, args: ArgsRef<'_>) -> Result<(), Refused> {
        let AckToken { namespace, visit, id } = ack;
        args.check_for("", self.config.limits.attachments)?;
        let Some(space) = self.spaces.get(namespace) else { return Ok(()) };
        if space.visit != visit || !space.status.is_joined() {
            return Ok(());
        }
        let item = Item::control(self.encoder().ack(&space.name, args, id).packet());
        self.check_size(&item)?;
        self.engine.outbox.push(item);
        Ok(())
    }

    /// Sends what waited until the namespace was joined.
    pub(super) fn flush(&mut self, now: Tick, namespace: Namespace) {
        let mut lost = 0;
        while let Some(space) = self.spaces.get_mut(namespace) {
            let Some(item) = space.waiting.pop() else { break };
            if matches!(item.cargo, Cargo::Event { until, .. } if until <= now) {
                continue;
            }
            if self.check_size(&item).is_err() {
                lost += 1;
                self.on_lost(namespace, &item);
                continue;
            }
            self.hand_over(namespace, item);
        }
        if lost > 0 {
            self.outputs.tell(Event::Lost { namespace, events: lost });
        }
    }

    /// Keeps an event until its namespace is joined.
    fn keep_offline(&mut self, namespace: Namespace, item: Item) -> Result<(), Refused> {
        let offline = self.config.offline;
        if offline.policy == OfflinePolicy::Refuse {
            return Err(Refused::NotJoined);
        }
        let cost = item.packet.cost();
        if cost > offline.bytes || offline.events == 0 {
            return Err(Refused::Full);
        }
        let mut lost = 0;
        while let Some(space) = self.spaces.get_mut(namespace) {
            let waiting = &mut space.waiting;
            if waiting.len() < offline.events && waiting.bytes() + cost <= offline.bytes {
                waiting.push(item);
                break;
            }
            if offline.policy != OfflinePolicy::DropOldest {
                return Err(Refused::Full);
            }
            let Some(oldest) = waiting.pop() else { break };
            lost += 1;
            self.on_lost(namespace, &oldest);
        }
        if lost > 0 {
            self.outputs.tell(Event::Lost { namespace, events: lost });
        }
        Ok(())
    }

    /// An event that waited is dropped: if it is a question, it has no answer.
    pub(super) fn on_lost(&mut self, namespace: Namespace, item: &Item) {
        let Cargo::Event { id: Some(id), .. } = item.cargo else { return };
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        if let Some(Whose::Ticket(ticket)) = space.pending.remove(&id).map(|it| it.whose) {
            self.outputs.tell(Event::Answer { ticket, answer: Answer::NotSent });
        }
    }

    fn hand_over(&mut self, namespace: Namespace, item: Item) {
        if self.config.report_sent
            && let Some(message) = self.message(&item.packet)
        {
            self.outputs.tell(Event::Sent { namespace, message });
        }
        self.engine.outbox.push(item);
    }

    /// Refuses what the server would refuse; that would end the session.
    fn check_size(&self, item: &Item) -> Result<(), Refused> {
        let Some(session) = &self.engine.session else { return Ok(()) };
        let limit = session.max_payload;
        let polling = self.engine.state.carrier() != Some(Transport::WebSocket);
        let size = item.largest(self.engine.revision, polling || self.config.base64);
        if size > limit { Err(Refused::TooLarge { size, limit }) } else { Ok(()) }
    }

    fn check_room(&mut self, cost: usize) -> Result<(), Refused> {
        let outbox = &self.engine.outbox;
        if !outbox.is_empty() && outbox.bytes() + cost > self.config.limits.max_backlog {
            self.engine.congested = true;
            return Err(Refused::Full);
        }
        Ok(())
    }

    /// The event that a packet of this client carries.
    pub(super) fn message(&self, packet: &Packet) -> Option<EventMessage> {
        let (attachments, attachment_bytes) = (u32::MAX, usize::MAX);
        let limits = Limits { attachments, attachment_bytes, ..Limits::default() };
        let mut reader = PacketReader::new(self.config.parser.clone());
        let mut read = None;
        for n in 0..packet.parts() {
            read = match packet.content(n)? {
                Part::Binary(bytes) => reader.binary(bytes, &limits).ok()?,
                Part::Text(text) => {
                    let text = std::str::from_utf8(text).ok()?.strip_prefix('4')?;
                    reader.text(text, &limits).ok()?
                }
            };
        }
        match read?.body {
            SocketBody::Event { message, .. } => Some(message),
            SocketBody::Ack { .. }
            | SocketBody::Connect { .. }
            | SocketBody::ConnectError { .. }
            | SocketBody::Disconnect => None,
        }
    }
}
