//! WebSocket alone: every message comes back, compressed if the peer likes, by the codec of the core and no server.

use sansocket::{
    Config, Conn, Deflate, Fields, Frame, Inbound, Limits, Message, Method, Request, Response,
    Transmit, Verdict,
};
use std::io::IoSlice;
use std::sync::Arc;

/// One connection whose messages come back.
#[derive(Debug)]
pub struct Echo {
    conn: Conn,
    last: String,
}

impl Default for Echo {
    fn default() -> Self {
        Self::new()
    }
}

impl Echo {
    /// Makes a connection for messages of up to 64 MiB, in up to a million frames.
    #[must_use]
    pub fn new() -> Self {
        Self { conn: Conn::new(limits()), last: String::new() }
    }

    /// Makes a connection that asks a server for a WebSocket.
    ///
    /// # Panics
    /// Never: no other request is made.
    #[must_use]
    pub fn asking(host: &str, target: &str, seed: [u8; 32]) -> Self {
        let mut conn = Conn::client(limits(), None, seed);
        let fields = [("host", host)];
        let request = Request::new(Method::Get, target, Fields::host(&fields));
        let asked = conn.ask_websocket_with(&request, deflate(), None);
        asked.expect("it is the first request");
        Self { conn, last: String::new() }
    }

    /// Returns the last text that came.
    #[must_use]
    pub fn last(&self) -> &str {
        &self.last
    }

    /// Handles one read.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the codec answered the rest")]
    pub fn read(&mut self, bytes: &mut [u8]) {
        let mut decoder = self.conn.decode(bytes);
        loop {
            let item = match decoder.poll() {
                Ok(Some(item)) => item,
                Ok(None) => return,
                Err(violation) => return decoder.reject(violation),
            };
            match item {
                Inbound::Request(request) => {
                    let verdict = match Response::accepting_with(&request, &deflate()) {
                        Some(response) => Verdict::Upgrade { link: None, response },
                        None => Verdict::Respond(Response::status(426)),
                    };
                    decoder.apply(verdict);
                }
                Inbound::Message(message) => {
                    let frame = match message {
                        Message::Binary(bytes) => Frame::binary(bytes),
                        Message::Text(text) => {
                            text.clone_into(&mut self.last);
                            Frame::text(text)
                        }
                    };
                    decoder.push(Transmit::Frame(frame));
                }
                _ => {}
            }
        }
    }

    /// Fills `iov` with what should be written next and returns how many slices it filled.
    pub fn poll_write<'a>(&'a mut self, iov: &mut [IoSlice<'a>]) -> usize {
        self.conn.poll_write(iov)
    }

    /// Accounts for `n` bytes taken by the stream.
    pub fn wrote(&mut self, n: usize) {
        self.conn.wrote(n);
    }

    /// Whether the stream should be closed now.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.conn.is_finished()
    }

    /// Whether only the peer's farewell is awaited.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.conn.is_closing()
    }
}

fn limits() -> Arc<Limits> {
    let mut limits = Config::default().limits;
    limits.max_payload = 64 * 1024 * 1024;
    limits.fragments = 1024 * 1024;
    Arc::new(limits)
}

/// Compresses every message, in a context that is kept.
fn deflate() -> Deflate {
    let mut deflate = Deflate::default();
    deflate.threshold = 1;
    deflate.server_no_context_takeover = false;
    deflate.client_no_context_takeover = false;
    deflate
}
