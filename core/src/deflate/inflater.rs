//! Reads compressed messages (RFC 7692 §7.2.2).

#[cfg(not(feature = "compression"))]
pub(crate) use absent::Inflater;
#[cfg(feature = "compression")]
pub(crate) use present::Inflater;

/// The most compressed bytes of a message of so many bytes: what does not shrink grows a little.
pub(crate) const fn most(limit: usize) -> usize {
    limit.saturating_add(limit / 8).saturating_add(1024)
}

#[cfg(feature = "compression")]
mod present {
    use flate2::{Decompress, FlushDecompress, Status};

    use super::most;
    use crate::error::Violation;

    /// A decompressor, which takes messages in any parts and knows those that came before.
    #[derive(Debug)]
    pub(crate) struct Inflater {
        inflate: Decompress,
        window: u8,
        /// Compressed bytes of the message so far. Bounded by [`most`].
        taken: usize,
        stage: Stage,
    }

    #[derive(Clone, Copy, Debug, Eq, PartialEq)]
    enum Stage {
        Open,
        /// The last block of the message was marked as such (RFC 7692 §7.2.3.4).
        Ended,
        /// The beginning of an empty block followed the last one. Nothing may follow it.
        Over,
    }

    /// What a flush ends with, and a message goes without.
    const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

    /// Room that a message begins with, in bytes.
    const LEAST: usize = 512;

    impl Inflater {
        pub(crate) fn new(window: u8) -> Self {
            let inflate = Decompress::new_with_window_bits(false, window);
            Self { inflate, window, taken: 0, stage: Stage::Open }
        }

        /// About the memory that a decompressor takes.
        pub(crate) const fn memory(window: u8) -> usize {
            (1 << window) + 16 * 1024
        }

        /// Compressed bytes of the message so far.
        pub(crate) fn taken(&self) -> usize {
            self.taken
        }

        /// Appends what `part` of a message holds, to a message of at most `limit` bytes.
        pub(crate) fn take(
            &mut self,
            part: &[u8],
            message: &mut Vec<u8>,
            limit: usize,
        ) -> Result<(), Violation> {
            self.taken = self.taken.saturating_add(part.len());
            if self.taken > most(limit) {
                return Err(Violation::MessageTooLarge);
            }
            if part.is_empty() { Ok(()) } else { self.inflate(part, message, limit) }
        }

        /// Appends what was held back until the end of the message.
        pub(crate) fn finish(
            &mut self,
            message: &mut Vec<u8>,
            limit: usize,
        ) -> Result<(), Violation> {
            self.taken = 0;
            if self.stage == Stage::Open {
                return self.inflate(&TAIL, message, limit);
            }
            *self = Self::new(self.window);
            Ok(())
        }

        fn inflate(
            &mut self,
            mut part: &[u8],
            message: &mut Vec<u8>,
            limit: usize,
        ) -> Result<(), Violation> {
            loop {
                match (self.stage, part) {
                    (Stage::Open, _) => {}
                    (_, []) => return Ok(()),
                    (Stage::Ended, [0]) => {
                        self.stage = Stage::Over;
                        return Ok(());
                    }
                    (Stage::Ended | Stage::Over, _) => return Err(Violation::InvalidCompression),
                }
                if message.len() == message.capacity() {
                    // One byte more than is allowed tells that there are too many.
                    let most = limit.saturating_add(1) - message.len();
                    let room = part.len().saturating_mul(2).max(message.len()).max(LEAST);
                    message.reserve_exact(room.min(most));
                }
                let (before, length) = (self.inflate.total_in(), message.len());
                let status = self.inflate.decompress_vec(part, message, FlushDecompress::None);
                let status = status.map_err(|_| Violation::InvalidCompression)?;
                if message.len() > limit {
                    return Err(Violation::MessageTooLarge);
                }
                let read = usize::try_from(self.inflate.total_in() - before).unwrap_or(usize::MAX);
                part = part.get(read..).unwrap_or_default();
                if status == Status::StreamEnd {
                    self.stage = Stage::Ended;
                } else if message.len() < message.capacity() {
                    // It has room and wants no more of it: all was read.
                    return if part.is_empty() {
                        Ok(())
                    } else {
                        Err(Violation::InvalidCompression)
                    };
                } else if read == 0 && message.len() == length {
                    return Err(Violation::InvalidCompression);
                }
            }
        }
    }
}

#[cfg(not(feature = "compression"))]
#[expect(
    clippy::needless_pass_by_ref_mut,
    reason = "the calls are those of the one that is present"
)]
mod absent {
    use crate::error::Violation;

    /// A decompressor in a build that has none: nothing is agreed on, so nothing compressed is read.
    #[derive(Debug)]
    pub(crate) struct Inflater;

    impl Inflater {
        pub(crate) fn new(_: u8) -> Self {
            Self
        }

        pub(crate) const fn memory(_: u8) -> usize {
            0
        }

        pub(crate) fn taken(&self) -> usize {
            0
        }

        pub(crate) fn take(
            &mut self,
            _: &[u8],
            _: &mut Vec<u8>,
            _: usize,
        ) -> Result<(), Violation> {
            Err(Violation::InvalidCompression)
        }

        pub(crate) fn finish(&mut self, _: &mut Vec<u8>, _: usize) -> Result<(), Violation> {
            Err(Violation::InvalidCompression)
        }
    }
}

#[cfg(all(test, feature = "compression"))]
mod tests {
    use super::*;
    use crate::deflate::deflater::Deflater;
    use crate::deflate::settings::Packing;
    use crate::error::Violation;
    use proptest::prelude::*;

    const LIMIT: usize = 100_000;

    fn inflated(inflater: &mut Inflater, bytes: &[u8], limit: usize) -> Result<Vec<u8>, Violation> {
        let mut message = Vec::new();
        inflater.take(bytes, &mut message, limit)?;
        inflater.finish(&mut message, limit)?;
        Ok(message)
    }

    fn deflated(deflater: &mut Deflater, message: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        deflater.put(message, &mut out).expect("it compresses");
        out
    }

    /// RFC 7692 §7.2.3.
    #[test]
    fn the_messages_of_the_rfc_are_read() {
        for hello in [
            &b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..],
            b"\x00\x05\x00\xfa\xffHello\x00",
            b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00",
            b"\xf2\x48\x05\x00\x00\x00\xff\xff\xca\xc9\xc9\x07\x00",
        ] {
            let mut inflater = Inflater::new(15);
            assert_eq!(inflated(&mut inflater, hello, LIMIT), Ok(b"Hello".into()), "{hello:x?}");
        }
        let mut inflater = Inflater::new(15);
        for hello in [&b"\xf2\x48\xcd\xc9\xc9\x07\x00"[..], b"\xf2\x00\x11\x00\x00"] {
            assert_eq!(inflated(&mut inflater, hello, LIMIT), Ok(b"Hello".into()), "{hello:x?}");
        }
        assert_eq!(inflated(&mut inflater, b"\x00", LIMIT), Ok(Vec::new()), "an empty message");
    }

    #[test]
    fn a_reference_to_what_never_came_is_malformed() {
        let late = inflated(&mut Inflater::new(15), b"\xf2\x00\x11\x00\x00", LIMIT);
        assert_eq!(late, Err(Violation::InvalidCompression));
        for bad in [&b"\xff"[..], b"\xf3\x48\xcd\xc9\xc9\x07\x00\x00\x00", b"\x07\x00"] {
            let mut inflater = Inflater::new(15);
            let found = inflated(&mut inflater, bad, LIMIT);
            assert_eq!(found, Err(Violation::InvalidCompression), "{bad:x?}");
        }
    }

    #[test]
    fn bytes_after_the_last_block_are_malformed_however_they_are_cut() {
        let mut inflater = Inflater::new(15);
        let mut message = Vec::new();
        for part in [&b"\xf3\x48\xcd\xc9\xc9\x07\x00"[..], b"\x00"] {
            assert_eq!(inflater.take(part, &mut message, LIMIT), Ok(()));
        }
        let late = inflater.take(b"\x00", &mut message, LIMIT);
        assert_eq!(late, Err(Violation::InvalidCompression));
    }

    #[test]
    fn a_message_after_one_whose_last_block_was_marked_is_read() {
        let mut inflater = Inflater::new(15);
        let hello = b"\xf3\x48\xcd\xc9\xc9\x07\x00";
        for _ in 0..3 {
            assert_eq!(inflated(&mut inflater, hello, LIMIT), Ok(b"Hello".into()));
        }
    }

    #[test]
    fn a_message_ends_at_its_limit_while_it_is_read() {
        let packing = Packing { level: 9, memory: 8, window: 15 };
        let bomb = deflated(&mut Deflater::new(packing), &vec![0; 10_000_000]);
        let mut message = Vec::new();
        let mut inflater = Inflater::new(15);
        assert!(inflater.take(&bomb[..50], &mut message, LIMIT).is_ok());
        assert_eq!(
            inflater.take(&bomb[50..], &mut message, LIMIT),
            Err(Violation::MessageTooLarge)
        );
        assert!(message.capacity() <= LIMIT + 1, "{}", message.capacity());
        for (length, fits) in [(LIMIT, true), (LIMIT + 1, false)] {
            let whole = deflated(&mut Deflater::new(packing), &vec![7; length]);
            let found = inflated(&mut Inflater::new(15), &whole, LIMIT);
            assert_eq!(found.map(|message| message.len()).is_ok(), fits, "{length}");
        }
        // Blocks that hold nothing are counted.
        let empty = b"\x00\x00\x00\xff\xff".repeat(LIMIT);
        let found = inflated(&mut Inflater::new(15), &empty, LIMIT);
        assert_eq!(found, Err(Violation::MessageTooLarge));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn messages_are_read_as_they_were_written(
            messages in prop::collection::vec("(ab|[a-z]{1,9}|\\PC){1,200}", 1..6),
            noise in prop::collection::vec(any::<u8>(), 1..2000),
            (level, memory, window) in (1u8..=9, 1u8..=9, 9u8..=15),
            cut in 1usize..100,
            keeps: bool,
        ) {
            let mut deflater = Deflater::new(Packing { level, memory, window });
            let mut inflater = Inflater::new(window);
            let texts = messages.iter().map(|text| text.as_bytes());
            for message in texts.chain([&noise[..]]) {
                if !keeps {
                    deflater.forget();
                    inflater = Inflater::new(window);
                }
                let packed = deflated(&mut deflater, message);
                prop_assert!(packed.len() <= most(message.len()));
                let mut read = Vec::new();
                for part in packed.chunks(cut) {
                    prop_assert_eq!(inflater.take(part, &mut read, LIMIT), Ok(()));
                }
                prop_assert_eq!(inflater.finish(&mut read, LIMIT), Ok(()));
                prop_assert_eq!(&read[..], message);
            }
        }
    }
}
