//! The end of the link that the broker has.

use sansocket::cluster::Emitter as Machine;
use sansocket::cluster::bus::{Format, Payload, Subscription};
use sansocket_bus::{Command, End};
use std::task::{Context, Poll};
use std::time::Duration;

use crate::state::State;

impl End for State {
    fn format(&self) -> Format {
        self.hear(|machine, _| machine.format())
    }

    fn connected(&self, largest: Option<usize>) {
        self.hear(|machine, now| machine.handle_connected(now, largest));
    }

    fn lost(&self, why: &str) -> Option<Duration> {
        self.lost(why)
    }

    // An emitter subscribes to nothing and asks nothing.

    fn subscribed(&self, _: &Subscription) {}

    fn counted(&self, _: &str, _: u64) {}

    fn delivered(&self, _: &str, _: &Payload<'_>) {}

    fn pong(&self) {
        self.hear(Machine::handle_pong);
    }

    fn published(&self, receivers: Option<u64>) {
        self.hear(|machine, now| machine.handle_published(now, receivers));
    }

    fn refused(&self, why: &str) {
        self.hear(|machine, now| machine.handle_refused(now, why));
    }

    fn poll_command(&self, context: &mut Context<'_>) -> Poll<Option<Command>> {
        self.poll_command(context)
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.poll_closed(context)
    }
}
