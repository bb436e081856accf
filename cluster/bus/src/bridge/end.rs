//! The end of a link that one side of a bridge has.

use sansocket::cluster::bus::{Format, Payload, Subscription};
use sansocket::cluster::{Command, Side};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use super::shared::Shared;
use crate::End;

/// The end of a link that one side of a bridge has.
pub(super) struct BridgeEnd {
    shared: Arc<Shared>,
    side: Side,
    format: Format,
}

impl BridgeEnd {
    pub(super) fn new(shared: Arc<Shared>, side: Side, format: Format) -> Self {
        Self { shared, side, format }
    }
}

impl End for BridgeEnd {
    fn format(&self) -> Format {
        self.format
    }

    fn connected(&self, largest: Option<usize>) {
        self.shared.act(self.side, |node, now| node.handle_connected(now, largest));
    }

    fn lost(&self, why: &str) -> Option<Duration> {
        self.shared.lost(self.side, why)
    }

    fn subscribed(&self, subscription: &Subscription) {
        self.shared.act(self.side, |node, now| node.handle_subscribed(now, subscription));
    }

    fn counted(&self, channel: &str, count: u64) {
        self.shared.act(self.side, |node, now| node.handle_counted(now, channel, count));
    }

    fn pong(&self) {
        self.shared.act(self.side, |node, now| node.handle_pong(now));
    }

    fn delivered(&self, channel: &str, payload: &Payload<'_>) {
        self.shared.act(self.side, |node, now| node.handle_delivery(now, channel, payload));
    }

    fn published(&self, _: Option<u64>) {
        self.shared.act(self.side, |node, _| node.handle_published(1));
    }

    fn refused(&self, why: &str) {
        self.shared.act(self.side, |node, now| node.handle_refused(now, why));
    }

    fn poll_command(&self, context: &mut Context<'_>) -> Poll<Option<Command>> {
        self.shared.poll_command(self.side, context)
    }

    fn poll_closed(&self, context: &mut Context<'_>) -> Poll<()> {
        self.shared.poll_closed(self.side, context)
    }
}
