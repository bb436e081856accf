//! Why other processes are told nothing.

use crate::cluster::bus::Unsupported;

/// Why other processes of the cluster are told nothing.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum BusError {
    /// This process has [left](super::Node::leave) the cluster.
    #[error("this process left the cluster")]
    Left,
    /// The format of the cluster has no words for it.
    #[error(transparent)]
    Unsupported(#[from] Unsupported),
    /// Too many messages wait for the broker: [`NodeConfig::queue`](super::NodeConfig::queue).
    #[error("more than {limit} bytes wait for the broker")]
    Full {
        /// The bytes that may wait.
        limit: usize,
    },
    /// The broker carries no message of that size.
    #[error("a message of {size} bytes, and the broker carries at most {limit}")]
    TooLarge {
        /// The bytes of the message.
        size: usize,
        /// The bytes that it may have.
        limit: usize,
    },
}
