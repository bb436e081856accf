//! What is done on one connection.

use async_nats::{Client, Subscriber};
use futures_core::Stream as _;
use sansocket_bus::{BrokerError, Command, Link, Payload, Subscription};
use std::collections::HashMap;
use std::future::poll_fn;
use std::mem;
use std::pin::Pin;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::{self, JoinHandle, unconstrained};
use tokio::time::timeout;

use crate::news::News;
use crate::subject::subject;

/// How long it may take to connect to a server, to write a message, and to have the last ones confirmed.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// What is done on one connection.
///
/// NATS confirms nothing. But it acts on what a connection sends in its order: a message to an inbox of our own,
/// the mark, comes back when everything before it is done. One mark is on its way at a time.
pub(crate) struct Session<'l> {
    client: Client,
    link: &'l Link,
    inbox: String,
    marks: Subscriber,
    /// What was done since the last mark.
    done: Done,
    /// What was done before the mark that is on its way.
    marked: Option<Done>,
    /// Who hands over the messages of each channel.
    channels: HashMap<String, JoinHandle<()>>,
}

#[derive(Default)]
struct Done {
    published: u64,
    subscribed: Vec<Subscription>,
    pings: u64,
}

impl<'l> Session<'l> {
    pub(crate) async fn begin(client: Client, link: &'l Link) -> Result<Self, BrokerError> {
        let inbox = client.new_inbox();
        let marks = client.subscribe(inbox.clone()).await.map_err(BrokerError::new)?;
        link.connected(Some(client.max_payload()));
        let (done, channels) = (Done::default(), HashMap::new());
        Ok(Self { client, link, inbox, marks, done, marked: None, channels })
    }

    /// Does what the link says, and heeds the news of the connection.
    pub(crate) async fn run(
        mut self,
        mut news: UnboundedReceiver<News>,
    ) -> Result<(), BrokerError> {
        let link = self.link;
        loop {
            tokio::select! {
                command = link.next() => match command {
                    Some(command) => self.obey(command).await?,
                    None => break,
                },
                () = came(&mut self.marks) => self.confirm(),
                Some(heard) = news.recv() => heard.heed(&mut news, link)?,
            }
            self.mark().await?;
        }
        let settling = timeout(DEADLINE, self.settle());
        tokio::pin!(settling);
        loop {
            tokio::select! {
                settled = &mut settling => return settled.unwrap_or_else(|_| Err(stuck())),
                Some(heard) = news.recv() => heard.heed(&mut news, link)?,
            }
        }
    }

    async fn obey(&mut self, command: Command) -> Result<(), BrokerError> {
        match command {
            Command::Subscribe(subscription) => self.subscribe(subscription).await,
            Command::Unsubscribe(subscription) => {
                if let Some(task) = self.channels.remove(channel(&subscription)?) {
                    task.abort();
                }
                Ok(())
            }
            Command::Publish { channel, payload, .. } => {
                let Payload::Bytes(bytes) = payload else { return Err(needs_redis()) };
                self.done.published += 1;
                self.publish(subject(&channel), bytes.into_owned()).await
            }
            Command::Ping => {
                self.done.pings += 1;
                Ok(())
            }
            Command::Disconnect => Err(BrokerError::new("the server does not answer")),
            // Asked in formats that need Redis alone.
            Command::Count { .. } | Command::Keep(_) | Command::Take(_) => Ok(()),
            _ => Err(BrokerError::new("a command that NATS does not know")),
        }
    }

    async fn subscribe(&mut self, subscription: Subscription) -> Result<(), BrokerError> {
        let channel = channel(&subscription)?.to_owned();
        let subscribing = self.client.subscribe(subject(&channel));
        let messages = timeout(DEADLINE, subscribing).await.map_err(|_| stuck())?;
        let messages = messages.map_err(BrokerError::new)?;
        // All that came, before the library reads on: it would drop what it has no place for.
        let delivering = unconstrained(deliver(messages, channel.clone(), self.link.clone()));
        let task = task::spawn(delivering);
        if let Some(former) = self.channels.insert(channel, task) {
            former.abort();
        }
        self.done.subscribed.push(subscription);
        Ok(())
    }

    async fn publish(&self, subject: String, bytes: Vec<u8>) -> Result<(), BrokerError> {
        let publishing = self.client.publish(subject, bytes.into());
        timeout(DEADLINE, publishing).await.map_err(|_| stuck())?.map_err(BrokerError::new)
    }

    /// Sends a mark, if none is on its way and there is something to confirm.
    async fn mark(&mut self) -> Result<(), BrokerError> {
        if self.marked.is_none() && !self.done.is_nothing() {
            self.publish(self.inbox.clone(), Vec::new()).await?;
            self.marked = Some(mem::take(&mut self.done));
        }
        Ok(())
    }

    /// A mark came back.
    fn confirm(&mut self) {
        let Done { published, subscribed, pings } = self.marked.take().unwrap_or_default();
        subscribed.iter().for_each(|subscription| self.link.subscribed(subscription));
        (0..pings).for_each(|_| self.link.pong());
        (0..published).for_each(|_| self.link.published(None));
    }

    /// Waits until everything is confirmed.
    async fn settle(&mut self) -> Result<(), BrokerError> {
        while self.marked.is_some() {
            came(&mut self.marks).await;
            self.confirm();
            self.mark().await?;
        }
        Ok(())
    }
}

impl Done {
    fn is_nothing(&self) -> bool {
        self.published == 0 && self.subscribed.is_empty() && self.pings == 0
    }
}

/// Hands over the messages of a channel.
async fn deliver(mut messages: Subscriber, channel: String, link: Link) {
    while let Some(message) = poll_fn(|cx| Pin::new(&mut messages).poll_next(cx)).await {
        link.delivered(&channel, &Payload::from(&message.payload[..]));
    }
}

/// Waits for a mark: for ever when the connection ended, which is told elsewhere.
async fn came(marks: &mut Subscriber) {
    if poll_fn(|cx| Pin::new(&mut *marks).poll_next(cx)).await.is_none() {
        std::future::pending().await
    }
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

fn stuck() -> BrokerError {
    BrokerError::new("the server reads nothing")
}
