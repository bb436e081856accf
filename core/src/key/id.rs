//! The public id of a client, and the names of rooms that are ids of clients.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha1::{Digest, Sha1};
use std::borrow::Cow;
use std::fmt;

use crate::node_name::{NodeName, SEPARATOR};
use crate::rng::Rng;

/// The public Socket.IO id of a client in a namespace, 20 base64url characters on every node of a
/// cluster.
///
/// Unrelated to the [`Sid`](crate::Sid): it may be shown to other clients. It names the process, the
/// shard and the slot that it was issued for, so it resolves without a table, and no room name is
/// taken for one. It may outlive that client: see [`Server::admit_as`](crate::Server::admit_as).
///
/// Clients of Socket.IO 2 know no other ids than those that follow from their session: there the id is
/// the session id, in all namespaces, and [`text_in`](Self::text_in) tells how each is known.
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
    /// One of a session of this process on that shard, whose clients share an id.
    Session(u16),
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

    /// Returns the text by which the client with this id is known in a namespace of the server whose name is
    /// [`node`](crate::Config::node): the id, but for clients of Socket.IO 2. Those have the name of the node in front,
    /// as their session id has, and in other namespaces than `/` that of the namespace: in `/admin` they are `/admin#`
    /// and then the rest.
    #[must_use]
    pub fn text_in(&self, namespace: &str, node: Option<&NodeName>) -> Cow<'_, str> {
        if namespace == "/" && node.is_none() || !self.is_shared() {
            return self.as_str().into();
        }
        let mut text = String::with_capacity(namespace.len() + 20 + NodeName::LONGEST + 2);
        if namespace != "/" {
            text.push_str(namespace);
            text.push('#');
        }
        if let Some(node) = node {
            node.put(&mut text);
        }
        text.push_str(self.as_str());
        text.into()
    }

    /// Whether it is the id of a session, which all clients of the session have.
    pub(crate) fn is_shared(&self) -> bool {
        bytes_of(self.as_str()).is_some_and(|bytes| is_shared(&bytes))
    }

    /// The 15 bytes that it stands for.
    pub(crate) fn to_bytes(self) -> [u8; 15] {
        bytes_of(self.as_str()).unwrap_or_default()
    }

    pub(crate) fn from_bytes(bytes: [u8; 15]) -> Self {
        let mut id = Self([0; 20]);
        let written = URL_SAFE_NO_PAD.encode_slice(bytes, &mut id.0);
        debug_assert_eq!(written, Ok(20));
        id
    }
}

/// The text by which a client is known, taken apart.
pub(crate) struct Known<'a> {
    /// The namespace in front of the id, or nothing.
    pub(crate) namespace: &'a str,
    /// Whether the name of a node stands in front of the id.
    is_named: bool,
    /// What may be the id.
    pub(crate) id: &'a str,
}

impl<'a> Known<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        let shown = text.starts_with('/').then(|| text.rsplit_once('#'));
        let (namespace, id) = shown.flatten().unwrap_or(("", text));
        match behind_name(id) {
            Some(id) => Self { namespace, is_named: true, id },
            None => Self { namespace, is_named: false, id },
        }
    }

    /// Whether only the clients of Socket.IO 2 are known in this way.
    fn is_of_session(&self) -> bool {
        self.is_named || !self.namespace.is_empty()
    }
}

/// What may be an id behind the name of a node.
fn behind_name(text: &str) -> Option<&str> {
    let at = text.len().checked_sub(LENGTH + 1)?;
    // Most texts that are long enough end here.
    if text.as_bytes()[at] != SEPARATOR as u8 || NodeName::new(&text[..at]).is_err() {
        return None;
    }
    Some(&text[at + 1..])
}

/// Characters of an id.
const LENGTH: usize = 20;

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
/// [ tag 2 ][ nonce 5          ][ shard 2, slot 4, under a keyed hash of tag and nonce ][ proof 2 ]
/// [ tag 2 ][ shard 2 ][ nonce 7                     ][ proof 4, a keyed hash of the rest ]
/// ```
///
/// The nonce keeps an id from ever naming a later client of the same slot. Tag and proof keep the name
/// of a room from being taken for an id: of names of this form, one in 2^32 would be.
///
/// The second form is that of a session, which is also its session id: 87 bits of it are secret. The first
/// bit of the fifth byte, which is part of the nonce, tells the two apart.
impl NodeKey {
    fn new(rng: &mut Rng) -> Self {
        Self { tag: rng.bytes(), secret: rng.bytes() }
    }

    fn seal(&self, nonce: [u8; 5], place: Place) -> Id {
        let mut bytes = [0; 15];
        bytes[..2].copy_from_slice(&self.tag);
        bytes[2..7].copy_from_slice(&nonce);
        bytes[4] &= !SHARED;
        let pad = self.hash(&bytes[2..7]);
        for (byte, (place, pad)) in bytes[7..13].iter_mut().zip(place.to_bytes().iter().zip(pad)) {
            *byte = place ^ pad;
        }
        bytes[13..].copy_from_slice(&proof(&pad, place));
        Id::from_bytes(bytes)
    }

    fn seal_session(&self, nonce: [u8; 7], shard: u16) -> Id {
        let mut bytes = [0; 15];
        bytes[..2].copy_from_slice(&self.tag);
        bytes[2..4].copy_from_slice(&shard.to_be_bytes());
        bytes[4..11].copy_from_slice(&nonce);
        bytes[4] |= SHARED;
        let hash = self.hash(&bytes[2..11]);
        bytes[11..].copy_from_slice(&hash[..4]);
        Id::from_bytes(bytes)
    }

    /// The client or the session of this process that an id was issued for.
    fn open(&self, bytes: &[u8; 15]) -> Option<Owner> {
        if bytes[..2] != self.tag {
            return None;
        }
        if is_shared(bytes) {
            let proven = self.hash(&bytes[2..11])[..4] == bytes[11..];
            return proven.then_some(Owner::Session(shard_of(bytes)));
        }
        let [_, _, _, _, _, _, _, hidden @ .., p, q] = *bytes;
        let pad = self.hash(&bytes[2..7]);
        let mut place: [u8; 6] = hidden;
        place.iter_mut().zip(pad).for_each(|(byte, pad)| *byte ^= pad);
        let place = Place::from_bytes(place);
        (proof(&pad, place) == [p, q]).then_some(Owner::Here(place))
    }

    /// A hash that only holders of the key can make.
    fn hash(&self, text: &[u8]) -> [u8; 20] {
        Sha1::new()
            .chain_update(self.secret)
            .chain_update(self.tag)
            .chain_update(text)
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

    /// Issues the id of a session of that shard.
    pub(crate) fn issue_for_session(&mut self, shard: u16) -> Id {
        self.own.seal_session(self.rng.bytes(), shard)
    }

    /// Whose client `text` names; `None` when it is the name of a room.
    pub(crate) fn owner(&self, text: &str) -> Option<Owner> {
        let known = Known::of(text);
        let bytes = bytes_of(known.id)?;
        if known.is_of_session() && !is_shared(&bytes) {
            return None;
        }
        let own = self.own.open(&bytes);
        own.or_else(|| {
            self.others.iter().any(|key| key.open(&bytes).is_some()).then_some(Owner::Node)
        })
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
    if text.len() != LENGTH {
        return None;
    }
    let mut bytes = [0; 15];
    URL_SAFE_NO_PAD.decode_slice(text, &mut bytes).ok()?;
    Some(bytes)
}

/// The bit that the ids of sessions have, and those of clients have not.
const SHARED: u8 = 0x80;

fn is_shared(bytes: &[u8; 15]) -> bool {
    bytes[4] & SHARED != 0
}

/// The shard that the id of a session names, whether it was issued there or not.
fn shard_of(bytes: &[u8; 15]) -> u16 {
    u16::from_be_bytes([bytes[2], bytes[3]])
}

fn proof(pad: &[u8; 20], place: Place) -> [u8; 2] {
    let [a, b, c, d, e, f] = place.to_bytes();
    [pad[6] ^ a ^ c ^ e, pad[7] ^ b ^ d ^ f]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::key::Sid;

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
    fn the_id_of_a_session_names_its_shard_and_is_known_by_namespace() {
        let (mut own, mut other) = (mint(2), mint(3));
        let id = own.issue_for_session(513);
        assert!(id.is_shared() && !own.issue(Place { shard: 513, slot: 7 }).is_shared());
        assert_eq!(
            (id.text_in("/", None), Id::from_bytes(id.to_bytes())),
            (id.as_str().into(), id)
        );
        let shown = id.text_in("/a#b", None);
        assert_eq!(shown, format!("/a#b#{id}"));
        let node = NodeName::new("n2").expect("it is a name");
        let (named, both) = (id.text_in("/", Some(&node)), id.text_in("/a", Some(&node)));
        assert_eq!((&*named, &*both), (&*format!("n2.{id}"), &*format!("/a#n2.{id}")));
        for text in ["é", "", "-", "0123456789abcdefg"] {
            assert_eq!(own.owner(&format!("{text}.{id}")), None, "{text}");
        }
        for text in [id.as_str(), &shown, &named, &both] {
            assert_eq!(own.owner(text), Some(Owner::Session(513)), "{text}");
            assert_eq!(other.owner(text), None, "{text}");
        }
        other.meet(own.key());
        assert_eq!(other.owner(&shown), Some(Owner::Node));
        for sid in [id.as_str(), &named] {
            assert_eq!(Sid::parse(sid).map(|sid| sid.shard()), Ok(513));
        }
        for at in 0..20 {
            let letter = if &id.as_str()[at..=at] == "A" { "B" } else { "A" };
            let text = format!("{}{letter}{}", &id.as_str()[..at], &id.as_str()[at + 1..]);
            assert_eq!(own.owner(&text), None, "{text}");
        }
    }

    #[test]
    fn the_id_of_a_client_behind_a_namespace_is_a_room() {
        let mut mint = mint(2);
        let id = mint.issue(Place { shard: 0, slot: 7 });
        assert_eq!(mint.owner(&format!("/a#{id}")), None);
        assert_eq!(mint.owner(&format!("n2.{id}")), None);
        assert_eq!(id.text_in("/a", NodeName::new("n2").ok().as_ref()), id.as_str());
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
