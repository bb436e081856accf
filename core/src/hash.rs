//! Hashing of names that peers choose.

use std::fmt;
use std::hash::{BuildHasher, DefaultHasher, Hasher as _};

/// SipHash that starts from a secret, so that a peer cannot aim names at one bucket.
///
/// The standard `RandomState` would draw its own randomness, which this crate leaves to its caller.
#[derive(Clone)]
pub(crate) struct Seeded(u128);

impl Seeded {
    pub(crate) fn new(secret: [u8; 16]) -> Self {
        Self(u128::from_ne_bytes(secret))
    }
}

impl BuildHasher for Seeded {
    type Hasher = DefaultHasher;

    fn build_hasher(&self) -> DefaultHasher {
        let mut hasher = DefaultHasher::new();
        hasher.write_u128(self.0);
        hasher
    }
}

impl fmt::Debug for Seeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seeded(hidden)")
    }
}
