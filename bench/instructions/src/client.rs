//! What clients send, as bytes.

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
    frame(0x81, payload.as_bytes())
}

/// Writes a binary message.
pub fn binary(payload: &[u8]) -> Vec<u8> {
    frame(0x82, payload)
}

fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    const KEY: [u8; 4] = [0x37, 0xfa, 0x21, 0x3d];
    let mut out = vec![first];
    match (u8::try_from(payload.len()), u16::try_from(payload.len())) {
        (Ok(len @ 0..=125), _) => out.push(0x80 | len),
        (_, Ok(len)) => {
            out.push(0x80 | 126);
            out.extend(len.to_be_bytes());
        }
        _ => panic!("no scenario sends that much in one frame"),
    }
    out.extend(KEY);
    out.extend(payload.iter().zip(KEY.iter().cycle()).map(|(byte, key)| byte ^ key));
    out
}
