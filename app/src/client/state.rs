//! What the lock of a client guards.

use sansocket::client as core;
use sansocket::client::{Action, Answer, Endpoint, Event as Said, Ticket};
use sansocket::{Args, Link};
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::task::Waker;
use std::time::Instant;

use super::error::{AckError, ConnectError, Next};
use super::event::Event;
use super::job::{Job, Notice, Task, Then};
use super::loss::Loss;
use super::manager::Owner;
use super::seat::{Seat, Standing};
use crate::log::{log, quoted};
use crate::shards::port::Port;
use crate::time::Micros;
use crate::wait::slot::Slot;

/// The machine of a client, and the application's data beside it.
pub(super) struct State {
    pub(super) core: core::Client,
    /// Bounded by `limits.namespaces`.
    pub(super) seats: Vec<Arc<Seat>>,
    /// The streams, by link: one for each [`Purpose`].
    ports: [Option<(Link, Arc<Port>)>; 3],
    /// Those that take answers. Bounded by `limits.questions` of each namespace.
    pub(super) questions: BTreeMap<Ticket, Waiting>,
    /// Those that wait until a namespace is joined.
    pub(super) joining: Vec<Joining>,
    /// Those that wait until little waits to be sent.
    pub(super) draining: Vec<Draining>,
    /// Those that wait until nothing is connected.
    pub(super) closed: Vec<Arc<Slot<()>>>,
    pub(super) jobs: Vec<Job>,
    pub(super) owner: Weak<Owner>,
    /// When the timer looks.
    pub(super) armed: Micros,
}

/// The future or function that takes the answer to a question.
pub(super) enum Waiting {
    Slot(Arc<Slot<Result<Args, AckError>>>),
    Then(Arc<Seat>, Then),
}

/// A future that waits until a namespace is joined.
pub(super) struct Joining {
    pub(super) namespace: core::Namespace,
    pub(super) slot: Arc<Slot<Result<(), ConnectError>>>,
}

/// A future that waits until little waits to be sent.
pub(super) struct Draining {
    pub(super) namespace: core::Namespace,
    pub(super) slot: Arc<Slot<Result<(), core::Refused>>>,
}

/// What is to be done once the lock is released.
#[derive(Default)]
pub(super) struct After {
    pub(super) wakers: Vec<Waker>,
    pub(super) ports: Vec<Arc<Port>>,
    pub(super) opens: Vec<Open>,
}

/// A stream to be opened.
pub(super) struct Open {
    pub(super) link: Link,
    pub(super) endpoint: Arc<Endpoint>,
    pub(super) port: Arc<Port>,
    pub(super) seed: [u8; 32],
}

impl State {
    pub(super) fn new(core: core::Client, armed: Micros) -> Self {
        Self {
            core,
            seats: Vec::new(),
            ports: [const { None }; 3],
            questions: BTreeMap::new(),
            joining: Vec::new(),
            draining: Vec::new(),
            closed: Vec::new(),
            jobs: Vec::new(),
            owner: Weak::new(),
            armed,
        }
    }

    /// Whether a link is that of a stream in use.
    pub(super) fn is_bound(&self, link: Link) -> bool {
        self.ports.iter().flatten().any(|(bound, _)| *bound == link)
    }

    /// Forgets the stream of a link, and says whether there was one.
    pub(super) fn unbind(&mut self, link: Link) -> Option<Arc<Port>> {
        let place = self.ports.get_mut(link.index())?;
        place.take_if(|(bound, _)| *bound == link).map(|(_, port)| port)
    }

    /// The ports of the streams in use.
    pub(super) fn ports(&self) -> impl Iterator<Item = &Arc<Port>> {
        self.ports.iter().flatten().map(|(_, port)| port)
    }

    pub(super) fn seat(&self, key: core::Namespace) -> Option<&Arc<Seat>> {
        self.seats.iter().find(|seat| seat.key == key)
    }

    /// Whether nothing follows from the last change.
    pub(super) fn is_settled(&self) -> bool {
        self.core.is_drained()
            && self.jobs.is_empty()
            && self.joining.is_empty()
            && self.closed.is_empty()
            && self.draining.is_empty()
    }

    /// Drains the machine; returns the bytes of the jobs that were added.
    pub(super) fn settle(&mut self, now: Instant, after: &mut After) -> usize {
        let before = self.jobs.len();
        if !self.draining.is_empty() {
            self.relieve(now, after);
        }
        while let Some(said) = self.core.poll_event() {
            self.note(said, after);
        }
        while let Some(action) = self.core.poll_action() {
            self.act(action, after);
        }
        if !self.joining.is_empty() && self.core.is_idle() {
            let joining = std::mem::take(&mut self.joining);
            let outcome = || Err(ConnectError::gave_up());
            after.wakers.extend(joining.iter().filter_map(|joining| joining.slot.fill(outcome())));
        }
        if !self.closed.is_empty() && self.core.is_idle() {
            let closed = std::mem::take(&mut self.closed);
            self.jobs.push(Job::Client(Notice::Closed(closed)));
        }
        self.jobs[before..].iter().map(Job::weight).sum()
    }

    fn act(&mut self, action: Action, after: &mut After) {
        match action {
            Action::Open { link, endpoint, .. } => {
                let port = Arc::new(Port::default());
                if let Some(place) = self.ports.get_mut(link.index()) {
                    *place = Some((link, port.clone()));
                }
                let seed = self.core.draw_seed();
                after.opens.push(Open { link, endpoint, port, seed });
            }
            Action::Close(link) => {
                if let Some(port) = self.unbind(link)
                    && port.summon()
                {
                    after.ports.push(port);
                }
            }
            Action::Transmit(link) => {
                let mut ports = self.ports.iter().flatten();
                if let Some((_, port)) = ports.find(|(bound, _)| *bound == link)
                    && port.ring()
                {
                    after.ports.push(port.clone());
                }
            }
            action => debug_assert!(false, "{action:?} is not done"),
        }
    }

    /// Takes an event of the machine: adds the calls that follow from it, and tells those who wait.
    fn note(&mut self, said: Said, after: &mut After) {
        match said {
            Said::Answer { ticket, answer } => self.answer(ticket, answer, after),
            Said::Attempt { n } => self.tell(Event::Attempt { n }),
            Said::AttemptFailed { n, fault } => self.tell(Event::AttemptFailed { n, fault }),
            Said::Closed { reason, fault } => self.tell(Event::Closed { reason, fault }),
            Said::Connected { namespace, .. } => {
                if let Some(seat) = self.seat(namespace) {
                    seat.set_standing(Standing::Joining);
                }
                self.call(namespace, Task::Connect);
                self.joined(namespace, &Ok(()), after);
            }
            Said::ConnectFailed { namespace, fault, retries } => {
                let next = if retries { Next::TriesAgain } else { Next::Nothing };
                let error = ConnectError::new(fault, next);
                self.joined(namespace, &Err(error.clone()), after);
                self.call(namespace, Task::Failed(error));
            }
            Said::Disconnected { namespace, reason, retries } => {
                self.call(namespace, Task::Disconnect(Loss { reason, will_retry: retries }));
            }
            // Those who wait are looked at after each change.
            Said::Drained => {}
            Said::GaveUp => self.tell(Event::GaveUp),
            Said::Lost { namespace, events } => {
                let Some(seat) = self.seat(namespace) else { return };
                let name: Box<str> = (&*seat.name).into();
                log!(
                    warn, "sansocket::error", namespace = ?quoted(&name), events = %events,
                    "events that waited to be sent were dropped"
                );
                self.tell(Event::Lost { namespace: name, events });
            }
            Said::Message { namespace, message, ack } => {
                self.call(namespace, Task::Message { message, ack });
            }
            Said::NeedsAuth { namespace, ask } => self.call(namespace, Task::Auth(ask)),
            Said::NeedsSettings => self.jobs.push(Job::Client(Notice::Settings)),
            Said::Opened => {
                let session = self.core.session_id().unwrap_or_default().into();
                if let Some(transport) = self.core.transport() {
                    self.tell(Event::Opened { session, transport });
                }
            }
            Said::Reconnected { n } => self.tell(Event::Reconnected { n }),
            Said::Sent { namespace, message } => self.call(namespace, Task::Sent(message)),
            Said::Upgraded => self.tell(Event::Upgraded),
            Said::UpgradeFailed { fault } => self.tell(Event::UpgradeFailed { fault }),
            said => debug_assert!(false, "{said:?} is not told"),
        }
    }

    fn tell(&mut self, event: Event) {
        self.jobs.push(Job::Client(Notice::Event(event)));
    }

    fn call(&mut self, namespace: core::Namespace, task: Task) {
        if let Some(seat) = self.seat(namespace).cloned() {
            self.jobs.push(Job::Namespace(seat, task));
        }
    }

    fn answer(&mut self, ticket: Ticket, answer: Answer, after: &mut After) {
        let outcome = match answer {
            Answer::Args(args) => Ok(args),
            Answer::Disconnected => Err(AckError::Disconnected),
            Answer::NotSent => Err(AckError::NotSent),
            Answer::TimedOut => Err(AckError::TimedOut),
            answer => {
                debug_assert!(false, "{answer:?} is not told");
                Err(AckError::Disconnected)
            }
        };
        match self.questions.remove(&ticket) {
            Some(Waiting::Slot(slot)) => after.wakers.extend(slot.fill(outcome)),
            Some(Waiting::Then(seat, then)) => {
                self.jobs.push(Job::Namespace(seat, Task::Answer(then, outcome)));
            }
            None => {}
        }
    }

    /// Tells those who wait until a namespace is joined.
    pub(super) fn joined(
        &mut self,
        namespace: core::Namespace,
        outcome: &Result<(), ConnectError>,
        after: &mut After,
    ) {
        self.joining.retain(|joining| {
            let concerned = joining.namespace == namespace;
            if concerned {
                after.wakers.extend(joining.slot.fill(outcome.clone()));
            }
            !concerned
        });
        if self.joining.is_empty() {
            self.joining = Vec::new();
        }
    }

    /// Tells those who wait until little waits to be sent.
    fn relieve(&mut self, now: Instant, after: &mut After) {
        let mut draining = std::mem::take(&mut self.draining);
        draining.retain(|waiting| match self.drained(now, waiting.namespace) {
            Some(outcome) => {
                after.wakers.extend(waiting.slot.fill(outcome));
                false
            }
            None => Arc::strong_count(&waiting.slot) > 1,
        });
        self.draining = draining;
    }

    /// Whether little waits to be sent in a namespace; `None` while much does.
    pub(super) fn drained(
        &mut self,
        now: Instant,
        namespace: core::Namespace,
    ) -> Option<Result<(), core::Refused>> {
        let low = self.core.config().limits.low_water;
        let little = self.core.backlog() <= low;
        let socket = self.core.socket(now, namespace)?;
        if socket.waiting() == 0 {
            return little.then_some(Ok(()));
        }
        (!socket.is_active()).then_some(Err(core::Refused::NotJoined))
    }
}
