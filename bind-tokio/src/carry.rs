//! One connection as one task.

use sansocket_app::Connection;
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Carries bytes between a stream and its connection until one of them ends.
pub(crate) async fn carry<S>(stream: S, connection: Connection) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut carrier = Carrier { stream, connection, moved: false };
    poll_fn(|context| carrier.poll(context)).await?;
    // The peer has some time to take the last bytes and say goodbye.
    let mut patience = pin!(tokio::time::sleep(PATIENCE));
    poll_fn(|context| match carrier.poll_goodbye(context) {
        Poll::Pending => {
            if std::mem::take(&mut carrier.moved) {
                patience.as_mut().reset(Instant::now() + PATIENCE);
            }
            patience.as_mut().poll(context).map(Ok)
        }
        Poll::Ready(done) => Poll::Ready(done),
    })
    .await?;
    poll_fn(|context| Pin::new(&mut carrier.stream).poll_shutdown(context)).await
}

/// How long a peer may do nothing after it was told to close.
const PATIENCE: Duration = Duration::from_secs(3);

/// Rounds of reading and writing before other tasks get their turn.
const ROUNDS: usize = 32;

struct Carrier<S> {
    stream: S,
    connection: Connection,
    /// Whether the stream took bytes lately.
    moved: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carrier<S> {
    /// Carries until the last bytes are queued.
    fn poll(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        for _ in 0..ROUNDS {
            // Reading goes on while the stream takes no more: a slow reader must be able to answer pings.
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

    /// Writes the last bytes and reads until the peer is done.
    fn poll_goodbye(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            ready!(self.poll_write(context)?);
            if self.connection.is_finished() {
                return Poll::Ready(Ok(()));
            }
            ready!(self.poll_read(context)?);
        }
    }

    /// Writes everything that waits; pending when the stream takes no more.
    fn poll_write(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.connection.poll_write(&mut slices);
            if filled == 0 {
                return Poll::Ready(Ok(()));
            }
            let stream = Pin::new(&mut self.stream);
            let n = ready!(stream.poll_write_vectored(context, &slices[..filled]))?;
            if n == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.connection.wrote(n);
            self.moved = true;
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
