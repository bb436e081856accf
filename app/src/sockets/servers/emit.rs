//! What a namespace says to other servers.

use sansocket::{EventMessage, Misuse};
use std::collections::BTreeSet;

use crate::args::{IntoArgs, with_args};
use crate::cluster::asked::Asked;
use crate::sockets::error::EmitError;
use crate::sockets::extent::Local;
use crate::sockets::io::Io;
use crate::sockets::namespace::NamespaceIo;
use crate::sockets::servers::ask::AskServers;
use crate::sockets::servers::rooms::FindRooms;
use crate::sockets::servers::size::ClusterSize;

impl NamespaceIo {
    /// Sends an event to the applications of all other servers, where
    /// [`on_server_event`](crate::Namespace::on_server_event) takes it; a server that is alone sends nothing.
    ///
    /// # Errors
    /// When the arguments have no JSON form, the name is reserved, or the [cluster](crate::Cluster) cannot carry it.
    #[doc(alias = "serverSideEmit")]
    pub fn server_emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        let message = message(event, args)?;
        let Some(bus) = self.hub().bus() else { return Ok(()) };
        let sent = bus.act(|node, now| node.server_emit(now, self.name(), message));
        Ok(sent.unwrap_or(Ok(()))?)
    }

    /// Sends an event to the applications of all other servers and gathers their replies.
    ///
    /// The event is sent before this returns; the future only waits.
    #[doc(alias = "serverSideEmitWithAck")]
    pub fn server_ask(&self, event: &str, args: impl IntoArgs) -> AskServers {
        let asked = message(event, args).map(|message| match self.hub().bus() {
            Some(bus) => bus.ask(|node, now| node.server_ask(now, self.name(), message)),
            None => Asked::Nobody,
        });
        AskServers::new(asked)
    }

    /// Finds the rooms of the namespace on all servers, those that are the ids of clients among them.
    #[doc(alias = "allRooms")]
    pub fn all_rooms(&self) -> FindRooms {
        let asked = match self.hub().bus() {
            Some(bus) => bus.ask(|node, now| node.rooms(now, self.name())),
            None => Asked::Nobody,
        };
        FindRooms::new(self.local().rooms_and_ids(), asked)
    }

    /// Finds how many servers have the namespace, this one included. Processes that only emit do not count.
    #[doc(alias = "serverCount")]
    pub fn cluster_size(&self) -> ClusterSize {
        ClusterSize::new(match self.hub().bus() {
            Some(bus) => bus.ask(|node, now| node.size(now, self.name())),
            None => Asked::Nobody,
        })
    }
}

impl NamespaceIo<Local> {
    /// The rooms of the namespace in this process, those that are the ids of clients among them.
    pub(crate) fn rooms_and_ids(&self) -> BTreeSet<String> {
        let ids = self.sockets().into_iter().map(|socket| socket.id().to_owned());
        self.rooms().into_keys().chain(ids).collect()
    }
}

impl Io {
    /// Sends an event to the applications of all other servers, as [`NamespaceIo::server_emit`] does for `/`.
    ///
    /// # Errors
    /// As there.
    #[doc(alias = "serverSideEmit")]
    pub fn server_emit(&self, event: &str, args: impl IntoArgs) -> Result<(), EmitError> {
        self.root().server_emit(event, args)
    }

    /// Sends an event to the applications of all other servers and gathers their replies, as
    /// [`NamespaceIo::server_ask`] does for `/`.
    #[doc(alias = "serverSideEmitWithAck")]
    pub fn server_ask(&self, event: &str, args: impl IntoArgs) -> AskServers {
        self.root().server_ask(event, args)
    }

    /// Finds the rooms of `/` on all servers, as [`NamespaceIo::all_rooms`] does.
    #[doc(alias = "allRooms")]
    pub fn all_rooms(&self) -> FindRooms {
        self.root().all_rooms()
    }

    /// Finds how many servers there are, as [`NamespaceIo::cluster_size`] does for `/`.
    #[doc(alias = "serverCount")]
    pub fn cluster_size(&self) -> ClusterSize {
        self.root().cluster_size()
    }
}

/// Makes an event for other servers.
fn message(event: &str, args: impl IntoArgs) -> Result<EventMessage, EmitError> {
    if RESERVED.contains(&event) {
        return Err(Misuse::ReservedEvent.into());
    }
    with_args(args, |args| Ok(EventMessage::from_args(event, args)))
}

/// Events that servers of some implementation keep for themselves.
const RESERVED: [&str; 8] = [
    "connect",
    "connect_error",
    "connection",
    "disconnect",
    "disconnecting",
    "newListener",
    "new_namespace",
    "removeListener",
];
