//! The seeded generator behind session secrets, public ids and frame masks.

use chacha20::ChaCha12Rng;
use chacha20::rand_core::{Rng as _, SeedableRng};
use std::fmt;

/// A cryptographic generator: the same seed and stream give the same values on every platform.
pub(crate) struct Rng(ChaCha12Rng);

impl Rng {
    /// Streams of one seed are independent: each shard of a process takes its own.
    pub(crate) fn new(seed: [u8; 32], stream: u64) -> Self {
        let mut rng = ChaCha12Rng::from_seed(seed);
        rng.set_stream(stream);
        Self(rng)
    }

    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut bytes = [0; N];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

impl fmt::Debug for Rng {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Rng(state hidden)")
    }
}
