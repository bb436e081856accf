//! Private ids: what proves that a client is one that was lost.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

use crate::rng::Rng;

/// A private id: the shard that issued it, and 128 random bits. Only its own client is told.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct Pid([u8; 18]);

impl Pid {
    pub(crate) fn new(shard: u16, rng: &mut Rng) -> Self {
        let mut bytes: [u8; 18] = rng.bytes();
        bytes[..2].copy_from_slice(&shard.to_be_bytes());
        Self(bytes)
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        if text.len() != 24 {
            return None;
        }
        let mut bytes = [0; 18];
        URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        Some(Self(bytes))
    }

    /// The shard that issued it; for text of another origin any number.
    pub(crate) fn home(self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pid(hidden)")
    }
}
