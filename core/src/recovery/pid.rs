//! Private ids: what proves that a client is one that was lost.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

use crate::rng::Rng;

/// A private id. Only its own client is told.
///
/// Ours has the shard that issued it, and 128 random bits. That of a JavaScript process is shorter, and has 120.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct Pid {
    bytes: [u8; OURS],
    length: u8,
}

/// Bytes of a private id of ours.
const OURS: usize = 18;

/// Bytes of one of JavaScript.
const THEIRS: usize = 15;

impl Pid {
    pub(crate) fn new(shard: u16, rng: &mut Rng) -> Self {
        let mut bytes: [u8; OURS] = rng.bytes();
        bytes[..2].copy_from_slice(&shard.to_be_bytes());
        Self { bytes, length: OURS as u8 }
    }

    pub(crate) fn parse(text: &str) -> Option<Self> {
        let length = match text.len() {
            24 => OURS,
            20 => THEIRS,
            _ => return None,
        };
        let mut bytes = [0; OURS];
        URL_SAFE_NO_PAD.decode_slice(text, &mut bytes[..length]).ok()?;
        Some(Self { bytes, length: length as u8 })
    }

    /// The shard that issued it; for text of another origin any number.
    pub(crate) fn home(self) -> u16 {
        u16::from_be_bytes([self.bytes[0], self.bytes[1]])
    }

    pub(crate) fn text(self) -> String {
        URL_SAFE_NO_PAD.encode(&self.bytes[..usize::from(self.length)])
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pid(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_ids_of_ours_and_of_javascript_survive_the_wire() {
        let ours = Pid::new(7, &mut Rng::new([1; 32], 0));
        assert_eq!((ours.home(), ours.text().len()), (7, 24));
        assert_eq!(Pid::parse(&ours.text()), Some(ours));
        let theirs = "iNWZ_0tqDpFcA-gGAAAB";
        assert_eq!(Pid::parse(theirs).map(Pid::text).as_deref(), Some(theirs));
        for text in ["", "short", "iNWZ/0tqDpFcA+gGAAAB", "iNWZ_0tqDpFcA-gGAAABiNW"] {
            assert_eq!(Pid::parse(text), None, "{text}");
        }
    }
}
