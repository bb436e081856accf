//! Typed messages between shards, delivered in order from one shard to another.

use bytes::Bytes;
use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use crate::cluster::bus::EntryId;
use crate::key::{Id, Place};
use crate::recovery::lost::Lost;
use crate::recovery::offset::Offset;
use crate::recovery::pid::Pid;
use crate::recovery::saved::Saved;
use crate::socket::Args;
use crate::socket::encoded::{PART, Packet};

/// A message for peers, as [`Server::poll_peer`](crate::Server::poll_peer) returns it.
///
/// Hand it to [`Server::handle_peer`](crate::Server::handle_peer) of every shard that
/// [`Output::to`] names. Messages from one shard to another must keep their order.
#[derive(Clone, Debug)]
pub struct Output {
    /// The peers that it is for.
    pub to: Destination,
    /// The message.
    pub message: Message,
}

/// How far a client is disconnected.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Disconnect {
    /// From its namespace. The connection stays, with the clients it has in others.
    Namespace,
    /// From all namespaces: the connection is closed once everything queued for it is delivered.
    Connection,
}

/// Which peers an [`Output`] is for. Whatever carries messages has to know every destination.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Destination {
    /// Every other shard of this process.
    Everyone,
    /// The shard with this index.
    Shard(u16),
    /// The node, which speaks for all other processes of the cluster.
    Node,
}

/// A peer that sends questions and reports: once each, whatever is behind it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Peer {
    /// A shard of this process.
    Shard(u16),
    /// The node, which adds up what other processes report.
    Node,
}

impl From<Peer> for Destination {
    fn from(peer: Peer) -> Self {
        match peer {
            Peer::Node => Self::Node,
            Peer::Shard(shard) => Self::Shard(shard),
        }
    }
}

/// A message from one shard to another; opaque to its carriers.
#[derive(Clone, Debug)]
pub struct Message(pub(crate) Body);

impl Message {
    /// Returns how many bytes it takes while it waits, about.
    #[must_use]
    pub fn size(&self) -> usize {
        let bytes = match &self.0 {
            Body::Broadcast { packet, .. } | Body::Streamed { packet, .. } => packet.size(),
            Body::Answered { args: Some(args), .. } => {
                let attached: usize = args.attachments().iter().map(Bytes::len).sum();
                args.json().len() + attached
            }
            Body::Adopted { .. }
            | Body::Answered { args: None, .. }
            | Body::Apply { .. }
            | Body::Asked { .. }
            | Body::Deserted { .. }
            | Body::Find { .. }
            | Body::Forgotten { .. }
            | Body::Found { .. }
            | Body::Gone { .. }
            | Body::Populated { .. }
            | Body::Released { .. }
            | Body::Restore { .. }
            | Body::Restored { .. }
            | Body::Save(_)
            | Body::Seek { .. }
            | Body::Sought { .. } => 0,
        };
        bytes.saturating_add(PART)
    }
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    /// Send a packet to the target's clients, and remember it by its offset, if it has one; with `ask`,
    /// collect their acknowledgements.
    Broadcast {
        to: Arc<Whom>,
        packet: Packet,
        volatile: bool,
        offset: Option<Offset>,
        ask: Option<Ask>,
    },
    /// So many clients were asked; `missing` more are too slow to be asked.
    Asked { id: u64, clients: u32, missing: u32 },
    /// One of them answered, or left without.
    Answered { id: u64, args: Option<Args> },
    /// So many clients that were asked will not answer.
    Gone { id: u64, clients: u32 },
    /// Change the target's clients.
    Apply { to: Arc<Whom>, change: Change },
    /// Report the clients that match the target.
    Find { to: Arc<Whom>, id: u64, from: Peer },
    /// These clients match.
    Found { id: u64, ids: Vec<Id> },
    /// The client in that place has an id that was issued for another.
    Adopted { id: Id, place: Place },
    /// It left: no client has the id.
    Released { id: Id, place: Place },
    /// A namespace of the shard, or a room of it, has its first client.
    Populated { namespace: Arc<str>, room: Option<Arc<str>> },
    /// It lost its last one.
    Deserted { namespace: Arc<str>, room: Option<Arc<str>> },
    /// Report what a client had that is back on the shard `from`, if it was lost.
    Seek { pid: Pid, offset: Offset, namespace: Arc<str>, from: u16 },
    /// It had that.
    Sought { pid: Pid, former: Option<Box<Lost>> },
    /// Send a packet of the stream to the target's clients, and remember it by its id; it has none when the broker
    /// did not take it. One of this process has the offset that it was sent with.
    Streamed { to: Arc<Whom>, packet: Packet, id: Option<EntryId>, own: Option<Offset> },
    /// Keep what a client had that was lost, for whichever process it comes back to.
    Save(Box<Saved>),
    /// Report what a client had that is back, in a slot of a shard, and what it missed behind an entry of the stream.
    Restore { pid: Pid, after: EntryId, namespace: Arc<str>, shard: u16, slot: u32 },
    /// It had that.
    Restored { slot: u32, pid: Pid, restored: Option<Box<Restored>> },
    /// A client will not come back for what was kept for it.
    Forgotten { kept: Arc<dyn Any + Send + Sync> },
}

/// What a client had that is back, from whichever process it was lost.
#[derive(Clone, Debug)]
pub(crate) struct Restored {
    pub(crate) saved: Saved,
    /// The events that it missed, up to an entry.
    pub(crate) missed: Vec<(EntryId, Packet)>,
    /// That entry: what follows it came to all shards, or will.
    pub(crate) until: EntryId,
}

/// Acknowledgements that go back to the peer that asked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ask {
    pub(crate) id: u64,
    pub(crate) from: Peer,
    pub(crate) timeout: Duration,
}

/// What happens to every client of a target.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Join(Vec<Arc<str>>),
    Leave(Vec<Arc<str>>),
    Disconnect(Disconnect),
}

/// A target that outlives the call it was built for.
#[derive(Clone, Debug)]
pub(crate) struct Whom {
    pub(crate) namespace: Box<str>,
    pub(crate) rooms: Vec<Box<str>>,
    pub(crate) except: Vec<Box<str>>,
}
