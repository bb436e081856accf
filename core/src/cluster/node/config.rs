//! Settings of a node.

use std::time::Duration;

use crate::cluster::bus::{BusLimits, Format, Home};

/// Settings of a [`Node`](super::Node).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct NodeConfig {
    /// How the processes of the cluster write their messages. Default [`Format::Native`].
    pub format: Format,
    /// What the names of channels begin with; the name of the only one in [`Format::Python`]. Default `None`, which is
    /// what others of the format take: `socketio`, `socket.io`, and `sansocket` for our own.
    pub prefix: Option<Box<str>>,
    /// How long a question to other processes may take. Default 5 s.
    pub timeout: Duration,
    /// The time between two signs of life, in [`Format::Native`]: 10 ms at least. Default 1 s.
    pub heartbeat: Duration,
    /// How long a process may give none, before it counts as gone. Default 4 s.
    pub dead_after: Duration,
    /// Bytes of messages that wait for the broker; the newest are dropped when there are more. Default 8 MiB.
    pub queue: usize,
    /// How long a message may wait for the broker. Default 5 s.
    pub age: Duration,
    /// How many entries a stream keeps, about. Default 10 000.
    pub stream_length: u64,
    /// Over how many streams namespaces are spread, in [`Format::Streams`]; the same in all processes: `streamCount` of
    /// JavaScript. With more than one, clients that were lost come back to the same process only. Default 1, the least.
    pub streams: u16,
    /// Whether rooms have channels of their own, in [`Format::Sharded`]; the same in all processes: `true` is what
    /// JavaScript calls the `subscriptionMode` `dynamic`, `false` what it calls `static`. Default `true`.
    pub room_channels: bool,
    /// What the keys begin with under which Redis keeps clients that were lost, in [`Format::Streams`] with
    /// [`Config::recovery`](crate::Config::recovery); those of JavaScript have to be the same. Default `sio:session:`.
    pub sessions: Box<str>,
    /// Names of header fields, in lower case, that answers about clients tell other processes. Default none.
    pub headers: Vec<Box<str>>,
    /// Whether answers about clients tell what these gave when they connected. Default `true`.
    pub auth: bool,
    /// Where this process listens for requests that belong to its sessions, in [`Format::Native`]. With it, the others
    /// are told, and are believed where they say that they listen. Default `None`.
    pub home: Option<Home>,
    /// Bounds on what the bus brings.
    pub limits: BusLimits,
}

impl NodeConfig {
    /// Whether one stream has the events of all namespaces, by which clients come back anywhere.
    pub(crate) fn has_one_stream(&self) -> bool {
        self.format == Format::Streams && self.streams <= 1
    }

    pub(super) fn heartbeat(&self) -> Duration {
        self.heartbeat.max(BRIEFEST)
    }
}

/// The shortest time between two signs of life.
const BRIEFEST: Duration = Duration::from_millis(10);

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            format: Format::Native,
            prefix: None,
            timeout: Duration::from_secs(5),
            heartbeat: Duration::from_secs(1),
            dead_after: Duration::from_secs(4),
            queue: 8 * 1024 * 1024,
            age: Duration::from_secs(5),
            stream_length: 10_000,
            streams: 1,
            room_channels: true,
            sessions: "sio:session:".into(),
            headers: Vec::new(),
            auth: true,
            home: None,
            limits: BusLimits::default(),
        }
    }
}
