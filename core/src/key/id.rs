//! The public id of a client, and the names of rooms that are ids of clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha1::{Digest, Sha1};
use std::fmt;

use crate::rng::Rng;

/// The public Socket.IO id of a client in a namespace, 20 base64url characters on every node of a
/// cluster.
///
/// Unrelated to the [`Sid`](crate::Sid): it may be shown to other clients. It names the process, the
/// shard and the slot that it was issued for, so it resolves without a table, and no room name is
/// taken for one. It may outlive that client: see [`Server::admit_as`](crate::Server::admit_as).
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Id([u8; 20]);

/// Where a client is in its process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Place {
    pub(crate) shard: u16,
    pub(crate) slot: u32,
}

/// Whose client an id names.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Owner {
    /// One of this process, issued for that place.
    Here(Place),
    /// One of another node.
    Node,
}

/// What proves the ids that a process issues to be its own.
///
/// Nodes of a cluster tell each other theirs, so that each recognises the ids of all: see
/// [`Server::meet`](crate::Server::meet). Its `Debug` text shows no secret.
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct NodeKey {
    /// Begins every id of the process.
    tag: [u8; 2],
    secret: [u8; 32],
}

/// Issues public ids, and recognises its own and those of other nodes.
#[derive(Debug)]
pub(crate) struct Mint {
    own: NodeKey,
    rng: Rng,
    /// The other nodes of the cluster. As many as these say there are.
    others: Vec<NodeKey>,
}

impl Id {
    /// Reads an id that was issued by any node; `None` for text of another form.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        bytes_of(text)?;
        Some(Self(text.as_bytes().try_into().ok()?))
    }

    /// Returns the id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("base64 is ASCII")
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Id({})", self.as_str())
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The 15 bytes of an id:
///
/// ```text
/// [ tag 2 ][ nonce 5 ][ shard 2, slot 4, under a keyed hash of tag and nonce ][ proof 2 ]
/// ```
///
/// The nonce keeps an id from ever naming a later client of the same slot. Tag and proof keep the name
/// of a room from being taken for an id: of names of this form, one in 2^32 would be.
impl NodeKey {
    fn new(rng: &mut Rng) -> Self {
        Self { tag: rng.bytes(), secret: rng.bytes() }
    }

    fn seal(&self, nonce: [u8; 5], place: Place) -> Id {
        let pad = self.pad(nonce);
        let mut bytes = [0; 15];
        bytes[..2].copy_from_slice(&self.tag);
        bytes[2..7].copy_from_slice(&nonce);
        for (byte, (place, pad)) in bytes[7..13].iter_mut().zip(place.to_bytes().iter().zip(pad)) {
            *byte = place ^ pad;
        }
        bytes[13..].copy_from_slice(&proof(&pad, place));
        let mut id = Id([0; 20]);
        let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut id.0);
        debug_assert_eq!(written, Ok(20));
        id
    }

    /// The place that an id of this process was issued for.
    fn open(&self, bytes: &[u8; 15]) -> Option<Place> {
        let [t, u, a, b, c, d, e, hidden @ .., p, q] = *bytes;
        if [t, u] != self.tag {
            return None;
        }
        let pad = self.pad([a, b, c, d, e]);
        let mut place: [u8; 6] = hidden;
        place.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
        let place = Place::from_bytes(place);
        (proof(&pad, place) == [p, q]).then_some(place)
    }

    fn pad(&self, nonce: [u8; 5]) -> [u8; 20] {
        Sha1::new()
            .chain_update(self.secret)
            .chain_update(self.tag)
            .chain_update(nonce)
            .finalize()
            .into()
    }
}

impl fmt::Debug for NodeKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NodeKey(hidden)")
    }
}

impl Mint {
    /// All shards of a process use the same `keys`, so that each recognises the ids of all, and a `rng`
    /// each.
    pub(crate) fn new(mut keys: Rng, rng: Rng) -> Self {
        Self { own: NodeKey::new(&mut keys), rng, others: Vec::new() }
    }

    pub(crate) fn issue(&mut self, place: Place) -> Id {
        self.own.seal(self.rng.bytes(), place)
    }

    /// Whose client `text` names; `None` when it is the name of a room.
    pub(crate) fn owner(&self, text: &str) -> Option<Owner> {
        let bytes = bytes_of(text)?;
        match self.own.open(&bytes) {
            Some(place) => Some(Owner::Here(place)),
            None => self.others.iter().any(|key| key.open(&bytes).is_some()).then_some(Owner::Node),
        }
    }

    pub(crate) fn key(&self) -> NodeKey {
        self.own
    }

    /// Recognises the ids of another node from now on.
    pub(crate) fn meet(&mut self, node: NodeKey) {
        if node != self.own && !self.others.contains(&node) {
            self.others.push(node);
        }
    }

    /// Recognises the ids of another node no more.
    pub(crate) fn part(&mut self, node: NodeKey) {
        self.others.retain(|&other| other != node);
    }

    /// Whether there are other nodes.
    pub(crate) fn has_company(&self) -> bool {
        !self.others.is_empty()
    }
}

impl Place {
    fn to_bytes(self) -> [u8; 6] {
        let ([a, b], [c, d, e, f]) = (self.shard.to_be_bytes(), self.slot.to_be_bytes());
        [a, b, c, d, e, f]
    }

    fn from_bytes([a, b, slot @ ..]: [u8; 6]) -> Self {
        Self { shard: u16::from_be_bytes([a, b]), slot: u32::from_be_bytes(slot) }
    }
}

/// What a text says that has the form of an id.
fn bytes_of(text: &str) -> Option<[u8; 15]> {
    if text.len() != 20 {
        return None;
    }
    let mut bytes = [0; 15];
    URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

fn proof(pad: &[u8; 20], place: Place) -> [u8; 2] {
    let [a, b, c, d, e, f] = place.to_bytes();
    [pad[6] ^ a ^ c ^ e, pad[7] ^ b ^ d ^ f]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mint(seed: u8) -> Mint {
        Mint::new(Rng::new([seed; 32], 0), Rng::new([1; 32], 1))
    }

    #[test]
    fn an_id_is_recognised_by_its_own_process_only() {
        let mut own = mint(2);
        let place = Place { shard: 5, slot: 1234 };
        let id = own.issue(place);
        assert_eq!(own.owner(id.as_str()), Some(Owner::Here(place)));
        assert_eq!(mint(2).owner(id.as_str()), Some(Owner::Here(place)), "by all of its shards");
        assert_eq!(mint(3).owner(id.as_str()), None);
        assert_eq!(own.owner("a-room-of-20-letters"), None);
        assert_eq!(own.owner("lobby"), None);
        assert_ne!(own.issue(place), id, "a later client of the place has another");
    }

    #[test]
    fn an_id_of_another_node_is_recognised_while_that_is_known() {
        let (mut own, mut other) = (mint(2), mint(3));
        let id = other.issue(Place { shard: 0, slot: 0 });
        own.meet(other.key());
        own.meet(own.key());
        assert_eq!(own.owner(id.as_str()), Some(Owner::Node));
        own.part(other.key());
        assert_eq!((own.owner(id.as_str()), own.has_company()), (None, false));
    }

    #[test]
    fn an_id_with_any_letter_changed_is_a_room() {
        let mut mint = mint(2);
        let id = mint.issue(Place { shard: 0, slot: 7 });
        for at in 0..20 {
            let other = if &id.as_str()[at..=at] == "A" { "B" } else { "A" };
            let text = format!("{}{other}{}", &id.as_str()[..at], &id.as_str()[at + 1..]);
            // Both halves of the proof would have to change along.
            assert_eq!(mint.owner(&text), None, "{text}");
        }
    }

    #[test]
    fn ids_are_read_by_their_form() {
        let id = mint(2).issue(Place { shard: 1, slot: 2 });
        assert_eq!(Id::parse(id.as_str()), Some(id));
        for bad in ["", "lobby", "a room of 20 letters", "abcdefghijklmnopqrstu"] {
            assert_eq!(Id::parse(bad), None, "{bad}");
        }
    }
}
