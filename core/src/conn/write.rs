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
    /// The latest PONG that found the stream busy: one answers all (RFC 6455 §5.5.3), so a peer
    /// that pings without reading costs one frame.
    pong: Option<Box<[u8]>>,
    /// A client masks what it sends.
    masks: Option<Box<Rng>>,
}

#[derive(Debug)]
enum Chunk {
    Owned(Vec<u8>),
    Shared(Bytes),
    Frame(Frame),
}

impl Chunk {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Owned(bytes) => bytes,
            Self::Shared(bytes) => bytes,
            Self::Frame(frame) => frame.bytes(),
        }
    }
}

impl Outgoing {
    pub(super) fn server() -> Self {
        Self { queue: VecDeque::new(), written: 0, bytes: 0, pong: None, masks: None }
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

    pub(super) fn push_control(&mut self, op: Op, payload: &[u8]) {
        let frame = match &mut self.masks {
            Some(rng) => masked(op, payload, rng.bytes()),
            None => {
                let mut frame = Vec::with_capacity(2 + payload.len());
                header::put(&mut frame, op, payload.len(), None);
                frame.extend_from_slice(payload);
                frame
            }
        };
        self.push(Chunk::Owned(frame));
    }

    /// Answers a PING, at once or with the next write.
    pub(super) fn push_pong(&mut self, payload: &[u8]) {
        if self.queue.is_empty() {
            self.push_control(Op::Pong, payload);
        } else {
            self.pong = Some(payload.into());
        }
    }

    pub(super) fn push_head(&mut self, response: &Response, keep_alive: bool) {
        let mut head = Vec::with_capacity(192);
        response.put_head(&mut head, keep_alive);
        self.push(Chunk::Owned(head));
    }

    /// Queues a head and its body; small bodies travel in the same buffer.
    pub(super) fn push_response(&mut self, response: &Response, keep_alive: bool, head_only: bool) {
        if head_only || response.body.len() > 1024 {
            self.push_head(response, keep_alive);
            if !head_only {
                self.push(Chunk::Shared(response.body.clone()));
            }
            return;
        }
        let mut whole = Vec::with_capacity(192 + response.body.len());
        response.put_head(&mut whole, keep_alive);
        whole.extend_from_slice(&response.body);
        self.push(Chunk::Owned(whole));
    }

    pub(super) fn push_bytes(&mut self, bytes: Bytes) {
        self.push(Chunk::Shared(bytes));
    }

    pub(super) fn fill<'a>(&'a mut self, iov: &mut [IoSlice<'a>]) -> usize {
        if self.queue.is_empty()
            && let Some(pong) = self.pong.take()
        {
            self.push_control(Op::Pong, &pong);
        }
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
            self.queue.pop_front();
        }
        self.written = 0;
        // An idle connection keeps no buffer.
        self.queue = VecDeque::new();
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
