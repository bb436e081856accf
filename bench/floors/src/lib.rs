//! What a server cannot do without: find a frame, unmask it, write the same bytes back.
//!
//! The floors speak neither Engine.IO nor Socket.IO. They trust their client and check nothing, so
//! no real server can be cheaper on the same system calls.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha1::{Digest, Sha1};

/// How a floor answers the bytes it reads.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// A frame goes back to where it came from.
    Echo,
    /// A frame goes to every connection.
    Broadcast,
    /// A POST is answered `ok`, the next GET with the bytes posted.
    Polling,
    /// A WebSocket is opened with the bytes of a Socket.IO handshake.
    Connect,
}

/// The command line of both floors: `--port P` and one of `--broadcast`, `--polling`, `--connect`.
pub fn options() -> (u16, Mode) {
    let (mut port, mut mode) = (0, Mode::Echo);
    let mut args = lexopt::Parser::from_env();
    while let Some(arg) = args.next().expect("readable arguments") {
        use lexopt::prelude::*;
        match arg {
            Long("port") => port = args.value().unwrap().parse().expect("a port"),
            Long("broadcast") => mode = Mode::Broadcast,
            Long("polling") => mode = Mode::Polling,
            Long("connect") => mode = Mode::Connect,
            other => panic!("{}", other.unexpected()),
        }
    }
    (port, mode)
}

/// What one connection keeps between reads.
#[derive(Default)]
pub struct Wire {
    upgraded: bool,
    posted: Vec<u8>,
    /// The beginning of a frame or request whose end has not arrived.
    pub rest: Vec<u8>,
}

/// What came of one read.
#[derive(Default, PartialEq, Eq)]
pub enum Then {
    /// The reply goes to this connection.
    #[default]
    Answer,
    /// The reply goes to all connections.
    Fan,
    /// The reply goes to this connection, which then closes.
    Close,
}

impl Wire {
    /// Answers everything complete in `bytes` with one reply in `out`, keeps the rest.
    pub fn handle(&mut self, mode: Mode, mut bytes: &mut [u8], out: &mut Vec<u8>) -> Then {
        let mut then = Then::Answer;
        while !bytes.is_empty() {
            let used = if mode == Mode::Polling {
                self.request(bytes, out)
            } else if self.upgraded {
                frame(mode, bytes, out, &mut then)
            } else {
                self.upgrade(mode, bytes, out)
            };
            let Some(used) = used else { break };
            bytes = &mut bytes[used..];
        }
        self.rest.clear();
        self.rest.extend_from_slice(bytes);
        if self.rest.is_empty() && self.rest.capacity() > 0 {
            self.rest = Vec::new();
        }
        then
    }

    fn upgrade(&mut self, mode: Mode, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let end = find(bytes, b"\r\n\r\n")? + 4;
        let mut sha = Sha1::new();
        sha.update(field(&bytes[..end], b"\r\nsec-websocket-key: ")?);
        sha.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
        out.extend_from_slice(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ");
        out.extend_from_slice(BASE64_STANDARD.encode(sha.finalize()).as_bytes());
        out.extend_from_slice(b"\r\n\r\n");
        if mode == Mode::Connect {
            put_frame(0x81, OPEN, out);
        }
        self.upgraded = true;
        Some(end)
    }

    fn request(&mut self, bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
        let end = find(bytes, b"\r\n\r\n")? + 4;
        if bytes.starts_with(b"GET") {
            put_response(&self.posted, out);
            self.posted.clear();
            return Some(end);
        }
        let length = field(&bytes[..end], b"\r\ncontent-length: ")?;
        let length = std::str::from_utf8(length).ok()?.parse::<usize>().ok()?;
        self.posted.extend_from_slice(bytes.get(end..end + length)?);
        put_response(b"ok", out);
        Some(end + length)
    }
}

/// Answers one frame; `None` when it is incomplete.
fn frame(mode: Mode, bytes: &mut [u8], out: &mut Vec<u8>, then: &mut Then) -> Option<usize> {
    let (first, length) = (*bytes.first()?, usize::from(bytes.get(1)? & 0x7f));
    let (length, head) = match length {
        126 => (usize::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?)), 4),
        127 => (u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?) as usize, 10),
        length => (length, 2),
    };
    let mask: [u8; 4] = bytes.get(head..head + 4)?.try_into().ok()?;
    let payload = bytes.get_mut(head + 4..head + 4 + length)?;
    for (byte, mask) in payload.iter_mut().zip(mask.into_iter().cycle()) {
        *byte ^= mask;
    }
    match (first & 0xf, mode) {
        (8, _) => *then = Then::Close,
        (_, Mode::Broadcast) => *then = Then::Fan,
        (_, _) => {}
    }
    if mode == Mode::Connect && *then != Then::Close {
        put_frame(0x81, CONNECT, out);
        put_frame(0x81, AUTH, out);
    } else {
        put_frame(first, payload, out);
    }
    Some(head + 4 + length)
}

fn put_frame(first: u8, payload: &[u8], out: &mut Vec<u8>) {
    out.push(first);
    match payload.len() {
        length @ ..126 => out.push(length as u8),
        length @ ..0x1_0000 => {
            out.push(126);
            out.extend_from_slice(&(length as u16).to_be_bytes());
        }
        length => {
            out.push(127);
            out.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
    out.extend_from_slice(payload);
}

fn put_response(body: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(
        b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=UTF-8\r\nContent-Length: ",
    );
    out.extend_from_slice(body.len().to_string().as_bytes());
    out.extend_from_slice(b"\r\n\r\n");
    out.extend_from_slice(body);
}

/// The value of a field written exactly as the load generator writes it.
fn field<'a>(head: &'a [u8], name: &[u8]) -> Option<&'a [u8]> {
    let value = &head[find(head, name)? + name.len()..];
    Some(&value[..find(value, b"\r\n")?])
}

fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

const OPEN: &[u8] = br#"0{"sid":"AAAAAAAAAAAAAAAAAAAAAA","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}"#;
const CONNECT: &[u8] = br#"40{"sid":"AAAAAAAAAAAAAAAAAAAAAA"}"#;
const AUTH: &[u8] = br#"42["auth",{}]"#;
