//! Payload masking (RFC 6455 §5.3).

/// Applies `mask` in place, as if `bytes` began `phase` bytes into the payload.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], mask: [u8; 4], phase: usize) {
    let turns = 8 * (phase % 4) as u32;
    let narrow = u32::from_le_bytes(mask).rotate_right(turns);
    let wide = u64::from(narrow) << 32 | u64::from(narrow);
    // Most payloads are short: a loop made for long ones alone takes longer to begin.
    let (blocks, rest) = bytes.as_chunks_mut::<64>();
    for block in blocks {
        for word in block.as_chunks_mut().0 {
            *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
        }
    }
    let (words, rest) = rest.as_chunks_mut();
    for word in words {
        *word = (u64::from_le_bytes(*word) ^ wide).to_le_bytes();
    }
    let (halves, rest) = rest.as_chunks_mut();
    for half in halves {
        *half = (u32::from_le_bytes(*half) ^ narrow).to_le_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(narrow.to_le_bytes()) {
        *byte ^= key;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn masking_in_pieces_equals_masking_at_once(
            bytes in prop::collection::vec(any::<u8>(), 0..100),
            mask: [u8; 4],
            cut: prop::sample::Index,
        ) {
            let expected: Vec<u8> =
                bytes.iter().enumerate().map(|(i, byte)| byte ^ mask[i % 4]).collect();
            let mut whole = bytes.clone();
            super::apply(&mut whole, mask, 0);
            prop_assert_eq!(&whole, &expected);
            let mut pieces = bytes.clone();
            let at = cut.index(bytes.len() + 1);
            let (front, back) = pieces.split_at_mut(at);
            super::apply(front, mask, 0);
            super::apply(back, mask, at);
            prop_assert_eq!(&pieces, &expected);
        }
    }
}
