//! How other threads reach one that carries connections.

use mio::Waker as Alarm;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

use crate::carry::Arrival;

/// What other threads leave with a driver.
#[derive(Debug)]
pub(crate) struct Post {
    mail: Mutex<Mail>,
    alarm: Alarm,
}

/// What is left and not yet taken.
#[derive(Debug, Default)]
struct Mail {
    /// Connections that are its from now on. Bounded by the file descriptors of the process.
    arrivals: Vec<Arrival>,
    /// The seats whose bell rang; each at most once.
    rung: Vec<usize>,
    stage: Stage,
    /// Whether the driver waits in its poller and has to be woken.
    asleep: bool,
}

/// How far the end of a server has come.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Stage {
    /// It accepts connections.
    #[default]
    Open,
    /// It serves those it has.
    Stopping,
    /// None are left.
    Ended,
}

impl Post {
    pub(crate) fn new(alarm: Alarm) -> Self {
        Self { mail: Mutex::default(), alarm }
    }

    /// Hands over a connection.
    pub(crate) fn seat(&self, arrival: Arrival) {
        self.leave(|mail| mail.arrivals.push(arrival));
    }

    /// Says how far the end has come.
    pub(crate) fn advance(&self, stage: Stage) {
        self.leave(|mail| mail.stage = stage);
    }

    /// Takes everything: connections into `arrivals`, which is empty, and seats into `due`.
    pub(crate) fn take(&self, arrivals: &mut Vec<Arrival>, due: &mut VecDeque<usize>) -> Stage {
        let mut mail = self.lock();
        mail.asleep = false;
        std::mem::swap(&mut mail.arrivals, arrivals);
        due.extend(mail.rung.drain(..));
        mail.stage
    }

    /// Takes the seats whose bell rang, and puts them before those in `due`.
    pub(crate) fn take_first(&self, due: &mut VecDeque<usize>) {
        let mut mail = self.lock();
        mail.rung.drain(..).rev().for_each(|seat| due.push_front(seat));
    }

    /// Whether nothing is left and the driver may sleep; whatever is left from then on wakes it.
    pub(crate) fn is_empty_for_now(&self, stage: Stage) -> bool {
        let mut mail = self.lock();
        mail.asleep = mail.arrivals.is_empty() && mail.rung.is_empty() && mail.stage == stage;
        mail.asleep
    }

    fn leave(&self, act: impl FnOnce(&mut Mail)) {
        let mut mail = self.lock();
        act(&mut mail);
        let asleep = std::mem::take(&mut mail.asleep);
        drop(mail);
        if asleep {
            // Fails only where the driver is gone.
            let _ = self.alarm.wake();
        }
    }

    fn lock(&self) -> MutexGuard<'_, Mail> {
        self.mail.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What wakes one connection: notes its seat with its driver, once until it had its turn.
#[derive(Debug)]
pub(crate) struct Bell {
    post: Arc<Post>,
    seat: usize,
    struck: AtomicBool,
}

impl Bell {
    /// Makes the bell of a connection whose first turn is due.
    pub(crate) fn new(post: Arc<Post>, seat: usize) -> Self {
        Self { post, seat, struck: AtomicBool::new(true) }
    }

    /// Strikes, and says whether the seat has to be queued for it.
    pub(crate) fn strike(&self) -> bool {
        !self.struck.swap(true, Ordering::AcqRel)
    }

    /// The turn begins: mail left from now on calls for another turn.
    pub(crate) fn quiet(&self) {
        // Not a mere store: the stroke before must have been heard, see `strike`.
        self.struck.swap(false, Ordering::AcqRel);
    }
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if self.strike() {
            self.post.leave(|mail| mail.rung.push(self.seat));
        }
    }
}
