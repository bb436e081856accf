//! What shards of a process say to each other, and what processes of a cluster do.
//!
//! An [`Output`] of a shard carries a [`Message`] for others of its process, or for the [`Node`]; that speaks for the
//! process with others of the cluster, by way of a broker. An [`Emitter`] speaks for a process without shards, and a [`Bridge`]
//! joins two buses. [`bus`] reads and writes what goes through a broker, in each of the formats that the processes of a
//! cluster may use.

mod bridge;
pub mod bus;
mod emitter;
mod message;
mod node;

pub use bridge::{Bridge, Side};
pub use emitter::{Emitter, EmitterConfig, EmitterError, EmitterEvent, Flush, Loss, Unconfirmed};
pub(crate) use message::{Ask, Body, Change, Peer, Restored, Whom};
pub use message::{Destination, Disconnect, Message, Output};
pub use node::{
    AnswerToken, Arrival, BusCounts, BusError, Command, Keep, LastError, Node, NodeConfig,
    NodeEvent, NodeStatus, Outcome, Question, Reader, Take, Taken,
};
