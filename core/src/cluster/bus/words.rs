//! What a format has words for, known before anything is sent.

use super::{Body, Format, To, Unsupported};
use crate::cluster::Disconnect;
use crate::socket::ArgsRef;

impl Format {
    /// Says whether an event can be sent to a target.
    ///
    /// # Errors
    /// [`Unsupported`] in [`Format::Python`], when rooms are left out and not single clients.
    pub fn check_broadcast(self, to: &To) -> Result<(), Unsupported> {
        let is_sayable = self != Self::Python || to.except.iter().all(|name| is_id(name));
        self.require(is_sayable, "events for all but those in a room")
    }

    /// Says whether an event can be sent to a target that has to acknowledge it.
    ///
    /// # Errors
    /// [`Unsupported`] in [`Format::Python`], when the target is not one client.
    pub fn check_ask(self, to: &To) -> Result<(), Unsupported> {
        let is_sayable = self != Self::Python || is_one(to);
        self.require(is_sayable, "acknowledgements of more than one client")
    }

    /// Says whether clients can be made to join or leave rooms, or be disconnected, as a message says. Others are not
    /// looked at.
    ///
    /// # Errors
    /// [`Unsupported`] in [`Format::Python`], when the target is not one client, unless all in some rooms leave these; and
    /// when the connection is to be closed.
    pub fn check_change(self, change: &Body) -> Result<(), Unsupported> {
        let is_sayable = match change {
            Body::Leave { to, rooms } => is_one(to) || closes(to, rooms),
            Body::Join { to, .. } => is_one(to),
            Body::Disconnect { to, how } => is_one(to) && *how == Disconnect::Namespace,
            Body::Answer(_)
            | Body::Beat(_)
            | Body::Broadcast { .. }
            | Body::Close { .. }
            | Body::Fetch { .. }
            | Body::Hello
            | Body::Left
            | Body::Rooms { .. }
            | Body::ServerEvent { .. } => true,
        };
        self.require(self != Self::Python || is_sayable, "changes of more than one client")
    }

    /// Returns how many bytes a message with an event for clients of these names has at most: an estimate, which may be several times as many as
    /// it has.
    #[must_use]
    pub fn most_bytes<'a>(
        self,
        namespace: &'a str,
        names: impl IntoIterator<Item = &'a Box<str>>,
        event: &'a str,
        args: ArgsRef<'_>,
    ) -> usize {
        let names = names.into_iter().map(|name| &**name);
        let names = names.chain([namespace, event]).map(|name| ESCAPED * (name.len() + HEAD));
        let attached = args.attachments().iter().map(|bytes| bytes.len() + PLACEHOLDER).sum();
        // Binary values are base64 in JSON. A number such as `1e9` is longer in MessagePack.
        let (text, attached) = match self {
            Self::Native => (args.json().len(), attached),
            Self::Python => (args.json().len(), in_base64(attached)),
            Self::Classic | Self::Sharded => (3 * args.json().len(), attached),
            Self::Streams => (4 * args.json().len(), in_base64(attached)),
        };
        AROUND + names.sum::<usize>() + text + attached
    }

    fn require(self, is_sayable: bool, what: &'static str) -> Result<(), Unsupported> {
        if is_sayable { Ok(()) } else { Err(Unsupported { format: self, what }) }
    }
}

/// Whether a target is one client.
fn is_one(to: &To) -> bool {
    matches!(&*to.rooms, [name] if is_id(name)) && to.except.is_empty()
}

/// Whether the members of rooms leave exactly these.
pub(in crate::cluster) fn closes(to: &To, left: &[Box<str>]) -> bool {
    to.except.is_empty()
        && !to.rooms.is_empty()
        && to.rooms.iter().all(|room| left.contains(room))
        && left.iter().all(|room| to.rooms.contains(room))
}

/// Bytes of so many in base64, at most.
fn in_base64(bytes: usize) -> usize {
    bytes / 3 * 4 + 4
}

/// Bytes of one that is escaped in JSON, at most.
const ESCAPED: usize = 6;

/// Bytes around a name or an attachment in a list, at most.
const HEAD: usize = 8;
const PLACEHOLDER: usize = 64;

/// Bytes of the rest of a message, at most, with the names of the process and of a question.
const AROUND: usize = 1024;

/// Whether a name may be the id of a client, as python-socketio and this package make them.
pub(in crate::cluster) fn is_id(name: &str) -> bool {
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.len() == 20 && name.bytes().all(is_of_id)
}
