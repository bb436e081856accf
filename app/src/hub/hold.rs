//! The holder of a gate: does the jobs that wait there, one after the other.

use std::sync::Arc;

use crate::hub::hub::Hub;
use crate::runtime::BoxFuture;
use crate::shards::port::Port;
use crate::sockets::gate::{Gate, Joined};
use crate::sockets::job::Job;
use crate::sockets::socket::Socket;

/// A gate that is held, and the jobs that its holder does. Dropped before its end, it drops these and those
/// that wait, because the runtime has ended.
pub(crate) struct Hold {
    hub: Arc<Hub>,
    owner: Owner,
    /// The jobs at hand; those before `next` are done.
    jobs: Vec<Job>,
    next: usize,
    /// What the jobs at hand count to the pressure, in bytes.
    weight: usize,
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
        Self::new(hub, Owner::Client(socket), Vec::new(), 0)
    }

    /// Puts jobs in line that are about one client, or about none, and leaves `jobs` empty. The hold that is
    /// returned, if any, must be [drained](Self::drain).
    pub(crate) fn queue(hub: &Hub, shard: u16, jobs: &mut Vec<Job>, weight: usize) -> Option<Self> {
        let client = jobs.first()?.task.socket();
        let owner = client.cloned().map_or(Owner::Shard(shard), Owner::Client);
        hub.shards().pressure(shard).add(weight);
        match owner.gate(hub).join(jobs, weight) {
            Joined::Holds => Some(Self::new(hub.shared(), owner, std::mem::take(jobs), weight)),
            Joined::Waits => None,
        }
    }

    fn new(hub: Arc<Hub>, owner: Owner, jobs: Vec<Job>, weight: usize) -> Self {
        hub.shards().pressure(owner.shard()).add(HELD);
        Self { hub, owner, jobs, next: 0, weight, ended: false }
    }

    /// Does jobs, in order, until none waits or a sequential handler takes over.
    pub(crate) fn drain(mut self) {
        for _ in 0..TURN {
            let Some(job) = self.next() else {
                self.ended = true;
                return;
            };
            if let Some(rest) = self.hub.call_caught(job) {
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

    /// Does the jobs where handlers may block.
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

    /// The next job; with `None` the gate is free.
    fn next(&mut self) -> Option<Job> {
        if self.next == self.jobs.len() {
            self.renew()?;
        }
        let job = self.jobs.get_mut(self.next).map(std::mem::take);
        self.next += 1;
        job
    }

    /// Goes on with the jobs in line; with `None` the gate is free.
    fn renew(&mut self) -> Option<()> {
        let Self { hub, owner, jobs, next, weight, .. } = self;
        hub.shards().pressure(owner.shard()).end(std::mem::take(weight));
        *next = 0;
        Job::keep_list(std::mem::take(jobs));
        let line = owner.gate(hub).next()?;
        (*jobs, *weight) = (line.jobs, line.weight);
        Some(())
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        let jobs = if self.ended { None } else { self.owner.gate(&self.hub).abandon() };
        let (weight, post) = jobs.map_or((0, None), |line| (line.weight, line.post));
        self.hub.shards().pressure(self.owner.shard()).end(HELD + self.weight + weight);
        post.iter().for_each(Port::call);
    }
}
