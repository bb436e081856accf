//! Values that Redis keeps, and gives out once.

use std::sync::Arc;
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Cmd, RedisError, Value};
use sansocket_bus::{Entry, EntryId, Keep, Link, Take, Taken};
use tokio::time::{sleep, timeout};

use crate::entries::{Positions, fields_of, id_of};

/// Keeps a value for some time.
pub(crate) fn keep(keep: &Keep) -> Cmd {
    let Keep { key, value, time } = keep;
    let mut command = Cmd::with_capacity(5, key.len() + value.len() + 30);
    let millis = u64::try_from(time.as_millis()).unwrap_or(u64::MAX).max(1);
    command.arg("SET").arg(key).arg(&**value).arg("PX").arg(millis);
    command
}

/// Connections with the servers of a key and of a stream.
pub(crate) struct Places {
    pub(crate) key: MultiplexedConnection,
    pub(crate) stream: MultiplexedConnection,
}

/// Takes a value, and reads the stream that belongs to it. The link is told what came of it.
pub(crate) async fn take(take: Take, places: Places, positions: Arc<Positions>, link: Link) {
    let taken = timeout(PATIENCE, taken(&take, places, &positions)).await;
    let taken = match taken {
        Ok(Ok(taken)) => taken,
        Ok(Err(error)) => {
            link.warn(&format!("what was kept of a client was not read: {error}"));
            None
        }
        Err(_) => None,
    };
    link.taken(take.ticket, taken);
}

async fn taken(
    take: &Take,
    Places { mut key, mut stream }: Places,
    positions: &Positions,
) -> Result<Option<Taken>, RedisError> {
    let mut script = redis::pipe();
    script.atomic().cmd("GET").arg(&take.key).cmd("DEL").arg(&take.key).ignore();
    let (value,): (Option<Vec<u8>>,) = script.query_async(&mut key).await?;
    let Some(value) = value else { return Ok(None) };
    let Some(until) = reached(take, positions).await else { return Ok(None) };
    let Some(entries) = behind(take, until, &mut stream).await? else { return Ok(None) };
    Ok(Some(Taken { value, entries, until }))
}

/// Waits until the stream was read up to the entry that the client has: it may come from a process that is ahead.
/// Returns how far it was read then.
async fn reached(take: &Take, positions: &Positions) -> Option<EntryId> {
    loop {
        let last = positions.last(&take.stream)?;
        if last >= take.after {
            return Some(last);
        }
        sleep(PAUSE).await;
    }
}

/// Reads the entries behind the one that the client has; nothing when it was trimmed, or when there are too many.
async fn behind(
    take: &Take,
    until: EntryId,
    stream: &mut MultiplexedConnection,
) -> Result<Option<Vec<Entry<'static>>>, RedisError> {
    let (mut entries, mut bytes, mut from) = (Vec::new(), 0_usize, take.after);
    loop {
        let page = page(&take.stream, (from, until), stream).await?;
        for entry in &page {
            if id_of(entry) == Some(take.after) {
                continue;
            }
            let entry = fields_of(entry);
            bytes = bytes.saturating_add(entry.uid.len() + entry.nsp.len() + entry.data.len());
            if entries.len() >= take.entries || bytes > take.bytes {
                return Ok(None);
            }
            entries.push(entry.into_owned());
        }
        let Some(last) = page.last().and_then(id_of).filter(|_| page.len() >= PAGE) else { break };
        let Some(number) = last.number.checked_add(1) else { break };
        from = EntryId { number, ..last };
    }
    // While it is there, none behind it was trimmed.
    let own = page(&take.stream, (take.after, take.after), stream).await?;
    Ok((!own.is_empty()).then_some(entries))
}

async fn page(
    stream: &str,
    (from, until): (EntryId, EntryId),
    connection: &mut MultiplexedConnection,
) -> Result<Vec<Value>, RedisError> {
    let mut ask = redis::cmd("XRANGE");
    ask.arg(stream).arg(from.to_string()).arg(until.to_string()).arg("COUNT").arg(PAGE);
    let reply = connection.send_packed_command(&ask).await?.extract_error()?;
    if let Value::Array(entries) = reply { Ok(entries) } else { Ok(Vec::new()) }
}

/// Entries of one reply.
const PAGE: usize = 500;

/// How long to wait before the position of a reader is looked at again.
const PAUSE: Duration = Duration::from_millis(5);

/// How long everything may take. The node waits a little longer.
const PATIENCE: Duration = Duration::from_millis(1500);
