//! Internal keys: what they name is found by index, and a stale one finds nothing.

use std::num::NonZeroU32;

/// One client in one namespace, on one shard.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Socket(pub(crate) Key);

impl Socket {
    /// Returns a small number, unique among the sockets that exist now, for dense tables.
    ///
    /// Numbers are reused: compare the whole key to find out.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.slot as usize
    }
}

/// One Engine.IO session on one shard.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Session(pub(crate) Key);

/// Which of a process's servers owns a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Shard {
    /// Position of this shard, from 0.
    pub index: u16,
    /// Number of shards in the process, at least 1.
    pub count: u16,
}

impl Shard {
    /// The only shard of its process.
    pub const ONLY: Self = Self { index: 0, count: 1 };
}

/// A slot and the generation that makes a stale key recognisable.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    pub(crate) slot: u32,
    pub(super) generation: NonZeroU32,
}

impl Key {
    pub(crate) fn new(slot: u32, generation: NonZeroU32) -> Self {
        Self { slot, generation }
    }
}
