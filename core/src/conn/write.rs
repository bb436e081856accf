//! What a connection has to write.

use bytes::Bytes;
use std::collections::VecDeque;
use std::io::IoSlice;

use super::masks::Masks;
use crate::deflate::agreed::Agreed;
use crate::deflate::packer::Packer;
use crate::http::head::Persistence;
use crate::http::{Date, Request, Response};
use crate::parser::MessageKind;
use crate::socket::Frame;
use crate::socket::frame::Whole;
use crate::webtransport::header as webtransport;
use crate::ws::header::{self, Op};
use crate::ws::mask;

/// What one connection has to write: a frame that is alone, as it is; else large shared pieces,
/// gathered where they are, then small ones copied together, which costs less than gathering them.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The only piece, before any other comes: most turns write one frame, and this costs no memory.
    only: Option<Whole>,
    /// What follows the large pieces.
    small: Vec<u8>,
    /// Bytes of the front piece that the stream took already.
    written: usize,
    bytes: usize,
    rare: Option<Box<Rare>>,
}

/// What few connections need at a time.
#[derive(Debug, Default)]
struct Rare {
    large: VecDeque<Chunk>,
    /// Bytes to write until the PONGs that are queued have left; 0 when none is.
    pong_left: usize,
    /// How many PONGs that is. Bounded by `limits.pongs`.
    pongs: u8,
    /// The latest PING that came when there were enough: answering it answers all (RFC 6455 §5.5.3),
    /// so a peer that pings without reading costs little.
    ping: Option<Box<[u8]>>,
    /// A client masks what it sends.
    masks: Option<Masks>,
    /// Compresses messages, where that was agreed on.
    packer: Option<Box<Packer>>,
    framing: Framing,
}

/// How messages are framed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Framing {
    #[default]
    WebSocket,
    WebTransport,
}

#[derive(Debug)]
enum Chunk {
    Body(Bytes),
    /// The payload alone of a frame.
    Payload(Frame),
    Small(Vec<u8>),
    Whole(Whole),
}

/// Pieces up to this size are copied together.
const SMALL: usize = 2048;

/// Room for pieces that are copied together, in bytes. Most bursts fit; beyond 1032 bytes the usual
/// allocator of Linux leaves its fast path.
const BURST: usize = 1000;

/// A larger buffer, in bytes, is not lent again: it could end with a peer that reads nothing.
const LENT: usize = 8192;

impl Rare {
    fn is_shaping(&self) -> bool {
        self.masks.is_some() || self.packer.is_some() || self.framing == Framing::WebTransport
    }
}

impl Chunk {
    fn as_slice(&self) -> &[u8] {
        match self {
            Self::Body(bytes) => bytes,
            Self::Payload(frame) => frame.payload(),
            Self::Small(bytes) => bytes,
            Self::Whole(frame) => frame.bytes(),
        }
    }
}

impl Outgoing {
    pub(super) fn server() -> Self {
        Self { only: None, small: Vec::new(), written: 0, bytes: 0, rare: None }
    }

    pub(super) fn client(seed: [u8; 32]) -> Self {
        let rare = Rare { masks: Some(Masks::new(seed)), ..Rare::default() };
        Self { rare: Some(Box::new(rare)), ..Self::server() }
    }

    pub(super) fn webtransport() -> Self {
        let rare = Rare { framing: Framing::WebTransport, ..Rare::default() };
        Self { rare: Some(Box::new(rare)), ..Self::server() }
    }

    /// Compresses messages from now on.
    pub(super) fn deflate(&mut self, agreed: &Agreed) {
        self.rare().packer = Some(Box::new(Packer::new(agreed)));
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Bytes that wait, and those the stream took that are not forgotten yet; and what compresses messages.
    pub(super) fn bytes_held(&self) -> usize {
        let packer = self.rare.as_ref().and_then(|rare| rare.packer.as_ref());
        self.bytes + self.written + packer.map_or(0, |packer| packer.bytes_held())
    }

    pub(super) fn push_frame(&mut self, frame: Frame) {
        self.push_frame_with(frame, &mut Vec::new);
    }

    /// `lend` is asked for a buffer when the frame is to be copied and there is none.
    ///
    /// Inlined where it is called: a frame that is passed through memory costs a delivery 2 %.
    #[inline(always)]
    pub(super) fn push_frame_with(&mut self, frame: Frame, lend: &mut dyn FnMut() -> Vec<u8>) {
        if self.is_shaped() {
            self.push_shaped(frame, lend);
        } else {
            self.push_ready(frame, lend);
        }
    }

    /// Queues a frame as it is.
    #[inline(always)]
    fn push_ready(&mut self, frame: Frame, lend: &mut dyn FnMut() -> Vec<u8>) {
        match frame.into_whole() {
            Ok(frame) => self.push_whole(frame, lend),
            Err(attachment) => self.push_attachment(attachment, lend),
        }
    }

    #[inline]
    fn push_whole(&mut self, frame: Whole, lend: &mut dyn FnMut() -> Vec<u8>) {
        if self.bytes == 0 {
            self.bytes = frame.bytes().len();
            self.only = Some(frame);
        } else if frame.bytes().len() <= SMALL {
            self.borrow_small(lend);
            self.push_small(frame.bytes());
        } else {
            self.push_large(Chunk::Whole(frame));
        }
    }

    /// Queues a frame whose payload lies elsewhere than its header.
    #[inline(never)]
    fn push_attachment(&mut self, frame: Frame, lend: &mut dyn FnMut() -> Vec<u8>) {
        if frame.payload().len() > SMALL {
            self.push_small(frame.header());
            return self.push_large(Chunk::Payload(frame));
        }
        self.borrow_small(lend);
        let only = self.only.as_ref().map_or(0, |only| only.bytes().len());
        self.small.reserve(only + frame.header().len() + frame.payload().len());
        self.push_small(frame.header());
        self.push_small(frame.payload());
    }

    /// Queues a frame that is compressed or masked first.
    #[cold]
    #[inline(never)]
    fn push_shaped(&mut self, frame: Frame, lend: &mut dyn FnMut() -> Vec<u8>) {
        if self.framing() == Framing::WebTransport {
            return self.push_streamed(frame, lend);
        }
        let op = if frame.is_text() { Op::Text } else { Op::Binary };
        let packed = match frame.is_compressed() || frame.is_plain() {
            true => None,
            false => self.pack(frame.payload()),
        };
        match packed {
            Some(packed) if self.is_client() => self.push_packed(op, &packed),
            Some(packed) => self.push_ready(Frame::compressed(op, &packed), lend),
            None if self.is_client() => self.push_owned(op, frame.payload()),
            None => self.push_ready(frame.unmarked(), lend),
        }
    }

    /// Queues the message of a frame for a WebTransport stream.
    fn push_streamed(&mut self, frame: Frame, lend: &mut dyn FnMut() -> Vec<u8>) {
        let payload = frame.payload();
        let (kind, payload) = match (frame.is_text(), payload) {
            (true, _) => (MessageKind::Text, payload),
            // The JavaScript client takes an empty message for an error: this is its form in base64.
            (false, []) => (MessageKind::Text, &b"b"[..]),
            (false, _) => (MessageKind::Binary, payload),
        };
        self.borrow_small(lend);
        self.make_room();
        let before = self.small.len();
        webtransport::put(&mut self.small, kind, payload.len());
        self.bytes += self.small.len() - before;
        if payload.len() <= SMALL {
            self.push_small(payload);
        } else {
            self.push_large(Chunk::Payload(frame));
        }
    }

    /// The compressed form of a message, if it has one.
    fn pack(&mut self, payload: &[u8]) -> Option<Vec<u8>> {
        self.rare.as_mut()?.packer.as_mut()?.pack(payload)
    }

    /// Queues short frames of text; `lend` is asked for a buffer when there is none.
    pub(super) fn push_frames_with(&mut self, frames: &[u8], lend: &mut dyn FnMut() -> Vec<u8>) {
        if self.is_shaped() {
            let mut rest = frames;
            while let Some((payload, after)) = header::split_short(rest) {
                match self.framing() {
                    Framing::WebTransport => self.push_streamed(Frame::of_text(payload), lend),
                    Framing::WebSocket => self.push_text(payload),
                }
                rest = after;
            }
            return;
        }
        self.borrow_small(lend);
        self.push_small(frames);
    }

    /// Queues a text that is compressed or masked first.
    fn push_text(&mut self, payload: &[u8]) {
        match self.pack(payload) {
            Some(packed) => self.push_packed(Op::Text, &packed),
            None => self.push_owned(Op::Text, payload),
        }
    }

    /// Queues the last frame.
    pub(super) fn push_close(&mut self, payload: &[u8]) {
        self.push_owned(Op::Close, payload);
        if let Some(rare) = &mut self.rare {
            rare.ping = None;
        }
    }

    /// Answers a PING, now or, when `most` PONGs are queued already, once they have left.
    pub(super) fn push_pong(&mut self, payload: &[u8], most: u8) {
        match &mut self.rare {
            // A peer that pings more often without reading checks nothing.
            Some(rare) if rare.pongs >= most.max(1) => rare.ping = Some(payload.into()),
            Some(_) | None => self.put_pong(payload),
        }
    }

    fn put_pong(&mut self, payload: &[u8]) {
        self.push_owned(Op::Pong, payload);
        let left = self.bytes;
        let rare = self.rare();
        rare.pong_left = left;
        rare.pongs += 1;
    }

    /// Queues the head of a response.
    pub(super) fn push_head(
        &mut self,
        response: &Response,
        persistence: Persistence,
        date: Option<Date>,
    ) {
        self.make_room();
        let before = self.small.len();
        response.put_head(&mut self.small, persistence, date);
        self.bytes += self.small.len() - before;
    }

    /// Queues the head of a request for a body of `length` bytes.
    pub(super) fn push_request(&mut self, request: &Request<'_>, length: usize) {
        self.make_room();
        let before = self.small.len();
        request.put_head(&mut self.small, length);
        self.bytes += self.small.len() - before;
    }

    /// Draws the nonce of a WebSocket handshake; that of a server, which makes none, is all zero.
    pub(super) fn nonce(&mut self) -> [u8; 16] {
        let masks = self.rare.as_mut().and_then(|rare| rare.masks.as_mut());
        masks.map(Masks::nonce).unwrap_or_default()
    }

    pub(super) fn push_bytes(&mut self, bytes: &Bytes) {
        if bytes.len() <= SMALL {
            self.push_small(bytes);
        } else {
            self.push_large(Chunk::Body(bytes.clone()));
        }
    }

    pub(super) fn fill<'a>(&'a self, iov: &mut [IoSlice<'a>]) -> usize {
        if let (Some(only), [first, ..]) = (&self.only, &mut *iov) {
            *first = IoSlice::new(&only.bytes()[self.written..]);
            return 1;
        }
        let small = (!self.small.is_empty()).then_some(self.small.as_slice());
        let large = self.rare.iter().flat_map(|rare| &rare.large);
        let pieces = large.map(Chunk::as_slice).chain(small);
        let mut skip = self.written;
        let mut filled = 0;
        for (slice, piece) in iov.iter_mut().zip(pieces) {
            *slice = IoSlice::new(&piece[skip..]);
            skip = 0;
            filled += 1;
        }
        filled
    }

    /// Accounts for what the stream took, and returns the buffer of small pieces when it is free and
    /// may be lent to others.
    pub(super) fn wrote(&mut self, n: usize) -> Option<Vec<u8>> {
        let mut free = None;
        debug_assert!(n <= self.bytes, "more was written than was queued");
        self.bytes = self.bytes.saturating_sub(n);
        self.written += n;
        if let Some(rare) = &mut self.rare {
            while let Some(front) = rare.large.front() {
                let len = front.as_slice().len();
                if self.written < len {
                    break;
                }
                self.written -= len;
                rare.large.pop_front();
            }
        }
        if self.bytes == 0 {
            // An idle connection keeps no buffer.
            self.only = None;
            self.written = 0;
            if self.small.capacity() > 0 {
                let mut small = std::mem::take(&mut self.small);
                small.clear();
                free = (small.capacity() <= LENT).then_some(small);
            }
        }
        self.forget_written();
        if self.rare.is_some() {
            self.wrote_rare(n);
        }
        free
    }

    /// Drops what the stream took of `small` while more keeps coming: a busy stream may never run dry.
    fn forget_written(&mut self) {
        let alone =
            self.only.is_none() && self.rare.as_ref().is_none_or(|rare| rare.large.is_empty());
        if alone && self.written > 0 && 2 * self.written >= self.small.len() {
            self.small.drain(..self.written);
            self.written = 0;
        }
    }

    fn wrote_rare(&mut self, n: usize) {
        let Some(rare) = &mut self.rare else { return };
        rare.pong_left = rare.pong_left.saturating_sub(n);
        if rare.pong_left == 0 {
            rare.pongs = 0;
            if let Some(ping) = rare.ping.take() {
                return self.put_pong(&ping);
            }
        }
        if self.bytes == 0 && !rare.is_shaping() {
            self.rare = None;
        }
    }

    /// Whether frames are compressed or masked before they are written.
    fn is_shaped(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.is_shaping())
    }

    fn framing(&self) -> Framing {
        self.rare.as_ref().map_or(Framing::WebSocket, |rare| rare.framing)
    }

    fn is_client(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.masks.is_some())
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// Puts the piece that is no longer the only one where others can follow it.
    fn make_room(&mut self) {
        let Some(only) = self.only.take() else { return };
        if only.bytes().len() > SMALL {
            self.rare().large.push_back(Chunk::Whole(only));
        } else {
            self.small.reserve(BURST.max(2 * only.bytes().len()));
            self.small.extend_from_slice(&only.bytes()[self.written..]);
            self.written = 0;
        }
    }

    fn borrow_small(&mut self, lend: &mut dyn FnMut() -> Vec<u8>) {
        if self.small.capacity() == 0 {
            self.small = lend();
            self.small.clear();
        }
    }

    fn push_small(&mut self, bytes: &[u8]) {
        self.make_room();
        self.small.extend_from_slice(bytes);
        self.bytes += bytes.len();
    }

    fn push_large(&mut self, chunk: Chunk) {
        self.make_room();
        self.bytes += chunk.as_slice().len();
        let small = std::mem::take(&mut self.small);
        let large = &mut self.rare().large;
        if !small.is_empty() {
            large.push_back(Chunk::Small(small));
        }
        large.push_back(chunk);
    }

    /// Queues a frame that is compressed.
    fn push_packed(&mut self, op: Op, packed: &[u8]) {
        self.make_room();
        let at = self.small.len();
        self.push_owned(op, packed);
        self.small[at] |= header::COMPRESSED;
    }

    /// Queues a frame that is written here, masked when this is a client.
    fn push_owned(&mut self, op: Op, payload: &[u8]) {
        self.make_room();
        let before = self.small.len();
        let masks = self.rare.as_mut().and_then(|rare| rare.masks.as_mut());
        let key = masks.map(Masks::next);
        header::put(&mut self.small, op, payload.len(), key);
        let start = self.small.len();
        self.small.extend_from_slice(payload);
        if let Some(key) = key {
            mask::apply(&mut self.small[start..], key, 0);
        }
        self.bytes += self.small.len() - before;
    }
}
