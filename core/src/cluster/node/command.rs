//! What the driver of a broker is told to do.

use std::fmt;
use std::time::Duration;

use crate::cluster::bus::{Entry, EntryId, Payload, Subscription};

/// What the driver of a broker is told to do; in order, by one connection.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Command {
    /// Subscribe, once: [`Node::handle_subscribed`](super::Node::handle_subscribed) is called when the broker has
    /// confirmed it.
    Subscribe(Subscription),
    /// Unsubscribe.
    Unsubscribe(Subscription),
    /// Publish a message on a channel, or add an entry to a stream.
    Publish {
        /// The channel; for an entry the stream.
        channel: String,
        /// The message.
        payload: Payload<'static>,
        /// How many entries a stream keeps, about.
        length: u64,
    },
    /// Ask how many subscribers a channel has: [`Node::handle_counted`](super::Node::handle_counted) takes the answer.
    Count {
        /// The channel.
        channel: String,
    },
    /// Keep a value, in [`Format::Streams`](crate::cluster::bus::Format) alone.
    Keep(Keep),
    /// Take a value that was kept, in [`Format::Streams`](crate::cluster::bus::Format) alone:
    /// [`Node::handle_taken`](super::Node::handle_taken) takes the answer.
    Take(Take),
    /// Ask the broker for a sign of life: [`Node::handle_pong`](super::Node::handle_pong) is called when it comes, and
    /// when it comes too late the next command is [`Disconnect`](Self::Disconnect).
    Ping,
    /// Give the connection up: the broker does not answer.
    Disconnect,
}

/// A value that the broker keeps for whoever knows its key. The `Debug` text hides both.
#[derive(Clone, Eq, PartialEq)]
pub struct Keep {
    /// The key, under which there may be another value.
    pub key: String,
    /// The value.
    pub value: Vec<u8>,
    /// How long it is kept.
    pub time: Duration,
}

/// A value that is taken from the broker: it is given out once. The `Debug` text hides its key.
#[derive(Clone, Eq, PartialEq)]
pub struct Take {
    /// Names the command in its answer.
    pub ticket: u64,
    /// The key.
    pub key: String,
    /// A stream that is read besides.
    pub stream: String,
    /// The entry behind which it is read. Without that entry the stream was trimmed, and there is no answer but none.
    pub after: EntryId,
    /// How many entries are read at most, and how many bytes of them: with more, there is no answer but none.
    pub entries: usize,
    /// See [`entries`](Self::entries).
    pub bytes: usize,
}

/// What the broker gave out. The `Debug` text hides the value.
#[derive(Clone, Eq, PartialEq)]
pub struct Taken {
    /// The value.
    pub value: Vec<u8>,
    /// The entries of the stream behind [`Take::after`], up to the one that this process read last.
    pub entries: Vec<Entry<'static>>,
    /// The id of that one: the next entry that is handed to the node comes behind it.
    pub until: EntryId,
}

impl Taken {
    /// Returns how many bytes the value and the entries have.
    #[must_use]
    pub fn size(&self) -> usize {
        self.entries.iter().map(Entry::size).sum::<usize>() + self.value.len()
    }
}

impl fmt::Debug for Keep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keep").field("time", &self.time).finish_non_exhaustive()
    }
}

impl fmt::Debug for Take {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Take")
            .field("ticket", &self.ticket)
            .field("stream", &self.stream)
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Taken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Taken")
            .field("entries", &self.entries.len())
            .field("until", &self.until)
            .finish_non_exhaustive()
    }
}
