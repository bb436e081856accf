//! The questions of a shard whose answers are awaited.

use sansocket::{Args, Ticket};
use std::collections::VecDeque;
use std::sync::Arc;

use crate::sockets::answers::ack::AckError;
use crate::sockets::answers::gather::Tally;
use crate::sockets::socket::Socket;
use crate::wait::slot::Slot;

/// What an application does with an acknowledgement, once it is here.
pub(crate) type Then = Box<dyn FnOnce(Result<Args, AckError>) + Send>;

/// The future or function that takes the answer to a question.
pub(crate) enum Waiting {
    Then(Option<Socket>, Then),
    One(Arc<Slot<Result<Args, AckError>>>),
    Many(Arc<Tally>),
}

/// The takers of answers, by ticket. Tickets of a shard only grow, so this is a sorted queue, in which
/// answered questions leave gaps until those before them are answered too.
///
/// Bounded by [`Limits::questions`](sansocket::Limits::questions) of each client, and by as many gaps.
#[derive(Default)]
pub(crate) struct Questions {
    queue: VecDeque<(Ticket, Option<Waiting>)>,
    gaps: usize,
}

impl Questions {
    pub(crate) fn push(&mut self, ticket: Ticket, waiting: Waiting) {
        self.queue.push_back((ticket, Some(waiting)));
    }

    /// Where a question is, until the next one is asked or taken.
    pub(crate) fn place(&self, ticket: Ticket) -> Option<usize> {
        self.queue.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()
    }

    /// Returns the taker of that ticket.
    pub(crate) fn at(&self, place: usize) -> Option<&Waiting> {
        self.queue[place].1.as_ref()
    }

    /// Removes the taker of that ticket: nothing more will come.
    pub(crate) fn take(&mut self, place: usize) -> Option<Waiting> {
        let waiting = self.queue[place].1.take()?;
        self.gaps += 1;
        while let Some((_, None)) = self.queue.front() {
            self.queue.pop_front();
            self.gaps -= 1;
        }
        if self.gaps > self.queue.len() / 2 || self.queue.capacity() > KEEP {
            self.tidy();
        }
        Some(waiting)
    }

    /// Closes gaps and gives room back. Half of the queue goes at once, so that each question pays
    /// for a constant part.
    #[cold]
    fn tidy(&mut self) {
        if self.gaps > self.queue.len() / 2 {
            self.queue.retain(|(_, waiting)| waiting.is_some());
            self.gaps = 0;
        }
        if self.queue.len() < self.queue.capacity() / 4 {
            self.queue.shrink_to(self.queue.capacity() / 2);
        }
    }
}

/// Questions for which room is kept.
const KEEP: usize = 64;
