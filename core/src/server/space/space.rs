//! The clients, namespaces and rooms of a shard.

use std::sync::Arc;

use crate::cluster::bus::Format;
use crate::config::Config;
use crate::error::Misuse;
use crate::hash::Seeded;
use crate::key::{Mint, Shard, Slab, Socket};
use crate::server::Server;
use crate::server::space::adopted::Adopted;
use crate::server::space::client::{Client, Phase};
use crate::server::space::namespace::Namespaces;
use crate::server::space::recovery::history::History;
use crate::server::space::shared::Shared;
use crate::socket::ArgsRef;
use crate::socket::encoder::Encoder;
use crate::time::{Queue, Tick};

/// Everything clients share but their sessions.
#[derive(Debug)]
pub(in crate::server) struct Space {
    pub(super) config: Arc<Config>,
    pub(super) shard: Shard,
    pub(in crate::server) clients: Slab<Client>,
    pub(in crate::server) namespaces: Namespaces,
    /// Deadlines of clients about whom the application decides.
    pub(in crate::server) admissions: Queue,
    pub(super) mint: Mint,
    /// How the processes of the cluster write their messages, when there is one.
    pub(super) cluster: Option<Format>,
    pub(super) adopted: Adopted,
    pub(super) shared: Shared,
    /// What clients that come back are given, with [`Config::recovery`].
    pub(in crate::server) history: Option<Box<History>>,
    pub(in crate::server) encoder: Encoder,
    /// Number of the latest broadcast.
    pub(super) epoch: u32,
    /// Clients the broadcast at hand means; kept to reuse its memory.
    pub(super) selected: Vec<u32>,
}

impl Space {
    pub(in crate::server) fn new(
        config: &Arc<Config>,
        shard: Shard,
        mint: Mint,
        hasher: &Seeded,
        history: Option<Box<History>>,
    ) -> Self {
        Self {
            config: config.clone(),
            shard,
            clients: Slab::new(),
            namespaces: Namespaces::new(hasher.clone()),
            admissions: Queue::fair(config.connect_timeout),
            mint,
            cluster: None,
            adopted: Adopted::new(hasher.clone()),
            shared: Shared::new(hasher.clone()),
            history,
            encoder: Encoder::new(config.parser.as_ref()),
            epoch: 0,
            selected: Vec::new(),
        }
    }

    /// The earliest deadline of an admission.
    pub(in crate::server) fn deadline(&self) -> Tick {
        self.admissions.next()
    }

    /// Whether the client is in its namespace, that is admitted and not gone.
    pub(in crate::server) fn is_connected(&self, socket: Socket) -> bool {
        self.clients.get(socket.0).is_some_and(|client| matches!(client.phase, Phase::Connected))
    }

    /// The client in that namespace, of a session whose first client is given, and whether it was
    /// admitted.
    ///
    /// Inlined where it is called: every packet of a client asks.
    #[inline(always)]
    pub(in crate::server) fn client_in(
        &self,
        first: u32,
        namespace: &str,
    ) -> Option<(Socket, bool)> {
        let mut next = first;
        loop {
            let client = self.clients.at(next)?;
            if &*self.namespaces.at(client.namespace)?.name == namespace {
                return Some((Socket(client.key), client.is_member()));
            }
            next = client.sibling;
        }
    }

    /// The clients of a session, from its first, but those of which only the place is left.
    pub(in crate::server) fn present(&self, first: u32) -> impl Iterator<Item = Socket> {
        let here = |socket: &Socket| self.clients.get(socket.0).is_some_and(|c| !c.is_leaving());
        self.siblings(first).filter(here)
    }

    /// The clients of a session, from its first.
    pub(in crate::server) fn siblings(&self, first: u32) -> impl Iterator<Item = Socket> {
        let mut next = first;
        std::iter::from_fn(move || {
            let client = self.clients.at(next)?;
            next = client.sibling;
            Some(Socket(client.key))
        })
    }

    /// Bytes that wait for the application to decide about the clients of a session.
    pub(in crate::server) fn bytes_held(&self, first: u32) -> usize {
        let clients = self.siblings(first).filter_map(|socket| self.clients.get(socket.0));
        clients.map(Client::bytes_held).sum()
    }

    /// Refuses events that cannot be sent at all.
    pub(in crate::server) fn check_event(
        &self,
        name: &str,
        args: ArgsRef<'_>,
    ) -> Result<(), Misuse> {
        args.check_for(name, self.config.limits.attachments)
    }
}

impl Server {
    /// Whether the client is in its namespace, that is admitted and not gone.
    #[must_use]
    pub fn is_connected(&self, socket: Socket) -> bool {
        self.space.is_connected(socket)
    }
}
