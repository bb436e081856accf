//! The end of a server: connections are counted, told to finish, and waited for.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::time::{Micros, NEVER};

/// How far a server's end has come, and how many connections it still has.
#[derive(Debug)]
pub(crate) struct Life {
    stage: AtomicU8,
    live: AtomicUsize,
    /// When the connections that are left are cut off.
    cut_off: AtomicU64,
    waiting: Mutex<Vec<(u64, Waker)>>,
    tickets: AtomicU64,
}

/// Sessions were closed; connections finish the answers they have begun.
const STOPPING: u8 = 1;
/// Connections end at once.
const ABORTED: u8 = 2;

impl Default for Life {
    fn default() -> Self {
        Self {
            stage: AtomicU8::new(0),
            live: AtomicUsize::new(0),
            cut_off: AtomicU64::new(NEVER),
            waiting: Mutex::default(),
            tickets: AtomicU64::new(0),
        }
    }
}

impl Life {
    pub(crate) fn is_stopping(&self) -> bool {
        self.stage.load(Ordering::Acquire) >= STOPPING
    }

    pub(crate) fn is_aborted(&self) -> bool {
        self.stage.load(Ordering::Acquire) == ABORTED
    }

    /// Begins the end; the first call decides when it is to be over.
    pub(crate) fn stop(&self, cut_off: Micros) {
        if !self.is_stopping() {
            self.cut_off.store(cut_off, Ordering::Release);
        }
        self.advance(STOPPING);
    }

    /// When the connections that are left are to be cut off.
    pub(crate) fn cut_off(&self) -> Micros {
        self.cut_off.load(Ordering::Acquire)
    }

    pub(crate) fn abort(&self) {
        self.cut_off.store(NEVER, Ordering::Release);
        self.advance(ABORTED);
    }

    /// A connection begins.
    pub(crate) fn enter(&self) {
        self.live.fetch_add(1, Ordering::AcqRel);
    }

    /// A connection ends.
    pub(crate) fn leave(&self) {
        if self.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.wake();
        }
    }

    pub(crate) fn live(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    fn advance(&self, stage: u8) {
        self.stage.fetch_max(stage, Ordering::AcqRel);
        self.wake();
    }

    fn wake(&self) {
        let waiting = std::mem::take(&mut *self.lock());
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    fn lock(&self) -> MutexGuard<'_, Vec<(u64, Waker)>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits until a server is told to stop, or until its last connection has ended.
///
/// # Cancel safety
/// Dropping it loses nothing: a new one is ready at once when it has happened already.
#[must_use = "futures do nothing unless awaited"]
pub struct Until {
    life: Arc<Life>,
    over: fn(&Life) -> bool,
    /// The name of its entry in the list.
    ticket: u64,
}

impl Until {
    fn new(life: &Arc<Life>, over: fn(&Life) -> bool) -> Self {
        let ticket = life.tickets.fetch_add(1, Ordering::Relaxed);
        Self { life: life.clone(), over, ticket }
    }

    pub(super) fn stopping(life: &Arc<Life>) -> Self {
        Self::new(life, Life::is_stopping)
    }

    pub(super) fn idle(life: &Arc<Life>) -> Self {
        Self::new(life, |life| life.live() == 0)
    }
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let life = &*self.life;
        // Under the lock, so that what changes after the look finds the waker.
        let mut waiting = life.lock();
        if (self.over)(life) {
            return Poll::Ready(());
        }
        match waiting.iter_mut().find(|(ticket, _)| *ticket == self.ticket) {
            Some((_, waker)) => waker.clone_from(context.waker()),
            None => waiting.push((self.ticket, context.waker().clone())),
        }
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        self.life.lock().retain(|(ticket, _)| *ticket != self.ticket);
    }
}

impl fmt::Debug for Until {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Until").finish_non_exhaustive()
    }
}
