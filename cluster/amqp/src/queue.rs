//! The queue of a process.

use lapin::options::{BasicConsumeOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{Channel, Consumer};
use std::collections::{HashSet, VecDeque};
use std::fmt::Write as _;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use crate::route::Ways;

/// Messages that the server sends ahead of their acknowledgements.
pub(crate) const AHEAD: u16 = 512;

/// Milliseconds that a queue is kept for its process to come back.
const EXPIRY: i32 = 60_000;

/// Bytes of messages that wait in a queue; beyond them the oldest are dropped.
const LARGEST: i32 = 64 * 1024 * 1024;

/// How often a queue may be refused before another one takes its place: RabbitMQ may take a moment to see that the former
/// connection is gone, or minutes.
const REFUSALS: u8 = 4;

/// Bytes by which a message is known again: they have the name of its process and its number.
const BEGINNING: usize = 64;

/// The queue of a process. In our own format it outlives the connection: what is published until the next one
/// waits in it.
#[derive(Clone, Debug)]
pub(crate) struct Queue {
    /// Empty until the server chose it.
    pub(crate) name: ShortString,
    /// The channels that are subscribed to.
    pub(crate) channels: HashSet<String>,
    /// The last messages that were handed over: their acknowledgements may be lost. Bounded by [`AHEAD`].
    handed: VecDeque<u64>,
    refusals: u8,
}

impl Queue {
    /// Returns a queue that was not declared yet.
    pub(crate) fn new(ways: Ways) -> Self {
        let name = match ways {
            Ways::Direct => name(),
            Ways::Fanout => ShortString::default(),
        };
        Self { name, channels: HashSet::new(), handed: VecDeque::new(), refusals: 0 }
    }

    /// Declares the queue, and begins to read it.
    pub(crate) async fn read(&mut self, channel: &Channel, ways: Ways) -> lapin::Result<Consumer> {
        let outcome = self.try_read(channel, ways).await;
        match outcome {
            Ok(_) => self.refusals = 0,
            Err(_) if self.refusals < REFUSALS => self.refusals += 1,
            Err(_) => *self = Self::new(ways),
        }
        outcome
    }

    async fn try_read(&mut self, channel: &Channel, ways: Ways) -> lapin::Result<Consumer> {
        let (options, arguments) = match ways {
            // Not a durable one would be refused by servers that have no such queues any more.
            Ways::Direct => (QueueDeclareOptions { durable: true, ..Default::default() }, bounds()),
            Ways::Fanout => {
                *self = Self::new(ways);
                let options = QueueDeclareOptions { exclusive: true, ..Default::default() };
                (options, FieldTable::default())
            }
        };
        let declared = channel.queue_declare(self.name.clone(), options, arguments).await?;
        self.name = declared.name().clone();
        // A former connection that the server takes for alive would get a share of the messages.
        let alone = BasicConsumeOptions { exclusive: true, ..BasicConsumeOptions::default() };
        channel.basic_consume(self.name.clone(), "".into(), alone, FieldTable::default()).await
    }

    /// Takes note that a message was handed over.
    pub(crate) fn note(&mut self, message: &[u8]) {
        if self.handed.len() == usize::from(AHEAD) {
            self.handed.pop_front();
        }
        self.handed.push_back(mark(message));
    }

    /// Says whether a message that the server sends again was handed over before.
    pub(crate) fn has_noted(&self, message: &[u8]) -> bool {
        self.handed.contains(&mark(message))
    }
}

fn name() -> ShortString {
    let mut name = String::from("sansocket-");
    for byte in &sansocket_bus::seed()[..16] {
        write!(name, "{byte:02x}").expect("strings take everything");
    }
    name.into()
}

fn bounds() -> FieldTable {
    let mut bounds = FieldTable::default();
    bounds.insert("x-expires".into(), AMQPValue::LongInt(EXPIRY));
    bounds.insert("x-max-length-bytes".into(), AMQPValue::LongInt(LARGEST));
    bounds
}

fn mark(message: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    (message.len(), &message[..message.len().min(BEGINNING)]).hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::{AHEAD, Queue};
    use crate::route::Ways;

    #[test]
    fn each_process_has_a_queue_of_its_own() {
        let names = [(); 2].map(|()| Queue::new(Ways::Direct).name);
        assert_ne!(names[0], names[1]);
        assert!(names[0].as_str().starts_with("sansocket-"));
        assert_eq!(Queue::new(Ways::Fanout).name.as_str(), "");
    }

    #[test]
    fn as_many_messages_are_known_again_as_may_come_again() {
        let mut queue = Queue::new(Ways::Direct);
        for n in 0..=AHEAD {
            assert!(!queue.has_noted(&n.to_be_bytes()));
            queue.note(&n.to_be_bytes());
        }
        assert!(!queue.has_noted(&0_u16.to_be_bytes()));
        assert!(queue.has_noted(&1_u16.to_be_bytes()));
        assert!(queue.has_noted(&AHEAD.to_be_bytes()));
    }
}
