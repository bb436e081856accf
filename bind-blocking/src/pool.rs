//! Threads for work that may block.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crate::task::Task;

/// Up to so many threads that take work from one queue.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// There is work, or there will be none.
    called: Condvar,
    /// A worker has nothing to do.
    rested: Condvar,
    most: usize,
    /// How long a worker waits for work before it ends.
    patience: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// Bounded by the hub, which reads no further when handlers are behind.
    queue: VecDeque<Work>,
    workers: usize,
    /// Workers without work.
    idle: usize,
    closed: bool,
}

/// What a worker does.
pub(crate) enum Work {
    Call(Box<dyn FnOnce() + Send>),
    Task(Arc<Task>),
}

/// Workers are kept for so long without work.
const IDLE: Duration = Duration::from_secs(10);

/// How long [`Pool::settle`] waits for work under way.
const PATIENCE: Duration = Duration::from_secs(5);

impl Pool {
    pub(crate) fn new(most: usize) -> Self {
        let (state, called, rested) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self { state, called, rested, most: most.max(1), patience: IDLE }
    }

    /// Runs `work` on a worker, which is started if all have something to do.
    pub(crate) fn run(self: &Arc<Self>, work: Work) {
        let mut state = self.lock();
        if state.closed && state.workers == 0 {
            // Dropped after the lock: it may come back here.
            drop(state);
            return drop(work);
        }
        state.queue.push_back(work);
        if state.queue.len() <= state.idle {
            drop(state);
            return self.called.notify_one();
        }
        if state.workers < self.most && !state.closed {
            let pool = self.clone();
            let worker = Builder::new().name("sansocket-work".into()).spawn(move || pool.work());
            // Where the system has no thread left, the work waits for the others.
            state.workers += usize::from(worker.is_ok());
        }
        // Without any worker the job would never run.
        if state.workers == 0
            && let Some(work) = state.queue.pop_back()
        {
            drop(state);
            work.perform();
        }
    }

    /// Waits until all work is done, but not for work that goes on for longer than five seconds.
    pub(crate) fn settle(&self) {
        let busy = |state: &mut State| !state.queue.is_empty() || state.idle < state.workers;
        drop(self.rested.wait_timeout_while(self.lock(), PATIENCE, busy));
    }

    /// Ends the workers, once the work that waits is done.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.called.notify_all();
    }

    fn work(&self) {
        while let Some(work) = self.next() {
            work.perform();
        }
    }

    /// Waits for work; nothing when the worker has to end.
    fn next(&self) -> Option<Work> {
        let mut state = self.lock();
        loop {
            if let Some(work) = state.queue.pop_front() {
                return Some(work);
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            self.rested.notify_all();
            let (woken, waited) = self
                .called
                .wait_timeout(state, self.patience)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.workers -= 1;
        self.rested.notify_all();
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    fn perform(self) {
        // A panic has been printed and concerns this work alone.
        let _ = catch_unwind(AssertUnwindSafe(|| match self {
            Self::Call(call) => call(),
            Self::Task(task) => task.poll(),
        }));
    }
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call(_) => "Call",
            Self::Task(_) => "Task",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;
    use std::thread;

    /// A test that waits longer has failed.
    const LONG: Duration = Duration::from_secs(20);

    fn call(pool: &Arc<Pool>, call: impl FnOnce() + Send + 'static) {
        pool.run(Work::Call(Box::new(call)));
    }

    #[test]
    fn work_beyond_the_workers_waits() {
        let pool = Arc::new(Pool::new(2));
        let (go, gate) = mpsc::channel::<()>();
        let (gate, (done, ended)) = (Arc::new(Mutex::new(gate)), mpsc::channel());
        for n in 0..50 {
            let (gate, done) = (gate.clone(), done.clone());
            call(&pool, move || {
                gate.lock().unwrap().recv().unwrap();
                done.send(n).unwrap();
            });
        }
        assert_eq!(pool.lock().workers, 2);
        (0..50).for_each(|_| go.send(()).unwrap());
        let mut order: Vec<usize> = (0..50).map(|_| ended.recv_timeout(LONG).unwrap()).collect();
        order.sort_unstable();
        assert!(order.into_iter().eq(0..50));
        pool.settle();
        assert_eq!(pool.lock().idle, 2);
        pool.close();
    }

    #[test]
    fn a_worker_without_work_ends_and_another_one_comes() {
        let pool = Pool { patience: Duration::from_millis(1), ..Pool::new(1) };
        let pool = Arc::new(pool);
        let (done, ended) = mpsc::channel();
        for _ in 0..3 {
            let done = done.clone();
            call(&pool, move || done.send(thread::current().id()).unwrap());
            ended.recv_timeout(LONG).unwrap();
            while pool.lock().workers > 0 {
                thread::yield_now();
            }
        }
        assert_eq!(pool.lock().idle, 0);
    }

    #[test]
    fn the_end_lets_work_that_waits_happen_first() {
        let pool = Arc::new(Pool::new(1));
        let (done, ended) = mpsc::channel();
        for n in 0..100 {
            let (again, done) = (pool.clone(), done.clone());
            call(&pool, move || call(&again, move || done.send(n).unwrap()));
        }
        pool.close();
        drop(done);
        assert!(ended.iter().eq(0..100));
        while pool.lock().workers > 0 {
            thread::yield_now();
        }
        // No worker is left for it.
        let (done, ended) = mpsc::channel::<()>();
        call(&pool, move || drop(done));
        assert!(ended.recv().is_err());
    }

    #[test]
    fn a_pool_settles_when_the_last_work_is_done() {
        let pool = Arc::new(Pool::new(3));
        pool.settle();
        let (done, ended) = mpsc::channel();
        for n in 0..30 {
            let done = done.clone();
            call(&pool, move || {
                thread::sleep(Duration::from_millis(1));
                done.send(n).unwrap();
            });
        }
        pool.settle();
        assert_eq!(ended.try_iter().count(), 30);
        pool.close();
    }
}
