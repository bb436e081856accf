//! Private ids: what proves that a client is one that was lost.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

use crate::rng::Rng;

/// A private id. Nothing shows it but the answer to its own client.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(super) struct Pid([u8; 18]);

impl Pid {
    pub(super) fn new(rng: &mut Rng) -> Self {
        Self(rng.bytes())
    }

    pub(super) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; 18];
        let len = URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
        (len == bytes.len()).then_some(Self(bytes))
    }

    pub(super) fn text(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }
}

impl fmt::Debug for Pid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pid(hidden)")
    }
}
