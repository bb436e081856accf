//! Names for events of other processes, where clients that were lost come back to this one alone.

use crate::recovery::offset::{Offset, Origin};

/// Names events of other processes in the order in which all shards get them.
#[derive(Debug)]
pub(super) struct Offsets {
    next: Offset,
}

impl Offsets {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { next: Offset { origin: Origin::others(seed), number: 0 } }
    }

    pub(super) fn next(&mut self) -> Offset {
        let next = self.next;
        self.next.number += 1;
        next
    }
}
