//! The sessions of a shard, with the links that serve them and the deadlines they have.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use crate::config::Config;
use crate::engine::forms::Forms;
use crate::engine::open::Open;
use crate::engine::outbox::Pool;
use crate::engine::terms::Revision;
use crate::hash::Seeded;
use crate::key::{self, Key, Shard, Sid, Slab};
use crate::link::Link;
use crate::rng::Rng;
use crate::server::NONE;
use crate::server::sessions::budget::Budget;
use crate::server::sessions::deadline::Timers;
use crate::server::sessions::departed::Departed;
use crate::server::sessions::link::Attachment;
use crate::server::sessions::own_fields::OwnFields;
use crate::server::sessions::own_sid::OwnSids;
use crate::server::sessions::session::Session;
use crate::server::sessions::strangers::Strangers;
use crate::socket::encoded::Packet;

/// All sessions of a shard.
#[derive(Debug)]
pub(in crate::server) struct Sessions {
    pub(super) config: Arc<Config>,
    pub(super) shard: Shard,
    /// Draws the secrets of sessions.
    pub(super) rng: Rng,
    /// Where the text of a handshake is put together.
    pub(super) scratch: String,
    pub(super) table: Slab<Session>,
    pub(in crate::server) own_sids: OwnSids,
    /// The sessions that poll by JSONP, and the number of the function that their answers call. Bounded by
    /// the number of sessions.
    pub(in crate::server) jsonp: HashMap<u32, u32, Seeded>,
    pub(in crate::server) departed: Departed,
    pub(in crate::server) strangers: Strangers,
    pub(super) links: Slab<Attachment>,
    pub(in crate::server) own_fields: OwnFields,
    /// Links that gained something to write.
    pub(super) ready: VecDeque<Link>,
    /// Links to be looked at before their peers are taken for gone.
    pub(super) overdue: VecDeque<Link>,
    pub(in crate::server) timers: Timers,
    /// The packets of all outboxes.
    pub(super) pool: Pool,
    pub(in crate::server) forms: Forms,
    pub(in crate::server) budget: Budget,
    pub(super) open: Open,
    /// The PING packet, made once.
    pub(super) ping: Packet,
}

impl Sessions {
    pub(in crate::server) fn new(
        config: &Arc<Config>,
        shard: Shard,
        rng: Rng,
        hasher: &Seeded,
    ) -> Self {
        Self {
            config: config.clone(),
            shard,
            rng,
            scratch: String::new(),
            table: Slab::new(),
            own_sids: OwnSids::new(hasher.clone()),
            jsonp: HashMap::with_hasher(hasher.clone()),
            departed: Departed::default(),
            strangers: Strangers::new(hasher.clone()),
            links: Slab::new(),
            own_fields: OwnFields::new(hasher.clone()),
            ready: VecDeque::new(),
            overdue: VecDeque::new(),
            timers: Timers::new(config),
            pool: Pool::new(config.limits.low_water),
            forms: Forms::new(config.deflate),
            budget: Budget::new(&config.limits, shard),
            open: Open::new(config),
            ping: Packet::engine(b"2"),
        }
    }

    #[inline]
    pub(in crate::server) fn at(&self, slot: u32) -> Option<&Session> {
        self.table.at(slot)
    }

    #[inline]
    pub(in crate::server) fn at_mut(&mut self, slot: u32) -> Option<&mut Session> {
        self.table.at_mut(slot)
    }

    pub(in crate::server) fn len(&self) -> usize {
        self.table.len()
    }

    pub(in crate::server) fn links(&self) -> usize {
        self.links.len()
    }

    /// The key of the session that is in a slot now.
    pub(in crate::server) fn key(&self, slot: u32) -> Option<Key> {
        self.table.key(slot)
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = Key> {
        self.table.keys()
    }

    /// All sessions.
    pub(in crate::server) fn iter(&self) -> impl Iterator<Item = (Key, &Session)> {
        self.table.keys().filter_map(|key| self.table.get(key).map(|session| (key, session)))
    }

    /// The public key of the session in a slot.
    pub(super) fn public_key(&self, slot: u32) -> Option<key::Session> {
        self.key(slot).map(key::Session)
    }

    /// The slot of a session that its key still names.
    pub(super) fn slot_of(&self, session: key::Session) -> Option<u32> {
        self.table.get(session.0).map(|_| session.0.slot)
    }

    /// The first client of the session that `link` serves.
    pub(super) fn clients_behind(&self, link: Link) -> u32 {
        let session = self.session_of(link).and_then(|slot| self.at(slot));
        session.map_or(NONE, |session| session.clients)
    }

    /// The session a sid names, when its secret is right and its shard is this one.
    pub(in crate::server) fn find(&self, sid: &str) -> Option<u32> {
        let ours = Sid::parse_of(self.config.node.as_ref(), sid).ok().filter(|sid| {
            sid.shard() == self.shard.index
                && self.at(sid.slot()).is_some_and(|session| sid.proves(&session.secret.0))
        });
        ours.map_or_else(|| self.own_sids.find(sid), |sid| Some(sid.slot()))
    }

    /// The revision of Engine.IO that a session speaks.
    pub(in crate::server) fn revision(&self, slot: u32) -> Revision {
        self.at(slot).map_or(Revision::V4, |session| session.terms.revision)
    }

    /// The sid of a session.
    pub(in crate::server) fn sid(&self, slot: u32) -> Option<String> {
        let mut sid = String::with_capacity(28);
        self.put_sid(slot, self.at(slot)?, &mut sid);
        Some(sid)
    }

    /// Appends the sid of a session.
    pub(super) fn put_sid(&self, slot: u32, session: &Session, out: &mut String) {
        match self.own_sids.text(slot) {
            Some(text) => out.push_str(text),
            None => {
                let sid = Sid::new(self.shard, slot, session.secret.0);
                sid.put(self.config.node.as_ref(), out);
            }
        }
    }

    /// Whether there is nothing to be written or looked at.
    #[inline]
    pub(in crate::server) fn is_drained(&self) -> bool {
        self.ready.is_empty() && self.overdue.is_empty()
    }

    /// Gives back the room that a burst took: packets that still wait move to a smaller pool.
    pub(super) fn tighten(&mut self) {
        if !self.pool.is_sparse(self.table.len()) {
            return;
        }
        let mut smaller = self.pool.smaller();
        for session in self.table.values_mut() {
            session.outbox.move_to(&mut self.pool, &mut smaller);
        }
        self.pool = smaller;
    }
}

#[cfg(feature = "fuzz")]
impl Sessions {
    /// The packets of all outboxes.
    pub(in crate::server) fn pool(&self) -> &Pool {
        &self.pool
    }
}
