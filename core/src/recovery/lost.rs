//! A client whose connection was lost.

use std::any::Any;
use std::sync::Arc;

use super::offset::{Offset, Origin};
use crate::key::Id;
use crate::socket::Args;
use crate::socket::encoded::Packet;
use crate::time::Tick;

/// What a client had.
#[derive(Clone, Debug)]
pub(crate) struct Lost {
    pub(crate) since: Tick,
    pub(crate) id: Id,
    pub(crate) namespace: Arc<str>,
    /// Bounded by `limits.rooms`.
    pub(crate) rooms: Vec<Arc<str>>,
    pub(crate) kept: Option<Arc<dyn Any + Send + Sync>>,
    /// What the application attached to it for all processes to see, where these are told.
    pub(crate) data: Option<Box<Args>>,
    /// What it was given when it came back before.
    pub(crate) brought: Option<Brought>,
}

/// What a client that came back was given, or will be.
#[derive(Clone, Debug)]
pub(crate) struct Brought {
    /// The event up to which the client had all.
    pub(crate) offset: Offset,
    /// The events it missed. Bounded by `limits.max_backlog`.
    pub(crate) missed: Vec<(Offset, Packet)>,
    /// Where the events after those are.
    pub(crate) then: Then,
}

/// Where a client's events go on in the log of a shard.
#[derive(Clone, Debug)]
pub(crate) enum Then {
    /// From a place on.
    From(u64),
    /// With those that are not among these: for each origin, the number of its first event that another
    /// shard did not know.
    Beyond(Vec<(Origin, u128)>),
}

/// About what a lost client takes besides the names of its rooms and what it missed, in bytes.
const CLIENT: usize = 384;

/// About what the name of a room takes besides its text, in bytes.
const ROOM: usize = 32;

impl Lost {
    /// Memory it takes, in bytes.
    pub(crate) fn cost(&self) -> usize {
        let rooms = self.rooms.iter().map(|room| room.len() + ROOM).sum::<usize>();
        rooms + self.brought.as_ref().map_or(0, Brought::cost) + CLIENT
    }
}

impl Brought {
    /// Memory taken by the events, in bytes.
    pub(crate) fn cost(&self) -> usize {
        self.missed.iter().map(|(_, packet)| packet.cost()).sum()
    }

    /// Forgets the events, which the client has.
    pub(crate) fn forget_missed(&mut self) {
        if let Some((last, _)) = self.missed.last() {
            self.offset = *last;
        }
        self.missed = Vec::new();
    }

    /// The events behind one of them; `None` when it is none of them.
    pub(crate) fn after(&self, offset: Offset) -> Option<&[(Offset, Packet)]> {
        if offset == self.offset {
            return Some(&self.missed);
        }
        let at = self.missed.iter().position(|(known, _)| *known == offset)?;
        self.missed.get(at + 1..)
    }
}
