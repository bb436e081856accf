//! A client found by a question to all servers.

use sansocket::Id;
use std::fmt;

use crate::args::IntoArgs;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::EmitError;
use crate::sockets::extent::Everywhere;
use crate::sockets::namespace::NamespaceIo;
use crate::sockets::shown::Shown;
use crate::sockets::socket::Socket;
use sansocket_args::Rooms;

/// One client in one namespace, wherever it is connected: an item of
/// [`fetch_sockets`](Broadcast::fetch_sockets). What it is told to do reaches it as a broadcast to its
/// own room does; nothing happens when it has left.
#[derive(Clone)]
pub struct RemoteSocket {
    everyone: Broadcast,
    id: Shown,
}

impl RemoteSocket {
    pub(crate) fn new(everyone: Broadcast, id: Id) -> Self {
        let id = Shown::of(id, everyone.namespace());
        Self { everyone, id }
    }

    /// Returns the client's id in the namespace.
    #[must_use]
    pub fn id(&self) -> &str {
        self.id.as_str()
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.everyone.namespace()
    }

    /// Returns the client itself when it is still here, and connected to this process.
    #[must_use]
    pub fn local(&self) -> Option<Socket> {
        NamespaceIo::new(self.everyone.clone().local()).socket(self.id())
    }

    /// Sends the client an event, as [`Broadcast::emit`] does.
    ///
    /// # Errors
    /// When the arguments have no JSON form or too many attachments, or the event name is reserved.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.only().emit(event, args)
    }

    /// Makes the client join rooms, unless it is in as many as the limit allows.
    pub fn join(&self, rooms: impl Rooms) {
        self.only().join(rooms);
    }

    /// Makes the client leave rooms.
    pub fn leave(&self, rooms: impl Rooms) {
        self.only().leave(rooms);
    }

    /// Disconnects the client from the namespace; its connection lives on.
    pub fn disconnect(&self) {
        self.only().disconnect();
    }

    /// Disconnects the client from all its namespaces and closes its connection.
    pub fn disconnect_and_close(&self) {
        self.only().disconnect_and_close();
    }

    fn only(&self) -> Broadcast<Everywhere> {
        self.everyone.clone().to(self.id())
    }
}

impl PartialEq for RemoteSocket {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for RemoteSocket {}

impl fmt::Debug for RemoteSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteSocket")
            .field("id", &self.id())
            .field("namespace", &self.namespace())
            .finish()
    }
}
