//! What an emitter, the thread of its broker and its clock share.

use sansocket::cluster::{Command, Emitter as Machine, Flush};
use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::{Unconfirmed, log};

/// What an emitter, the thread of its broker and its clock share.
pub(crate) struct State {
    /// Where the broker is.
    address: String,
    inner: Mutex<Inner>,
    /// Rung when a deadline comes earlier than the clock knows, when the line changes, and at the end.
    bell: Condvar,
}

struct Inner {
    machine: Machine,
    /// The thread of the broker, while it waits.
    driver: Option<Waker>,
    /// Tasks that wait for flushes, by ticket.
    flushes: BTreeMap<u64, Waker>,
    /// How many tickets were given to flushes.
    tickets: u64,
    /// When the clock wakes up by itself.
    alarm: Option<Instant>,
    /// Why the broker was not reached last.
    failure: Option<String>,
}

impl State {
    pub(crate) fn new(address: String, machine: Machine) -> Self {
        let (flushes, tickets) = (BTreeMap::new(), 0);
        let inner = Inner { machine, driver: None, flushes, tickets, alarm: None, failure: None };
        Self { address, inner: Mutex::new(inner), bell: Condvar::new() }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// Acts for the application or the clock, and has the thread of the broker look at what follows.
    pub(crate) fn act<R>(&self, act: impl FnOnce(&mut Machine, Instant) -> R) -> R {
        let mut inner = self.lock();
        let result = act(&mut inner.machine, Instant::now());
        let driver = inner.driver.take();
        self.follow(inner, driver);
        result
    }

    /// Acts for the thread of the broker, which looks at what follows by itself.
    pub(crate) fn hear<R>(&self, act: impl FnOnce(&mut Machine, Instant) -> R) -> R {
        let mut inner = self.lock();
        let result = act(&mut inner.machine, Instant::now());
        let driver = if inner.machine.is_done() { inner.driver.take() } else { None };
        self.follow(inner, driver);
        result
    }

    /// Acts for the thread of the broker after a failure.
    pub(crate) fn lost(&self, why: &str) -> Option<Duration> {
        self.lock().failure = Some(why.to_owned());
        let pause = |machine: &mut Machine, now| {
            machine.handle_lost(now, why).map(|due| due.saturating_duration_since(now))
        };
        self.hear(pause)
    }

    pub(crate) fn poll_command(&self, context: &Context<'_>) -> Poll<Option<Command>> {
        let mut inner = self.lock();
        let command = inner.machine.poll_command(Instant::now());
        let poll = match command {
            None if inner.machine.is_done() => Poll::Ready(None),
            None => {
                inner.driver = Some(context.waker().clone());
                Poll::Pending
            }
            command @ Some(_) => Poll::Ready(command),
        };
        self.follow(inner, None);
        poll
    }

    pub(crate) fn poll_closed(&self, context: &Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if inner.machine.is_closed() {
            return Poll::Ready(());
        }
        inner.driver = Some(context.waker().clone());
        Poll::Pending
    }

    /// Returns the name of a flush among those that wait.
    pub(crate) fn ticket(&self) -> u64 {
        let mut inner = self.lock();
        inner.tickets += 1;
        inner.tickets
    }

    pub(crate) fn poll_flush(
        &self,
        (flush, ticket): (&Flush, u64),
        context: &Context<'_>,
    ) -> Poll<Result<(), Unconfirmed>> {
        let mut inner = self.lock();
        if let Some(outcome) = inner.machine.poll_flush(flush) {
            return Poll::Ready(outcome);
        }
        let before = inner.flushes.insert(ticket, context.waker().clone());
        drop((inner, before));
        Poll::Pending
    }

    /// Ends a wait whose outcome nobody takes.
    pub(crate) fn cancel(&self, flush: Flush, ticket: u64) {
        let waker = self.lock().flushes.remove(&ticket);
        // Without the lock.
        drop(waker);
        self.act(|machine, _| machine.cancel(flush));
    }

    /// Waits until the broker is connected; after so long, returns why it is not.
    pub(crate) fn wait_connected(&self, patience: Duration) -> Result<(), String> {
        let is_down = |inner: &mut Inner| !inner.machine.counts().connected;
        let waited = self.bell.wait_timeout_while(self.lock(), patience, is_down);
        let (mut inner, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        match waited.timed_out() {
            false => Ok(()),
            true => Err(inner.failure.take().unwrap_or_else(|| "it does not answer".to_owned())),
        }
    }

    /// Acts on deadlines until the emitter is closed and done.
    pub(crate) fn keep_time(&self) {
        loop {
            let mut inner = self.lock();
            if inner.machine.is_done() {
                return;
            }
            let (now, due) = (Instant::now(), inner.machine.poll_timeout());
            inner.alarm = due;
            let due = match due {
                None => {
                    drop(self.bell.wait(inner));
                    continue;
                }
                Some(due) => due.saturating_duration_since(now),
            };
            if due > Duration::ZERO {
                drop(self.bell.wait_timeout(inner, due));
                continue;
            }
            drop(inner);
            self.act(Machine::handle_timeout);
        }
    }

    /// Does what follows from a change, without the lock.
    fn follow(&self, mut inner: MutexGuard<'_, Inner>, driver: Option<Waker>) {
        let flushes = match inner.machine.has_outcome() {
            true => std::mem::take(&mut inner.flushes),
            false => BTreeMap::new(),
        };
        let mut events = Vec::new();
        while let Some(event) = inner.machine.poll_event() {
            events.push(event);
        }
        let due = inner.machine.poll_timeout();
        let is_earlier = due.is_some_and(|due| inner.alarm.is_none_or(|alarm| due < alarm));
        let is_done = inner.machine.is_done();
        drop(inner);
        if is_earlier || is_done || !events.is_empty() {
            self.bell.notify_all();
        }
        driver.into_iter().chain(flushes.into_values()).for_each(Waker::wake);
        for event in events {
            log::tell(&self.address, &event);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // No code of the application runs under the lock.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
