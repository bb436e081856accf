//! A client on a WebTransport stream. It shares no code with the core, so that tests check a server against
//! the protocol, and can break its rules.

use std::cell::RefCell;
use std::rc::Rc;

use crate::net::World;
use crate::tcp::Tcp;
use crate::trace::normal;
use crate::websocket::Item;

/// A client on a WebTransport stream.
pub struct WebTransport {
    /// Its stream.
    pub stream: Tcp,
}

impl WebTransport {
    pub(crate) fn open(world: &Rc<RefCell<World>>) -> Self {
        Self { stream: Tcp::stream(world) }
    }

    /// Sends a text message.
    pub fn send(&mut self, text: &str) {
        self.stream.send(packet(0, text.as_bytes()));
    }

    /// Sends a binary message.
    pub fn send_binary(&mut self, bytes: &[u8]) {
        self.stream.send(packet(0x80, bytes));
    }

    /// Takes the next text message, which is there already.
    pub fn recv(&mut self) -> String {
        match self.next() {
            Some(Item::Text(text)) => text,
            other => panic!("no text but {other:?}"),
        }
    }

    /// Takes all messages there are.
    pub fn all(&mut self) -> Vec<Item> {
        self.by_ref().collect()
    }
}

/// The messages that are there; more may come.
impl Iterator for WebTransport {
    type Item = Item;

    fn next(&mut self) -> Option<Item> {
        self.stream.pull();
        let (&first, rest) = self.stream.unread.split_first()?;
        let (len, header) = match first & 0x7f {
            126 => (usize::from(u16::from_be_bytes(*rest.first_chunk()?)), 3),
            127 => (usize::try_from(u64::from_be_bytes(*rest.first_chunk()?)).ok()?, 9),
            len => (usize::from(len), 1),
        };
        let payload = self.stream.unread.get(header..header + len)?.to_vec();
        self.stream.unread.drain(..header + len);
        Some(match first & 0x80 {
            0 => Item::Text(normal(std::str::from_utf8(&payload).expect("text is UTF-8"))),
            _ => Item::Binary(payload),
        })
    }
}

/// Writes a message: `kind` is 0 for text and 0x80 for binary.
#[must_use]
pub fn packet(kind: u8, payload: &[u8]) -> Vec<u8> {
    let mut out = match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => vec![kind | len],
        (_, Ok(len)) => [&[kind | 126], &len.to_be_bytes()[..]].concat(),
        _ => [&[kind | 127], &(payload.len() as u64).to_be_bytes()[..]].concat(),
    };
    out.extend_from_slice(payload);
    out
}
