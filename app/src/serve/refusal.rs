//! Answers of the server's own to requests that the application does not answer.

use bytes::Bytes;
use http::StatusCode;
use sansocket::{Request, RequestContext, Response, Violation};
use std::borrow::Cow;

use crate::hub::hub::Hub;

/// The fields that let the page that asked, if it may connect, read an answer of the server's own. An
/// answer of the application has those that the application gives it.
pub(super) type Page = Vec<(Cow<'static, str>, Cow<'static, str>)>;

impl Hub {
    /// Makes the answer of a host that cannot go on with a request for a WebSocket, whose answer no page
    /// can read: for a body, see [`HostLink::refuse`](crate::bind::HostLink::refuse).
    #[must_use]
    pub fn refusal(&self, status: StatusCode, text: &'static str) -> Response {
        self.dressed(plain(status.as_u16(), text))
    }

    /// Makes the answer to a request that breaks a rule, as a connection gives it.
    pub(super) fn violated(&self, request: &Request<'_>, violation: Violation) -> Response {
        let response = Response::refusing(violation);
        self.app().config.dress(response, request, &RequestContext::default())
    }

    /// Adds the fields that every answer has.
    pub(super) fn dressed(&self, mut response: Response) -> Response {
        response.dress(&self.app().config.headers);
        response
    }

    /// The fields for the page that a request comes from; few requests name one.
    pub(super) fn page_of(&self, request: &Request<'_>) -> Page {
        match request.header("origin") {
            Some(_) => {
                let (response, context) = (Response::status(500), RequestContext::default());
                self.app().config.dress(response, request, &context).headers
            }
            None => Page::new(),
        }
    }
}

/// A refusal in plain words.
pub(super) fn plain(status: u16, reason: impl Into<Bytes>) -> Response {
    Response::with_body(status, "text/plain", reason).nosniff()
}

/// The same for a page.
pub(super) fn plain_for(page: Page, status: u16, reason: impl Into<Bytes>) -> Response {
    let mut response = plain(status, reason);
    response.headers.extend(page);
    response
}
