//! The connections that publish, one for each server: what they carry arrives in order.

use std::collections::VecDeque;
use std::task::{Context, Poll};

use redis::aio::MultiplexedConnection;
use sansocket_bus::{BrokerError, Link};

use crate::batch::{Batch, Draft};
use crate::server::Servers;

/// The connections that publish, one for each server.
pub(crate) struct Publisher {
    connections: Vec<MultiplexedConnection>,
    /// Bounded by [`BATCHES`] and [`WINDOW`].
    batches: VecDeque<Batch>,
    bytes: usize,
}

impl Publisher {
    pub(crate) fn new(connections: Vec<MultiplexedConnection>) -> Self {
        Self { connections, batches: VecDeque::new(), bytes: 0 }
    }

    pub(crate) fn connections(&self) -> &[MultiplexedConnection] {
        &self.connections
    }

    /// Whether everything was answered.
    pub(crate) fn is_idle(&self) -> bool {
        self.batches.is_empty()
    }

    /// Returns how many bytes may be sent: none while too much is not answered. One message may be larger.
    pub(crate) fn room(&self) -> usize {
        if self.batches.len() < BATCHES { WINDOW.saturating_sub(self.bytes) } else { 0 }
    }

    pub(crate) fn send(&mut self, draft: Draft, servers: &Servers) {
        self.bytes = self.bytes.saturating_add(draft.bytes());
        self.batches.push_back(draft.send(&self.connections, servers.replicas()));
    }

    /// Writes what was sent, and tells a link what was answered. Returns whether anything was.
    pub(crate) fn poll(
        &mut self,
        context: &mut Context<'_>,
        link: &Link,
    ) -> Result<bool, BrokerError> {
        // All of them: the first look at a batch writes it. Only those before the first that waits count as answered: what
        // became of messages is told in their order.
        let mut answered = 0;
        for (n, batch) in self.batches.iter_mut().enumerate() {
            match batch.poll(context) {
                Poll::Ready(outcome) => {
                    outcome?;
                    answered += usize::from(answered == n);
                }
                Poll::Pending => {}
            }
        }
        for batch in self.batches.drain(..answered) {
            self.bytes = self.bytes.saturating_sub(batch.bytes());
            batch.tell(link)?;
        }
        Ok(answered > 0)
    }
}

/// Bytes of messages that Redis has not answered. What comes then waits where it can still expire.
const WINDOW: usize = 1024 * 1024;

/// Batches that Redis has not answered.
const BATCHES: usize = 64;
