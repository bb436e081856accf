//! Streams that an application opens.

use futures_io::{AsyncRead, AsyncWrite};
use sansocket_app::bind::Wire;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll};

/// A stream that the application opened, for
/// [`Client::connector`](sansocket_app::client::Client::connector).
///
/// ```
/// use async_io::Async;
/// use sansocket_async_std::AsyncStream;
/// use sansocket_async_std::client::Client;
/// use std::net::TcpStream;
///
/// let mut client = Client::new("http://chat.internal/")?;
/// client.connector(|server| async move {
///     let stream = Async::<TcpStream>::connect(([127, 0, 0, 1], server.port())).await;
///     stream.map(AsyncStream::new)
/// });
/// # Ok::<(), sansocket_async_std::client::UrlError>(())
/// ```
#[derive(Debug)]
pub struct AsyncStream<S> {
    stream: S,
    flush: Flush,
}

/// Whether the stream may keep bytes that it was given.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Flush {
    Done,
    Due,
}

impl<S> AsyncStream<S> {
    /// Takes a stream as it is: one that leads to an `https` address is encrypted already.
    pub fn new(stream: S) -> Self {
        Self { stream, flush: Flush::Done }
    }
}

impl<S: AsyncWrite + Unpin> AsyncStream<S> {
    /// Has the stream pass on what it keeps. It goes on with that whenever it is read.
    fn flush(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.flush == Flush::Due && Pin::new(&mut self.stream).poll_flush(context)?.is_ready() {
            self.flush = Flush::Done;
        }
        Ok(())
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Wire for AsyncStream<S> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.flush(context)?;
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let wrote = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        if let Poll::Ready(Ok(_)) = wrote {
            self.flush = Flush::Due;
            self.flush(context)?;
        }
        wrote
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_close(context)
    }
}
