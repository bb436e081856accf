//! From events of the core to calls of handlers.

use sansocket::{
    AckToken, Answer, Args, Event, EventMessage, Gone, Id, Reason, Received, Socket as Key, Ticket,
};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::ack::{Ack, AckError, Slot};
use crate::engine::EngineSession;
use crate::error::{Cause, HandlerError};
use crate::gather::Tally;
use crate::handler::Progress;
use crate::hub::{Cell, Hub};
use crate::reply::Refusal;
use crate::runtime::BoxFuture;
use crate::socket::{Introduction, Socket};

/// One call of a handler to be made.
pub(crate) enum Job {
    Callback(Callback),
    Connect(Socket),
    Disconnect { socket: Socket, reason: Reason, rooms: Vec<Arc<str>> },
    Engine { session: EngineSession, message: Received },
    Message { socket: Socket, message: EventMessage, ack: Option<AckToken> },
}

/// What an application does with an acknowledgement, once it is here.
pub(crate) type Then = Box<dyn FnOnce(Result<Args, AckError>) + Send>;

/// A [`Then`] whose time has come.
pub(crate) struct Callback {
    then: Then,
    outcome: Result<Args, AckError>,
}

/// Who waits for the answer to a question.
pub(crate) enum Waiting {
    Then(Then),
    One(Arc<Slot<Result<Args, AckError>>>),
    Many(Arc<Tally>),
    Found(Arc<Slot<Vec<Id>>>),
}

impl Cell {
    /// Takes an event: what handlers must hear becomes a job, what somebody waits for is answered.
    pub(crate) fn note(&mut self, hub: &Hub, shard: u16, event: Event) -> Option<Waker> {
        match event {
            Event::Connect { socket: key, id, namespace, auth, handshake } => {
                let intro = Introduction { shard, key, id, namespace, auth, handshake };
                let socket = Socket::new(hub.shared(), intro);
                let at = key.index();
                if at >= self.sockets.len() {
                    self.sockets.resize_with(at + 1, || None);
                }
                self.sockets[at] = Some(socket.clone());
                self.jobs.push(Job::Connect(socket));
            }
            Event::Message { socket, message, ack } => {
                if let Some(socket) = self.socket(socket) {
                    self.jobs.push(Job::Message { socket, message, ack });
                }
            }
            Event::Disconnect { socket: key, reason, rooms } => {
                if let Some(socket) = self.socket(key) {
                    self.sockets[key.index()] = None;
                    self.jobs.push(Job::Disconnect { socket, reason, rooms });
                }
                return self.draining.end(key, Err(Gone));
            }
            Event::Ack { ticket, answer, .. } => return self.answered(ticket, answer),
            Event::Drain { socket } => return self.draining.end(socket, Ok(())),
            Event::Found { ticket, ids } => {
                if let Some(Waiting::Found(slot)) = self.take_waiting(ticket) {
                    return slot.fill(ids);
                }
            }
            Event::Received { session, message } => {
                let session = EngineSession::new(hub.shared(), shard, session);
                self.jobs.push(Job::Engine { session, message });
            }
            // Nothing of the application layer waits for these.
            Event::Closed { .. } | Event::Opened { .. } | _ => {}
        }
        None
    }

    fn socket(&self, key: Key) -> Option<Socket> {
        self.sockets.get(key.index())?.as_ref().filter(|socket| socket.key() == key).cloned()
    }

    fn answered(&mut self, ticket: Ticket, answer: Answer) -> Option<Waker> {
        if let Answer::Args(args) = answer {
            return self.answered_with(ticket, args);
        }
        match (self.take_waiting(ticket)?, answer) {
            (Waiting::Then(then), Answer::TimedOut) => {
                self.call_back(then, Err(AckError::TimedOut))
            }
            (Waiting::Then(then), _) => self.call_back(then, Err(AckError::Disconnected)),
            (Waiting::One(slot), Answer::TimedOut) => slot.fill(Err(AckError::TimedOut)),
            (Waiting::One(slot), _) => slot.fill(Err(AckError::Disconnected)),
            (Waiting::Many(tally), Answer::Done { missing }) => tally.finish(missing),
            (Waiting::Many(tally), _) => tally.finish(0),
            (Waiting::Found(_), _) => None,
        }
    }

    fn answered_with(&mut self, ticket: Ticket, args: Args) -> Option<Waker> {
        let at = self.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        if let (_, Waiting::Many(tally)) = &self.waiting[at] {
            return tally.add(args);
        }
        match self.waiting.remove(at) {
            (_, Waiting::One(slot)) => slot.fill(Ok(args)),
            (_, Waiting::Then(then)) => self.call_back(then, Ok(args)),
            (_, Waiting::Many(_) | Waiting::Found(_)) => None,
        }
    }

    fn call_back(&mut self, then: Then, outcome: Result<Args, AckError>) -> Option<Waker> {
        self.jobs.push(Job::Callback(Callback { then, outcome }));
        None
    }

    fn take_waiting(&mut self, ticket: Ticket) -> Option<Waiting> {
        // Tickets of a shard only grow, so the list is sorted.
        let at = self.waiting.binary_search_by_key(&ticket, |(ticket, _)| *ticket).ok()?;
        Some(self.waiting.remove(at).1)
    }
}

impl Hub {
    /// Calls a handler. No lock is held.
    pub(crate) fn perform(&self, job: Job) {
        match job {
            Job::Callback(Callback { then, outcome }) => {
                // A panic has been printed and concerns nobody else.
                let _ = catch_unwind(AssertUnwindSafe(|| then(outcome)));
            }
            Job::Connect(socket) => self.perform_connect(socket),
            Job::Engine { session, message } => {
                if let Some(heard) = &self.app().on_engine {
                    // A panic is this message's alone.
                    let _ = catch_unwind(AssertUnwindSafe(|| heard(session, message)));
                }
            }
            Job::Message { socket, message, ack } => self.perform_message(socket, message, ack),
            Job::Disconnect { socket, reason, rooms } => {
                self.perform_disconnect(socket, reason, rooms);
            }
        }
    }

    fn perform_connect(&self, socket: Socket) {
        if !socket.resolve() {
            return self.decide(&socket, Err(Refusal::new("Invalid namespace")));
        }
        let Some(handler) = socket.handlers().and_then(|handlers| handlers.connect.clone()) else {
            return self.decide(&socket, Ok(()));
        };
        let joining = socket.clone();
        self.run(
            || handler(joining),
            move |hub, decision| match decision {
                Ok(decision) => hub.decide(&socket, decision),
                Err(Panicked) => {
                    hub.report(&socket, "connect", Cause::Panic);
                    hub.decide(&socket, Err(Refusal::new("Connection rejected by server")));
                }
            },
        );
    }

    fn perform_message(&self, socket: Socket, message: EventMessage, token: Option<AckToken>) {
        let Some((name, handler)) =
            socket.handlers().and_then(|handlers| handlers.event(message.name()))
        else {
            return;
        };
        let ack = token.map(|token| Ack::new(&socket, token));
        match catch_unwind(AssertUnwindSafe(|| handler(&socket, message, ack))) {
            Ok(Progress::Done(Ok(()))) => {}
            Ok(Progress::Done(Err(cause))) => self.report(&socket, name, cause),
            Err(_) => self.report(&socket, name, Cause::Panic),
            Ok(Progress::Pending(future)) => {
                let (hub, socket, name) = (self.shared(), socket.clone(), name.to_owned());
                self.start(Box::pin(async move {
                    if let Err(cause) = Caught(future).await.unwrap_or(Err(Cause::Panic)) {
                        hub.report(&socket, &name, cause);
                    }
                }));
            }
        }
    }

    fn perform_disconnect(&self, socket: Socket, reason: Reason, rooms: Vec<Arc<str>>) {
        if !socket.was_admitted() {
            return;
        }
        let handlers = socket.handlers();
        let Some(handler) = handlers.and_then(|handlers| handlers.disconnect.clone()) else {
            return;
        };
        let leaving = socket.clone();
        self.run(
            || handler(leaving, reason, rooms),
            move |hub, outcome| {
                if let Err(cause) = outcome.unwrap_or(Err(Cause::Panic)) {
                    hub.report(&socket, "disconnect", cause);
                }
            },
        );
    }

    /// Lets a client in, or not.
    fn decide(&self, socket: &Socket, decision: Result<(), Refusal>) {
        let now = self.runtime().now();
        let waker = self.with_cell(socket.shard(), |cell| match decision {
            Ok(()) => {
                if cell.server.admit(now, socket.key()).is_ok() {
                    socket.mark_admitted();
                }
                None
            }
            Err(refusal) => {
                cell.server.refuse(now, socket.key(), &refusal.to_json()).ok()?;
                cell.sockets[socket.key().index()] = None;
                cell.draining.end(socket.key(), Err(Gone))
            }
        });
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn report(&self, socket: &Socket, event: &str, cause: Cause) {
        let (event, namespace) = (event.into(), socket.namespace().into());
        let error = HandlerError { event, namespace, cause };
        // A panic in there is nobody's to report any more.
        let _ = catch_unwind(AssertUnwindSafe(|| (self.app().on_error)(error)));
    }

    /// Calls a handler and follows it to its end, here or in a task.
    fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Progress<T>,
        finish: impl FnOnce(&Self, Result<T, Panicked>) + Send + 'static,
    ) {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Progress::Done(done)) => finish(self, Ok(done)),
            Err(_) => finish(self, Err(Panicked)),
            Ok(Progress::Pending(future)) => {
                let hub = self.shared();
                self.start(Box::pin(async move { finish(&hub, Caught(future).await) }));
            }
        }
    }

    /// Takes the first step of a task here, in the order of events, and leaves the rest to the
    /// runtime.
    fn start(&self, mut task: BoxFuture<()>) {
        // The runtime polls the task again at once, so a wake that goes nowhere is not missed.
        if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending() {
            self.runtime().spawn(task);
        }
    }
}

/// A handler panicked.
#[derive(Debug)]
pub(crate) struct Panicked;

/// A future whose panic is its outcome.
pub(crate) struct Caught<T>(pub(crate) BoxFuture<T>);

impl<T> Future for Caught<T> {
    type Output = Result<T, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(_) => Poll::Ready(Err(Panicked)),
        }
    }
}
