//! The threads of a server: each leads a driver, or does work that may block.

use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

use crate::driver::{Driver, End};
use crate::lead;
use crate::task::Task;

/// Threads that take work from one queue. A thread that leads a driver is no worker meanwhile.
#[derive(Debug)]
pub(crate) struct Pool {
    state: Mutex<State>,
    /// Whether nothing is queued and another worker may block: leaders do their work themselves.
    has_room: AtomicBool,
    /// There is work, or there will be none.
    called: Condvar,
    /// A worker has nothing to do.
    rested: Condvar,
    /// The most workers; for a moment there may be one more for each driver that is taken over.
    most: usize,
    /// How long a worker waits for work before it ends.
    patience: Duration,
}

#[derive(Debug, Default)]
struct State {
    /// Drivers without a leader. They come before all work.
    drivers: VecDeque<Box<Driver>>,
    /// Bounded by the hub, which reads no further when handlers are behind.
    queue: VecDeque<Work>,
    /// Threads that lead no driver.
    workers: usize,
    /// Workers without work.
    idle: usize,
    closed: bool,
}

/// Work that may block.
pub(crate) enum Work {
    Call(Box<dyn FnOnce() + Send>),
    Task(Arc<Task>),
}

/// What a thread of the pool does next.
enum Duty {
    Drive(Box<Driver>),
    Work(Work),
}

/// Workers are kept for so long without work.
const IDLE: Duration = Duration::from_secs(10);

/// How long [`Pool::settle`] waits for work under way.
const PATIENCE: Duration = Duration::from_secs(5);

impl Pool {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            state: Mutex::default(),
            has_room: AtomicBool::new(true),
            called: Condvar::new(),
            rested: Condvar::new(),
            most: most.max(1),
            patience: IDLE,
        }
    }

    /// Runs `work`: on this thread between two turns of the driver that it leads, or else on a worker.
    pub(crate) fn run(self: &Arc<Self>, work: Work) {
        if let Some(work) = lead::offer(self, work) {
            self.queue(work);
        }
    }

    /// Runs `work` on a worker, which is started if all have something to do.
    pub(crate) fn queue(self: &Arc<Self>, work: Work) {
        let mut state = self.lock();
        if state.closed && state.workers == 0 {
            // Dropped after the lock: it may come back here.
            drop(state);
            return drop(work);
        }
        state.queue.push_back(work);
        let may_start = state.workers < self.most && !state.closed;
        // Where the system has no thread left, the work waits for the others.
        let called = self.call(&mut state, may_start).is_ok();
        // Without any worker the work would never be done.
        if !called
            && state.workers == 0
            && let Some(work) = state.queue.pop_back()
        {
            drop(state);
            work.perform();
        }
    }

    /// Has a thread lead a driver.
    ///
    /// # Errors
    /// When the operating system has no thread left.
    pub(crate) fn drive(self: &Arc<Self>, driver: Box<Driver>) -> io::Result<()> {
        let mut state = self.lock();
        state.drivers.push_back(driver);
        let called = self.call(&mut state, true);
        let refused = if called.is_err() { state.drivers.pop_back() } else { None };
        drop((state, refused));
        called
    }

    /// Has another thread lead the driver of one that blocks, which is a worker from now on.
    pub(crate) fn take_over(self: &Arc<Self>, driver: Box<Driver>) {
        let mut state = self.lock();
        state.workers += 1;
        state.drivers.push_back(driver);
        // Where the system has no thread left, the driver waits for the next that has nothing to do.
        let _ = self.call(&mut state, true);
    }

    /// Whether nothing is queued and another worker may block.
    pub(crate) fn has_room(&self) -> bool {
        self.has_room.load(Ordering::Relaxed)
    }

    /// Sees to it that a worker takes what was queued: wakes one, or starts one.
    fn call(self: &Arc<Self>, state: &mut State, may_start: bool) -> io::Result<()> {
        self.tell(state);
        if state.drivers.len() + state.queue.len() <= state.idle {
            self.called.notify_one();
        } else if may_start {
            let pool = self.clone();
            Builder::new().name("sansocket-work".into()).spawn(move || pool.work())?;
            state.workers += 1;
        }
        Ok(())
    }

    /// Tells leaders whether they may do work.
    fn tell(&self, state: &State) {
        let has_room = state.queue.is_empty() && state.workers - state.idle < self.most;
        self.has_room.store(has_room, Ordering::Relaxed);
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

    fn work(self: &Arc<Self>) {
        while let Some(duty) = self.next() {
            match duty {
                Duty::Work(work) => work.perform(),
                Duty::Drive(driver) => {
                    let end = catch_unwind(AssertUnwindSafe(|| driver.lead()));
                    // A thread whose driver was taken over has been a worker since then.
                    if !matches!(end, Ok(End::Taken)) {
                        self.lock().workers += 1;
                    }
                }
            }
        }
    }

    /// Waits for something to do; nothing when the worker has to end.
    fn next(self: &Arc<Self>) -> Option<Duty> {
        let mut state = self.lock();
        loop {
            if let Some(driver) = state.drivers.pop_front() {
                state.workers -= 1;
                // Another one does the work that waits.
                let may_start = !state.queue.is_empty() && state.workers < self.most;
                let _ = self.call(&mut state, may_start);
                return Some(Duty::Drive(driver));
            }
            if let Some(work) = state.queue.pop_front() {
                self.tell(&state);
                return Some(Duty::Work(work));
            }
            if state.closed || state.workers > self.most {
                break;
            }
            state.idle += 1;
            self.tell(&state);
            self.rested.notify_all();
            let (woken, waited) = self
                .called
                .wait_timeout(state, self.patience)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.queue.is_empty() && state.drivers.is_empty() {
                break;
            }
        }
        state.workers -= 1;
        self.tell(&state);
        self.rested.notify_all();
        None
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Work {
    pub(crate) fn perform(self) {
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
