//! What other servers of a cluster want of the application.

use sansocket::EventMessage;
use sansocket::cluster::bus::{Detail, Report, To};
use sansocket::cluster::{AnswerToken, NodeEvent, Output};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::cluster::process::Process;
use crate::handlers::call::{Caught, panic_of, start};
use crate::handlers::handler::{Handled, Progress};
use crate::hub::hub::Hub;
use crate::log::{self, log, quoted};
use crate::runtime::BoxFuture;
use crate::sockets::broadcast::Broadcast;
use crate::sockets::error::Cause;
use crate::sockets::extent::Local;
use crate::sockets::found;
use crate::sockets::namespace::NamespaceIo;
use crate::sockets::servers::event::ServerEvent;

/// Events of other servers that wait for their handlers. One at a time is handled.
#[derive(Default)]
pub(super) struct ServerEvents(Mutex<Line>);

#[derive(Default)]
struct Line {
    /// Bounded by [`WAITING`].
    events: VecDeque<Waiting>,
    /// Whether a task or a thread has the turn.
    is_held: bool,
}

struct Waiting {
    namespace: Box<str>,
    event: EventMessage,
    token: Option<AnswerToken>,
}

/// Events of other servers that may wait; more are dropped.
const WAITING: usize = 10_000;

impl Process for Hub {
    fn now(&self) -> Instant {
        self.runtime().now()
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        self.runtime().sleep(duration)
    }

    fn leave(&self, output: &Output, shards: &mut Vec<u16>) {
        self.shards().post_remote(output, shards);
    }

    fn enter(&self, shards: Vec<u16>) {
        self.shards().enter_all(shards);
    }

    fn set_due(&self, due: Instant) {
        self.shards().set_alarm(due);
    }

    fn hear(self: Arc<Self>, event: NodeEvent) {
        match event {
            NodeEvent::Fetch { namespace, to, detail, token } => {
                let hub = self.clone();
                self.runtime().spawn(Box::pin(async move {
                    hub.answer(token, hub.found(&namespace, to, detail));
                }));
            }
            NodeEvent::Rooms { namespace, token } => {
                let hub = self.clone();
                self.runtime().spawn(Box::pin(async move {
                    let rooms = NamespaceIo::new(hub.local(&namespace)).rooms_and_ids();
                    let rooms = rooms.into_iter().map(Into::into).collect();
                    hub.answer(token, Report::Rooms(rooms));
                }));
            }
            NodeEvent::ServerEvent { namespace, event, token } => {
                self.hear_server(Waiting { namespace, event, token });
            }
            NodeEvent::Home { node, home } => {
                if let Some(nodes) = &self.app().web.nodes {
                    nodes.hear(&node, home);
                }
            }
            // The bus itself knows what to do with others.
            NodeEvent::Answered { .. } | NodeEvent::Status(_) | _ => {}
        }
    }

    fn let_go(&self) {
        self.shards().life().leave();
    }
}

impl Hub {
    fn answer(&self, token: AnswerToken, report: Report) {
        if let Some(bus) = self.shards().bus() {
            bus.answer(token, report);
        }
    }

    /// The clients of this process in a namespace.
    fn local(&self, namespace: &str) -> Broadcast<Local> {
        Broadcast::new(self.shared(), namespace.into()).local()
    }

    /// Tells which clients of this process a target means.
    fn found(&self, namespace: &str, to: To, detail: Detail) -> Report {
        let To { rooms, except } = to;
        let everybody = self.local(namespace).except(except);
        let meant = if rooms.is_empty() { everybody } else { everybody.to(rooms) };
        let found = meant.found_here().into_iter();
        match detail {
            Detail::Clients => {
                Report::Found(found.map(|(socket, rooms)| found::tell(&socket, rooms)).collect())
            }
            Detail::Ids => Report::Ids(found.map(|(socket, _)| socket.id().into()).collect()),
        }
    }

    /// Puts an event of another server in line.
    fn hear_server(self: Arc<Self>, event: Waiting) {
        let mut line = self.servers.lock();
        if line.events.len() >= WAITING {
            drop(line);
            log!(
                warn, "sansocket::cluster", event = ?quoted(event.event.name()),
                "an event of another server was dropped: too many wait for their handlers"
            );
            return;
        }
        line.events.push_back(event);
        if std::mem::replace(&mut line.is_held, true) {
            return;
        }
        drop(line);
        let hub = self.clone();
        match self.is_pooled() {
            true => self.on_worker(move || hub.handle_servers()),
            false => self.runtime().spawn(Box::pin(async move { hub.handle_servers() })),
        }
    }

    /// Handles the events of other servers that wait, and those that come meanwhile.
    fn handle_servers(&self) {
        while let Some(event) = self.servers.next() {
            self.handle_server(event);
        }
    }

    fn handle_server(&self, waiting: Waiting) {
        let Waiting { namespace, event, token } = waiting;
        let handlers = self.app().find(&namespace).and_then(|place| self.app().get(place));
        let Some(handler) = handlers.and_then(|own| own.entrance.servers.find(event.name())) else {
            log!(
                debug, "sansocket::cluster", namespace = ?quoted(&namespace),
                event = ?quoted(event.name()), "no handler of an event of another server"
            );
            return;
        };
        let name: Box<str> = event.name().into();
        let event = ServerEvent::new(self.shared(), &namespace, event, token);
        match catch_unwind(AssertUnwindSafe(|| handler(event))) {
            Ok(Progress::Done(outcome)) => report(&name, outcome),
            Err(panic) => report(&name, Err(panic_of(panic))),
            Ok(Progress::Pending(future)) => {
                let rest = start(Box::pin(async move {
                    report(&name, Caught(future).await.unwrap_or_else(Err));
                }));
                if let Some(rest) = rest {
                    self.runtime().spawn(rest);
                }
            }
        }
    }
}

impl ServerEvents {
    /// Takes the next event, or ends the turn.
    fn next(&self) -> Option<Waiting> {
        let mut line = self.lock();
        let next = line.events.pop_front();
        line.is_held = next.is_some();
        next
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Logs what became of a handler, when it did not succeed.
fn report(event: &str, outcome: Handled) {
    let cause = match outcome {
        Ok(()) => return,
        Err(cause) => cause,
    };
    let event = quoted(event);
    let line = match *cause {
        Cause::Panic(message) => {
            format!("handler of {event:?} of another server: it panicked: {message}")
        }
        Cause::Arguments(error) => format!("handler of {event:?} of another server: {error}"),
        Cause::Middleware(error) | Cause::Reply(error) | Cause::Returned(error) => {
            format!("handler of {event:?} of another server: {error}")
        }
    };
    log::error("server", &line);
}
