//! Messages, of either role (RFC 6455 §5, §7).

use std::ops::Range;

use super::conn::Conn;
use super::decode::{Decoder, Item};
use super::mode::{Awaits, LINGER, Mode};
use crate::deflate::agreed::Agreed;
use crate::error::Violation;
use crate::ws::CloseCode;
use crate::ws::message::{Found, Place, Reader, Role};

/// How far a WebSocket is.
#[derive(Debug)]
pub(super) enum Stream {
    Open(Reader),
    /// A close frame was sent; the peer's is awaited within so many more bytes.
    Closing(Reader, usize),
}

impl Stream {
    pub(super) fn awaits(&self) -> Awaits {
        match self {
            Self::Open(_) => Awaits::Messages,
            Self::Closing(..) => Awaits::Farewell,
        }
    }

    pub(super) fn bytes_held(&self) -> usize {
        let (Self::Open(reader) | Self::Closing(reader, _)) = self;
        reader.bytes_held()
    }

    pub(super) fn delivered(&self) -> &[u8] {
        let (Self::Open(reader) | Self::Closing(reader, _)) = self;
        reader.delivered()
    }
}

impl Conn {
    /// Compresses messages from now on, and reads compressed ones.
    pub(super) fn agree(&mut self, agreed: &Agreed) {
        if let Mode::Stream(Stream::Open(reader)) = &mut self.mode {
            reader.inflate(agreed.receiving);
            self.out.deflate(agreed);
        }
    }

    /// Queues a close frame and awaits the peer's.
    pub(super) fn close(&mut self, code: CloseCode) {
        self.link = None;
        if let Mode::Stream(Stream::Open(reader)) = &mut self.mode {
            self.out.push_close(&code.get().to_be_bytes());
            let reader = std::mem::replace(reader, Reader::new(Role::Server));
            self.mode = Mode::Stream(Stream::Closing(reader, LINGER));
        }
    }

    /// Ends a stream whose peer broke a rule.
    pub(super) fn reject_frame(&mut self, violation: Violation) {
        self.close(violation.close_code());
        if violation == Violation::BadClose {
            // The peer's farewell has come, broken as it is: there is no other to wait for.
            self.mode = Mode::Finished;
        }
    }
}

impl Decoder<'_, '_> {
    /// The place of the next message, if it is a text that is short and whole: the common case.
    #[inline]
    pub(super) fn short_text(&mut self) -> Option<Range<usize>> {
        let Conn { mode: Mode::Stream(Stream::Open(reader)), limits, .. } = &*self.conn else {
            return None;
        };
        let at = self.at;
        let place = reader.short_text(self.input.bytes().get_mut(at..)?, limits)?;
        self.at += place.end;
        Some(place.start + at..place.end + at)
    }

    /// The next message; answers what comes before it.
    pub(super) fn message(&mut self) -> Result<Option<Item>, Violation> {
        loop {
            let Some(found) = self.frame()? else { return Ok(None) };
            match found {
                Found::Nothing => return Ok(None),
                Found::Pong | Found::Ping(_) => {}
                Found::Text(place) => return Ok(Some(Item::Text(place))),
                Found::Binary(place) => return Ok(Some(Item::Binary(place))),
                Found::Close(code) => return Ok(Some(self.closed(code))),
            }
        }
    }

    #[inline]
    fn frame(&mut self) -> Result<Option<Found>, Violation> {
        let Conn { mode: Mode::Stream(Stream::Open(reader)), limits, out, .. } = &mut *self.conn
        else {
            return Ok(None);
        };
        let at = self.at;
        let bytes = self.input.bytes();
        if at == bytes.len() && reader.is_idle() {
            return Ok(None);
        }
        let (used, found) = reader.step(&mut bytes[at..], limits);
        self.at += used;
        let found = found?.shifted(at);
        if let Found::Ping(place) = &found {
            let payload = match place {
                Place::Input(range) => &bytes[range.clone()],
                Place::Reader => reader.delivered(),
            };
            out.push_pong(payload, limits.pongs);
        }
        Ok(Some(found))
    }

    /// Reads on for the peer's close frame after ours was sent.
    pub(super) fn farewell(&mut self) {
        let Conn { mode: Mode::Stream(Stream::Closing(reader, budget)), limits, .. } =
            &mut *self.conn
        else {
            return;
        };
        let bytes = &mut self.input.bytes()[self.at..];
        let mut left = *budget;
        let mut at = 0;
        let over = loop {
            let (used, found) = reader.step(&mut bytes[at..], limits);
            at += used;
            left = left.saturating_sub(used);
            match found {
                Ok(Found::Nothing) if left > 0 => break false,
                Ok(Found::Binary(_) | Found::Ping(_) | Found::Pong | Found::Text(_))
                    if left > 0 => {}
                Ok(_) | Err(_) => break true,
            }
        };
        *budget = left;
        self.at = self.input.bytes().len();
        if over {
            self.conn.mode = Mode::Finished;
        }
    }

    /// Echoes a close frame, after which nothing is sent or read (RFC 6455 §5.5.1).
    fn closed(&mut self, code: Option<CloseCode>) -> Item {
        let payload = code.map_or([0, 0], |code| code.get().to_be_bytes());
        self.conn.out.push_close(if code.is_some() { &payload } else { &[] });
        self.conn.mode = Mode::Finished;
        self.at = self.input.bytes().len();
        Item::Closed(code)
    }
}
