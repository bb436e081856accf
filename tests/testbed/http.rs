//! HTTP as a client writes and reads it. It shares no code with the core, so that tests check a server against
//! what RFC 9112 says, and can break its rules.

use std::io::{self, ErrorKind, Read};

/// An answer, as a client sees it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Answer {
    /// Status code.
    pub status: u16,
    /// Status line and header fields.
    pub head: String,
    /// The body, that of a refusal without its hint.
    pub body: String,
    /// The bytes of the body.
    pub bytes: Vec<u8>,
    /// What a refusal says on top of what the JavaScript server says.
    pub hint: Option<String>,
}

impl Answer {
    /// Returns the first header of that name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let fields = self.head.lines().skip(1).filter_map(|line| line.split_once(": "));
        fields.filter(|(field, _)| field.eq_ignore_ascii_case(name)).map(|(_, value)| value).next()
    }

    /// Reads an answer off the front of `bytes` and says how long it was.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Option<(Self, usize)> {
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&bytes[..end - 4]).expect("heads are text").to_owned();
        let status = head.split(' ').nth(1)?.parse().expect("a status is a number");
        let mut answer = Self { status, head, body: String::new(), bytes: Vec::new(), hint: None };
        let length = answer.header("content-length").map_or(0, |n| n.parse().expect("a number"));
        let body = bytes.get(end..end + length)?;
        answer.bytes = body.to_vec();
        answer.body = match answer.header("content-type") {
            Some("application/octet-stream") => String::from_utf8_lossy(body).into_owned(),
            Some(_) | None => std::str::from_utf8(body).expect("bodies are text").to_owned(),
        };
        if let Some((told, hint)) = answer.body.split_once(",\"hint\":\"") {
            let hint = hint.strip_suffix("\"}").expect("the hint comes last");
            answer.hint = Some(hint.to_owned());
            answer.body = format!("{told}}}");
        }
        Some((answer, end + length))
    }

    /// Waits for an answer on a stream; `unread` has the bytes that came and were not looked at.
    ///
    /// # Errors
    /// Those of the stream, and [`ErrorKind::UnexpectedEof`] when it ends first.
    pub fn read(mut stream: impl Read, unread: &mut Vec<u8>) -> io::Result<Self> {
        loop {
            if let Some((answer, used)) = Self::parse(unread) {
                unread.drain(..used);
                return Ok(answer);
            }
            let mut buffer = [0; 4096];
            match stream.read(&mut buffer)? {
                0 => return Err(ErrorKind::UnexpectedEof.into()),
                n => unread.extend_from_slice(&buffer[..n]),
            }
        }
    }
}

/// Writes a request; `fields` are header lines, each with its line end.
#[must_use]
pub fn request(method: &str, target: &str, fields: &str, body: &str) -> String {
    head(method, target, fields, body.len()) + body
}

/// Writes a request whose body is not text.
#[must_use]
pub fn binary_request(method: &str, target: &str, fields: &str, body: &[u8]) -> Vec<u8> {
    [head(method, target, fields, body.len()).as_bytes(), body].concat()
}

fn head(method: &str, target: &str, fields: &str, length: usize) -> String {
    let length = match length {
        0 => String::new(),
        n => format!("Content-Length: {n}\r\n"),
    };
    format!("{method} {target} HTTP/1.1\r\nHost: a.example\r\n{fields}{length}\r\n")
}

/// The request that opens a polling session.
#[must_use]
pub fn handshake() -> String {
    request("GET", "/socket.io/?EIO=4&transport=polling", "", "")
}

/// A request for a WebSocket.
#[must_use]
pub fn upgrade(target: &str) -> String {
    let fields = UPGRADE.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    request("GET", target, &fields, "")
}

/// The fields of a request that has none.
pub const NO_FIELDS: [(&str, &str); 0] = [];

/// The fields of a request for a WebSocket; the key is the one of RFC 6455 §1.3.
pub const UPGRADE: [(&str, &str); 4] = [
    ("Connection", "Upgrade"),
    ("Upgrade", "websocket"),
    ("Sec-WebSocket-Version", "13"),
    ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
];
