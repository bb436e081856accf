//! What a connection has to write: shared frames and owned heads, gathered without copying.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

use crate::http::Response;
use crate::rng::Rng;
use crate::socket::Frame;
use crate::ws::header::{self, Op};
use crate::ws::mask;

/// The gather list of one connection.
#[derive(Debug)]
pub(super) struct Outgoing {
    queue: VecDeque<Chunk>,
    /// Bytes of the front chunk that the stream took already.
    written: usize,
    bytes: usize,
    /// The latest PING that came while a PONG was queued: answering it answers all (RFC 6455
    /// §5.5.3), so a peer that pings without reading costs two frames.
    ping: Option<Box<[u8]>>,
    /// Whether a PONG is queued.
    ponging: bool,
    /// A client masks what it sends.
    masks: Option<Box<Rng>>,
}

#[derive(Debug)]
enum Chunk {
    Http(Vec<u8>),
    Body(Bytes),
    Frame(Frame),
    Owned(Vec<u8>),
    Pong(Vec<u8>),
}

impl Chunk {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Http(bytes) | Self::Owned(bytes) | Self::Pong(bytes) => bytes,
            Self::Body(bytes) => bytes,
            Self::Frame(frame) => frame.bytes(),
        }
    }

    fn is_frame(&self) -> bool {
        match self {
            Self::Frame(_) | Self::Owned(_) | Self::Pong(_) => true,
            Self::Body(_) | Self::Http(_) => false,
        }
    }
}

impl Outgoing {
    pub(super) fn server() -> Self {
        let queue = VecDeque::new();
        Self { queue, written: 0, bytes: 0, ping: None, ponging: false, masks: None }
    }

    pub(super) fn client(seed: [u8; 32]) -> Self {
        Self { masks: Some(Box::new(Rng::new(seed, 0))), ..Self::server() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push_frame(&mut self, frame: Frame) {
        match &mut self.masks {
            None => self.push(Chunk::Frame(frame)),
            Some(rng) => {
                let op = if frame.is_text() { Op::Text } else { Op::Binary };
                let masked = masked(op, frame.payload(), rng.bytes());
                self.push(Chunk::Owned(masked));
            }
        }
    }

    /// Queues the last frame.
    pub(super) fn push_close(&mut self, payload: &[u8]) {
        let frame = self.control(Op::Close, payload);
        self.push(Chunk::Owned(frame));
        self.ping = None;
    }

    /// Answers a PING, at once or behind the PONG that is queued already.
    pub(super) fn push_pong(&mut self, payload: &[u8]) {
        if self.ponging {
            self.ping = Some(payload.into());
            return;
        }
        // In front of messages, since under load the queue never runs dry; but behind what is half
        // written, and behind the handshake.
        let http = self.queue.iter().rposition(|chunk| !chunk.is_frame());
        let at = http.map_or(0, |at| at + 1).max(usize::from(self.written > 0));
        let frame = self.control(Op::Pong, payload);
        self.bytes += frame.len();
        self.queue.insert(at, Chunk::Pong(frame));
        self.ponging = true;
    }

    pub(super) fn push_head(&mut self, response: &Response, keep_alive: bool) {
        let mut head = Vec::with_capacity(192);
        response.put_head(&mut head, keep_alive);
        self.push(Chunk::Http(head));
    }

    /// Queues a head and its body; small bodies travel in the same buffer.
    pub(super) fn push_response(&mut self, response: &Response, keep_alive: bool, head_only: bool) {
        if head_only || response.body.len() > 1024 {
            self.push_head(response, keep_alive);
            if !head_only {
                self.push(Chunk::Body(response.body.clone()));
            }
            return;
        }
        let mut whole = Vec::with_capacity(192 + response.body.len());
        response.put_head(&mut whole, keep_alive);
        whole.extend_from_slice(&response.body);
        self.push(Chunk::Http(whole));
    }

    pub(super) fn push_bytes(&mut self, bytes: Bytes) {
        self.push(Chunk::Body(bytes));
    }

    pub(super) fn fill<'a>(&'a self, iov: &mut [IoSlice<'a>]) -> usize {
        let mut skip = self.written;
        let mut filled = 0;
        for (slice, chunk) in iov.iter_mut().zip(&self.queue) {
            *slice = IoSlice::new(&chunk.as_slice()[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    pub(super) fn wrote(&mut self, n: usize) {
        debug_assert!(n <= self.bytes, "more was written than was queued");
        self.bytes = self.bytes.saturating_sub(n);
        self.written += n;
        while let Some(front) = self.queue.front() {
            let len = front.as_slice().len();
            if self.written < len {
                return;
            }
            self.written -= len;
            if let Some(Chunk::Pong(_)) = self.queue.pop_front() {
                self.ponging = false;
                if let Some(ping) = self.ping.take() {
                    self.push_pong(&ping);
                }
            }
        }
        self.written = 0;
        // An idle connection keeps no buffer.
        self.queue = VecDeque::new();
    }

    fn control(&mut self, op: Op, payload: &[u8]) -> Vec<u8> {
        if let Some(rng) = &mut self.masks {
            return masked(op, payload, rng.bytes());
        }
        let mut frame = Vec::with_capacity(2 + payload.len());
        header::put(&mut frame, op, payload.len(), None);
        frame.extend_from_slice(payload);
        frame
    }

    fn push(&mut self, chunk: Chunk) {
        self.bytes += chunk.as_slice().len();
        self.queue.push_back(chunk);
    }
}

fn masked(op: Op, payload: &[u8], key: [u8; 4]) -> Vec<u8> {
    let mut frame = Vec::with_capacity(header::MAX + payload.len());
    header::put(&mut frame, op, payload.len(), Some(key));
    let start = frame.len();
    frame.extend_from_slice(payload);
    mask::apply(&mut frame[start..], key, 0);
    frame
}
