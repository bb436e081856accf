//! Several servers of a test in one cluster.

use sansocket::cluster::NodeConfig;
use sansocket::cluster::bus::Format;
use std::cell::Cell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use super::broker::{Membership, MemoryBroker, Played};
use super::pipe::Network;
use super::server::{SEED, TestServer, Time};
use crate::app::App;
use crate::cluster::cluster::Cluster;

/// Servers in one cluster, with a broker that is a part of the test: all of the same thread, and in the same virtual
/// time.
///
/// ```
/// use sansocket_app::test::TestCluster;
/// use sansocket_app::{App, Socket};
///
/// fn chat() -> App {
///     let mut app = App::new();
///     app.on("join", |socket: Socket, room: String| socket.join(room));
///     app.on("say", |socket: Socket, room: String, text: String| socket.to(room).emit("said", &text));
///     app
/// }
///
/// let cluster = TestCluster::new();
/// let (here, there) = (cluster.server(chat()), cluster.server(chat()));
/// let (ann, bob) = (here.connect().unwrap(), there.connect().unwrap());
/// assert_eq!(bob.call("join", "tea"), Ok(true));
/// ann.emit("say", &("tea", "hello"));
/// assert_eq!(bob.expect::<String>("said"), "hello");
/// ```
///
/// A server that is dropped with its clients is gone without a word, as a process that is killed.
pub struct TestCluster {
    time: Rc<Time>,
    broker: Arc<MemoryBroker>,
    config: NodeConfig,
    /// How many servers there were.
    servers: Cell<u64>,
}

impl TestCluster {
    /// Makes a cluster with the default settings.
    #[must_use]
    pub fn new() -> Self {
        Self::with_config(NodeConfig::default())
    }

    /// Makes a cluster whose servers write their messages in that way.
    #[must_use]
    pub fn with_format(format: Format) -> Self {
        let mut config = NodeConfig::default();
        config.format = format;
        Self::with_config(config)
    }

    /// Makes a cluster with these settings.
    #[must_use]
    pub fn with_config(config: NodeConfig) -> Self {
        let (time, broker) = (Time::new(), Arc::default());
        Self { time, broker, config, servers: Cell::new(0) }
    }

    /// Serves an application on one shard.
    #[must_use]
    pub fn server(&self, app: App) -> TestServer {
        self.server_with_shards(app, 1)
    }

    /// Serves an application on several shards. Where it joins a cluster by itself, its settings go before those of
    /// this one; the broker is that of the test in any case.
    #[must_use]
    pub fn server_with_shards(&self, mut app: App, shards: u16) -> TestServer {
        let number = self.servers.replace(self.servers.get() + 1);
        let own = app.cluster.take().map(|own| own.config);
        let config = own.unwrap_or_else(|| self.config.clone());
        app.cluster(Cluster::new(Played).config(config));
        let mut seed = SEED;
        seed[..8].copy_from_slice(&number.to_le_bytes());
        let server = TestServer::within(app, shards, self.time.clone(), (seed, Some(number)));
        if let Some((_, driver)) = server.world.hub.take_broker() {
            let clock = self.time.clock();
            let member = Membership::new(self.broker.clone(), number, driver, clock.clone());
            clock.start(Box::pin(member));
            clock.settle();
        }
        server
    }

    /// Ends the connections of all servers with the broker, or lets them connect again: each does when its pause is
    /// over.
    pub fn set_broker(&self, network: Network) {
        self.broker.set(network);
        self.time.clock().settle();
    }

    /// Has the broker carry messages of so many bytes at most. A server knows that from its next connection on.
    pub fn set_largest_message(&self, bytes: usize) {
        self.broker.set_largest(bytes);
    }

    /// Has a server neither read nor write messages for others, while the broker counts it as connected: as a process
    /// that hangs, for the others.
    ///
    /// # Panics
    /// When the server is not of a cluster.
    pub fn freeze(&self, server: &TestServer) {
        self.broker.freeze(number(server));
    }

    /// Lets a server that was frozen go on.
    ///
    /// # Panics
    /// When the server is not of a cluster.
    pub fn thaw(&self, server: &TestServer) {
        self.broker.thaw(number(server));
        self.time.clock().settle();
    }

    /// Lets time pass for all servers, as [`TestServer::advance`] of any of them does.
    pub fn advance(&self, duration: Duration) {
        self.time.clock().advance(duration);
    }
}

fn number(server: &TestServer) -> u64 {
    server.world.member.expect("a server that a cluster made")
}

impl Default for TestCluster {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestCluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestCluster").field("config", &self.config).finish_non_exhaustive()
    }
}
