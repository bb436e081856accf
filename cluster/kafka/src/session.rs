//! What is done on the connections that are made together.

use rskafka::client::Client;
use rskafka::client::error::{Error, ProtocolError};
use rskafka::client::partition::{Compression, OffsetAt, PartitionClient, UnknownTopicHandling};
use sansocket_bus::{BrokerError, Command, Link, Payload, Subscription};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::ready;
use std::mem;
use std::sync::Arc;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{sleep, timeout};

use crate::begun::{Begun, Number, Outcome};
use crate::kafka::{DEADLINE, silent};
use crate::reader::{Channels, Positions, Reader};
use crate::topic::{Topic, Ways};

/// Bytes of messages that may be begun; one message more may be.
const BYTES: usize = 4 * 1024 * 1024;

/// What is done on the connections that are made together.
pub(crate) struct Session<'l> {
    link: &'l Link,
    ways: Ways,
    /// What is read, and made, with: failures are repeated.
    reading: Client,
    /// What is written with: nothing is done twice.
    writing: Client,
    largest: usize,
    channels: Channels,
    /// What was subscribed to and is not confirmed.
    new: Vec<Subscription>,
    positions: Positions,
    topics: HashMap<String, Topic>,
    readers: JoinSet<BrokerError>,
    /// The topics that are read.
    read: Vec<String>,
    requests: JoinSet<Done>,
    begun: Begun,
    /// Bytes of messages that are not confirmed.
    bytes: usize,
}

/// What a request came to.
enum Done {
    Answered(Result<(), Error>),
    Written {
        topic: String,
        index: usize,
        numbers: Vec<Number>,
        bytes: usize,
        outcome: Result<(), Error>,
    },
}

impl<'l> Session<'l> {
    pub(crate) fn new(
        link: &'l Link,
        ways: Ways,
        reading: Client,
        writing: Client,
        largest: usize,
        positions: Positions,
    ) -> Self {
        Self {
            link,
            ways,
            reading,
            writing,
            largest,
            channels: Channels::default(),
            new: Vec::new(),
            positions,
            topics: HashMap::new(),
            readers: JoinSet::new(),
            read: Vec::new(),
            requests: JoinSet::new(),
            begun: Begun::default(),
            bytes: 0,
        }
    }

    /// Does what the link says.
    pub(crate) async fn run(mut self) -> Result<(), BrokerError> {
        let link = self.link;
        loop {
            let has_room = self.begun.has_room() && self.bytes < BYTES;
            tokio::select! {
                biased;
                command = link.next(), if has_room => match command {
                    Some(command) => self.obey(command).await?,
                    None => break,
                },
                // After all subscriptions that are given at once: a reader hands over what is subscribed to, and
                // comes to each record once.
                () = ready(()), if !self.new.is_empty() => {
                    timeout(DEADLINE, self.read()).await.map_err(|_| silent())??;
                }
                Some(done) = self.requests.join_next() => self.finish(done)?,
                Some(ended) = self.readers.join_next() => {
                    return Err(ended.unwrap_or_else(BrokerError::new));
                }
                () = sleep(DEADLINE), if !has_room => return Err(silent()),
            }
        }
        timeout(DEADLINE, self.settle()).await.map_err(|_| silent())?
    }

    async fn obey(&mut self, command: Command) -> Result<(), BrokerError> {
        match command {
            Command::Subscribe(subscription) => {
                self.channels.lock().insert(channel(&subscription)?.to_owned());
                self.new.push(subscription);
                Ok(())
            }
            Command::Unsubscribe(subscription) => {
                self.channels.lock().remove(channel(&subscription)?);
                Ok(())
            }
            Command::Publish { channel, payload, .. } => {
                let Payload::Bytes(bytes) = payload else { return Err(needs_redis()) };
                self.publish(&channel, bytes.into_owned()).await
            }
            Command::Ping => self.ping().await,
            Command::Disconnect => Err(silent()),
            // Asked in formats that need Redis alone.
            Command::Count { .. } | Command::Keep(_) | Command::Take(_) => Ok(()),
            _ => Err(BrokerError::new("a command that Kafka does not know")),
        }
    }

    /// Begins to read the topics of what was subscribed to, and confirms that.
    async fn read(&mut self) -> Result<(), BrokerError> {
        for subscription in mem::take(&mut self.new) {
            let (topic, _) = self.ways.split(channel(&subscription)?);
            if !self.read.iter().any(|read| read == topic) {
                self.read_topic(topic).await?;
                self.read.push(topic.to_owned());
            }
            self.link.subscribed(&subscription);
        }
        Ok(())
    }

    async fn read_topic(&mut self, topic: &str) -> Result<(), BrokerError> {
        for partition in partitions(&self.reading, topic).await? {
            let reader = Reader {
                partition,
                ways: self.ways,
                link: self.link.clone(),
                channels: self.channels.clone(),
                positions: self.positions.clone(),
            };
            reader.begin().await?;
            self.readers.spawn(reader.run());
        }
        Ok(())
    }

    async fn publish(&mut self, channel: &str, bytes: Vec<u8>) -> Result<(), BrokerError> {
        let (name, key) = self.ways.split(channel);
        let length = bytes.len();
        let topic = match self.topics.entry(name.to_owned()) {
            Entry::Occupied(topic) => topic.into_mut(),
            Entry::Vacant(place) => {
                let finding = timeout(DEADLINE, found(&self.reading, &self.writing, name));
                place.insert(Topic::new(finding.await.map_err(|_| silent())??))
            }
        };
        let index = topic.push(self.begun.push(), key, bytes);
        self.bytes += length;
        self.write(name, index);
        Ok(())
    }

    /// Writes what is in line for a partition, if nothing is being written to it.
    fn write(&mut self, name: &str, index: usize) {
        let Some(writer) = self.topics.get_mut(name).and_then(|topic| topic.writer(index)) else {
            return;
        };
        let (numbers, batch) = writer.take(self.largest);
        if batch.is_empty() {
            return;
        }
        let (partition, topic) = (Arc::clone(&writer.partition), name.to_owned());
        let bytes = batch.iter().filter_map(|record| Some(record.value.as_ref()?.len())).sum();
        self.requests.spawn(async move {
            let outcome = partition.produce(batch, Compression::NoCompression).await;
            Done::Written { topic, index, numbers, bytes, outcome: outcome.map(drop) }
        });
    }

    async fn ping(&mut self) -> Result<(), BrokerError> {
        let written = self.topics.values_mut().find_map(|topic| topic.writer(0));
        match written.map(|writer| Arc::clone(&writer.partition)) {
            Some(partition) => {
                self.requests.spawn(async move {
                    Done::Answered(partition.get_offset(OffsetAt::Latest).await.map(drop))
                });
                Ok(())
            }
            None => {
                let listing = timeout(DEADLINE, self.writing.list_topics());
                listing.await.map_err(|_| silent())?.map_err(BrokerError::new)?;
                self.link.pong();
                Ok(())
            }
        }
    }

    fn finish(&mut self, done: Result<Done, JoinError>) -> Result<(), BrokerError> {
        match done.map_err(BrokerError::new)? {
            Done::Answered(outcome) => {
                outcome.map_err(BrokerError::new)?;
                self.link.pong();
            }
            Done::Written { topic, index, numbers, bytes, outcome } => {
                self.bytes -= bytes;
                let outcome = match outcome {
                    Ok(()) => Outcome::Published,
                    Err(error) if is_refusal(&error) => Outcome::Refused(error.to_string()),
                    Err(error) => return Err(BrokerError::new(error)),
                };
                for number in numbers {
                    self.begun.note(number, outcome.clone());
                }
                self.tell();
                if let Some(writer) =
                    self.topics.get_mut(&topic).and_then(|topic| topic.writer(index))
                {
                    writer.done();
                }
                self.write(&topic, index);
            }
        }
        Ok(())
    }

    /// Tells what became of messages, as far as it is known of all before them.
    fn tell(&mut self) {
        while let Some(outcome) = self.begun.pop() {
            match outcome {
                Outcome::Published => self.link.published(None),
                Outcome::Refused(why) => self.link.refused(&why),
            }
        }
    }

    /// Waits until everything is confirmed.
    async fn settle(&mut self) -> Result<(), BrokerError> {
        while let Some(done) = self.requests.join_next().await {
            self.finish(done)?;
        }
        Ok(())
    }
}

/// Finds the partitions of a topic to write to.
async fn found(
    reading: &Client,
    writing: &Client,
    topic: &str,
) -> Result<Vec<PartitionClient>, BrokerError> {
    let mut found = Vec::new();
    for partition in partitions(reading, topic).await? {
        let index = partition.partition();
        let partition = writing.partition_client(topic, index, UnknownTopicHandling::Error).await;
        found.push(partition.map_err(BrokerError::new)?);
    }
    Ok(found)
}

/// Finds the partitions of a topic, which is created if it is missing.
async fn partitions(client: &Client, topic: &str) -> Result<Vec<PartitionClient>, BrokerError> {
    let mut indices = listed(client, topic).await?;
    if indices.is_empty() {
        let creating = client.controller_client().map_err(BrokerError::new)?;
        let millis = i32::try_from(DEADLINE.as_millis()).unwrap_or(i32::MAX);
        let created = creating.create_topic(topic, 1, -1, millis).await;
        // Another process may have been faster. Where topics must not be created, naming one may do it still.
        let first = client.partition_client(topic, 0, UnknownTopicHandling::Retry).await;
        first.map_err(|error| BrokerError::new(created.err().unwrap_or(error)))?;
        indices = listed(client, topic).await?;
    }
    if indices.is_empty() {
        return Err(BrokerError::new(format!("the topic {topic} has no partitions yet")));
    }
    let mut partitions = Vec::new();
    for index in indices {
        let partition = client.partition_client(topic, index, UnknownTopicHandling::Retry).await;
        partitions.push(partition.map_err(BrokerError::new)?);
    }
    Ok(partitions)
}

/// Returns the partitions of a topic; none when it is not there.
async fn listed(client: &Client, name: &str) -> Result<Vec<i32>, BrokerError> {
    let topics = client.list_topics().await.map_err(BrokerError::new)?;
    let topic = topics.into_iter().find(|topic| topic.name == name);
    Ok(topic.map(|topic| topic.partitions.into_iter().collect()).unwrap_or_default())
}

/// Whether it is the messages that were at fault.
fn is_refusal(error: &Error) -> bool {
    let Error::ServerError { protocol_error, .. } = error else { return false };
    matches!(
        protocol_error,
        ProtocolError::MessageTooLarge
            | ProtocolError::RecordListTooLarge
            | ProtocolError::InvalidRecord
    )
}

fn channel(subscription: &Subscription) -> Result<&str, BrokerError> {
    match subscription {
        Subscription::Exact(channel) => Ok(channel),
        Subscription::Counted(_) | Subscription::Pattern(_) | Subscription::Stream(_) => {
            Err(needs_redis())
        }
    }
}

fn needs_redis() -> BrokerError {
    BrokerError::new("the format of the cluster needs Redis")
}
