//! One process of a cluster: its node behind a lock, between shards and the thread of a broker.

mod arrivals;
pub(crate) mod asked;
pub(crate) mod bus;
pub(crate) mod cluster;
pub(crate) mod driver;
mod inbox;
pub(crate) mod missing;
pub(crate) mod process;
mod room;
pub(crate) mod settled;
mod stage;
mod status;
