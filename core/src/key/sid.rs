//! The wire `sid` of a session.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::fmt;

use super::{Id, Shard};
use crate::http::Query;
use crate::node_name::{NodeName, SEPARATOR};

/// The Engine.IO session id as it travels: shard, slot and a 120-bit secret, base64url.
///
/// The name of a [node](crate::Config::node) stands in front of it, if the server has one. The rest of the name of a
/// session of Socket.IO 2 is the public [`Id`](crate::Id) of its clients, which tells the shard alone.
///
/// It is a bearer token: never log it and never show it to another client.
#[derive(Clone, Copy, Eq)]
pub struct Sid([u8; 21]);

impl Sid {
    /// Reads the `sid` of a request target without allocating; `None` when there is none.
    ///
    /// # Errors
    /// [`Malformed`] when the value cannot be a sid of this server.
    #[must_use]
    pub fn from_target(target: &str) -> Option<Result<Self, Malformed>> {
        Query::parse(target).sid.map(Self::parse)
    }

    /// Returns the `sid` of a request target, as it is written there.
    #[must_use]
    pub fn text_in(target: &str) -> Option<&str> {
        Query::parse(target).sid
    }

    /// Returns the shard, of so many, for the session that `text` names: the one that issued it when
    /// it is a sid of this server, else one that follows from the text alone. So a session whose id the host
    /// chose is found where it was opened, on any machine and in any version.
    #[must_use]
    pub fn shard_of_text(text: &str, count: u16) -> u16 {
        if let Ok(sid) = Self::parse_long(text).or_else(|_| Self::parse_named(text))
            && sid.shard() < count
        {
            return sid.shard();
        }
        // FNV-1a: it needs to spread ids over shards, not to withstand anybody.
        let hash = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        u16::try_from(hash % u64::from(count.max(1))).unwrap_or(0)
    }

    /// Returns the index of the shard that issued it. Remote input: the shard may not exist.
    #[must_use]
    pub fn shard(&self) -> u16 {
        u16::from_be_bytes([self.0[0], self.0[1]])
    }

    pub(crate) fn new(shard: Shard, slot: u32, secret: [u8; 15]) -> Self {
        let mut bytes = [0; 21];
        bytes[..2].copy_from_slice(&shard.index.to_be_bytes());
        bytes[2..6].copy_from_slice(&slot.to_be_bytes());
        bytes[6..].copy_from_slice(&secret);
        Self(bytes)
    }

    /// Reads the sid of any node.
    #[inline]
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        Self::parse_long(text)
            .or_else(|_| Self::parse_named(text))
            .or_else(|_| Self::parse_id(text))
    }

    /// Reads a sid of the node of that name.
    #[inline]
    pub(crate) fn parse_of(node: Option<&NodeName>, text: &str) -> Result<Self, Malformed> {
        let long = match node {
            Some(node) => node.behind(text).ok_or(Malformed),
            None => Ok(text),
        };
        long.and_then(Self::parse_long).or_else(|_| Self::parse_id(text))
    }

    /// Reads a sid with the name of a node in front.
    #[cold]
    fn parse_named(text: &str) -> Result<Self, Malformed> {
        let (name, rest) = text.split_once(SEPARATOR).ok_or(Malformed)?;
        NodeName::new(name).map_err(|_| Malformed)?;
        Self::parse_long(rest)
    }

    /// Reads the id of a session of Socket.IO 2, with the name of a node in front or not.
    #[cold]
    fn parse_id(text: &str) -> Result<Self, Malformed> {
        let named = text.split_once(SEPARATOR).filter(|(name, _)| NodeName::new(name).is_ok());
        let id = named.map_or(text, |(_, id)| id);
        let id = Id::parse(id).filter(Id::is_shared).ok_or(Malformed)?;
        let mut bytes = [0xff; 21];
        bytes[6..].copy_from_slice(&id.to_bytes());
        bytes[..2].copy_from_slice(&id.to_bytes()[2..4]);
        Ok(Self(bytes))
    }

    fn parse_long(text: &str) -> Result<Self, Malformed> {
        let (groups, []) = text.as_bytes().as_chunks() else { return Err(Malformed) };
        let groups: &[[u8; 4]; 7] = groups.try_into().map_err(|_| Malformed)?;
        let mut bytes = [0; 21];
        let mut seen = 0;
        for (group, three) in groups.iter().zip(bytes.as_chunks_mut::<3>().0) {
            let sextets = group.map(|digit| SEXTETS[usize::from(digit)]);
            seen |= sextets[0] | sextets[1] | sextets[2] | sextets[3];
            let [a, b, c, d] = sextets.map(u32::from);
            let [_, high, middle, low] = (a << 18 | b << 12 | c << 6 | d).to_be_bytes();
            *three = [high, middle, low];
        }
        if seen > 63 { Err(Malformed) } else { Ok(Self(bytes)) }
    }

    pub(crate) fn slot(&self) -> u32 {
        u32::from_be_bytes([self.0[2], self.0[3], self.0[4], self.0[5]])
    }

    /// Compares the secret in constant time.
    pub(crate) fn proves(&self, secret: &[u8; 15]) -> bool {
        self.0[6..].iter().zip(secret).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
    }

    /// Appends the text of a sid of the node of that name.
    pub(crate) fn put(&self, node: Option<&NodeName>, out: &mut String) {
        if let Some(node) = node {
            node.put(out);
        }
        let mut text = [0; 28];
        let written = URL_SAFE_NO_PAD.encode_slice(self.0, &mut text);
        debug_assert_eq!(written, Ok(28));
        out.push_str(std::str::from_utf8(&text).expect("base64 is ASCII"));
    }
}

impl PartialEq for Sid {
    fn eq(&self, other: &Self) -> bool {
        self.0.iter().zip(other.0).fold(0, |diff, (a, b)| diff | (a ^ b)) == 0
    }
}

/// The part of a [`Sid`] that proves it. Nothing shows it.
#[derive(Clone, Copy)]
pub(crate) struct Secret(pub(crate) [u8; 15]);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(hidden)")
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sid(shard {}, secret hidden)", self.shard())
    }
}

/// The values of the digits of base64url; no others have one. Every request names a sid, and its fixed
/// length makes reading it here a third of the work of a general decoder.
const SEXTETS: [u8; 256] = {
    let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let mut values = [u8::MAX; 256];
    let mut value = 0;
    while value < 64 {
        values[digits[value as usize] as usize] = value;
        value += 1;
    }
    values
};

/// A `sid` that no server of this kind issued.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("malformed session id: 28 base64url characters are expected, or 20 of Socket.IO 2")]
pub struct Malformed;

/// Whether a text can be a session id, made here or chosen by a host: 1 to 256 characters that may stand in a
/// query as they are.
pub(crate) fn is_sid_text(text: &str) -> bool {
    let sound =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
    !text.is_empty() && text.len() <= MAX && text.bytes().all(sound)
}

/// Bytes of the longest session id.
const MAX: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_survives_the_wire_and_proves_only_its_secret() {
        let sid = Sid::new(Shard { index: 3, count: 8 }, 77, [9; 15]);
        let mut text = String::new();
        sid.put(None, &mut text);
        assert_eq!(text.len(), 28);
        let target = format!("/socket.io/?EIO=4&sid={text}&transport=polling");
        let read = Sid::from_target(&target).expect("present").expect("well formed");
        assert_eq!((read.shard(), read.slot()), (3, 77));
        assert!(read.proves(&[9; 15]));
        assert!(!read.proves(&[8; 15]));
    }

    #[test]
    fn a_sid_is_read_as_any_base64url_is() {
        let sid = "AAMAAABNCQkJCQkJCQkJCQkJCQkJ";
        for at in 0..sid.len() {
            for other in (0..=255).map(char::from) {
                let text = format!("{}{other}{}", &sid[..at], &sid[at + 1..]);
                let general = URL_SAFE_NO_PAD.decode(&text).ok().filter(|_| text.len() == 28);
                let bytes = Sid::parse(&text).ok().map(|sid| sid.0.to_vec());
                assert_eq!(bytes, general, "{text}");
            }
            assert_eq!(Sid::parse(&sid[..at]), Err(Malformed));
        }
        assert_eq!(Sid::parse(&format!("{sid}AAAA")), Err(Malformed));
    }

    #[test]
    fn every_text_has_a_shard_and_keeps_it() {
        let mut text = String::new();
        Sid::new(Shard { index: 5, count: 8 }, 1, [3; 15]).put(None, &mut text);
        assert_eq!(Sid::shard_of_text(&text, 8), 5);
        assert!(Sid::shard_of_text(&text, 4) < 4, "of another process");
        // Other machines rely on these.
        let shards = ["", "a", "user-17", "user-18", "é"].map(|text| Sid::shard_of_text(text, 8));
        assert_eq!(shards, [5, 4, 1, 4, 1]);
        assert_eq!(Sid::shard_of_text("a", 0), 0);
        assert_eq!(Sid::text_in("/?EIO=4&sid=x"), Some("x"));
    }

    #[test]
    fn the_name_of_a_node_goes_in_front() {
        let n2 = NodeName::new("n2").expect("it is a name");
        let sid = Sid::new(Shard { index: 5, count: 8 }, 1, [3; 15]);
        let mut text = String::new();
        sid.put(Some(&n2), &mut text);
        assert_eq!(text, "n2.AAUAAAABAwMDAwMDAwMDAwMDAwMD");
        assert_eq!(Sid::parse_of(Some(&n2), &text), Ok(sid));
        assert_eq!(Sid::shard_of_text(&text, 8), 5);
        let target = format!("/socket.io/?EIO=4&sid={text}");
        assert_eq!(Sid::from_target(&target), Some(Ok(sid)), "whichever node it is of");
        for (node, text) in [
            (None, text.as_str()),
            (Some(&n2), &text[3..]),
            (Some(&n2), &text[1..]),
            (Some(&n2), "n3.AAUAAAABAwMDAwMDAwMDAwMDAwMD"),
            (Some(&n2), "n2.n2.AAUAAAABAwMDAwMDAwMDAwMDAwMD"),
            (Some(&n2), "n2."),
        ] {
            assert_eq!(Sid::parse_of(node, text), Err(Malformed), "{text}");
        }
    }

    #[test]
    fn malformed_sids_are_refused() {
        for bad in ["", "abc", "!!!!!!!!!!!!!!!!!!!!!!!!!!!!", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "é"]
        {
            assert_eq!(Sid::parse(bad), Err(Malformed), "{bad}");
        }
        assert!(Sid::from_target("/socket.io/?EIO=4").is_none());
    }
}
