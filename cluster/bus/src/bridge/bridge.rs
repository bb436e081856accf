//! The handle of a bridge.

use sansocket::Config;
use sansocket::cluster::bus::Format;
use sansocket::cluster::{BusCounts, Node, NodeConfig, Side};
use std::fmt;
use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use super::clock;
use super::end::BridgeEnd;
use super::shared::Shared;
use crate::{Broker, seed, spawn};

/// Carries messages between two buses: clients of servers on either get what is emitted on the other.
///
/// Each bus has a broker, and the settings that its servers have: the format and the prefix at least. The two may share
/// a broker. Everything that both formats have words for is carried, questions included; see
/// [`Bridge`](sansocket::cluster::Bridge) of the core.
///
/// **There must be only one bridge between two buses**, and no other way from one to the other: each message would go
/// round forever.
///
/// When the handle is dropped, both ends leave their buses; [`close`](Self::close) also waits for that.
pub struct Bridge {
    shared: Arc<Shared>,
    /// The threads of the brokers.
    drivers: Vec<JoinHandle<()>>,
}

/// Why a bridge does not begin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BridgeError {
    /// Both ends are of one bus.
    #[error("a bridge from {0} to the same place: format and prefix are those of one bus")]
    OneBus(String),
    /// Events for rooms in [`Format::Sharded`] reach only servers with members of the room.
    #[error("a bridge would miss events for rooms in the sharded format")]
    Sharded,
    /// The operating system has no thread left.
    #[error(transparent)]
    Thread(#[from] io::Error),
}

impl Bridge {
    /// Begins to carry the messages of these namespaces. It returns at once, and connects meanwhile, again and again.
    ///
    /// A question of one bus to the other may take half of the time that [`NodeConfig::timeout`] says.
    ///
    /// # Errors
    /// [`BridgeError`] when the two cannot be joined.
    pub fn start(
        (left, left_config): (impl Broker, NodeConfig),
        (right, right_config): (impl Broker, NodeConfig),
        namespaces: &[&str],
    ) -> Result<Self, BridgeError> {
        if [&left_config, &right_config].iter().any(|config| config.format == Format::Sharded) {
            return Err(BridgeError::Sharded);
        }
        let addresses = [left.address(), right.address()];
        if addresses[0] == addresses[1] && channels(&left_config) == channels(&right_config) {
            let [address, _] = addresses;
            return Err(BridgeError::OneBus(address));
        }
        let formats = [left_config.format, right_config.format];
        let nodes = [left_config, right_config].map(|config| node(config, namespaces));
        let shared = Arc::new(Shared::new(addresses, nodes));
        let mut bridge = Self { shared, drivers: Vec::new() };
        let [left_end, right_end] = [(Side::Left, formats[0]), (Side::Right, formats[1])]
            .map(|(side, format)| Arc::new(BridgeEnd::new(bridge.shared.clone(), side, format)));
        clock::start(bridge.shared.clone())?;
        bridge.drivers.push(spawn(left, left_end)?);
        bridge.drivers.push(spawn(right, right_end)?);
        Ok(bridge)
    }

    /// Has both ends leave their buses, and waits until the brokers were told so, or gave the connection up: a few
    /// seconds at most.
    pub fn close(mut self) {
        self.shared.close();
        for driver in self.drivers.drain(..) {
            // A broker that panics is caught; there is nothing to tell.
            let _ = driver.join();
        }
    }

    /// Returns what was counted on one bus.
    #[must_use]
    pub fn counts(&self, side: Side) -> BusCounts {
        self.shared.act(side, |node, _| node.counts())
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        self.shared.close();
    }
}

impl fmt::Debug for Bridge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Bridge").finish_non_exhaustive()
    }
}

/// What tells buses of one broker apart.
fn channels(config: &NodeConfig) -> (Format, &str) {
    let prefix = config.prefix.as_deref().unwrap_or_else(|| config.format.usual_prefix());
    (config.format, prefix)
}

fn node(mut config: NodeConfig, namespaces: &[&str]) -> Node {
    // The process that asked has to have the answer before it gives up.
    config.timeout /= 2;
    let now = Instant::now();
    let mut node = Node::new(config, Arc::new(Config::default()), 1, seed(), now);
    namespaces.iter().for_each(|namespace| node.open(now, namespace));
    node
}
