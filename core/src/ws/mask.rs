//! Payload masking (RFC 6455 §5.3).

/// Applies `mask` in place, as if `bytes` began `phase` bytes into the payload.
#[inline]
pub(crate) fn apply(bytes: &mut [u8], mask: [u8; 4], phase: usize) {
    let mut rotated = mask;
    rotated.rotate_left(phase % 4);
    let [a, b, c, d] = rotated;
    let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
    let (chunks, rest) = bytes.as_chunks_mut::<8>();
    for chunk in chunks {
        *chunk = (u64::from_ne_bytes(*chunk) ^ wide).to_ne_bytes();
    }
    let (chunks, rest) = rest.as_chunks_mut::<4>();
    for chunk in chunks {
        *chunk = (u32::from_ne_bytes(*chunk) ^ u32::from_ne_bytes(rotated)).to_ne_bytes();
    }
    for (byte, key) in rest.iter_mut().zip(rotated) {
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
