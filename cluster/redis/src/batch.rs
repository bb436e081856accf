//! Commands that leave in one go, and what comes back.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::vec::IntoIter;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, Pipeline, RedisError, ServerErrorKind, Value};
use sansocket_bus::{BrokerError, Entry, Keep, Link, Payload};

use crate::keys;
use crate::replica::Replica;
use crate::server::Servers;
use crate::session::Channels;

/// Replies of one server, once they came.
pub(crate) type Replies = Pin<Box<dyn Future<Output = Result<Vec<Value>, RedisError>> + Send>>;

/// Writes the commands of a pipeline, and waits for their replies.
pub(crate) fn send(connection: &MultiplexedConnection, pipeline: Pipeline) -> Replies {
    let mut connection = connection.clone();
    Box::pin(async move {
        let count = pipeline.len();
        connection.send_packed_commands(&pipeline, 0, count).await
    })
}

/// Commands that are to leave in one go.
#[derive(Debug)]
pub(crate) struct Draft {
    /// One for each server, and one for each replica.
    pipelines: Vec<Pipeline>,
    replies: Vec<Reply>,
    bytes: usize,
}

/// What the reply to a command tells.
#[derive(Debug)]
enum Reply {
    /// How many subscribers got a message: this server has all of them.
    Published { server: usize },
    /// That a server took a message, which other servers may have subscribers of, or an entry of a stream.
    Taken { server: usize },
    /// That a server keeps a value.
    Kept { server: usize },
    /// How many subscribers a channel has at these servers; replicas are numbered after their masters.
    Counted { channel: String, servers: Vec<usize> },
}

impl Draft {
    pub(crate) fn new(servers: &Servers) -> Self {
        let count = servers.iter().count() + servers.replicas().len();
        let pipelines = (0..count).map(|_| Pipeline::new()).collect();
        Self { pipelines, replies: Vec::new(), bytes: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.replies.is_empty()
    }

    /// Returns the number of commands.
    pub(crate) fn len(&self) -> usize {
        self.replies.len()
    }

    /// Returns the bytes of the messages.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Adds a message, or an entry of a stream that keeps about so many.
    pub(crate) fn publish(
        &mut self,
        (channel, payload, length): (&str, &Payload<'_>, u64),
        channels: Channels,
        servers: &Servers,
    ) {
        match payload {
            Payload::Bytes(bytes) => {
                let (name, server) = match channels {
                    Channels::Plain => ("PUBLISH", 0),
                    Channels::Sharded => ("SPUBLISH", servers.owner(channel)),
                };
                let mut command = Cmd::with_capacity(3, bytes.len() + channel.len() + name.len());
                command.arg(name).arg(channel).arg(&**bytes);
                self.bytes += bytes.len();
                let reply = match self.has_all(server, channels, servers) {
                    true => Reply::Published { server },
                    false => Reply::Taken { server },
                };
                self.push(server, command, reply);
            }
            Payload::Entry(entry) => {
                let server = servers.owner(channel);
                self.bytes += entry.data.len();
                self.push(server, add(channel, entry, length), Reply::Taken { server });
            }
        }
    }

    /// Adds a value that is to be kept.
    pub(crate) fn keep(&mut self, keep: &Keep, servers: &Servers) {
        let server = servers.owner(&keep.key);
        self.bytes += keep.value.len();
        self.push(server, keys::keep(keep), Reply::Kept { server });
    }

    /// Adds a question for the number of subscribers.
    pub(crate) fn count(&mut self, channel: String, channels: Channels, servers: &Servers) {
        let masters = servers.iter().count();
        let (name, asked) = match channels {
            Channels::Plain => ("NUMSUB", (0..self.pipelines.len()).collect()),
            Channels::Sharded => {
                let owner = servers.owner(&channel);
                let replicas = servers.replicas().iter().enumerate();
                let replicas = replicas.filter(|(_, replica)| replica.master == owner);
                let numbers = replicas.map(|(n, _)| masters + n);
                ("SHARDNUMSUB", [owner].into_iter().chain(numbers).collect::<Vec<_>>())
            }
        };
        for server in &asked {
            if let Some(pipeline) = self.pipelines.get_mut(*server) {
                pipeline.cmd("PUBSUB").arg(name).arg(&channel);
            }
        }
        self.replies.push(Reply::Counted { channel, servers: asked });
    }

    /// Sends everything: to servers by their connections, to replicas by those that they keep.
    pub(crate) fn send(self, connections: &[MultiplexedConnection], replicas: &[Replica]) -> Batch {
        let masters = connections.len();
        let parts = self.pipelines.into_iter().enumerate().map(|(n, pipeline)| {
            if pipeline.is_empty() {
                return Part::Done(Vec::new());
            }
            match (connections.get(n), replicas.get(n.wrapping_sub(masters))) {
                (Some(connection), _) => Part::Waiting(send(connection, pipeline)),
                (None, Some(replica)) => Part::Waiting(replica.ask(pipeline)),
                (None, None) => Part::Done(Vec::new()),
            }
        });
        Batch { parts: parts.collect(), masters, replies: self.replies, bytes: self.bytes }
    }

    /// Whether no other server may have subscribers of what is published at this one.
    fn has_all(&self, server: usize, channels: Channels, servers: &Servers) -> bool {
        match channels {
            Channels::Plain => self.pipelines.len() == 1,
            Channels::Sharded => servers.replicas().iter().all(|replica| replica.master != server),
        }
    }

    fn push(&mut self, server: usize, command: Cmd, reply: Reply) {
        if let Some(pipeline) = self.pipelines.get_mut(server) {
            pipeline.add_command(command);
            self.replies.push(reply);
        }
    }
}

/// Commands that left, and whose replies are on their way.
pub(crate) struct Batch {
    parts: Vec<Part>,
    /// How many of the parts are those of masters: the first ones.
    masters: usize,
    replies: Vec<Reply>,
    bytes: usize,
}

/// The share of one server.
enum Part {
    Waiting(Replies),
    Done(Vec<Value>),
}

impl Batch {
    /// Returns the bytes of the messages.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Completes when all replies came.
    pub(crate) fn poll(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BrokerError>> {
        let mut is_done = true;
        for part in &mut self.parts {
            if let Part::Waiting(replies) = part {
                match replies.as_mut().poll(context) {
                    Poll::Ready(replies) => *part = Part::Done(replies.map_err(BrokerError::new)?),
                    Poll::Pending => is_done = false,
                }
            }
        }
        if is_done { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Tells a link what the replies say.
    pub(crate) fn tell(self, link: &Link) -> Result<(), BrokerError> {
        let mut parts: Vec<IntoIter<Value>> = self
            .parts
            .into_iter()
            .map(|part| match part {
                Part::Done(values) => values.into_iter(),
                Part::Waiting(_) => Vec::new().into_iter(),
            })
            .collect();
        let mut next = |server: usize| parts.get_mut(server).and_then(Iterator::next);
        for reply in self.replies {
            match reply {
                Reply::Published { server } => match accepted(next(server), link)? {
                    Some(value) => link.published(u64::from_redis_value(value).ok()),
                    None => continue,
                },
                Reply::Taken { server } => match accepted(next(server), link)? {
                    Some(_) => link.published(None),
                    None => continue,
                },
                Reply::Kept { server } => {
                    if let Some(Value::ServerError(error)) = next(server) {
                        link.warn(&format!("a client that was lost cannot come back: {error}"));
                    }
                }
                Reply::Counted { channel, servers } => {
                    let mut sum = 0_u64;
                    for server in servers {
                        let number = match (next(server), server < self.masters) {
                            // A replica that is away.
                            (None, false) => 0,
                            (reply, _) => subscribers(reply)?,
                        };
                        sum = sum.saturating_add(number);
                    }
                    link.counted(&channel, sum);
                }
            }
        }
        Ok(())
    }
}

/// An entry as `@socket.io/redis-streams-adapter` adds it.
fn add(stream: &str, entry: &Entry<'_>, length: u64) -> Cmd {
    let mut command = Cmd::with_capacity(14, entry.data.len() + stream.len() + 100);
    command.arg("XADD").arg(stream).arg("MAXLEN").arg("~").arg(length).arg("*");
    command.arg("uid").arg(&*entry.uid).arg("nsp").arg(&*entry.nsp);
    command.arg("type").arg(&*entry.kind).arg("data").arg(&*entry.data);
    command
}

/// Returns the reply to a message that was taken. A server that is the wrong one, or not ready, is left.
fn accepted(reply: Option<Value>, link: &Link) -> Result<Option<Value>, BrokerError> {
    match reply {
        Some(Value::ServerError(error)) => match error.kind() {
            Some(
                ServerErrorKind::BusyLoading
                | ServerErrorKind::Moved
                | ServerErrorKind::Ask
                | ServerErrorKind::TryAgain
                | ServerErrorKind::ClusterDown
                | ServerErrorKind::MasterDown
                | ServerErrorKind::ReadOnly,
            ) => Err(BrokerError::new(error)),
            _ if error.code() == "NOAUTH" => Err(BrokerError::new(error)),
            _ => {
                link.refused(&error.to_string());
                Ok(None)
            }
        },
        reply => Ok(reply),
    }
}

/// Reads `[channel, number]`.
fn subscribers(reply: Option<Value>) -> Result<u64, BrokerError> {
    let number = match &reply {
        Some(Value::Array(fields)) => fields.get(1),
        Some(Value::Map(fields)) => fields.first().map(|(_, number)| number),
        _ => None,
    };
    match (number, reply.as_ref()) {
        (Some(number), _) => u64::from_redis_value_ref(number).map_err(BrokerError::new),
        (None, Some(Value::ServerError(error))) => Err(BrokerError::new(error.clone())),
        (None, _) => Err(BrokerError::new("Redis did not count subscribers")),
    }
}
