//! Streams of mio, and their turns.

use mio::event::{Event, Source};
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use sansocket_app::bind::{Carry, Connection, Wire};
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::post::Bell;

/// One connection on its thread.
pub(crate) struct Carrier {
    carry: Carry<Stream>,
    bell: Arc<Bell>,
    waker: Waker,
}

/// A stream of bytes to one client, with what the poller said of it. A poller only tells changes.
#[derive(Debug)]
pub(crate) struct Stream {
    socket: Socket,
    /// Whether reading may give something.
    readable: bool,
    /// Whether the stream takes bytes, as far as is known.
    writable: bool,
    /// Whether nothing but the end follows what can be read.
    ending: bool,
}

#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// Whether a read that does not fill its buffer has emptied the stream, as epoll and kqueue promise.
const SHORT_IS_ALL: bool =
    cfg!(any(target_os = "android", target_os = "linux", target_vendor = "apple"));

const _: () = assert!(size_of::<Carrier>() <= 320);

impl Carrier {
    pub(crate) fn new(socket: Socket, connection: Connection, bell: Arc<Bell>) -> Self {
        let waker = Waker::from(bell.clone());
        // Nothing is known of the stream: trying tells.
        let stream = Stream { socket, readable: true, writable: true, ending: false };
        Self { carry: Carry::new(stream, connection), bell, waker }
    }

    /// What a poller knows the connection by.
    pub(crate) fn source(&mut self) -> &mut dyn Duplex {
        self.carry.wire().socket.duplex()
    }

    /// Takes note of what a poller found, and says whether the connection has to be queued for its turn.
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        let stream = self.carry.wire();
        stream.ending |= event.is_read_closed() || event.is_error();
        stream.readable |= event.is_readable() || stream.ending;
        stream.writable |= event.is_writable() || event.is_write_closed();
        self.bell.strike()
    }

    /// Reads and writes as far as possible; ready when the connection has ended.
    pub(crate) fn turn(&mut self) -> Poll<()> {
        self.bell.quiet();
        Pin::new(&mut self.carry).poll(&mut Context::from_waker(&self.waker))
    }
}

impl Wire for Stream {
    fn poll_read(
        &mut self,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        if self.readable { self.poll_look(context, buffer) } else { Poll::Pending }
    }

    fn poll_look(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let read = attempt(|| self.socket.duplex().read(buffer));
        self.readable = match &read {
            Poll::Ready(Ok(n)) => self.ending || !SHORT_IS_ALL || *n == buffer.len(),
            Poll::Ready(Err(_)) => true,
            Poll::Pending => false,
        };
        read
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        if !self.writable {
            return Poll::Pending;
        }
        let wrote = attempt(|| match slices {
            [one] => self.socket.duplex().write(one),
            many => self.socket.duplex().write_vectored(many),
        });
        self.writable = wrote.is_ready();
        wrote
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads or writes once; pending when that would block.
fn attempt(mut act: impl FnMut() -> io::Result<usize>) -> Poll<io::Result<usize>> {
    loop {
        match act() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Poll::Pending,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            done => return Poll::Ready(done),
        }
    }
}

/// What both kinds of streams can do.
pub(crate) trait Duplex: Read + Write + Source {}

impl<T: Read + Write + Source> Duplex for T {}

impl Socket {
    fn duplex(&mut self) -> &mut dyn Duplex {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
        }
    }
}
