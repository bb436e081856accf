//! TLS between a stream and its connection.

use std::cell::RefCell;
use std::io::IoSlice;
use std::time::Instant;

use super::{Connection, End, keep};

impl Connection {
    /// Takes bytes the stream delivered, encrypted.
    #[cold]
    pub(super) fn decrypt(&mut self, bytes: &[u8], now: Instant) {
        let Some(tls) = &mut self.tls else { return };
        // Taken out while handlers run: one of them might read another connection.
        let mut plain = PLAIN.with(RefCell::take);
        plain.clear();
        let outcome = tls.read(bytes, &mut plain);
        let ended = tls.is_ended();
        self.receive(&mut plain, now);
        PLAIN.with(|kept| kept.replace(plain));
        if outcome.is_err() || ended && self.is_attached() {
            self.detach();
            self.end = self.end.max(End::Flushing);
        } else if ended {
            self.half_close();
        }
    }

    /// Fills `slices` with what should be written next, encrypted.
    #[cold]
    pub(super) fn encrypt<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        let is_done = self.is_done();
        let Some(tls) = &mut self.tls else { return 0 };
        while !tls.wants_write() {
            let mut plain = [IoSlice::new(&[]); 8];
            let filled = self.conn.poll_write(&mut plain);
            let n = tls.write(&plain[..filled]);
            self.conn.wrote_with(n, keep);
            if n == 0 {
                break;
            }
        }
        if is_done && !tls.wants_write() && self.end < End::Flushing {
            tls.close();
            self.end = End::Flushing;
        }
        match (tls.poll_write(), slices) {
            ([], _) | (_, []) => 0,
            (bytes, [first, ..]) => {
                *first = IoSlice::new(bytes);
                1
            }
        }
    }
}

thread_local! {
    /// One buffer of deciphered bytes for all connections of a thread.
    static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
