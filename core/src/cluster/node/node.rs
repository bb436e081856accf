//! One process of a cluster, between its shards and a broker.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::counters::Counters;
use super::echoes::Echoes;
use super::holds::Holds;
use super::line::Line;
use super::lingering::Lingering;
use super::minutely::Minutely;
use super::offsets::Offsets;
use super::outbox::Outbox;
use super::packets::Packets;
use super::parts::Parts;
use super::post::Item;
use super::questions::Questions;
use super::reader::{Arrival, Reader};
use super::relays::Relays;
use super::returns::Returns;
use super::spaces::Spaces;
use super::wishes::Wishes;
use super::{
    AnswerToken, BusCounts, BusError, Command, NodeConfig, NodeEvent, NodeStatus, Question, Taken,
    identity,
};
use crate::cluster::bus::{Codec, Detail, Format, Home, Names, Payload, Report, Subscription, To};
use crate::cluster::{Message, Output};
use crate::config::Config;
use crate::hash::Seeded;
use crate::rng::Rng;
use crate::socket::EventMessage;

/// One process of a cluster, between its shards and a broker: it has no sockets, clock or randomness of its own.
///
/// Shards, which [joined](crate::Server::join_cluster) it, leave messages for
/// [`Destination::Node`](crate::cluster::Destination::Node). Messages for shards go to all of them, where
/// [`Destination::Everyone`](crate::cluster::Destination::Everyone) says so. A driver does what
/// [`poll_command`](Self::poll_command) says, in that order, and reports.
#[derive(Debug)]
pub struct Node {
    pub(super) config: NodeConfig,
    pub(super) server: Arc<Config>,
    /// The names of the process and of channels, and how messages are written. Replaced whenever they change.
    pub(super) reader: Arc<Reader>,
    pub(super) rng: Rng,
    pub(super) birth: Instant,
    pub(super) stage: Stage,
    pub(super) line: Line,
    /// Bytes of the largest message that the broker carries.
    pub(super) largest: Option<usize>,
    pub(super) wishes: Wishes,
    pub(super) outbox: Outbox<Item>,
    /// What waits there behind questions.
    pub(super) holds: Holds,
    /// Signs of life, which wait for nothing. At most two for each namespace.
    pub(super) signs: VecDeque<Item>,
    pub(super) spaces: Spaces,
    pub(super) counters: Counters,
    pub(super) questions: Questions,
    pub(super) relays: Relays,
    pub(super) parts: Parts,
    pub(super) echoes: Echoes,
    pub(super) returns: Returns,
    pub(super) packets: Packets,
    /// Names for events of other processes, where clients come back to this one alone.
    pub(super) offsets: Option<Offsets>,
    /// What is listened to for them meanwhile.
    pub(super) lingering: Option<Lingering>,
    /// Messages that could not be read, and those that were refused after the call that caused them.
    pub(super) invalid: Minutely,
    pub(super) refusals: Minutely,
    /// Hellos and beats that were sent, and when the next beat is due; never, when that is too far off.
    pub(super) beats: u64,
    pub(super) next_beat: Option<Instant>,
    /// When to look for processes that gave no sign of life.
    pub(super) next_burial: Option<Instant>,
    /// Where other processes listen, by their names. Bounded by those that are alive; empty unless this one tells.
    pub(super) homes: BTreeMap<Box<str>, Home>,
    /// Until when the driver waits for the next question that is held.
    pub(super) next_hold: Option<Instant>,
    /// Messages that the driver was handed on this connection, and of which the broker said nothing.
    pub(super) unconfirmed: u64,
    /// What was counted, but for what other parts count.
    pub(super) counts: BusCounts,
    /// Messages that were dropped when the connection was told of last.
    pub(super) dropped_before: u64,
    pub(super) shard_outputs: VecDeque<Output>,
    pub(super) events: VecDeque<NodeEvent>,
}

/// Whether the process stays in the cluster.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Stage {
    Staying,
    Leaving,
}

/// How long after the first sign of life all others are taken to have answered it.
pub(super) const GRACE: Duration = Duration::from_millis(250);

impl Node {
    /// Makes the node of a process with so many shards, whose settings are `server`. `seed` must be unpredictable, and
    /// the one of the shards.
    #[must_use]
    pub fn new(
        config: NodeConfig,
        server: Arc<Config>,
        shards: u16,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        let mut rng = Rng::new(seed, 0);
        let comes_back = config.has_one_stream() && server.recovery.is_some();
        let here_alone = server.recovery.as_ref().filter(|_| !comes_back);
        let prefix = config.prefix.as_deref().unwrap_or_else(|| config.format.usual_prefix());
        let reader = Reader {
            codec: Codec::new(config.format, config.limits.clone()),
            names: Names::new(config.format, prefix)
                .with_room_channels(config.room_channels)
                .with_streams(config.streams),
            process: identity::draw(config.format, &mut rng),
            signed: Vec::new(),
            echoes: comes_back.then(|| Seeded::new(rng.bytes())),
        };
        Self {
            reader: Arc::new(reader),
            echoes: Echoes::default(),
            returns: Returns::default(),
            rng,
            birth: now,
            stage: Stage::Staying,
            line: Line::new(),
            largest: None,
            wishes: Wishes::default(),
            outbox: Outbox::new(config.queue, config.age),
            holds: Holds::default(),
            signs: VecDeque::new(),
            spaces: Spaces::default(),
            counters: Counters::default(),
            questions: Questions::default(),
            relays: Relays::new(shards),
            parts: Parts::default(),
            packets: Packets::new(server.parser.as_ref()),
            offsets: here_alone.map(|_| Offsets::new(seed)),
            lingering: here_alone.map(|recovery| Lingering::new(recovery, &server)),
            invalid: Minutely::default(),
            refusals: Minutely::default(),
            beats: 0,
            next_beat: Some(now),
            next_burial: None,
            homes: BTreeMap::new(),
            next_hold: None,
            unconfirmed: 0,
            counts: BusCounts::default(),
            dropped_before: 0,
            shard_outputs: VecDeque::new(),
            events: VecDeque::new(),
            config,
            server,
        }
    }

    /// Returns the name by which other processes know this one.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.reader.process
    }

    /// Returns how the processes of the cluster write their messages.
    #[must_use]
    pub fn format(&self) -> Format {
        self.config.format
    }

    /// Whether the broker is connected, and all subscriptions that were wished for then are confirmed.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.line.is_connected()
    }

    /// Whether the broker takes messages: it may have to confirm subscriptions yet.
    #[must_use]
    pub fn is_publishing(&self) -> bool {
        self.line.is_ready()
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counts(&self) -> BusCounts {
        BusCounts {
            connected: self.is_connected(),
            nodes: self.processes(),
            invalid: self.invalid.count,
            queued: self.outbox.len(),
            queued_bytes: self.outbox.bytes() as u64,
            reconnects: self.line.losses,
            pending: self.questions.len(),
            ..self.counts.clone()
        }
    }

    /// Returns how many bytes the largest message has that the broker carries, if there is a limit.
    #[must_use]
    pub fn largest(&self) -> Option<usize> {
        self.largest
    }

    /// Returns for how many bytes of one more message the queue has room, if volatile messages give way.
    #[must_use]
    pub fn room(&self) -> usize {
        self.outbox.room()
    }

    // What the process itself brings.

    /// Keeps a namespace open, whether it has clients or not: its messages are subscribed to.
    pub fn open(&mut self, now: Instant, namespace: &str) {
        if self.spaces.keep(namespace) {
            self.subscribe(now, namespace);
        }
    }

    /// Takes a message of a shard for [`Destination::Node`](crate::cluster::Destination::Node).
    pub fn handle_shard(&mut self, now: Instant, message: &Message) {
        self.on_shard(now, &message.0);
    }

    /// Asks all other processes which clients are in a target.
    ///
    /// # Errors
    /// [`BusError`] when they cannot be asked.
    pub fn fetch(
        &mut self,
        now: Instant,
        namespace: &str,
        to: To,
        detail: Detail,
    ) -> Result<Question, BusError> {
        self.ask_for_clients(now, namespace, to, detail)
    }

    /// Asks all other processes for their rooms.
    ///
    /// # Errors
    /// [`BusError`] when they cannot be asked.
    pub fn rooms(&mut self, now: Instant, namespace: &str) -> Result<Question, BusError> {
        self.ask_for_rooms(now, namespace)
    }

    /// Asks for the number of processes in a namespace.
    ///
    /// # Errors
    /// [`BusError`] when that cannot be known.
    pub fn size(&mut self, now: Instant, namespace: &str) -> Result<Question, BusError> {
        self.ask_for_size(now, namespace)
    }

    /// Sends an event to all other processes.
    ///
    /// # Errors
    /// [`BusError`] when it is not sent.
    pub fn server_emit(
        &mut self,
        now: Instant,
        namespace: &str,
        event: EventMessage,
    ) -> Result<(), BusError> {
        self.send_to_processes(now, namespace, event)
    }

    /// Sends an event to all other processes, which reply.
    ///
    /// # Errors
    /// [`BusError`] when it is not sent.
    pub fn server_ask(
        &mut self,
        now: Instant,
        namespace: &str,
        event: EventMessage,
    ) -> Result<Question, BusError> {
        self.ask_processes(now, namespace, event)
    }

    /// Answers a question of another process.
    ///
    /// Of the clients in it, the other processes are told what [`NodeConfig::headers`] and [`NodeConfig::auth`]
    /// allow.
    pub fn answer(&mut self, now: Instant, token: AnswerToken, report: Report) {
        self.send_answer(now, token, report);
    }

    /// Tells the other processes that this one ends: nothing is published after that.
    ///
    /// Questions that wait end with what came.
    pub fn leave(&mut self, now: Instant) {
        self.begin_to_leave(now);
    }

    /// Whether [`leave`](Self::leave) was called and everything was handed to the driver.
    #[must_use]
    pub fn has_left(&self) -> bool {
        let is_empty = self.outbox.len() == 0 && !self.wishes.is_due();
        self.stage == Stage::Leaving && (is_empty || !self.line.is_up())
    }

    /// Whether all subscriptions that are wished for are confirmed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        self.line.is_up() && self.wishes.is_settled()
    }

    // What the driver brings.

    /// The broker is connected, and carries messages of so many bytes at most.
    pub fn handle_connected(&mut self, now: Instant, largest: Option<usize>) {
        self.on_connected(now, largest);
    }

    /// The connection with the broker was lost, or could not be made. Returns when the next attempt is due.
    pub fn handle_lost(&mut self, now: Instant, why: &str) -> Instant {
        self.on_lost(now, why)
    }

    /// The broker confirmed a subscription.
    pub fn handle_subscribed(&mut self, now: Instant, subscription: &Subscription) {
        self.on_subscribed(now, subscription);
    }

    /// A channel has so many subscribers.
    pub fn handle_counted(&mut self, now: Instant, channel: &str, count: u64) {
        self.on_counted(now, channel, count);
    }

    /// The broker gave a sign of life.
    pub fn handle_pong(&mut self, now: Instant) {
        self.line.hear(now);
    }

    /// The broker took so many of the messages that were published. It has to be told before the connection is
    /// [lost](Self::handle_lost), and may be told of many at once: the others count as lost with it.
    pub fn handle_published(&mut self, count: u64) {
        self.unconfirmed = self.unconfirmed.saturating_sub(count);
    }

    /// The broker refused a message that was published.
    pub fn handle_refused(&mut self, now: Instant, why: &str) {
        self.unconfirmed = self.unconfirmed.saturating_sub(1);
        self.counts.refused += 1;
        self.counts.note_error(now, why);
    }

    /// So many entries of a stream, at least, were lost on their way here.
    pub fn handle_missed(&mut self, count: u64) {
        self.counts.lost = self.counts.lost.saturating_add(count);
    }

    /// The driver did what [`Command::Take`] says: with nothing when there is no such value, or not all that belongs
    /// to it. All entries up to [`Taken::until`] were handed over before.
    pub fn handle_taken(&mut self, now: Instant, ticket: u64, taken: Option<Taken>) {
        self.on_taken(now, ticket, taken);
    }

    /// A message came on a channel, or as an entry of a stream. It is read first, as a [`Reader`] does.
    pub fn handle_delivery(&mut self, now: Instant, channel: &str, payload: &Payload<'_>) {
        let arrival = self.reader.read(channel, payload);
        self.on_arrival(now, arrival);
    }

    /// Returns what reads messages for this node while others use it: another one after the process took another name,
    /// and after some namespaces were opened or closed.
    #[must_use]
    pub fn reader(&self) -> &Arc<Reader> {
        &self.reader
    }

    /// A message came, and was read by [`reader`](Self::reader): to be called in the order in which they came.
    pub fn handle_arrival(&mut self, now: Instant, arrival: Arrival) {
        self.on_arrival(now, arrival);
    }

    // What follows.

    /// Returns the next thing for the driver to do; nothing while the broker is not connected.
    #[must_use]
    pub fn poll_command(&mut self, now: Instant) -> Option<Command> {
        self.next_command(now)
    }

    /// Returns the next message for shards: all of them, or one.
    #[must_use]
    pub fn poll_shard(&mut self) -> Option<Output> {
        self.shard_outputs.pop_front()
    }

    /// Returns the next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<NodeEvent> {
        self.events.pop_front()
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.deadline()
    }

    /// Acts on deadlines.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.on_timeout(now);
    }

    /// Tells the host what a log may want to know.
    pub(super) fn tell_status(&mut self, status: NodeStatus) {
        self.events.push_back(NodeEvent::Status(status));
    }

    /// Whether processes of the cluster are counted by the subscribers of a channel.
    pub(super) fn is_counted(&self) -> bool {
        match self.config.format {
            Format::Classic | Format::Sharded | Format::Streams => true,
            Format::Native | Format::Python => false,
        }
    }
}
