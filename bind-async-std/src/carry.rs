//! One connection as one task.

use futures_io::{AsyncRead, AsyncWrite};
use sansocket_app::Connection;
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// Carries bytes between a stream and its connection until one of them ends.
///
/// A future written by hand, because the one an `async fn` makes holds stream and connection twice,
/// and there is one per client.
pub(crate) struct Carry<S> {
    stream: S,
    connection: Connection,
}

/// Rounds of reading and writing before other tasks get their turn.
const ROUNDS: usize = 32;

impl<S> Carry<S> {
    pub(crate) fn new(stream: S, connection: Connection) -> Self {
        Self { stream, connection }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Carry<S> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        // How a stream ended concerns its session, which knows by then.
        self.carry(context).map(|_| ())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carry<S> {
    fn carry(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS {
            // Reading goes on while the stream takes no more: a slow reader must be able to answer
            // pings.
            let _ = self.poll_write(context)?;
            if self.connection.is_finished() {
                return Pin::new(&mut self.stream).poll_close(context);
            }
            let look = self.connection.wants_look();
            // Asks the operating system first, whatever the reactor knows.
            let reading = match self.connection.wants_read() {
                true => self.poll_read(context)?,
                false => Poll::Pending,
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
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.connection.poll_write(&mut slices);
            let stream = Pin::new(&mut self.stream);
            let wrote = match &slices[..filled] {
                [] => return Poll::Ready(Ok(())),
                [one] => stream.poll_write(context, one),
                many => stream.poll_write_vectored(context, many),
            };
            let n = ready!(wrote)?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.connection.wrote(n);
        }
    }

    /// Reads once and handles what came.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Taken out while handlers run: one of them might poll another connection.
        let mut scratch = SCRATCH.with(RefCell::take);
        if scratch.is_empty() {
            scratch = vec![0; 64 * 1024];
        }
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut scratch);
        match polled {
            Poll::Ready(Ok(0)) => self.connection.end(),
            Poll::Ready(Ok(n)) => self.connection.read(&mut scratch[..n]),
            Poll::Ready(Err(_)) | Poll::Pending => {}
        }
        SCRATCH.with(|kept| kept.replace(scratch));
        polled.map_ok(|_| ())
    }
}

thread_local! {
    /// One read buffer for all connections of a thread.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
