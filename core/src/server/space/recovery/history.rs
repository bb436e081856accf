//! What a shard remembers for clients that come back.

use std::any::Any;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use super::course::Course;
use super::latest::Latest;
use super::log::{Log, Names, To};
use super::seek::{Asker, Sought};
use crate::cluster::{Body, Destination, Whom};
use crate::config::{Config, Recovery};
use crate::hash::Seeded;
use crate::key::Shard;
use crate::recovery::lost::{Brought, Lost, Then};
use crate::recovery::offset::{self, Offset, Origin, RANDOM, Reach};
use crate::recovery::pid::Pid;
use crate::recovery::saved::Saved;
use crate::rng::Rng;
use crate::server::Event;
use crate::server::outputs::Outputs;
use crate::slack::Slack as _;
use crate::socket::encoded::Packet;
use crate::socket::encoder::Encoder;
use crate::socket::{Args, ArgsRef};
use crate::time::Tick;

/// The memory of a shard: events, and clients that were lost. Bounded by [`Recovery`].
#[derive(Debug)]
pub(in crate::server) struct History {
    bounds: Recovery,
    shard: u16,
    /// Missed events that are sent to one client at most, in bytes.
    max_backlog: usize,
    /// Time after which a client that is still here has what it was sent.
    confirmed: Duration,
    rng: Rng,
    process: u32,
    /// Numbers of the next events: for all shards, and for this one.
    next: [u64; 2],
    /// Where events go by the stream of a cluster, and any process may be asked for lost clients.
    pub(super) course: Option<Course>,
    /// Arguments that are put together; kept to reuse its memory.
    text: String,
    log: Log,
    lost: Latest<Lost>,
    /// Memory taken by the lost clients, in bytes.
    lost_bytes: usize,
    /// The shards to which lost clients went from here. Bounded as lost clients are.
    moved: Latest<u16>,
    /// Clients that are here, by their slots. Bounded as these are.
    present: HashMap<u32, Present, Seeded>,
    /// How many of them are back and wait to be admitted.
    waiting: usize,
    /// Clients that keep what they missed until it is confirmed that they have it.
    unconfirmed: VecDeque<(Tick, u32)>,
    /// Memory taken by what they missed, in bytes. Bounded as that of lost clients.
    unconfirmed_bytes: usize,
    /// Clients that wait for what they had, by their slots. Bounded by the clients here.
    pub(super) sought: HashMap<u32, Sought, Seeded>,
    /// How many of those wait for messages that the other shard had already.
    pub(super) late: usize,
    /// Who waits for the answers of other shards that were asked for lost clients. At most one of each other
    /// shard, and the clients here.
    pub(super) awaited: HashMap<Pid, Vec<Asker>, Seeded>,
}

/// A client that is here.
#[derive(Debug)]
struct Present {
    pid: Pid,
    kept: Option<Kept>,
    data: Option<Box<Args>>,
    came: Return,
}

/// What an application keeps for a client.
type Kept = Arc<dyn Any + Send + Sync>;

/// Whether a client came back.
#[derive(Debug)]
enum Return {
    /// It is new.
    New,
    /// It is back, and waits to be admitted. The place is the end of the log when it came.
    Waiting(Box<Lost>, u64),
    /// It is back. What it was given is confirmed at that moment.
    Back(Box<Brought>, Tick),
}

/// What a client is given when it is admitted.
#[derive(Debug)]
pub(super) enum Given {
    Nothing,
    Back {
        rooms: Vec<Arc<str>>,
        missed: Vec<Packet>,
    },
    /// Events that it missed were forgotten while it waited.
    Incomplete,
}

impl History {
    pub(in crate::server) fn new(
        config: &Config,
        shard: Shard,
        seed: [u8; 32],
        hasher: &Seeded,
    ) -> Option<Box<Self>> {
        let bounds = config.recovery.clone()?;
        let process = offset::process(seed);
        Some(Box::new(Self {
            bounds,
            shard: shard.index,
            max_backlog: config.limits.max_backlog,
            confirmed: config.ping_interval.saturating_add(config.ping_timeout),
            rng: Rng::new(seed, RANDOM + 1 + u64::from(shard.index)),
            process,
            next: [0; 2],
            course: None,
            text: String::new(),
            log: Log::new(process, hasher.clone()),
            lost: Latest::new(hasher.clone()),
            lost_bytes: 0,
            moved: Latest::new(hasher.clone()),
            present: HashMap::with_hasher(hasher.clone()),
            waiting: 0,
            unconfirmed: VecDeque::new(),
            unconfirmed_bytes: 0,
            sought: HashMap::with_hasher(hasher.clone()),
            awaited: HashMap::with_hasher(hasher.clone()),
            late: 0,
        }))
    }

    /// Events go by the stream of a cluster from now on.
    pub(in crate::server) fn follow_stream(&mut self) {
        self.course.get_or_insert_with(Course::default);
    }

    /// The offset of the next event of this shard.
    pub(super) fn next_offset(&mut self, reach: Reach) -> Offset {
        let origin = Origin { process: self.process, shard: self.shard, reach };
        let number = &mut self.next[reach as usize];
        let offset = Offset { origin, number: (*number).into() };
        *number += 1;
        offset
    }

    /// Writes an event with an offset of its own; or with that of the latest entry of the stream, which says how far
    /// a client came that has the event, and is not remembered.
    pub(in crate::server) fn write(
        &mut self,
        encoder: &mut Encoder,
        reach: Reach,
        (namespace, name): (&str, &str),
        args: ArgsRef<'_>,
    ) -> (Option<Offset>, Packet) {
        let own = match &self.course {
            Some(course) => {
                offset::append(&mut self.text, args, course.entry());
                None
            }
            None => {
                let own = self.next_offset(reach);
                offset::append(&mut self.text, args, own);
                Some(own)
            }
        };
        let args = ArgsRef::from_valid(&self.text, args.attachments());
        let packet = encoder.event(namespace, name, args, None).packet();
        if self.text.capacity() > KEEP {
            self.text = String::new();
        }
        (own, packet)
    }

    /// Remembers an event.
    pub(super) fn record(&mut self, offset: Offset, to: To, packet: Packet) {
        self.log.push(offset, to, packet, &self.bounds);
    }

    /// Gives a new client its private id.
    pub(super) fn greet(&mut self, slot: u32) {
        let pid = Pid::new(self.shard, &mut self.rng);
        let present = Present { pid, kept: None, data: None, came: Return::New };
        self.present.insert(slot, present);
    }

    /// A client that was lost is here, and waits to be admitted.
    pub(super) fn welcome_back(&mut self, slot: u32, pid: Pid, mut lost: Lost) {
        let (kept, data) = (lost.kept.take(), lost.data.take());
        let came = Return::Waiting(Box::new(lost), self.log.end());
        self.present.insert(slot, Present { pid, kept, data, came });
        self.waiting += 1;
    }

    /// Takes a client out that was lost on this shard, with what it missed. A client comes back once.
    pub(super) fn take(
        &mut self,
        now: Tick,
        (pid, namespace): (Pid, &str),
        offset: Offset,
        outputs: &mut Outputs,
    ) -> Taken {
        self.expire_lost(now, outputs);
        let Some(lost) = self.lost.get(pid) else { return Taken::Unknown };
        if *lost.namespace != *namespace {
            return Taken::Refused;
        }
        // A claim that another shard passed on late may be older than the client: that stays for the next.
        let missed = self.missed(lost, offset).filter(|missed| cost(missed) <= self.max_backlog);
        let Some(missed) = missed else { return Taken::Refused };
        let Some(mut lost) = self.lost.take(pid) else { return Taken::Unknown };
        self.lost_bytes -= lost.cost();
        let former = lost.brought.take().map(|brought| brought.then);
        let then = Then::Beyond(self.log.seen_since(former.as_ref()));
        lost.brought = Some(Brought { offset, missed, then });
        Taken::Lost(Box::new(lost))
    }

    /// The events behind `offset` that a lost client missed; `None` when that is not known.
    fn missed(&self, lost: &Lost, offset: Offset) -> Option<Vec<(Offset, Packet)>> {
        let Some(brought) = &lost.brought else {
            return self.log.from(self.log.after(offset)?, lost);
        };
        if let Some(missed) = brought.after(offset) {
            let later = match &brought.then {
                Then::From(place) => self.log.from(*place, lost)?,
                Then::Beyond(seen) => self.log.beyond(seen, lost)?,
            };
            return Some([missed, &later].concat());
        }
        match brought.then {
            Then::From(place) => {
                let after = self.log.after(offset).filter(|after| *after > place)?;
                self.log.from(after, lost)
            }
            Then::Beyond(_) => None,
        }
    }

    /// Whether this shard took note of all events that another has seen.
    pub(super) fn has_all_for(&self, lost: &Lost) -> bool {
        match lost.brought.as_ref().map(|brought| &brought.then) {
            Some(Then::Beyond(seen)) => self.log.has_all(seen),
            Some(Then::From(_)) | None => true,
        }
    }

    /// Clients are sent an event that nobody will find again: those of them that wait to be admitted start anew.
    pub(super) fn miss(&mut self, whom: &Whom) {
        if self.waiting == 0 {
            return;
        }
        for present in self.present.values_mut() {
            if let Return::Waiting(lost, _) = &mut present.came
                && Names::new(&lost.namespace, &lost.id, &lost.rooms).are_in(whom)
            {
                lost.brought = None;
            }
        }
    }

    /// A client is admitted.
    pub(super) fn admit(&mut self, now: Tick, slot: u32, outputs: &mut Outputs) -> Given {
        let Some(present) = self.present.get_mut(&slot) else { return Given::Nothing };
        let Return::Waiting(lost, came) = &mut present.came else { return Given::Nothing };
        let later = match lost.brought.as_ref().map(|brought| &brought.then) {
            Some(Then::Beyond(seen)) => self.log.beyond(seen, lost),
            Some(Then::From(place)) => self.log.from(*place, lost),
            None => None,
        };
        // What was sent to itself meanwhile is held back, and follows.
        let held = self.log.own(*came, lost);
        let (Some(later), Some(held), Some(mut brought)) = (later, held, lost.brought.take())
        else {
            self.forget(slot, outputs);
            return Given::Incomplete;
        };
        let rooms = std::mem::take(&mut lost.rooms);
        brought.missed.extend(later);
        brought.then = Then::From(self.log.end());
        let missed = brought.missed.iter().map(|(_, packet)| packet.clone()).collect();
        brought.missed.extend(held);
        if self.course.is_some() {
            // The stream has them, should they get lost.
            brought.missed = Vec::new();
        }
        self.keep_brought(now, slot, brought);
        Given::Back { rooms, missed }
    }

    /// Keeps what a client was sent until it is confirmed, when there is room.
    fn keep_brought(&mut self, now: Tick, slot: u32, mut brought: Brought) {
        let Some(present) = self.present.get_mut(&slot) else { return };
        let cost = brought.cost();
        let mut due = Tick::NEVER;
        if self.unconfirmed_bytes + cost > self.bounds.bytes {
            brought.forget_missed();
        } else if !brought.missed.is_empty() {
            due = now.after(self.confirmed);
            self.unconfirmed.push_back((due, slot));
            self.unconfirmed_bytes += cost;
        }
        present.came = Return::Back(Box::new(brought), due);
        self.waiting -= 1;
    }

    /// Attaches a value to a client that is here.
    pub(in crate::server) fn keep(&mut self, slot: u32, kept: Kept) -> bool {
        match self.present.get_mut(&slot) {
            Some(present) => {
                present.kept = Some(kept);
                true
            }
            None => false,
        }
    }

    /// The value that is attached to a client.
    pub(in crate::server) fn kept(&self, slot: u32) -> Option<Kept> {
        self.present.get(&slot)?.kept.clone()
    }

    /// Attaches what all processes may see to a client that is here, where they are told.
    pub(in crate::server) fn attach(&mut self, slot: u32, data: Args) {
        if self.course.is_some()
            && let Some(present) = self.present.get_mut(&slot)
        {
            present.data = Some(Box::new(data));
        }
    }

    /// What is attached to a client for all processes to see.
    pub(in crate::server) fn attached(&self, slot: u32) -> Option<&Args> {
        self.present.get(&slot)?.data.as_deref()
    }

    /// The private id of a client.
    pub(in crate::server) fn pid(&self, slot: u32) -> Option<String> {
        self.present.get(&slot).map(|present| present.pid.text())
    }

    /// Whether a client asks another shard for what it had.
    pub(in crate::server) fn is_sought(&self, slot: u32) -> bool {
        self.sought.contains_key(&slot)
    }

    /// Whether a client was here before.
    pub(in crate::server) fn is_back(&self, slot: u32) -> bool {
        let back = |present: &Present| !matches!(present.came, Return::New);
        self.present.get(&slot).is_some_and(back)
    }

    /// A client is lost, and may come back. `lost` is what it has, when it was admitted.
    pub(super) fn lose(&mut self, now: Tick, slot: u32, lost: Option<Lost>, outputs: &mut Outputs) {
        let Some(Present { pid, kept, data, came }) = self.take_present(slot) else { return };
        let lost = match (came, lost) {
            (Return::Waiting(former, _), _) => Some(Lost { since: now, kept, data, ..*former }),
            (Return::New, Some(lost)) => Some(Lost { kept, data, ..lost }),
            (Return::Back(brought, _), Some(lost)) => {
                Some(Lost { kept, data, brought: Some(*brought), ..lost })
            }
            (Return::New | Return::Back(..), None) => {
                release(kept, outputs);
                None
            }
        };
        match lost {
            Some(lost) if self.course.is_some() => {
                let Lost { id, namespace, rooms, kept, data, .. } = lost;
                let saved = Saved { pid, id, namespace, rooms, data, kept };
                outputs.post(Destination::Node, Body::Save(Box::new(saved)));
            }
            Some(lost) => self.remember(now, pid, lost, outputs),
            None => {}
        }
    }

    /// Remembers a lost client. The oldest ones make room.
    pub(super) fn remember(&mut self, now: Tick, pid: Pid, lost: Lost, outputs: &mut Outputs) {
        self.expire_lost(now, outputs);
        self.lost_bytes += lost.cost();
        let former = self.lost.insert(pid, lost);
        self.drop_lost(former, outputs);
        while self.lost.len() > self.bounds.clients || self.lost_bytes > self.bounds.bytes {
            let Some(oldest) = self.lost.take_oldest() else { break };
            self.drop_lost(Some(oldest), outputs);
        }
    }

    /// The shard that a lost client went to from here.
    pub(super) fn went_to(&self, pid: Pid) -> Option<u16> {
        self.moved.get(pid).copied()
    }

    /// A lost client goes to another shard.
    pub(super) fn note_move(&mut self, pid: Pid, shard: u16) {
        self.moved.insert(pid, shard);
        if self.moved.len() > self.bounds.clients {
            self.moved.take_oldest();
        }
    }

    /// A lost client comes from another shard.
    pub(super) fn note_arrival(&mut self, pid: Pid) {
        self.moved.take(pid);
    }

    /// A client is gone.
    pub(in crate::server) fn forget(&mut self, slot: u32, outputs: &mut Outputs) {
        if let Some(Sought { former, pid, .. }) = self.sought.remove(&slot) {
            match former {
                Some(lost) => self.put_back(pid, *lost, outputs),
                None => self.drop_asker(pid, slot),
            }
        }
        self.sought.tighten();
        if let Some(present) = self.take_present(slot) {
            release(present.kept, outputs);
        }
    }

    /// A client is gone that waited for messages of other shards.
    fn put_back(&mut self, pid: Pid, lost: Lost, outputs: &mut Outputs) {
        self.late -= 1;
        self.remember(lost.since, pid, lost, outputs);
    }

    /// A client is gone that waited for the answer of another shard.
    fn drop_asker(&mut self, pid: Pid, slot: u32) {
        if let Some(askers) = self.awaited.get_mut(&pid) {
            askers.retain(|asker| match asker {
                Asker::Client(at) | Asker::Later(at) => *at != slot,
                Asker::Shard(_) => true,
            });
        }
    }

    fn take_present(&mut self, slot: u32) -> Option<Present> {
        let present = self.present.remove(&slot)?;
        self.present.tighten();
        if let Return::Waiting(..) = &present.came {
            self.waiting -= 1;
        }
        if let Return::Back(brought, due) = &present.came
            && *due != Tick::NEVER
        {
            self.unconfirmed_bytes -= brought.cost();
        }
        Some(present)
    }

    /// When something is forgotten next.
    pub(in crate::server) fn deadline(&self) -> Tick {
        let time = self.bounds.max_disconnection_duration;
        let lost = self.lost.oldest().map_or(Tick::NEVER, |lost| lost.since.after(time));
        let unconfirmed = self.unconfirmed.front().map_or(Tick::NEVER, |(due, _)| *due);
        lost.min(unconfirmed)
    }

    /// Forgets what is too old.
    pub(in crate::server) fn expire(&mut self, now: Tick, outputs: &mut Outputs) {
        self.expire_lost(now, outputs);
        while let Some((due, slot)) = self.unconfirmed.front().copied()
            && due <= now
        {
            self.unconfirmed.pop_front();
            if let Some(Present { came: Return::Back(brought, of), .. }) =
                self.present.get_mut(&slot)
                && *of == due
            {
                self.unconfirmed_bytes -= brought.cost();
                brought.forget_missed();
                *of = Tick::NEVER;
            }
        }
        self.unconfirmed.tighten();
    }

    fn expire_lost(&mut self, now: Tick, outputs: &mut Outputs) {
        let time = self.bounds.max_disconnection_duration;
        while self.lost.oldest().is_some_and(|lost| lost.since.after(time) <= now) {
            let oldest = self.lost.take_oldest();
            self.drop_lost(oldest, outputs);
        }
    }

    fn drop_lost(&mut self, lost: Option<Lost>, outputs: &mut Outputs) {
        if let Some(lost) = lost {
            self.lost_bytes -= lost.cost();
            release(lost.kept, outputs);
        }
    }

    /// Lost clients that are remembered.
    pub(in crate::server) fn lost(&self) -> usize {
        self.lost.len()
    }

    /// Memory taken by events and lost clients, in bytes.
    pub(in crate::server) fn bytes(&self) -> usize {
        self.log.bytes() + self.lost_bytes + self.unconfirmed_bytes
    }
}

/// What became of the search for a lost client.
#[derive(Debug)]
pub(super) enum Taken {
    Lost(Box<Lost>),
    /// It is not told what it had: its namespace is another, or what it missed is not known any more.
    Refused,
    /// It was not lost on this shard, or too long ago.
    Unknown,
}

/// A larger buffer is given back after the event that needed it.
const KEEP: usize = 64 * 1024;

/// Hands what an application kept for a client back to it.
pub(super) fn release(kept: Option<Kept>, outputs: &mut Outputs) {
    if let Some(kept) = kept {
        outputs.tell(Event::Forgotten { kept });
    }
}

fn cost(missed: &[(Offset, Packet)]) -> usize {
    missed.iter().map(|(_, packet)| packet.cost()).sum()
}

#[cfg(feature = "fuzz")]
impl History {
    /// Checks that the counts are those of what is counted.
    pub(in crate::server) fn check(&self) {
        self.log.check();
        let lost: usize = self.lost.values().map(Lost::cost).sum();
        assert_eq!(lost, self.lost_bytes, "the memory of lost clients is counted");
        let kept = |present: &Present| match &present.came {
            Return::Back(brought, due) if *due != Tick::NEVER => brought.cost(),
            Return::Back(..) | Return::New | Return::Waiting(..) => 0,
        };
        let unconfirmed: usize = self.present.values().map(kept).sum();
        assert_eq!(unconfirmed, self.unconfirmed_bytes, "what clients were sent is counted");
        let waits = |present: &&Present| matches!(present.came, Return::Waiting(..));
        assert_eq!(self.present.values().filter(waits).count(), self.waiting);
        let late = self.sought.values().filter(|sought| sought.former.is_some()).count();
        assert_eq!(late, self.late, "late answers are counted");
    }
}
