//! Keeps the events of one client in line while one of them is being handled.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::hub::job::Job;
use crate::hub::port::Port;
use crate::hub::shards::Hub;
use crate::runtime::BoxFuture;
use crate::sockets::socket::Socket;

/// Who is handling the events of one client, and what waits for that. Free most of the time: then
/// whoever runs the handlers of the shard handles them as they come, and nothing is locked.
#[derive(Default)]
pub(crate) struct Gate {
    held: AtomicBool,
    /// Bounded by connections not being read, see [`Hub::is_behind`] and [`Hub::is_full`]. Nothing is
    /// allocated while it is empty.
    line: Mutex<Option<Box<Jobs>>>,
}

#[derive(Default)]
struct Jobs {
    jobs: VecDeque<Job>,
    /// About their memory, in bytes.
    weight: usize,
    /// The connection to be rung when there is less, with a body that waits to be read.
    post: Option<Arc<Port>>,
}

const _: () = assert!(size_of::<Gate>() <= 24, "every client has one");

impl Gate {
    /// Whether events have to wait in line.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Puts a job in line, and says whether the caller holds the gate now and must see to it.
    fn push(&self, job: Job, weight: usize) -> bool {
        let mut line = self.lock();
        let waiting = line.get_or_insert_default();
        waiting.weight += weight;
        waiting.jobs.push_back(job);
        !self.held.swap(true, Ordering::AcqRel)
    }

    /// The next job for who holds the gate, and its weight; with `None` it is free.
    fn next(&self) -> Option<(Job, usize)> {
        let mut line = self.lock();
        let next = line.as_mut().and_then(|line| {
            let job = line.jobs.pop_front()?;
            let weight = job.weight();
            line.weight -= weight;
            Some((job, weight))
        });
        let post = line.as_mut().and_then(|line| line.post.take());
        if next.is_none() {
            *line = None;
            self.held.store(false, Ordering::Release);
        }
        drop(line);
        post.iter().for_each(Port::call);
        next
    }

    /// About the memory of what waits, in bytes. When something does, `port` is rung once there is
    /// less.
    pub(crate) fn weigh(&self, port: &Arc<Port>) -> usize {
        if !self.is_held() {
            return 0;
        }
        self.lock().as_mut().map_or(0, |line| {
            line.post = Some(port.clone());
            line.weight
        })
    }

    /// Frees the gate and returns what waited.
    fn abandon(&self) -> Option<Box<Jobs>> {
        let mut line = self.lock();
        self.held.store(false, Ordering::Release);
        line.take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Jobs>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whose gate it is.
pub(crate) enum Line {
    Client(Socket),
    /// Everything of a shard that concerns no client.
    Shard(u16),
}

/// A gate that is held: dropped unused, what waits is dropped too, because the runtime has ended.
pub(crate) struct Hold {
    hub: Arc<Hub>,
    line: Line,
    ended: bool,
}

impl Line {
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
    /// Holds the gate of a client, which is free, on behalf of who runs the handlers of its shard.
    pub(crate) fn take(hub: Arc<Hub>, socket: Socket) -> Self {
        socket.gate().held.store(true, Ordering::Release);
        Self::new(hub, Line::Client(socket))
    }

    /// Puts a job in line; what is returned, if anything, must be [drained](Self::drain).
    pub(crate) fn queue(hub: &Hub, line: Line, job: Job, weight: usize) -> Option<Self> {
        hub.add_waiting(line.shard(), weight);
        let first = line.gate(hub).push(job, weight);
        first.then(|| Self::new(hub.shared(), line))
    }

    /// Counts a little: from now on jobs may wait.
    fn new(hub: Arc<Hub>, line: Line) -> Self {
        hub.add_waiting(line.shard(), HELD);
        Self { hub, line, ended: false }
    }

    /// Handles what waits, in order, until nothing does or a sequential handler takes over.
    pub(crate) fn drain(mut self) {
        for _ in 0..TURN {
            let Some((job, weight)) = self.line.gate(&self.hub).next() else {
                self.ended = true;
                return;
            };
            let rest = self.hub.call_caught(job);
            self.hub.end_waiting(self.line.shard(), weight);
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

    /// Handles what waits where handlers may block.
    pub(crate) fn drain_on_worker(self) {
        let hub = self.hub.clone();
        hub.on_worker(move || self.drain());
    }

    /// Waits for a handler to end, then lets in what waits.
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
        let jobs = if self.ended { None } else { self.line.gate(&self.hub).abandon() };
        let (weight, post) = jobs.map_or((0, None), |line| (line.weight, line.post));
        self.hub.end_waiting(self.line.shard(), HELD + weight);
        post.iter().for_each(Port::call);
    }
}

/// Jobs of one client before others get their turn.
const TURN: usize = 64;

/// What a gate counts that is held, in bytes: the handler that holds it is not one that waits.
const HELD: usize = 1;
