//! What clients send, as bytes. Requests are spelled out, for what is counted depends on how long the heads of
//! real clients are.

use sansocket::{Conn, Frame, Role, Transmit};
use std::io::IoSlice;
use std::sync::Arc;

/// Writes a request as a client under Node.js does; `fields` are further header lines.
pub fn request(method: &str, query: &str, fields: &str, body: &str) -> Vec<u8> {
    format!(
        "{method} /socket.io/?EIO=4&{query} HTTP/1.1\r\nAccept: */*\r\n\
         User-Agent: node-XMLHttpRequest\r\nHost: localhost:3000\r\nConnection: keep-alive\r\n\
         {fields}\r\n{body}"
    )
    .into_bytes()
}

/// Writes a POST of packets.
pub fn post(sid: &str, body: &str) -> Vec<u8> {
    let fields =
        format!("Content-type: text/plain;charset=UTF-8\r\nContent-Length: {}\r\n", body.len());
    request("POST", &format!("transport=polling&sid={sid}"), &fields, body)
}

/// Writes a poll.
pub fn poll(sid: &str) -> Vec<u8> {
    request("GET", &format!("transport=polling&sid={sid}"), "", "")
}

/// Writes a request for a WebSocket as the `ws` package does.
pub fn upgrade(query: &str) -> Vec<u8> {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket{query} HTTP/1.1\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
         Connection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n\
         Host: localhost:3000\r\n\r\n"
    )
    .into_bytes()
}

/// Writes a text message.
pub fn text(payload: &str) -> Vec<u8> {
    sent(Frame::text(payload))
}

/// Writes a binary message.
pub fn binary(payload: &[u8]) -> Vec<u8> {
    sent(Frame::binary(payload))
}

/// Masks a frame as the connection of a client does.
fn sent(frame: Frame) -> Vec<u8> {
    let mut conn = Conn::websocket(Role::Client, Arc::default(), None, [7; 32]);
    conn.push(Transmit::Frame(frame));
    let mut slices = [IoSlice::new(&[]); 1];
    assert_eq!(conn.poll_write(&mut slices), 1);
    slices[0].to_vec()
}
