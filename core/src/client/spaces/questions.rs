//! Acknowledgements that are awaited (socket.io-protocol v5, "Acknowledgement").

use std::collections::BTreeSet;
use std::time::Duration;

use super::retry::Retried;
use super::space::Namespace;
use super::spaces::Spaces;
use crate::client::Client;
use crate::client::event::{Answer, Event, Ticket};
use crate::client::outputs::Outputs;
use crate::client::queue::Cargo;
use crate::socket::Args;
use crate::time::Tick;

/// An acknowledgement that is awaited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pending {
    pub(super) whose: Whose,
    pub(super) due: Tick,
}

/// Whose question it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Whose {
    /// The application's.
    Ticket(Ticket),
    /// That of the first event that is sent again until it is acknowledged.
    Retry,
}

impl Spaces {
    /// Awaits an acknowledgement; `None` waits as long as the session lasts.
    pub(super) fn await_ack(
        &mut self,
        now: Tick,
        (namespace, id): (Namespace, u64),
        whose: Whose,
        timeout: Option<Duration>,
    ) {
        let slot = namespace.0.slot;
        let due = timeout.map_or(Tick::NEVER, |time| self.timeouts.arm(now, time, (slot, id)));
        if let Some(space) = self.get_mut(namespace) {
            space.pending.insert(id, Pending { whose, due });
        }
        let table = &self.table;
        let live = table.keys().filter_map(|key| table.get(key)).map(|space| space.pending.len());
        let live = live.sum();
        self.timeouts.compact(live, |&(slot, id)| {
            table.at(slot).is_some_and(|space| space.pending.contains_key(&id))
        });
    }

    /// The session is lost: questions that were sent have no answer, those that wait still may.
    pub(super) fn settle(&mut self, namespace: Namespace, outputs: &mut Outputs) {
        let Some(space) = self.get_mut(namespace) else { return };
        let waiting: BTreeSet<u64> = space
            .waiting
            .iter()
            .filter_map(|item| match item.cargo {
                Cargo::Event { id, .. } => id,
                Cargo::Close | Cargo::Control | Cargo::Volatile => None,
            })
            .collect();
        let pending = std::mem::take(&mut space.pending);
        let mut retry = false;
        for (id, pending) in pending {
            if waiting.contains(&id) {
                space.pending.insert(id, pending);
                continue;
            }
            match pending.whose {
                Whose::Ticket(ticket) => {
                    outputs.tell(Event::Answer { ticket, answer: Answer::Disconnected });
                }
                Whose::Retry => retry = true,
            }
        }
        if retry {
            self.unsent_retry(namespace, outputs);
        }
    }
}

impl Client {
    /// Forgets a namespace; questions that wait for it have no answer.
    pub(super) fn forget(&mut self, namespace: Namespace) {
        let Some(space) = self.spaces.table.remove(namespace.0) else { return };
        let retried = space.retried.iter().filter_map(Retried::ticket);
        let pending = space.pending.values().filter_map(|pending| match pending.whose {
            Whose::Ticket(ticket) => Some(ticket),
            Whose::Retry => None,
        });
        for ticket in pending.chain(retried) {
            self.outputs.tell(Event::Answer { ticket, answer: Answer::Disconnected });
        }
    }

    /// An acknowledgement came; one that nobody awaits is overlooked.
    pub(super) fn on_ack(&mut self, now: Tick, namespace: Namespace, id: u64, args: Args) {
        let Some(space) = self.spaces.get_mut(namespace) else { return };
        match space.pending.remove(&id).map(|pending| pending.whose) {
            Some(Whose::Ticket(ticket)) => {
                self.outputs.tell(Event::Answer { ticket, answer: Answer::Args(args) });
            }
            Some(Whose::Retry) => self.on_retry_done(now, namespace, Answer::Args(args)),
            None => {}
        }
    }

    /// Gives up the questions whose time is over. What was not sent yet is not sent.
    pub(in crate::client) fn expire_questions(&mut self, now: Tick) {
        while let Some((slot, id)) = self.spaces.timeouts.expired(now) {
            let Some(key) = self.spaces.table.key(slot) else { continue };
            let namespace = Namespace(key);
            let Some(space) = self.spaces.get_mut(namespace) else { continue };
            let overdue = space.pending.get(&id).is_some_and(|pending| pending.due <= now);
            let Some(pending) = overdue.then(|| space.pending.remove(&id)).flatten() else {
                continue;
            };
            if space.waiting.withdraw(namespace, id).is_none() {
                self.engine.outbox.withdraw(namespace, id);
            }
            match pending.whose {
                Whose::Ticket(ticket) => {
                    self.outputs.tell(Event::Answer { ticket, answer: Answer::TimedOut });
                }
                Whose::Retry => self.on_retry_timeout(now, namespace),
            }
        }
    }
}
