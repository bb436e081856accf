//! Requests that another node answers, for hosts that parse HTTP themselves.

use bytes::Bytes;
use sansocket::{Caller, Request, Response};
use std::fmt;
use std::future::poll_fn;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use crate::hub::hub::Hub;
use crate::runtime::BoxFuture;
use crate::serve::connection::Connection;
use crate::serve::exchange::{Answered, Exchange, unanswered};
use crate::serve::refusal::{Page, plain_for};
use crate::shards::port::Port;
use crate::web::handler::forwarded_response_of;
use crate::web::nodes::{Nodes, Unanswered, forwardable};

/// A request that the node answers which has its session. Dropping it, or the future of [`ask`](Self::ask), tells
/// the session that the client gave up.
pub struct Forwarded {
    hub: Arc<Hub>,
    node: SocketAddr,
    head: Box<http::Request<()>>,
    page: Page,
    wanted: Wanted,
}

/// What a request asks for, and how.
#[derive(Clone, Debug)]
pub(super) enum Wanted {
    /// An answer, in one of these codings.
    Answer { accept: Box<str> },
    /// A WebSocket, by an upgrade.
    Upgrade,
    /// A WebSocket, by a `CONNECT` of HTTP/2.
    Connect,
}

/// The answer of another node.
#[derive(Debug)]
pub struct Answer {
    /// What the client gets.
    pub response: Response,
    /// For a request that becomes a WebSocket once the answer was sent: let the connection carry the stream.
    pub connection: Option<Box<Connection>>,
}

impl Forwarded {
    /// Begins with the head of a request.
    ///
    /// # Errors
    /// The answer to a head that cannot be forwarded.
    pub(super) fn new(
        hub: Arc<Hub>,
        request: &Request<'_>,
        (caller, node): (Caller, SocketAddr),
        wanted: Wanted,
    ) -> Result<Self, Response> {
        let page = hub.page_of(request);
        match forwardable(request, caller, &hub.app().config) {
            Some(head) => Ok(Self { hub, node, head: Box::new(head), page, wanted }),
            None => Err(hub.dressed(plain_for(page, 400, "Bad Request"))),
        }
    }

    /// Returns the most bytes that the body may have and the time that it may take to arrive: answer with 413 and 408
    /// beyond. A request for a WebSocket has no body, which is `None`.
    #[must_use]
    pub fn bounds(&self) -> Option<(usize, Duration)> {
        let limits = self.hub.limits();
        match self.wanted {
            Wanted::Answer { .. } => Some((limits.max_payload, limits.body_time)),
            Wanted::Connect | Wanted::Upgrade => None,
        }
    }

    /// Sends the request with its whole body, and waits for the answer.
    #[must_use]
    pub fn ask(self, body: Bytes) -> BoxFuture<Answer> {
        match self.wanted.clone() {
            Wanted::Answer { accept } => Box::pin(self.answer(body, accept)),
            Wanted::Upgrade => Box::pin(self.reach(|response| response)),
            Wanted::Connect => Box::pin(self.reach(Response::connected)),
        }
    }

    async fn answer(self, body: Bytes, accept: Box<str>) -> Answer {
        let Self { hub, node, head, page, wanted: _ } = self;
        let way = hub.app().web.nodes.as_ref().and_then(Nodes::way);
        let answered = match way.map(|way| way.forward(node, head.map(|()| body))) {
            Some(forwarding) => forwarding.await,
            None => Err(Unanswered("there is no way to other nodes".to_owned())),
        };
        let response = match answered {
            Ok(response) => forwarded_response_of(response, hub.app().config.compression),
            Err(error) => unanswered(&error, page),
        };
        Answer { response: hub.dressed(response).encoded(&accept), connection: None }
    }

    async fn reach(self, accepting: fn(Response) -> Response) -> Answer {
        let Self { hub, node, head, page, wanted: _ } = self;
        let port: Arc<Port> = Arc::default();
        let mut exchange = match Exchange::reach(&hub, &port, (*head, node), page) {
            Ok(exchange) => exchange,
            Err(response) => return Answer { response, connection: None },
        };
        let answered = poll_fn(|context| {
            loop {
                if let Some(answered) = exchange.answer(&hub) {
                    return Poll::Ready(answered);
                }
                if port.poll_rung(context).is_pending() {
                    return Poll::Pending;
                }
                port.answer();
            }
        });
        match answered.await {
            Answered::Whole(response) => Answer { response, connection: None },
            Answered::Tunnel(response) => {
                let connection = Some(Box::new(Connection::tunnelled(hub, port, exchange)));
                Answer { response: accepting(response), connection }
            }
        }
    }
}

impl fmt::Debug for Forwarded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Forwarded").field("node", &self.node).finish_non_exhaustive()
    }
}
