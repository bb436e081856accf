//! Streams of the reactor.

use mio::event::Source;
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use sansocket_app::bind::Wire;
use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;
use std::task::{Context, Poll};

use crate::reactor::{Left, Side, Watched};

/// A stream of the reactor as a [`Wire`].
#[derive(Debug)]
pub(crate) struct Stream<S>(pub(crate) Watched<S>);

/// A stream of bytes to one client.
pub(crate) trait Duplex: Read + Write + Source {
    /// Tells the client that nothing more comes.
    fn end(&self) -> io::Result<()>;
}

/// Whether a read that does not fill its buffer has emptied the stream, as epoll and kqueue promise.
const SHORT_IS_ALL: bool =
    cfg!(any(target_os = "android", target_os = "linux", target_vendor = "apple"));

impl<S: Duplex + Unpin> Wire for Stream<S> {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_with(context, Side::Read, |stream| {
            let n = stream.read(buffer)?;
            let is_short = n < buffer.len();
            Ok((n, if is_short && SHORT_IS_ALL { Left::Nothing } else { Left::Perhaps }))
        })
    }

    fn poll_look(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.0.assume(Side::Read);
        self.poll_read(context, buffer)
    }

    fn poll_write(
        &mut self,
        context: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.0.poll_with(context, Side::Write, |stream| {
            let n = match slices {
                [one] => stream.write(one),
                many => stream.write_vectored(many),
            };
            Ok((n?, Left::Perhaps))
        })
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.0.socket().end())
    }
}

impl Duplex for TcpStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}

#[cfg(unix)]
impl Duplex for UnixStream {
    fn end(&self) -> io::Result<()> {
        self.shutdown(Shutdown::Write)
    }
}
