//! The connections that subscribe, and what they bring.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll};

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::{Pipeline, PushInfo, PushKind, Value};
use sansocket_bus::{BrokerError, Link, Payload, Subscription};
use tokio::sync::Notify;

use crate::batch::{Replies, send};
use crate::server::Servers;
use crate::session::Channels;

/// The connections that subscribe: one alone, or one for each server where channels are sharded.
pub(crate) struct Subscriber {
    connections: Vec<MultiplexedConnection>,
    channels: Channels,
    /// Bounded by what the link wishes for.
    orders: Vec<Order>,
    /// Channels that Redis was told to leave, and that it has not confirmed.
    leaving: Arc<AtomicUsize>,
}

/// What one server was told in one go.
struct Order {
    replies: Replies,
    /// A subscription for each reply, where it is one that begins.
    begun: Vec<Option<Subscription>>,
}

/// Whether a subscription begins or ends.
#[derive(Clone, Copy)]
pub(crate) enum Wish {
    Begin,
    End,
}

impl Subscriber {
    pub(crate) fn new(
        connections: Vec<MultiplexedConnection>,
        channels: Channels,
        leaving: Arc<AtomicUsize>,
    ) -> Self {
        Self { connections, channels, orders: Vec::new(), leaving }
    }

    pub(crate) fn connections(&self) -> &[MultiplexedConnection] {
        &self.connections
    }

    /// Sends what is wished for, in order.
    pub(crate) fn send(&mut self, wishes: Vec<(Wish, Subscription)>, servers: &Servers) {
        let count = self.connections.len();
        let mut drafts: Vec<(Pipeline, Vec<Option<Subscription>>)> =
            (0..count).map(|_| (Pipeline::new(), Vec::new())).collect();
        for (wish, subscription) in wishes {
            let Some((command, name)) = self.command(wish, &subscription) else { continue };
            let server = if count > 1 { servers.owner(name) } else { 0 };
            if command == "SUNSUBSCRIBE" {
                self.leaving.fetch_add(1, Ordering::Relaxed);
            }
            if let Some((pipeline, begun)) = drafts.get_mut(server) {
                pipeline.cmd(command).arg(name);
                begun.push(matches!(wish, Wish::Begin).then_some(subscription));
            }
        }
        for (connection, (pipeline, begun)) in self.connections.iter().zip(drafts) {
            if !pipeline.is_empty() {
                self.orders.push(Order { replies: send(connection, pipeline), begun });
            }
        }
    }

    /// Writes what was sent, and tells a link what was confirmed.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        link: &Link,
    ) -> Result<(), BrokerError> {
        let mut n = 0;
        while let Some(order) = self.orders.get_mut(n) {
            let Poll::Ready(replies) = order.replies.as_mut().poll(context) else {
                n += 1;
                continue;
            };
            let replies = replies.map_err(BrokerError::new)?;
            for (reply, begun) in replies.into_iter().zip(self.orders.remove(n).begun) {
                match (reply, begun) {
                    (Value::ServerError(error), _) => return Err(BrokerError::new(error)),
                    (_, Some(subscription)) => link.subscribed(&subscription),
                    (_, None) => {}
                }
            }
        }
        Ok(())
    }

    /// Returns the command and the channel of a wish. Streams are read on connections of their own.
    fn command<'s>(
        &self,
        wish: Wish,
        subscription: &'s Subscription,
    ) -> Option<(&'static str, &'s str)> {
        match (subscription, self.channels, wish) {
            (
                Subscription::Counted(name) | Subscription::Exact(name),
                Channels::Plain,
                Wish::Begin,
            ) => Some(("SUBSCRIBE", name)),
            (
                Subscription::Counted(name) | Subscription::Exact(name),
                Channels::Plain,
                Wish::End,
            ) => Some(("UNSUBSCRIBE", name)),
            (
                Subscription::Counted(name) | Subscription::Exact(name),
                Channels::Sharded,
                Wish::Begin,
            ) => Some(("SSUBSCRIBE", name)),
            (
                Subscription::Counted(name) | Subscription::Exact(name),
                Channels::Sharded,
                Wish::End,
            ) => Some(("SUNSUBSCRIBE", name)),
            (Subscription::Pattern(name), _, Wish::Begin) => Some(("PSUBSCRIBE", name)),
            (Subscription::Pattern(name), _, Wish::End) => Some(("PUNSUBSCRIBE", name)),
            (Subscription::Stream(_), _, _) => None,
        }
    }
}

/// Why the connections cannot be used any more; told by their tasks.
#[derive(Debug, Default)]
pub(crate) struct Lost {
    why: OnceLock<&'static str>,
    told: Notify,
}

impl Lost {
    pub(crate) async fn wait(&self) -> BrokerError {
        self.told.notified().await;
        BrokerError::new(self.why.get().copied().unwrap_or("the connection was closed"))
    }

    fn tell(&self, why: &'static str) {
        // The first reason is the one that counts.
        let _ = self.why.set(why);
        self.told.notify_one();
    }
}

/// Takes what comes on a connection that publishes: its end.
pub(crate) fn end_of_publisher(lost: Arc<Lost>) -> Arc<dyn AsyncPushSender> {
    Arc::new(move |push: PushInfo| {
        if push.kind == PushKind::Disconnection {
            lost.tell("the connection that publishes was closed");
        }
        Ok::<(), Infallible>(())
    })
}

/// Takes what comes on a connection that subscribes, in the task that reads it.
pub(crate) fn messages(
    link: Link,
    lost: Arc<Lost>,
    leaving: Arc<AtomicUsize>,
) -> Arc<dyn AsyncPushSender> {
    Arc::new(move |push: PushInfo| {
        match (&push.kind, &*push.data) {
            (
                PushKind::Message | PushKind::SMessage,
                [Value::BulkString(channel), Value::BulkString(message)],
            )
            | (PushKind::PMessage, [_, Value::BulkString(channel), Value::BulkString(message)]) => {
                // A channel with any other name is none of those that were subscribed to by name.
                if let Ok(channel) = str::from_utf8(channel) {
                    link.delivered(channel, &Payload::from(&**message));
                }
            }
            (PushKind::Disconnection, _) => lost.tell("the connection that subscribes was closed"),
            // Redis leaves a channel by itself when its slot goes to another server.
            (PushKind::SUnsubscribe, _)
                if leaving
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1))
                    .is_err() =>
            {
                lost.tell("a slot of the Redis Cluster went to another server");
            }
            _ => {}
        }
        Ok::<(), Infallible>(())
    })
}
