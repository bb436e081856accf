//! Calls of a client's handlers, in the order of what happened to the client.

use sansocket::{EventMessage, Reason};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use super::clock::Clock;
use super::line;
use super::peer::{Arrival, Peer};
use super::socket::TestSocket;
use crate::handlers::call::{Caller, start};
use crate::handlers::disconnect::Departure;
use crate::handlers::namespace::Namespace;
use crate::handlers::order::Order;
use crate::runtime::BoxFuture;
use crate::sockets::error::{Cause, HandlerError};

/// The calls that are to be made.
#[derive(Default)]
pub(super) struct Calls {
    waiting: VecDeque<Call>,
    /// Namespaces with a handler that is not done and that later calls wait for.
    held: Vec<(Arc<str>, Holder)>,
}

/// The handler that later calls of its namespace wait for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Holder {
    Connect,
    /// Calls of concurrent handlers do not wait for it.
    Sequential,
}

/// One call of a handler, if there is one.
pub(super) struct Call {
    pub(super) namespace: Arc<str>,
    pub(super) handlers: Arc<Namespace<TestSocket>>,
    pub(super) task: Task,
}

/// What a handler is called for.
pub(super) enum Task {
    Connect { payload: Option<Box<str>> },
    Disconnect(Reason),
    Event(Arrival),
}

/// A client whose handler is being called.
#[derive(Clone)]
struct Called {
    socket: TestSocket,
    handlers: Arc<Namespace<TestSocket>>,
}

impl Calls {
    pub(super) fn push(&mut self, call: Call) {
        self.waiting.push_back(call);
    }

    /// Drops the calls of a namespace.
    pub(super) fn forget(&mut self, namespace: &str) {
        self.waiting.retain(|call| *call.namespace != *namespace);
    }

    /// Takes the first call that waits for no handler.
    fn next(&mut self) -> Option<Call> {
        let free = |call: &Call| match self.holder(&call.namespace) {
            None => true,
            Some(Holder::Connect) => false,
            Some(Holder::Sequential) => call.order() == Some(Order::Concurrent),
        };
        let at = self.waiting.iter().position(free)?;
        self.waiting.remove(at)
    }

    fn holder(&self, namespace: &str) -> Option<Holder> {
        let held = self.held.iter().find(|(held, _)| **held == *namespace);
        held.map(|(_, holder)| *holder)
    }

    fn hold(&mut self, namespace: Arc<str>, holder: Holder) {
        self.held.push((namespace, holder));
    }

    fn release(&mut self, namespace: &str) {
        self.held.retain(|(held, _)| **held != *namespace);
    }
}

impl Call {
    /// The order of the handler of an event.
    fn order(&self) -> Option<Order> {
        match &self.task {
            Task::Event(arrival) => Some(self.handlers.find(arrival.message.name())?.order),
            Task::Connect { .. } | Task::Disconnect(_) => None,
        }
    }

    fn holder(&self) -> Holder {
        match self.task {
            Task::Connect { .. } => Holder::Connect,
            Task::Disconnect(_) | Task::Event(_) => Holder::Sequential,
        }
    }
}

/// Makes the calls of a client, but for those that wait for a handler of their namespace.
pub(super) fn run(peer: &Arc<Mutex<Peer>>, clock: &Arc<Clock>) {
    loop {
        let next = line::lock(peer).calls().next();
        let Some(call) = next else { return };
        let holder = call.holder();
        let Call { namespace, handlers, task } = call;
        let socket = TestSocket::new(peer.clone(), namespace.clone());
        let Some(rest) = (Called { socket, handlers }).call(clock, task) else { continue };
        line::lock(peer).calls().hold(namespace.clone(), holder);
        let (peer, shared) = (peer.clone(), clock.clone());
        clock.start(Box::pin(async move {
            rest.await;
            line::lock(&peer).calls().release(&namespace);
            run(&peer, &shared);
        }));
    }
}

impl Called {
    /// Calls a handler. What is returned, if anything, is the rest of its way, which later calls wait for.
    fn call(&self, clock: &Arc<Clock>, task: Task) -> Option<BoxFuture<()>> {
        match task {
            Task::Connect { payload } => self.connect(payload.as_deref()),
            Task::Disconnect(reason) => {
                if let Some(rest) = self.disconnect(reason) {
                    clock.start(rest);
                }
                None
            }
            Task::Event(arrival) => self.event(clock, arrival),
        }
    }

    fn connect(&self, payload: Option<&str>) -> Option<BoxFuture<()>> {
        let handler = self.handlers.connect.as_ref()?;
        self.run(
            || handler(&self.socket, payload),
            |called, decision| {
                let cause = match decision {
                    Ok(Ok(())) => return,
                    Ok(Err(mut refusal)) => refusal.take_cause(),
                    Err(panicked) => Some(*panicked),
                };
                called.socket.decline();
                if let Some(cause) = cause {
                    called.report(&called.socket, "connect", None, cause);
                }
            },
        )
    }

    fn disconnect(&self, reason: Reason) -> Option<BoxFuture<()>> {
        let handler = self.handlers.disconnect.as_ref()?;
        self.run(
            || handler(Departure { socket: &self.socket, reason, rooms: &[] }),
            |called, outcome| {
                if let Err(cause) = outcome.unwrap_or_else(Err) {
                    called.report(&called.socket, "disconnect", None, *cause);
                }
            },
        )
    }

    fn event(&self, clock: &Arc<Clock>, arrival: Arrival) -> Option<BoxFuture<()>> {
        let found = self.handlers.find(arrival.message.name());
        let order = found.map_or(Order::Inline, |entry| entry.order);
        let called = self.clone();
        let begin = move || {
            if !called.lets_in(&called.socket, &called.handlers, &arrival.message) {
                return None;
            }
            let (mut message, mut token) = (Some(arrival.message), arrival.question);
            let entry = called.handlers.find(message.as_ref()?.name())?;
            called.begin(&called.socket, entry, &mut message, &mut token)
        };
        match order {
            Order::Concurrent => {
                clock.start(Box::pin(async move {
                    if let Some(rest) = begin() {
                        rest.await;
                    }
                }));
                None
            }
            Order::Inline => {
                clock.start(start(begin()?)?);
                None
            }
            Order::Sequential => start(begin()?),
        }
    }
}

impl Caller<TestSocket> for Called {
    fn keep(&self) -> Arc<Self> {
        Arc::new(self.clone())
    }

    /// Ends the test when the client has no error handler.
    fn report(
        &self,
        socket: &TestSocket,
        event: &str,
        message: Option<&EventMessage>,
        cause: Cause,
    ) {
        let event = message.map_or(event, EventMessage::name);
        match &self.handlers.on_error {
            Some(heard) => heard(HandlerError::new(socket, event.into(), message, cause)),
            None => panic!("the client's handler of {event:?} failed: {cause:?}"),
        }
    }
}
