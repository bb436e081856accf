//! Virtual time, and the tasks that live in it.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

use crate::runtime::{BoxFuture, Runtime};

/// A runtime of one thread whose time only moves when it is told to. Tasks run in the order they
/// became ready, so that a test takes the same course every time.
pub(super) struct Clock {
    birth: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    elapsed: Duration,
    /// All tasks but the one that is running. They are owned here, not by their wakers, so that
    /// nothing that waits for its own end outlives a test.
    tasks: BTreeMap<Task, BoxFuture<()>>,
    ready: VecDeque<Task>,
    /// Sleeping tasks by their time of waking, in the order of beginning where that is the same.
    sleeps: BTreeMap<(Duration, u64), Waker>,
    /// The last number given away.
    last: u64,
}

/// One task of a [`Clock`].
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Task(u64);

/// The shortest sleep. What sleeps for nothing sleeps so long, and time passes for it as long as
/// nothing else is to be done.
const MOMENT: Duration = Duration::from_micros(1);

/// Turns after which a server that is still busy will be so forever.
const TURNS: usize = 500_000;

impl Clock {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self { birth: Instant::now(), state: Mutex::default() })
    }

    /// Starts a task with the next turn.
    pub(super) fn start(&self, future: BoxFuture<()>) -> Task {
        let mut state = self.lock();
        state.last += 1;
        let task = Task(state.last);
        state.tasks.insert(task, future);
        state.ready.push_back(task);
        task
    }

    pub(super) fn wake(&self, task: Task) {
        let mut state = self.lock();
        if !state.ready.contains(&task) {
            state.ready.push_back(task);
        }
    }

    /// Runs tasks until all of them wait for time to pass or for a client.
    ///
    /// # Panics
    /// When they never do, or one of them panics.
    pub(super) fn settle(self: &Arc<Self>) {
        for _ in 0..TURNS {
            if let Some((task, future)) = self.next() {
                self.turn(task, future);
                continue;
            }
            let soon = self.lock().elapsed + MOMENT;
            if !self.ring(soon) {
                return;
            }
        }
        panic!("the server does not come to rest: something in it wakes itself again and again");
    }

    /// Lets time pass, with a stop wherever something is due.
    pub(super) fn advance(self: &Arc<Self>, duration: Duration) {
        self.settle();
        let until = self.lock().elapsed.saturating_add(duration);
        while self.ring(until) {
            self.settle();
        }
        let mut state = self.lock();
        state.elapsed = state.elapsed.max(until);
    }

    /// Drops every task, and tasks started by dropping others.
    pub(super) fn stop(&self) {
        loop {
            // Dropped when the lock is free: they come back to have their sleeps forgotten.
            let tasks = std::mem::take(&mut self.lock().tasks);
            if tasks.is_empty() {
                return;
            }
        }
    }

    fn next(&self) -> Option<(Task, BoxFuture<()>)> {
        let mut state = self.lock();
        loop {
            let task = state.ready.pop_front()?;
            if let Some(future) = state.tasks.remove(&task) {
                return Some((task, future));
            }
        }
    }

    fn turn(self: &Arc<Self>, task: Task, mut future: BoxFuture<()>) {
        let waker = Waker::from(Arc::new(Bell { clock: Arc::downgrade(self), task }));
        if future.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            self.lock().tasks.insert(task, future);
        }
    }

    /// Moves on to the end of the first sleep and wakes the sleeper, unless that is after `until`.
    fn ring(&self, until: Duration) -> bool {
        let mut state = self.lock();
        let Some((&(due, _), _)) = state.sleeps.first_key_value() else { return false };
        if due > until {
            return false;
        }
        state.elapsed = state.elapsed.max(due);
        let waker = state.sleeps.pop_first().map(|(_, waker)| waker);
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
        true
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Runtime for Arc<Clock> {
    fn now(&self) -> Instant {
        self.birth + self.lock().elapsed
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.start(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        let mut state = self.lock();
        state.last += 1;
        let key = (state.elapsed.saturating_add(duration.max(MOMENT)), state.last);
        Box::pin(Sleep { clock: self.clone(), key })
    }
}

/// Waits for an instant of virtual time.
struct Sleep {
    clock: Arc<Clock>,
    key: (Duration, u64),
}

impl Future for Sleep {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut state = self.clock.lock();
        if state.elapsed >= self.key.0 {
            return Poll::Ready(());
        }
        let before = state.sleeps.insert(self.key, context.waker().clone());
        drop(state);
        // Now that the lock is free: what a waker keeps alive may come back here as it goes.
        drop(before);
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        let waker = self.clock.lock().sleeps.remove(&self.key);
        drop(waker);
    }
}

/// Wakes one task.
struct Bell {
    clock: Weak<Clock>,
    task: Task,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if let Some(clock) = self.clock.upgrade() {
            clock.wake(self.task);
        }
    }
}
