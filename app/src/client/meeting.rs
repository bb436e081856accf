//! Where two gates meet: that of a namespace, and that of the calls that concern the whole client.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::hold::Hold;
use super::job::Job;

/// A call that stands in line at two gates. It is made when both have come to it, and later calls of both wait for
/// it. Every call is put in line under the turn of the client, so gates never wait for each other in a circle.
pub(super) struct Meeting(Mutex<Stage>);

enum Stage {
    /// Neither gate has come to it.
    Ahead(Job),
    /// One has, and is held until the other one comes.
    Waits(Job, Hold),
    Over,
}

impl Meeting {
    pub(super) fn of(call: Job) -> Self {
        Self(Mutex::new(Stage::Ahead(call)))
    }

    /// One of the gates has come to the call. The second to come gets the call to make, and both holds to go on
    /// with.
    pub(super) fn arrive(&self, hold: Hold) -> Option<(Job, [Hold; 2])> {
        let mut stage = self.lock();
        match std::mem::replace(&mut *stage, Stage::Over) {
            Stage::Ahead(call) => {
                *stage = Stage::Waits(call, hold);
                None
            }
            Stage::Waits(call, first) => Some((call, [first, hold])),
            Stage::Over => unreachable!("two gates meet once"),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Stage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
