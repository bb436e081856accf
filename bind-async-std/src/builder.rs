//! A server that has not started yet.

use sansocket_app::App;
use sansocket_app::bind::{Hub, forwarding};

use crate::executor::Executor;
use crate::network::Network;
use crate::server::Server;

/// An application and how it is to be served; made by [`Server::builder`].
#[derive(Debug)]
#[must_use = "a server starts when it is built"]
pub struct Builder {
    app: App,
    executor: Executor,
    shards: Option<u16>,
}

impl Builder {
    pub(crate) fn new(app: App) -> Self {
        Self { app, executor: Executor::default(), shards: None }
    }

    /// Sets the executor of the tasks.
    pub fn executor(mut self, executor: Executor) -> Self {
        self.executor = executor;
        self
    }

    /// Sets the number of shards, at least 1. The default is what [suits](Executor::shards) the
    /// executor.
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Starts the shards.
    ///
    /// # Panics
    /// As [`Server::new`].
    #[must_use]
    pub fn build(self) -> Server {
        let Self { app, executor, shards } = self;
        let shards = shards.unwrap_or_else(|| executor.shards());
        let app = forwarding(app, || Network::new(executor));
        Server::of(Hub::start(app, executor, shards), executor)
    }
}
