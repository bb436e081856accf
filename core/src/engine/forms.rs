//! The forms of a packet: which bytes it becomes by the terms of the session that it is queued for.
//!
//! | terms | form |
//! |---|---|
//! | revision 4 | as it is encoded |
//! | revision 3 | the same for text; binary messages begin with their type, a byte 4 |
//! | revision 3, binary as base64 | the same for text; binary messages are texts, `b4` and base64 |
//! | a window, for a WebSocket | each message of [`Deflate::threshold`] bytes or more is compressed |
//! | none, for a WebSocket | the same; a long packet that is never to be compressed loses the mark that says so |
//!
//! The first is common and costs nothing. Any other is made when the first session with such terms gets
//! the packet, and shared by all that get it in the same broadcast.

use std::num::NonZeroU8;

use super::terms::{Binary, Revision, Terms};
use crate::deflate::Deflate;
use crate::deflate::deflater::Deflater;
use crate::socket::encoded::Packet;

/// The other forms of the packet that is being sent to many.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    made: Vec<Made>,
    deflate: Deflate,
    /// Of the window that was asked for last.
    deflater: Option<Deflater>,
}

/// A form that was made of a packet.
#[derive(Debug)]
struct Made {
    kind: Kind,
    of: Packet,
    form: Packet,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    /// Revision 3, binary as base64.
    Base64,
    /// Revision 3, binary as bytes.
    Bytes,
    Compressed(NonZeroU8),
    /// Without the mark of a packet that is never to be compressed.
    Unmarked,
}

impl Forms {
    /// Compresses by these settings, where that was agreed on.
    pub(crate) fn new(deflate: Option<Deflate>) -> Self {
        Self { deflate: deflate.unwrap_or_default(), ..Self::default() }
    }

    /// Returns the form of `packet` by `terms`.
    #[cold]
    #[inline(never)]
    pub(crate) fn of(&mut self, packet: Packet, terms: Terms) -> Packet {
        let packet = match terms.revision {
            Revision::V4 => packet,
            Revision::V3(_) if !packet.has_binary() => packet,
            Revision::V3(binary) => {
                let kind = match binary {
                    Binary::Base64 => Kind::Base64,
                    Binary::Bytes | Binary::Framed => Kind::Bytes,
                };
                self.once(kind, packet, |_, packet| typed(packet, binary))
            }
        };
        match terms.window {
            Some(window) => self.compressed(packet, window),
            None => packet,
        }
    }

    /// Returns the form of `packet` for a WebSocket on which nothing is compressed.
    #[cold]
    pub(crate) fn unmarked(&mut self, packet: Packet) -> Packet {
        match packet.is_marked() {
            true => self.once(Kind::Unmarked, packet, |_, packet| packet.unmarked()),
            false => packet,
        }
    }

    /// Gives up what was kept, after a broadcast.
    pub(crate) fn forget(&mut self) {
        self.made.clear();
    }

    fn compressed(&mut self, packet: Packet, window: NonZeroU8) -> Packet {
        let threshold = self.deflate.threshold;
        if packet.is_plain() || packet.longest() < threshold {
            return packet;
        }
        self.once(Kind::Compressed(window), packet, |this, packet| {
            let packing = this.deflate.packing(window.get());
            let kept = this.deflater.take().filter(|deflater| deflater.packing() == packing);
            let deflater = this.deflater.insert(kept.unwrap_or_else(|| Deflater::new(packing)));
            packet.compressed(threshold, deflater)
        })
    }

    /// Makes a form of a packet, unless it is there.
    fn once(
        &mut self,
        kind: Kind,
        packet: Packet,
        make: impl FnOnce(&mut Self, &Packet) -> Packet,
    ) -> Packet {
        let mut made = self.made.iter();
        if let Some(made) = made.find(|made| made.kind == kind && made.of.is_same(&packet)) {
            return made.form.clone();
        }
        let form = make(self, &packet);
        // A packet without another holder goes to one session only.
        if packet.is_shared() {
            // One broadcast has one packet in each form; what others left is not looked at again.
            self.made.retain(|made| made.kind != kind);
            self.made.push(Made { kind, of: packet, form: form.clone() });
        }
        form
    }
}

/// A packet as sessions of revision 3 have it.
pub(crate) fn typed(packet: &Packet, binary: Binary) -> Packet {
    match binary {
        Binary::Base64 => packet.with_base64(),
        Binary::Bytes | Binary::Framed => packet.with_binary_types(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::payload;
    use crate::socket::ArgsRef;
    use crate::socket::encoder::Encoder;
    use bytes::Bytes;

    const BYTES: Terms = Terms::of(Revision::V3(Binary::Bytes));
    const BASE64: Terms = Terms::of(Revision::V3(Binary::Base64));
    const V4: Terms = Terms::of(Revision::V4);

    fn frames(packet: &Packet) -> Vec<Vec<u8>> {
        packet.frames().iter().map(|frame| [frame.header(), frame.payload()].concat()).collect()
    }

    fn event() -> Packet {
        let attachments = [Bytes::from_static(b"\x01\x02\x03"), Bytes::new()];
        Encoder::default().event("/", "x", ArgsRef::from_valid("[]", &attachments), None).packet()
    }

    fn payload(terms: Terms, packets: &[Packet]) -> Vec<u8> {
        let mut out = Vec::new();
        packets.iter().for_each(|packet| payload::put(&mut out, terms, packet));
        out
    }

    #[test]
    fn binary_messages_of_revision_3_begin_with_their_type() {
        let form = Forms::default().of(event(), BYTES);
        let expected = [&b"\x81\x09452-[\"x\"]"[..], b"\x82\x04\x04\x01\x02\x03", b"\x82\x01\x04"];
        assert_eq!(frames(&form), expected);
        let bare = Forms::default().of(Packet::engine_binary(b"\xff"), BYTES);
        assert_eq!(frames(&bare), [b"\x82\x02\x04\xff"]);
        assert_eq!(
            payload(BYTES, &[form, bare]),
            b"\x00\x09\xff452-[\"x\"]\x01\x04\xff\x04\x01\x02\x03\x01\x01\xff\x04\x01\x02\xff\x04\xff"
        );
    }

    #[test]
    fn binary_messages_of_revision_3_are_base64_for_those_that_want_it() {
        let form = Forms::default().of(event(), BASE64);
        let expected = [&b"\x81\x09452-[\"x\"]"[..], b"\x81\x06b4AQID", b"\x81\x02b4"];
        assert_eq!(frames(&form), expected);
        let bare = Forms::default().of(Packet::engine_binary(b"\xff"), BASE64);
        assert_eq!(payload(BASE64, &[form, bare]), b"9:452-[\"x\"]6:b4AQID2:b46:b4/w==");
    }

    #[test]
    fn a_form_is_made_once_for_all_that_share_a_packet() {
        for terms in [BYTES, BASE64] {
            let (mut forms, packet) = (Forms::default(), event());
            let [a, b] = [(); 2].map(|()| forms.of(packet.clone(), terms));
            assert!(a.is_same(&b) && !a.is_same(&packet));
            let other = event();
            let c = forms.of(other.clone(), terms);
            assert!(!c.is_same(&a));
            forms.forget();
            assert!(!forms.of(other, terms).is_same(&c));
        }
    }

    #[test]
    fn a_packet_for_clients_of_all_kinds_has_each_form_once() {
        let (mut forms, packet) = (Forms::default(), event());
        let all = [BYTES, BASE64, V4].map(|terms| forms.of(packet.clone(), terms));
        let again = [BYTES, BASE64, V4].map(|terms| forms.of(packet.clone(), terms));
        assert!(all.iter().zip(&again).all(|(first, second)| first.is_same(second)));
    }

    #[test]
    fn the_common_form_is_the_packet_itself() {
        let (mut forms, packet) = (Forms::default(), event());
        assert!(forms.of(packet.clone(), V4).is_same(&packet));
        let text = Packet::engine("4\u{20ac}".as_bytes());
        assert!(forms.of(text.clone(), BYTES).is_same(&text));
        assert!(forms.of(text.clone(), BASE64).is_same(&text));
        assert!(forms.made.is_empty());
    }
}
