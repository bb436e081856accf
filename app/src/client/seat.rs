//! One namespace of a client that runs.

use sansocket::client as core;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::job::Job;
use super::space::Space;
use crate::sockets::gate::Gate;

/// One namespace of a client that runs.
pub(super) struct Seat {
    pub(super) key: core::Namespace,
    pub(super) name: Arc<str>,
    /// Keeps its calls in line.
    pub(super) gate: Gate<Job>,
    desk: Mutex<Desk>,
}

/// What is called, and whether the connect handler let the client stay.
struct Desk {
    space: Arc<Space>,
    standing: Standing,
}

/// Whether the connect handler let the client stay, the last time that the namespace was joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Standing {
    Admitted,
    /// It is not asked, or not done.
    Joining,
    /// The client is on its way out.
    Refused,
}

impl Seat {
    pub(super) fn new(key: core::Namespace, name: Arc<str>, space: Arc<Space>) -> Self {
        let desk = Desk { space, standing: Standing::Joining };
        Self { key, name, gate: Gate::default(), desk: Mutex::new(desk) }
    }

    /// What is called.
    pub(super) fn space(&self) -> Arc<Space> {
        self.lock().space.clone()
    }

    pub(super) fn set_space(&self, space: Arc<Space>) {
        self.lock().space = space;
    }

    pub(super) fn standing(&self) -> Standing {
        self.lock().standing
    }

    pub(super) fn set_standing(&self, standing: Standing) {
        self.lock().standing = standing;
    }

    fn lock(&self) -> MutexGuard<'_, Desk> {
        self.desk.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
