//! The process that a bus belongs to.

use sansocket::cluster::{NodeEvent, Output};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::runtime::BoxFuture;

/// The process that a bus belongs to: its clock, its shards, and the application above them.
pub(crate) trait Process: Send + Sync {
    /// Returns the time.
    fn now(&self) -> Instant;

    /// Waits for a time to pass.
    fn sleep(&self, duration: Duration) -> BoxFuture<()>;

    /// Leaves a message with shards, and notes which have some now. The lock of the node is held, which keeps the
    /// order of its messages.
    fn leave(&self, output: &Output, shards: &mut Vec<u16>);

    /// Has shards handle what was left with them.
    fn enter(&self, shards: Vec<u16>);

    /// Sees to it that [`Bus::run_timers`](crate::cluster::bus::Bus::run_timers) is called then.
    fn set_due(&self, due: Instant);

    /// Takes what another process asks or tells the application. It returns at once.
    fn hear(self: Arc<Self>, event: NodeEvent);

    /// The bus is closed, and the end of the process need not wait for it any more.
    fn let_go(&self);
}
