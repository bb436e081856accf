//! Compresses messages (RFC 7692 §7.2.1).

#[cfg(not(feature = "compression"))]
pub(crate) use absent::Deflater;
#[cfg(feature = "compression")]
pub(crate) use present::Deflater;

#[cfg(feature = "compression")]
mod present {
    use std::fmt;
    use zlib_rs::{Deflate, DeflateConfig, DeflateFlush};

    use crate::deflate::settings::Packing;

    /// A compressor, which refers to what it compressed before until it is told to forget.
    pub(crate) struct Deflater {
        deflate: Box<Deflate>,
        packing: Packing,
    }

    /// What a flush ends with, and no message needs.
    const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

    impl Deflater {
        pub(crate) fn new(packing: Packing) -> Self {
            let Packing { level, memory, window } = packing;
            let config = DeflateConfig {
                level: level.into(),
                mem_level: memory.into(),
                // Less than zero: without the header of zlib.
                window_bits: -i32::from(window),
                ..DeflateConfig::default()
            };
            Self { deflate: Box::new(Deflate::new_with_config(config)), packing }
        }

        /// About the memory that a compressor takes.
        pub(crate) const fn memory(packing: Packing) -> usize {
            // Twice the window and a link for each of its bytes, a table of hashes, symbols and their bits.
            (4 << packing.window) + 2 * 65536 + (7 << (packing.memory + 6)) + 4096
        }

        pub(crate) fn packing(&self) -> Packing {
            self.packing
        }

        /// Appends a message that is not empty, compressed; `None` when that fails, which it never should.
        pub(crate) fn put(&mut self, message: &[u8], out: &mut Vec<u8>) -> Option<()> {
            debug_assert!(
                !message.is_empty(),
                "an empty message has no compressed form of its own"
            );
            let mut rest = message;
            let mut chunk = [0; 4096];
            loop {
                let (read, written) = (self.deflate.total_in(), self.deflate.total_out());
                self.deflate.compress(rest, &mut chunk, DeflateFlush::SyncFlush).ok()?;
                let read = usize::try_from(self.deflate.total_in() - read).ok()?;
                let written = usize::try_from(self.deflate.total_out() - written).ok()?;
                out.extend_from_slice(chunk.get(..written)?);
                rest = rest.get(read..)?;
                if written < chunk.len() {
                    break;
                }
            }
            let end = out.strip_suffix(&TAIL).filter(|_| rest.is_empty())?.len();
            out.truncate(end);
            Some(())
        }

        /// Forgets what it compressed.
        pub(crate) fn forget(&mut self) {
            self.deflate.reset();
        }
    }

    impl fmt::Debug for Deflater {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.debug_struct("Deflater").field("packing", &self.packing).finish_non_exhaustive()
        }
    }
}

#[cfg(not(feature = "compression"))]
#[expect(
    clippy::needless_pass_by_ref_mut,
    reason = "the calls are those of the one that is present"
)]
mod absent {
    use crate::deflate::settings::Packing;

    /// A compressor in a build that has none: nothing is agreed on, so nothing is compressed.
    #[derive(Debug)]
    pub(crate) struct Deflater(Packing);

    impl Deflater {
        pub(crate) fn new(packing: Packing) -> Self {
            Self(packing)
        }

        pub(crate) const fn memory(_: Packing) -> usize {
            0
        }

        pub(crate) fn packing(&self) -> Packing {
            self.0
        }

        pub(crate) fn put(&mut self, _: &[u8], _: &mut Vec<u8>) -> Option<()> {
            None
        }

        pub(crate) fn forget(&mut self) {}
    }
}
