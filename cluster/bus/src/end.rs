//! The end of a link that a server or an emitter has.

use sansocket::cluster::Command;
use sansocket::cluster::bus::{Format, Payload, Subscription};
use std::task::{Context, Poll};
use std::time::Duration;

/// The end of a link that a server or an emitter has. All methods return at once.
pub trait End: Send + Sync + 'static {
    /// Returns the format of the messages: what carries them may depend on it.
    fn format(&self) -> Format;

    /// The broker is connected, and carries messages of so many bytes at most.
    fn connected(&self, largest: Option<usize>);

    /// The connection was lost or could not be made. Returns how long to wait before the next attempt; `None` when
    /// there is to be none.
    fn lost(&self, why: &str) -> Option<Duration>;

    /// The broker confirmed a subscription.
    fn subscribed(&self, subscription: &Subscription);

    /// A channel has so many subscribers.
    fn counted(&self, channel: &str, count: u64);

    /// The broker gave a sign of life.
    fn pong(&self);

    /// A message came.
    fn delivered(&self, channel: &str, payload: &Payload<'_>);

    /// A message was published, and so many subscribers got it, as far as the broker tells.
    fn published(&self, receivers: Option<u64>);

    /// The broker refused a message, instead of [`published`](Self::published).
    fn refused(&self, why: &str) {
        let _ = why;
    }

    /// So many entries of a stream, at least, are known to be lost.
    fn missed(&self, stream: &str, count: u64) {
        let _ = (stream, count);
    }

    /// Returns the next command: `None` when the end is closed and has nothing left to do.
    fn poll_command(&self, context: &mut Context<'_>) -> Poll<Option<Command>>;

    /// Completes when the end was closed: a pause between two attempts ends then.
    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()>;
}
