//! The application layer, driven as a binding drives it, without a runtime.

use sansocket_app::bind::{Connection, Hub, Runtime};
use sansocket_app::{App, BoxFuture};
use std::io::IoSlice;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use crate::bare;

/// One shard with handlers, and its connections.
pub struct Stack {
    pub hub: Arc<Hub>,
    connections: Vec<Connection>,
    /// The one read buffer.
    scratch: Vec<u8>,
    /// What was written, while it is looked at.
    seen: Option<Vec<u8>>,
}

/// One thread, and a clock that stands still.
struct Still(Instant);

impl Runtime for Still {
    fn now(&self) -> Instant {
        self.0
    }

    fn spawn(&self, _: BoxFuture<()>) {
        panic!("handlers of scenarios do not wait");
    }

    fn sleep(&self, _: Duration) -> BoxFuture<()> {
        panic!("handlers of scenarios do not wait");
    }
}

impl Stack {
    pub fn new(app: App) -> Self {
        let hub = Hub::new(app, Still(bare::beginning()), 1, [7; 32]);
        let (connections, scratch) = (Vec::with_capacity(4096), vec![0; 64 * 1024]);
        Self { hub, connections, scratch, seen: None }
    }

    /// Accepts a stream and returns its number.
    pub fn accept(&mut self) -> usize {
        self.connections.push(Connection::new(self.hub.clone(), None, None));
        self.connections.len() - 1
    }

    /// Takes the bytes of one stream, and returns the bytes written to it.
    pub fn look(&mut self, at: usize, bytes: &[u8]) -> Vec<u8> {
        self.seen = Some(Vec::new());
        self.turn(at, bytes);
        self.seen.take().expect("it was just put there")
    }

    /// Takes the bytes of one stream, and returns how many were written to it.
    pub fn turn(&mut self, at: usize, bytes: &[u8]) -> usize {
        // The stream fills the read buffer.
        let read = &mut self.scratch[..bytes.len()];
        read.copy_from_slice(bytes);
        self.connections[at].read(read);
        self.write(at)
    }

    /// Writes the output that is ready on all streams, each woken in turn, and returns the number of bytes.
    pub fn flush(&mut self) -> usize {
        (0..self.connections.len()).map(|at| self.write(at)).sum()
    }

    /// Writes until nothing is left, then waits to be woken.
    fn write(&mut self, at: usize) -> usize {
        let connection = &mut self.connections[at];
        let mut written = 0;
        loop {
            loop {
                let mut slices = [IoSlice::new(&[]); 16];
                let filled = connection.poll_write(&mut slices);
                if filled == 0 {
                    break;
                }
                let n = slices[..filled].iter().map(|slice| slice.len()).sum();
                if let Some(seen) = &mut self.seen {
                    slices[..filled].iter().for_each(|slice| seen.extend_from_slice(slice));
                }
                connection.wrote(n);
                written += n;
            }
            assert!(!connection.is_finished() && connection.wants_read(), "no scenario ends so");
            if connection.poll_rung(&Context::from_waker(Waker::noop())).is_pending() {
                return written;
            }
        }
    }
}
