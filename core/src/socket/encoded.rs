//! Packets ready to leave: encoded once, shared by all recipients, in a layout both transports read.
//!
//! ```text
//! [ frame header, right-aligned in 10 bytes ][ 4 ][ 2["event",…] ]
//!   WebSocket sends from the header on         polling sends from here on
//! ```
//!
//! The bytes of an attachment stay where they are: a packet has a header for each.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use std::fmt;
use std::sync::Arc;

use super::attachment::Attachment;
use super::frame::Frame;
use super::framed::{PLAIN, framed, framed_compressed, is_marked, is_plain, is_text, unmarked};
use crate::deflate::deflater::Deflater;
use crate::ws::header::{MAX_UNMASKED, Op};

/// What a part of a packet costs besides its payload while it waits, in bytes: the counts and the frame
/// header of its allocation, what an allocator adds to that, and its place in lists that grow by
/// doubling. Without it, a budget of bytes would let many times as much memory go for tiny packets.
pub(crate) const PART: usize = 128;

/// One Engine.IO packet, or a Socket.IO packet with its attachments; cloning copies a pointer.
#[derive(Clone)]
pub(crate) struct Packet {
    /// The first part: text, or binary when it is a bare Engine.IO message.
    first: Arc<[u8]>,
    attachments: Option<Arc<[Attachment]>>,
}

/// One part of a packet, which is a WebSocket message of its own.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Part<'a> {
    Binary(&'a [u8]),
    /// UTF-8.
    Text(&'a [u8]),
}

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} parts, {} bytes)", self.parts(), self.size())
    }
}

impl Packet {
    /// A text of an encoder, which has room before it, and the attachments that it names.
    #[inline]
    pub(super) fn of_parts(first: Arc<[u8]>, attachments: &[Bytes]) -> Self {
        let attached = |bytes: &Bytes| Attachment::new(Op::Binary, bytes.clone());
        let attached = || attachments.iter().map(attached).collect();
        Self { first, attachments: (!attachments.is_empty()).then(attached) }
    }

    /// An Engine.IO packet given by its text, type included.
    pub(crate) fn engine(text: &[u8]) -> Self {
        Self { first: framed(Op::Text, text), attachments: None }
    }

    /// A binary Engine.IO message.
    pub(crate) fn engine_binary(bytes: &[u8]) -> Self {
        Self { first: framed(Op::Binary, bytes), attachments: None }
    }

    /// Number of WebSocket messages it takes.
    pub(crate) fn parts(&self) -> usize {
        1 + self.attachments.as_ref().map_or(0, |attachments| attachments.len())
    }

    /// All WebSocket messages.
    pub(crate) fn frames(&self) -> Vec<Frame> {
        (0..self.parts()).filter_map(|n| self.frame(n)).collect()
    }

    /// The nth WebSocket message.
    pub(crate) fn frame(&self, n: usize) -> Option<Frame> {
        let Some(n) = n.checked_sub(1) else { return Some(Frame::whole(self.first.clone())) };
        let attachments = self.attachments.as_ref().filter(|attachments| n < attachments.len())?;
        Some(Frame::attached(attachments.clone(), u32::try_from(n).ok()?))
    }

    /// The nth WebSocket message as a packet of its own.
    pub(crate) fn alone(&self, n: usize) -> Option<Self> {
        self.frame(n).map(Self::of)
    }

    /// A frame as a packet.
    pub(crate) fn of(frame: Frame) -> Self {
        let first = match frame.into_whole() {
            Ok(whole) => whole.into_framed(),
            Err(frame) => match frame.attachment() {
                Some(attachment) => attachment.whole(),
                None => framed(Op::Binary, &[]),
            },
        };
        Self { first, attachments: None }
    }

    /// The WebSocket message of a packet without attachments.
    pub(crate) fn into_frame(self) -> Option<Frame> {
        self.attachments.is_none().then(|| Frame::whole(self.first))
    }

    /// Its cost for one holder, when all holders share the bytes.
    pub(crate) fn part_of_cost(&self) -> usize {
        PART * self.parts() + self.size() / Arc::strong_count(&self.first)
    }

    /// Payload bytes of all parts.
    pub(crate) fn size(&self) -> usize {
        let first = self.first.len() - MAX_UNMASKED;
        match &self.attachments {
            None => first,
            Some(attachments) => sizes(attachments).sum::<usize>() + first,
        }
    }

    /// About the memory it takes while it waits, in bytes: its payload, and [`PART`] for each part.
    pub(crate) fn cost(&self) -> usize {
        match &self.attachments {
            None => self.first.len() - MAX_UNMASKED + PART,
            Some(_) => self.size() + PART * self.parts(),
        }
    }

    /// Whether a part of it is binary.
    pub(crate) fn has_binary(&self) -> bool {
        self.attachments.is_some() || !is_text(&self.first)
    }

    /// Whether others hold it too.
    pub(crate) fn is_shared(&self) -> bool {
        Arc::strong_count(&self.first) > 1
    }

    /// Whether it is a clone of `other`.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.first, &other.first)
            && match (&self.attachments, &other.attachments) {
                (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
                (None, None) => true,
                (Some(_), None) | (None, Some(_)) => false,
            }
    }

    /// A packet that was just made, as one that is never to be compressed.
    pub(crate) fn plain(mut self) -> Self {
        if let Some(first) = Arc::get_mut(&mut self.first).and_then(|bytes| bytes.first_mut()) {
            *first |= PLAIN;
        }
        if let Some(parts) = self.attachments.as_mut().and_then(Arc::get_mut) {
            parts.iter_mut().for_each(Attachment::mark_plain);
        }
        self
    }

    /// Whether it is never to be compressed.
    #[inline]
    pub(crate) fn is_plain(&self) -> bool {
        is_plain(&self.first)
    }

    /// Whether a frame of it has to be [`unmarked`](Self::unmarked) before a WebSocket without compression can
    /// carry it.
    pub(crate) fn is_marked(&self) -> bool {
        is_marked(&self.first)
    }

    /// The packet as it may be written where nothing is compressed.
    pub(crate) fn unmarked(&self) -> Self {
        Self { first: unmarked(&self.first), attachments: self.attachments.clone() }
    }

    /// The packet with the Engine.IO type of a message as the first byte of each binary part
    /// (engine.io-protocol v3, "Encoding").
    pub(crate) fn with_binary_types(&self) -> Self {
        self.with_binary(|bytes| (Op::Binary, [b"\x04", bytes].concat()))
    }

    /// The packet with each binary part as a text: `b`, the Engine.IO type of a message, and base64
    /// (engine.io-protocol v3, "Payload").
    pub(crate) fn with_base64(&self) -> Self {
        self.with_binary(|bytes| (Op::Text, format!("b4{}", STANDARD.encode(bytes)).into_bytes()))
    }

    /// The packet with each binary part replaced.
    fn with_binary(&self, form: impl Fn(&[u8]) -> (Op, Vec<u8>)) -> Self {
        let first = match is_text(&self.first) {
            true => self.first.clone(),
            false => {
                let (op, payload) = form(&self.first[MAX_UNMASKED..]);
                framed(op, &payload)
            }
        };
        let attached = |part: &Attachment| match part.is_text() {
            true => part.clone(),
            false => {
                let (op, payload) = form(part.payload());
                Attachment::new(op, payload.into())
            }
        };
        let attachments = self.attachments.as_ref();
        let attachments = attachments.map(|parts| parts.iter().map(attached).collect());
        let formed = Self { first, attachments };
        if self.is_plain() { formed.plain() } else { formed }
    }

    /// Payload bytes of its longest part.
    pub(crate) fn longest(&self) -> usize {
        let first = self.first.len() - MAX_UNMASKED;
        self.attachments.iter().flat_map(|parts| sizes(parts)).fold(first, usize::max)
    }

    /// The packet with each part of so many bytes compressed, on its own (RFC 7692 §7.2.1).
    pub(crate) fn compressed(&self, threshold: usize, deflater: &mut Deflater) -> Self {
        let mut pack = |payload: &[u8]| {
            let mut packed = Vec::new();
            deflater.forget();
            let long = payload.len() >= threshold.max(1);
            (long && deflater.put(payload, &mut packed).is_some()).then_some(packed)
        };
        let op = |text| if text { Op::Text } else { Op::Binary };
        let first = match pack(&self.first[MAX_UNMASKED..]) {
            Some(packed) => framed_compressed(op(is_text(&self.first)), &packed),
            None => self.first.clone(),
        };
        let compressed = |part: &Attachment| match pack(part.payload()) {
            Some(packed) => Attachment::compressed(op(part.is_text()), &packed),
            None => part.clone(),
        };
        let attachments = self.attachments.as_ref();
        Self { first, attachments: attachments.map(|parts| parts.iter().map(compressed).collect()) }
    }

    /// The payload of the nth part.
    pub(crate) fn content(&self, n: usize) -> Option<Part<'_>> {
        let (text, payload) = match n.checked_sub(1) {
            None => (is_text(&self.first), &self.first[MAX_UNMASKED..]),
            Some(n) => {
                let attachment = self.attachments.as_ref()?.get(n)?;
                (attachment.is_text(), &attachment.payload()[..])
            }
        };
        Some(if text { Part::Text(payload) } else { Part::Binary(payload) })
    }
}

/// Payload bytes of attachments.
fn sizes(attachments: &[Attachment]) -> impl Iterator<Item = usize> {
    attachments.iter().map(|attachment| attachment.payload().len())
}
