//! What is done on one connection.

use futures_core::Stream as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicConsumeOptions, BasicPublishOptions, BasicQosOptions,
    ConfirmSelectOptions, ExchangeDeclareOptions, QueueBindOptions, QueueDeclareOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Confirmation, Connection, Consumer, ExchangeKind};
use sansocket_bus::{BrokerError, Command, Link, Payload, Subscription};
use std::collections::HashSet;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::time::{sleep, timeout};

use crate::amqp::{DEADLINE, silent};
use crate::begun::{Begun, Then};
use crate::route::{Route, Ways};

/// Messages that the server sends ahead of their acknowledgements.
const AHEAD: u16 = 512;

/// Messages that are acknowledged together at most.
const BATCH: usize = 128;

/// What is done on one connection.
pub(crate) struct Session<'l> {
    link: &'l Link,
    ways: Ways,
    connection: Connection,
    channel: Channel,
    queue: ShortString,
    messages: Consumer,
    /// The channels that are subscribed to.
    channels: HashSet<String>,
    /// The exchanges that were declared.
    exchanges: HashSet<ShortString>,
    begun: Begun,
}

impl<'l> Session<'l> {
    pub(crate) async fn begin(
        connection: Connection,
        link: &'l Link,
        ways: Ways,
    ) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.basic_qos(AHEAD, BasicQosOptions::default()).await?;
        let own = QueueDeclareOptions { exclusive: true, ..QueueDeclareOptions::default() };
        let queue = channel.queue_declare("".into(), own, FieldTable::default()).await?;
        let queue = queue.name().clone();
        let (options, none) = (BasicConsumeOptions::default(), FieldTable::default());
        let messages = channel.basic_consume(queue.clone(), "".into(), options, none).await?;
        let (channels, exchanges) = (HashSet::new(), HashSet::new());
        let begun = Begun::default();
        Ok(Self { link, ways, connection, channel, queue, messages, channels, exchanges, begun })
    }

    /// Does what the link says.
    pub(crate) async fn run(mut self) -> Result<(), BrokerError> {
        let link = self.link;
        loop {
            let has_room = self.begun.has_room();
            tokio::select! {
                command = link.next(), if has_room => match command {
                    Some(command) => self.obey(command).await?,
                    None => break,
                },
                done = self.begun.next(link) => done.map_err(BrokerError::new)?,
                message = next(&mut self.messages) => self.deliver(message?)?,
                () = sleep(DEADLINE), if !has_room => return Err(silent()),
            }
        }
        timeout(DEADLINE, self.settle()).await.map_err(|_| silent())?.map_err(BrokerError::new)
    }

    async fn obey(&mut self, command: Command) -> Result<(), BrokerError> {
        match command {
            Command::Subscribe(subscription) => {
                let subscribing = timeout(DEADLINE, self.subscribe(channel(&subscription)?));
                subscribing.await.map_err(|_| silent())??;
                self.link.subscribed(&subscription);
                Ok(())
            }
            Command::Unsubscribe(subscription) => self.unsubscribe(channel(&subscription)?),
            Command::Publish { channel, payload, .. } => {
                let Payload::Bytes(bytes) = payload else { return Err(needs_redis()) };
                self.publish(&channel, bytes.into_owned()).await
            }
            Command::Ping => {
                let channel = self.channel.clone();
                let options = BasicQosOptions::default();
                // It changes nothing, and is answered.
                let ping = async move { channel.basic_qos(AHEAD, options).await };
                self.begun.push(Then::Pong, ping);
                Ok(())
            }
            Command::Disconnect => Err(silent()),
            // Asked in formats that need Redis alone.
            Command::Count { .. } | Command::Keep(_) | Command::Take(_) => Ok(()),
            _ => Err(BrokerError::new("a command that AMQP does not know")),
        }
    }

    async fn subscribe(&mut self, channel: &str) -> Result<(), BrokerError> {
        let Route { exchange, kind, key, .. } = self.ways.route(channel)?;
        self.declare(&exchange, kind).await?;
        let (options, none) = (QueueBindOptions::default(), FieldTable::default());
        let binding = self.channel.queue_bind(self.queue.clone(), exchange, key, options, none);
        binding.await.map_err(BrokerError::new)?;
        self.channels.insert(channel.to_owned());
        Ok(())
    }

    fn unsubscribe(&mut self, name: &str) -> Result<(), BrokerError> {
        self.channels.remove(name);
        let Route { exchange, key, .. } = self.ways.route(name)?;
        let (channel, queue) = (self.channel.clone(), self.queue.clone());
        let none = FieldTable::default();
        let unbinding = async move { channel.queue_unbind(queue, exchange, key, none).await };
        self.begun.push(Then::Nothing, unbinding);
        Ok(())
    }

    async fn publish(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), BrokerError> {
        let Route { exchange, kind, key, properties } = self.ways.route(name)?;
        if !self.exchanges.contains(&exchange) {
            let declaring = timeout(DEADLINE, self.declare(&exchange, kind));
            declaring.await.map_err(|_| silent())??;
        }
        let (channel, options) = (self.channel.clone(), BasicPublishOptions::default());
        let then = Then::Published { bytes: bytes.len() };
        let publishing = async move {
            let publishing = channel.basic_publish(exchange, key, options, &bytes, properties);
            match publishing.await?.await? {
                Confirmation::Ack(_) | Confirmation::NotRequested => Ok(()),
                Confirmation::Nack(_) => Err(std::io::Error::other("a message was refused").into()),
            }
        };
        self.begun.push(then, publishing);
        Ok(())
    }

    /// Declares an exchange as python-socketio does: what is declared in another way is an error of AMQP.
    async fn declare(
        &mut self,
        exchange: &ShortString,
        kind: ExchangeKind,
    ) -> Result<(), BrokerError> {
        let (options, none) = (ExchangeDeclareOptions::default(), FieldTable::default());
        let declaring = self.channel.exchange_declare(exchange.clone(), kind, options, none);
        declaring.await.map_err(BrokerError::new)?;
        self.exchanges.insert(exchange.clone());
        Ok(())
    }

    /// Hands over a message and what came with it, and acknowledges all of them.
    fn deliver(&mut self, mut message: Delivery) -> Result<(), BrokerError> {
        let mut context = Context::from_waker(Waker::noop());
        for _ in 1..BATCH {
            self.hand_over(&message);
            match Pin::new(&mut self.messages).poll_next(&mut context) {
                Poll::Ready(Some(Ok(next))) => message = next,
                Poll::Ready(Some(Err(error))) => return Err(BrokerError::new(error)),
                Poll::Ready(None) => return Err(closed()),
                Poll::Pending => {
                    self.acknowledge(message);
                    return Ok(());
                }
            }
        }
        self.hand_over(&message);
        self.acknowledge(message);
        Ok(())
    }

    fn hand_over(&self, message: &Delivery) {
        let channel = self.ways.channel(message);
        if self.channels.contains(&channel) {
            self.link.delivered(&channel, &Payload::from(&message.data[..]));
        }
    }

    fn acknowledge(&mut self, last: Delivery) {
        let acknowledging = async move {
            last.acker.ack(BasicAckOptions { multiple: true }).await?;
            Ok(())
        };
        self.begun.push(Then::Nothing, acknowledging);
    }

    /// Waits until everything is confirmed, and closes the connection.
    async fn settle(&mut self) -> lapin::Result<()> {
        while !self.begun.is_empty() {
            self.begun.next(self.link).await?;
        }
        self.connection.close(200, "OK".into()).await
    }
}

async fn next(messages: &mut Consumer) -> Result<Delivery, BrokerError> {
    let message = poll_fn(|context| Pin::new(&mut *messages).poll_next(context)).await;
    message.ok_or_else(closed)?.map_err(BrokerError::new)
}

fn channel(subscription: &Subscription) -> Result<&str, BrokerError> {
    match subscription {
        Subscription::Exact(channel) => Ok(channel),
        Subscription::Counted(_) | Subscription::Pattern(_) | Subscription::Stream(_) => {
            Err(needs_redis())
        }
    }
}

pub(crate) fn needs_redis() -> BrokerError {
    BrokerError::new("the format of the cluster needs Redis")
}

fn closed() -> BrokerError {
    BrokerError::new("the server closed the connection")
}
