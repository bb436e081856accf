//! One namespace of a server, reachable from anywhere.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::args::IntoArgs;
use crate::sockets::answers::fetch::FetchSockets;
use crate::sockets::answers::gather::Gathering;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::EmitError;
use crate::sockets::extent::{Everywhere, Extent, Local};
use crate::sockets::reach::Reach;
use crate::sockets::socket::Socket;
use sansocket_args::Rooms;

/// One namespace of a server, reachable from any thread or task. Cloning copies pointers.
///
/// It emits to everybody in the namespace. Whatever else may happen to everybody is said:
/// [`everyone`](Self::everyone)`().join(…)`, `.leave(…)`, `.disconnect()`. Questions that are answered
/// at once concern this process, and are behind [`local`](NamespaceIo::local):
///
/// ```
/// use sansocket_app::{App, Io};
/// # use sansocket_app::test::TestServer;
///
/// let mut app = App::new();
/// app.on("close the bar", |io: Io| {
///     let lobby = io.of("/lobby");
///     let _ = lobby.emit("notice", &"the bar closes");
///     let _ = lobby.everyone().leave("bar");
///     let _ = lobby.to("guests").disconnect();
///     lobby.local().count()
/// });
/// # app.namespace("/lobby");
/// # let server = TestServer::new(app);
/// # let (client, _guest) = (server.connect().unwrap(), server.client().namespace("/lobby").connect().unwrap());
/// # assert_eq!(client.call("close the bar", &()), Ok(1));
/// ```
#[derive(Clone)]
pub struct NamespaceIo<R: Extent = Everywhere>(Broadcast<R>);

impl NamespaceIo {
    /// Stays within this process.
    #[must_use]
    pub fn local(&self) -> NamespaceIo<Local> {
        NamespaceIo(self.everyone().local())
    }

    /// Finds everybody in the namespace, on all servers.
    pub fn fetch_sockets(&self) -> FetchSockets {
        self.0.fetch_sockets()
    }

    /// Makes everybody in the namespace leave these rooms. The room named by a client's id cannot be
    /// closed: nothing happens.
    ///
    /// # Errors
    /// When other processes are not told: clients of this one leave all the same.
    pub fn close_room(&self, rooms: impl Rooms) -> Result<(), EmitError> {
        self.to(&rooms).leave(rooms)
    }
}

impl<R: Extent> NamespaceIo<R> {
    pub(crate) fn new(everyone: Broadcast<R>) -> Self {
        Self(everyone)
    }

    pub(crate) fn hub(&self) -> &Arc<dyn Reach> {
        self.0.hub()
    }

    /// Returns the name of the namespace.
    #[must_use]
    pub fn name(&self) -> &str {
        self.0.namespace()
    }

    /// Sends an event to everybody in the namespace. A tuple is several arguments, `()` none, anything
    /// else one; encoded arguments are sent as they are, see [`IntoArgs`].
    ///
    /// # Errors
    /// When the arguments have no JSON form or too many attachments, or the event name is reserved.
    pub fn emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.0.emit(event, args)
    }

    /// Sends the event `message` to everybody in the namespace.
    ///
    /// # Errors
    /// When the data has no JSON form or too many attachments.
    pub fn send(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.0.send(data)
    }

    /// Sends the event `json` to everybody in the namespace.
    ///
    /// # Errors
    /// When the data has no JSON form or too many attachments.
    pub fn send_json(&self, data: impl IntoArgs) -> Result<(), EmitError> {
        self.0.send_json(data)
    }

    /// Sends an event to everybody in the namespace and gathers the acknowledgements that come within
    /// `timeout`.
    ///
    /// The event is sent before this returns; the future only waits.
    pub fn emit_with_ack(&self, event: &str, args: impl IntoArgs, timeout: Duration) -> Gathering {
        self.0.emit_with_ack(event, args, timeout)
    }

    /// Starts a broadcast to everybody in the namespace: to make everybody join or leave rooms, or to
    /// disconnect everybody.
    #[doc(alias("socketsJoin", "socketsLeave", "disconnectSockets"))]
    pub fn everyone(&self) -> Broadcast<R> {
        self.0.clone()
    }

    /// Starts a broadcast to rooms of the namespace, or to clients by their ids.
    #[doc(alias = "in")]
    pub fn to(&self, rooms: impl Rooms) -> Broadcast<R> {
        self.everyone().to(rooms)
    }

    /// Starts a broadcast to the namespace without some rooms, or clients.
    pub fn except(&self, rooms: impl Rooms) -> Broadcast<R> {
        self.everyone().except(rooms)
    }

    /// Starts a broadcast to the namespace that is never compressed.
    #[doc(alias = "compress")]
    pub fn uncompressed(&self) -> Broadcast<R> {
        self.everyone().uncompressed()
    }

    /// Starts a broadcast to the namespace that passes over clients which cannot take it at once.
    pub fn volatile(&self) -> Broadcast<R> {
        self.everyone().volatile()
    }
}

impl NamespaceIo<Local> {
    /// Makes everybody in the namespace leave these rooms. The room named by a client's id cannot be
    /// closed: nothing happens.
    pub fn close_room(&self, rooms: impl Rooms) {
        self.to(&rooms).leave(rooms);
    }

    /// Returns all clients of the namespace that are connected to this process.
    #[must_use]
    pub fn sockets(&self) -> Vec<Socket> {
        self.0.sockets()
    }

    /// Returns how many clients of this process are in the namespace.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.count()
    }

    /// Returns the client with that id, when it is in the namespace and connected to this process:
    /// to [`call`](Socket::call) it, for example.
    #[must_use]
    pub fn socket(&self, id: &str) -> Option<Socket> {
        let hub = self.0.hub();
        // All shards of a process recognise the ids of all.
        let shard = hub.with(0, |server| server.shard_of(id))?;
        self.to(id).fetch_from(shard).pop()
    }

    /// Returns the rooms of the namespace in this process, each with the number of clients in it,
    /// those being admitted included; the rooms named by the clients' ids are left out.
    #[must_use]
    pub fn rooms(&self) -> BTreeMap<String, usize> {
        let (hub, mut sizes) = (self.0.hub(), BTreeMap::new());
        for shard in 0..hub.shards().count() {
            hub.with(shard, |server| {
                for (room, size) in server.rooms(self.name()) {
                    match sizes.get_mut(room) {
                        Some(sum) => *sum += size,
                        None => drop(sizes.insert(room.to_owned(), size)),
                    }
                }
            });
        }
        sizes
    }
}

impl<R: Extent> fmt::Debug for NamespaceIo<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("NamespaceIo").field(&self.name()).finish()
    }
}
