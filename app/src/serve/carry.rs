//! One stream and the connection on it: the loop that all bindings run, for servers and for clients.

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

/// What is carried on a stream: the [`Connection`] of a server, or the stream of a client.
///
/// [`Carry`] writes what [`poll_write`](Self::poll_write) shows, reads while
/// [`wants_read`](Self::wants_read), and rests until the stream is ready or
/// [`poll_rung`](Self::poll_rung) is.
pub trait Carried: Unpin {
    /// Fills `slices` with what should be written next and returns how many it filled.
    fn poll_write<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize;

    /// Accounts for `n` bytes taken by the stream.
    fn wrote(&mut self, n: usize);

    /// Whether the stream should be read.
    fn wants_read(&self) -> bool;

    /// Whether the stream should be read past what a runtime remembers of it; if it has nothing,
    /// [`quiet`](Self::quiet) is called.
    fn wants_look(&self) -> bool;

    /// Takes bytes the stream delivered; handlers may run inside.
    fn read(&mut self, bytes: &mut [u8]);

    /// Takes note that a look found nothing to read.
    fn quiet(&mut self);

    /// Takes note that nothing more comes from the stream.
    fn end(&mut self);

    /// Takes note that the stream broke.
    fn fail(&mut self, error: io::Error);

    /// Whether the stream should be closed now.
    fn is_finished(&self) -> bool;

    /// Waits until there may be something to do again.
    fn poll_rung(&mut self, context: &mut Context<'_>) -> Poll<()>;
}

/// Carries bytes between a stream and what is [`Carried`] on it until one of them ends. A binding runs one
/// per stream.
///
/// # Cancel safety
/// Dropping it closes the stream, and tells the session so.
//
// Written by hand: the future of an `async fn` holds stream and connection twice, and every client has
// one.
#[must_use = "futures do nothing unless polled"]
#[derive(Debug)]
pub struct Carry<W, C = Connection> {
    wire: W,
    connection: C,
}

/// Rounds of reading and writing before other tasks get their turn.
const ROUNDS: usize = 32;

/// Bytes read at once.
const SCRATCH: usize = 64 * 1024;

impl<W, C> Carry<W, C> {
    /// Begins with a stream that has carried nothing, or what its connection knows of.
    pub fn new(wire: W, connection: C) -> Self {
        Self { wire, connection }
    }

    /// Returns the stream.
    pub fn wire(&mut self) -> &mut W {
        &mut self.wire
    }
}

impl<W: Wire, C: Carried> Future for Carry<W, C> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // How a stream ended concerns its session alone.
        self.carry(context).map(|ended| {
            if let Err(error) = ended {
                self.connection.fail(error);
            }
        })
    }
}

impl<W: Wire, C: Carried> Carry<W, C> {
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

impl Carried for Connection {
    #[inline]
    fn poll_write<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        Self::poll_write(self, slices)
    }

    #[inline]
    fn wrote(&mut self, n: usize) {
        Self::wrote(self, n);
    }

    #[inline]
    fn wants_read(&self) -> bool {
        Self::wants_read(self)
    }

    #[inline]
    fn wants_look(&self) -> bool {
        Self::wants_look(self)
    }

    #[inline]
    fn read(&mut self, bytes: &mut [u8]) {
        Self::read(self, bytes);
    }

    #[inline]
    fn quiet(&mut self) {
        Self::quiet(self);
    }

    #[inline]
    fn end(&mut self) {
        Self::end(self);
    }

    /// Nothing: dropping it tells the session.
    #[inline]
    fn fail(&mut self, _: io::Error) {}

    #[inline]
    fn is_finished(&self) -> bool {
        Self::is_finished(self)
    }

    #[inline]
    fn poll_rung(&mut self, context: &mut Context<'_>) -> Poll<()> {
        Self::poll_rung(self, context)
    }
}
