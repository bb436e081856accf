//! The link between a broker and those it serves.

use sansocket::cluster::bus::{Format, Payload, Subscription};
use sansocket::cluster::{Command, Taken};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::{End, log};

/// What a [`Broker`](crate::Broker) is told to do, and what it tells. Cloning copies a pointer.
#[derive(Clone)]
pub struct Link(Arc<dyn End>);

impl Link {
    /// Makes a link to an end.
    pub fn new(end: Arc<dyn End>) -> Self {
        Self(end)
    }

    /// Returns the format of the messages: what carries them may depend on it.
    pub fn format(&self) -> Format {
        self.0.format()
    }

    /// Tells that the broker is connected, and carries messages of so many bytes at most.
    pub fn connected(&self, largest: Option<usize>) {
        self.0.connected(largest);
    }

    /// Tells that the broker confirmed a subscription.
    pub fn subscribed(&self, subscription: &Subscription) {
        self.0.subscribed(subscription);
    }

    /// Tells how many subscribers a channel has.
    pub fn counted(&self, channel: &str, count: u64) {
        self.0.counted(channel, count);
    }

    /// Tells that the broker answered a [`Command::Ping`].
    pub fn pong(&self) {
        self.0.pong();
    }

    /// Hands over a message that came on a channel, or an entry of a stream.
    pub fn delivered(&self, channel: &str, payload: &Payload<'_>) {
        self.0.delivered(channel, payload);
    }

    /// Answers a [`Command::Take`]: with nothing when there is no such value, or not all that belongs to it. The entries up to
    /// [`Taken::until`] have to be [`delivered`](Self::delivered) before.
    pub fn taken(&self, ticket: u64, taken: Option<Taken>) {
        self.0.taken(ticket, taken);
    }

    /// Tells that so many entries of a stream, at least, are known to be lost.
    pub fn missed(&self, stream: &str, count: u64) {
        self.0.missed(stream, count);
    }

    /// Tells that the broker took a message, in the order of the commands, and how many subscribers got it.
    pub fn published(&self, receivers: Option<u64>) {
        self.0.published(receivers);
    }

    /// Tells that the broker refused a message, instead of [`published`](Self::published). The log says so, too.
    pub fn refused(&self, why: &str) {
        self.0.refused(why);
        log::refused(why);
    }

    /// Writes to the log what is no reason to give the connection up: that messages are known to be lost, say.
    pub fn warn(&self, what: &str) {
        log::warn(what);
    }

    /// Waits for the next command; `None` when the link is closed and has nothing left to do.
    ///
    /// # Cancel safety
    /// A command leaves the link only when it is returned.
    pub fn next(&self) -> Next<'_> {
        Next(self)
    }

    /// The next command, if there is one.
    pub fn poll_next(&self, context: &mut Context<'_>) -> Poll<Option<Command>> {
        self.0.poll_command(context)
    }

    /// Completes when the link was closed. [`next`](Self::next) may still have commands then: this is for what
    /// would delay the end without use, as an attempt to connect.
    pub fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_closed(context)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Link").finish_non_exhaustive()
    }
}

/// Waits for the next command of a [`Link`].
#[derive(Debug)]
#[must_use = "futures do nothing unless awaited"]
pub struct Next<'a>(&'a Link);

impl Future for Next<'_> {
    type Output = Option<Command>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.poll_next(context)
    }
}
