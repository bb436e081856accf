//! Who leads a driver: the one thread that polls, reads and writes for its connections.
//!
//! The leader does the work that its turns bring itself, which spares a hand-over to another thread. Meanwhile
//! it lends the driver to the [`Lead`], and another thread takes the driver over when the work blocks.

use sansocket_app::bind::before_waits;
use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::driver::Driver;
use crate::pool::{Pool, Work};

/// The lead of one driver, and the work that its leader does.
pub(crate) struct Lead {
    state: Mutex<State>,
    /// Whether work waits for the leader: spares it the lock.
    has_work: AtomicBool,
    /// Called when nobody leads the driver any more.
    over: Box<dyn Fn() + Send + Sync>,
    pool: Arc<Pool>,
    clock: Arc<Clock>,
}

#[derive(Debug, Default)]
struct State {
    /// Work from the thread of the leader. Bounded: connections are read no further when handlers are behind.
    work: VecDeque<Work>,
    /// The driver, while its leader does work.
    lent: Option<Box<Driver>>,
    /// The number of the leader: there was one for each take-over.
    leader: u64,
    /// How many pieces of work leaders have begun.
    begun: u64,
    /// The same at the last look.
    seen: u64,
    /// How many looks in a row found the leader at slow work.
    slow: u32,
    /// For how many looks work goes to the workers, because some blocked.
    apart: u32,
}

/// The thread that leads a driver. Dropped, it leads no more.
pub(crate) struct Leader {
    lead: Arc<Lead>,
    number: u64,
}

/// What a thread leads, and as which leader.
type Led = Option<(Arc<Lead>, u64)>;

/// Looks at a lead, one each millisecond, for which work goes to the workers when some blocked: so handlers that
/// block hold up others for a few percent of the time at most.
const APART: u32 = 50;

/// Work is slow when less pieces than these are begun between two looks, and the leader is at one.
const QUICK: u64 = 16;

/// Looks in a row that find slow work before workers get it.
const SLOW: u32 = 4;

impl Lead {
    /// Makes the lead of a driver. `over` is called when the driver has come to its end, whyever.
    pub(crate) fn new(
        pool: Arc<Pool>,
        clock: Arc<Clock>,
        over: impl Fn() + Send + Sync + 'static,
    ) -> Arc<Self> {
        let (state, has_work) = (Mutex::default(), AtomicBool::new(false));
        let lead = Arc::new(Self { state, has_work, over: Box::new(over), pool, clock });
        lead.clock.watch(&lead);
        lead
    }

    /// Makes this thread the leader.
    pub(crate) fn enter(self: &Arc<Self>) -> Leader {
        let leader = Leader { lead: self.clone(), number: self.lock().leader };
        LED.set(Some((self.clone(), leader.number)));
        before_waits(step_aside);
        leader
    }

    /// Whether work waits for the leader.
    pub(crate) fn has_work(&self) -> bool {
        self.has_work.load(Ordering::Relaxed)
    }

    /// Looks at what the leader does: takes the driver over when it has been at the same piece of work since
    /// the last look, and has workers do what follows when work is slow. Says whether to look again.
    pub(crate) fn look(&self) -> bool {
        let mut state = self.lock();
        let begun = state.begun.wrapping_sub(state.seen);
        state.seen = state.begun;
        let works = state.lent.is_some();
        let blocks = works && begun == 0;
        state.slow = if works && begun < QUICK { state.slow + 1 } else { 0 };
        if blocks || state.slow == SLOW {
            state.slow = 0;
            state.apart = APART;
        } else {
            state.apart = state.apart.saturating_sub(1);
        }
        let again = works || begun > 0 || state.apart > 0;
        if blocks {
            self.take_over(state);
        }
        again
    }

    /// Gives a driver that is lent to another thread.
    fn take_over(&self, mut state: MutexGuard<'_, State>) {
        if let Some(driver) = state.lent.take() {
            state.leader += 1;
            drop(state);
            self.pool.take_over(driver);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Lead {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lead").field("state", &self.state).finish_non_exhaustive()
    }
}

impl Leader {
    /// Does the work that waits, or hands it to workers; nothing when another thread has taken the driver
    /// over.
    pub(crate) fn work(&self, driver: Box<Driver>) -> Option<Box<Driver>> {
        let mut state = self.lead.lock();
        if state.apart > 0 || !self.lead.pool.has_room() {
            self.hand_over(state);
            return Some(driver);
        }
        state.lent = Some(driver);
        for _ in 0..state.work.len() {
            let Some(work) = state.work.pop_front() else { break };
            self.lead.has_work.store(!state.work.is_empty(), Ordering::Relaxed);
            state.begun = state.begun.wrapping_add(1);
            drop(state);
            self.lead.clock.tick();
            work.perform();
            state = self.lead.lock();
            if state.leader != self.number {
                return None;
            }
        }
        state.lent.take()
    }

    /// Hands the work that waits to workers.
    fn hand_over(&self, mut state: MutexGuard<'_, State>) {
        let work = std::mem::take(&mut state.work);
        self.lead.has_work.store(false, Ordering::Relaxed);
        drop(state);
        work.into_iter().for_each(|work| self.lead.pool.queue(work));
    }
}

impl Drop for Leader {
    fn drop(&mut self) {
        LED.set(None);
        let mut state = self.lead.lock();
        if state.leader == self.number {
            state.leader += 1;
            self.hand_over(state);
            (self.lead.over)();
        }
    }
}

/// Leaves work with the driver that this thread leads, and returns it when there is none of this pool.
pub(crate) fn offer(pool: &Arc<Pool>, work: Work) -> Option<Work> {
    let mut work = Some(work);
    // Not there any more when a thread ends.
    let _ = LED.try_with(|led| {
        let led = led.borrow();
        let Some((lead, number)) = led.as_ref() else { return };
        if Arc::ptr_eq(&lead.pool, pool) {
            let mut state = lead.lock();
            if state.leader == *number {
                state.work.extend(work.take());
                lead.has_work.store(true, Ordering::Relaxed);
            }
        }
    });
    work
}

/// Gives the driver that this thread leads to another one, because this one is about to sleep.
fn step_aside() {
    let led = LED.try_with(|led| led.borrow().clone());
    if let Ok(Some((lead, number))) = led {
        let state = lead.lock();
        if state.leader == number {
            lead.take_over(state);
        }
    }
}

thread_local! {
    /// What this thread leads.
    static LED: RefCell<Led> = const { RefCell::new(None) };
}
