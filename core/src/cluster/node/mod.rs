//! One process of a cluster.

mod command;
mod config;
mod counts;
mod event;
mod fault;
mod node;

pub use command::Command;
pub use config::NodeConfig;
pub use counts::BusCounts;
pub use event::{AnswerToken, NodeEvent, NodeStatus, Outcome, Question};
pub use fault::BusError;
pub use node::Node;
