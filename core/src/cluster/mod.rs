//! What shards of a process say to each other, and what processes of a cluster do.
//!
//! An [`Output`] of a shard carries a [`Message`] for others of its process; [`bus`] reads and writes what goes
//! through a broker, in each of the formats that the processes of a cluster may use.

pub mod bus;
mod message;

pub(crate) use message::{Ask, Body, Change, Peer, Whom};
pub use message::{Destination, Disconnect, Message, Output};
