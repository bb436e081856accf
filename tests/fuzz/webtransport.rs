//! A WebTransport stream means the same however it is cut, and what a slow reader says it means.

use sansocket::{Config, Conn, Inbound, Limits, Message, Response, Verdict, Violation};
use std::sync::Arc;

use super::pieces;

const MAX: usize = 2000;

/// The longest first packet.
const OPENING: usize = 1024;

pub(super) fn run(data: &[u8]) {
    let [seed, bytes @ ..] = data else { return };
    let whole = read(&pieces(bytes, 0));
    assert_eq!(read(&pieces(bytes, *seed)), whole, "a cut changed the meaning");
    let (items, violation) = whole;
    let found = read_slowly(bytes);
    let broken = match &violation {
        Some(Violation::MessageTooLarge) | None => 0,
        // The message that it is about is left out of the items, and so are all after it.
        Some(_) => 1,
    };
    assert!(items.len() + broken <= found.len());
    assert!(broken == 1 || items.len() == found.len());
    for (item, (binary, payload)) in items.iter().zip(&found) {
        match item {
            Item::Opening => assert!(!binary && payload.first() == Some(&b'0')),
            Item::Binary(bytes) => assert!(*binary && bytes == payload),
            Item::Text(text) => assert!(!binary && text.as_bytes() == *payload),
        }
    }
    if broken == 1 {
        let (binary, payload) = found[items.len()];
        let is_text = !binary && std::str::from_utf8(payload).is_ok();
        assert!(items.is_empty() || !is_text, "{violation:?}");
    }
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum Item {
    Binary(Vec<u8>),
    Opening,
    Text(String),
}

fn read(pieces: &[Vec<u8>]) -> (Vec<Item>, Option<Violation>) {
    let mut limits: Limits = Config::default().limits;
    limits.max_payload = MAX;
    let mut conn = Conn::webtransport(Arc::new(limits));
    let mut items = Vec::new();
    for piece in pieces {
        let mut piece = piece.clone();
        let mut decoder = conn.decode(&mut piece);
        loop {
            let item = match decoder.poll() {
                Ok(Some(Inbound::Message(Message::Text(text)))) => Item::Text(text.to_owned()),
                Ok(Some(Inbound::Message(Message::Binary(bytes)))) => Item::Binary(bytes.to_vec()),
                Ok(Some(Inbound::Opening(opening))) => {
                    let target = opening.target("/?a");
                    assert!(target.is_ascii() && target.ends_with("&a"), "{target}");
                    decoder.apply(Verdict::Upgrade { link: None, response: Response::status(200) });
                    Item::Opening
                }
                Ok(Some(other)) => panic!("{other:?} on a WebTransport stream"),
                Ok(None) => break,
                Err(violation) => {
                    decoder.reject(violation);
                    drop(decoder);
                    assert!(conn.is_finished());
                    return (items, Some(violation));
                }
            };
            items.push(item);
        }
        drop(decoder);
        assert!(conn.bytes_held() <= 3 * MAX, "{} bytes are held", conn.bytes_held());
    }
    (items, None)
}

/// The whole messages up to the first that is too long.
fn read_slowly(mut bytes: &[u8]) -> Vec<(bool, &[u8])> {
    let mut found = Vec::new();
    loop {
        let Some(&first) = bytes.first() else { return found };
        let size = match first & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let Some(extended) = bytes.get(1..1 + size) else { return found };
        let len = match size {
            0 => u128::from(first & 0x7f),
            _ => extended.iter().fold(0, |len, byte| len * 256 + u128::from(*byte)),
        };
        let most = if found.is_empty() { OPENING } else { MAX };
        let Some(len) = usize::try_from(len).ok().filter(|&len| len <= most) else { return found };
        let Some(payload) = bytes.get(1 + size..1 + size + len) else { return found };
        found.push((first & 0x80 != 0, payload));
        bytes = &bytes[1 + size + len..];
    }
}
