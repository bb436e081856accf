//! The forms of a packet: which bytes it becomes by the terms of the session that it is queued for.
//!
//! | terms | form |
//! |---|---|
//! | revision 4 | as it is encoded |
//! | revision 3 | the same for text; binary messages begin with their type, a byte 4 |
//! | revision 3, binary as base64 | the same for text; binary messages are texts, `b4` and base64 |
//!
//! The first is common and costs nothing. Any other is made when the first session with such terms gets
//! the packet, and shared by all that get it in the same broadcast.

use super::terms::{Binary, Revision, Terms};
use crate::socket::encoded::Packet;

/// The other forms of the packet that is being sent to many.
#[derive(Debug, Default)]
pub(crate) struct Forms {
    /// Revision 3, binary as bytes.
    bytes: Option<Form>,
    /// Revision 3, binary as base64.
    base64: Option<Form>,
}

/// A packet, and one of its other forms.
#[derive(Debug)]
struct Form {
    of: Packet,
    packet: Packet,
}

impl Forms {
    /// Returns the form of `packet` by `terms`.
    #[cold]
    #[inline(never)]
    pub(crate) fn of(&mut self, packet: Packet, terms: Terms) -> Packet {
        match terms.revision {
            Revision::V4 => packet,
            Revision::V3(_) if !packet.has_binary() => packet,
            Revision::V3(Binary::Bytes | Binary::Framed) => {
                shared(&mut self.bytes, packet, Packet::with_binary_types)
            }
            Revision::V3(Binary::Base64) => shared(&mut self.base64, packet, Packet::with_base64),
        }
    }

    /// Gives up what was kept, after a broadcast.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}

/// The form that was kept of `packet`, or one that is made, and kept for other sessions.
fn shared(kept: &mut Option<Form>, packet: Packet, make: fn(&Packet) -> Packet) -> Packet {
    if let Some(form) = kept
        && form.of.is_same(&packet)
    {
        return form.packet.clone();
    }
    let form = make(&packet);
    // A packet without another holder goes to one session only.
    if packet.is_shared() {
        *kept = Some(Form { of: packet, packet: form.clone() });
    }
    form
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::payload;
    use crate::socket::ArgsRef;
    use crate::socket::encoded::Encoder;
    use bytes::Bytes;

    const BYTES: Terms = Terms { revision: Revision::V3(Binary::Bytes) };
    const BASE64: Terms = Terms { revision: Revision::V3(Binary::Base64) };
    const V4: Terms = Terms { revision: Revision::V4 };

    fn frames(packet: &Packet) -> Vec<Vec<u8>> {
        packet.frames().iter().map(|frame| frame.bytes().to_vec()).collect()
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
        assert!(forms.bytes.is_none() && forms.base64.is_none());
    }
}
