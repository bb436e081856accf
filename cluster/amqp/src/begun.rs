//! What was begun on a connection and is not confirmed yet.

use sansocket_bus::Link;
use std::collections::VecDeque;
use std::future::{Future, poll_fn, ready};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

/// Bytes of messages that may be begun; one message more may be.
const BYTES: usize = 1024 * 1024;

/// Messages that may be begun.
const COUNT: usize = 512;

/// What was begun on a connection and is not confirmed yet, in its order.
#[derive(Default)]
pub(crate) struct Begun {
    steps: VecDeque<Step>,
    bytes: usize,
}

/// What is told once something is done.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Nothing,
    Pong,
    Published { bytes: usize },
}

type Outcome = Pin<Box<dyn Future<Output = lapin::Result<()>>>>;

struct Step {
    outcome: Outcome,
    then: Then,
}

impl Begun {
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        self.steps.len() < COUNT && self.bytes < BYTES
    }

    /// Begins something now, whatever is confirmed when.
    pub(crate) fn push(
        &mut self,
        then: Then,
        outcome: impl Future<Output = lapin::Result<()>> + 'static,
    ) {
        let mut outcome: Outcome = Box::pin(outcome);
        // The first poll hands it to the connection. It is polled again when it is the first in line.
        let begun = outcome.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        if let Poll::Ready(done) = begun {
            outcome = Box::pin(ready(done));
        }
        self.bytes += then.bytes();
        self.steps.push_back(Step { outcome, then });
    }

    /// Waits until the first is confirmed, and tells that: for ever when nothing was begun.
    ///
    /// # Cancel safety
    /// Nothing is lost when it is dropped.
    pub(crate) async fn next(&mut self, link: &Link) -> lapin::Result<()> {
        let Some(first) = self.steps.front_mut() else { return std::future::pending().await };
        poll_fn(|context| first.outcome.as_mut().poll(context)).await?;
        let then = first.then;
        self.steps.pop_front();
        self.bytes -= then.bytes();
        match then {
            Then::Nothing => {}
            Then::Pong => link.pong(),
            Then::Published { .. } => link.published(None),
        }
        Ok(())
    }
}

impl Then {
    fn bytes(self) -> usize {
        match self {
            Self::Nothing | Self::Pong => 0,
            Self::Published { bytes } => bytes,
        }
    }
}
