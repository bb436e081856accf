//! The masks of the frames that a client writes (RFC 6455 §5.3).

use std::fmt;

use crate::seeds::Seeds;

/// Draws masks, a few at a time: a generator would take more memory than all the rest of a connection.
pub(super) struct Masks {
    seeds: Seeds,
    drawn: [[u8; 4]; 8],
    /// How many of them were not used yet.
    left: u8,
}

impl Masks {
    pub(super) fn new(seed: [u8; 32]) -> Self {
        Self { seeds: Seeds::new(seed), drawn: [[0; 4]; 8], left: 0 }
    }

    /// The mask of one frame.
    pub(super) fn next(&mut self) -> [u8; 4] {
        if self.left == 0 {
            let bytes: [u8; 32] = self.seeds.draw();
            let (masks, _) = bytes.as_chunks();
            self.drawn.copy_from_slice(masks);
            self.left = 8;
        }
        self.left -= 1;
        self.drawn[usize::from(self.left)]
    }

    /// The nonce of a handshake (RFC 6455 §4.1).
    pub(super) fn nonce(&mut self) -> [u8; 16] {
        self.seeds.draw()
    }
}

impl fmt::Debug for Masks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Masks(hidden)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_mask_comes_twice() {
        let mut masks = Masks::new([7; 32]);
        let seen: BTreeSet<[u8; 4]> = (0..1000).map(|_| masks.next()).collect();
        assert_eq!(seen.len(), 1000);
        assert_ne!(Masks::new([8; 32]).next(), Masks::new([7; 32]).next());
    }
}
