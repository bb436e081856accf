//! Compressed messages mean the same however they are cut, stay within their limit, and come back as they were.

use sansocket::{Config, Conn, Deflate, Fields, Frame, Inbound, Limits, Message, Method, Request};
use sansocket::{Response, Role, Transmit, Violation};
use std::io::IoSlice;
use std::sync::Arc;

use super::pieces;

const MAX: usize = 1000;

/// What is held between two messages that refer to each other, and while one is read.
const CONTEXTS: usize = 600_000;

pub(super) fn run(data: &[u8]) {
    let [settings, seed, bytes @ ..] = data else { return };
    let role = if settings & 8 == 0 { Role::Server } else { Role::Client };
    let whole = read(&mut end(role, *settings), &pieces(bytes, 0));
    let cut = read(&mut end(role, *settings), &pieces(bytes, *seed));
    // Of two faults in one message, which is seen first depends on how much of it was there.
    let meaning =
        |(messages, fault): (Vec<Vec<u8>>, Option<Violation>)| (messages, fault.is_some());
    assert_eq!(meaning(whole), meaning(cut), "a cut changed the meaning");
    let (mut from, mut to) = (end(Role::Client, *settings), end(Role::Server, *settings));
    let pieces = pieces(bytes, *seed);
    let messages: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).chain([&bytes[..0]]).collect();
    for message in messages.iter().filter(|message| message.len() <= MAX) {
        from.push(Transmit::Frame(Frame::binary(message)));
        let written = written(&mut from);
        assert_eq!(read(&mut to, &[written]), (vec![message.to_vec()], None));
    }
}

/// One end of a WebSocket whose messages are compressed as the bits of `settings` say.
fn end(role: Role, settings: u8) -> Conn {
    let mut deflate = Deflate::default();
    deflate.threshold = 1 + usize::from(settings >> 6) * 20;
    deflate.level = [1, 6][usize::from(settings & 1)];
    deflate.server_no_context_takeover = settings & 2 == 0;
    deflate.client_no_context_takeover = settings & 2 == 0;
    deflate.server_max_window_bits = [15, 9][usize::from(settings >> 2 & 1)];
    let fields = [
        ("connection", "upgrade"),
        ("upgrade", "websocket"),
        ("sec-websocket-version", "13"),
        ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
    ];
    let request = Request::new(Method::Get, "/", Fields::host(&fields));
    let response = Response::accepting_with(&request, &deflate).expect("it is accepted");
    let mut limits: Limits = Config::default().limits;
    limits.max_payload = MAX;
    limits.fragments = u32::MAX;
    Conn::websocket(role, Arc::new(limits), None, [3; 32]).agreeing(&response)
}

fn read(conn: &mut Conn, pieces: &[Vec<u8>]) -> (Vec<Vec<u8>>, Option<Violation>) {
    let mut messages = Vec::new();
    for piece in pieces {
        let mut piece = piece.clone();
        let mut decoder = conn.decode(&mut piece);
        loop {
            match decoder.poll() {
                Ok(Some(Inbound::Message(Message::Text(text)))) => messages.push(text.into()),
                Ok(Some(Inbound::Message(Message::Binary(bytes)))) => messages.push(bytes.to_vec()),
                Ok(Some(Inbound::Closed(_))) => {}
                Ok(Some(other)) => panic!("{other:?} on a WebSocket"),
                Ok(None) => break,
                Err(violation) => {
                    decoder.reject(violation);
                    drop(decoder);
                    assert!(conn.is_closing());
                    return (messages, Some(violation));
                }
            }
        }
        drop(decoder);
        assert!(messages.iter().all(|message| message.len() <= MAX));
        let held = conn.bytes_held();
        assert!(held <= CONTEXTS + 4 * MAX, "{held} bytes are held");
    }
    (messages, None)
}

fn written(conn: &mut Conn) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 4];
    let filled = conn.poll_write(&mut slices);
    let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
    conn.wrote(bytes.len());
    bytes
}
