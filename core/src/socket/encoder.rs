//! Writing packets: each is encoded once, where it leaves from or in an allocation of its own.

use bytes::Bytes;
use std::sync::Arc;

use super::ArgsRef;
use super::encoded::Packet;
use super::framed::put_header;
use super::packet::{self, Kind};
use crate::parser::{MessageKind, Parser};
use crate::ws::header::{self, MAX_UNMASKED, Op};

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

/// A larger buffer is given back after the packet that needed it.
const KEEP: usize = 64 * 1024;

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
                Packet::of_parts(Arc::from(self.scratch.as_slice()), attachments)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::encoded::Part;

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
    fn other_packets_are_worded_as_in_the_protocol() {
        let mut encoder = Encoder::default();
        assert_eq!(polling(&encoder.connect("/", "abc")), "40{\"sid\":\"abc\"}");
        assert_eq!(polling(&encoder.connect_with("/a", "{}")), "40/a,{}");
        assert_eq!(polling(&encoder.disconnect("/a")), "41/a,");
        assert_eq!(polling(&encoder.connect_error("/a", "{}")), "44/a,{}");
        assert_eq!(polling(&encoder.ack("/", ArgsRef::NONE, 0).packet()), "430[]");
    }
}
