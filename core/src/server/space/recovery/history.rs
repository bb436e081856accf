//! What a shard remembers for clients that come back.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use super::log::{Entry, Log};
use super::lost::{Lost, LostClients};
use super::offset::Offset;
use super::pid::Pid;
use crate::cluster::Whom;
use crate::config::{Config, Recovery};
use crate::hash::Seeded;
use crate::key::Id;
use crate::rng::Rng;
use crate::socket::ArgsRef;
use crate::socket::encoded::{Encoder, Packet};
use crate::socket::scan;
use crate::time::Tick;

/// The memory of a shard: what it sent, and the clients that were lost.
#[derive(Debug)]
pub(in crate::server) struct History {
    bounds: Recovery,
    /// Time a client may wait for its admission when it is back.
    admission: Duration,
    rng: Rng,
    origin: u32,
    /// Number of the next event.
    number: u64,
    log: Log,
    lost: LostClients,
    /// Clients that are here, by their slots. Bounded as these are.
    present: HashMap<u32, Present, Seeded>,
}

/// A client that is here.
#[derive(Debug)]
struct Present {
    pid: Pid,
    came: Return,
}

/// Whether a client came back.
#[derive(Debug)]
enum Return {
    /// It is new.
    New,
    /// It is back, and waits to be admitted: what it had, and the first place in the log that it
    /// has not seen.
    Waiting(Lost, u64),
    /// It is back.
    Back,
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
        mut rng: Rng,
        hasher: &Seeded,
    ) -> Option<Box<Self>> {
        let bounds = config.recovery.clone()?;
        Some(Box::new(Self {
            bounds,
            admission: config.connect_timeout,
            origin: u32::from_ne_bytes(rng.bytes()),
            rng,
            number: 0,
            log: Log::default(),
            lost: LostClients::new(hasher.clone()),
            present: HashMap::with_hasher(hasher.clone()),
        }))
    }

    /// Writes an event with an offset of its own.
    pub(in crate::server) fn write(
        &mut self,
        encoder: &mut Encoder,
        namespace: &str,
        name: &str,
        args: ArgsRef<'_>,
    ) -> (Offset, Packet) {
        let offset = Offset { origin: self.origin, number: self.number };
        self.number += 1;
        let json = args.json().trim_ascii_end();
        let open = json.strip_suffix(']').unwrap_or(json);
        let comma =
            if open.trim_ascii_end().ends_with('[') && args.tail() == "]" { "" } else { "," };
        let json = format!("{open}{comma}\"{offset}\"]");
        let args = ArgsRef::from_valid(&json, args.attachments());
        (offset, encoder.event(namespace, name, args, None).packet())
    }

    /// Remembers an event.
    pub(super) fn record(&mut self, now: Tick, event: Entry) {
        self.expire(now);
        self.log.push(event, &self.bounds);
    }

    /// A client asks to join: returns the id it had when it was here before.
    pub(super) fn arrive(
        &mut self,
        now: Tick,
        slot: u32,
        namespace: &str,
        auth: Option<&str>,
        most: usize,
    ) -> Option<Id> {
        self.expire(now);
        let found = auth.and_then(|auth| self.find(namespace, auth, most));
        let (present, id) = match found {
            Some((pid, lost, from)) => {
                let id = lost.id;
                (Present { pid, came: Return::Waiting(lost, from) }, Some(id))
            }
            None => (Present { pid: Pid::new(&mut self.rng), came: Return::New }, None),
        };
        self.present.insert(slot, present);
        id
    }

    fn find(&mut self, namespace: &str, auth: &str, most: usize) -> Option<(Pid, Lost, u64)> {
        let (mut pid, mut offset) = (None, None);
        let each = &mut |name: &str, value: &str| match name {
            "pid" => pid = scan::string(value).and_then(|text| Pid::parse(&text)),
            "offset" => offset = scan::string(value).and_then(|text| Offset::parse(&text)),
            _ => {}
        };
        scan::members(auth, each).ok()?;
        let (pid, offset) = (pid?, offset?);
        let lost = self.lost.take(pid, namespace)?;
        let from = self.log.after(offset)?;
        let cost: usize = self.log.missed(from, &lost)?.iter().map(Packet::cost).sum();
        (cost <= most).then_some((pid, lost, from))
    }

    /// A client is admitted.
    pub(super) fn admit(&mut self, slot: u32) -> Given {
        let Some(present) = self.present.get_mut(&slot) else { return Given::Nothing };
        match std::mem::replace(&mut present.came, Return::Back) {
            Return::Waiting(lost, from) => match self.log.missed(from, &lost) {
                Some(missed) => Given::Back { rooms: lost.rooms, missed },
                None => Given::Incomplete,
            },
            other => {
                present.came = other;
                Given::Nothing
            }
        }
    }

    /// The private id of a client.
    pub(in crate::server) fn pid(&self, slot: u32) -> Option<String> {
        self.present.get(&slot).map(|present| present.pid.text())
    }

    /// Whether a client was here before.
    pub(in crate::server) fn is_back(&self, slot: u32) -> bool {
        let back = |present: &Present| !matches!(present.came, Return::New);
        self.present.get(&slot).is_some_and(back)
    }

    /// A client is lost, and may come back.
    pub(super) fn lose(&mut self, slot: u32, lost: Lost) {
        self.expire(lost.since);
        if let Some(present) = self.present.remove(&slot) {
            self.lost.insert(present.pid, lost, &self.bounds);
        }
    }

    /// A client is gone.
    pub(in crate::server) fn forget(&mut self, slot: u32) {
        self.present.remove(&slot);
    }

    /// Forgets what is too old.
    pub(in crate::server) fn expire(&mut self, now: Tick) {
        let time = self.bounds.max_disconnection_duration;
        self.lost.expire(now, time);
        self.log.expire(now, time + self.admission);
    }
}

/// The one client that an event is for.
pub(super) fn only(namespace: &str, id: Id) -> Arc<Whom> {
    let rooms = vec![id.as_str().into()];
    Arc::new(Whom { namespace: namespace.into(), rooms, except: Vec::new() })
}
