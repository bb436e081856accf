//! Messages of other processes.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::node::{Node, Stage};
use super::offsets::Offsets;
use super::others::{Order, Sign};
use super::outgoing::PATIENCE;
use super::reader::{Address, Arrival, Unread};
use super::{AnswerToken, NodeEvent, NodeStatus};
use crate::cluster::bus::{Answer, Ask, Body, EntryId, Flags, Format, Invalid, Message, To};
use crate::cluster::{self, Change, Destination, Output, Peer, Whom};
use crate::socket::EventMessage;

impl Node {
    pub(super) fn on_arrival(&mut self, now: Instant, arrival: Arrival) {
        if self.stage == Stage::Leaving {
            return;
        }
        let Arrival { size, id, content, address } = arrival;
        let message = match content {
            Ok(message) => message,
            Err(Unread::Own) => return self.counts.ignored += 1,
            Err(Unread::Echo(echo)) => return self.take_echo(now, echo),
            Err(Unread::Invalid(invalid)) => return self.note_invalid(now, invalid),
        };
        if message.from.as_deref() == Some(self.name()) {
            return self.take_own(now, message.sequence, &message.body);
        }
        if address == Address::Channel && !self.spaces.contains(&message.namespace) {
            return self.note_invalid(now, Invalid::Foreign);
        }
        self.counts.received += 1;
        self.counts.bytes_in += size as u64;
        self.take(now, message, id);
    }

    pub(super) fn note_invalid(&mut self, now: Instant, invalid: Invalid) {
        if let Some(count) = self.invalid.note(now) {
            self.tell_status(NodeStatus::Invalid { count, last: invalid });
        }
    }

    /// Acts on a message, which may be an entry of a stream.
    fn take(&mut self, now: Instant, message: Message, id: Option<EntryId>) {
        let Message { from, namespace, sequence, body } = message;
        if !self.spaces.contains(&namespace) {
            return;
        }
        if let (Format::Native, Some(from)) = (self.config.format, &from)
            && !self.take_number(now, &namespace, from, (sequence, &body))
        {
            return;
        }
        match body {
            Body::Broadcast { to, event, flags, ask: None }
                if self.goes_by_stream() && id.is_some() && !flags.volatile =>
            {
                self.tell_streamed(&namespace, to, (&event, flags), (id, None));
            }
            Body::Broadcast { to, event, flags, ask } => {
                let ask = ask.and_then(|ask| self.relay(now, (&namespace, &to), from, ask));
                self.broadcast(&namespace, to, (&event, flags), ask);
            }
            Body::Join { to, rooms } => {
                let rooms = self.some_of(rooms);
                self.apply(namespace, to, Change::Join(rooms));
            }
            Body::Leave { to, rooms } => {
                let rooms = rooms.into_iter().map(Arc::from).collect();
                self.apply(namespace, to, Change::Leave(rooms));
            }
            Body::Close { room } => {
                let rooms = vec![Arc::from(&*room)];
                let to = To { rooms: vec![room], except: Vec::new() };
                self.apply(namespace, to, Change::Leave(rooms));
            }
            Body::Disconnect { to, how } => self.apply(namespace, to, Change::Disconnect(how)),
            Body::Fetch { to, request, detail } => {
                let token = self.token(&namespace, from, request);
                self.ask_host(now, token, |token| NodeEvent::Fetch {
                    namespace,
                    to,
                    detail,
                    token,
                });
            }
            Body::Rooms { request } => {
                let token = self.token(&namespace, from, request);
                self.ask_host(now, token, |token| NodeEvent::Rooms { namespace, token });
            }
            Body::ServerEvent { event, request: None } => {
                self.tell_host(now, NodeEvent::ServerEvent { namespace, event, token: None });
            }
            Body::ServerEvent { event, request: Some(request) } => {
                let token = self.token(&namespace, from, request);
                let event = |token| NodeEvent::ServerEvent { namespace, event, token: Some(token) };
                self.ask_host(now, token, event);
            }
            Body::Answer(answer) => self.take_answer(now, from.as_deref(), answer),
            sign @ (Body::Beat(_) | Body::Hello | Body::Left) => {
                self.take_sign(now, &namespace, from.as_deref(), &sign);
            }
        }
    }

    /// Signs of life count in our own format alone: others have them, or had them, and count subscribers.
    fn take_sign(&mut self, now: Instant, namespace: &str, from: Option<&str>, sign: &Body) {
        let Some(from) = from.filter(|_| self.config.format == Format::Native) else { return };
        if let Body::Left = sign {
            return self.on_left(now, namespace, from);
        }
        if let Body::Hello = sign {
            self.on_alive(now, namespace, from, Sign::Hello);
            return self.beat(now, namespace);
        }
        self.on_alive(now, namespace, from, Sign::Beat);
        if let Body::Beat(Some(home)) = sign {
            self.on_home(from, *home);
        }
    }

    /// A message of this process that came back; or one of another process of the same name.
    fn take_own(&mut self, now: Instant, sequence: Option<u64>, body: &Body) {
        self.counts.ignored += 1;
        let is_sign = matches!(body, Body::Beat(_) | Body::Hello);
        if is_sign && sequence.is_some_and(|sequence| sequence > self.beats) {
            self.rename(now);
        }
    }

    /// Takes note of the number of a message; says whether it is new.
    fn take_number(
        &mut self,
        now: Instant,
        namespace: &str,
        from: &str,
        (sequence, body): (Option<u64>, &Body),
    ) -> bool {
        let Some(sequence) = sequence else { return true };
        if let Body::Beat(_) | Body::Hello = body {
            return true;
        }
        self.expect_death(now);
        let Some(space) = self.spaces.get_mut(namespace) else { return false };
        match space.others.hear(now, from, sequence) {
            Order::After { lost } => {
                self.counts.lost = self.counts.lost.saturating_add(lost);
                true
            }
            Order::Again => {
                self.counts.ignored += 1;
                false
            }
        }
    }

    /// Opens a question of another process to the clients of this one; nothing if it cannot be answered.
    fn relay(
        &mut self,
        now: Instant,
        (namespace, to): (&str, &To),
        from: Option<Box<str>>,
        ask: Ask,
    ) -> Option<cluster::Ask> {
        let mut token = self.token(namespace, from, ask.request)?;
        token.room = to.rooms.first().cloned();
        let timeout = ask.timeout.unwrap_or(PATIENCE).min(LONGEST);
        let Some(id) = self.relays.open(token, now + timeout) else {
            self.note_invalid(now, Invalid::TooMany("questions"));
            return None;
        };
        Some(cluster::Ask { id, from: Peer::Node, timeout })
    }

    fn token(
        &self,
        namespace: &str,
        asker: Option<Box<str>>,
        request: Box<str>,
    ) -> Option<AnswerToken> {
        // Answers of the classic adapter are for whoever knows their id.
        let is_known = asker.is_some() || self.config.format == Format::Classic;
        is_known.then(|| AnswerToken { namespace: namespace.into(), asker, request, room: None })
    }

    /// Has a broadcast sent by all shards.
    fn broadcast(
        &mut self,
        namespace: &str,
        to: To,
        (event, flags): (&EventMessage, Flags),
        ask: Option<cluster::Ask>,
    ) {
        let volatile = flags.volatile;
        let offset =
            self.offsets.as_mut().filter(|_| !volatile && ask.is_none()).map(Offsets::next);
        let packet = match offset {
            Some(offset) => self.packets.write_named(namespace, event, offset),
            None => self.packets.write(namespace, event, ask.map(|ask| ask.id)),
        };
        let packet = if flags.uncompressed { packet.plain() } else { packet };
        let to = whom(namespace.into(), to);
        self.tell_shards(cluster::Body::Broadcast { to, packet, volatile, offset, ask });
    }

    fn apply(&mut self, namespace: Box<str>, to: To, change: Change) {
        self.tell_shards(cluster::Body::Apply { to: whom(namespace, to), change });
    }

    pub(super) fn tell_shards(&mut self, body: cluster::Body) {
        let message = cluster::Message(body);
        self.shard_outputs.push_back(Output { to: Destination::Everyone, message });
    }

    /// As many rooms as a client may be in.
    fn some_of(&self, rooms: Vec<Box<str>>) -> Vec<Arc<str>> {
        let mut seen = BTreeSet::new();
        let rooms = rooms.iter().filter(|room| seen.insert(&***room));
        rooms.take(self.server.limits.rooms).map(|room| Arc::from(&**room)).collect()
    }

    fn ask_host(
        &mut self,
        now: Instant,
        token: Option<AnswerToken>,
        event: impl FnOnce(AnswerToken) -> NodeEvent,
    ) {
        match token {
            Some(token) => self.tell_host(now, event(token)),
            None => self.note_invalid(now, Invalid::Missing("uid")),
        }
    }

    fn tell_host(&mut self, now: Instant, event: NodeEvent) {
        if self.events.len() >= EVENTS {
            return self.note_invalid(now, Invalid::TooMany("questions"));
        }
        self.events.push_back(event);
    }

    fn take_answer(&mut self, now: Instant, from: Option<&str>, answer: Answer) {
        let Answer { asker, request, report, part } = answer;
        let is_for_others = asker.is_some_and(|asker| *asker != *self.reader.process);
        let Some(n) = self.number_of(&request).filter(|_| !is_for_others) else { return };
        match self.questions.answer(n, (from, report, part), self.config.limits.clients) {
            Some(ended) => self.conclude(now, ended),
            None if self.questions.is_open(n) => self.note_invalid(now, Invalid::Foreign),
            // It came too late.
            None => {}
        }
    }
}

pub(super) fn whom(namespace: Box<str>, to: To) -> Arc<Whom> {
    Arc::new(Whom { namespace, rooms: to.rooms, except: to.except })
}

/// Questions of others that wait for the host.
const EVENTS: usize = 16 * 1024;

/// How long clients may take to acknowledge, whatever another process says.
const LONGEST: Duration = Duration::from_secs(60 * 60);
