//! `connect`: WebSocket, handshake, main namespace, close, and again.

use crate::conn::dial;
use crate::echo::SLICE;
use crate::options::Options;
use crate::report::Report;
use crate::window::Window;
use crate::wire::{CLOSE, TEXT, frame, put_masked, shown};
use crate::{Result, http, words};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Registry, Token};
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};

pub fn run(options: &Options) -> Result<String> {
    let mut poll = Poll::new().map_err(words("epoll"))?;
    let mut window = Window::open(options);
    let mut dialer = Dialer { address: options.address, dialed: 0, texts: Texts::new(options) };
    let mut slots = Vec::with_capacity(options.connections);
    for index in 0..options.connections {
        slots.push(Some(dialer.dial(poll.registry(), index, window.now())?));
    }
    let mut events = Events::with_capacity(1024);
    let mut unclean = 0;
    while slots.iter().any(Option::is_some) {
        let open = window.is_open(true)?;
        poll.poll(&mut events, Some(SLICE)).map_err(words("epoll"))?;
        for event in &events {
            let index = event.token().0;
            let Some(cycle) = &mut slots[index] else { continue };
            let ended = cycle.ready(&dialer.texts, event.is_read_closed());
            if ended.map_err(|error| format!("cycle {}: {error}", dialer.dialed))? {
                let now = window.now();
                window.came(now, cycle.began, 1);
                unclean += usize::from(cycle.state != State::Closed);
                slots[index] = None;
                if open {
                    slots[index] = Some(dialer.dial(poll.registry(), index, window.now())?);
                }
            }
        }
    }
    let mut report = Report::new(options);
    report.results(&window.results);
    report.number("unclean_closes", unclean as f64);
    Ok(report.line())
}

struct Dialer {
    address: SocketAddr,
    dialed: u64,
    texts: Texts,
}

struct Texts {
    upgrade: Vec<u8>,
    join: Vec<u8>,
    close: Vec<u8>,
    pong: Vec<u8>,
}

impl Texts {
    fn new(options: &Options) -> Self {
        let (mut join, mut close, mut pong) = (Vec::new(), Vec::new(), Vec::new());
        put_masked(TEXT, b"40", &mut join);
        put_masked(CLOSE, &1000_u16.to_be_bytes(), &mut close);
        put_masked(TEXT, b"3", &mut pong);
        Self { upgrade: http::upgrade(options.address), join, close, pong }
    }
}

impl Dialer {
    /// Begins a cycle, from one of many loopback addresses: ports of one run out.
    fn dial(&mut self, registry: &Registry, index: usize, began: u64) -> Result<Cycle> {
        let (third, fourth) = (1 + self.dialed / 250 % 200, 1 + self.dialed % 250);
        let source = Ipv4Addr::new(127, 0, third as u8, fourth as u8);
        self.dialed += 1;
        let socket = dial(self.address, Some(source))?;
        socket.set_nonblocking(true).map_err(words("nonblocking"))?;
        let mut stream = TcpStream::from_std(socket.into());
        stream.write_all(&self.texts.upgrade).map_err(words("upgrade"))?;
        registry
            .register(&mut stream, Token(index), Interest::READABLE)
            .map_err(words("register"))?;
        Ok(Cycle { stream, bytes: Vec::new(), state: State::Upgrade, began })
    }
}

struct Cycle {
    stream: TcpStream,
    bytes: Vec<u8>,
    state: State,
    began: u64,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Upgrade,
    Open,
    Join,
    Auth,
    Close,
    /// Nothing but the end of the stream.
    Closed,
}

impl Cycle {
    /// Goes on with what came; true at the end of the stream.
    fn ready(&mut self, texts: &Texts, closing: bool) -> Result<bool> {
        let mut chunk = [0; 4096];
        loop {
            match self.stream.read(&mut chunk) {
                Ok(0) if matches!(self.state, State::Close | State::Closed) => return Ok(true),
                Ok(0) => return Err("closed by the server".into()),
                Ok(read) => {
                    self.bytes.extend_from_slice(&chunk[..read]);
                    while self.step(texts)? {}
                    // A short read means that the socket is empty.
                    if read < chunk.len() && !closing {
                        break;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                // The server may close before it has read all; it has answered all that counts.
                Err(_) if self.state == State::Closed => return Ok(true),
                Err(error) => return Err(format!("read: {error}")),
            }
        }
        if self.state == State::Closed {
            // What the server has to close, it may close on seeing this.
            let _ = self.stream.shutdown(Shutdown::Write);
        }
        Ok(false)
    }

    /// Takes one message; false when there is none.
    fn step(&mut self, texts: &Texts) -> Result<bool> {
        if self.state == State::Upgrade {
            let Some(at) = http::find(&self.bytes, b"\r\n\r\n") else { return Ok(false) };
            http::check_upgraded(&self.bytes[..at + 4])?;
            self.bytes.drain(..at + 4);
            self.state = State::Open;
            return Ok(true);
        }
        let Some((opcode, range)) = frame(&self.bytes)? else { return Ok(false) };
        let payload = &self.bytes[range.clone()];
        let (state, answer) = match (self.state, opcode) {
            (State::Open, TEXT) if payload.starts_with(b"0{") => (State::Join, Some(&texts.join)),
            (State::Join, TEXT) if payload.starts_with(b"40{") => (State::Auth, None),
            (State::Auth, TEXT) if payload.starts_with(b"42[\"auth\"") => {
                (State::Close, Some(&texts.close))
            }
            (State::Close, CLOSE) => (State::Closed, None),
            (state, TEXT) if payload == b"2" => (state, Some(&texts.pong)),
            _ => return Err(format!("out of place: {}", shown(payload))),
        };
        self.state = state;
        self.bytes.drain(..range.end);
        if let Some(answer) = answer {
            self.stream.write_all(answer).map_err(words("write"))?;
        }
        Ok(true)
    }
}
