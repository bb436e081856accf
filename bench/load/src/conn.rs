//! Connections: opened one after the other, then driven by readiness.

use crate::options::Options;
use crate::wire::{CLOSE, PING, PONG, TEXT, frame, put_masked, shown};
use crate::{Result, http, words};
use mio::net::TcpStream;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Protocol, SockAddr, Socket, Type};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

/// A connection while it is set up, blocking.
pub struct Opening {
    stream: std::net::TcpStream,
    bytes: Vec<u8>,
}

impl Opening {
    /// Connects for the client with this number.
    pub fn connect(address: SocketAddr, index: usize) -> Result<Self> {
        // One address has 28 000 ports, and those of closed connections stay taken for a minute.
        let beyond = index.checked_sub(10_000).map(|rest| rest / 2000);
        let source = beyond.map(|group| Ipv4Addr::new(127, 0, 1, 1 + group as u8));
        let stream = std::net::TcpStream::from(dial(address, source)?);
        stream.set_read_timeout(Some(PATIENCE)).map_err(words("timeout"))?;
        Ok(Self { stream, bytes: Vec::new() })
    }

    /// Opens a WebSocket and, unless the other side is a floor, joins the main namespace.
    pub fn websocket(options: &Options, index: usize) -> Result<Self> {
        let mut opening = Self::upgraded(options.address, index)?;
        if !options.floor {
            opening.wait_for(&["0{"])?;
            opening.send("40")?;
            opening.wait_for(&["40{", "42[\"auth\""])?;
        }
        Ok(opening)
    }

    /// Opens a WebSocket, and says nothing on it.
    pub fn upgraded(address: SocketAddr, index: usize) -> Result<Self> {
        let mut opening = Self::connect(address, index)?;
        opening.write(&http::upgrade(address))?;
        let end = loop {
            match http::find(&opening.bytes, b"\r\n\r\n") {
                Some(at) => break at + 4,
                None => opening.read()?,
            }
        };
        http::check_upgraded(&opening.bytes[..end])?;
        opening.bytes.drain(..end);
        Ok(opening)
    }

    /// Sends a text frame.
    pub fn send(&mut self, text: &str) -> Result<()> {
        let mut out = Vec::new();
        put_masked(TEXT, text.as_bytes(), &mut out);
        self.write(&out)
    }

    /// Waits until a text message of every beginning came, in any order, and nothing else.
    pub fn wait_for(&mut self, beginnings: &[&str]) -> Result<()> {
        let mut missing = beginnings.to_vec();
        while !missing.is_empty() {
            let Some((opcode, range)) = frame(&self.bytes)? else {
                self.read()?;
                continue;
            };
            let (payload, end) = (&self.bytes[range.clone()], range.end);
            let found = missing.iter().position(|start| payload.starts_with(start.as_bytes()));
            match found {
                Some(at) if opcode == TEXT => drop(missing.swap_remove(at)),
                _ if opcode == TEXT && payload == b"2" => self.send("3")?,
                _ => return Err(format!("expected {missing:?}, got {}", shown(payload))),
            }
            self.bytes.drain(..end);
        }
        Ok(())
    }

    /// Waits for `count` text messages with this beginning, whatever else comes.
    pub fn pass_over(&mut self, beginning: &str, mut count: usize) -> Result<()> {
        while count > 0 {
            let Some((opcode, range)) = frame(&self.bytes)? else {
                self.read()?;
                continue;
            };
            let (payload, end) = (&self.bytes[range.clone()], range.end);
            if opcode == TEXT && payload.starts_with(beginning.as_bytes()) {
                count -= 1;
            } else if opcode == TEXT && payload == b"2" {
                self.send("3")?;
            } else if opcode == CLOSE {
                return Err(format!("the server closes: {}", shown(payload)));
            }
            self.bytes.drain(..end);
        }
        Ok(())
    }

    /// Sends an HTTP request and returns the body of its response.
    pub fn exchange(&mut self, request: &[u8]) -> Result<Vec<u8>> {
        self.write(request)?;
        self.answer()
    }

    /// Exchanges a request on each connection, all at the same time.
    pub fn exchange_each(
        each: &mut [Self],
        request: impl Fn(usize) -> Vec<u8>,
    ) -> Result<Vec<Vec<u8>>> {
        for (index, opening) in each.iter_mut().enumerate() {
            opening.write(&request(index))?;
        }
        each.iter_mut().map(Self::answer).collect()
    }

    fn answer(&mut self) -> Result<Vec<u8>> {
        loop {
            if let Some(response) = http::response(&self.bytes)? {
                let (status, body, end) =
                    (response.status, response.body.into_owned(), response.end);
                self.bytes.drain(..end);
                if status != 200 {
                    return Err(format!("status {status}: {}", shown(&body)));
                }
                return Ok(body);
            }
            self.read()?;
        }
    }

    /// Gives the connection to epoll.
    pub fn into_conn(self, registry: &Registry, token: usize) -> Result<Conn> {
        self.stream.set_nonblocking(true).map_err(words("nonblocking"))?;
        let mut stream = TcpStream::from_std(self.stream);
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut stream, Token(token), interest).map_err(words("register"))?;
        Ok(Conn { stream, rest: self.bytes, out: Vec::new() })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<()> {
        self.stream.write_all(bytes).map_err(words("write while opening"))
    }

    fn read(&mut self) -> Result<()> {
        let mut chunk = [0; 4096];
        let read = self.stream.read(&mut chunk).map_err(words("read while opening"))?;
        self.bytes.extend_from_slice(&chunk[..read]);
        if read == 0 { Err("closed by the server while opening".into()) } else { Ok(()) }
    }
}

/// A connection driven by readiness.
pub struct Conn {
    stream: TcpStream,
    /// The beginning of a message whose end has not arrived.
    rest: Vec<u8>,
    /// What is to be written.
    pub out: Vec<u8>,
}

impl Conn {
    /// Reads once, behind the bytes kept so far; `None` when the socket is empty.
    pub fn read<'a>(&mut self, scratch: &'a mut [u8]) -> Result<Option<&'a [u8]>> {
        let kept = self.rest.len();
        scratch[..kept].copy_from_slice(&self.rest);
        match self.stream.read(&mut scratch[kept..]) {
            Ok(0) => Err("closed by the server".into()),
            Ok(read) => {
                self.rest.clear();
                Ok(Some(&scratch[..kept + read]))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(None),
            Err(error) => Err(format!("read: {error}")),
        }
    }

    /// Keeps the beginning of a message for the next read.
    pub fn keep(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Writes what the socket takes.
    pub fn flush(&mut self) -> Result<()> {
        if self.out.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.out) {
            Ok(written) if written == self.out.len() => self.out.clear(),
            Ok(written) => drop(self.out.drain(..written)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(format!("write: {error}")),
        }
        Ok(())
    }

    /// Answers a frame that is no reply and returns its length; `None` when it is incomplete.
    pub fn aside(&mut self, bytes: &[u8], expected: &[u8]) -> Result<Option<usize>> {
        let Some((opcode, range)) = frame(bytes)? else { return Ok(None) };
        let payload = &bytes[range.clone()];
        match (opcode, payload) {
            (TEXT, b"2") => put_masked(TEXT, b"3", &mut self.out),
            (PING, data) => put_masked(PONG, data, &mut self.out),
            (CLOSE, reason) => return Err(format!("the server closes: {}", shown(reason))),
            _ => {
                let (got, expected) = (shown(&bytes[..range.end]), shown(expected));
                return Err(format!("wrong reply\n     got {got}\nexpected {expected}"));
            }
        }
        Ok(Some(range.end))
    }
}

/// Connects, from a loopback address if one is given.
pub fn dial(address: SocketAddr, source: Option<Ipv4Addr>) -> Result<Socket> {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, Some(Protocol::TCP));
    let socket = socket.map_err(words("socket"))?;
    if let Some(source) = source {
        let source = SockAddr::from(SocketAddr::from((source, 0)));
        socket.bind(&source).map_err(words("bind"))?;
    }
    socket.connect(&address.into()).map_err(words("connect"))?;
    socket.set_tcp_nodelay(true).map_err(words("nodelay"))?;
    Ok(socket)
}

/// After this long without an answer a run has failed.
pub const PATIENCE: Duration = Duration::from_secs(10);
