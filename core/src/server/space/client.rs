//! Clients of namespaces.

use crate::error::Refused;
use crate::key::{Id, Key};
use crate::server::NONE;
use crate::server::answers::ask::Pending;
use crate::server::space::room::Membership;
use crate::socket::EventMessage;
use crate::socket::encoded::Packet;
use crate::time::Tick;

/// One client in one namespace.
#[derive(Debug)]
pub(in crate::server) struct Client {
    pub(in crate::server) key: Key,
    pub(in crate::server) session: u32,
    /// Next client of the same session.
    pub(super) sibling: u32,
    pub(in crate::server) namespace: u32,
    /// Where it stands among the namespace's members.
    pub(in crate::server) position: u32,
    /// The last broadcast that considered it: one packet each, however many rooms overlap.
    pub(super) stamp: u32,
    pub(super) id: Id,
    pub(super) phase: Phase,
    /// Bounded by `limits.rooms`.
    pub(in crate::server) rooms: Vec<Membership>,
    /// Questions it has not answered, oldest first. Bounded by `limits.questions`.
    pub(in crate::server) pending: Vec<Pending>,
}

const _: () = assert!(size_of::<Client>() <= 120, "a client is held per connection");

#[derive(Debug)]
pub(super) enum Phase {
    /// The application has not decided.
    Joining(Box<Joining>),
    Connected,
}

#[derive(Debug)]
pub(super) struct Joining {
    /// When the application must have decided.
    pub(super) due: Tick,
    /// What follows the admission; nothing when the client has left meanwhile. Its place stays taken
    /// all the same: otherwise it could have the application decide about any number at a time.
    pub(super) held: Option<Held>,
}

/// What waits for the admission.
#[derive(Debug, Default)]
pub(super) struct Held {
    /// Packets that the application emitted.
    pub(super) packets: Vec<Packet>,
    /// Their cost. Bounded by `limits.max_backlog`.
    sent: usize,
    /// Events of the client. Clients of Socket.IO 2 may send some before they are admitted.
    pub(super) early: Vec<Early>,
    /// Their cost. Bounded by `limits.max_payload`.
    received: usize,
}

/// An event that came before its client was admitted.
#[derive(Debug)]
pub(super) struct Early {
    pub(super) message: EventMessage,
    pub(super) id: Option<u64>,
}

impl Early {
    fn cost(&self) -> usize {
        let Self { message, .. } = self;
        let attached: usize = message.attachments().iter().map(|bytes| bytes.len()).sum();
        size_of::<Self>() + message.name().len() + message.json().len() + attached
    }
}

impl Held {
    /// Adds a packet and returns its cost.
    #[cold]
    pub(super) fn push(&mut self, packet: Packet, max_backlog: usize) -> Result<usize, Refused> {
        if self.sent >= max_backlog {
            return Err(Refused::Backlog { bytes: self.sent });
        }
        let cost = packet.cost();
        self.sent += cost;
        self.packets.push(packet);
        Ok(cost)
    }

    /// Adds an event of the client and returns its cost; `None` when there is no room for it.
    pub(super) fn push_early(&mut self, event: Early, max_payload: usize) -> Option<usize> {
        let cost = event.cost();
        let received = self.received + cost;
        if received > max_payload && !self.early.is_empty() {
            return None;
        }
        self.received = received;
        self.early.push(event);
        Some(cost)
    }

    /// The cost of everything.
    pub(super) fn bytes(&self) -> usize {
        self.sent + self.received
    }
}

impl Client {
    /// Whether it was admitted, so that broadcasts reach it.
    pub(in crate::server) fn is_member(&self) -> bool {
        self.position != NONE
    }

    /// Whether only its place is left of it.
    pub(super) fn is_leaving(&self) -> bool {
        matches!(&self.phase, Phase::Joining(joining) if joining.held.is_none())
    }

    /// When the application must have decided about it.
    pub(super) fn admission_due(&self) -> Tick {
        match &self.phase {
            Phase::Joining(joining) => joining.due,
            Phase::Connected => Tick::NEVER,
        }
    }

    /// Bytes that wait for the application to decide about it.
    pub(in crate::server) fn bytes_held(&self) -> usize {
        match &self.phase {
            Phase::Joining(joining) => joining.held.as_ref().map_or(0, Held::bytes),
            Phase::Connected => 0,
        }
    }
}

#[cfg(feature = "fuzz")]
impl Client {
    /// What [`bytes_held`](Self::bytes_held) returns, counted anew.
    pub(in crate::server) fn bytes_recounted(&self) -> usize {
        match &self.phase {
            Phase::Joining(joining) => {
                let held = joining.held.as_ref();
                let sent = held.iter().flat_map(|held| &held.packets).map(Packet::cost);
                let received = held.iter().flat_map(|held| &held.early).map(Early::cost);
                sent.chain(received).sum()
            }
            Phase::Connected => 0,
        }
    }
}
