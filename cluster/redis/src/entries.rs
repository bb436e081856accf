//! Entries of streams.

use std::borrow::Cow;
use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, FromRedisValue, RedisError, Value};
use sansocket_bus::{BrokerError, Entry, EntryId, Link, Payload, Subscription};
use tokio::time::timeout;

use crate::server::Server;

/// How far each stream was read, whatever becomes of connections.
#[derive(Debug, Default)]
pub(crate) struct Positions(Mutex<HashMap<Box<str>, Position>>);

/// How far a stream was read.
#[derive(Clone, Copy, Debug)]
struct Position {
    /// The last entry that was read, or the last one before the subscription.
    last: EntryId,
    /// How many entries the stream had had up to there; nothing where Redis does not count them, before 7.0.
    count: Option<u64>,
}

impl Positions {
    fn of(&self, stream: &str) -> Option<Position> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(stream).copied()
    }

    fn set(&self, stream: &str, position: Position) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(stream.into(), position);
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
    let mut pace = Pace::Abreast;
    loop {
        let ask = more(&stream, position.last);
        let reply = in_time(BLOCK + PATIENCE, connection.send_packed_command(&ask)).await?;
        let entries = entries_of(reply)?.unwrap_or_default();
        // They count as read before they are handed over: none is delivered twice.
        if let Some(last) = entries.last().and_then(id_of) {
            position.last = last;
            position.count = position.count.map(|count| count.saturating_add(entries.len() as u64));
            positions.set(&stream, position);
        }
        for entry in &entries {
            link.delivered(&stream, &Payload::Entry(fields_of(entry)));
        }
        let before = std::mem::replace(&mut pace, Pace::of(entries.len()));
        // A reader that keeps up asks for nothing more.
        if pace == Pace::Behind || before == Pace::Behind {
            let range = in_time(PATIENCE, Range::of(&mut connection, &stream)).await?;
            position = range.tell_gap(position, &stream, &link);
            positions.set(&stream, position);
        }
    }
}

/// Whether there may be entries that were not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pace {
    /// All were read a moment ago.
    Abreast,
    /// So many came at once that others may have been trimmed.
    Behind,
}

impl Pace {
    fn of(entries: usize) -> Self {
        if entries < MANY { Self::Abreast } else { Self::Behind }
    }
}

/// What a stream has.
#[derive(Clone, Copy, Debug)]
struct Range {
    /// The first entry that is there.
    first: Option<EntryId>,
    /// The last entry that was added.
    last: EntryId,
    /// How many entries there are, and how many there ever were, where Redis counts these.
    length: u64,
    added: Option<u64>,
}

impl Range {
    async fn of(connection: &mut MultiplexedConnection, stream: &str) -> Result<Self, RedisError> {
        let ask = redis::cmd("XINFO").arg("STREAM").arg(stream).take();
        let reply = connection.send_packed_command(&ask).await?;
        if matches!(&reply, Value::ServerError(error) if error.details() == Some("no such key")) {
            return Ok(Self { first: None, last: EntryId::START, length: 0, added: Some(0) });
        }
        let fields = HashMap::<String, Value>::from_redis_value(reply.extract_error()?)?;
        let number = |name| fields.get(name).and_then(|n| u64::from_redis_value_ref(n).ok());
        Ok(Self {
            first: fields.get("first-entry").and_then(id_of),
            last: fields.get("last-generated-id").and_then(read_id).unwrap_or_default(),
            length: number("length").unwrap_or_default(),
            added: number("entries-added"),
        })
    }

    /// Returns from where on the stream is read, if it was read so far before. The link is told what is missing.
    fn resume(&self, position: Option<Position>, stream: &str, link: &Link) -> Position {
        match position {
            None => Position { last: self.last, count: self.added },
            Some(position) if position.last > self.last => {
                link.warn(&format!("the stream {stream} began anew: it is read from its start"));
                let begin = Position { last: EntryId::START, count: self.added.map(|_| 0) };
                self.tell_gap(begin, stream, link)
            }
            Some(position) => self.tell_gap(position, stream, link),
        }
    }

    /// Tells a link of the entries that were trimmed before they were read. Returns a position behind them.
    fn tell_gap(&self, position: Position, stream: &str, link: &Link) -> Position {
        let Some(gap) = self.gap_behind(position) else { return position };
        let (lost, count) = match gap {
            Gap::Counted(lost) => (lost, position.count.map(|count| count.saturating_add(lost))),
            Gap::Uncounted => (1, None),
        };
        link.missed(stream, lost);
        let how_many = match gap {
            Gap::Counted(lost) => lost.to_string(),
            Gap::Uncounted => "an unknown number of".to_owned(),
        };
        link.warn(&format!(
            "{how_many} entries of the stream {stream} were lost: it was trimmed before they were read, behind {}. \
             More were added at once than it keeps",
            position.last
        ));
        Position { count, ..position }
    }

    /// The entries behind a position that are not there any more.
    fn gap_behind(&self, position: Position) -> Option<Gap> {
        let is_trimmed = self.first.is_none_or(|first| first > position.last);
        // Entries up to the position, or up to the first one behind it.
        let known = match (self.added, position.last >= self.last) {
            (Some(added), true) => Some(added),
            (Some(added), false) if is_trimmed => Some(added.saturating_sub(self.length)),
            (Some(_), false) => return None,
            (None, _) => None,
        };
        match (known, position.count) {
            (Some(known), Some(count)) => {
                known.checked_sub(count).filter(|lost| *lost > 0).map(Gap::Counted)
            }
            _ if is_trimmed && position.last < self.last && position.last != EntryId::START => {
                Some(Gap::Uncounted)
            }
            _ => None,
        }
    }
}

/// Entries that were trimmed before they were read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Gap {
    /// So many.
    Counted(u64),
    /// Redis does not count them: there may be some.
    Uncounted,
}

fn more(stream: &str, position: EntryId) -> Cmd {
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
fn id_of(entry: &Value) -> Option<EntryId> {
    let Value::Array(parts) = entry else { return None };
    read_id(parts.first()?)
}

fn read_id(value: &Value) -> Option<EntryId> {
    EntryId::parse(&String::from_redis_value_ref(value).ok()?)
}

/// Reads `[id, [name, value, …]]`. Fields that are missing are empty: the reader of messages judges.
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
const COUNT: usize = 500;

/// Entries that come at once when the reader falls behind. No stream keeps fewer: Redis trims them by the hundred.
const MANY: usize = 64;

/// How long Redis waits for an entry before it answers that there is none.
const BLOCK: Duration = Duration::from_secs(5);

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    use super::*;

    fn id(millis: u64) -> EntryId {
        EntryId { millis, number: 0 }
    }

    /// A stream that has had entries 1 to `added`, and keeps `length` of them.
    fn range(added: u64, length: u64) -> Range {
        let first = (length > 0).then(|| id(added - length + 1));
        Range { first, last: id(added), length, added: Some(added) }
    }

    fn read(last: u64, count: u64) -> Position {
        Position { last: id(last), count: Some(count) }
    }

    #[test]
    fn entries_that_were_trimmed_before_they_were_read_are_counted() {
        for (range, position, gap) in [
            (range(10, 10), read(5, 5), None),
            (range(10, 5), read(5, 5), None),
            (range(10, 4), read(5, 5), Some(1)),
            (range(10, 1), read(5, 5), Some(4)),
            (range(10, 0), read(5, 5), Some(5)),
            // A jump over some that was not noticed when it was made.
            (range(10, 3), read(10, 7), Some(3)),
            (range(10, 8), read(10, 10), None),
            (range(0, 0), read(0, 0), None),
        ] {
            assert_eq!(range.gap_behind(position), gap.map(Gap::Counted), "{range:?} {position:?}");
        }
    }

    #[test]
    fn where_nobody_counts_a_gap_is_suspected() {
        let old = |added, length| Range { added: None, ..range(added, length) };
        let at = |last| Position { last: id(last), count: None };
        assert_eq!(old(10, 5).gap_behind(at(3)), Some(Gap::Uncounted));
        assert_eq!(old(10, 5).gap_behind(at(6)), None);
        assert_eq!(old(10, 5).gap_behind(at(10)), None);
        assert_eq!(old(10, 5).gap_behind(at(0)), None);
    }
}
