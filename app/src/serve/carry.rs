//! One stream and its connection: the loop that all bindings run.

use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use crate::serve::connection::Connection;

/// A stream of bytes as a runtime has it; none of its methods blocks.
///
/// A method that returns `Pending` has arranged for the task to be woken when it can go on.
pub trait Wire: Unpin {
    /// Reads into a buffer, which is not empty, and returns how many bytes were read; 0 is the end of the
    /// stream.
    ///
    /// # Errors
    /// Those of the stream, which ends with them.
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>>;

    /// The same, but past what the runtime remembers of the stream: `Pending` means that the operating
    /// system has nothing to read. After a pause of the process, a runtime may lag behind.
    ///
    /// # Errors
    /// Those of the stream, which ends with them.
    fn poll_look(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_read(context, buffer)
    }

    /// Writes slices, of which there is at least one, and returns how many bytes the stream took.
    ///
    /// # Errors
    /// Those of the stream, which ends with them.
    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>>;

    /// Ends the stream, to which everything was written.
    ///
    /// # Errors
    /// Those of the stream.
    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>>;
}

/// Carries bytes between a stream and its connection until one of them ends. A binding runs one per
/// stream.
///
/// # Cancel safety
/// Dropping it closes the stream, and tells the session so.
//
// Written by hand: the future of an `async fn` holds stream and connection twice, and every client has
// one.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Carry<W> {
    wire: W,
    connection: Connection,
}

/// Rounds of reading and writing before other tasks get their turn.
const ROUNDS: usize = 32;

/// Bytes read at once.
const SCRATCH: usize = 64 * 1024;

impl<W> Carry<W> {
    /// Begins with a stream that has carried nothing, or what its connection knows of.
    pub fn new(wire: W, connection: Connection) -> Self {
        Self { wire, connection }
    }

    /// Returns the stream.
    pub fn wire(&mut self) -> &mut W {
        &mut self.wire
    }
}

impl<W: Wire> Future for Carry<W> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // How a stream ended concerns its session alone, which knows by then.
        self.carry(context).map(|_| ())
    }
}

impl<W: Wire> Carry<W> {
    fn carry(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS {
            // Reading goes on while the stream takes no more: a slow reader must be able to answer
            // pings.
            let _ = self.write(context)?;
            if self.connection.is_finished() {
                return self.wire.poll_close(context);
            }
            let look = self.connection.wants_look();
            let reading = match (self.connection.wants_read(), look) {
                (false, _) => Poll::Pending,
                (true, false) => self.read(context, W::poll_read)?,
                (true, true) => self.read(context, W::poll_look)?,
            };
            if look && reading.is_pending() {
                self.connection.quiet();
            } else if reading.is_pending() && self.connection.poll_rung(context).is_pending() {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes everything that waits; pending when the stream takes no more.
    fn write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.connection.poll_write(&mut slices);
            if filled == 0 {
                return Poll::Ready(Ok(()));
            }
            let n = ready!(self.wire.poll_write(context, &slices[..filled]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.connection.wrote(n);
        }
    }

    /// Reads once, by one of the two ways, and handles what came.
    fn read(
        &mut self,
        context: &mut Context<'_>,
        read: impl FnOnce(&mut W, &mut Context<'_>, &mut [u8]) -> Poll<io::Result<usize>>,
    ) -> Poll<io::Result<()>> {
        // Taken out while handlers run: one of them might poll another connection.
        let mut scratch = BUFFER.with(RefCell::take);
        if scratch.is_empty() {
            scratch = vec![0; SCRATCH];
        }
        let polled = read(&mut self.wire, context, &mut scratch);
        match polled {
            Poll::Ready(Ok(0)) => self.connection.end(),
            Poll::Ready(Ok(n)) => self.connection.read(&mut scratch[..n]),
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        BUFFER.with(|kept| kept.replace(scratch));
        polled.map_ok(|_| ())
    }
}

thread_local! {
    /// One read buffer for all connections of a thread.
    static BUFFER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
