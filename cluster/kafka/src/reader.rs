//! What reads a partition.

use rskafka::client::error::Error;
use rskafka::client::partition::{OffsetAt, PartitionClient};
use sansocket_bus::{BrokerError, Link, Payload};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::timeout;

use crate::kafka::{DEADLINE, silent};
use crate::topic::Ways;

/// How long a broker waits for records before it answers that there are none.
const WAIT: Duration = Duration::from_millis(500);

/// Bytes of records in an answer; one record more may be.
const BYTES: i32 = 4 * 1024 * 1024;

/// Where reading goes on, by topic and partition.
pub(crate) type Positions = Shared<HashMap<(String, i32), i64>>;

/// The channels that are subscribed to.
pub(crate) type Channels = Shared<HashSet<String>>;

/// What the readers share with others of their thread, and with the readers after them.
#[derive(Clone, Debug, Default)]
pub(crate) struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        // Each change is a single call, so that nothing is half done after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a partition, and hands over what is for channels that are subscribed to.
pub(crate) struct Reader {
    pub(crate) partition: PartitionClient,
    pub(crate) ways: Ways,
    pub(crate) link: Link,
    pub(crate) channels: Channels,
    pub(crate) positions: Positions,
}

impl Reader {
    /// Finds where to read: where reading stopped, if that is kept still, or at the end.
    pub(crate) async fn begin(&self) -> Result<(), BrokerError> {
        let latest = self.partition.get_offset(OffsetAt::Latest).await;
        let latest = latest.map_err(BrokerError::new)?;
        let earliest = self.partition.get_offset(OffsetAt::Earliest).await;
        let earliest = earliest.map_err(BrokerError::new)?;
        let mut positions = self.positions.lock();
        let position = positions.entry(self.place()).or_insert(latest);
        if !(earliest..=latest).contains(position) {
            self.link.warn("records of Kafka were deleted before they were read");
            *position = latest;
        }
        Ok(())
    }

    /// Reads until that fails.
    pub(crate) async fn run(self) -> BrokerError {
        loop {
            let position = self.positions.lock().get(&self.place()).copied();
            let Some(position) = position else { return BrokerError::new("nothing to read from") };
            let wait = i32::try_from(WAIT.as_millis()).unwrap_or(i32::MAX);
            let fetching = self.partition.fetch_records(position, 1..BYTES, wait);
            let Ok(fetched) = timeout(WAIT + DEADLINE, fetching).await else { return silent() };
            match fetched {
                Ok((records, _)) => records.into_iter().for_each(|record| {
                    self.positions.lock().insert(self.place(), record.offset + 1);
                    let record = record.record;
                    let channel = self.ways.channel(self.partition.topic(), &record);
                    let is_wanted = |channel: &String| self.channels.lock().contains(channel);
                    if let (Some(channel), Some(value)) = (channel.filter(is_wanted), record.value)
                    {
                        self.link.delivered(&channel, &Payload::from(&value[..]));
                    }
                }),
                Err(error) => {
                    if !is_outage(&error) {
                        // What cannot be read now cannot be read later: begin at the end.
                        self.positions.lock().remove(&self.place());
                    }
                    return BrokerError::new(error);
                }
            }
        }
    }

    fn place(&self) -> (String, i32) {
        (self.partition.topic().to_owned(), self.partition.partition())
    }
}

/// Whether what failed may do when it is tried again.
fn is_outage(error: &Error) -> bool {
    matches!(error, Error::Connection(_) | Error::RetryFailed(_) | Error::Timeout)
}
