//! Random numbers that follow from one seed.

use std::fmt;

use crate::rng::Rng;

/// Draws numbers without keeping a generator, which would take as much memory as all the rest of a session.
pub(crate) struct Seeds {
    seed: [u8; 32],
    next: u64,
}

impl Seeds {
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        Self { seed, next: 0 }
    }

    pub(crate) fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.next += 1;
        Rng::new(self.seed, self.next).bytes()
    }
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeds(hidden)")
    }
}
