//! What a connection has to write.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

use crate::http::Response;
use crate::rng::Rng;
use crate::socket::Frame;
use crate::ws::header::{self, Op};
use crate::ws::mask;

/// What one connection has to write: large shared pieces, gathered where they are, then small ones
/// copied together, which costs less than gathering them.
#[derive(Debug)]
pub(super) struct Outgoing {
    large: VecDeque<Chunk>,
    /// What follows the large pieces.
    small: Vec<u8>,
    /// Bytes of the front piece that the stream took already.
    written: usize,
    bytes: usize,
    /// Bytes to write until the PONG that is queued has left; 0 when none is.
    pong_left: usize,
    /// The latest PING that came meanwhile: answering it answers all (RFC 6455 §5.5.3), so a peer
    /// that pings without reading costs two frames.
    ping: Option<Box<[u8]>>,
    /// A client masks what it sends.
    masks: Option<Box<Rng>>,
}

#[derive(Debug)]
enum Chunk {
    Body(Bytes),
    Frame(Frame),
    Small(Vec<u8>),
}

/// Pieces up to this size are copied together.
const SMALL: usize = 2048;

impl Chunk {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Body(bytes) => bytes,
            Self::Frame(frame) => frame.bytes(),
            Self::Small(bytes) => bytes,
        }
    }
}

impl Outgoing {
    pub(super) fn server() -> Self {
        Self {
            large: VecDeque::new(),
            small: Vec::new(),
            written: 0,
            bytes: 0,
            pong_left: 0,
            ping: None,
            masks: None,
        }
    }

    pub(super) fn client(seed: [u8; 32]) -> Self {
        Self { masks: Some(Box::new(Rng::new(seed, 0))), ..Self::server() }
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn push_frame(&mut self, frame: Frame) {
        if self.masks.is_some() {
            let op = if frame.is_text() { Op::Text } else { Op::Binary };
            self.push_owned(op, frame.payload());
        } else if frame.bytes().len() <= SMALL {
            self.push_small(frame.bytes());
        } else {
            self.push_large(Chunk::Frame(frame));
        }
    }

    /// Queues the last frame.
    pub(super) fn push_close(&mut self, payload: &[u8]) {
        self.push_owned(Op::Close, payload);
        self.ping = None;
    }

    /// Answers a PING, now or when the PONG that is queued already has left.
    pub(super) fn push_pong(&mut self, payload: &[u8]) {
        if self.pong_left > 0 {
            self.ping = Some(payload.into());
            return;
        }
        self.push_owned(Op::Pong, payload);
        self.pong_left = self.bytes;
    }

    /// Queues the head of a response.
    pub(super) fn push_head(&mut self, response: &Response, keep_alive: bool) {
        let before = self.small.len();
        response.put_head(&mut self.small, keep_alive);
        self.bytes += self.small.len() - before;
    }

    /// Queues a response.
    pub(super) fn push_response(&mut self, response: &Response, keep_alive: bool, head_only: bool) {
        self.push_head(response, keep_alive);
        if !head_only {
            self.push_bytes(&response.body);
        }
    }

    pub(super) fn push_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() <= SMALL {
            self.push_small(bytes);
        } else {
            self.push_large(Chunk::Body(bytes.clone()));
        }
    }

    pub(super) fn fill<'a>(&'a self, iov: &mut [IoSlice<'a>]) -> usize {
        let small = (!self.small.is_empty()).then_some(self.small.as_slice());
        let pieces = self.large.iter().map(Chunk::as_slice).chain(small);
        let mut skip = self.written;
        let mut filled = 0;
        for (slice, piece) in iov.iter_mut().zip(pieces) {
            *slice = IoSlice::new(&piece[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    pub(super) fn wrote(&mut self, n: usize) {
        debug_assert!(n <= self.bytes, "more was written than was queued");
        self.bytes = self.bytes.saturating_sub(n);
        self.written += n;
        while let Some(front) = self.large.front() {
            let len = front.as_slice().len();
            if self.written < len {
                break;
            }
            self.written -= len;
            self.large.pop_front();
        }
        if self.bytes == 0 {
            // An idle connection keeps no buffer.
            *self = Self { masks: self.masks.take(), ping: self.ping.take(), ..Self::server() };
        }
        self.pong_left = self.pong_left.saturating_sub(n);
        if self.pong_left == 0
            && let Some(ping) = self.ping.take()
        {
            self.push_pong(&ping);
        }
    }

    fn push_small(&mut self, bytes: &[u8]) {
        self.small.extend_from_slice(bytes);
        self.bytes += bytes.len();
    }

    fn push_large(&mut self, chunk: Chunk) {
        if !self.small.is_empty() {
            self.large.push_back(Chunk::Small(std::mem::take(&mut self.small)));
        }
        self.bytes += chunk.as_slice().len();
        self.large.push_back(chunk);
    }

    /// Queues a frame that is written here, masked when this is a client.
    fn push_owned(&mut self, op: Op, payload: &[u8]) {
        let before = self.small.len();
        let key = self.masks.as_mut().map(|rng| rng.bytes());
        header::put(&mut self.small, op, payload.len(), key);
        let start = self.small.len();
        self.small.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(&mut self.small[start..], key, 0);
        }
        self.bytes += self.small.len() - before;
    }
}
