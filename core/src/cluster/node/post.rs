//! What leaves a node: commands for the driver, in order.

use std::sync::Arc;
use std::time::Instant;

use super::holds::Queue;
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
        /// The namespace whose messages keep their order; none for answers and signs of life.
        namespace: Option<Arc<str>>,
        /// The number of a question, which waits until its answers can arrive.
        question: Option<u64>,
    },
    /// Say that this process leaves a namespace, unless it is in that again.
    Farewell { channel: String, payload: Payload<'static>, namespace: Arc<str> },
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
    /// The namespace that it is about.
    fn namespace(&self) -> Option<&Arc<str>> {
        match self {
            Self::Publish { namespace, .. } => namespace.as_ref(),
            Self::Count { namespace, .. }
            | Self::Farewell { namespace, .. }
            | Self::Size { namespace, .. } => Some(namespace),
            Self::Keep(_) | Self::Take(_) => None,
        }
    }

    /// Whether that namespace has to be ready.
    fn is_question(&self) -> bool {
        match self {
            Self::Publish { question, .. } => question.is_some(),
            Self::Count { .. } | Self::Size { .. } => true,
            Self::Farewell { .. } | Self::Keep(_) | Self::Take(_) => false,
        }
    }

    fn size(&self) -> usize {
        match self {
            Self::Publish { channel, payload, .. } | Self::Farewell { channel, payload, .. } => {
                payload.size() + channel.len()
            }
            Self::Count { .. } | Self::Size { .. } | Self::Keep(_) | Self::Take(_) => 0,
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
            let item = Item::Publish { channel, payload, namespace: None, question: None };
            self.send_sign(&message, item);
            return Ok(());
        }
        let item = if let Body::Left = message.body {
            Item::Farewell { channel, payload, namespace: namespace.into() }
        } else {
            let is_answer = matches!(message.body, Body::Answer(_));
            let namespace = (!is_answer).then(|| self.spaces.name(namespace));
            let question = question.map(|(_, number)| number);
            Item::Publish { channel, payload, namespace, question }
        };
        self.queue(now, item, keep)?;
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

    /// Queues what was written.
    pub(super) fn queue(&mut self, now: Instant, item: Item, keep: Keep) -> Result<(), BusError> {
        let bytes = item.size();
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
            if let Some(command) = self.next_item(now) {
                return Some(command);
            }
        }
        if self.stage == Stage::Leaving { self.wishes.next() } else { None }
    }

    fn next_item(&mut self, now: Instant) -> Option<Command> {
        let command = loop {
            let Some(number) = self.next_number(now) else { break None };
            let item = self.outbox.take(number).expect("its number was found there");
            if let Some(command) = self.begin(now, item) {
                break Some(command);
            }
        };
        self.next_hold = self.holds.due().filter(|due| now < *due);
        command
    }

    /// The number of the next entry of the outbox that may leave.
    fn next_number(&mut self, now: Instant) -> Option<u64> {
        while let Some((queue, number)) = self.holds.first(now) {
            let queue = queue.clone();
            let Some((item, since)) = self.outbox.get(number) else {
                // It was dropped.
                self.holds.pop(&queue);
                continue;
            };
            match self.hold(item, since).filter(|due| now < *due) {
                Some(due) => self.holds.put_off(&queue, due),
                None => {
                    self.holds.pop(&queue);
                    return Some(number);
                }
            }
        }
        while let Some((number, item, since)) = self.outbox.first_from(self.holds.next()) {
            self.holds.pass(number);
            let Some(queue) = self.queue_of(item) else { return Some(number) };
            if self.holds.follow(&queue, number) {
                continue;
            }
            match self.hold(item, since).filter(|due| now < *due) {
                Some(due) => self.holds.begin(queue, number, due),
                None => return Some(number),
            }
        }
        None
    }

    /// The queue in which an item keeps its order.
    fn queue_of(&self, item: &Item) -> Option<Queue> {
        match &self.reader.echoes {
            Some(_) => Some(Queue::Stream),
            None => item.namespace().cloned().map(Queue::Namespace),
        }
    }

    /// Questions about a namespace need not wait any longer than that.
    pub(super) fn hasten(&mut self, namespace: &Arc<str>, due: Instant) {
        let queue = match &self.reader.echoes {
            Some(_) => Queue::Stream,
            None => Queue::Namespace(namespace.clone()),
        };
        self.holds.hasten(&queue, due);
    }

    /// Until when a question waits, and what is behind it in its queue: then its answers can arrive.
    fn hold(&self, item: &Item, since: Instant) -> Option<Instant> {
        let is_held = item.is_question() && self.stage == Stage::Staying;
        let namespace = item.namespace().filter(|_| is_held)?;
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
            Item::Publish { channel, payload, namespace, question } => {
                if let (Some(namespace), Some(question)) = (namespace, question) {
                    self.name_processes(now, &namespace, question);
                }
                Some(self.hand_over(channel, payload))
            }
            Item::Farewell { namespace, .. }
                if self.stage == Stage::Staying && self.spaces.contains(&namespace) =>
            {
                None
            }
            Item::Farewell { channel, payload, .. } => Some(self.hand_over(channel, payload)),
            Item::Count { channel, .. } => Some(Command::Count { channel }),
            Item::Keep(keep) => Some(Command::Keep(keep)),
            Item::Take(take) => Some(Command::Take(take)),
            Item::Size { namespace, question } => {
                self.name_processes(now, &namespace, question);
                None
            }
        }
    }

    fn hand_over(&mut self, channel: String, payload: Payload<'static>) -> Command {
        self.counts.published += 1;
        self.unconfirmed += 1;
        self.counts.bytes_out += payload.size() as u64;
        Command::Publish { channel, payload, length: self.config.stream_length }
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
