//! Keeps the events of one client in line while others of it are being handled.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::shards::port::Port;
use crate::sockets::job::Job;

/// Whether jobs of one client are being done that later ones wait for, and those that wait. Free most of the
/// time: then the thread that has the turn of the shard handles events as they come, and nothing is
/// locked.
pub(crate) struct Gate<J = Job> {
    held: AtomicBool,
    /// About the memory of the jobs that the holder of the gate has with it, in bytes.
    taken: AtomicU32,
    /// Nothing is allocated while it is empty. Bounded by the pressure that its jobs count to.
    line: Mutex<Option<Box<Line<J>>>>,
}

/// The jobs that wait at a gate.
pub(crate) struct Line<J = Job> {
    pub(crate) jobs: Vec<J>,
    /// About their memory, in bytes.
    pub(crate) weight: usize,
    /// The connection with a body that waits for less weight.
    pub(crate) post: Option<Arc<Port>>,
}

/// What became of jobs at a gate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Joined {
    /// The caller holds the gate, and does them.
    Holds,
    /// The holder of the gate will do them.
    Waits,
}

const _: () = assert!(size_of::<Gate>() <= 24, "every client has one");

impl<J> Gate<J> {
    /// Whether events have to wait in line.
    #[inline]
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::Acquire)
    }

    /// Holds the gate, which is free.
    pub(crate) fn hold(&self) {
        self.held.store(true, Ordering::Release);
    }

    /// Puts jobs in line, in their order; where the gate was free, leaves them to the caller, who holds it
    /// now.
    pub(crate) fn join(&self, jobs: &mut Vec<J>, weight: usize) -> Joined {
        let mut line = self.lock();
        if !self.held.swap(true, Ordering::AcqRel) {
            self.take(weight);
            return Joined::Holds;
        }
        let waiting = line.get_or_insert_default();
        waiting.weight += weight;
        waiting.jobs.append(jobs);
        Joined::Waits
    }

    /// Takes the jobs in line for the holder of the gate, which has done those before; with `None` the gate
    /// is free.
    pub(crate) fn next(&self) -> Option<Box<Line<J>>> {
        let mut line = self.lock();
        let mut next = line.take();
        let post = next.as_mut().and_then(|line| line.post.take());
        next = next.filter(|line| !line.jobs.is_empty());
        match &next {
            Some(line) => self.take(line.weight),
            None => {
                self.taken.store(0, Ordering::Release);
                self.held.store(false, Ordering::Release);
            }
        }
        drop(line);
        post.iter().for_each(Port::call);
        next
    }

    /// About the memory of the jobs that are not done, in bytes. If there are any, `port` is rung once
    /// there is less.
    pub(crate) fn weigh(&self, port: &Arc<Port>) -> usize {
        if !self.is_held() {
            return 0;
        }
        let mut line = self.lock();
        // The holder may have freed the gate meanwhile.
        if !self.is_held() {
            return 0;
        }
        let taken = usize::try_from(self.taken.load(Ordering::Acquire)).unwrap_or(usize::MAX);
        let weight = line.as_ref().map_or(0, |line| line.weight) + taken;
        if weight > 0 {
            line.get_or_insert_default().post = Some(port.clone());
        }
        weight
    }

    /// Frees the gate and returns the jobs that waited.
    pub(crate) fn abandon(&self) -> Option<Box<Line<J>>> {
        let mut line = self.lock();
        self.taken.store(0, Ordering::Release);
        self.held.store(false, Ordering::Release);
        line.take()
    }

    /// Notes what the holder of the gate has with it.
    fn take(&self, weight: usize) {
        self.taken.store(u32::try_from(weight).unwrap_or(u32::MAX), Ordering::Release);
    }

    fn lock(&self) -> MutexGuard<'_, Option<Box<Line<J>>>> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<J> Default for Gate<J> {
    fn default() -> Self {
        Self { held: AtomicBool::new(false), taken: AtomicU32::new(0), line: Mutex::new(None) }
    }
}

impl<J> Default for Line<J> {
    fn default() -> Self {
        Self { jobs: Vec::new(), weight: 0, post: None }
    }
}
