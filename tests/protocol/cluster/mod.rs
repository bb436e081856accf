//! Processes of a cluster, with a broker between them.
//!
//! Tests whose names begin with `k` and a number hold the rule of that number for clusters.

mod acks;
mod bridge;
mod broadcasts;
mod changes;
mod connection;
mod faults;
mod presence;
mod python;
mod questions;
mod recovery;
mod storm;
mod subscriptions;
mod world;

use std::time::Duration;

use sansocket::cluster::NodeConfig;
use sansocket::cluster::bus::Format;

const FORMATS: [Format; 5] =
    [Format::Native, Format::Classic, Format::Sharded, Format::Streams, Format::Python];

/// The formats that have questions.
const ASKING: [Format; 4] = [Format::Native, Format::Classic, Format::Sharded, Format::Streams];

/// Settings with a format, and less patience than usual.
fn config(format: Format) -> NodeConfig {
    let mut config = NodeConfig::default();
    config.format = format;
    config.timeout = Duration::from_secs(2);
    config
}
