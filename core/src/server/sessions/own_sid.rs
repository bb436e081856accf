//! Session ids that the host chose.

use std::collections::HashMap;
use std::fmt;
use std::hash::BuildHasher as _;

use crate::hash::Seeded;
use crate::key::is_sid_text;
use crate::server::door::refusal::Refusal;
use crate::slack::Slack as _;

/// The sessions whose ids were chosen by the host, by slot and by id.
///
/// They are found by a keyed hash of the id and proven by a comparison in constant time, so that how
/// long an answer takes tells nothing about the ids in use.
pub(in crate::server) struct OwnSids {
    hasher: Seeded,
    /// Bounded by the number of sessions, as is the other.
    pub(in crate::server) by_hash: HashMap<u64, (u32, Box<str>), Seeded>,
    pub(in crate::server) by_slot: HashMap<u32, u64, Seeded>,
}

impl OwnSids {
    pub(in crate::server) fn new(hasher: Seeded) -> Self {
        let by_hash = HashMap::with_hasher(hasher.clone());
        let by_slot = HashMap::with_hasher(hasher.clone());
        Self { hasher, by_hash, by_slot }
    }

    /// Whether an id may be given to a new session.
    pub(in crate::server) fn check(&self, text: &str) -> Result<(), Refusal> {
        if !is_sid_text(text) {
            return Err(Refusal::SidMalformed);
        }
        if self.by_hash.contains_key(&self.hasher.hash_one(text)) {
            return Err(Refusal::SidInUse);
        }
        Ok(())
    }

    /// Gives an id that was checked to the session in `slot`.
    pub(in crate::server) fn insert(&mut self, slot: u32, text: &str) {
        let hash = self.hasher.hash_one(text);
        self.by_hash.insert(hash, (slot, text.into()));
        self.by_slot.insert(slot, hash);
    }

    /// Frees the id of the session in `slot`, when it has one of these.
    pub(super) fn remove(&mut self, slot: u32) {
        if let Some(hash) = self.by_slot.remove(&slot) {
            self.by_hash.remove(&hash);
            self.by_hash.tighten();
            self.by_slot.tighten();
        }
    }

    /// The id of the session in `slot`, when it is one of these.
    pub(in crate::server) fn text(&self, slot: u32) -> Option<&str> {
        let (_, text) = self.by_hash.get(self.by_slot.get(&slot)?)?;
        Some(text)
    }

    /// The slot of the session with that id.
    pub(in crate::server) fn find(&self, text: &str) -> Option<u32> {
        if self.is_empty() {
            return None;
        }
        let (slot, own) = self.by_hash.get(&self.hasher.hash_one(text))?;
        is_same(own.as_bytes(), text.as_bytes()).then_some(*slot)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.by_slot.is_empty()
    }
}

impl fmt::Debug for OwnSids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnSids({} hidden)", self.by_slot.len())
    }
}

/// Compares in a time that depends on the lengths only.
pub(super) fn is_same(a: &[u8], b: &[u8]) -> bool {
    a.len() == b.len() && a.iter().zip(b).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
}
