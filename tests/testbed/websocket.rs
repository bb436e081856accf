//! A client on WebSocket. It shares no code with the core, so that tests check a server against what RFC 6455
//! says, and can break its rules.

use crate::tcp::Tcp;
use crate::trace::normal;

/// A client on WebSocket.
pub struct WebSocket {
    /// Its connection.
    pub tcp: Tcp,
}

/// One frame from the server.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Item {
    /// A binary message.
    Binary(Vec<u8>),
    /// A close frame and its code.
    Close(u16),
    /// A PONG and its payload.
    Pong(Vec<u8>),
    /// A text message, ids put aside.
    Text(String),
}

impl WebSocket {
    pub(crate) fn on(mut tcp: Tcp) -> Self {
        let answer = tcp.answer().expect("an upgrade is answered");
        assert_eq!(answer.status, 101, "{answer:?}");
        assert_eq!(answer.header("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
        Self { tcp }
    }

    /// Sends a text message.
    pub fn send(&mut self, text: &str) {
        self.tcp.send(frame(0x81, text.as_bytes()));
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.tcp.send(frame(0x82, bytes));
    }

    /// Sends a frame whose first byte is given.
    pub fn send_frame(&mut self, first: u8, payload: &[u8]) {
        self.tcp.send(frame(first, payload));
    }

    /// Takes the next text message, which is there already.
    pub fn recv(&mut self) -> String {
        match self.next() {
            Some(Item::Text(text)) => text,
            other => panic!("no text but {other:?}"),
        }
    }

    /// Takes all frames there are.
    pub fn all(&mut self) -> Vec<Item> {
        self.by_ref().collect()
    }

    /// Joins a namespace and takes the answer.
    pub fn join(&mut self, namespace: &str) -> String {
        self.send(&format!("40{namespace},"));
        self.recv()
    }

    /// Drops the connection without a close frame.
    pub fn vanish(&mut self) {
        self.tcp.vanish();
    }
}

/// The frames that are there; more may come.
impl Iterator for WebSocket {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.tcp.pull();
        let (first, payload) = unframe(&mut self.tcp.unread)?;
        Some(match first {
            0x81 => Item::Text(normal(std::str::from_utf8(&payload).expect("text is UTF-8"))),
            0x82 => Item::Binary(payload),
            0x88 => Item::Close(payload.first_chunk().map_or(0, |code| u16::from_be_bytes(*code))),
            0x8a => Item::Pong(payload),
            other => panic!("no server sends {other:#x}"),
        })
    }
}

/// Takes a frame of a server off the front of `bytes`, once all of it is there: its first byte and its
/// payload.
///
/// # Panics
/// When the frame is masked, which servers' frames are not.
pub fn unframe(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let (&[first, second], rest) = (bytes.first_chunk()?, &bytes[2..]);
    let (len, header) = match second {
        126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 4),
        127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 10),
        masked if masked > 127 => panic!("servers do not mask"),
        len => (usize::from(len), 2),
    };
    let payload = bytes.get(header..header + len)?.to_vec();
    bytes.drain(..header + len);
    Some((first, payload))
}

/// Writes a masked frame whose first byte is given.
#[must_use]
pub fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => out.push(0x80 | len),
        (_, Ok(len)) => {
            out.push(0x80 | 126);
            out.extend(len.to_be_bytes());
        }
        _ => {
            out.push(0x80 | 127);
            out.extend((payload.len() as u64).to_be_bytes());
        }
    }
    out.extend(KEY);
    out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}
