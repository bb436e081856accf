//! What the settings say about a request, for servers and for embedders that answer some themselves.

use super::origin::{ALLOW_ORIGIN, Access};
use super::{Config, Origins, proxy};
use crate::context::{Caller, RequestContext};
use crate::field::Field;
use crate::http::{Query, Request, Response};
use crate::node_name::NodeName;

impl Config {
    /// Whether requests to `path` are for this server: `/socket.io/`, with or without the last
    /// slash; `/socket.io-admin` is another path.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        path == self.path || self.path.strip_suffix('/') == Some(path)
    }

    /// Returns the name of the node that has the session of a request, when it is another than
    /// [`node`](Self::node). Without a name of its own, a server knows no others.
    #[must_use]
    pub fn elsewhere(&self, request: &Request<'_>) -> Option<NodeName> {
        let node = self.node?;
        let named = Query::parse(request.target).sid.and_then(NodeName::of_sid);
        named.filter(|named| *named != node)
    }

    /// Asks the function of [`Origins::Matching`] about a request, for
    /// [`RequestContext::judged`](crate::RequestContext::judged): a host that shares a [`Server`](crate::Server) behind
    /// a lock does so before it takes the lock. `None` when there is nothing to ask.
    #[must_use]
    pub fn judge(&self, request: &Request<'_>) -> Option<bool> {
        let Origins::Matching(judge) = &self.origins else { return None };
        request.fields.text(Field::Origin).map(|origin| judge.accepts(origin))
    }

    /// Whether the page that sent a request may connect; `judged` is what [`judge`](Self::judge) said, if it was
    /// asked.
    #[must_use]
    pub fn permits(&self, request: &Request<'_>, judged: Option<bool>) -> bool {
        Access::of(request, judged, self) != Access::Refused
    }

    /// Makes an answer of the host's own to `request` one of this server's: adds
    /// [`headers`](Self::headers), and what lets the page that asked read it, if it may connect. What the
    /// answer has of its own stays.
    ///
    /// Calls the function of [`Origins::Matching`], unless the context says what it
    /// [judged](RequestContext::judged).
    #[must_use]
    pub fn dress(
        &self,
        mut response: Response,
        request: &Request<'_>,
        context: &RequestContext<'_>,
    ) -> Response {
        if !response.headers.iter().any(|(name, _)| name == ALLOW_ORIGIN) {
            response = Access::of(request, context.judged, self).allow(response, self);
        }
        response.dress(&self.headers);
        response
    }

    /// Returns the client that sent `request`: with [`trust_forwarded`](Self::trust_forwarded), the one that
    /// the proxy reports, and otherwise `caller`, the one at the other end of the stream.
    #[must_use]
    pub fn seen(&self, request: &Request<'_>, caller: Caller) -> Caller {
        if self.trust_forwarded { self.reported(request, caller) } else { caller }
    }

    /// Returns the client that sent `request` as the proxy reports it that is at the other end of the stream,
    /// `proxy`: for a host that trusts this one whatever the settings say.
    #[must_use]
    pub fn reported(&self, request: &Request<'_>, proxy: Caller) -> Caller {
        proxy::seen_from(request.fields, proxy)
    }
}
