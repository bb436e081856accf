//! What the driver of a broker is told to do.

use crate::cluster::bus::{Payload, Subscription};

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
    /// Ask the broker for a sign of life: [`Node::handle_pong`](super::Node::handle_pong) is called when it comes, and
    /// when it comes too late the next command is [`Disconnect`](Self::Disconnect).
    Ping,
    /// Give the connection up: the broker does not answer.
    Disconnect,
}
