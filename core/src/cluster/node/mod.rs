//! One process of a cluster.

mod acks;
mod asking;
mod command;
mod config;
mod counters;
mod counts;
mod echoes;
mod event;
mod fault;
mod holds;
mod identity;
mod incoming;
#[cfg(feature = "fuzz")]
mod invariants;
mod line;
mod lingering;
mod minutely;
mod node;
mod offsets;
mod others;
pub(in crate::cluster) mod outbox;
mod outgoing;
mod packets;
mod parts;
mod post;
mod presence;
mod questions;
mod reader;
mod relays;
mod returns;
mod spaces;
mod wishes;

pub use command::{Command, Keep, Take, Taken};
pub use config::NodeConfig;
pub use counts::{BusCounts, LastError};
pub use event::{AnswerToken, NodeEvent, NodeStatus, Outcome, Question};
pub use fault::BusError;
pub use node::Node;
pub use reader::{Arrival, Reader};
