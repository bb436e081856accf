//! One process of a cluster, between its shards and a broker.

use std::sync::Arc;
use std::time::Instant;

use super::{AnswerToken, BusCounts, BusError, Command, NodeConfig, NodeEvent, Question};
use crate::Config;
use crate::cluster::bus::{Detail, Payload, Report, Subscription, To};
use crate::cluster::{Message, Output};
use crate::socket::EventMessage;

/// One process of a cluster, between its shards and a broker: it has no sockets, clock or randomness of its own.
#[derive(Debug)]
pub struct Node {}

impl Node {
    /// Makes the node of a process with so many shards, whose settings are `server`. `seed` must be unpredictable.
    #[must_use]
    pub fn new(
        config: NodeConfig,
        server: Arc<Config>,
        shards: u16,
        seed: [u8; 32],
        now: Instant,
    ) -> Self {
        let _ = (config, server, shards, seed, now);
        todo!()
    }

    /// Returns the name by which other processes know this one.
    #[must_use]
    pub fn name(&self) -> &str {
        todo!()
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counts(&self) -> BusCounts {
        todo!()
    }

    // What the process itself brings.

    /// Keeps a namespace open, whether it has clients or not: its messages are subscribed to.
    pub fn open(&mut self, now: Instant, namespace: &str) {
        let _ = (now, namespace);
        todo!()
    }

    /// Takes a message of a shard for [`Destination::Node`](crate::cluster::Destination::Node).
    pub fn handle_shard(&mut self, now: Instant, message: &Message) {
        let _ = (now, message);
        todo!()
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
        let _ = (now, namespace, to, detail);
        todo!()
    }

    /// Asks all other processes for their rooms.
    ///
    /// # Errors
    /// [`BusError`] when they cannot be asked.
    pub fn rooms(&mut self, now: Instant, namespace: &str) -> Result<Question, BusError> {
        let _ = (now, namespace);
        todo!()
    }

    /// Asks for the number of processes in a namespace.
    ///
    /// # Errors
    /// [`BusError`] when that cannot be known.
    pub fn size(&mut self, now: Instant, namespace: &str) -> Result<Question, BusError> {
        let _ = (now, namespace);
        todo!()
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
        let _ = (now, namespace, event);
        todo!()
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
        let _ = (now, namespace, event);
        todo!()
    }

    /// Answers a question of another process.
    pub fn answer(&mut self, now: Instant, token: AnswerToken, report: Report) {
        let _ = (now, token, report);
        todo!()
    }

    /// Tells the other processes that this one ends: nothing is published after that.
    pub fn leave(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    /// Whether [`leave`](Self::leave) was called and everything was handed to the driver.
    #[must_use]
    pub fn has_left(&self) -> bool {
        todo!()
    }

    /// Whether all subscriptions that are wished for are confirmed.
    #[must_use]
    pub fn is_settled(&self) -> bool {
        todo!()
    }

    // What the driver brings.

    /// The broker is connected, and carries messages of so many bytes at most.
    pub fn handle_connected(&mut self, now: Instant, largest: Option<usize>) {
        let _ = (now, largest);
        todo!()
    }

    /// The connection with the broker was lost, or could not be made. Returns when the next attempt is due.
    pub fn handle_lost(&mut self, now: Instant, why: &str) -> Instant {
        let _ = (now, why);
        todo!()
    }

    /// The broker confirmed a subscription.
    pub fn handle_subscribed(&mut self, now: Instant, subscription: &Subscription) {
        let _ = (now, subscription);
        todo!()
    }

    /// A channel has so many subscribers.
    pub fn handle_counted(&mut self, now: Instant, channel: &str, count: u64) {
        let _ = (now, channel, count);
        todo!()
    }

    /// The broker gave a sign of life.
    pub fn handle_pong(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }

    /// A message came on a channel, or as an entry of a stream.
    pub fn handle_delivery(&mut self, now: Instant, channel: &str, payload: &Payload<'_>) {
        let _ = (now, channel, payload);
        todo!()
    }

    // What follows.

    /// Returns the next thing for the driver to do; nothing while the broker is not connected.
    #[must_use]
    pub fn poll_command(&mut self, now: Instant) -> Option<Command> {
        let _ = now;
        todo!()
    }

    /// Returns the next message for shards: all of them, or one.
    #[must_use]
    pub fn poll_shard(&mut self) -> Option<Output> {
        todo!()
    }

    /// Returns the next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<NodeEvent> {
        todo!()
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        todo!()
    }

    /// Acts on deadlines.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
        todo!()
    }
}
