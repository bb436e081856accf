//! The holder of a gate: does the jobs that wait there, one after the other.

use std::sync::Arc;

use crate::hub::hub::Hub;
use crate::runtime::BoxFuture;
use crate::shards::port::Port;
use crate::sockets::gate::Gate;
use crate::sockets::job::Job;
use crate::sockets::socket::Socket;

/// A gate that is held. Dropped before its end, it drops the jobs that wait, because the runtime has
/// ended.
pub(crate) struct Hold {
    hub: Arc<Hub>,
    owner: Owner,
    ended: bool,
}

/// The owner of a gate.
pub(crate) enum Owner {
    Client(Socket),
    /// Everything of a shard that concerns no client.
    Shard(u16),
}

/// Jobs of one gate before others get their turn.
const TURN: usize = 64;

/// The bytes that a gate counts that is held: from now on jobs may wait.
const HELD: usize = 1;

impl Owner {
    fn shard(&self) -> u16 {
        match self {
            Self::Client(socket) => socket.shard(),
            Self::Shard(shard) => *shard,
        }
    }

    fn gate<'a>(&'a self, hub: &'a Hub) -> &'a Gate {
        match self {
            Self::Client(socket) => socket.gate(),
            Self::Shard(shard) => hub.gate(*shard),
        }
    }
}

impl Hold {
    /// Holds the gate of a client, which is free. The caller has the turn of its shard.
    pub(crate) fn take(hub: Arc<Hub>, socket: Socket) -> Self {
        socket.gate().hold();
        Self::new(hub, Owner::Client(socket))
    }

    /// Puts a job in line. The gate that is returned, if any, must be [drained](Self::drain).
    pub(crate) fn queue(hub: &Hub, owner: Owner, job: Job, weight: usize) -> Option<Self> {
        hub.shards().pressure(owner.shard()).add(weight);
        let first = owner.gate(hub).push(job, weight);
        first.then(|| Self::new(hub.shared(), owner))
    }

    fn new(hub: Arc<Hub>, owner: Owner) -> Self {
        hub.shards().pressure(owner.shard()).add(HELD);
        Self { hub, owner, ended: false }
    }

    /// Does the jobs that wait, in order, until none does or a sequential handler takes over.
    pub(crate) fn drain(mut self) {
        for _ in 0..TURN {
            let Some((job, weight)) = self.owner.gate(&self.hub).next() else {
                self.ended = true;
                return;
            };
            let rest = self.hub.call_caught(job);
            self.hub.shards().pressure(self.owner.shard()).end(weight);
            if let Some(rest) = rest {
                return self.follow(rest);
            }
        }
        // Others get their turn.
        match self.hub.is_pooled() {
            true => self.drain_on_worker(),
            false => {
                let hub = self.hub.clone();
                hub.runtime().spawn(Box::pin(async move { self.drain() }));
            }
        }
    }

    /// Does the jobs that wait where handlers may block.
    pub(crate) fn drain_on_worker(self) {
        let hub = self.hub.clone();
        hub.on_worker(move || self.drain());
    }

    /// Waits for a handler to end, then does the jobs that wait.
    pub(crate) fn follow(self, rest: BoxFuture<()>) {
        let hub = self.hub.clone();
        hub.runtime().spawn(Box::pin(async move {
            rest.await;
            match self.hub.is_pooled() {
                true => self.drain_on_worker(),
                false => self.drain(),
            }
        }));
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let jobs = if self.ended { None } else { self.owner.gate(&self.hub).abandon() };
        let (weight, post) = jobs.map_or((0, None), |line| (line.weight, line.post));
        self.hub.shards().pressure(self.owner.shard()).end(HELD + weight);
        post.iter().for_each(Port::call);
    }
}
