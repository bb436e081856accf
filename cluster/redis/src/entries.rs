//! Entries of streams.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError, Value};
use sansocket_bus::{BrokerError, Entry, Link, Payload, Subscription};
use tokio::time::timeout;

use crate::server::Server;

/// How far each stream was read, whatever becomes of connections.
#[derive(Debug, Default)]
pub(crate) struct Positions(Mutex<HashMap<Box<str>, Id>>);

/// The id of an entry: `milliseconds-number`.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
struct Id(u64, u64);

impl Id {
    /// Before every entry.
    const START: Self = Self(0, 0);

    fn read(value: &Value) -> Option<Self> {
        let text = String::from_redis_value_ref(value).ok()?;
        let (time, number) = text.split_once('-')?;
        Some(Self(time.parse().ok()?, number.parse().ok()?))
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.0, self.1)
    }
}

impl Positions {
    fn of(&self, stream: &str) -> Option<Id> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(stream).copied()
    }

    fn set(&self, stream: &str, id: Id) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.into(), id);
    }

    /// Forgets how far a stream was read that is not wanted any more.
    pub(crate) fn forget(&self, stream: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(stream);
    }
}

/// Reads a stream on a connection of its own, from where it was read last, or from now on.
pub(crate) async fn read(
    server: Server,
    stream: String,
    positions: Arc<Positions>,
    link: Link,
) -> Result<Infallible, BrokerError> {
    let begin = async {
        let mut connection = server.open(None).await?;
        let range = Range::of(&mut connection, &stream).await?;
        Ok::<_, RedisError>((connection, range))
    };
    let (mut connection, range) = in_time(PATIENCE, begin).await?;
    let mut position = range.resume(positions.of(&stream), &stream, &link);
    positions.set(&stream, position);
    link.subscribed(&Subscription::Stream(stream.clone()));
    loop {
        let ask = more(&stream, position);
        let reply = in_time(BLOCK + PATIENCE, connection.send_packed_command(&ask)).await?;
        let Some(entries) = entries_of(reply)? else { continue };
        // They count as read before they are handed over: none is delivered twice.
        if let Some(last) = entries.last().and_then(id_of) {
            position = last;
            positions.set(&stream, position);
        }
        for entry in &entries {
            link.delivered(&stream, &Payload::Entry(fields_of(entry)));
        }
    }
}

/// What a stream has.
struct Range {
    /// The first entry that is there.
    first: Option<Id>,
    /// The last entry that was added.
    last: Id,
}

impl Range {
    async fn of(connection: &mut MultiplexedConnection, stream: &str) -> Result<Self, RedisError> {
        let ask = redis::cmd("XINFO").arg("STREAM").arg(stream).take();
        let reply = connection.send_packed_command(&ask).await?;
        if matches!(&reply, Value::ServerError(error) if error.details() == Some("no such key")) {
            return Ok(Self { first: None, last: Id::START });
        }
        let fields = HashMap::<String, Value>::from_redis_value(reply.extract_error()?)?;
        Ok(Self {
            first: fields.get("first-entry").and_then(id_of),
            last: fields.get("last-generated-id").and_then(Id::read).unwrap_or_default(),
        })
    }

    /// Returns from where on the stream is read, if it was read so far before. The log tells what may be missing.
    fn resume(&self, position: Option<Id>, stream: &str, link: &Link) -> Id {
        match position {
            None => self.last,
            Some(position) if position > self.last => {
                link.warn(&format!("the stream {stream} began anew: it is read from its start"));
                Id::START
            }
            Some(position) => {
                if position != Id::START && self.first.is_some_and(|first| first > position) {
                    link.warn(&format!(
                        "entries of the stream {stream} may be lost: it was trimmed behind {position}, up to where \
                         it was read"
                    ));
                }
                position
            }
        }
    }
}

fn more(stream: &str, position: Id) -> Cmd {
    let mut ask = redis::cmd("XREAD");
    ask.arg("COUNT").arg(COUNT).arg("BLOCK").arg(BLOCK.as_millis() as u64);
    ask.arg("STREAMS").arg(stream).arg(position.to_string());
    ask
}

/// Reads `{stream: entries}`. There is nothing when no entry came in time.
fn entries_of(reply: Value) -> Result<Option<Vec<Value>>, BrokerError> {
    if reply == Value::Nil {
        return Ok(None);
    }
    if let Value::ServerError(error) = reply {
        return Err(BrokerError::new(error));
    }
    if let Value::Map(streams) = reply
        && let Some((_, Value::Array(entries))) = streams.into_iter().next()
    {
        return Ok(Some(entries));
    }
    Err(BrokerError::new("XREAD has another form"))
}

/// Reads the id of `[id, fields]`.
fn id_of(entry: &Value) -> Option<Id> {
    let Value::Array(parts) = entry else { return None };
    Id::read(parts.first()?)
}

/// Reads the fields of `[id, [name, value, …]]`. Those that are missing are empty: the reader of messages judges.
fn fields_of(entry: &Value) -> Entry<'_> {
    let empty = || Cow::Borrowed(&[][..]);
    let mut read = Entry { uid: empty(), nsp: empty(), kind: empty(), data: empty() };
    let Value::Array(parts) = entry else { return read };
    let Some(Value::Array(fields)) = parts.get(1) else { return read };
    for pair in fields.chunks_exact(2) {
        let [Value::BulkString(name), Value::BulkString(value)] = pair else { continue };
        let field = match &**name {
            b"uid" => &mut read.uid,
            b"nsp" => &mut read.nsp,
            b"type" => &mut read.kind,
            b"data" => &mut read.data,
            _ => continue,
        };
        *field = Cow::Borrowed(value);
    }
    read
}

async fn in_time<T>(
    time: Duration,
    work: impl Future<Output = Result<T, RedisError>>,
) -> Result<T, BrokerError> {
    match timeout(time, work).await {
        Ok(outcome) => outcome.map_err(BrokerError::new),
        Err(_) => Err(BrokerError::new("the connection that reads a stream gets no answer")),
    }
}

/// Entries of one reply.
const COUNT: u32 = 100;

/// How long Redis waits for an entry before it answers that there is none.
const BLOCK: Duration = Duration::from_secs(5);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
