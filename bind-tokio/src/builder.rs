//! A server that has not started yet.

use sansocket_app::App;
use sansocket_app::bind::{Hub, forwarding};
use tokio::runtime::Handle;

use crate::runtime::Tokio;
use crate::server::Server;

/// An application and how it is to be served; made by [`Server::builder`].
#[derive(Debug)]
#[must_use = "a server starts when it is built"]
pub struct Builder {
    app: App,
    shards: Option<u16>,
}

impl Builder {
    pub(crate) fn new(app: App) -> Self {
        Self { app, shards: None }
    }

    /// Sets the number of shards, at least 1. The default is four for each thread of the runtime.
    pub fn shards(mut self, shards: u16) -> Self {
        self.shards = Some(shards);
        self
    }

    /// Starts the shards on the current runtime.
    ///
    /// # Panics
    /// As [`Server::new`].
    #[must_use]
    pub fn build(self) -> Server {
        let handle = Handle::current();
        let threads = handle.metrics().num_workers();
        let shards = self.shards.unwrap_or_else(|| Hub::shards_for(threads));
        let app = forwarding(self.app, || Tokio(handle.clone()));
        Server::of(Hub::start(app, Tokio(handle), shards))
    }
}
