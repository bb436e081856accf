//! One stream of a client: a socket and the codec of what it carries.

use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use sansocket::client::{Client, Endpoint, Fault};
use sansocket::{Conn, Inbound, Limits, Link};
use std::io::{self, IoSlice, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use std::time::{Duration, Instant};

pub(crate) struct Stream {
    token: Token,
    link: Link,
    conn: Conn,
    socket: Option<TcpStream>,
    phase: Phase,
}

enum Phase {
    /// It is not open yet; these addresses come next.
    Opening(Vec<SocketAddr>),
    Open,
    /// The client knows it no more: its last bytes are written, until then.
    Closing(Instant),
    Over,
}

/// Time for the last bytes of a stream.
const FAREWELL: Duration = Duration::from_secs(1);

impl Stream {
    pub(crate) fn new(token: Token, link: Link, limits: Arc<Limits>, seed: [u8; 32]) -> Self {
        let conn = Conn::client(limits, Some(link), seed);
        Self { token, link, conn, socket: None, phase: Phase::Opening(Vec::new()) }
    }

    /// Begins to connect. The loop waits while a name is looked up; one with more to do has another thread do
    /// that.
    pub(crate) fn connect(&mut self, endpoint: &Endpoint, registry: &Registry) -> io::Result<()> {
        let addresses = (endpoint.host(), endpoint.port()).to_socket_addrs()?;
        let mut addresses: Vec<_> = addresses.collect();
        addresses.reverse();
        self.phase = Phase::Opening(addresses);
        self.try_next(registry, io::ErrorKind::NotFound.into())
    }

    pub(crate) fn carries(&self, link: Link) -> bool {
        self.link == link && matches!(self.phase, Phase::Opening(_) | Phase::Open)
    }

    pub(crate) fn due(&self) -> Option<Instant> {
        if let Phase::Closing(due) = self.phase { Some(due) } else { None }
    }

    pub(crate) fn is_over(&self, now: Instant) -> bool {
        matches!(self.phase, Phase::Over) || self.due().is_some_and(|due| due <= now)
    }

    /// The client knows the stream no more.
    pub(crate) fn close(&mut self, now: Instant) {
        self.phase = match self.phase {
            Phase::Open => Phase::Closing(now + FAREWELL),
            Phase::Closing(due) => Phase::Closing(due),
            Phase::Opening(_) | Phase::Over => Phase::Over,
        };
    }

    /// The socket is ready: read until it has no more, then write.
    pub(crate) fn on_ready(
        &mut self,
        now: Instant,
        client: &mut Client,
        registry: &Registry,
        scratch: &mut [u8],
    ) {
        if let Phase::Opening(_) = self.phase
            && !self.look_connected(now, client, registry)
        {
            return;
        }
        while let Some(socket) = &mut self.socket {
            match socket.read(scratch) {
                Ok(0) => return self.end(now, client),
                Ok(n) => self.receive(now, client, &mut scratch[..n]),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return self.fail(now, client, &error),
            }
        }
        self.write(now, client);
    }

    /// Bytes in: decode, hand over.
    fn receive(&mut self, now: Instant, client: &mut Client, bytes: &mut [u8]) {
        if !matches!(self.phase, Phase::Open) {
            return; // nobody is interested any more
        }
        let mut decoder = self.conn.decode(bytes);
        loop {
            match decoder.poll() {
                Ok(None) => return,
                Ok(Some(item)) => {
                    let closed = matches!(item, Inbound::Closed(_));
                    client.handle(now, self.link, item);
                    if closed {
                        break;
                    }
                }
                Err(violation) => {
                    decoder.reject(violation);
                    client.handle_violation(now, self.link, violation);
                    break;
                }
            }
        }
        drop(decoder);
        self.close(now);
    }

    /// Bytes out: pull what the client has, gather, write, until nothing is left or the socket is full.
    pub(crate) fn write(&mut self, now: Instant, client: &mut Client) {
        loop {
            match self.phase {
                Phase::Open => drop(self.conn.pull(client)),
                Phase::Closing(_) => {}
                Phase::Opening(_) | Phase::Over => return,
            }
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = self.conn.poll_write(&mut slices);
            let Some(socket) = self.socket.as_mut().filter(|_| filled > 0) else { break };
            match socket.write_vectored(&slices[..filled]) {
                Ok(n) => self.conn.wrote(n),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Err(error) => return self.fail(now, client, &error),
            }
        }
        if let (Phase::Open, true) = (&self.phase, self.conn.is_finished()) {
            client.handle_closed(now, self.link);
            self.close(now);
        }
        if let (Phase::Closing(_), Some(socket)) = (&self.phase, &self.socket) {
            // The server closes its side when it has read all, and then the stream is over. If it is gone
            // already, that shows when the socket is read.
            let _ = socket.shutdown(Shutdown::Write);
        }
    }

    /// Whether the stream is open now; if connecting failed, the next address is tried.
    fn look_connected(&mut self, now: Instant, client: &mut Client, registry: &Registry) -> bool {
        let Some(socket) = &self.socket else { return false };
        let error = match (socket.take_error(), socket.peer_addr()) {
            (Ok(None), Ok(_)) => {
                self.phase = Phase::Open;
                client.handle_opened(now, self.link);
                return true;
            }
            (Ok(None), Err(error)) if error.kind() == io::ErrorKind::NotConnected => return false,
            (Ok(Some(error)) | Err(error), _) | (_, Err(error)) => error,
        };
        if let Err(error) = self.try_next(registry, error) {
            self.fail(now, client, &error);
        }
        false
    }

    /// Begins to connect to the next address; without one, what went wrong before counts.
    fn try_next(&mut self, registry: &Registry, mut error: io::Error) -> io::Result<()> {
        let Phase::Opening(addresses) = &mut self.phase else { return Err(error) };
        while let Some(address) = addresses.pop() {
            match TcpStream::connect(address) {
                Ok(mut socket) => {
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    registry.register(&mut socket, self.token, interest)?;
                    socket.set_nodelay(true)?;
                    self.socket = Some(socket);
                    return Ok(());
                }
                Err(next) => error = next,
            }
        }
        Err(error)
    }

    /// The server ended the stream.
    fn end(&mut self, now: Instant, client: &mut Client) {
        if self.conn.is_amid() {
            return self.fail(now, client, &io::ErrorKind::UnexpectedEof.into());
        }
        if let Phase::Open = self.phase {
            client.handle_closed(now, self.link);
        }
        self.phase = Phase::Over;
    }

    fn fail(&mut self, now: Instant, client: &mut Client, error: &io::Error) {
        if let Phase::Open | Phase::Opening(_) = self.phase {
            client.handle_failed(now, self.link, Fault::transport(error.to_string()));
        }
        self.phase = Phase::Over;
    }
}
