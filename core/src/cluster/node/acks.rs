//! Acknowledgements of clients elsewhere, on behalf of the shard that asked.

use std::collections::BTreeMap;
use std::time::Instant;

use crate::cluster::{Body, Destination, Message, Output};
use crate::socket::Args;

/// The acknowledgements of a broadcast.
#[derive(Debug)]
pub(super) struct Acks {
    shard: u16,
    /// The number of the question there.
    id: u64,
    /// When clients need not answer any more.
    pub(super) end: Instant,
    /// Clients that were asked, and answers that came.
    clients: u32,
    answered: u32,
    /// The same for each process that tells its name.
    shares: BTreeMap<Box<str>, Share>,
    progress: Progress,
}

#[derive(Debug, Default)]
struct Share {
    asked: u32,
    answered: u32,
}

/// Whether the shard knows how many clients were asked.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Progress {
    Counting,
    Told,
}

impl Acks {
    pub(super) fn new(shard: u16, id: u64, end: Instant) -> Self {
        Self {
            shard,
            id,
            end,
            clients: 0,
            answered: 0,
            shares: BTreeMap::new(),
            progress: Progress::Counting,
        }
    }

    /// A process asked so many clients.
    pub(super) fn count(&mut self, from: Option<&str>, clients: u32) {
        self.clients = self.clients.saturating_add(clients);
        if let Some(from) = from {
            self.shares.entry(from.into()).or_default().asked = clients;
        }
    }

    /// A client answered: what the shard is told. Nothing when no client is left that was asked.
    pub(super) fn answer(&mut self, from: Option<&str>, args: Args, most: usize) -> Option<Output> {
        let most = match self.progress {
            Progress::Counting => u32::try_from(most).unwrap_or(u32::MAX),
            Progress::Told => self.clients,
        };
        if self.answered >= most {
            return None;
        }
        self.answered += 1;
        if let Some(from) = from {
            // Answers may come before the count.
            let share = self.shares.entry(from.into()).or_default();
            share.answered = share.answered.saturating_add(1);
        }
        Some(self.told(Body::Answered { id: self.id, args: Some(args) }))
    }

    /// A process is gone, with the clients that it asked.
    pub(super) fn lose(&mut self, name: &str) -> Option<Output> {
        let share = self.shares.get_mut(name)?;
        let clients = share.asked.saturating_sub(share.answered);
        share.answered = share.answered.saturating_add(clients);
        self.answered = self.answered.saturating_add(clients);
        (clients > 0).then(|| self.told(Body::Gone { id: self.id, clients }))
    }

    /// All processes told how many clients they asked, or so many will not: what the shard is told, once.
    pub(super) fn tell(&mut self, missing: u64) -> Option<Output> {
        if self.progress == Progress::Told {
            return None;
        }
        self.progress = Progress::Told;
        let missing = u32::try_from(missing).unwrap_or(u32::MAX);
        Some(self.told(Body::Asked { id: self.id, clients: self.clients, missing }))
    }

    /// Whether nothing is left to come.
    pub(super) fn is_done(&self) -> bool {
        self.progress == Progress::Told && self.answered >= self.clients
    }

    fn told(&self, body: Body) -> Output {
        Output { to: Destination::Shard(self.shard), message: Message(body) }
    }
}
