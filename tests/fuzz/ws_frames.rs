//! Frames mean the same however they are cut, and what another implementation says they mean.

use sansocket::{Config, Conn, Inbound, Limits, Role, Violation};
use std::io::{self, Read, Write};
use std::sync::Arc;
use tungstenite::protocol::{self, WebSocket, WebSocketConfig};
use tungstenite::{Error, Message};

use super::pieces;

const MAX: usize = 1000;

pub(super) fn run(data: &[u8]) {
    let [seed, role, bytes @ ..] = data else { return };
    let role = if role % 4 == 0 { Role::Client } else { Role::Server };
    let whole = read(role, &pieces(bytes, 0));
    assert_eq!(read(role, &pieces(bytes, *seed)), whole, "a cut changed the meaning");
    let (items, violation) = whole;
    let (mut others, error) = read_otherwise(role, bytes);
    if violation == Some(Violation::BadClose) {
        // The other tells its caller of a broken close frame as of any other.
        others.pop_if(|item| matches!(item, Item::Close(_)));
    }
    let common = items.len().min(others.len());
    assert_eq!(items[..common], others[..common]);
    match (violation, error) {
        // The other takes control frames whose length is written longer than it need be.
        (Some(Violation::ControlFrame), _) => {}
        // Nothing else is refused that the other goes on reading.
        (Some(violation), _) => {
            assert!(others.len() <= items.len(), "{violation:?} before {:?}", &others[common..]);
        }
        (None, None) => assert_eq!(items, others),
        // What the other refuses is refused, unless it says so before the frame is complete.
        (None, Some(error)) => panic!("{error:?} after {items:?}"),
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Item {
    Binary(Vec<u8>),
    Close(Option<u16>),
    Text(String),
}

fn read(role: Role, pieces: &[Vec<u8>]) -> (Vec<Item>, Option<Violation>) {
    let mut limits: Limits = Config::default().limits;
    limits.max_payload = MAX;
    limits.fragments = u32::MAX;
    let mut conn = Conn::websocket(role, Arc::new(limits), None, [3; 32]);
    let mut items = Vec::new();
    for piece in pieces {
        let mut piece = piece.clone();
        let mut decoder = conn.decode(&mut piece);
        loop {
            let item = match decoder.poll() {
                Ok(Some(Inbound::Message(sansocket::Message::Text(text)))) => {
                    Item::Text(text.to_owned())
                }
                Ok(Some(Inbound::Message(sansocket::Message::Binary(bytes)))) => {
                    Item::Binary(bytes.to_vec())
                }
                Ok(Some(Inbound::Closed(code))) => Item::Close(code.map(|code| known(code.get()))),
                Ok(Some(other)) => panic!("{other:?} on a WebSocket"),
                Ok(None) => break,
                Err(violation) => {
                    decoder.reject(violation);
                    drop(decoder);
                    assert!(conn.is_closing());
                    return (items, Some(violation));
                }
            };
            items.push(item);
        }
        drop(decoder);
        assert!(conn.bytes_held() <= 4 * MAX, "{} bytes are held", conn.bytes_held());
    }
    (items, None)
}

/// The other implementation does not know the code that was registered last, 1014 Bad Gateway.
fn known(code: u16) -> u16 {
    if code == 1014 { 1002 } else { code }
}

fn read_otherwise(role: Role, bytes: &[u8]) -> (Vec<Item>, Option<Error>) {
    let client = role == Role::Client;
    let role = if client { protocol::Role::Client } else { protocol::Role::Server };
    let config = WebSocketConfig::default().max_message_size(Some(MAX)).max_frame_size(Some(MAX));
    let mut socket = WebSocket::from_raw_socket(Stalling(bytes), role, Some(config));
    let mut items = Vec::new();
    loop {
        match socket.read() {
            Ok(Message::Text(text)) => items.push(Item::Text(text.as_str().to_owned())),
            Ok(Message::Binary(bytes)) => items.push(Item::Binary(bytes.to_vec())),
            Ok(Message::Close(frame)) => {
                items.push(Item::Close(frame.map(|frame| frame.code.into())));
                return (items, None);
            }
            Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => {}
            Err(Error::Io(_)) => return (items, None),
            Err(error) => return (items, Some(error)),
        }
    }
}

/// A stream with nothing more to read after its bytes.
struct Stalling<'a>(&'a [u8]);

impl Read for Stalling<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match self.0.read(out)? {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

impl Write for Stalling<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
