//! Which messages the broker confirmed.

use std::collections::BTreeMap;

use super::{Loss, Unconfirmed};

/// A wait until the broker confirmed all messages that were sent before it, or these were lost.
#[derive(Debug, Eq, PartialEq)]
pub struct Flush(u64);

/// Counts messages and their fates, which are known in the order in which messages were sent.
#[derive(Debug, Default)]
pub(super) struct Receipts {
    /// Messages that were sent.
    sent: u64,
    /// Messages whose fate is known.
    settled: u64,
    /// Losses that no flush was told.
    untold: Option<Unconfirmed>,
    /// By number; as many as the caller waits for.
    waits: BTreeMap<u64, Wait>,
    next: u64,
}

/// What a flush waits for.
#[derive(Debug)]
struct Wait {
    /// The number of the last message before it.
    last: u64,
    lost: Option<Unconfirmed>,
}

impl Receipts {
    pub(super) fn send(&mut self) {
        self.sent += 1;
    }

    /// The broker confirmed the oldest message that is not settled.
    pub(super) fn confirm(&mut self) {
        self.settled += 1;
    }

    /// The oldest message that is not settled is lost.
    pub(super) fn lose(&mut self, why: Loss) {
        self.settled += 1;
        let number = self.settled;
        let mut is_told = false;
        for wait in self.waits.values_mut().filter(|wait| wait.last >= number) {
            add(&mut wait.lost, 1, why);
            is_told = true;
        }
        if !is_told {
            add(&mut self.untold, 1, why);
        }
    }

    pub(super) fn begin(&mut self) -> Flush {
        self.next += 1;
        self.waits.insert(self.next, Wait { last: self.sent, lost: self.untold.take() });
        Flush(self.next)
    }

    /// Returns the outcome of a flush, once, when it is known.
    pub(super) fn outcome(&mut self, flush: &Flush) -> Option<Result<(), Unconfirmed>> {
        if self.waits.get(&flush.0)?.last > self.settled {
            return None;
        }
        let Wait { lost, .. } = self.waits.remove(&flush.0)?;
        Some(lost.map_or(Ok(()), Err))
    }

    pub(super) fn has_outcome(&self) -> bool {
        self.waits.values().any(|wait| wait.last <= self.settled)
    }

    /// The next flush tells what this one would have told.
    pub(super) fn forget(&mut self, flush: Flush) {
        if let Some(Wait { lost: Some(Unconfirmed { count, last }), .. }) =
            self.waits.remove(&flush.0)
        {
            add(&mut self.untold, count, last);
        }
    }
}

fn add(lost: &mut Option<Unconfirmed>, count: u64, last: Loss) {
    let before = lost.map_or(0, |lost| lost.count);
    *lost = Some(Unconfirmed { count: before + count, last });
}
