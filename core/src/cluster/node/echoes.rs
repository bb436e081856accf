//! Events of this process that clients get when they come back as entries of the stream: so all processes send them in
//! the same order, and with the ids of their entries.

use std::collections::VecDeque;
use std::hash::BuildHasher as _;
use std::time::{Duration, Instant};

use super::BusError;
use super::node::{Node, Stage};
use super::outbox::Keep;
use super::post::{Item, Written};
use crate::cluster;
use crate::cluster::bus::{Body, Entry, EntryId, Flags, Message, Payload, To};
use crate::hash::Seeded;
use crate::recovery::offset::Offset;
use crate::slack::Slack as _;
use crate::socket::EventMessage;

/// An entry of this process that came back.
#[derive(Clone, Copy, Debug)]
pub(super) struct Echo {
    pub(super) id: EntryId,
    /// A [`hash`] of it.
    pub(super) hash: u64,
}

/// By what an entry is known again.
pub(super) fn hash(hasher: &Seeded, entry: &Entry<'_>) -> u64 {
    hasher.hash_one((&entry.nsp, &entry.data))
}

/// Events that were added to the stream, and have not come back.
#[derive(Debug, Default)]
pub(super) struct Echoes {
    /// In the order in which they were added.
    added: VecDeque<Added>,
    /// How many of them, from the first on, clients did not wait for.
    told: usize,
    pace: Pace,
    /// When an event last got lost on its way to the stream.
    lost: Option<Instant>,
    /// The last entry that came back when clients had its event already. Shards have not recorded it.
    late: EntryId,
}

#[derive(Debug)]
struct Added {
    /// A hash of what was added. Of two events that are the same, either may have the other's entry.
    hash: u64,
    due: Instant,
    /// What clients wait for.
    event: Option<Awaited>,
}

/// An event that clients wait for.
#[derive(Debug)]
struct Awaited {
    namespace: Box<str>,
    to: To,
    event: EventMessage,
    flags: Flags,
    own: Option<Offset>,
}

/// Whether entries come back in time.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Pace {
    #[default]
    InTime,
    /// The last one did not: no client waits until one comes back.
    Late,
}

/// How long an event may take to come back. Clients get one that takes longer without the id of its entry.
const PATIENCE: Duration = Duration::from_millis(250);

/// Events that may be on their way: the oldest count as lost when there are more.
const MOST: usize = 65_536;

impl Echoes {
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.added.get(self.told).map(|first| first.due)
    }

    /// Whether an event got lost on its way to the stream since so long ago.
    pub(super) fn have_lost(&self, now: Instant, time: Duration) -> bool {
        self.lost.is_some_and(|at| now.saturating_duration_since(at) < time)
    }

    /// Whether an event of this process is neither in the stream up to `until`, nor will shards record it behind that.
    pub(super) fn are_hidden_behind(&self, until: EntryId) -> bool {
        self.told > 0 || self.late > until
    }

    /// Takes the oldest event, with what clients wait for.
    fn pop(&mut self) -> Option<Option<Awaited>> {
        let first = self.added.pop_front()?;
        self.told = self.told.saturating_sub(1);
        self.added.tighten();
        Some(first.event)
    }

    /// Takes what clients wait for out of the first event that they wait for.
    fn tell_next(&mut self) -> Option<Awaited> {
        let next = self.added.get_mut(self.told)?;
        self.told += 1;
        next.event.take()
    }
}

impl Node {
    /// Whether events that are to be remembered go by the stream.
    pub(super) fn goes_by_stream(&self) -> bool {
        self.reader.echoes.is_some()
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
        let from = Some(self.reader.process.clone());
        let message = Message { from, namespace: namespace.into(), sequence: None, body };
        let hash = self.add_to_stream(now, &message).filter(|_| self.line.is_ready());
        let Message { namespace, body: Body::Broadcast { to, event, flags, .. }, .. } = message
        else {
            return;
        };
        let event = Awaited { namespace, to, event, flags, own };
        let due = now + PATIENCE;
        match (hash, self.echoes.pace) {
            (Some(hash), Pace::InTime) => {
                self.echoes.added.push_back(Added { hash, due, event: Some(event) });
            }
            (Some(hash), Pace::Late) => {
                self.hurry_echoes();
                self.echoes.added.push_back(Added { hash, due, event: None });
                self.echoes.told += 1;
                self.tell_apart(event);
            }
            (None, _) => {
                self.hurry_echoes();
                self.echoes.lost = Some(now);
                self.tell_apart(event);
            }
        }
        if self.echoes.added.len() > MOST {
            self.lose_oldest(now);
        }
    }

    /// Queues an entry; returns a hash of it when it will be added.
    fn add_to_stream(&mut self, now: Instant, message: &Message) -> Option<u64> {
        if self.stage == Stage::Leaving {
            self.counts.refused += 1;
            return None;
        }
        let Written { channel, payload } = self.told(now, |node| node.write(message))?;
        let hash = match (&self.reader.echoes, &payload) {
            (Some(hasher), Payload::Entry(entry)) => Some(hash(hasher, entry)),
            (Some(_) | None, Payload::Entry(_) | Payload::Bytes(_)) => None,
        };
        let namespace = Some(self.spaces.name(&message.namespace));
        let item = Item::Publish { channel, payload, namespace, question: None };
        self.told(now, |node| node.queue(now, item, Keep::Firm))?;
        hash
    }

    /// What comes of an attempt; a log is told of one that fails.
    fn told<T>(
        &mut self,
        now: Instant,
        attempt: impl FnOnce(&mut Self) -> Result<T, BusError>,
    ) -> Option<T> {
        attempt(self).inspect_err(|error| self.note_refusal(now, *error)).ok()
    }

    /// An entry of this process came back: clients get it, if they wait for it.
    pub(super) fn take_echo(&mut self, now: Instant, Echo { id, hash }: Echo) {
        self.echoes.pace = Pace::InTime;
        let Some(at) = self.echoes.added.iter().position(|added| added.hash == hash) else {
            self.counts.ignored += 1;
            return;
        };
        // What was added before it did not get there.
        (0..at).for_each(|_| self.lose_oldest(now));
        match self.echoes.pop() {
            Some(Some(awaited)) => self.tell_awaited(awaited, Some(id)),
            Some(None) => self.echoes.late = id,
            None => {}
        }
    }

    /// What has not come back will not.
    pub(super) fn give_up_echoes(&mut self, now: Instant) {
        while !self.echoes.added.is_empty() {
            self.lose_oldest(now);
        }
    }

    /// Clients get what took too long.
    pub(super) fn expire_echoes(&mut self, now: Instant) {
        while self.echoes.deadline().is_some_and(|due| due <= now) {
            self.echoes.pace = Pace::Late;
            let next = self.echoes.tell_next();
            next.into_iter().for_each(|awaited| self.tell_apart(awaited));
        }
    }

    /// Clients get what they wait for, because something follows that does not wait.
    fn hurry_echoes(&mut self) {
        while let Some(awaited) = self.echoes.tell_next() {
            self.tell_apart(awaited);
        }
    }

    fn lose_oldest(&mut self, now: Instant) {
        if let Some(awaited) = self.echoes.pop() {
            self.echoes.lost = Some(now);
            awaited.into_iter().for_each(|awaited| self.tell_apart(awaited));
        }
    }

    /// Clients get an event that has no entry, or whose entry is not known.
    fn tell_apart(&mut self, awaited: Awaited) {
        self.tell_awaited(awaited, None);
    }

    fn tell_awaited(&mut self, awaited: Awaited, id: Option<EntryId>) {
        let Awaited { namespace, to, event, flags, own } = awaited;
        self.tell_streamed(&namespace, to, (&event, flags), (id, own));
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

#[cfg(feature = "fuzz")]
impl Echoes {
    pub(super) fn check(&self) {
        let told = self.added.iter().take_while(|added| added.event.is_none()).count();
        assert_eq!(told, self.told, "events that nobody waits for come first");
        let waits = |added: &Added| added.event.is_some();
        assert!(self.added.iter().skip(told).all(waits), "and none is among the others");
    }
}
