//! Threads for work that may block.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Builder, JoinHandle};
use std::time::Duration;

use crate::task::Task;

/// Up to so many threads that take work from one queue.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// There is work, or there will be none.
    called: Condvar,
    /// A worker ended.
    left: Condvar,
    most: usize,
    /// How long a worker waits for work before it ends.
    patience: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// Bounded by the hub, which reads no further when handlers are behind.
    queue: VecDeque<Work>,
    workers: Vec<JoinHandle<()>>,
    /// Workers without work.
    idle: usize,
    /// Workers that ended because the pool does.
    gone: usize,
    ending: bool,
}

/// What a worker does.
pub(crate) enum Work {
    Call(Box<dyn FnOnce() + Send>),
    Task(Arc<Task>),
}

/// Workers are kept for so long without work.
const IDLE: Duration = Duration::from_secs(10);

/// How long the end of a pool waits for work under way.
const PATIENCE: Duration = Duration::from_secs(5);

impl Pool {
    pub(crate) fn new(most: usize) -> Self {
        let (state, called, left) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self { state, called, left, most: most.max(1), patience: IDLE }
    }

    /// Runs `work` on a worker, which is started if all have something to do.
    pub(crate) fn run(self: &Arc<Self>, work: Work) {
        let mut state = self.lock();
        if state.ending && state.gone == state.workers.len() {
            // Dropped after the lock: it may come back here.
            drop(state);
            return drop(work);
        }
        state.queue.push_back(work);
        if state.queue.len() <= state.idle {
            drop(state);
            return self.called.notify_one();
        }
        if state.workers.len() < self.most && !state.ending {
            let pool = self.clone();
            let worker = Builder::new().name("sansocket-work".into()).spawn(move || pool.work());
            // Where the system has no thread left, the work waits for the others.
            state.workers.extend(worker);
        }
        // Without any worker nobody would ever come for it.
        if state.workers.is_empty()
            && let Some(work) = state.queue.pop_back()
        {
            drop(state);
            work.perform();
        }
    }

    /// Lets the workers finish what waits and end; those whose work goes on for long are left to
    /// themselves.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        state.ending = true;
        self.called.notify_all();
        // It may be a handler that ends the server.
        let here = |worker: &JoinHandle<()>| worker.thread().id() == thread::current().id();
        let own = state.workers.iter().filter(|worker| here(worker)).count();
        let (mut state, _) = self
            .left
            .wait_timeout_while(state, PATIENCE, |state| state.gone + own < state.workers.len())
            .unwrap_or_else(PoisonError::into_inner);
        if state.gone + own < state.workers.len() {
            return;
        }
        let workers = std::mem::take(&mut state.workers);
        state.gone = 0;
        drop(state);
        for worker in workers.into_iter().filter(|worker| !here(worker)) {
            // Panics were caught before.
            let _ = worker.join();
        }
    }

    /// Ends the workers without waiting for them.
    pub(crate) fn close(&self) {
        self.lock().ending = true;
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
            if state.ending {
                state.gone += 1;
                self.left.notify_all();
                return None;
            }
            state.idle += 1;
            let (woken, waited) = self
                .called
                .wait_timeout(state, self.patience)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() && !state.ending {
                let own = thread::current().id();
                state.workers.retain(|worker| worker.thread().id() != own);
                return None;
            }
        }
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

impl std::fmt::Debug for Work {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
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
        assert_eq!(pool.lock().workers.len(), 2);
        (0..50).for_each(|_| go.send(()).unwrap());
        let mut order: Vec<usize> = (0..50).map(|_| ended.recv_timeout(LONG).unwrap()).collect();
        order.sort_unstable();
        assert!(order.into_iter().eq(0..50));
        pool.end();
        assert!(pool.lock().workers.is_empty());
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
            while !pool.lock().workers.is_empty() {
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
        pool.end();
        drop(done);
        assert!(ended.iter().eq(0..100));
        // Nobody is left for it.
        let (done, ended) = mpsc::channel::<()>();
        call(&pool, move || drop(done));
        assert!(ended.recv().is_err());
    }

    #[test]
    fn a_pool_ends_on_its_own_worker() {
        let pool = Arc::new(Pool::new(3));
        let (done, ended) = mpsc::channel();
        let here = pool.clone();
        call(&pool, move || {
            here.end();
            done.send(()).unwrap();
        });
        ended.recv_timeout(LONG).unwrap();
    }
}
