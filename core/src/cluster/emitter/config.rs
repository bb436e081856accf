//! Settings of an emitter.

use std::time::Duration;

use crate::cluster::bus::{BusLimits, Format};

/// Settings of an [`Emitter`](super::Emitter).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct EmitterConfig {
    /// How the processes of the cluster write their messages. Default [`Format::Native`].
    pub format: Format,
    /// What the names of channels begin with; the name of the only one in [`Format::Python`]. Default `None`, which is
    /// [`Format::usual_prefix`].
    pub prefix: Option<Box<str>>,
    /// Bytes of messages that wait for the broker; further messages are refused. Default 8 MiB.
    pub queue: usize,
    /// How long a message may wait for the broker before it is dropped. Default 5 s.
    pub age: Duration,
    /// How many entries a stream keeps, about. Default 10 000.
    pub stream_length: u64,
    /// Over how many streams the servers spread namespaces, in [`Format::Streams`]. Default 1, the least.
    pub streams: u16,
    /// Whether rooms have channels of their own on the servers, in [`Format::Sharded`]. Default `true`.
    pub room_channels: bool,
    /// What the servers accept: larger messages, and more attachments, are refused here.
    pub limits: BusLimits,
}

impl EmitterConfig {
    /// Returns the default settings for messages of this format.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self { format, ..Self::default() }
    }
}

impl Default for EmitterConfig {
    fn default() -> Self {
        Self {
            format: Format::Native,
            prefix: None,
            queue: 8 * 1024 * 1024,
            age: Duration::from_secs(5),
            stream_length: 10_000,
            streams: 1,
            room_channels: true,
            limits: BusLimits::default(),
        }
    }
}
