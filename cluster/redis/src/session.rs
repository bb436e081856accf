//! One time that Redis is connected, from its begin to its end.

use std::collections::HashMap;
use std::convert::Infallible;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::task::{Context, Poll};
use std::time::Duration;

use redis::{RedisError, TlsCertificates, Value};
use sansocket_bus::{BrokerError, Command, Link, Subscription, Take};
use tokio::time::{Sleep, sleep, timeout};

use crate::batch::Draft;
use crate::entries::{self, Positions};
use crate::keys::{self, Places};
use crate::place::Place;
use crate::publisher::Publisher;
use crate::server::Servers;
use crate::subscriber::{Lost, Subscriber, Wish, end_of_publisher, messages};

/// Which kind of channels messages go by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Channels {
    /// All servers of a Redis Cluster tell their subscribers.
    Plain,
    /// Those servers that have the slot of a channel tell their subscribers.
    Sharded,
}

/// Connects, and does what a link says until the connection is lost, or the link is closed and done.
pub(crate) async fn run(
    place: &Place,
    tls: Option<&TlsCertificates>,
    channels: Channels,
    positions: &Arc<Positions>,
    link: &Link,
) -> Result<(), BrokerError> {
    let connect = connect(place, tls, channels, positions, link);
    let mut connect = pin!(timeout(TO_CONNECT, connect));
    let connected = poll_fn(|context| match connect.as_mut().poll(context) {
        Poll::Ready(outcome) => Poll::Ready(Some(outcome)),
        Poll::Pending => link.poll_closed(context).map(|()| None),
    });
    let mut session = match connected.await {
        Some(Ok(session)) => session.map_err(BrokerError::new)?,
        Some(Err(_)) => return Err(BrokerError::new("no answer in 5 s")),
        None => return Ok(()),
    };
    link.connected(Some(LARGEST));
    poll_fn(|context| session.poll(context)).await
}

async fn connect<'l>(
    place: &Place,
    tls: Option<&TlsCertificates>,
    channels: Channels,
    positions: &Arc<Positions>,
    link: &'l Link,
) -> Result<Session<'l>, RedisError> {
    let servers = place.find(tls).await?;
    let lost = Arc::new(Lost::default());
    let leaving = Arc::new(AtomicUsize::new(0));
    let (mut publishers, mut subscribers) = (Vec::new(), Vec::new());
    for server in servers.iter() {
        publishers.push(server.open(Some(end_of_publisher(Arc::clone(&lost)))).await?);
        if subscribers.is_empty() || channels == Channels::Sharded {
            let push = messages(link.clone(), Arc::clone(&lost), Arc::clone(&leaving));
            subscribers.push(server.open(Some(push)).await?);
        }
    }
    Ok(Session {
        link,
        channels,
        servers,
        positions: Arc::clone(positions),
        publisher: Publisher::new(publishers),
        subscriber: Subscriber::new(subscribers, channels, leaving),
        readers: HashMap::new(),
        takes: Vec::new(),
        pings: Vec::new(),
        lost: Box::pin(async move { lost.wait().await }),
        work: Work::Open,
        stall: None,
    })
}

/// One time that Redis is connected.
struct Session<'l> {
    link: &'l Link,
    channels: Channels,
    servers: Servers,
    positions: Arc<Positions>,
    publisher: Publisher,
    subscriber: Subscriber,
    /// Streams that are read.
    readers: HashMap<String, Task<Result<Infallible, BrokerError>>>,
    /// Values that are being taken. The node bounds their number.
    takes: Vec<Task<()>>,
    /// Signs of life that were asked for; none while nobody waits for one.
    pings: Vec<Task<Result<Value, RedisError>>>,
    lost: Task<BrokerError>,
    work: Work,
    /// Runs while nothing more is sent before Redis answers.
    stall: Option<Pin<Box<Sleep>>>,
}

type Task<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Whether commands are to be expected.
#[derive(Clone, Copy, Eq, PartialEq)]
enum Work {
    Open,
    /// The link is closed: what was sent has to be answered.
    Closing,
}

impl Session<'_> {
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BrokerError>> {
        match self.step(context) {
            Ok(()) if self.work == Work::Closing && self.publisher.is_idle() => Poll::Ready(Ok(())),
            Ok(()) => Poll::Pending,
            Err(error) => Poll::Ready(Err(error)),
        }
    }

    /// Does whatever can be done now.
    fn step(&mut self, context: &mut Context<'_>) -> Result<(), BrokerError> {
        loop {
            if self.publisher.poll(context, self.link)? {
                self.stall = None;
            }
            if let Poll::Ready(why) = self.lost.as_mut().poll(context) {
                return Err(why);
            }
            if self.work == Work::Closing
                || self.publisher.room() == 0
                || self.take(context)?.is_pending()
            {
                break;
            }
        }
        // What was taken is written at the first look.
        self.publisher.poll(context, self.link)?;
        self.subscriber.poll(context, self.link)?;
        self.poll_pings(context)?;
        self.takes.retain_mut(|take| take.as_mut().poll(context).is_pending());
        for reader in self.readers.values_mut() {
            if let Poll::Ready(Err(why)) = reader.as_mut().poll(context) {
                return Err(why);
            }
        }
        self.poll_stall(context)
    }

    /// Takes the commands that are ready, and sends them in one go. Pending means that there are no more.
    fn take(&mut self, context: &mut Context<'_>) -> Result<Poll<()>, BrokerError> {
        let mut draft = Draft::new(&self.servers);
        let mut wishes = Vec::new();
        let room = self.publisher.room();
        let mut more = Poll::Ready(());
        while draft.bytes() < room && draft.len() < COMMANDS {
            match self.link.poll_next(context) {
                Poll::Ready(Some(Command::Publish { channel, payload, length })) => {
                    draft.publish((&channel, &payload, length), self.channels, &self.servers);
                }
                Poll::Ready(Some(Command::Count { channel })) => {
                    draft.count(channel, self.channels, &self.servers);
                }
                Poll::Ready(Some(Command::Subscribe(Subscription::Stream(stream)))) => {
                    self.read(stream);
                }
                Poll::Ready(Some(Command::Unsubscribe(Subscription::Stream(stream)))) => {
                    self.readers.remove(&stream);
                    self.positions.forget(&stream);
                }
                Poll::Ready(Some(Command::Subscribe(subscription))) => {
                    wishes.push((Wish::Begin, subscription));
                }
                Poll::Ready(Some(Command::Unsubscribe(subscription))) => {
                    wishes.push((Wish::End, subscription));
                }
                Poll::Ready(Some(Command::Keep(keep))) => draft.keep(&keep, &self.servers),
                Poll::Ready(Some(Command::Take(take))) => self.start_to_take(take),
                Poll::Ready(Some(Command::Ping)) => self.ping(),
                Poll::Ready(Some(Command::Disconnect)) => {
                    return Err(BrokerError::new("no answer in time"));
                }
                Poll::Ready(Some(_)) => {
                    return Err(BrokerError::new("Redis has no such command"));
                }
                Poll::Ready(None) => {
                    self.work = Work::Closing;
                    break;
                }
                Poll::Pending => {
                    more = Poll::Pending;
                    break;
                }
            }
        }
        if !draft.is_empty() {
            self.publisher.send(draft, &self.servers);
        }
        if !wishes.is_empty() {
            self.subscriber.send(wishes, &self.servers);
        }
        Ok(more)
    }

    fn read(&mut self, stream: String) {
        if let Some(server) = self.servers.of(&stream) {
            let positions = Arc::clone(&self.positions);
            let reader =
                entries::read(server.clone(), stream.clone(), positions, self.link.clone());
            self.readers.insert(stream, Box::pin(reader));
        }
    }

    fn start_to_take(&mut self, take: Take) {
        let connection =
            |key: &str| self.publisher.connections().get(self.servers.owner(key)).cloned();
        if let (Some(key), Some(stream)) = (connection(&take.key), connection(&take.stream)) {
            let (positions, link) = (Arc::clone(&self.positions), self.link.clone());
            self.takes.push(Box::pin(keys::take(take, Places { key, stream }, positions, link)));
        }
    }

    /// Asks every connection for a sign of life, unless it is being asked already. The readers of streams look for
    /// themselves.
    fn ping(&mut self) {
        if self.pings.is_empty() {
            let connections =
                self.publisher.connections().iter().chain(self.subscriber.connections());
            for mut connection in connections.cloned() {
                self.pings.push(Box::pin(async move {
                    connection.send_packed_command(&redis::cmd("PING")).await
                }));
            }
        }
    }

    fn poll_pings(&mut self, context: &mut Context<'_>) -> Result<(), BrokerError> {
        let mut n = 0;
        while let Some(ping) = self.pings.get_mut(n) {
            match ping.as_mut().poll(context) {
                Poll::Ready(answer) => {
                    answer.map_err(BrokerError::new)?;
                    drop(self.pings.swap_remove(n));
                    if self.pings.is_empty() {
                        self.link.pong();
                    }
                }
                Poll::Pending => n += 1,
            }
        }
        Ok(())
    }

    /// While nothing more is sent, [`Command::Disconnect`] is not seen: so answers have a deadline then.
    fn poll_stall(&mut self, context: &mut Context<'_>) -> Result<(), BrokerError> {
        if self.work == Work::Open && self.publisher.room() > 0 {
            self.stall = None;
            return Ok(());
        }
        let time = match self.work {
            Work::Open => TO_ANSWER,
            Work::Closing => TO_END,
        };
        let stall = self.stall.get_or_insert_with(|| Box::pin(sleep(time)));
        match stall.as_mut().poll(context) {
            Poll::Ready(()) => Err(BrokerError::new("what is written makes no progress")),
            Poll::Pending => Ok(()),
        }
    }
}

/// How long it may take to find the servers, connect, agree on TLS and log in.
const TO_CONNECT: Duration = Duration::from_secs(5);

/// How long answers may take while nothing more is sent.
const TO_ANSWER: Duration = Duration::from_secs(5);

/// How long each answer may take once the link is closed: a process that ends waits for it.
const TO_END: Duration = Duration::from_secs(2);

/// Commands of one batch.
const COMMANDS: usize = 1024;

/// The longest string that Redis takes, unless it is told otherwise (`proto-max-bulk-len`).
const LARGEST: usize = 512 * 1024 * 1024;
