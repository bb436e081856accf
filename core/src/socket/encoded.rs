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

use super::ArgsRef;
use super::attachment::Attachment;
use super::packet::{self, Kind};
use crate::deflate::deflater::Deflater;
use crate::parser::{MessageKind, Parser};
use crate::ws::header::{self, MAX_UNMASKED, Op};

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

    fn whole(framed: Arc<[u8]>) -> Self {
        Self(Form::Whole(Whole(framed)))
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

    fn attachment(&self) -> Option<&Attachment> {
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

impl fmt::Debug for Packet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Packet({} parts, {} bytes)", self.parts(), self.size())
    }
}

impl Packet {
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
        Some(Frame(Form::Attached(attachments.clone(), u32::try_from(n).ok()?)))
    }

    /// The nth WebSocket message as a packet of its own.
    pub(crate) fn alone(&self, n: usize) -> Option<Self> {
        self.frame(n).map(Self::of)
    }

    /// A frame as a packet.
    pub(crate) fn of(frame: Frame) -> Self {
        let first = match frame.into_whole() {
            Ok(Whole(framed)) => framed,
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

/// Writes packets in one reused buffer.
#[derive(Debug, Default)]
pub(crate) struct Encoder {
    scratch: Vec<u8>,
    /// What writes packets instead of the text of the protocol.
    parser: Option<Arc<dyn Parser>>,
}

/// An event or an acknowledgement that is not written yet.
#[derive(Debug)]
#[must_use = "nothing is written yet"]
pub(crate) struct Draft<'e> {
    encoder: &'e mut Encoder,
    wording: Wording<'e>,
}

#[derive(Debug)]
struct Wording<'e> {
    namespace: &'e str,
    says: Says<'e>,
    args: ArgsRef<'e>,
}

#[derive(Debug)]
enum Says<'e> {
    Event(&'e str, Option<u64>),
    Ack(u64),
}

impl Draft<'_> {
    /// Most bytes of its frame of text, if it is short and has no attachments: then it can be
    /// [put](Self::put_frame) where it leaves from.
    #[inline(always)]
    pub(crate) fn short(&self) -> Option<usize> {
        let Wording { namespace, says, args } = &self.wording;
        let name = if let Says::Event(name, _) = says { name.len() } else { 0 };
        let size = FRAMED + namespace.len() + ESCAPED * name + args.json().len();
        let plain = args.attachments().is_empty() && self.encoder.parser.is_none();
        (plain && size <= SHORT).then_some(size)
    }

    /// Appends the frame of a short packet, and returns the length of its payload.
    #[inline(always)]
    pub(crate) fn put_frame(&self, out: &mut Vec<u8>) -> usize {
        header::put_text_with(out, |out| {
            self.wording.put(out);
        })
    }

    /// The packet in an allocation of its own, of its exact size.
    #[inline]
    pub(crate) fn packet(self) -> Packet {
        let Self { encoder, wording } = self;
        encoder.scratch.clear();
        encoder.scratch.extend_from_slice(&[0; MAX_UNMASKED]);
        wording.put(&mut encoder.scratch);
        encoder.finish(wording.args.attachments())
    }
}

impl Wording<'_> {
    /// Appends the text of the packet, behind 4, the type of a message. Mostly a packet belongs to the main
    /// namespace, and an event asks for nothing.
    #[inline(always)]
    fn put(&self, out: &mut Vec<u8>) {
        let args = self.args;
        let header = |out: &mut Vec<u8>, kind, id| {
            out.push(b'4');
            let count = u32::try_from(args.attachments().len()).unwrap_or(u32::MAX);
            packet::put_header(out, kind, count, self.namespace, id);
        };
        match self.says {
            Says::Event(name, id) => {
                match (self.namespace, id, args.attachments()) {
                    ("/", None, []) => out.extend_from_slice(b"42[\""),
                    _ => {
                        header(out, Kind::Event, id);
                        out.extend_from_slice(b"[\"");
                    }
                }
                packet::put_escaped(out, name);
                let tail = args.tail();
                out.extend_from_slice(if tail == "]" { b"\"" } else { b"\"," });
                out.extend_from_slice(tail.as_bytes());
            }
            Says::Ack(id) => {
                header(out, Kind::Ack, Some(id));
                out.extend_from_slice(args.json().as_bytes());
            }
        }
    }
}

/// What precedes a packet in the buffer: room for the longest header, and 4, the type of a message.
const BEFORE: &[u8; MAX_UNMASKED + 1] = b"\0\0\0\0\0\0\0\0\0\0\x34";

/// Longer packets, in bytes, have an allocation of their own.
const SHORT: usize = 1024;

/// Most bytes of a short packet's frame besides namespace, name and arguments.
const FRAMED: usize = 32;

/// Most bytes that one byte of a name is written as.
const ESCAPED: usize = 6;

impl Encoder {
    /// Has packets written by a parser, if there is one.
    pub(crate) fn new(parser: Option<&Arc<dyn Parser>>) -> Self {
        Self { scratch: Vec::new(), parser: parser.cloned() }
    }

    #[inline(always)]
    pub(crate) fn event<'e>(
        &'e mut self,
        namespace: &'e str,
        name: &'e str,
        args: ArgsRef<'e>,
        id: Option<u64>,
    ) -> Draft<'e> {
        Draft { encoder: self, wording: Wording { namespace, says: Says::Event(name, id), args } }
    }

    #[inline(always)]
    pub(crate) fn ack<'e>(
        &'e mut self,
        namespace: &'e str,
        args: ArgsRef<'e>,
        id: u64,
    ) -> Draft<'e> {
        Draft { encoder: self, wording: Wording { namespace, says: Says::Ack(id), args } }
    }

    pub(crate) fn connect(&mut self, namespace: &str, id: &str) -> Packet {
        self.begin(Kind::Connect, namespace);
        self.scratch.extend_from_slice(b"{\"sid\":\"");
        self.scratch.extend_from_slice(id.as_bytes());
        self.scratch.extend_from_slice(b"\"}");
        self.finish(&[])
    }

    /// A CONNECT with this payload, as a client sends it.
    pub(crate) fn connect_with(&mut self, namespace: &str, payload: &str) -> Packet {
        self.plain(Kind::Connect, namespace, payload)
    }

    pub(crate) fn connect_error(&mut self, namespace: &str, reason: &str) -> Packet {
        self.plain(Kind::ConnectError, namespace, reason)
    }

    pub(crate) fn disconnect(&mut self, namespace: &str) -> Packet {
        self.plain(Kind::Disconnect, namespace, "")
    }

    fn plain(&mut self, kind: Kind, namespace: &str, json: &str) -> Packet {
        self.begin(kind, namespace);
        self.scratch.extend_from_slice(json.as_bytes());
        self.finish(&[])
    }

    fn begin(&mut self, kind: Kind, namespace: &str) {
        self.scratch.clear();
        self.scratch.extend_from_slice(BEFORE);
        packet::put_header(&mut self.scratch, kind, 0, namespace, None);
    }

    /// Makes a packet of the text in the buffer and its attachments.
    #[inline]
    fn finish(&mut self, attachments: &[Bytes]) -> Packet {
        let packet = match &self.parser {
            None => {
                put_header(&mut self.scratch, Op::Text);
                let attached = |bytes: &Bytes| Attachment::new(Op::Binary, bytes.clone());
                let attached = || attachments.iter().map(attached).collect();
                Packet {
                    first: Arc::from(self.scratch.as_slice()),
                    attachments: (!attachments.is_empty()).then(attached),
                }
            }
            Some(parser) => parsed(&**parser, &self.scratch, attachments),
        };
        if self.scratch.capacity() > KEEP {
            self.scratch = Vec::new();
        }
        packet
    }
}

/// A packet as a parser writes it, of its text in the buffer of an encoder.
#[cold]
#[inline(never)]
fn parsed(parser: &dyn Parser, scratch: &[u8], attachments: &[Bytes]) -> Packet {
    let text = std::str::from_utf8(&scratch[BEFORE.len()..]).unwrap_or_default();
    // What an encoder wrote is a packet.
    let Some(raw) = packet::raw(text, attachments) else { return Packet::engine(b"6") };
    let mut out = Vec::with_capacity(text.len());
    match parser.encode(&raw, &mut out) {
        MessageKind::Binary => Packet::engine_binary(&out),
        MessageKind::Text => {
            let text = String::from_utf8_lossy(&out).replace('\u{1e}', "\u{fffd}");
            Packet::engine(format!("4{text}").as_bytes())
        }
    }
}

/// Frames up to this size are composed on the stack, in bytes.
const BRIEF: usize = 256;

/// A larger buffer is given back after the packet that needed it.
const KEEP: usize = 64 * 1024;

fn framed(op: Op, payload: &[u8]) -> Arc<[u8]> {
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

fn framed_compressed(op: Op, packed: &[u8]) -> Arc<[u8]> {
    let mut bytes = Vec::with_capacity(MAX_UNMASKED + packed.len());
    bytes.extend_from_slice(&[0; MAX_UNMASKED]);
    bytes.extend_from_slice(packed);
    put_header(&mut bytes, op);
    bytes[MAX_UNMASKED - header::size(packed.len())] |= header::COMPRESSED;
    bytes.into()
}

/// The header and the payload of a frame, which begins right behind the room for the longest header.
fn whole(framed: &[u8]) -> &[u8] {
    &framed[header_start(framed)..]
}

fn header_start(framed: &[u8]) -> usize {
    MAX_UNMASKED - header::size(framed.len() - MAX_UNMASKED)
}

/// Payload bytes of attachments.
fn sizes(attachments: &[Attachment]) -> impl Iterator<Item = usize> {
    attachments.iter().map(|attachment| attachment.payload().len())
}

/// Marks the first byte of a part that is never to be compressed. Mostly no frame has that byte; in one with the
/// longest header it is a bit that WebSocket reserves, and has to go before the frame is written.
pub(super) const PLAIN: u8 = 0x20;

fn is_plain(framed: &[u8]) -> bool {
    framed.first().is_some_and(|first| first & PLAIN != 0)
}

/// Whether the mark of a part is in its frame.
fn is_marked(framed: &[u8]) -> bool {
    is_plain(framed) && whole(framed).len() == framed.len()
}

fn unmarked(framed: &[u8]) -> Arc<[u8]> {
    let mut bytes: Arc<[u8]> = framed.into();
    if let Some(first) = Arc::get_mut(&mut bytes).and_then(|bytes| bytes.first_mut()) {
        *first &= !PLAIN;
    }
    bytes
}

fn is_text(framed: &[u8]) -> bool {
    header::is_text(whole(framed))
}

fn put_header(bytes: &mut [u8], op: Op) {
    let len = bytes.len() - MAX_UNMASKED;
    if let Some(room) = bytes.first_chunk_mut() {
        header::write_before(room, op, len);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What polling sends of a packet without attachments.
    fn polling(packet: &Packet) -> String {
        let Some(Part::Text(text)) = packet.content(0) else { panic!("{packet:?}") };
        String::from_utf8(text.to_vec()).expect("packets are text")
    }

    #[test]
    fn an_event_reads_the_same_on_both_transports() {
        let mut encoder = Encoder::default();
        let packet = encoder.event("/", "hi", ArgsRef::from_valid("[1]", &[]), None);
        let mut run = Vec::new();
        assert_eq!(packet.put_frame(&mut run), 10);
        assert_eq!(run, b"\x81\x0a42[\"hi\",1]");
        let packet = packet.packet();
        assert_eq!(polling(&packet), "42[\"hi\",1]");
        let frame = packet.frame(0).expect("one part");
        assert_eq!(frame.header(), b"\x81\x0a");
        assert_eq!(frame.payload(), b"42[\"hi\",1]");
        assert!(packet.frame(1).is_none());
    }

    #[test]
    fn attachments_follow_as_binary_frames() {
        let attachments = [Bytes::from_static(b"\x01\x02\x03"), Bytes::new()];
        let args = ArgsRef::from_valid("[]", &attachments);
        let packet = Encoder::default().event("/a", "x", args, Some(7)).packet();
        assert_eq!(polling(&packet), "452-/a,7[\"x\"]");
        let frames: Vec<_> = packet
            .frames()
            .iter()
            .map(|frame| [frame.header(), frame.payload()].concat())
            .collect();
        assert_eq!(frames[1..], [&b"\x82\x03\x01\x02\x03"[..], b"\x82\x00"]);
        assert_eq!(packet.frames()[1].payload().as_ptr(), attachments[0].as_ptr(), "not copied");
        assert_eq!(
            packet.alone(1).map(|alone| alone.frames()[0].header().to_vec()),
            Some(vec![0x82, 3])
        );
    }

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

    #[test]
    fn other_packets_are_worded_as_in_the_protocol() {
        let mut encoder = Encoder::default();
        assert_eq!(polling(&encoder.connect("/", "abc")), "40{\"sid\":\"abc\"}");
        assert_eq!(polling(&encoder.connect_with("/a", "{}")), "40/a,{}");
        assert_eq!(polling(&encoder.disconnect("/a")), "41/a,");
        assert_eq!(polling(&encoder.connect_error("/a", "{}")), "44/a,{}");
        assert_eq!(polling(&encoder.ack("/", ArgsRef::NONE, 0).packet()), "430[]");
    }
}
