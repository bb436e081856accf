//! Messages on a WebTransport stream, of a server (engine.io-protocol v4, "WebTransport").

use super::conn::Conn;
use super::decode::{Decoder, Item};
use super::mode::{Awaits, Mode};
use crate::error::Violation;
use crate::link::Verdict;
use crate::parser::MessageKind;
use crate::webtransport::reader::{Found, Reader};

/// How far a WebTransport stream is. It has no farewell: the host ends the stream.
#[derive(Debug)]
pub(super) enum WebTransport {
    /// The first packet is awaited.
    Opening(Reader),
    /// The first packet was handed out and its verdict is awaited.
    Asked(Reader),
    /// Messages.
    Open(Reader),
}

impl Default for WebTransport {
    fn default() -> Self {
        Self::Opening(Reader::default())
    }
}

impl WebTransport {
    pub(super) fn awaits(&self) -> Awaits {
        match self {
            Self::Opening(_) => Awaits::Head,
            Self::Asked(_) => Awaits::Answer,
            Self::Open(_) => Awaits::Messages,
        }
    }

    pub(super) fn bytes_held(&self) -> usize {
        self.reader().bytes_held()
    }

    pub(super) fn collected(&self) -> usize {
        self.reader().collected()
    }

    pub(super) fn delivered(&self) -> &[u8] {
        self.reader().delivered()
    }

    fn reader(&self) -> &Reader {
        let (Self::Opening(reader) | Self::Asked(reader) | Self::Open(reader)) = self;
        reader
    }
}

impl Conn {
    pub(super) fn is_webtransport(&self) -> bool {
        matches!(self.mode, Mode::WebTransport(_))
    }

    /// Carries out the verdict on the first packet: anything but an upgrade ends the stream.
    pub(super) fn open(&mut self, verdict: &Verdict) {
        match (verdict, &mut self.mode) {
            (Verdict::Upgrade { link, .. }, Mode::WebTransport(WebTransport::Asked(reader))) => {
                self.link = *link;
                self.mode = Mode::WebTransport(WebTransport::Open(std::mem::take(reader)));
            }
            (
                Verdict::Body { .. }
                | Verdict::Continue
                | Verdict::Hold(_)
                | Verdict::Pass
                | Verdict::Respond(_)
                | Verdict::Upgrade { .. },
                _,
            ) => self.finish(),
        }
    }
}

impl Decoder<'_, '_> {
    /// The next message; nothing of what follows the first packet before its verdict came.
    pub(super) fn packet(&mut self) -> Result<Option<Item>, Violation> {
        let Conn { mode: Mode::WebTransport(stream), limits, .. } = &mut *self.conn else {
            return Ok(None);
        };
        let (reader, limit) = match stream {
            WebTransport::Opening(reader) => (reader, limits.max_payload.min(OPENING)),
            WebTransport::Asked(_) => return Ok(None),
            WebTransport::Open(reader) => (reader, limits.max_payload),
        };
        let at = self.at;
        let (used, found) = reader.step(&self.input.bytes()[at..], limit);
        self.at += used;
        let Some(Found { kind, place }) = found? else { return Ok(None) };
        let place = place.shifted(at);
        if let WebTransport::Opening(reader) = stream {
            let reader = std::mem::take(reader);
            *stream = WebTransport::Asked(reader);
            return match kind {
                MessageKind::Text => Ok(Some(Item::Opening(place))),
                MessageKind::Binary => Err(Violation::UnknownPacket),
            };
        }
        Ok(Some(match kind {
            MessageKind::Text => Item::Text(place),
            MessageKind::Binary => Item::Binary(place),
        }))
    }
}

/// Bytes of the longest first packet: a session id has 256 at most.
const OPENING: usize = 1024;
