//! Streams of tokio.

use sansocket_app::bind::Wire;
use socket2::SockRef;
use std::io::{self, ErrorKind, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
#[cfg(unix)]
use tokio::net::UnixStream;

/// A stream of tokio as a [`Wire`].
pub(crate) struct Stream<S>(pub(crate) S);

/// How a stream is read past what tokio remembers of it.
pub(crate) trait Look {
    /// Asks the operating system.
    fn look(&self, buffer: &mut [u8]) -> io::Result<usize>;
}

impl<S: AsyncRead + AsyncWrite + Look + Unpin> Wire for Stream<S> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        read(&mut self.0, context, buffer)
    }

    fn poll_look(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if let ready @ Poll::Ready(_) = self.poll_read(context, buffer) {
            return ready;
        }
        loop {
            match self.0.look(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                looked => return Poll::Ready(looked),
            }
        }
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        write(&mut self.0, context, slices)
    }

    fn poll_close(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(context)
    }
}

#[inline]
pub(crate) fn read<S: AsyncRead + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    buffer: &mut [u8],
) -> Poll<io::Result<usize>> {
    let mut buffer = ReadBuf::new(buffer);
    ready!(Pin::new(stream).poll_read(context, &mut buffer))?;
    Poll::Ready(Ok(buffer.filled().len()))
}

#[inline]
pub(crate) fn write<S: AsyncWrite + Unpin>(
    stream: &mut S,
    context: &mut Context<'_>,
    slices: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match slices {
        [one] => Pin::new(stream).poll_write(context, one),
        many => Pin::new(stream).poll_write_vectored(context, many),
    }
}

impl Look for TcpStream {
    fn look(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*SockRef::from(self)).read(buffer)
    }
}

#[cfg(unix)]
impl Look for UnixStream {
    fn look(&self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*SockRef::from(self)).read(buffer)
    }
}
