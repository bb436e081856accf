//! A request, and what a host answers.

use arbitrary::{Result, Unstructured};
use sansocket::{Bytes, Response, Verdict};
use std::collections::VecDeque;

/// A request of a peer that keeps to the rules, and what becomes of it.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) method: &'static str,
    version: &'static str,
    connection: &'static str,
    /// Values of `Accept-Encoding` fields.
    pub(super) accepts: Vec<String>,
    expects: bool,
    content: Content,
    pub(super) when: When,
    pub(super) response: Response,
    /// What follows the start of the answer's body.
    pub(super) pieces: VecDeque<Bytes>,
    /// Whether the host may give an unfinished answer up at any time.
    pub(super) gives_up: bool,
}

/// When a request is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum When {
    /// By its head.
    AtOnce,
    /// By its whole body.
    Body,
    /// While the body comes, or once it has.
    Early,
    /// Some time after its head.
    Held,
    /// Some time after its body.
    Later,
}

/// The body of a request.
#[derive(Debug)]
enum Content {
    Chunked(Vec<usize>),
    Counted(usize),
    Nothing,
}

/// Bytes of the longest body that is taken.
pub(super) const BODY: usize = 500;
/// Bytes of the longest part of an answer.
pub(super) const MAX: usize = 4000;

impl Plan {
    pub(super) fn read(input: &mut Unstructured<'_>) -> Result<Self> {
        let method = *input.choose(&["GET", "HEAD", "POST", "POST"])?;
        let version = *input.choose(&["HTTP/1.1", "HTTP/1.1", "HTTP/1.1", "HTTP/1.0"])?;
        let connection = *input.choose(&["", "", "", "keep-alive", "close"])?;
        let accepts =
            (0..input.int_in_range(0..=2)?).map(|_| accept(input)).collect::<Result<_>>()?;
        let expects = input.ratio(1, 4)?;
        let when = *input.choose(&[
            When::AtOnce,
            When::AtOnce,
            When::Body,
            When::Early,
            When::Held,
            When::Later,
        ])?;
        let most = if when == When::Early { BODY } else { 5 * BODY };
        let content = match method {
            "POST" if version == "HTTP/1.1" => Content::read(input, most)?,
            "POST" => Content::Counted(input.int_in_range(0..=most)?),
            _ => Content::Nothing,
        };
        let noise = input.arbitrary()?;
        let response = response(input, noise)?;
        let mut at = response.body.len();
        let mut pieces = VecDeque::new();
        if response.length.is_some() {
            for _ in 0..input.int_in_range(0..=4)? {
                let piece = bytes(at, input.int_in_range(0..=MAX)?, noise);
                at += piece.len();
                pieces.push_back(piece);
            }
        }
        let gives_up = input.ratio(1, 8)?;
        Ok(Self {
            method,
            version,
            connection,
            accepts,
            expects,
            content,
            when,
            response,
            pieces,
            gives_up,
        })
    }

    /// The request, number `n` of its connection.
    pub(super) fn request(&self, n: usize) -> String {
        let mut text = format!("{} /{n} {}\r\nHost: a\r\n", self.method, self.version);
        if !self.connection.is_empty() {
            text += &format!("Connection: {}\r\n", self.connection);
        }
        for value in &self.accepts {
            text += &format!("Accept-Encoding: {value}\r\n");
        }
        if self.expects {
            text += "Expect: 100-continue\r\n";
        }
        match &self.content {
            Content::Nothing => text += "\r\n",
            Content::Counted(len) => {
                text += &format!("Content-Length: {len}\r\n\r\n");
                text += std::str::from_utf8(&self.body()).expect("bodies are text");
            }
            Content::Chunked(chunks) => {
                text += "Transfer-Encoding: chunked\r\n\r\n";
                let body = self.body();
                let mut rest = std::str::from_utf8(&body).expect("bodies are text");
                for chunk in chunks {
                    let (chunk, after) = rest.split_at(*chunk);
                    text += &format!("{:x};a=b\r\n{chunk}\r\n", chunk.len());
                    rest = after;
                }
                text += "0\r\nTrailer: x\r\n\r\n";
            }
        }
        text
    }

    pub(super) fn body(&self) -> Vec<u8> {
        let len = match &self.content {
            Content::Nothing => 0,
            Content::Counted(len) => *len,
            Content::Chunked(chunks) => chunks.iter().sum(),
        };
        // What could be taken for a request, should anybody lose count.
        b"GET /x HTTP/1.1\r\nHost: a\r\n\r\n".iter().copied().cycle().take(len).collect()
    }

    /// What the host says to the head.
    pub(super) fn verdict(&self) -> Verdict {
        match self.when {
            When::AtOnce => Verdict::Respond(self.response.clone()),
            When::Held => Verdict::Hold(None),
            When::Body | When::Early | When::Later => Verdict::Body { link: None, limit: BODY },
        }
    }

    /// Whether the body is longer than the host takes.
    pub(super) fn is_refused(&self) -> bool {
        self.reads() && self.body().len() > BODY
    }

    /// Whether an interim answer comes first.
    pub(super) fn is_encouraged(&self) -> bool {
        let is_known = matches!(self.content, Content::Counted(_));
        self.waits() && self.reads() && !(is_known && self.is_refused())
    }

    /// Whether the client may keep its body back until it is encouraged.
    fn waits(&self) -> bool {
        let some = match self.content {
            Content::Nothing | Content::Counted(0) => false,
            Content::Chunked(_) | Content::Counted(_) => true,
        };
        self.expects && self.version == "HTTP/1.1" && some
    }

    /// What an answer says of a connection that stays: a client of HTTP/1.0 has to be told.
    pub(super) fn stays(&self) -> Option<&'static str> {
        (self.version == "HTTP/1.0").then_some("keep-alive")
    }

    /// Whether another request may follow; `None` when it depends on how much of the body had come.
    pub(super) fn goes_on(&self) -> Option<bool> {
        let wants = match (self.version, self.connection) {
            (_, "close") | ("HTTP/1.0", "") => false,
            (_, _) => true,
        };
        if self.waits() && !self.is_encouraged() {
            return Some(false);
        }
        match (&self.content, self.when) {
            (Content::Chunked(_), _) if self.is_refused() => Some(false),
            (Content::Counted(len), _) if self.is_refused() => Some(wants && *len <= 4 * BODY),
            // Where it ends is not known before it has been read.
            (Content::Chunked(_), When::AtOnce | When::Held) => Some(false),
            (Content::Chunked(_), When::Early) if wants => None,
            // A short rest is read for nothing.
            (Content::Counted(len), When::AtOnce | When::Held) => Some(wants && *len <= 4 * BODY),
            (_, _) => Some(wants),
        }
    }

    /// The body of the answer, before any coding, as far as the host has it.
    pub(super) fn answered(&self) -> Vec<u8> {
        let mut whole = self.response.body.to_vec();
        if let Some(length) = self.response.length {
            self.pieces.iter().for_each(|piece| whole.extend_from_slice(piece));
            whole.truncate(usize::try_from(length).unwrap_or(usize::MAX));
        }
        whole
    }

    fn reads(&self) -> bool {
        matches!(self.when, When::Body | When::Early | When::Later)
    }
}

impl Content {
    fn read(input: &mut Unstructured<'_>, most: usize) -> Result<Self> {
        if input.arbitrary()? {
            return Ok(Self::Counted(input.int_in_range(0..=most)?));
        }
        let mut left = most;
        let mut chunks = Vec::new();
        for _ in 0..input.int_in_range(0..=3)? {
            let chunk = input.int_in_range(1..=most / 3)?.min(left);
            left -= chunk;
            chunks.push(chunk);
        }
        Ok(Self::Chunked(chunks))
    }
}

/// The value of an `Accept-Encoding` field, right or wrong.
fn accept(input: &mut Unstructured<'_>) -> Result<String> {
    if input.ratio(1, 4)? {
        let words = (0..input.int_in_range(0..=9)?).map(|_| input.choose(&WORDS).copied());
        return words.collect();
    }
    let elements = (0..input.int_in_range(1..=4)?).map(|_| {
        let (coding, weight) = (*input.choose(&CODINGS)?, *input.choose(&WEIGHTS)?);
        Ok(format!("{coding}{weight}"))
    });
    Ok(elements.collect::<Result<Vec<_>>>()?.join(", "))
}

const CODINGS: [&str; 8] =
    ["gzip", "deflate", "gzip", "deflate", "identity", "*", "x-gzip", "DEFLATE"];

const WEIGHTS: [&str; 8] = ["", "", ";q=1", ";q=0", "; Q=0.5", ";q=0.501", " ;q=0.49", ";q=0.0001"];

const WORDS: [&str; 20] = [
    "gzip", "deflate", "identity", "*", "br", ",", ";q=", ";", "q=", "=", "0", "1", "0.5", "0.50",
    ".", "9", "001", " ", "\t", "é",
];

fn response(input: &mut Unstructured<'_>, noise: bool) -> Result<Response> {
    let mut response = Response::status(*input.choose(&[200, 200, 200, 200, 204, 206, 304, 404])?);
    response.content_type = input.choose(&TYPES)?.map(Into::into);
    response.no_store = input.arbitrary()?;
    response.compress = input.arbitrary()?;
    for _ in 0..input.int_in_range(0..=2)? {
        let &(name, value) = input.choose(&FIELDS)?;
        if response.headers.iter().all(|(other, _)| other != name) {
            response = response.header(name, value);
        }
    }
    response.body = bytes(0, input.int_in_range(0..=MAX)?, noise);
    response.length = match input.int_in_range(0..=7)? {
        0..=4 => None,
        5 | 6 => Some(input.int_in_range(0..=2 * MAX as u64)?),
        _ => Some(u64::MAX),
    };
    Ok(response)
}

const TYPES: [Option<&str>; 6] = [
    None,
    Some("text/plain; charset=UTF-8"),
    Some("application/json"),
    Some("image/svg+xml"),
    Some("image/png"),
    Some("video/mp4"),
];

const FIELDS: [(&str, &str); 8] = [
    ("etag", "\"tag\""),
    ("etag", "W/\"tag\""),
    ("vary", "Origin"),
    ("content-encoding", "br"),
    ("content-type", "text/html"),
    ("set-cookie", "a=b; Path=/"),
    ("x-break", "a\r\ncontent-length: 7\r\n\r\nHTTP/1.1 200 OK\0"),
    ("x-empty", ""),
];

/// Part of a body, from a place in it: that of a text, or of something that does not compress.
fn bytes(from: usize, len: usize, noise: bool) -> Bytes {
    let byte = |at: usize| {
        if noise {
            (at.wrapping_mul(at + 0x9e37).wrapping_mul(0x85eb) >> 7) as u8
        } else {
            b'a' + (at / 9 % 26) as u8
        }
    };
    (from..from + len).map(byte).collect()
}
