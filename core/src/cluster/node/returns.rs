//! Clients that were lost, and those that come back, in a cluster whose processes share a stream of events: the broker
//! keeps what they had, and gives it out once.

use std::any::Any;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::node::{Node, Stage};
use super::outbox;
use super::post::Item;
use super::{Keep, Take, Taken};
use crate::cluster::bus::{
    Body, Entry, EntryId, Invalid, Lane, Payload, Place, Session, To, no_args,
};
use crate::cluster::{self, Destination, Message, Output, Restored};
use crate::key::Id;
use crate::recovery::pid::Pid;
use crate::recovery::saved::Saved;
use crate::slack::Slack as _;
use crate::socket::encoded::Packet;

/// Clients between shards and the broker.
#[derive(Debug, Default)]
pub(super) struct Returns {
    tickets: u64,
    /// The clients that come back, by tickets. Bounded by [`Recovery::clients`](crate::Recovery::clients), and each
    /// waits for [`PATIENCE`] at most.
    coming: BTreeMap<u64, Coming>,
    /// What the application keeps for those that were lost here, oldest first. As many at most.
    kept: VecDeque<Kept>,
}

/// A client that comes back.
#[derive(Debug)]
struct Coming {
    shard: u16,
    slot: u32,
    pid: Pid,
    namespace: Arc<str>,
    due: Instant,
}

/// What the application keeps for a client that was lost here.
#[derive(Debug)]
struct Kept {
    mark: Box<str>,
    kept: Arc<dyn Any + Send + Sync>,
    due: Instant,
}

/// How long the broker may take to answer what a client had. One that waits longer is new.
const PATIENCE: Duration = Duration::from_secs(2);

impl Returns {
    pub(super) fn deadline(&self) -> Option<Instant> {
        let coming = self.coming.first_key_value().map(|(_, coming)| coming.due);
        let kept = self.kept.front().map(|kept| kept.due);
        coming.into_iter().chain(kept).min()
    }
}

impl Node {
    /// A client was lost: the broker keeps what it had.
    pub(super) fn on_save(&mut self, now: Instant, saved: &Saved) {
        let mark: Box<str> = format!("{:016x}", u64::from_be_bytes(self.rng.bytes())).into();
        let kept = saved.kept.clone();
        if !self.save(now, saved, &mark) {
            kept.into_iter().for_each(|kept| self.forget(kept));
            return;
        }
        let Some(recovery) = &self.server.recovery else { return };
        let (due, most) = (now + recovery.max_disconnection_duration, recovery.clients);
        self.returns.kept.extend(kept.map(|kept| Kept { mark, kept, due }));
        while self.returns.kept.len() > most {
            self.forget_oldest();
        }
    }

    /// Has the broker keep what a client had; says whether it will.
    fn save(&mut self, now: Instant, saved: &Saved, mark: &str) -> bool {
        // A client may not have got the last events, which no other process knows of.
        let time = self.server.ping_interval.saturating_add(self.server.ping_timeout);
        if !self.line.is_ready() || self.echoes.have_lost(now, time) {
            return false;
        }
        let id = saved.id.as_str();
        let names = [id].into_iter().chain(saved.rooms.iter().map(|room| &**room));
        let session = Session {
            id: id.into(),
            pid: saved.pid.text().into(),
            rooms: names.map(Box::from).collect(),
            data: saved.data.as_deref().cloned().unwrap_or_else(no_args),
            namespace: Some((&*saved.namespace).into()),
            mark: Some(mark.into()),
        };
        self.keep(now, &session.pid, session.encode())
    }

    fn keep(&mut self, now: Instant, pid: &str, value: Vec<u8>) -> bool {
        let Some(recovery) = &self.server.recovery else { return false };
        let (key, bytes) = (self.key(pid), value.len());
        if bytes > self.config.limits.session {
            return false;
        }
        let keep = Keep { key, value, time: recovery.max_disconnection_duration };
        self.outbox.push(now, (Item::Keep(keep), bytes), outbox::Keep::Firm).is_ok()
    }

    fn key(&self, pid: &str) -> String {
        format!("{}{pid}", self.config.sessions)
    }

    /// A client claims to be one that was lost: the broker is asked for what it had.
    pub(super) fn on_restore(
        &mut self,
        now: Instant,
        (pid, after): (Pid, EntryId),
        namespace: &Arc<str>,
        (shard, slot): (u16, u32),
    ) {
        let coming = Coming { shard, slot, pid, namespace: namespace.clone(), due: now + PATIENCE };
        let most = self.server.recovery.as_ref().map_or(0, |recovery| recovery.clients);
        let can_ask = self.line.is_ready()
            && self.stage == Stage::Staying
            && self.returns.coming.len() < most
            && self.spaces.contains(namespace);
        let ticket = self.returns.tickets;
        if !can_ask || !self.take_from_broker(now, ticket, pid, after) {
            return self.tell_restored(&coming, None);
        }
        self.returns.tickets += 1;
        self.returns.coming.insert(ticket, coming);
    }

    fn take_from_broker(&mut self, now: Instant, ticket: u64, pid: Pid, after: EntryId) -> bool {
        let Some(recovery) = &self.server.recovery else { return false };
        let take = Take {
            ticket,
            key: self.key(&pid.text()),
            stream: self.reader.names.prefix().to_owned(),
            after,
            entries: recovery.packets,
            bytes: recovery.bytes,
        };
        self.outbox.push(now, (Item::Take(take), 0), outbox::Keep::Firm).is_ok()
    }

    pub(super) fn on_taken(&mut self, now: Instant, ticket: u64, taken: Option<Taken>) {
        let Some(coming) = self.returns.coming.remove(&ticket) else {
            // It took too long. The client may come again.
            let session = taken.map(|taken| taken.value);
            let read = session.as_deref().map(|value| Session::decode(value, &self.config.limits));
            if let (Some(Ok(Session { pid, .. })), Some(value)) = (read, session) {
                self.keep(now, &pid, value);
            }
            return;
        };
        // One that would miss an event is new.
        let taken = taken.filter(|taken| !self.echoes.are_hidden_behind(taken.until));
        let restored = match taken.map(|taken| self.restored(&coming, taken)) {
            Some(Ok(restored)) => Some(Box::new(restored)),
            Some(Err(invalid)) => {
                self.note_invalid(now, invalid);
                None
            }
            None => None,
        };
        self.tell_restored(&coming, restored);
    }

    /// What a client had and missed, by what the broker gave out.
    fn restored(&mut self, coming: &Coming, taken: Taken) -> Result<Restored, Invalid> {
        let Session { id, pid, mut rooms, data, namespace, mark } =
            Session::decode(&taken.value, &self.config.limits)?;
        let is_of_here = namespace.is_none_or(|namespace| *namespace == *coming.namespace);
        if Pid::parse(&pid) != Some(coming.pid) || !is_of_here {
            return Err(Invalid::Foreign);
        }
        let public = Id::parse(&id).ok_or(Invalid::Mistyped("sid"))?;
        rooms.retain(|room| *room != id);
        if rooms.len() > self.server.limits.rooms {
            return Err(Invalid::TooMany("rooms"));
        }
        let mut missed = Vec::new();
        for entry in taken.entries {
            let id = entry.id.unwrap_or_default();
            let is_meant = |to: &To| means(to, &public, &rooms);
            missed
                .extend(self.missed(&coming.namespace, entry, is_meant).map(|packet| (id, packet)));
        }
        let saved = Saved {
            pid: coming.pid,
            id: public,
            namespace: coming.namespace.clone(),
            rooms: rooms.iter().map(|room| Arc::from(&**room)).collect(),
            data: (data.json() != "[]").then(|| Box::new(data)),
            kept: mark.and_then(|mark| self.take_kept(&mark)),
        };
        Ok(Restored { saved, missed, until: taken.until })
    }

    /// The packet of an entry, if it is an event for a client that was away.
    fn missed(
        &mut self,
        namespace: &str,
        entry: Entry<'static>,
        is_meant: impl Fn(&To) -> bool,
    ) -> Option<Packet> {
        if *entry.nsp != *namespace.as_bytes() {
            return None;
        }
        let id = entry.id?;
        let place = Place { namespace, lane: Lane::Everyone };
        let message = self.reader.codec.decode(place, &Payload::Entry(entry)).ok()?;
        let Body::Broadcast { to, event, flags, ask: None } = message.body else { return None };
        if flags.volatile || !is_meant(&to) {
            return None;
        }
        let packet = self.packets.write_named(namespace, &event, id);
        Some(if flags.uncompressed { packet.plain() } else { packet })
    }

    fn take_kept(&mut self, mark: &str) -> Option<Arc<dyn Any + Send + Sync>> {
        let at = self.returns.kept.iter().position(|kept| *kept.mark == *mark)?;
        let kept = self.returns.kept.remove(at).map(|kept| kept.kept);
        self.returns.kept.tighten();
        kept
    }

    fn tell_restored(&mut self, coming: &Coming, restored: Option<Box<Restored>>) {
        let Coming { shard, slot, pid, .. } = *coming;
        self.tell_shard(shard, cluster::Body::Restored { slot, pid, restored });
    }

    /// Nobody is asked any more: clients that come back are new.
    pub(super) fn give_up_returns(&mut self) {
        for coming in std::mem::take(&mut self.returns.coming).into_values() {
            self.tell_restored(&coming, None);
        }
    }

    pub(super) fn expire_returns(&mut self, now: Instant) {
        while let Some(first) = self.returns.coming.first_entry()
            && first.get().due <= now
        {
            let coming = first.remove();
            self.tell_restored(&coming, None);
        }
        while self.returns.kept.front().is_some_and(|kept| kept.due <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.returns.kept.pop_front();
        self.returns.kept.tighten();
        oldest.into_iter().for_each(|oldest| self.forget(oldest.kept));
    }

    /// Hands what the application kept for a client back to it.
    fn forget(&mut self, kept: Arc<dyn Any + Send + Sync>) {
        self.tell_shard(0, cluster::Body::Forgotten { kept });
    }

    fn tell_shard(&mut self, shard: u16, body: cluster::Body) {
        let message = Message(body);
        self.shard_outputs.push_back(Output { to: Destination::Shard(shard), message });
    }
}

/// Whether a client with these rooms is in a target.
fn means(to: &To, id: &Id, rooms: &[Box<str>]) -> bool {
    let is_named = |name: &str| name == id.as_str() || rooms.iter().any(|room| **room == *name);
    (to.rooms.is_empty() || to.rooms.iter().any(|name| is_named(name)))
        && !to.except.iter().any(|name| is_named(name))
}
