//! One connection on its thread.

use mio::event::{Event, Source};
use mio::net::TcpStream;
#[cfg(unix)]
use mio::net::UnixStream;
use sansocket_app::Connection;
use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::sync::Arc;
use std::task::{Context, Waker};

use crate::post::Bell;

/// Carries bytes between a stream and its connection until one of them ends.
pub(crate) struct Carrier {
    stream: Stream,
    connection: Connection,
    bell: Arc<Bell>,
    waker: Waker,
    /// Whether reading may give something; a poller only tells when this changes.
    readable: bool,
    /// Whether the stream takes bytes, as far as is known.
    writable: bool,
    /// Whether nothing but the end follows what can be read.
    ending: bool,
}

/// A stream of bytes to one client.
#[derive(Debug)]
pub(crate) enum Stream {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

/// What a carrier does next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Next {
    /// Goes on at once, after others had their turn.
    Go,
    /// Waits for its stream or its bell.
    Rest,
    /// Ends.
    End,
}

/// Rounds of reading and writing before other connections get their turn.
const ROUNDS: usize = 32;

/// Whether a read that does not fill its buffer has emptied the stream, as epoll and kqueue promise.
const SHORT_IS_ALL: bool =
    cfg!(any(target_os = "android", target_os = "linux", target_vendor = "apple"));

impl Carrier {
    pub(crate) fn new(stream: Stream, connection: Connection, bell: Arc<Bell>) -> Self {
        let waker = Waker::from(bell.clone());
        // Nothing is known of the stream: trying tells.
        let (readable, writable, ending) = (true, true, false);
        Self { stream, connection, bell, waker, readable, writable, ending }
    }

    /// What a poller knows the connection by.
    pub(crate) fn source(&mut self) -> &mut dyn Wire {
        self.stream.wire()
    }

    /// Takes note of what a poller found, and says whether it has to be queued for its turn.
    pub(crate) fn note(&mut self, event: &Event) -> bool {
        self.ending |= event.is_read_closed() || event.is_error();
        self.readable |= event.is_readable() || self.ending;
        self.writable |= event.is_writable() || event.is_write_closed();
        self.bell.strike()
    }

    /// Reads and writes what is possible; `scratch` is a buffer for reading.
    ///
    /// # Errors
    /// Those of the stream, which then is of no more use.
    pub(crate) fn turn(&mut self, scratch: &mut [u8]) -> io::Result<Next> {
        self.bell.quiet();
        for _ in 0..ROUNDS {
            // Reading goes on while the stream takes no more: a slow reader must be able to answer
            // pings.
            self.write()?;
            if self.connection.is_finished() {
                return Ok(Next::End);
            }
            let look = self.connection.wants_look();
            let read =
                self.connection.wants_read() && (self.readable || look) && self.read(scratch)?;
            let context = Context::from_waker(&self.waker);
            if look && !read {
                self.connection.quiet();
            } else if !read && self.connection.poll_rung(&context).is_pending() {
                return Ok(Next::Rest);
            }
        }
        // Not queued twice when somebody rang meanwhile.
        Ok(if self.bell.strike() { Next::Go } else { Next::Rest })
    }

    /// Writes everything that waits and the stream takes.
    fn write(&mut self) -> io::Result<()> {
        loop {
            let mut slices = [IoSlice::new(&[]); 8];
            let filled = self.connection.poll_write(&mut slices);
            if filled == 0 || !self.writable {
                return Ok(());
            }
            let wrote = match &slices[..filled] {
                [one] => self.stream.wire().write(one),
                many => self.stream.wire().write_vectored(many),
            };
            match wrote {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(n) => self.connection.wrote(n),
                Err(error) if error.kind() == ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Reads once, and says whether there was something.
    fn read(&mut self, scratch: &mut [u8]) -> io::Result<bool> {
        match self.stream.wire().read(scratch) {
            Ok(0) => self.connection.end(),
            Ok(n) => {
                if SHORT_IS_ALL && n < scratch.len() && !self.ending {
                    self.readable = false;
                }
                self.connection.read(&mut scratch[..n]);
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                self.readable = false;
                return Ok(false);
            }
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
        Ok(true)
    }
}

/// What both kinds of streams can do.
pub(crate) trait Wire: Read + Write + Source {}

impl<T: Read + Write + Source> Wire for T {}

impl Stream {
    fn wire(&mut self) -> &mut dyn Wire {
        match self {
            Self::Tcp(stream) => stream,
            #[cfg(unix)]
            Self::Unix(stream) => stream,
        }
    }
}

const _: () = assert!(size_of::<Carrier>() <= 320);
