//! What a process brings to join a cluster.

use sansocket::cluster::NodeConfig;
use sansocket::cluster::bus::Format;
use sansocket_bus::Broker;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The cluster that an application joins: a message broker, and how its processes talk through it.
/// [`App::cluster`](crate::App::cluster) takes it.
///
/// ```no_run
/// # use sansocket_app::{App, Broker, Cluster, Format};
/// # fn join(redis: impl Broker) {
/// let mut app = App::new();
/// app.cluster(Cluster::new(redis).format(Format::Classic));
/// # }
/// ```
pub struct Cluster {
    /// Until its thread begins.
    broker: Mutex<Option<Box<dyn Broker>>>,
    /// Where the broker is, without a password.
    pub(crate) address: String,
    pub(crate) config: NodeConfig,
}

impl Cluster {
    /// Makes a cluster of the processes that a broker connects, in [`Format::Native`].
    pub fn new(broker: impl Broker) -> Self {
        let address = broker.address();
        let broker: Box<dyn Broker> = Box::new(broker);
        Self { broker: Mutex::new(Some(broker)), address, config: NodeConfig::default() }
    }

    /// Takes the broker, once.
    pub(crate) fn take_broker(&self) -> Option<Box<dyn Broker>> {
        self.broker.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Replaces all settings.
    #[must_use]
    pub fn config(self, config: NodeConfig) -> Self {
        Self { config, ..self }
    }

    /// Sets how the processes write their messages: all of a cluster alike.
    #[must_use]
    pub fn format(mut self, format: Format) -> Self {
        self.config.format = format;
        self
    }

    /// Sets what names of channels begin with: see [`NodeConfig::prefix`]. Clusters with different prefixes may share
    /// a broker.
    #[must_use]
    pub fn prefix(mut self, prefix: &str) -> Self {
        self.config.prefix = Some(prefix.into());
        self
    }

    /// Sets how long a question to other processes may take; 5 s without.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.config.timeout = timeout;
        self
    }

    /// Sets the time between two signs of life in [`Format::Native`]; 1 s without.
    #[must_use]
    pub fn heartbeat(mut self, heartbeat: Duration) -> Self {
        self.config.heartbeat = heartbeat;
        self
    }

    /// Sets how long a process of [`Format::Native`] may give no sign of life; 4 s without.
    #[must_use]
    pub fn dead_after(mut self, dead_after: Duration) -> Self {
        self.config.dead_after = dead_after;
        self
    }
}

impl fmt::Debug for Cluster {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("broker", &self.address)
            .field("config", &self.config)
            .finish()
    }
}
