//! Messages out of frames: fragmentation, interleaved control frames, incremental UTF-8
//! (RFC 6455 §5.4, §5.5, §8.1).
//!
//! A message that lies whole in the input is unmasked in place and never copied. Only what a read
//! left incomplete is kept, in memory that grows with what arrived, not with what was announced.

use std::ops::Range;

use super::close::{self, CloseCode};
use super::header::{self, Header, Op};
use super::mask;
use crate::deflate::agreed::{Context, Receiving};
use crate::deflate::inflater::{self, Inflater};
use crate::error::Violation;
use crate::limits::Limits;

/// Which end of the connection this is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Role {
    /// Sends masked frames and receives unmasked ones.
    Client,
    /// Sends unmasked frames and receives masked ones.
    Server,
}

/// Where the payload of a finished message lies.
#[derive(Clone, Debug, Eq, PartialEq)]
// As with `Event`.
#[repr(usize)]
pub(crate) enum Place {
    /// In the input, unmasked.
    Input(Range<usize>),
    /// In the reader, until its next step.
    Reader,
}

/// The longest payload whose length needs no further bytes.
const SHORT: usize = 125;

/// Size of the masked header of such a payload.
const MASKED: usize = 6;

/// What one step found.
#[derive(Clone, Debug, Eq, PartialEq)]
// As with `Event`: a third of the time of a step.
#[repr(usize)]
pub(crate) enum Found {
    /// The input is used up.
    Nothing,
    Text(Place),
    Binary(Place),
    Ping(Place),
    Pong,
    Close(Option<CloseCode>),
}

/// Reads frames; two words when nothing is incomplete.
#[derive(Debug)]
pub(crate) struct Reader {
    role: Role,
    /// How messages may be compressed, if that was agreed on.
    receiving: Option<Receiving>,
    partial: Option<Box<Partial>>,
}

/// What earlier reads left.
#[derive(Debug, Default)]
struct Partial {
    /// Bytes of a header that is not complete.
    head: [u8; header::MAX],
    head_len: usize,
    /// The frame whose payload is being received.
    frame: Option<Frame>,
    /// Type of the message whose fragments are being collected.
    kind: Option<Kind>,
    /// Frames of that message so far. Bounded by `limits.fragments`.
    fragments: u32,
    /// Payload of that message so far, as it was before it was compressed. Bounded by `limits.max_payload`.
    message: Vec<u8>,
    coding: Coding,
    /// What reads compressed messages: while one is collected, and after it when others refer to it.
    inflater: Option<Box<Inflater>>,
    /// How much of a text message is known to be UTF-8.
    valid: usize,
    /// Payload of a control frame so far, at most 125 bytes.
    control: Vec<u8>,
    /// Whether `message` or `control` was handed out and is to be dropped at the next step.
    delivered: bool,
}

#[derive(Clone, Copy, Debug)]
struct Frame {
    header: Header,
    received: u64,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Text,
    Binary,
}

/// How the message that is being collected comes.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
enum Coding {
    #[default]
    Plain,
    Compressed(Context),
}

const _: () = assert!(size_of::<Reader>() <= 16, "a reader is held per connection");

impl Reader {
    pub(crate) fn new(role: Role) -> Self {
        Self { role, receiving: None, partial: None }
    }

    /// Reads compressed messages from now on.
    pub(crate) fn inflate(&mut self, receiving: Receiving) {
        self.receiving = Some(receiving);
    }

    /// Takes one message or control frame off the front of `input` and says how much it used.
    pub(crate) fn step(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
    ) -> (usize, Result<Found, Violation>) {
        if self.partial.as_ref().is_some_and(|partial| partial.delivered) {
            self.forget_delivered();
        }
        let mut used = 0;
        loop {
            let (n, found) = match self.is_idle() {
                true => self.whole(&mut input[used..], limits),
                false => self.piece(&mut input[used..], limits),
            };
            let start = used;
            used += n;
            match found {
                Ok(Some(found)) => return (used, Ok(found.shifted(start))),
                Ok(None) if used < input.len() => {}
                Ok(None) => return (used, Ok(Found::Nothing)),
                Err(violation) => return (used, Err(violation)),
            }
        }
    }

    /// The same for the front of nearly every input, a short text message that lies whole in it: unmasks
    /// it and returns its place. For anything else it does nothing, and [`step`](Self::step) is to be called.
    #[inline]
    pub(crate) fn short_text(&self, input: &mut [u8], limits: &Limits) -> Option<Range<usize>> {
        let [0x81, second, a, b, c, d, rest @ ..] = input else { return None };
        let len = usize::from(second.wrapping_sub(0x80));
        if len > SHORT || len > limits.max_payload || !self.is_idle() || self.role == Role::Client {
            return None;
        }
        mask::apply(rest.get_mut(..len)?, [*a, *b, *c, *d], 0);
        Some(MASKED..MASKED + len)
    }

    /// Whether nothing is incomplete, so that it only waits for input.
    pub(crate) fn is_idle(&self) -> bool {
        self.partial.as_ref().is_none_or(|partial| partial.is_resting())
    }

    /// What `Place::Reader` stands for.
    pub(crate) fn delivered(&self) -> &[u8] {
        self.partial.as_ref().map_or(&[], |partial| {
            if partial.control.is_empty() { &partial.message } else { &partial.control }
        })
    }

    /// Bytes held for what is incomplete.
    pub(crate) fn collected(&self) -> usize {
        self.partial.as_ref().map_or(0, |p| p.message.capacity() + p.control.capacity())
    }

    /// The same, and what compressed messages are read with.
    pub(crate) fn bytes_held(&self) -> usize {
        let inflates = self.partial.as_ref().is_some_and(|partial| partial.inflater.is_some());
        let inflater = self.receiving.filter(|_| inflates);
        self.collected() + inflater.map_or(0, |receiving| Inflater::memory(receiving.window))
    }

    /// The fast path: a frame that is a message of its own and lies whole in the input.
    fn whole(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
    ) -> (usize, Result<Option<Found>, Violation>) {
        let (header, size) = match Header::parse(input) {
            Ok(Some(parsed)) => parsed,
            Ok(None) => {
                if input.is_empty() {
                    return (0, Ok(None));
                }
                self.partial.get_or_insert_default();
                return self.piece(input, limits);
            }
            Err(violation) => return (0, Err(violation)),
        };
        if let Err(violation) = self.check(&header, None, (0, limits.max_payload)) {
            return (0, Err(violation));
        }
        let Some(end) = usize::try_from(header.len).ok().and_then(|len| size.checked_add(len))
        else {
            return (0, Err(Violation::MessageTooLarge));
        };
        if end > input.len() || !header.fin || header.compressed {
            self.partial.get_or_insert_default();
            return self.piece(input, limits);
        }
        let payload = &mut input[size..end];
        mask::apply(payload, header.mask.unwrap_or_default(), 0);
        let place = Place::Input(size..end);
        let found = match header.op {
            Op::Text => Ok(Found::Text(place)),
            Op::Binary => Ok(Found::Binary(place)),
            Op::Ping => Ok(Found::Ping(place)),
            Op::Pong => Ok(Found::Pong),
            Op::Close => close::parse(payload).map(Found::Close),
            Op::Continuation => Err(Violation::FragmentOrder),
        };
        (end, found.map(Some))
    }

    /// The slow path: one header or one run of payload of something that is incomplete.
    fn piece(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
    ) -> (usize, Result<Option<Found>, Violation>) {
        let mut partial = self.partial.take().unwrap_or_default();
        let mut used = 0;
        let frame = match partial.frame {
            Some(frame) => frame,
            None => match self.head(&mut partial, input, limits) {
                (n, Ok(Some(frame))) => {
                    used = n;
                    frame
                }
                (n, Ok(None)) => {
                    self.partial = Some(partial);
                    return (n, Ok(None));
                }
                (n, Err(violation)) => return (n, Err(violation)),
            },
        };
        let left = frame.header.len - frame.received;
        let take = usize::try_from(left).unwrap_or(usize::MAX).min(input.len() - used);
        let payload = &mut input[used..used + take];
        let phase = usize::try_from(frame.received % 4).unwrap_or(0);
        mask::apply(payload, frame.header.mask.unwrap_or_default(), phase);
        let result = partial.receive(frame, payload, limits.max_payload);
        if partial.is_busy() {
            self.partial = Some(partial);
        }
        (used + take, result)
    }

    /// Completes a header, which earlier reads may have begun.
    fn head(
        &self,
        partial: &mut Partial,
        input: &[u8],
        limits: &Limits,
    ) -> (usize, Result<Option<Frame>, Violation>) {
        let before = partial.head_len;
        let take = input.len().min(header::MAX - before);
        partial.head[before..before + take].copy_from_slice(&input[..take]);
        let parsed = match Header::parse(&partial.head[..before + take]) {
            Ok(parsed) => parsed,
            Err(violation) => return (0, Err(violation)),
        };
        let Some((header, size)) = parsed else {
            partial.head_len += take;
            return (take, Ok(None));
        };
        partial.head_len = 0;
        let room = partial.room(limits.max_payload);
        if let Err(violation) = self.check(&header, partial.kind, room) {
            return (0, Err(violation));
        }
        if let Some(receiving) = self.receiving.filter(|_| header.compressed) {
            partial.inflate(receiving);
        }
        if !header.op.is_control() {
            partial.fragments += 1;
            if partial.fragments > limits.fragments {
                return (0, Err(Violation::TooManyFragments));
            }
        }
        // Headers never shrink: what earlier reads consumed is part of this one.
        (size - before, Ok(Some(Frame { header, received: 0 })))
    }

    /// The rules a header can break, given what came before it, and how much of how much that is.
    fn check(
        &self,
        header: &Header,
        collecting: Option<Kind>,
        (collected, limit): (usize, usize),
    ) -> Result<(), Violation> {
        if header.mask.is_some() != (self.role == Role::Server) {
            return Err(Violation::Mask);
        }
        let limit =
            if header.compressed { self.check_compressed(header.op, limit)? } else { limit };
        let continues = header.op == Op::Continuation;
        if !header.op.is_control() && continues != collecting.is_some() {
            return Err(Violation::FragmentOrder);
        }
        let total = header.len.saturating_add(collected as u64);
        if !header.op.is_control() && total > limit as u64 {
            return Err(Violation::MessageTooLarge);
        }
        Ok(())
    }

    /// The rules for a frame that begins a compressed message; returns how many bytes that may have, which are
    /// counted exactly once they are read.
    #[cold]
    fn check_compressed(&self, op: Op, limit: usize) -> Result<usize, Violation> {
        match (op, self.receiving) {
            (Op::Binary | Op::Text, Some(_)) => Ok(inflater::most(limit)),
            _ => Err(Violation::ReservedBits),
        }
    }

    fn forget_delivered(&mut self) {
        let Some(partial) = &mut self.partial else { return };
        partial.delivered = false;
        if partial.control.is_empty() {
            partial.message = Vec::new();
        } else {
            partial.control = Vec::new();
        }
        if !partial.is_busy() {
            self.partial = None;
        }
    }
}

impl Partial {
    /// Adds a run of unmasked payload to its frame, and finishes what it completes.
    fn receive(
        &mut self,
        mut frame: Frame,
        payload: &[u8],
        limit: usize,
    ) -> Result<Option<Found>, Violation> {
        let op = frame.header.op;
        frame.received += payload.len() as u64;
        let complete = frame.received == frame.header.len;
        self.frame = (!complete).then_some(frame);
        if op.is_control() {
            self.control.extend_from_slice(payload);
            return if complete { self.control_frame(op) } else { Ok(None) };
        }
        if op != Op::Continuation && self.kind.is_none() {
            self.kind = Some(if op == Op::Text { Kind::Text } else { Kind::Binary });
        }
        let last = complete && frame.header.fin;
        match &mut self.inflater {
            Some(inflater) if self.coding != Coding::Plain => {
                inflater.take(payload, &mut self.message, limit)?;
                if last {
                    inflater.finish(&mut self.message, limit)?;
                }
            }
            Some(_) | None => self.message.extend_from_slice(payload),
        }
        if self.kind == Some(Kind::Text) {
            self.check_utf8(last)?;
        }
        Ok(last.then(|| self.message_complete()))
    }

    fn message_complete(&mut self) -> Found {
        self.delivered = true;
        self.fragments = 0;
        self.valid = 0;
        if std::mem::take(&mut self.coding) == Coding::Compressed(Context::Dropped) {
            self.inflater = None;
        }
        match self.kind.take() {
            Some(Kind::Text) => Found::Text(Place::Reader),
            Some(Kind::Binary) | None => Found::Binary(Place::Reader),
        }
    }

    fn control_frame(&mut self, op: Op) -> Result<Option<Found>, Violation> {
        if op == Op::Ping && !self.control.is_empty() {
            self.delivered = true;
            return Ok(Some(Found::Ping(Place::Reader)));
        }
        let payload = std::mem::take(&mut self.control);
        Ok(Some(match op {
            Op::Ping => Found::Ping(Place::Input(0..0)),
            Op::Close => Found::Close(close::parse(&payload)?),
            Op::Binary | Op::Continuation | Op::Pong | Op::Text => Found::Pong,
        }))
    }

    /// Fails at the first byte that cannot belong to UTF-8, even in the middle of a message.
    fn check_utf8(&mut self, last: bool) -> Result<(), Violation> {
        match std::str::from_utf8(&self.message[self.valid..]) {
            Ok(text) => self.valid += text.len(),
            Err(error) if error.error_len().is_none() && !last => self.valid += error.valid_up_to(),
            Err(_) => return Err(Violation::InvalidUtf8),
        }
        Ok(())
    }

    /// Reads the message that begins as a compressed one.
    fn inflate(&mut self, receiving: Receiving) {
        self.coding = Coding::Compressed(receiving.context);
        self.inflater.get_or_insert_with(|| Box::new(Inflater::new(receiving.window)));
    }

    /// How many bytes came of the message, and how many may.
    fn room(&self, limit: usize) -> (usize, usize) {
        match &self.inflater {
            Some(inflater) if self.coding != Coding::Plain => {
                (inflater.taken(), inflater::most(limit))
            }
            Some(_) | None => (self.message.len(), limit),
        }
    }

    /// Whether anything is kept that later input needs, or that was handed out.
    fn is_busy(&self) -> bool {
        !self.is_resting() || self.inflater.is_some()
    }

    /// Whether nothing is incomplete, and nothing was handed out.
    fn is_resting(&self) -> bool {
        !self.delivered && self.head_len == 0 && self.frame.is_none() && self.kind.is_none()
    }
}

impl Place {
    /// Moves a place in a part of the input to where it lies in the whole.
    #[inline]
    pub(crate) fn shifted(self, by: usize) -> Self {
        match self {
            Self::Input(range) => Self::Input(range.start + by..range.end + by),
            Self::Reader => Self::Reader,
        }
    }
}

impl Found {
    /// Moves a place found in a part of the input to where it lies in the whole.
    pub(crate) fn shifted(self, by: usize) -> Self {
        match self {
            Self::Text(place) => Self::Text(place.shifted(by)),
            Self::Binary(place) => Self::Binary(place.shifted(by)),
            Self::Ping(place) => Self::Ping(place.shifted(by)),
            Self::Close(_) | Self::Nothing | Self::Pong => self,
        }
    }
}

#[cfg(test)]
mod tests;
