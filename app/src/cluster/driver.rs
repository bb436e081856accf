//! The end of a bus that the thread of its broker has.

use sansocket::cluster::bus::{Format, Payload, Subscription};
use sansocket::cluster::{Command, Taken};
use sansocket_bus::End;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::cluster::bus::Bus;

/// The end of a bus that the thread of its broker has. When it is dropped, the thread has ended.
#[derive(Debug)]
pub(crate) struct Driver(Bus);

impl Driver {
    pub(crate) fn new(bus: Bus) -> Self {
        Self(bus)
    }
}

impl End for Driver {
    fn format(&self) -> Format {
        self.0.format()
    }

    fn connected(&self, largest: Option<usize>) {
        self.0.act(|node, now| node.handle_connected(now, largest));
    }

    fn lost(&self, why: &str) -> Option<Duration> {
        self.0.lost(why)
    }

    fn subscribed(&self, subscription: &Subscription) {
        self.0.act(|node, now| node.handle_subscribed(now, subscription));
    }

    fn counted(&self, channel: &str, count: u64) {
        self.0.act(|node, now| node.handle_counted(now, channel, count));
    }

    fn pong(&self) {
        self.0.act(|node, now| node.handle_pong(now));
    }

    fn delivered(&self, channel: &str, payload: &Payload<'_>) {
        self.0.deliver(channel, payload);
    }

    fn published(&self, _receivers: Option<u64>) {
        self.0.note_published();
    }

    fn refused(&self, why: &str) {
        self.0.act(|node, now| node.handle_refused(now, why));
    }

    fn taken(&self, ticket: u64, taken: Option<Taken>) {
        self.0.hand_over(ticket, taken);
    }

    fn missed(&self, _stream: &str, count: u64) {
        self.0.act(|node, _| node.handle_missed(count));
    }

    fn poll_command(&self, context: &mut Context<'_>) -> Poll<Option<Command>> {
        self.0.poll_command(context)
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.0.poll_closed(context)
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.0.close();
    }
}
