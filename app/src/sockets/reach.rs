//! How a handle reaches the shards, and the application above them.

use sansocket::{NodeName, Server};
use std::any::{Any, TypeId};
use std::sync::Arc;

use crate::cluster::bus::Bus;
use crate::runtime::Runtime;
use crate::shards::cell::Cell;
use crate::shards::shards::Shards;
use crate::sockets::clients::Clients;
use crate::sockets::job::Job;
use crate::sockets::outgoing::OnOutgoing;

/// The owner of the shards, as sockets and other handles know it.
pub(crate) trait Reach: Send + Sync {
    /// Returns the shards.
    fn shards(&self) -> &Shards<Clients>;

    /// Does jobs of a shard in a task of their own: see [`Kept::run`](crate::shards::kept::Kept::run).
    fn run(self: Arc<Self>, shard: u16, jobs: Vec<Job>);

    /// Returns the value of a type that the application keeps for all handlers.
    fn state(&self, kind: TypeId) -> Option<Arc<dyn Any + Send + Sync>>;

    /// Returns what hears of the events that the application sends.
    fn outgoing(&self) -> Option<&OnOutgoing>;

    /// Returns the name of the node.
    fn node(&self) -> Option<&NodeName>;

    /// Returns the text that stands for a parameter in the name of a namespace, whose handlers are at
    /// `place`.
    fn param<'a>(&self, place: usize, namespace: &'a str, name: &str) -> Option<&'a str>;
}

impl dyn Reach {
    /// Changes the server of a shard: see [`Shards::with`].
    #[inline]
    pub(crate) fn with<R>(&self, shard: u16, act: impl FnOnce(&mut Server) -> R) -> R {
        self.shards().with(shard, act)
    }

    /// Changes a shard: see [`Shards::with_cell`].
    #[inline]
    pub(crate) fn with_cell<R>(&self, shard: u16, act: impl FnOnce(&mut Cell<Clients>) -> R) -> R {
        self.shards().with_cell(shard, act)
    }

    /// Returns the part of the process in a cluster, if it joined one.
    pub(crate) fn bus(&self) -> Option<&Bus> {
        self.shards().bus()
    }

    /// Returns the clock and the tasks.
    pub(crate) fn runtime(&self) -> &dyn Runtime {
        self.shards().runtime()
    }
}
