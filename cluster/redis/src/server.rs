//! Servers of Redis, and connections with them.

use std::collections::HashMap;
use std::sync::Arc;

use redis::aio::{AsyncPushSender, MultiplexedConnection};
use redis::cluster_routing::Slot;
use redis::{
    AsyncConnectionConfig, Client, ConnectionAddr, ConnectionInfo, ProtocolVersion, RedisError,
    TlsCertificates,
};
use sansocket_bus::choose_cryptography;

use crate::replica::Replica;

/// A server.
#[derive(Clone, Debug)]
pub(crate) struct Server(Client);

impl Server {
    pub(crate) fn new(
        info: ConnectionInfo,
        tls: Option<&TlsCertificates>,
    ) -> Result<Self, RedisError> {
        // What is published comes as pushes, which RESP2 has none of.
        let settings = info.redis_settings().clone().set_protocol(ProtocolVersion::RESP3);
        Self::without_push(info.set_redis_settings(settings), tls)
    }

    /// A server that is asked and does not tell: a sentinel.
    pub(crate) fn without_push(
        info: ConnectionInfo,
        tls: Option<&TlsCertificates>,
    ) -> Result<Self, RedisError> {
        let settings = info.redis_settings().clone().set_skip_set_lib_name();
        let tcp = info.tcp_settings().clone().set_nodelay(true);
        let info = info.set_redis_settings(settings).set_tcp_settings(tcp);
        match (info.addr(), tls) {
            (ConnectionAddr::TcpTls { .. }, tls) => {
                choose_cryptography();
                match tls {
                    Some(tls) => Client::build_with_tls(info, tls.clone()).map(Self),
                    None => Client::open(info).map(Self),
                }
            }
            _ => Client::open(info).map(Self),
        }
    }

    /// Opens a connection. There is no deadline: the caller has one for everything that it opens.
    pub(crate) async fn open(
        &self,
        push: Option<Arc<dyn AsyncPushSender>>,
    ) -> Result<MultiplexedConnection, RedisError> {
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(None)
            .set_response_timeout(None)
            .set_pipeline_buffer_size(PIPELINE);
        let config = match push {
            Some(push) => config.set_push_sender(push),
            None => config,
        };
        self.0.get_multiplexed_async_connection_with_config(&config).await
    }
}

/// The servers that messages go to: one, or the masters of a Redis Cluster.
#[derive(Debug)]
pub(crate) struct Servers {
    servers: Vec<Server>,
    /// Which of them has a slot, where there are several.
    slots: HashMap<Slot, usize>,
    replicas: Vec<Replica>,
}

impl Servers {
    pub(crate) fn one(server: Server) -> Self {
        Self { servers: vec![server], slots: HashMap::new(), replicas: Vec::new() }
    }

    /// There has to be one at least.
    pub(crate) fn of_cluster(
        servers: Vec<Server>,
        slots: HashMap<Slot, usize>,
        replicas: Vec<Replica>,
    ) -> Self {
        Self { servers, slots, replicas }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Server> {
        self.servers.iter()
    }

    pub(crate) fn replicas(&self) -> &[Replica] {
        &self.replicas
    }

    /// Returns the number of the server that has a stream, or a channel where these have slots.
    pub(crate) fn owner(&self, key: &str) -> usize {
        if self.slots.is_empty() {
            return 0;
        }
        self.slots.get(&Slot::for_key(key)).copied().unwrap_or_default()
    }

    /// Returns the server of [`owner`](Self::owner).
    pub(crate) fn of(&self, key: &str) -> Option<&Server> {
        self.servers.get(self.owner(key))
    }
}

/// How many requests may be on their way to the task of a connection; a session has fewer.
const PIPELINE: usize = 256;
