//! One plain HTTP request on a connection, until it is answered.

use bytes::Bytes;
use http::Method;
use http::header::IF_NONE_MATCH;
use http::uri::PathAndQuery;
use sansocket::{Caller, Request, Response, Verdict, Violation};
use std::fmt;
use std::fs::File;
use std::future::Future;
use std::io::{Read, Take};
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};

use crate::handlers::call::Caught;
use crate::handlers::handler::Progress;
use crate::hub::hub::Hub;
use crate::log::log;
use crate::runtime::BoxFuture;
use crate::serve::refusal::{Page, plain_for};
use crate::serve::wanted::Wish;
use crate::shards::port::Port;
use crate::sockets::io::Io;
use crate::web::handler::{
    Answerer, Beside, Fallback, forwarded_response_of, head_response_of, name_as_known, request_of,
    response_of, switching_response_of,
};
use crate::web::nodes::{Nodes, Unanswered, forwardable};
use crate::web::tunnel::{Answer, ClientEnd, tunnel};

/// A plain HTTP request until it is answered.
pub(crate) enum Exchange {
    /// The application answers once the body is here.
    Asking {
        request: Option<Box<http::Request<()>>>,
        answer: Arc<Mutex<Option<Response>>>,
        page: Page,
    },
    /// A file is the answer, piece by piece.
    Sending(Take<File>),
    /// Another node answers once the body is here.
    Forwarding {
        node: SocketAddr,
        request: Option<Box<http::Request<()>>>,
        answer: Arc<Mutex<Option<Response>>>,
        page: Page,
        wish: Wish,
    },
    /// Another node has the session that a WebSocket is for.
    Tunnel {
        end: ClientEnd,
        /// Until it answered.
        page: Option<Page>,
    },
}

/// The answer to a plain HTTP request.
pub(super) enum Answered {
    /// It is answered.
    Whole(Response),
    /// The node that has the session accepted a WebSocket, and bytes pass after this head.
    Tunnel(Response),
}

/// Bytes read from a file at once.
const PIECE: u64 = 64 * 1024;

impl Exchange {
    /// Begins with the head of a request.
    pub(crate) fn begin(
        hub: &Hub,
        request: &Request<'_>,
        caller: Caller,
    ) -> (Verdict, Option<Self>) {
        let web = &hub.app().web;
        let Some(mut asked) = request_of(request, caller) else {
            let refused = plain_for(hub.page_of(request), 400, "Bad Request");
            return (Verdict::Respond(hub.dressed(refused)), None);
        };
        let target = asked.uri().path_and_query().map_or("", PathAndQuery::as_str);
        let wanted = (asked.method(), target, asked.headers());
        match web.answerer(wanted, hub.app().config.compression, Beside::Nothing) {
            Answerer::File(response, file) => {
                (Verdict::Respond(hub.dressed(response)), file.map(Self::Sending))
            }
            Answerer::Application => {
                let limit = hub.limits().max_payload;
                asked.extensions_mut().insert(Io::new(hub.shared()));
                let (request, page) = (Some(Box::new(asked)), hub.page_of(request));
                let begun = Self::Asking { request, answer: Arc::default(), page };
                (Verdict::Body { link: None, limit }, Some(begun))
            }
            Answerer::Nobody => {
                let refused = plain_for(hub.page_of(request), 404, "Not Found");
                (Verdict::Respond(hub.dressed(refused)), None)
            }
        }
    }

    /// Begins with the head of a request that another node answers.
    pub(crate) fn forward(
        hub: &Hub,
        port: &Arc<Port>,
        request: &Request<'_>,
        (caller, node): (Caller, SocketAddr),
    ) -> (Verdict, Option<Self>) {
        let page = hub.page_of(request);
        let Some(head) = forwardable(request, caller, &hub.app().config) else {
            return (Verdict::Respond(hub.dressed(plain_for(page, 400, "Bad Request"))), None);
        };
        if request.asks_for_websocket() {
            return match Self::reach(hub, port, (head, node), page) {
                Ok(begun) => (Verdict::Hold(None), Some(begun)),
                Err(response) => (Verdict::Respond(response), None),
            };
        }
        let (request, answer, wish) = (Some(Box::new(head)), Arc::default(), Wish::default());
        let begun = Self::Forwarding { node, request, answer, page, wish };
        (Verdict::Body { link: None, limit: hub.limits().max_payload }, Some(begun))
    }

    /// Begins to reach the node that has the session of a request for a WebSocket.
    ///
    /// # Errors
    /// The answer when that cannot be.
    pub(super) fn reach(
        hub: &Hub,
        port: &Arc<Port>,
        (head, node): (http::Request<()>, SocketAddr),
        page: Page,
    ) -> Result<Self, Response> {
        let nodes = hub.app().web.nodes.as_ref();
        let place = nodes.and_then(|nodes| nodes.place(hub.limits().sessions));
        let (Some(way), Some(place)) = (nodes.and_then(Nodes::way), place) else {
            return Err(hub.dressed(plain_for(page, 503, "too many tunnels: Limits::sessions")));
        };
        let (end, far) = tunnel(port.clone(), place);
        way.tunnel(node, head, far);
        Ok(Self::Tunnel { end, page: Some(page) })
    }

    /// Whether another node answers, so that the end of the stream ends the request.
    pub(crate) fn is_forwarded(&self) -> bool {
        match self {
            Self::Forwarding { .. } | Self::Tunnel { .. } => true,
            Self::Asking { .. } | Self::Sending(_) => false,
        }
    }

    /// The end of the tunnel, if it is one.
    pub(super) fn tunnel(&self) -> Option<&ClientEnd> {
        match self {
            Self::Tunnel { end, .. } => Some(end),
            Self::Asking { .. } | Self::Forwarding { .. } | Self::Sending(_) => None,
        }
    }

    /// Asks the application or another node, once the body is here.
    pub(crate) fn ask(&mut self, hub: &Hub, port: &Arc<Port>, body: &[u8]) -> Verdict {
        match self {
            Self::Asking { .. } => self.ask_application(hub, port, body),
            Self::Forwarding { .. } => self.ask_node(hub, port, body),
            Self::Sending(_) | Self::Tunnel { .. } => Verdict::Pass,
        }
    }

    fn ask_node(&mut self, hub: &Hub, port: &Arc<Port>, body: &[u8]) -> Verdict {
        let Self::Forwarding { node, request, answer, page, wish } = self else {
            return Verdict::Pass;
        };
        let nodes = hub.app().web.nodes.as_ref();
        let (Some(way), Some(request)) = (nodes.and_then(Nodes::way), request.take()) else {
            return Verdict::Pass;
        };
        let request = (*request).map(|()| Bytes::copy_from_slice(body));
        let forwarded = wish.bound(way.forward(*node, request));
        let reply = Reply { answer: answer.clone(), port: port.clone() };
        let page = std::mem::take(page);
        let compression = hub.app().config.compression;
        hub.runtime().spawn(Box::pin(async move {
            reply.give(match forwarded.await {
                Some(Ok(response)) => forwarded_response_of(response, compression),
                Some(Err(error)) => unanswered(&error, page),
                None => return,
            });
        }));
        Verdict::Hold(None)
    }

    fn ask_application(&mut self, hub: &Hub, port: &Arc<Port>, body: &[u8]) -> Verdict {
        let (Self::Asking { request, answer, page }, Some(fallback)) =
            (self, &hub.app().web.fallback)
        else {
            return Verdict::Pass;
        };
        let page = std::mem::take(page);
        let Some(request) = request.take() else { return Verdict::Pass };
        let request = (*request).map(|()| Bytes::copy_from_slice(body));
        let reply = Reply { answer: answer.clone(), port: port.clone() };
        let compression = hub.app().config.compression;
        if let Some(workers) = hub.runtime().workers() {
            let hub = hub.shared();
            workers.run(Box::new(move || {
                let Some(fallback) = &hub.app().web.fallback else { return };
                match call(fallback, request, compression, page) {
                    Ok(response) => reply.give(response),
                    Err(pending) => reply.wait(&hub, pending),
                }
            }));
            return Verdict::Hold(None);
        }
        match call(fallback, request, compression, page) {
            Ok(response) => Verdict::Respond(hub.dressed(response)),
            Err(pending) => {
                reply.wait(hub, pending);
                Verdict::Hold(None)
            }
        }
    }

    /// The answer to a body that breaks a rule.
    pub(crate) fn refuse(self, hub: &Hub, violation: Violation) -> Option<Response> {
        let page = match self {
            Self::Asking { page, .. } | Self::Forwarding { page, .. } => page,
            Self::Sending(_) | Self::Tunnel { .. } => return None,
        };
        Some(hub.dressed(plain_for(page, violation.status(), violation.to_string())))
    }

    /// Takes the answer of the application or of another node, when it is here.
    pub(super) fn answer(&mut self, hub: &Hub) -> Option<Answered> {
        let answer = match self {
            Self::Asking { answer, .. } | Self::Forwarding { answer, .. } => answer,
            Self::Sending(_) => return None,
            Self::Tunnel { end, page } => {
                page.as_ref()?;
                let answer = end.answer()?;
                return Some(of_node(hub, answer, page.take().unwrap_or_default()));
            }
        };
        let response = answer.lock().unwrap_or_else(PoisonError::into_inner).take()?;
        Some(Answered::Whole(hub.dressed(response)))
    }

    /// Reads more of the file; `None` when it ended too early or cannot be read.
    pub(crate) fn piece(&mut self) -> Option<Bytes> {
        let Self::Sending(file) = self else { return None };
        let mut piece = Vec::new();
        let read = file.by_ref().take(PIECE).read_to_end(&mut piece).ok()?;
        (read > 0).then(|| piece.into())
    }
}

/// The answer of another node to a request for a WebSocket.
fn of_node(hub: &Hub, answer: Answer, page: Page) -> Answered {
    match answer {
        Answer::Open(head) => Answered::Tunnel(hub.dressed(switching_response_of(head))),
        Answer::Refused(response) => {
            let response = forwarded_response_of(response, hub.app().config.compression);
            Answered::Whole(hub.dressed(response))
        }
        Answer::Failed(error) => Answered::Whole(hub.dressed(unanswered(&error, page))),
    }
}

/// The answer to a request that another node did not answer.
pub(super) fn unanswered(error: &Unanswered, page: Page) -> Response {
    log!(debug, "sansocket::request", error = %error, "not forwarded");
    plain_for(page, 502, "the node that has the session does not answer")
}

/// Where an answer goes that takes its time.
struct Reply {
    answer: Arc<Mutex<Option<Response>>>,
    port: Arc<Port>,
}

impl Reply {
    fn give(self, response: Response) {
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Some(response);
        self.port.call();
    }

    fn wait(self, hub: &Hub, pending: BoxFuture<Response>) {
        hub.runtime().spawn(Box::pin(async move { self.give(pending.await) }));
    }
}

/// Calls the application; the rest is what has to be waited for.
pub(crate) fn call(
    fallback: &Fallback,
    request: http::Request<Bytes>,
    compression: Option<usize>,
    page: Page,
) -> Result<Response, BoxFuture<Response>> {
    let is_head = request.method() == Method::HEAD;
    let known: Vec<_> = match compression {
        Some(_) => request.headers().get_all(IF_NONE_MATCH).iter().cloned().collect(),
        None => Vec::new(),
    };
    let answer = move |answered: Option<http::Response<Bytes>>| {
        let Some(response) = answered else {
            return plain_for(page, 500, "Internal Server Error");
        };
        let mut response = match is_head {
            true => head_response_of(response, compression),
            false => response_of(response, compression),
        };
        if response.status == 304 {
            name_as_known(&mut response, &known);
        }
        response
    };
    let mut future = match catch_unwind(AssertUnwindSafe(|| fallback(request))) {
        Ok(Progress::Done(response)) => return Ok(answer(Some(response))),
        Ok(Progress::Pending(future)) => Caught(future),
        Err(_) => return Ok(answer(None)),
    };
    // The runtime polls it again at once, so a wake that goes nowhere is not missed.
    match Pin::new(&mut future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(caught) => Ok(answer(caught.ok())),
        Poll::Pending => Err(Box::pin(async move { answer(future.await.ok()) })),
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Exchange").finish_non_exhaustive()
    }
}
