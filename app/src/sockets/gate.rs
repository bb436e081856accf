//! Keeps the events of one client in line while one of them is being handled.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shards::kept::Work as _;
use crate::shards::port::Port;
use crate::sockets::job::Job;

/// Whether an event of one client is being handled that later ones wait for, and those. Free most of the
/// time: then the thread that has the turn of the shard handles events as they come, and nothing is
/// locked.
#[derive(Default)]
pub(crate) struct Gate {
    held: AtomicBool,
    /// Nothing is allocated while it is empty. Bounded by the pressure that its jobs count to.
    line: Mutex<Option<Box<Line>>>,
}

/// The jobs that wait at a gate.
#[derive(Default)]
pub(crate) struct Line {
    jobs: VecDeque<Job>,
    /// About their memory, in bytes.
    pub(crate) weight: usize,
    /// The connection with a body that waits for less weight.
    pub(crate) post: Option<Arc<Port>>,
}

const _: () = assert!(size_of::<Gate>() <= 24, "every client has one");

impl Gate {
    /// Whether events have to wait in line.
    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Holds the gate, which is free.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::Release);
    }

    /// Puts a job in line, and says whether the caller holds the gate now and must see to it.
    pub(crate) fn push(&self, job: Job, weight: usize) -> bool {
        let mut line = self.lock();
        let waiting = line.get_or_insert_default();
        waiting.weight += weight;
        waiting.jobs.push_back(job);
        !self.held.swap(true, Ordering::AcqRel)
    }

    /// The next job for the holder of the gate, and its weight; with `None` it is free.
    pub(crate) fn next(&self) -> Option<(Job, usize)> {
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

    /// About the memory of the jobs that wait, in bytes. If any do, `port` is rung once there is less.
    pub(crate) fn weigh(&self, port: &Arc<Port>) -> usize {
        if !self.is_held() {
            return 0;
        }
        self.lock().as_mut().map_or(0, |line| {
            line.post = Some(port.clone());
            line.weight
        })
    }

    /// Frees the gate and returns the jobs that waited.
    pub(crate) fn abandon(&self) -> Option<Box<Line>> {
        let mut line = self.lock();
        self.held.store(false, Ordering::Release);
        line.take()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Line>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
