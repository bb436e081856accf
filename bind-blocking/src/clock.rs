//! The thread that watches the time.

use sansocket_app::BoxFuture;
use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::Builder;
use std::time::{Duration, Instant};

use crate::lead::Lead;

/// The tasks that sleep, and the thread that wakes them, runs the timers of a server, and looks after its
/// drivers while leaders do work.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    state: Mutex<State>,
    changed: Condvar,
    leads: Mutex<Vec<Weak<Lead>>>,
    /// Whether it ticks. Then a leader need not tell that it begins with work.
    ticks: AtomicBool,
}

#[derive(Debug, Default)]
struct State {
    sleepers: BTreeMap<WakeTime, Waker>,
    /// Tells sleepers of the same moment apart.
    last: u64,
    /// Whether the timers were woken.
    rung: bool,
    /// When it looks after the drivers next.
    tick: Option<Instant>,
    ended: bool,
}

/// What the thread of a clock does next.
#[derive(Default)]
struct Call {
    woken: Vec<Waker>,
    rung: bool,
    tick: bool,
}

/// A moment, and the number of one of its sleepers.
type WakeTime = (Instant, u64);

/// The time between two looks at the drivers: a leader that is at the same work at two of them loses its
/// driver.
const TICK: Duration = Duration::from_millis(1);

impl Clock {
    /// Starts the thread. It ends with the server whose timers it runs.
    ///
    /// # Errors
    /// When the operating system has no thread left.
    pub(crate) fn start(self: &Arc<Self>, timers: BoxFuture<()>) -> io::Result<()> {
        let clock = self.clone();
        self.lock().rung = true;
        Builder::new().name("sansocket-clock".into()).spawn(move || clock.run(timers))?;
        Ok(())
    }

    /// Sleeps.
    pub(crate) fn sleep(self: &Arc<Self>, duration: Duration) -> Sleep {
        Sleep { clock: self.clone(), due: Instant::now().checked_add(duration), entry: None }
    }

    /// Looks after a driver from now on.
    pub(crate) fn watch(&self, lead: &Arc<Lead>) {
        self.leads().push(Arc::downgrade(lead));
    }

    /// Sees to it that the drivers are looked after: a leader begins with work.
    #[inline]
    pub(crate) fn tick(&self) {
        if !self.ticks.load(Ordering::SeqCst) {
            self.start_ticks();
        }
    }

    #[cold]
    fn start_ticks(&self) {
        self.ticks.store(true, Ordering::SeqCst);
        self.lock().tick.get_or_insert_with(|| Instant::now() + TICK);
        self.changed.notify_one();
    }

    /// Looks after the drivers, and goes on with that while any leader does work.
    fn look(&self) {
        // Before looking: a leader that begins afterwards is either seen below, or sees this.
        self.ticks.store(false, Ordering::SeqCst);
        let mut works = false;
        self.leads().retain(|lead| {
            let lead = lead.upgrade();
            works |= lead.as_ref().is_some_and(|lead| lead.look());
            lead.is_some()
        });
        if works {
            self.start_ticks();
        }
    }

    fn run(self: Arc<Self>, mut timers: BoxFuture<()>) {
        let waker = Waker::from(self.clone());
        let mut context = Context::from_waker(&waker);
        while let Some(Call { woken, rung, tick }) = self.wait() {
            if tick {
                self.look();
            }
            woken.into_iter().for_each(Waker::wake);
            if rung && timers.as_mut().poll(&mut context).is_ready() {
                break;
            }
        }
        self.stop();
    }

    /// Waits until something is to be done; nothing when the clock has to end.
    fn wait(&self) -> Option<Call> {
        let mut state = self.lock();
        loop {
            if state.ended {
                return None;
            }
            let now = Instant::now();
            let call = state.take(now);
            if call.rung || call.tick || !call.woken.is_empty() {
                return Some(call);
            }
            let sleeper = state.sleepers.first_key_value().map(|((due, _), _)| *due);
            state = match sleeper.into_iter().chain(state.tick).min() {
                Some(due) => {
                    let waited = self.changed.wait_timeout(state, due - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    fn stop(&self) {
        let mut state = self.lock();
        state.ended = true;
        let woken = std::mem::take(&mut state.sleepers);
        drop(state);
        self.changed.notify_one();
        woken.into_values().for_each(Waker::wake);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn leads(&self) -> MutexGuard<'_, Vec<Weak<Lead>>> {
        self.leads.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Takes what is due.
    fn take(&mut self, now: Instant) -> Call {
        let mut call = Call { rung: std::mem::take(&mut self.rung), ..Call::default() };
        while let Some(sleeper) = self.sleepers.first_entry().filter(|it| it.key().0 <= now) {
            call.woken.push(sleeper.remove());
        }
        call.tick = self.tick.take_if(|due| *due <= now).is_some();
        call
    }
}

/// Wakes the timers.
impl Wake for Clock {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.lock().rung = true;
        self.changed.notify_one();
    }
}

/// A sleep; over at once when the clock ends.
pub(crate) struct Sleep {
    clock: Arc<Clock>,
    /// Nothing when that is too far away to be counted.
    due: Option<Instant>,
    entry: Option<WakeTime>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        let Some(due) = this.due else { return Poll::Pending };
        if due <= Instant::now() {
            return Poll::Ready(());
        }
        let mut state = this.clock.lock();
        if state.ended {
            return Poll::Ready(());
        }
        let entry = *this.entry.get_or_insert_with(|| {
            state.last += 1;
            (due, state.last)
        });
        let before = state.sleepers.insert(entry, context.waker().clone());
        let is_next = state.sleepers.first_key_value().is_some_and(|(first, _)| *first == entry);
        drop(state);
        if before.is_none() && is_next {
            this.clock.changed.notify_one();
        }
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(entry) = self.entry {
            let waker = self.clock.lock().sleepers.remove(&entry);
            // Dropped after the lock: it may hold the last of a task.
            drop(waker);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sansocket_app::wait;
    use std::pin::pin;

    /// A clock without a hub.
    fn clock() -> Arc<Clock> {
        let clock = Arc::new(Clock::default());
        clock.start(Box::pin(std::future::pending())).unwrap();
        clock
    }

    #[test]
    fn a_shorter_sleep_that_begins_later_ends_earlier() {
        let clock = clock();
        let long = clock.sleep(Duration::from_secs(3600));
        let mut long = pin!(long);
        let mut context = Context::from_waker(Waker::noop());
        assert!(long.as_mut().poll(&mut context).is_pending());
        let begin = Instant::now();
        wait(clock.sleep(Duration::from_millis(20)));
        assert!(begin.elapsed() >= Duration::from_millis(20));
        assert!(long.as_mut().poll(&mut context).is_pending());
        clock.stop();
        assert!(long.as_mut().poll(&mut context).is_ready());
    }

    #[test]
    fn a_sleep_that_is_dropped_leaves_nothing() {
        let clock = clock();
        let mut context = Context::from_waker(Waker::noop());
        for _ in 0..100 {
            let mut sleep = clock.sleep(Duration::from_secs(3600));
            assert!(Pin::new(&mut sleep).poll(&mut context).is_pending());
            assert!(Pin::new(&mut sleep).poll(&mut context).is_pending());
            assert_eq!(clock.lock().sleepers.len(), 1);
        }
        assert!(clock.lock().sleepers.is_empty());
        clock.stop();
    }

    #[test]
    fn a_sleep_without_end_does_not_end() {
        let mut sleep = clock().sleep(Duration::MAX);
        assert!(Pin::new(&mut sleep).poll(&mut Context::from_waker(Waker::noop())).is_pending());
        sleep.clock.stop();
    }
}
