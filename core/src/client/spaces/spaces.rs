//! The namespaces of a client.

use super::old::Root;
use super::space::{Namespace, Space, Status};
use crate::client::event::{Event, Reason, Ticket};
use crate::client::fault::Fault;
use crate::client::outputs::Outputs;
use crate::client::queue::Item;
use crate::error::Misuse;
use crate::key::Slab;
use crate::limits::Limits;
use crate::time::{Heap, Tick};

/// The namespaces of a client, and the deadlines of their questions.
#[derive(Debug)]
pub(in crate::client) struct Spaces {
    /// Bounded by `limits.namespaces`.
    pub(super) table: Slab<Box<Space>>,
    /// Deadlines of questions: slot and id. Stale entries find no question that is due.
    pub(super) timeouts: Heap<(u32, u64)>,
    /// Where the server has the client that lets it into `/` unasked.
    pub(super) root: Root,
    tickets: u64,
}

impl Spaces {
    pub(in crate::client) fn new() -> Self {
        Self { table: Slab::new(), timeouts: Heap::new(), root: Root::Awaited, tickets: 0 }
    }

    /// The namespace of that name, which is made when there is none.
    pub(in crate::client) fn named(
        &mut self,
        name: &str,
        limits: &Limits,
    ) -> Result<Namespace, Misuse> {
        if let Some(namespace) = self.find(name) {
            return Ok(namespace);
        }
        let valid = name.starts_with('/') && !name.contains([',', '?']);
        if !valid || name.len() > limits.namespace_name {
            return Err(Misuse::NotANamespace);
        }
        if self.table.len() >= limits.namespaces.into() {
            return Err(Misuse::TooManyNamespaces);
        }
        Ok(Namespace(self.table.insert(|_| Box::new(Space::new(name)))))
    }

    pub(super) fn find(&self, name: &str) -> Option<Namespace> {
        let mut keys = self.table.keys();
        keys.find(|&key| self.table.get(key).is_some_and(|space| &*space.name == name))
            .map(Namespace)
    }

    pub(in crate::client) fn get(&self, namespace: Namespace) -> Option<&Space> {
        self.table.get(namespace.0).map(|space| &**space)
    }

    pub(super) fn get_mut(&mut self, namespace: Namespace) -> Option<&mut Space> {
        self.table.get_mut(namespace.0).map(|space| &mut **space)
    }

    pub(in crate::client) fn keys(&self) -> Vec<Namespace> {
        self.table.keys().map(Namespace).collect()
    }

    /// Whether a namespace is joined, or to be joined.
    pub(in crate::client) fn are_wanted(&self) -> bool {
        let mut spaces = self.table.keys().filter_map(|key| self.table.get(key));
        spaces.any(|space| space.status.is_wanted())
    }

    /// The next deadline.
    pub(in crate::client) fn due(&self) -> Tick {
        let spaces = self.table.keys().filter_map(|key| self.table.get(key));
        let joins = spaces.map(|space| match space.status {
            Status::Joining { due } => due,
            Status::Authenticating
            | Status::Joined { .. }
            | Status::Left
            | Status::Retracting
            | Status::Waiting => Tick::NEVER,
        });
        joins.fold(self.timeouts.next(), Tick::min)
    }

    pub(super) fn next_ticket(&mut self) -> Ticket {
        self.tickets += 1;
        Ticket(self.tickets)
    }

    /// A session begins or is over: what namespaces remember of one is void.
    pub(in crate::client) fn forget_session(&mut self) {
        self.root = Root::Awaited;
        for space in self.table.values_mut() {
            space.left = false;
            if let Status::Retracting = space.status {
                space.status = Status::Left;
            }
        }
    }

    /// An attempt failed: tells each namespace that is to be joined.
    pub(in crate::client) fn tell_failure(
        &mut self,
        outputs: &mut Outputs,
        fault: &Fault,
        retries: bool,
    ) {
        for namespace in self.keys() {
            let Some(space) = self.get_mut(namespace) else { continue };
            if space.status.is_wanted() {
                space.reset(Status::Waiting);
                outputs.tell(Event::ConnectFailed { namespace, fault: fault.clone(), retries });
            }
        }
    }

    /// Keeps a whole event of a session that ended for the next one, before those that wait.
    pub(in crate::client) fn keep(&mut self, namespace: Namespace, item: Item) {
        if let Some(space) = self.get_mut(namespace) {
            space.waiting.push_front(item);
        }
    }

    /// The session is lost: those that were joined are so no more.
    pub(in crate::client) fn lose(
        &mut self,
        outputs: &mut Outputs,
        reason: Reason,
        (fault, retries): (&Fault, bool),
    ) {
        for namespace in self.keys() {
            let Some(space) = self.get_mut(namespace) else { continue };
            let status = space.status;
            if !status.is_wanted() {
                continue;
            }
            space.reset(Status::Waiting);
            outputs.tell(match status {
                Status::Joined { .. } => Event::Disconnected { namespace, reason, retries },
                Status::Authenticating
                | Status::Joining { .. }
                | Status::Left
                | Status::Retracting
                | Status::Waiting => {
                    Event::ConnectFailed { namespace, fault: fault.clone(), retries }
                }
            });
            self.settle(namespace, outputs);
        }
    }

    /// Leaves a namespace; whether the server holds it for joined, and is to be told.
    pub(in crate::client) fn leave(
        &mut self,
        namespace: Namespace,
        reason: Reason,
        outputs: &mut Outputs,
    ) -> bool {
        let Some(space) = self.get_mut(namespace) else { return false };
        space.memory = None;
        match space.status {
            Status::Joined { .. } => {}
            Status::Joining { .. } | Status::Retracting => {
                space.reset(Status::Retracting);
                return false;
            }
            Status::Authenticating | Status::Left | Status::Waiting => {
                space.reset(Status::Left);
                return false;
            }
        }
        space.reset(Status::Left);
        space.left = true;
        outputs.tell(Event::Disconnected { namespace, reason, retries: false });
        self.settle(namespace, outputs);
        true
    }
}
