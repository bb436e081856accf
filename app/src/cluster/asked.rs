//! Questions to other processes.

use sansocket::cluster::{BusError, Outcome};
use std::sync::Arc;
use std::task::{Context, Poll};

use crate::wait::slot::Slot;

/// A question to the other processes of a cluster: its outcome is awaited, or there is none to wait for.
#[derive(Debug)]
pub(crate) enum Asked {
    /// Nobody is asked.
    Nobody,
    /// The question cannot be asked.
    Failed(BusError),
    /// It was asked.
    Waiting(Arc<Slot<Outcome>>),
}

impl Asked {
    /// Returns what others answered; nothing where nobody was asked.
    pub(crate) fn poll(&self, context: &Context<'_>) -> Poll<Result<Outcome, BusError>> {
        match self {
            Self::Nobody => Poll::Ready(Ok(Outcome::default())),
            Self::Failed(error) => Poll::Ready(Err(*error)),
            Self::Waiting(slot) => slot.poll(context).map(Ok),
        }
    }
}
