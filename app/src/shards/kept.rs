//! What the room above adds to each shard.

use sansocket::Event;
use std::sync::{Arc, Weak};
use std::task::Waker;

use crate::shards::backlog::Backlog;

/// What the room above keeps beside the server of each shard, under the same lock.
pub(crate) trait Kept: Default + Send + Sized + 'static {
    /// The owner of all shards.
    type Owner: Send + Sync + ?Sized;
    /// A piece of work that follows from an event and is done when no lock is held.
    type Job: Work;

    /// Takes an event of a shard: adds the work that follows from it to `jobs`. The waker, if any, is
    /// woken once the lock is released.
    fn note(
        &mut self,
        owner: &Weak<Self::Owner>,
        shard: u16,
        event: Event,
        jobs: &mut Backlog<Self::Job>,
    ) -> Option<Waker>;

    /// Does jobs in a task of their own, and then those that come meanwhile. The caller has taken the
    /// [`Turn`](crate::shards::lane::Turn) of the shard for this.
    fn run(owner: Arc<Self::Owner>, shard: u16, jobs: Vec<Self::Job>);
}

/// A piece of work.
pub(crate) trait Work: Send + Sized {
    /// About the memory it takes while it waits, in bytes.
    fn weight(&self) -> usize;

    /// Returns an empty list, with room from an earlier use if there was one.
    fn spare_list() -> Vec<Self>;
}
