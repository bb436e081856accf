//! Settings of permessage-deflate.

use super::deflater::Deflater;
use super::inflater::Inflater;

/// Settings of permessage-deflate, the compression of WebSocket messages (RFC 7692). Needs the feature
/// `compression`.
///
/// With the default settings a message is compressed on its own: a connection keeps no memory between
/// messages, and an event for many clients is compressed once for all of them on a shard. When a side may refer to
/// earlier messages, small ones shrink more; then each connection keeps two contexts, which together take
/// [`context_bytes`](Self::context_bytes), and every event is compressed for each client anew.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Deflate {
    /// Bytes of a message from which it is compressed. Default 1024.
    pub threshold: usize,
    /// Effort, from 1, which is fast, to 9, which makes messages smallest. Default 1.
    pub level: u8,
    /// Memory for symbols that wait to be written, from 1 to 9: each step doubles it, 9 takes 224 KiB. Default 8.
    pub memory: u8,
    /// Whether the server compresses each message on its own. Default yes.
    pub server_no_context_takeover: bool,
    /// Whether the client compresses each message on its own. Default yes.
    pub client_no_context_takeover: bool,
    /// How far back the server may refer, as the logarithm of a number of bytes, from 9 to 15. Default 15,
    /// which is 32 KiB.
    pub server_max_window_bits: u8,
    /// How far back the client may refer, likewise. Default 15. A client that cannot be limited is not
    /// compressed for when this is less.
    pub client_max_window_bits: u8,
}

impl Default for Deflate {
    fn default() -> Self {
        Self {
            threshold: 1024,
            level: 1,
            memory: 8,
            server_no_context_takeover: true,
            client_no_context_takeover: true,
            server_max_window_bits: 15,
            client_max_window_bits: 15,
        }
    }
}

impl Deflate {
    /// Returns the most memory, in bytes, that the contexts of one connection of a server take.
    #[must_use]
    pub fn context_bytes(&self) -> usize {
        let send = Deflater::memory(self.packing(self.server_max_window_bits));
        let receive = Inflater::memory(window(self.client_max_window_bits));
        let kept = |dropped: bool, bytes: usize| if dropped { 0 } else { bytes };
        kept(self.server_no_context_takeover, send) + kept(self.client_no_context_takeover, receive)
    }

    /// The settings of a compressor that refers back so far.
    pub(crate) fn packing(&self, window: u8) -> Packing {
        Packing {
            level: self.level.clamp(1, 9),
            memory: self.memory.clamp(1, 9),
            window: self::window(window),
        }
    }
}

/// Settings of a compressor, within their bounds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Packing {
    pub(crate) level: u8,
    pub(crate) memory: u8,
    pub(crate) window: u8,
}

/// A window within the bounds of what compresses here: 9 to 15.
pub(crate) fn window(bits: u8) -> u8 {
    bits.clamp(9, 15)
}
