//! Just enough HTTP/1.1 for a client that knows its servers.

use crate::Result;
use crate::wire::shown;
use std::borrow::Cow;
use std::net::SocketAddr;

/// A complete response at the start of some bytes.
pub struct Response<'a> {
    pub status: u16,
    pub body: Cow<'a, [u8]>,
    /// Where the next response starts.
    pub end: usize,
}

/// Reads one response; `None` when it is incomplete.
pub fn response(bytes: &[u8]) -> Result<Option<Response<'_>>> {
    let Some(start) = find(bytes, b"\r\n\r\n").map(|at| at + 4) else { return Ok(None) };
    let head = &bytes[..start];
    let status = std::str::from_utf8(&head[9.min(start)..12.min(start)]).unwrap_or_default();
    let status = status.parse().map_err(|_| format!("not a response: {}", shown(head)))?;
    if let Some(length) = field(head, "content-length") {
        let length = length.parse::<usize>().map_err(|_| format!("length {length}"))?;
        let end = start + length;
        let body = bytes.get(start..end).map(Cow::Borrowed);
        return Ok(body.map(|body| Response { status, body, end }));
    }
    if field(head, "transfer-encoding").is_some() {
        return chunked(&bytes[start..]).map(|found| {
            found.map(|(body, end)| Response { status, body: body.into(), end: start + end })
        });
    }
    Ok(Some(Response { status, body: Cow::Borrowed(&[]), end: start }))
}

fn chunked(bytes: &[u8]) -> Result<Option<(Vec<u8>, usize)>> {
    let (mut body, mut at) = (Vec::new(), 0);
    loop {
        let Some(line) = find(&bytes[at..], b"\r\n") else { return Ok(None) };
        let length = std::str::from_utf8(&bytes[at..at + line]).unwrap_or_default();
        let length = usize::from_str_radix(length, 16).map_err(|_| format!("chunk {length}"))?;
        at += line + 2;
        let Some(chunk) = bytes.get(at..at + length + 2) else { return Ok(None) };
        body.extend_from_slice(&chunk[..length]);
        at += length + 2;
        if length == 0 {
            return Ok(Some((body, at)));
        }
    }
}

/// The value of a header field.
pub fn field<'a>(head: &'a [u8], name: &str) -> Option<&'a str> {
    head.split(|&byte| byte == b'\n').find_map(|line| {
        let (key, value) = line.split_at_checked(name.len())?;
        let found = key.eq_ignore_ascii_case(name.as_bytes()) && value.first() == Some(&b':');
        found.then(|| std::str::from_utf8(&value[1..]).ok().map(str::trim)).flatten()
    })
}

/// Where `what` first is.
pub fn find(bytes: &[u8], what: &[u8]) -> Option<usize> {
    bytes.windows(what.len()).position(|window| window == what)
}

/// The request that opens a WebSocket.
pub fn upgrade(address: SocketAddr) -> Vec<u8> {
    format!(
        "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nhost: {address}\r\n\
         upgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-version: 13\r\n\
         sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    .into_bytes()
}

/// Checks the answer to [`upgrade`]; the key and its answer are those of RFC 6455 §1.3.
pub fn check_upgraded(response: &[u8]) -> Result<()> {
    let accepted = field(response, "sec-websocket-accept") == Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    if response.starts_with(b"HTTP/1.1 101 ") && accepted {
        Ok(())
    } else {
        Err(format!("not upgraded: {}", shown(response)))
    }
}
