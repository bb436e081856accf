//! Streams of mio, and their turns.

use mio::event::{Event, Source};
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use sansocket_app::BoxFuture;
use sansocket_app::bind::{Carry, Connection, Wire};
use std::fmt;
use std::future::Future;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::post::Bell;

/// One connection on its thread.
pub(crate) struct Carrier {
    load: Load,
    bell: Arc<Bell>,
    waker: Waker,
}

/// What comes to a driver.
#[allow(clippy::large_enum_variant, reason = "with TLS it is; it is put in its place at once")]
pub(crate) enum Arrival {
    /// A stream that a server accepted.
    Accepted(Socket, Connection),
    /// The future that carries a stream of a client, which is [watched](crate::watch::Watched) already.
    Opened(BoxFuture<()>),
}

/// What a connection does in its turns.
#[expect(clippy::large_enum_variant, reason = "a box would be another allocation for each client")]
enum Load {
    Accepted(Carry<Stream>),
    Opened(BoxFuture<()>),
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
pub(crate) const SHORT_IS_ALL: bool =
    cfg!(any(target_os = "android", target_os = "linux", target_vendor = "apple"));

const _: () = assert!(size_of::<Carrier>() <= 320);

impl Carrier {
    pub(crate) fn new(arrival: Arrival, bell: Arc<Bell>) -> Self {
        let waker = Waker::from(bell.clone());
        let load = match arrival {
            Arrival::Accepted(socket, connection) => {
                // Nothing is known of the stream: trying tells.
                let stream = Stream { socket, readable: true, writable: true, ending: false };
                Load::Accepted(Carry::new(stream, connection))
            }
            Arrival::Opened(carry) => Load::Opened(carry),
        };
        Self { load, bell, waker }
    }

    /// What the poller has to know the connection by, unless it is watched already.
    pub(crate) fn source(&mut self) -> Option<&mut dyn Duplex> {
        match &mut self.load {
            Load::Accepted(carry) => Some(carry.wire().socket.duplex()),
            Load::Opened(_) => None,
        }
    }

    /// Takes note of what a poller found, and says whether the connection has to be queued for its turn.
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        let Load::Accepted(carry) = &mut self.load else { return false };
        let stream = carry.wire();
        stream.ending |= event.is_read_closed() || event.is_error();
        stream.readable |= event.is_readable() || stream.ending;
        stream.writable |= event.is_writable() || event.is_write_closed();
        self.bell.strike()
    }

    /// Reads and writes as far as possible; ready when the connection has ended.
    pub(crate) fn turn(&mut self) -> Poll<()> {
        self.bell.quiet();
        let mut context = Context::from_waker(&self.waker);
        match &mut self.load {
            Load::Accepted(carry) => Pin::new(carry).poll(&mut context),
            Load::Opened(carry) => carry.as_mut().poll(&mut context),
        }
    }
}

impl fmt::Debug for Arrival {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Accepted(..) => "Accepted",
            Self::Opened(_) => "Opened",
        })
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
        let wrote = attempt(|| self.socket.write(slices));
        self.writable = wrote.is_ready();
        wrote
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// Reads or writes once; pending when that would block.
pub(crate) fn attempt<T>(mut act: impl FnMut() -> io::Result<T>) -> Poll<io::Result<T>> {
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
    /// Writes slices, of which there is at least one.
    pub(crate) fn write(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
        match slices {
            [one] => self.duplex().write(one),
            many => self.duplex().write_vectored(many),
        }
    }

    /// Says whether the stream is connected: it would block when it is not yet.
    ///
    /// # Errors
    /// Why it cannot be connected.
    pub(crate) fn connected(&self) -> io::Result<()> {
        let Self::Tcp(stream) = self else { return Ok(()) };
        if let Some(error) = stream.take_error()? {
            return Err(error);
        }
        match stream.peer_addr() {
            Err(error) if error.kind() == ErrorKind::NotConnected => {
                Err(ErrorKind::WouldBlock.into())
            }
            peer => {
                // Latency matters more than the number of packets; a failure only costs that.
                let _ = stream.set_nodelay(true);
                peer.map(drop)
            }
        }
    }

    pub(crate) fn duplex(&mut self) -> &mut dyn Duplex {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
        }
    }
}
