//! One connection as one task.

use sansocket_app::Connection;
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep, sleep};

/// Carries bytes between a stream and its connection until one of them ends.
///
/// A future written by hand, because the one an `async fn` makes holds stream and connection twice,
/// and there is one per client.
pub(crate) struct Carry<S, G> {
    stream: S,
    connection: Connection,
    /// Once the last bytes are queued: how long the peer may still do nothing.
    patience: Option<Pin<Box<Sleep>>>,
    /// Dropped with the connection.
    _guard: G,
}

/// How long a peer may do nothing after it was told to close.
const PATIENCE: Duration = Duration::from_secs(3);

/// Rounds of reading and writing before other tasks get their turn.
const ROUNDS: usize = 32;

impl<S, G> Carry<S, G> {
    pub(crate) fn new(stream: S, connection: Connection, guard: G) -> Self {
        Self { stream, connection, patience: None, _guard: guard }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, G: Unpin> Future for Carry<S, G> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.patience.is_none() {
            ready!(this.poll_carry(context)?);
            this.patience = Some(Box::pin(sleep(PATIENCE)));
        }
        ready!(this.poll_goodbye(context)?);
        Pin::new(&mut this.stream).poll_shutdown(context)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin, G> Carry<S, G> {
    /// Carries until the last bytes are queued.
    fn poll_carry(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS {
            // Reading goes on while the stream takes no more: a slow reader must be able to answer
            // pings.
            let _ = self.poll_write(context)?;
            if self.connection.is_closing() {
                return Poll::Ready(Ok(()));
            }
            let reading = match self.connection.wants_read() {
                true => self.poll_read(context)?,
                false => Poll::Pending,
            };
            if reading.is_pending() && self.connection.poll_rung(context).is_pending() {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes the last bytes and reads until the peer is done, or its time is up.
    fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let writing = self.poll_write(context)?;
            if writing.is_ready() && self.connection.is_finished() {
                return Poll::Ready(Ok(()));
            }
            if writing.is_pending() || self.poll_read(context)?.is_pending() {
                let patience = self.patience.get_or_insert_with(|| Box::pin(sleep(PATIENCE)));
                return patience.as_mut().poll(context).map(Ok);
            }
        }
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
            if let Some(patience) = &mut self.patience {
                patience.as_mut().reset(Instant::now() + PATIENCE);
            }
        }
    }

    /// Reads once and handles what came.
    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Taken out while handlers run: one of them might poll another connection.
        let mut scratch = SCRATCH.with(RefCell::take);
        if scratch.is_empty() {
            scratch = vec![0; 64 * 1024];
        }
        let mut buffer = ReadBuf::new(&mut scratch);
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
        let result = match polled {
            Poll::Ready(Ok(())) if buffer.filled().is_empty() => {
                self.connection.end();
                Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into()))
            }
            Poll::Ready(Ok(())) => {
                self.connection.read(buffer.filled_mut());
                polled
            }
            Poll::Ready(Err(_)) | Poll::Pending => polled,
        };
        SCRATCH.with(|kept| kept.replace(scratch));
        result
    }
}

thread_local! {
    /// One read buffer for all connections of a thread.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
