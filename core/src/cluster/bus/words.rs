//! What a format has words for, known before anything is sent.

use super::{Format, To, Unsupported};

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
        let is_one = matches!(&*to.rooms, [name] if is_id(name)) && to.except.is_empty();
        self.require(self != Self::Python || is_one, "acknowledgements of more than one client")
    }

    fn require(self, is_sayable: bool, what: &'static str) -> Result<(), Unsupported> {
        if is_sayable { Ok(()) } else { Err(Unsupported { format: self, what }) }
    }
}

/// Whether a name may be the id of a client, as python-socketio and this package make them.
pub(in crate::cluster) fn is_id(name: &str) -> bool {
    let is_of_id = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_');
    name.len() == 20 && name.bytes().all(is_of_id)
}
