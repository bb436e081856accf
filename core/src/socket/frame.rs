//! Frames: single WebSocket messages, whose bytes all recipients share.

use std::fmt;
use std::sync::Arc;

use super::attachment::Attachment;
use super::framed::{
    framed, framed_compressed, header_start, is_marked, is_plain, unmarked, whole,
};
use crate::ws::header::{self, MAX_UNMASKED, Op};

/// A server-to-client WebSocket frame, whose bytes are shared with its other recipients.
///
/// Its `Debug` text shows only what kind and how large it is: the payload may be a session id.
#[derive(Clone)]
pub struct Frame(Form);

#[derive(Clone)]
enum Form {
    /// One of the attachments of a packet.
    Attached(Arc<[Attachment]>, u32),
    Whole(Whole),
}

/// A frame in one piece.
#[derive(Clone)]
pub(crate) struct Whole(Arc<[u8]>);

const _: () = assert!(size_of::<Option<Frame>>() <= 24, "frames are moved from list to list");

impl Frame {
    /// Makes a text frame, for users of a [`Conn`](crate::Conn) without a server.
    #[must_use]
    pub fn text(text: &str) -> Self {
        Self::of_text(text.as_bytes())
    }

    /// Makes a text frame of bytes that are UTF-8.
    pub(crate) fn of_text(text: &[u8]) -> Self {
        Self::whole(framed(Op::Text, text))
    }

    /// Makes a binary frame.
    #[must_use]
    pub fn binary(bytes: &[u8]) -> Self {
        Self::whole(framed(Op::Binary, bytes))
    }

    pub(super) fn whole(framed: Arc<[u8]>) -> Self {
        Self(Form::Whole(Whole(framed)))
    }

    /// One of the attachments of a packet.
    pub(super) fn attached(attachments: Arc<[Attachment]>, n: u32) -> Self {
        Self(Form::Attached(attachments, n))
    }

    /// Returns the header, unmasked; the [payload](Self::payload) follows it on the stream.
    #[must_use]
    pub fn header(&self) -> &[u8] {
        match &self.0 {
            Form::Attached(..) => self.attachment().map_or(&[], Attachment::header),
            Form::Whole(Whole(framed)) => &framed[header_start(framed)..MAX_UNMASKED],
        }
    }

    /// Returns the payload alone, for hosts that frame WebSocket themselves.
    #[must_use]
    pub fn payload(&self) -> &[u8] {
        match &self.0 {
            Form::Attached(..) => self.attachment().map_or(&[], |attachment| attachment.payload()),
            Form::Whole(Whole(framed)) => &framed[MAX_UNMASKED..],
        }
    }

    pub(super) fn attachment(&self) -> Option<&Attachment> {
        match &self.0 {
            Form::Attached(attachments, n) => attachments.get(*n as usize),
            Form::Whole(_) => None,
        }
    }

    /// The frame in one piece, if it is.
    #[inline(always)]
    pub(crate) fn into_whole(self) -> Result<Whole, Self> {
        match self.0 {
            Form::Whole(whole) => Ok(whole),
            Form::Attached(..) => Err(self),
        }
    }

    /// Makes a frame of a compressed message (RFC 7692 §6).
    pub(crate) fn compressed(op: Op, packed: &[u8]) -> Self {
        Self::whole(framed_compressed(op, packed))
    }

    /// Whether it is never to be compressed.
    pub(crate) fn is_plain(&self) -> bool {
        match &self.0 {
            Form::Attached(..) => self.attachment().is_some_and(Attachment::is_plain),
            Form::Whole(Whole(framed)) => is_plain(framed),
        }
    }

    /// The frame as it may be written.
    pub(crate) fn unmarked(self) -> Self {
        match &self.0 {
            Form::Whole(Whole(framed)) if is_marked(framed) => Self::whole(unmarked(framed)),
            Form::Attached(..) | Form::Whole(_) => self,
        }
    }

    /// Whether its payload is compressed, which is none that a host frames itself.
    pub(crate) fn is_compressed(&self) -> bool {
        self.header().first().is_some_and(|first| first & header::COMPRESSED != 0)
    }

    /// Whether it is a text frame.
    #[must_use]
    pub fn is_text(&self) -> bool {
        header::is_text(self.header())
    }
}

impl Whole {
    /// Header and payload, unmasked.
    #[inline(always)]
    pub(crate) fn bytes(&self) -> &[u8] {
        whole(&self.0)
    }

    /// The bytes, with the room before them.
    pub(super) fn into_framed(self) -> Arc<[u8]> {
        self.0
    }
}

impl fmt::Debug for Whole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Whole({} bytes)", self.bytes().len())
    }
}

impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.is_text() { "text" } else { "binary" };
        write!(f, "Frame({kind}, {} bytes)", self.payload().len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_tells_its_kind_whatever_its_length() {
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = "x".repeat(len);
            let (text, binary) = (Frame::text(&payload), Frame::binary(payload.as_bytes()));
            assert_eq!((text.is_text(), binary.is_text()), (true, false), "{len}");
            assert_eq!(
                (text.payload(), binary.payload()),
                (payload.as_bytes(), payload.as_bytes())
            );
        }
    }
}
