//! Events of this process that clients get when they come back as entries of the stream: so all processes send them in
//! the same order, and with the ids of their entries.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::time::{Duration, Instant};

use super::node::{Node, Stage};
use super::outbox::Keep;
use super::post::Written;
use crate::cluster::bus::{Body, EntryId, Entry, Flags, Format, Message, Payload, To};
use crate::cluster;
use crate::hash::Seeded;
use crate::recovery::offset::Offset;
use crate::slack::Slack as _;
use crate::socket::EventMessage;

/// Events that were added to the stream, and have not come back.
#[derive(Debug)]
pub(super) struct Echoes {
    /// In the order in which they were added. Each waits for [`PATIENCE`] at most.
    awaited: VecDeque<Awaited>,
    pace: Pace,
    /// When clients last got an event that has no entry.
    apart: Option<Instant>,
    hasher: Seeded,
}

#[derive(Debug)]
struct Awaited {
    /// A hash of what was added. Of two events that are the same, either may have the other's entry.
    hash: u64,
    namespace: Box<str>,
    to: To,
    event: EventMessage,
    flags: Flags,
    own: Option<Offset>,
    due: Instant,
}

/// Whether entries come back in time.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pace {
    InTime,
    /// The last one did not: nothing waits until one comes back.
    Late,
}

/// How long an event may take to come back. Clients get one that took longer without an entry.
const PATIENCE: Duration = Duration::from_millis(250);

impl Echoes {
    pub(super) fn new(secret: [u8; 16]) -> Self {
        let (awaited, pace, hasher) = (VecDeque::new(), Pace::InTime, Seeded::new(secret));
        Self { awaited, pace, apart: None, hasher }
    }

    pub(super) fn deadline(&self) -> Option<Instant> {
        self.awaited.front().map(|first| first.due)
    }

    /// Whether clients got an event that has no entry since so long ago.
    pub(super) fn were_apart(&self, now: Instant, time: Duration) -> bool {
        self.apart.is_some_and(|at| now.saturating_duration_since(at) < time)
    }

    fn hash(&self, entry: &Entry<'_>) -> u64 {
        self.hasher.hash_one((&entry.nsp, &entry.data))
    }
}

impl Node {
    /// Whether events that are to be remembered go by the stream.
    pub(super) fn goes_by_stream(&self) -> bool {
        self.config.format == Format::Streams && self.server.recovery.is_some()
    }

    /// Adds an event of this process to the stream. Clients of this process get it when it comes back, or at once when
    /// that is not to be expected.
    pub(super) fn send_by_stream(
        &mut self,
        now: Instant,
        (namespace, to): (&str, To),
        (event, flags): (EventMessage, Flags),
        own: Option<Offset>,
    ) {
        let body = Body::Broadcast { to, event, flags, ask: None };
        let from = Some(self.name.clone());
        let message = Message { from, namespace: namespace.into(), sequence: None, body };
        let hash = self.add_to_stream(now, &message);
        let is_near = self.line.is_ready() && self.echoes.pace == Pace::InTime;
        let Message { namespace, body: Body::Broadcast { to, event, flags, .. }, .. } = message
        else {
            return;
        };
        let due = now + PATIENCE;
        let hash = hash.filter(|_| is_near);
        let awaited = Awaited { hash: hash.unwrap_or(0), namespace, to, event, flags, own, due };
        if hash.is_some() {
            self.echoes.awaited.push_back(awaited);
        } else {
            self.give_up_echoes(now);
            self.tell_apart(now, awaited);
        }
    }

    /// Queues an entry; returns a hash of it when it will be added.
    fn add_to_stream(&mut self, now: Instant, message: &Message) -> Option<u64> {
        if self.stage == Stage::Leaving {
            self.counts.refused += 1;
            return None;
        }
        let Written { channel, payload } = self.write(message).ok()?;
        let hash = match &payload {
            Payload::Entry(entry) => Some(self.echoes.hash(entry)),
            Payload::Bytes(_) => None,
        };
        self.queue(now, (channel, payload, None), Keep::Firm).ok()?;
        hash
    }

    /// An entry of this process came back. Says whether clients were waiting for it.
    pub(super) fn take_echo(&mut self, now: Instant, payload: &Payload<'_>) -> bool {
        let Payload::Entry(entry @ Entry { id: Some(id), .. }) = payload else { return false };
        if !self.goes_by_stream() {
            return false;
        }
        self.echoes.pace = Pace::InTime;
        let hash = self.echoes.hash(entry);
        let Some(at) = self.echoes.awaited.iter().position(|awaited| awaited.hash == hash) else {
            return false;
        };
        // What was added before it did not get there.
        for _ in 0..at {
            if let Some(lost) = self.echoes.awaited.pop_front() {
                self.tell_apart(now, lost);
            }
        }
        if let Some(Awaited { namespace, to, event, flags, own, .. }) = self.echoes.awaited.pop_front()
        {
            self.tell_streamed(&namespace, to, (&event, flags), (Some(*id), own));
        }
        self.echoes.awaited.tighten();
        true
    }

    /// Clients get what they wait for, because it does not come back.
    pub(super) fn give_up_echoes(&mut self, now: Instant) {
        while let Some(awaited) = self.echoes.awaited.pop_front() {
            self.tell_apart(now, awaited);
        }
    }

    /// Clients get what took too long.
    pub(super) fn expire_echoes(&mut self, now: Instant) {
        while self.echoes.deadline().is_some_and(|due| due <= now) {
            let Some(awaited) = self.echoes.awaited.pop_front() else { return };
            self.echoes.pace = Pace::Late;
            self.tell_apart(now, awaited);
        }
    }

    fn tell_apart(&mut self, now: Instant, awaited: Awaited) {
        let Awaited { namespace, to, event, flags, own, .. } = awaited;
        self.echoes.apart = Some(now);
        self.tell_streamed(&namespace, to, (&event, flags), (None, own));
    }

    /// Has an event sent by all shards, with the id of its entry. One that has none says so by an id that no entry has:
    /// a client that is lost behind it starts anew.
    pub(super) fn tell_streamed(
        &mut self,
        namespace: &str,
        to: To,
        (event, flags): (&EventMessage, Flags),
        (id, own): (Option<EntryId>, Option<Offset>),
    ) {
        let packet = self.packets.write_named(namespace, event, id.unwrap_or(EntryId::START));
        let packet = if flags.uncompressed { packet.plain() } else { packet };
        let to = super::incoming::whom(namespace.into(), to);
        self.tell_shards(cluster::Body::Streamed { to, packet, id, own });
    }
}
