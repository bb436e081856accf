//! Clients that were lost, as `@socket.io/redis-streams-adapter` keeps them for whichever process they come back to.
//!
//! ```text
//! session = base64 of a map of sid, pid, rooms and data     MessagePack; in any order
//! ours    = the same with nsp and mark
//! ```

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt;

use super::value::{Tree, Value};
use super::write::{Form, Out};
use super::{BusLimits, Invalid};
use crate::engine::base64 as lenient;
use crate::socket::Args;

/// What is kept of a client that was lost. The `Debug` text hides what proves that a client is the one.
#[derive(Clone, Eq, PartialEq)]
pub struct Session {
    /// The public id of the client.
    pub id: Box<str>,
    /// The private id, which only the client knows.
    pub pid: Box<str>,
    /// The rooms of the client, with the one that its id names.
    pub rooms: Vec<Box<str>>,
    /// An array of what the application attached to the client, or of nothing.
    pub data: Args,
    /// The namespace; JavaScript does not tell.
    pub namespace: Option<Box<str>>,
    /// By what the process that wrote it knows it again; JavaScript does not tell.
    pub mark: Option<Box<str>>,
}

impl Session {
    /// Writes the session.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let Self { id, pid, rooms, data, namespace, mark } = self;
        let more = usize::from(namespace.is_some()) + usize::from(mark.is_some());
        let mut out = Out::new(Form::Msgpack);
        out.map(4 + more).key("sid").str(id).key("pid").str(pid).key("rooms").strs(rooms);
        let [only] = Value::new(data.json(), data.attachments()).items().unwrap_or([None]);
        // JavaScript has an object there, and looks into it unasked.
        out.key("data").value(only.map_or("{}", Value::text), data.attachments());
        for (name, text) in [("nsp", namespace), ("mark", mark)] {
            if let Some(text) = text {
                out.key(name).str(text);
            }
        }
        STANDARD.encode(out.finish()).into_bytes()
    }

    /// Reads a session.
    ///
    /// # Errors
    /// [`Invalid`] says what is wrong with it.
    pub fn decode(bytes: &[u8], limits: &BusLimits) -> Result<Self, Invalid> {
        if bytes.len() > limits.session {
            return Err(Invalid::TooLarge);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| Invalid::Malformed)?;
        let packed = lenient::decode(text).ok_or(Invalid::Malformed)?;
        let tree = Tree::msgpack(&packed, limits)?;
        let [id, pid, rooms, data, namespace, mark] =
            tree.root().fields(["sid", "pid", "rooms", "data", "nsp", "mark"])?;
        let text =
            |value: Option<Value<'_>>, name| value.map(|value| value.string(name)).transpose();
        let data = data.filter(|data| data.text() != "{}");
        Ok(Self {
            id: text(id, "sid")?.ok_or(Invalid::Missing("sid"))?,
            pid: text(pid, "pid")?.ok_or(Invalid::Missing("pid"))?,
            rooms: rooms.ok_or(Invalid::Missing("rooms"))?.names("rooms", limits)?,
            data: data.map_or_else(|| Ok(super::value::none()), |data| data.one(limits))?,
            namespace: text(namespace, "nsp")?,
            mark: text(mark, "mark")?,
        })
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id)
            .field("namespace", &self.namespace)
            .field("rooms", &self.rooms)
            .finish_non_exhaustive()
    }
}
