//! Jobs become calls of handlers.

use sansocket::{AckToken, Disconnect, EventMessage, Gone, Reason};
use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use crate::handlers::call::{Caller, panic_of, start};
use crate::handlers::connect::{self, Admission};
use crate::handlers::disconnect::Departure;
use crate::handlers::handler::Progress;
use crate::handlers::namespace::Namespace;
use crate::handlers::order::Order;
use crate::handlers::refusal::Refusal;
use crate::handlers::table::Entry;
use crate::hub::hold::Hold;
use crate::hub::hub::Hub;
use crate::log::quota::Site;
use crate::log::{self, limited, log, quoted};
use crate::runtime::BoxFuture;
use crate::shards::kept::Work as _;
use crate::shards::pressure::{Charge, Waits};
use crate::sockets::error::{Cause, HandlerError};
use crate::sockets::io::Io;
use crate::sockets::job::{Callback, Job, Task, there};
use crate::sockets::socket::Socket;

/// What the messages of a list have in common that follow each other.
#[derive(Default)]
pub(crate) struct Latest<'h> {
    /// The client of the last one.
    client: Option<Socket>,
    /// The handler of its event.
    handler: Option<&'h Entry>,
}

impl Hub {
    /// Sends a job its way: it is done here and now, or at the gate of its client. No lock is held.
    #[inline]
    pub(crate) fn perform<'h>(&'h self, shard: u16, job: &mut Job, latest: &mut Latest<'h>) {
        if let Task::Message { socket, message, ack } = &mut job.task {
            if socket.is_some() {
                *latest = Latest { client: socket.take(), handler: None };
            }
            let Latest { client: Some(client), handler } = latest else { return };
            // The common case, without moving the job: that takes longer than the rest.
            if job.charge.is_none() && !client.gate().is_held() {
                if let Some(rest) = self.call_message(client, handler, message, ack) {
                    Hold::take(self.shared(), client.clone()).follow(rest);
                }
                return;
            }
            *socket = Some(client.clone());
        }
        self.perform_other(shard, std::mem::take(job));
    }

    #[inline(never)]
    fn perform_other(&self, shard: u16, job: Job) {
        let held = job.task.socket().is_some_and(|socket| socket.gate().is_held());
        if held || self.waits_admitted(&job) {
            return self.perform_in_line(shard, job);
        }
        if let Some((socket, rest)) = self.call(job) {
            Hold::take(self.shared(), socket).follow(rest);
        }
    }

    fn perform_in_line(&self, shard: u16, job: Job) {
        if self.is_concurrent(&job) {
            return self.launch_waiting(shard, job);
        }
        let weight = job.weight();
        let mut list = Job::spare_list();
        list.push(job);
        if let Some(hold) = Hold::queue(self, shard, &mut list, weight) {
            hold.drain();
        }
        Job::keep_list(list);
    }

    /// Whether it is the arrival of a client that is admitted before it is asked about: its events
    /// wait at the gate.
    fn waits_admitted(&self, job: &Job) -> bool {
        matches!(job.task, Task::Connect(_)) && self.app().always_connect
    }

    /// Finds the handlers of a client's namespace, when it is open.
    fn resolve(&self, socket: &Socket) -> Option<&Namespace> {
        socket.set_place(self.app().find(socket.namespace())?);
        self.handlers(socket)
    }

    /// The handlers of a client's namespace.
    #[inline]
    fn handlers(&self, socket: &Socket) -> Option<&Namespace> {
        self.app().get(socket.place())
    }

    /// Whether it is an event whose handler waits for nothing, and may have it now.
    pub(crate) fn is_concurrent(&self, job: &Job) -> bool {
        let Task::Message { socket: Some(socket), message, .. } = &job.task else { return false };
        let handlers = self.handlers(socket).filter(|_| socket.was_admitted());
        let found = handlers.and_then(|handlers| handlers.find(there(message).name()));
        found.is_some_and(|entry| entry.order == Order::Concurrent)
    }

    /// Does a job, and catches panics of its values when they are dropped.
    pub(crate) fn call_caught(&self, job: Job) -> Option<BoxFuture<()>> {
        catch_unwind(AssertUnwindSafe(|| self.call(job))).ok().flatten().map(|(_, rest)| rest)
    }

    /// Does a job. What is returned, if anything, is the rest of a handler that the client's later
    /// events wait for.
    #[inline]
    fn call(&self, job: Job) -> Option<(Socket, BoxFuture<()>)> {
        // Until it is done, its connection is charged for it.
        let Job { task, charge: _charge } = job;
        match task {
            Task::Done | Task::Message { socket: None, .. } => None,
            Task::Callback(Callback { then, outcome, .. }) => {
                // A panic has been printed and concerns no other job.
                let _ = catch_unwind(AssertUnwindSafe(|| then(outcome)));
                None
            }
            Task::Connect(socket) => {
                let rest = self.call_connect(socket.clone())?;
                Some((socket, rest))
            }
            Task::Engine { session, message } => {
                if let Some(heard) = &self.app().on_engine {
                    // A panic is this message's alone.
                    let _ = catch_unwind(AssertUnwindSafe(|| heard(session, message)));
                }
                None
            }
            Task::Life { namespace, life } => {
                if let Some(heard) = &self.app().on_life
                    && self.lives.is_news(&namespace, &life)
                {
                    // A panic is this event's alone.
                    let io = Io::new(self.shared());
                    let _ = catch_unwind(AssertUnwindSafe(|| heard(io, &namespace, life)));
                }
                None
            }
            Task::Message { socket: Some(socket), mut message, mut ack } => {
                let rest = self.call_message(&socket, &mut None, &mut message, &mut ack)?;
                Some((socket, rest))
            }
            Task::Disconnect { socket, reason, rooms } => {
                self.call_disconnect(socket, reason, &rooms);
                None
            }
        }
    }

    fn call_connect(&self, socket: Socket) -> Option<BoxFuture<()>> {
        let Some(handlers) = self.resolve(&socket) else {
            self.decide(&socket, Err(Refusal::new("Invalid namespace")), false);
            return None;
        };
        let always = self.app().always_connect;
        if always {
            let now = self.runtime().now();
            let admitted =
                self.shards().with(socket.shard(), |server| server.admit(now, socket.key()));
            if admitted.is_err() {
                // It left within the read that brought it.
                return None;
            }
        }
        let joining = socket.clone();
        let rest = self.run(
            || connect::pass(&handlers.entrance.doors, &joining, 0),
            move |hub, decision| match decision {
                Ok(decision) => hub.decide(&socket, decision, always),
                Err(panicked) => {
                    hub.report(&socket, "connect", None, *panicked);
                    hub.decide(&socket, Err(Refusal::default()), always);
                }
            },
        )?;
        if always {
            return Some(rest);
        }
        self.runtime().spawn(rest);
        None
    }

    /// `latest` is the handler of the event before, if that was of the same client.
    #[inline(always)]
    fn call_message<'h>(
        &'h self,
        socket: &Socket,
        latest: &mut Option<&'h Entry>,
        message: &mut Option<EventMessage>,
        token: &mut Option<AckToken>,
    ) -> Option<BoxFuture<()>> {
        // Refused after it was admitted, and on its way out.
        let handlers = self.handlers(socket).filter(|_| socket.was_admitted())?;
        let event = there(message);
        let found = match *latest {
            Some(entry) if entry.name.as_deref() == Some(event.name()) => Some(entry),
            Some(_) | None => handlers.find(event.name()),
        };
        *latest = found;
        if found.is_some_and(|entry| entry.order == Order::Concurrent) {
            self.launch(socket, message.take(), token.take(), None);
            return None;
        }
        if !self.lets_in(socket, handlers, event) {
            return None;
        }
        let Some(entry) = found else {
            limited!(
                (self.shards(), NoHandler, address(socket))
                debug, "sansocket::event", id = %socket.id(),
                namespace = ?quoted(socket.namespace()), event = ?quoted(event.name()), "no handler"
            );
            return None;
        };
        let rest = start(self.begin(socket, entry, message, token)?)?;
        if entry.order == Order::Sequential {
            return Some(rest);
        }
        self.runtime().spawn(rest);
        None
    }

    /// The same for an event that counts as one that waits until its handler is called.
    pub(crate) fn launch_waiting(&self, shard: u16, job: Job) {
        let waits = Waits::new(self.shards().pressure(shard), job.weight());
        if let Job { task: Task::Message { socket: Some(socket), message, ack }, charge } = job {
            self.launch(&socket, message, ack, Some((waits, charge)));
        }
    }

    /// Calls a handler of an event that waits for nothing; `charge` is held until it was called.
    fn launch(
        &self,
        socket: &Socket,
        mut message: Option<EventMessage>,
        mut token: Option<AckToken>,
        charge: Option<(Waits, Option<Charge>)>,
    ) {
        let (hub, socket) = (self.shared(), socket.clone());
        let mut begin = move || {
            let handlers = hub.handlers(&socket)?;
            let event = there(&message);
            let entry = handlers.find(event.name())?;
            if !hub.lets_in(&socket, handlers, event) {
                return None;
            }
            hub.begin(&socket, entry, &mut message, &mut token)
        };
        if self.is_pooled() {
            let hub = self.shared();
            return self.on_worker(move || {
                let _charge = charge;
                let begun = catch_unwind(AssertUnwindSafe(move || begin().and_then(start)));
                if let Some(rest) = begun.ok().flatten() {
                    hub.runtime().spawn(rest);
                }
            });
        }
        self.runtime().spawn(Box::pin(async move {
            let rest = begin();
            drop(charge);
            if let Some(rest) = rest {
                rest.await;
            }
        }));
    }

    /// Whether no packet middleware drops an event.
    #[inline(always)]
    fn lets_in(&self, socket: &Socket, handlers: &Namespace, message: &EventMessage) -> bool {
        log!(
            trace, "sansocket::event", id = %socket.id(), event = ?quoted(message.name()),
            args = ?quoted(message.json()), "received"
        );
        handlers.entrance.packets.is_empty() || self.passes(socket, handlers, message)
    }

    #[inline(never)]
    fn passes(&self, socket: &Socket, handlers: &Namespace, message: &EventMessage) -> bool {
        handlers.entrance.packets.iter().all(|look| {
            let seen = catch_unwind(AssertUnwindSafe(|| look(socket, message)));
            let seen = seen.map_err(panic_of);
            let seen = seen.and_then(|seen| seen.map_err(|e| Box::new(Cause::Middleware(e))));
            seen.map_err(|cause| self.report(socket, "", Some(message), *cause)).is_ok()
        })
    }

    fn call_disconnect(&self, socket: Socket, reason: Reason, rooms: &[Arc<str>]) {
        let leaving = socket.clone();
        let handlers = self.handlers(&leaving).filter(|_| leaving.was_admitted());
        let Some(handlers) = handlers else {
            drop(socket.store().clear());
            return;
        };
        log!(
            debug, "sansocket::connect", id = %socket.id(),
            namespace = ?quoted(socket.namespace()), reason = %reason, "disconnected"
        );
        let rest = self.run(
            || match &handlers.disconnect {
                Some(handler) => handler(Departure { socket: &leaving, reason, rooms }),
                None => Progress::Done(Ok(())),
            },
            move |hub, outcome| {
                if let Err(cause) = outcome.unwrap_or_else(Err) {
                    hub.report(&socket, "disconnect", None, *cause);
                }
                drop(socket.store().clear());
            },
        );
        if let Some(rest) = rest {
            self.runtime().spawn(rest);
        }
    }

    /// Lets a client in, or not; `always` when it was admitted before it was asked about.
    fn decide(&self, socket: &Socket, decision: Admission, always: bool) {
        let mut refusal = match decision {
            Ok(()) => return self.let_in(socket, always),
            Err(refusal) => refusal,
        };
        if let Some(cause) = refusal.take_cause() {
            self.report(socket, "connect", None, cause);
        }
        limited!(
            (self.shards(), Denied, address(socket))
            debug, "sansocket::connect", id = %socket.id(),
            namespace = ?quoted(socket.namespace()), reason = ?quoted(&refusal.to_string()),
            "refused"
        );
        let now = self.runtime().now();
        let waker = self.shards().with_cell(socket.shard(), |cell| match always {
            true => {
                if let Some(mut client) = cell.server.socket(socket.key()) {
                    client.disconnect(now, Disconnect::Namespace);
                }
                None
            }
            false => {
                cell.server.refuse(now, socket.key(), &refusal.to_json()).ok()?;
                cell.kept.remove(socket.key());
                cell.kept.draining.end(socket.key(), Err(Gone))
            }
        });
        drop(socket.store().clear());
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn let_in(&self, socket: &Socket, always: bool) {
        let now = self.runtime().now();
        let there = self.shards().with_cell(socket.shard(), |cell| {
            let there = match always {
                true => cell.server.is_connected(socket.key()),
                false => cell.server.admit(now, socket.key()).is_ok(),
            };
            if there {
                socket.mark_admitted();
            }
            there
        });
        if there {
            log!(
                debug, "sansocket::connect", id = %socket.id(),
                namespace = ?quoted(socket.namespace()), "connected"
            );
        }
    }
}

impl Caller<Socket> for Hub {
    fn keep(&self) -> Arc<Self> {
        self.shared()
    }

    fn report(&self, socket: &Socket, event: &str, message: Option<&EventMessage>, cause: Cause) {
        let heard = self.handlers(socket).and_then(|handlers| handlers.on_error.as_ref());
        let heard = heard.or_else(|| self.app().on_error.as_ref());
        if heard.is_none() && !self.shards().may_log(Site::Error, address(socket)) {
            return;
        }
        let event = message.map_or(event, EventMessage::name).into();
        // A line shows no arguments, so that they need not be copied for one.
        let shown = message.filter(|_| heard.is_some());
        let error = HandlerError::new(socket, event, shown, cause);
        // A panic in there cannot be reported any more.
        let _ = catch_unwind(AssertUnwindSafe(|| match heard {
            Some(heard) => heard(error),
            None => log::error(error.socket.id(), &error),
        }));
    }
}

/// Where a client is, if it has an address.
fn address(socket: &Socket) -> Option<IpAddr> {
    socket.peer().map(|peer| peer.ip())
}
