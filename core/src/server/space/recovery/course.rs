//! What a shard knows of the stream of its cluster.

use std::collections::VecDeque;
use std::sync::Arc;

use super::log::Names;
use crate::cluster::Whom;
use crate::cluster::bus::EntryId;
use crate::recovery::offset::Offset;
use crate::slack::Slack as _;
use crate::socket::encoded::Packet;

/// What a shard knows of the stream of its cluster.
#[derive(Debug, Default)]
pub(in crate::server) struct Course {
    /// The latest entry.
    entry: EntryId,
    /// Events of this shard that the stream has not brought back, by their offsets. The node sees to it that each comes
    /// back soon.
    underway: VecDeque<(Offset, Arc<Whom>, Packet)>,
}

impl Course {
    /// The latest entry. A client that has an event which no entry names has come so far.
    pub(super) fn entry(&self) -> EntryId {
        self.entry
    }

    pub(super) fn note_entry(&mut self, id: EntryId) {
        self.entry = id;
    }

    /// An event goes to the stream.
    pub(super) fn send(&mut self, own: Offset, to: Arc<Whom>, packet: Packet) {
        self.underway.push_back((own, to, packet));
    }

    /// An event of this process came back, and with it those of its shard before it.
    pub(super) fn note_return(&mut self, own: Offset) {
        let is_back = |(offset, ..): &(Offset, _, _)| {
            offset.origin == own.origin && offset.number <= own.number
        };
        while self.underway.front().is_some_and(is_back) {
            self.underway.pop_front();
            self.underway.tighten();
        }
    }

    /// The events for a client that have not come back.
    pub(super) fn underway_for(&self, names: &Names<'_>) -> Vec<Packet> {
        let own = self.underway.iter().filter(|(_, to, _)| names.are_in(to));
        own.map(|(.., packet)| packet.clone()).collect()
    }
}
