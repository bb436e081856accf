//! WebTransport: sessions of HTTP/3 that a host accepts, and the stream that a client opens in one.

use http::StatusCode;
use http::request::Parts;
use http::uri::PathAndQuery;
use sansocket::{Caller, Fields, Method, Opening, Request, RequestContext, StandsFor, Verdict};
use std::any::Any;
use std::sync::Arc;
use std::time::Instant;

use crate::hub::hub::Hub;
use crate::serve::host::Shown;
use crate::shards::port::Port;

/// The `CONNECT` that a client made its WebTransport session with.
#[derive(Debug)]
pub(super) struct Connect {
    head: Parts,
    caller: Caller,
    extra: Option<Arc<dyn Any + Send + Sync>>,
}

impl Hub {
    /// Decides about the `CONNECT` of a WebTransport session before a host accepts it.
    ///
    /// # Errors
    /// The status to refuse it with: 404 outside of the path of Socket.IO or where WebTransport is off, 403
    /// for a page that may not connect, 503 while the server stops.
    pub fn judge_webtransport(&self, head: &Parts) -> Result<(), StatusCode> {
        let config = &self.app().config;
        if !config.transports.webtransport || !config.serves(head.uri.path()) {
            return Err(StatusCode::NOT_FOUND);
        }
        let shown = Shown::of(head);
        let request = Request::new(Method::Get, target(head), Fields::host(&shown));
        if !config.permits(&request, config.judge(&request)) {
            return Err(StatusCode::FORBIDDEN);
        }
        match self.shards().life().is_stopping() {
            true => Err(StatusCode::SERVICE_UNAVAILABLE),
            false => Ok(()),
        }
    }
}

impl Connect {
    /// Its extensions stay with the session that the stream opens.
    pub(super) fn new(mut head: Parts, caller: Caller) -> Self {
        let extra: Option<Arc<dyn Any + Send + Sync>> = match head.extensions.is_empty() {
            true => None,
            false => Some(Arc::new(std::mem::take(&mut head.extensions))),
        };
        Self { head, caller, extra }
    }

    /// Takes the first packet of the stream.
    pub(super) fn open(
        &self,
        (hub, port, now): (&Hub, &Arc<Port>, Instant),
        shard: &mut u16,
        opening: Opening<'_>,
    ) -> Verdict {
        let target = opening.target(target(&self.head));
        let shown = Shown::of(&self.head);
        let request = Request::new(Method::Get, &target, Fields::host(&shown));
        let mut context = RequestContext::from(hub.app().config.seen(&request, self.caller));
        context.extra = self.extra.as_ref();
        context.stands_for = StandsFor::Opening;
        hub.request(shard, port, now, (&request, context))
    }
}

fn target(head: &Parts) -> &str {
    head.uri.path_and_query().map_or("/", PathAndQuery::as_str)
}
