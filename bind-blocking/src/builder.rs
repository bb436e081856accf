//! A server that has not started yet.

use sansocket_app::App;
use sansocket_app::bind::Hub;

use crate::server::{Server, Threads};

/// An application and how it is to be served; made by [`Server::builder`].
#[derive(Debug)]
#[must_use = "a server starts when it is built"]
pub struct Builder {
    app: App,
    threads: Threads,
    shards: Option<u16>,
}

impl Builder {
    pub(crate) fn new(app: App) -> Self {
        Self { app, threads: Threads::default(), shards: None }
    }

    /// Sets the numbers of threads.
    pub fn threads(mut self, threads: Threads) -> Self {
        self.threads = threads;
        self
    }

    /// Sets the number of shards, at least 1. The default is four for each thread that carries bytes.
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
        let Self { app, threads, shards } = self;
        Server::start(app, threads, shards.unwrap_or_else(|| Hub::shards_for(threads.io)))
    }
}
