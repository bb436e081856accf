//! What is done on one connection.

use futures_core::Stream as _;
use lapin::message::Delivery;
use lapin::options::{
    BasicAckOptions, BasicPublishOptions, BasicQosOptions, ConfirmSelectOptions,
    ExchangeDeclareOptions, QueueBindOptions, QueueDeleteOptions,
};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Confirmation, Connection, Consumer, ExchangeKind};
use sansocket_bus::{BrokerError, Command, Link, Payload, Subscription};
use std::collections::HashSet;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use tokio::time::{sleep, timeout};

use crate::amqp::{DEADLINE, silent};
use crate::begun::{Begun, Then};
use crate::queue::{AHEAD, Queue};
use crate::route::{Route, Ways};

/// Messages that are acknowledged together at most.
const BATCH: usize = 128;

/// What is done on one connection.
pub(crate) struct Session<'l> {
    link: &'l Link,
    ways: Ways,
    connection: Connection,
    channel: Channel,
    queue: &'l mut Queue,
    messages: Consumer,
    /// The exchanges that were declared.
    exchanges: HashSet<ShortString>,
    begun: Begun,
}

impl<'l> Session<'l> {
    pub(crate) async fn begin(
        connection: Connection,
        link: &'l Link,
        ways: Ways,
        queue: &'l mut Queue,
    ) -> lapin::Result<Self> {
        let channel = connection.create_channel().await?;
        channel.confirm_select(ConfirmSelectOptions::default()).await?;
        channel.basic_qos(AHEAD, BasicQosOptions::default()).await?;
        let messages = queue.read(&channel, ways).await?;
        let (exchanges, begun) = (HashSet::new(), Begun::default());
        Ok(Self { link, ways, connection, channel, queue, messages, exchanges, begun })
    }

    /// Does what the link says.
    pub(crate) async fn run(mut self) -> Result<(), BrokerError> {
        let link = self.link;
        self.resume().await?;
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

    /// Subscribes to what is still wanted, and ends what was given up while there was no connection: the queue may have
    /// outlived it.
    async fn resume(&mut self) -> Result<(), BrokerError> {
        let former = mem::take(&mut self.queue.channels);
        let outcome = self.subscribe_first().await;
        for channel in former {
            if outcome.is_err() {
                self.queue.channels.insert(channel);
            } else if !self.queue.channels.contains(&channel) {
                self.unsubscribe(&channel)?;
            }
        }
        outcome
    }

    /// Obeys as long as there is something to subscribe to: all of it comes at once, and before anything else.
    async fn subscribe_first(&mut self) -> Result<(), BrokerError> {
        let mut context = Context::from_waker(Waker::noop());
        while let Poll::Ready(Some(command)) = self.link.poll_next(&mut context) {
            let is_wish = matches!(command, Command::Subscribe(_) | Command::Unsubscribe(_));
            self.obey(command).await?;
            if !is_wish {
                break;
            }
        }
        Ok(())
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
        let name = self.queue.name.clone();
        let binding = self.channel.queue_bind(name, exchange, key, options, none);
        binding.await.map_err(BrokerError::new)?;
        self.queue.channels.insert(channel.to_owned());
        Ok(())
    }

    fn unsubscribe(&mut self, name: &str) -> Result<(), BrokerError> {
        self.queue.channels.remove(name);
        let Route { exchange, key, .. } = self.ways.route(name)?;
        let (channel, queue) = (self.channel.clone(), self.queue.name.clone());
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

    fn hand_over(&mut self, message: &Delivery) {
        let channel = self.ways.channel(message);
        if !self.queue.channels.contains(&channel) {
            return;
        }
        // The queue of python-socketio is never read by a second connection.
        if let Ways::Direct = self.ways {
            if message.redelivered && self.queue.has_noted(&message.data) {
                return;
            }
            self.queue.note(&message.data);
        }
        self.link.delivered(&channel, &Payload::from(&message.data[..]));
    }

    fn acknowledge(&mut self, last: Delivery) {
        let acknowledging = async move {
            last.acker.ack(BasicAckOptions { multiple: true }).await?;
            Ok(())
        };
        self.begun.push(Then::Nothing, acknowledging);
    }

    /// Waits until everything is confirmed, and closes the connection. Nobody comes back for the queue.
    async fn settle(&mut self) -> lapin::Result<()> {
        while !self.begun.is_empty() {
            self.begun.next(self.link).await?;
        }
        let (name, options) = (self.queue.name.clone(), QueueDeleteOptions::default());
        self.channel.queue_delete(name, options).await?;
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
