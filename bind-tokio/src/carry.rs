//! One connection as one task.

use sansocket_app::Connection;
use socket2::SockRef;
use std::cell::RefCell;
use std::future::Future;
use std::io::{self, IoSlice};
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// Carries bytes between a stream and its connection until one of them ends.
///
/// A future written by hand, because the one an `async fn` makes holds stream and connection twice,
/// and there is one per client.
pub(crate) struct Carry<S> {
    stream: S,
    connection: Connection,
}

/// A stream that can be looked at past what the runtime remembers: after a pause of the process, that
/// may lag behind what the operating system has.
pub(crate) trait Look {
    /// Whether there is something to read, the end included.
    fn has_bytes(&self) -> bool;
}

/// Rounds of reading and writing before other tasks get their turn.
const ROUNDS: usize = 32;

impl<S> Carry<S> {
    pub(crate) fn new(stream: S, connection: Connection) -> Self {
        Self { stream, connection }
    }
}

impl<S: AsyncRead + AsyncWrite + Look + Unpin> Future for Carry<S> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        for _ in 0..ROUNDS {
            // Reading goes on while the stream takes no more: a slow reader must be able to answer
            // pings.
            let _ = this.poll_write(context)?;
            if this.connection.is_finished() {
                return Pin::new(&mut this.stream).poll_shutdown(context);
            }
            let look = this.connection.wants_look();
            let reading = match this.connection.wants_read() {
                true => this.poll_read(context)?,
                false => Poll::Pending,
            };
            if look && reading.is_pending() && !this.stream.has_bytes() {
                this.connection.quiet();
            } else if reading.is_pending() && this.connection.poll_rung(context).is_pending() {
                return Poll::Pending;
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Carry<S> {
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
        let mut buffer = ReadBuf::new(&mut scratch);
        let polled = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
        if let Poll::Ready(Ok(())) = polled {
            match buffer.filled_mut() {
                [] => self.connection.end(),
                bytes => self.connection.read(bytes),
            }
        }
        SCRATCH.with(|kept| kept.replace(scratch));
        polled
    }
}

impl Look for TcpStream {
    fn has_bytes(&self) -> bool {
        has_bytes(&SockRef::from(self))
    }
}

#[cfg(unix)]
impl Look for UnixStream {
    fn has_bytes(&self) -> bool {
        has_bytes(&SockRef::from(self))
    }
}

fn has_bytes(socket: &SockRef<'_>) -> bool {
    let peeked = socket.peek(&mut [MaybeUninit::uninit()]);
    !peeked.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
}

thread_local! {
    /// One read buffer for all connections of a thread.
    static SCRATCH: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
