//! Compresses the messages that a connection sends.

use super::agreed::{Agreed, Context, Sending};
use super::deflater::Deflater;

/// Compresses the messages of a connection that have no compressed form yet.
#[derive(Debug)]
pub(crate) struct Packer {
    threshold: usize,
    sending: Sending,
    /// Kept from one message to the next only when these refer to each other.
    deflater: Option<Deflater>,
}

impl Packer {
    pub(crate) fn new(agreed: &Agreed) -> Self {
        Self { threshold: agreed.threshold, sending: agreed.sending, deflater: None }
    }

    /// Returns the compressed form of a message, if it is long enough for one.
    pub(crate) fn pack(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        if payload.is_empty() || payload.len() < self.threshold {
            return None;
        }
        let Sending { packing, context } = self.sending;
        let mut deflater = self.deflater.take().unwrap_or_else(|| Deflater::new(packing));
        let mut packed = Vec::with_capacity(payload.len() / 2 + 16);
        deflater.put(payload, &mut packed)?;
        if context == Context::Kept {
            self.deflater = Some(deflater);
        }
        Some(packed)
    }

    /// About the memory that is held between two messages.
    pub(crate) fn bytes_held(&self) -> usize {
        self.deflater.as_ref().map_or(0, |_| Deflater::memory(self.sending.packing))
    }
}
