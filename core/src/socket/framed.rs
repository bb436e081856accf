//! The bytes of a frame, behind room for the longest header, so that the payload has one place whatever its length.

use std::sync::Arc;

use crate::ws::header::{self, MAX_UNMASKED, Op};

/// Frames up to this size are composed on the stack, in bytes.
const BRIEF: usize = 256;

pub(super) fn framed(op: Op, payload: &[u8]) -> Arc<[u8]> {
    let mut room = [0; BRIEF];
    if let Some(brief) = room.get_mut(..MAX_UNMASKED + payload.len()) {
        brief[MAX_UNMASKED..].copy_from_slice(payload);
        put_header(brief, op);
        return Arc::from(&*brief);
    }
    let mut bytes = Vec::with_capacity(MAX_UNMASKED + payload.len());
    bytes.extend_from_slice(&[0; MAX_UNMASKED]);
    bytes.extend_from_slice(payload);
    put_header(&mut bytes, op);
    bytes.into()
}

pub(super) fn framed_compressed(op: Op, packed: &[u8]) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(MAX_UNMASKED + packed.len());
    bytes.extend_from_slice(&[0; MAX_UNMASKED]);
    bytes.extend_from_slice(packed);
    put_header(&mut bytes, op);
    bytes[MAX_UNMASKED - header::size(packed.len())] |= header::COMPRESSED;
    bytes.into()
}

/// The header and the payload of a frame, which begins right behind the room for the longest header.
pub(super) fn whole(framed: &[u8]) -> &[u8] {
    &framed[header_start(framed)..]
}

pub(super) fn header_start(framed: &[u8]) -> usize {
    MAX_UNMASKED - header::size(framed.len() - MAX_UNMASKED)
}

/// Marks the first byte of a part that is never to be compressed. Mostly no frame has that byte; in one with the
/// longest header it is a bit that WebSocket reserves, and has to go before the frame is written.
pub(super) const PLAIN: u8 = 0x20;

pub(super) fn is_plain(framed: &[u8]) -> bool {
    framed.first().is_some_and(|first| first & PLAIN != 0)
}

/// Whether the mark of a part is in its frame.
pub(super) fn is_marked(framed: &[u8]) -> bool {
    is_plain(framed) && whole(framed).len() == framed.len()
}

pub(super) fn unmarked(framed: &[u8]) -> Arc<[u8]> {
    let mut bytes: Arc<[u8]> = framed.into();
    if let Some(first) = Arc::get_mut(&mut bytes).and_then(|bytes| bytes.first_mut()) {
        *first &= !PLAIN;
    }
    bytes
}

pub(super) fn is_text(framed: &[u8]) -> bool {
    header::is_text(whole(framed))
}

pub(super) fn put_header(bytes: &mut [u8], op: Op) {
    let len = bytes.len() - MAX_UNMASKED;
    if let Some(room) = bytes.first_chunk_mut() {
        header::write_before(room, op, len);
    }
}
