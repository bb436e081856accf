//! An attachment of a packet, ready to leave: its bytes stay where they are.

use bytes::Bytes;
use std::sync::Arc;

use super::framed::PLAIN;
use crate::ws::header::{self, MAX_UNMASKED, Op};

/// A frame header, and the payload of the frame wherever it lies.
#[derive(Clone)]
pub(super) struct Attachment {
    /// The header, right-aligned.
    room: [u8; MAX_UNMASKED],
    /// Whether it is never to be compressed.
    plain: bool,
    payload: Bytes,
}

impl Attachment {
    pub(super) fn new(op: Op, payload: Bytes) -> Self {
        let mut room = [0; MAX_UNMASKED];
        header::write_before(&mut room, op, payload.len());
        Self { room, plain: false, payload }
    }

    /// An attachment whose payload is a compressed message (RFC 7692 §6).
    pub(super) fn compressed(op: Op, packed: &[u8]) -> Self {
        let mut this = Self::new(op, Bytes::copy_from_slice(packed));
        let start = this.start();
        this.room[start] |= header::COMPRESSED;
        this
    }

    pub(super) fn header(&self) -> &[u8] {
        &self.room[self.start()..]
    }

    pub(super) fn payload(&self) -> &Bytes {
        &self.payload
    }

    pub(super) fn is_text(&self) -> bool {
        header::is_text(self.header())
    }

    pub(super) fn is_plain(&self) -> bool {
        self.plain
    }

    /// Has it never compressed.
    pub(super) fn mark_plain(&mut self) {
        self.plain = true;
    }

    /// A copy in one piece, as the first part of a packet is.
    pub(super) fn whole(&self) -> Arc<[u8]> {
        let mut whole: Vec<u8> = [&self.room[..], &self.payload].concat();
        if self.plain {
            whole[0] |= PLAIN;
        }
        whole.into()
    }

    /// Where the header begins.
    fn start(&self) -> usize {
        MAX_UNMASKED - header::size(self.payload.len())
    }
}
