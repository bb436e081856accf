//! What leaves a node: commands for the driver, in order.

use std::sync::Arc;
use std::time::Instant;

use super::line::SETTLE;
use super::node::{Node, Stage};
use super::outbox::{Full, Keep};
use super::{BusError, Command, NodeStatus, Take};
use crate::cluster::bus::{Body, Format, Message, Payload};

/// What waits for the driver.
#[derive(Debug)]
pub(super) enum Item {
    Publish {
        channel: String,
        payload: Payload<'static>,
        /// The namespace and the number of a question, which waits until its answers can arrive.
        question: Option<(Arc<str>, u64)>,
    },
    /// Count the processes of a namespace.
    Count { channel: String, namespace: Arc<str> },
    /// Tell how many processes a namespace has, which nobody has to be asked.
    Size { namespace: Arc<str>, question: u64 },
    /// Keep what a client had that was lost.
    Keep(super::Keep),
    /// Ask for what a client had that comes back.
    Take(Take),
}

impl Item {
    /// The namespace that has to be ready.
    fn awaits(&self) -> Option<&Arc<str>> {
        match self {
            Self::Publish { question, .. } => question.as_ref().map(|(namespace, _)| namespace),
            Self::Count { namespace, .. } | Self::Size { namespace, .. } => Some(namespace),
            Self::Keep(_) | Self::Take(_) => None,
        }
    }
}

impl Node {
    /// Queues a message for other processes.
    pub(super) fn publish(
        &mut self,
        now: Instant,
        message: Outgoing<'_>,
        keep: Keep,
    ) -> Result<(), BusError> {
        let Outgoing { namespace, body, question } = message;
        if self.stage == Stage::Leaving {
            self.counts.refused += 1;
            return Err(BusError::Left);
        }
        if keep == Keep::Volatile && !self.line.is_up() {
            self.counts.dropped_old += 1;
            return Ok(());
        }
        let sequence = self.next_sequence(namespace, &body);
        let from = Some(self.reader.process.clone());
        let message = Message { from, namespace: namespace.into(), sequence, body };
        let Written { channel, payload } = self.write(&message)?;
        if let Body::Beat(_) | Body::Hello = message.body {
            self.send_sign(&message, Item::Publish { channel, payload, question });
            return Ok(());
        }
        self.queue(now, (channel, payload, question), keep)?;
        self.note_sequence(namespace, &message);
        Ok(())
    }

    /// A message was not sent, of which no call could tell.
    pub(super) fn note_refusal(&mut self, now: Instant, why: BusError) {
        if why == BusError::Left {
            return;
        }
        if let Some(count) = self.refusals.note(now) {
            self.tell_status(NodeStatus::Refused { count, last: why });
        }
    }

    /// Writes a message, if the broker carries it.
    pub(super) fn write(&mut self, message: &Message) -> Result<Written, BusError> {
        let payload =
            self.reader.codec.encode(message).inspect_err(|_| self.counts.refused += 1)?;
        let channel = self.reader.names.channel(message);
        let size = payload.size();
        if let Some(limit) = self.largest.filter(|limit| size > *limit) {
            self.counts.refused += 1;
            return Err(BusError::TooLarge { size, limit });
        }
        Ok(Written { channel, payload })
    }

    /// Queues what was written, with the namespace and the number of a question.
    pub(super) fn queue(
        &mut self,
        now: Instant,
        (channel, payload, question): (String, Payload<'static>, Option<(Arc<str>, u64)>),
        keep: Keep,
    ) -> Result<(), BusError> {
        let bytes = payload.size() + channel.len();
        let item = Item::Publish { channel, payload, question };
        match self.outbox.push(now, (item, bytes), keep) {
            Ok(gone) => self.counts.dropped_full += gone,
            Err(Full) => {
                self.counts.dropped_full += 1;
                return Err(BusError::Full { limit: self.config.queue });
            }
        }
        Ok(())
    }

    /// Queues a sign of life.
    fn send_sign(&mut self, message: &Message, item: Item) {
        if self.signs.len() < 2 * self.spaces.len() {
            self.signs.push_back(item);
            self.note_sequence(&message.namespace, message);
        }
    }

    /// Queues something else than a message.
    pub(super) fn enqueue(&mut self, now: Instant, item: Item) {
        // Without room, a question is not counted, and ends when its time is up.
        let _ = self.outbox.push(now, (item, 0), Keep::Firm);
    }

    /// The number of a message, where messages are numbered: those for all processes by the namespace, signs of
    /// life by the process.
    fn next_sequence(&self, namespace: &str, body: &Body) -> Option<u64> {
        match body {
            _ if self.config.format != Format::Native => None,
            Body::Answer(_) | Body::Left => None,
            Body::Beat(_) | Body::Hello => Some(self.beats + 1),
            Body::Broadcast { .. }
            | Body::Close { .. }
            | Body::Disconnect { .. }
            | Body::Fetch { .. }
            | Body::Join { .. }
            | Body::Leave { .. }
            | Body::Rooms { .. }
            | Body::ServerEvent { .. } => {
                self.spaces.get(namespace).map(|space| space.sequence + 1)
            }
        }
    }

    fn note_sequence(&mut self, namespace: &str, message: &Message) {
        let Some(sequence) = message.sequence else { return };
        if let Body::Beat(_) | Body::Hello = message.body {
            self.beats = sequence;
        } else if let Some(space) = self.spaces.get_mut(namespace) {
            space.sequence = sequence;
        }
    }

    pub(super) fn next_command(&mut self, now: Instant) -> Option<Command> {
        self.drop_old(now);
        if self.line.take_end() {
            return Some(Command::Disconnect);
        }
        if !self.line.is_up() {
            return None;
        }
        if self.stage == Stage::Staying
            && let Some(command) = self.wishes.next()
        {
            return Some(command);
        }
        if self.line.take_ping() {
            return Some(Command::Ping);
        }
        if self.line.is_ready()
            && let Some(item) = self.signs.pop_front()
        {
            return self.begin(now, item);
        }
        if self.line.is_ready() || self.stage == Stage::Leaving {
            self.send_next_parts(now);
            while let Some((item, since)) = self.outbox.first() {
                self.next_hold = self.hold(item, since).filter(|due| now < *due);
                if self.next_hold.is_some() {
                    return None;
                }
                let item = self.outbox.pop()?;
                if let Some(command) = self.begin(now, item) {
                    return Some(command);
                }
            }
        }
        if self.stage == Stage::Leaving { self.wishes.next() } else { None }
    }

    /// Until when a question waits, and all that is behind it: then its answers can arrive.
    fn hold(&self, item: &Item, since: Instant) -> Option<Instant> {
        let namespace = item.awaits().filter(|_| self.stage == Stage::Staying)?;
        Some(self.hold_of(namespace, since))
    }

    /// Until when a question that waits since then is held.
    fn hold_of(&self, namespace: &str, since: Instant) -> Instant {
        let longest = since + SETTLE;
        match self.spaces.get(namespace) {
            Some(space) => space.ready.map_or(longest, |ready| ready.min(longest)),
            // Nobody answers for a namespace that is not open.
            None => since,
        }
    }

    /// The driver begins with an item.
    fn begin(&mut self, now: Instant, item: Item) -> Option<Command> {
        match item {
            Item::Publish { channel, payload, question } => {
                if let Some((namespace, question)) = question {
                    self.name_processes(now, &namespace, question);
                }
                self.counts.published += 1;
                self.unconfirmed += 1;
                self.counts.bytes_out += payload.size() as u64;
                let length = self.config.stream_length;
                Some(Command::Publish { channel, payload, length })
            }
            Item::Count { channel, .. } => Some(Command::Count { channel }),
            Item::Keep(keep) => Some(Command::Keep(keep)),
            Item::Take(take) => Some(Command::Take(take)),
            Item::Size { namespace, question } => {
                self.name_processes(now, &namespace, question);
                None
            }
        }
    }

    /// Drops what waited for too long.
    pub(super) fn drop_old(&mut self, now: Instant) {
        let messages = self.outbox.expire(now).into_iter();
        let messages = messages.filter(|item| matches!(item, Item::Publish { .. }));
        self.counts.dropped_old += messages.count() as u64;
        self.counts.dropped_old += self.parts.expire(now, self.config.age);
    }
}

/// A message as the broker carries it.
#[derive(Debug)]
pub(super) struct Written {
    pub(super) channel: String,
    pub(super) payload: Payload<'static>,
}

/// A message that is to be sent.
#[derive(Debug)]
pub(super) struct Outgoing<'m> {
    pub(super) namespace: &'m str,
    pub(super) body: Body,
    /// The namespace and the number of a question of this process.
    pub(super) question: Option<(Arc<str>, u64)>,
}

impl<'m> Outgoing<'m> {
    pub(super) fn new(namespace: &'m str, body: Body) -> Self {
        Self { namespace, body, question: None }
    }
}
