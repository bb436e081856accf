//! How handlers of any side are called: panics are caught, failures reported.

use sansocket::EventMessage;
use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use crate::handlers::handler::{Delivery, Progress};
use crate::handlers::namespace::Namespace;
use crate::handlers::table::Entry;
use crate::runtime::BoxFuture;
use crate::sockets::error::Cause;
use crate::sockets::side::Side;

/// The owner of handlers of a [side](Side), who calls them.
pub(crate) trait Caller<S: Side>: Send + Sync + 'static {
    /// Returns itself, for handlers that wait.
    fn keep(&self) -> Arc<Self>;

    /// Tells the application of a handler that did not succeed. The name of the event is in the message, if
    /// there is one.
    fn report(&self, socket: &S, event: &str, message: Option<&EventMessage>, cause: Cause);

    /// Whether no packet middleware drops an event.
    #[inline(always)]
    fn lets_in(&self, socket: &S, handlers: &Namespace<S>, message: &EventMessage) -> bool {
        handlers.packets.is_empty() || self.passes(socket, handlers, message)
    }

    /// Shows an event to the packet middlewares, and says whether none drops it.
    #[inline(never)]
    fn passes(&self, socket: &S, handlers: &Namespace<S>, message: &EventMessage) -> bool {
        handlers.packets.iter().all(|look| {
            let seen = catch_unwind(AssertUnwindSafe(|| look(socket, message)));
            let seen = seen.map_err(panic_of);
            let seen = seen.and_then(|seen| seen.map_err(|e| Box::new(Cause::Middleware(e))));
            seen.map_err(|cause| self.report(socket, "", Some(message), *cause)).is_ok()
        })
    }

    /// Calls the handler of an event, and returns the rest of its way, not yet taken a step of.
    #[inline(always)]
    fn begin(
        &self,
        socket: &S,
        entry: &Entry<S>,
        message: &mut Option<EventMessage>,
        token: &mut Option<S::Token>,
    ) -> Option<BoxFuture<()>> {
        // A handler of any event may take the message, and the name with it.
        let nameless = message.as_ref().filter(|_| entry.name.is_none());
        let own_name: Option<Box<str>> = nameless.map(|message| message.name().into());
        let name = || entry.name.as_deref().or(own_name.as_deref()).unwrap_or_default();
        let mut delivery = Delivery { socket, message, token, rest: None };
        let called = catch_unwind(AssertUnwindSafe(|| (entry.call)(&mut delivery)));
        let rest = match called {
            Ok(()) => delivery.rest?,
            Err(panic) => Progress::Done(Err(panic_of(panic))),
        };
        match rest {
            Progress::Done(Ok(())) => None,
            Progress::Done(Err(cause)) => {
                self.report(socket, name(), message.as_ref(), *cause);
                None
            }
            Progress::Pending(future) => {
                let (caller, socket, message) = (self.keep(), socket.clone(), message.take());
                let name: Option<Box<str>> = message.is_none().then(|| name().into());
                Some(Box::pin(async move {
                    if let Err(cause) = Caught(future).await.unwrap_or_else(Err) {
                        let name = name.as_deref().unwrap_or_default();
                        caller.report(&socket, name, message.as_ref(), *cause);
                    }
                }))
            }
        }
    }

    /// Calls a handler and follows it to its end. What is returned is the rest of its way.
    fn run<T: Send + 'static>(
        &self,
        call: impl FnOnce() -> Progress<T>,
        finish: impl FnOnce(&Self, Result<T, Box<Cause>>) + Send + 'static,
    ) -> Option<BoxFuture<()>> {
        match catch_unwind(AssertUnwindSafe(call)) {
            Ok(Progress::Done(done)) => finish(self, Ok(done)),
            Err(panic) => finish(self, Err(panic_of(panic))),
            Ok(Progress::Pending(future)) => {
                let caller = self.keep();
                return start(Box::pin(async move { finish(&caller, Caught(future).await) }));
            }
        }
        None
    }
}

/// Takes the first step of a task here, in the order of events, and returns it if there are more.
pub(crate) fn start(mut task: BoxFuture<()>) -> Option<BoxFuture<()>> {
    // The runtime polls the task again at once, so a wake that goes nowhere is not missed.
    let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    polled.is_pending().then_some(task)
}

/// What a panic said.
pub(crate) fn panic_of(panic: Box<dyn Any + Send>) -> Box<Cause> {
    let message = match panic.downcast::<String>() {
        Ok(message) => message.into_boxed_str(),
        Err(panic) => panic.downcast_ref::<&str>().copied().unwrap_or("without a message").into(),
    };
    Box::new(Cause::Panic(message))
}

/// A future whose panic is its outcome.
pub(crate) struct Caught<T>(pub(crate) BoxFuture<T>);

impl<T> Future for Caught<T> {
    type Output = Result<T, Box<Cause>>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match catch_unwind(AssertUnwindSafe(|| self.0.as_mut().poll(context))) {
            Ok(poll) => poll.map(Ok),
            Err(panic) => Poll::Ready(Err(panic_of(panic))),
        }
    }
}
