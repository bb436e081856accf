//! The topics that channels are in, and their records.

use rskafka::chrono::DateTime;
use rskafka::client::partition::PartitionClient;
use rskafka::record::Record;
use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::begun::Number;

/// How channels are told apart.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ways {
    /// By the keys of records.
    Keys,
    /// By topics, as python-socketio has it.
    Topics,
}

impl Ways {
    /// Splits a channel into the name of a topic and the key of its records.
    pub(crate) fn split(self, channel: &str) -> (&str, Option<&str>) {
        match self {
            Self::Keys => match channel.split_once(':') {
                Some((topic, key)) => (topic, Some(key)),
                None => (channel, None),
            },
            Self::Topics => (channel, None),
        }
    }

    /// Returns the channel of a record, if its key is text.
    pub(crate) fn channel(self, topic: &str, record: &Record) -> Option<String> {
        match (self, &record.key) {
            (Self::Keys, Some(key)) => Some(format!("{topic}:{}", str::from_utf8(key).ok()?)),
            (Self::Keys, None) | (Self::Topics, _) => Some(topic.to_owned()),
        }
    }
}

/// A topic that is written to, partition by partition.
#[derive(Debug)]
pub(crate) struct Topic {
    partitions: Vec<Writer>,
}

/// A partition that is written to, by one request at a time: that keeps the order.
#[derive(Debug)]
pub(crate) struct Writer {
    pub(crate) partition: Arc<PartitionClient>,
    waiting: VecDeque<(Number, Record)>,
    progress: Progress,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    Idle,
    Writing,
}

impl Topic {
    pub(crate) fn new(partitions: impl IntoIterator<Item = PartitionClient>) -> Self {
        let partitions = partitions.into_iter().map(|partition| Writer {
            partition: Arc::new(partition),
            waiting: VecDeque::new(),
            progress: Progress::Idle,
        });
        Self { partitions: partitions.collect() }
    }

    /// Puts a message in line, and returns the index of its partition.
    pub(crate) fn push(&mut self, number: Number, key: Option<&str>, bytes: Vec<u8>) -> usize {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        let count = self.partitions.len().max(1);
        let index = usize::try_from(hasher.finish() % count as u64).unwrap_or_default();
        if let Some(writer) = self.partitions.get_mut(index) {
            writer.waiting.push_back((number, record(key, bytes)));
        }
        index
    }

    pub(crate) fn writer(&mut self, index: usize) -> Option<&mut Writer> {
        self.partitions.get_mut(index)
    }
}

impl Writer {
    /// Takes the next records to write, and their numbers, of so many bytes at most unless one has more; none while a
    /// request is under way.
    pub(crate) fn take(&mut self, largest: usize) -> (Vec<Number>, Vec<Record>) {
        let mut batch = (Vec::new(), Vec::new());
        let mut bytes = 0;
        while self.progress == Progress::Idle
            && let Some((_, record)) = self.waiting.front()
        {
            bytes += size(record);
            if bytes > largest && !batch.1.is_empty() {
                break;
            }
            batch.extend(self.waiting.pop_front());
        }
        if !batch.1.is_empty() {
            self.progress = Progress::Writing;
        }
        batch
    }

    /// A request is done.
    pub(crate) fn done(&mut self) {
        self.progress = Progress::Idle;
    }
}

/// The bytes of a record, with what it takes besides its key and its value.
fn size(record: &Record) -> usize {
    record.approximate_size() + 32
}

fn record(key: Option<&str>, bytes: Vec<u8>) -> Record {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
    let timestamp = i64::try_from(now).ok().and_then(DateTime::from_timestamp_millis);
    Record {
        key: key.map(|key| key.as_bytes().to_vec()),
        value: Some(bytes),
        headers: BTreeMap::new(),
        timestamp: timestamp.unwrap_or_default(),
    }
}

#[cfg(test)]
mod tests {
    use super::{Ways, record};

    #[test]
    fn a_channel_is_a_topic_and_a_key() {
        assert_eq!(Ways::Keys.split("sansocket:n:/a:b"), ("sansocket", Some("n:/a:b")));
        let record = record(Some("n:/a:b"), Vec::new());
        assert_eq!(Ways::Keys.channel("sansocket", &record).unwrap(), "sansocket:n:/a:b");
        assert_eq!(Ways::Topics.split("my:channel"), ("my:channel", None));
    }

    #[test]
    fn a_key_that_is_no_text_is_no_channel() {
        let mut record = record(None, Vec::new());
        record.key = Some(vec![0xff]);
        assert_eq!(Ways::Keys.channel("sansocket", &record), None);
        assert_eq!(Ways::Topics.channel("socketio", &record).unwrap(), "socketio");
    }
}
