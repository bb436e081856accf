//! One plain HTTP request on a connection of ours, until it is answered.

use bytes::Bytes;
use sansocket::{Link, Request, Response, Verdict};
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::dispatch::{Caught, Panicked};
use crate::handler::Progress;
use crate::hub::Hub;
use crate::port::Port;
use crate::runtime::BoxFuture;
use crate::web::{Fallback, request_of, response_of};

/// A plain HTTP request that the application answers.
pub(crate) struct Exchange {
    /// Until its body is here.
    request: Option<http::Request<()>>,
    answer: Arc<Mutex<Option<Response>>>,
}

impl Exchange {
    /// Begins with the head of a request.
    ///
    /// # Errors
    /// The answer, when it does not need the body.
    pub(crate) fn begin(hub: &Hub, request: &Request<'_>) -> Result<Self, Response> {
        if hub.app().web.fallback.is_none() {
            return Err(Response::with_body(404, "text/plain", "Not Found"));
        }
        let Some(request) = request_of(request) else {
            return Err(Response::status(405).header("allow", "GET, HEAD, POST, OPTIONS"));
        };
        Ok(Self { request: Some(request), answer: Arc::default() })
    }

    /// Asks the application, once the body is here.
    pub(crate) fn ask(&mut self, hub: &Hub, port: &Arc<Port>, body: &[u8]) -> Verdict {
        let (Some(request), Some(fallback)) = (self.request.take(), &hub.app().web.fallback) else {
            return Verdict::Pass;
        };
        let request = request.map(|()| Bytes::copy_from_slice(body));
        let answered = match hub.runtime().workers() {
            // It may block, so it is left to one of them.
            Some(_) => Err(call_later(hub.shared(), request)),
            None => call(fallback, request),
        };
        match answered {
            Ok(response) => Verdict::Respond(response),
            Err(pending) => {
                let (answer, port) = (self.answer.clone(), port.clone());
                hub.runtime().spawn(Box::pin(async move {
                    let response = pending.await;
                    *answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(response);
                    if port.ring() {
                        port.wake();
                    }
                }));
                Verdict::Hold(Link::HOST)
            }
        }
    }

    /// Takes the answer, when it is here.
    pub(crate) fn answer(&self) -> Option<Response> {
        self.answer.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Calls the application; the rest is what has to be waited for.
fn call(
    fallback: &Fallback,
    request: http::Request<Bytes>,
) -> Result<Response, BoxFuture<Response>> {
    let mut future = match catch_unwind(AssertUnwindSafe(|| fallback(request))) {
        Ok(Progress::Done(response)) => return Ok(response_of(response)),
        Ok(Progress::Pending(future)) => Caught(future),
        Err(_) => return Ok(failed()),
    };
    let answer = |caught: Result<_, Panicked>| caught.map_or_else(|_| failed(), response_of);
    // The runtime polls it again at once, so a wake that goes nowhere is not missed.
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(caught) => Ok(answer(caught)),
        Poll::Pending => Err(Box::pin(async move { answer(future.await) })),
    }
}

/// Calls the application elsewhere.
fn call_later(hub: Arc<Hub>, request: http::Request<Bytes>) -> BoxFuture<Response> {
    Box::pin(async move {
        let Some(fallback) = &hub.app().web.fallback else { return failed() };
        match call(fallback, request) {
            Ok(response) => response,
            Err(pending) => pending.await,
        }
    })
}

/// The answer when the application panicked.
fn failed() -> Response {
    Response::with_body(500, "text/plain", "Internal Server Error")
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}
