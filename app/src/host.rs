//! The way in for hosts that parse HTTP themselves, such as a service in front of an axum router.

use bytes::Bytes;
use http::uri::{Authority, PathAndQuery};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use sansocket::{Fields, Headers, Link, Method, Request, Response, Transmit, Verdict, Violation};
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::connection::Connection;
use crate::hub::Hub;
use crate::port::Port;
use crate::web::{IntoWeb, Origin};

/// What becomes of a request that a host parsed.
#[derive(Debug)]
pub enum Outcome {
    /// Its body is needed: read it and call [`Attachment::body`].
    Body {
        /// To which the body is handed over, once it [is ready](Attachment::poll_ready) for it; until
        /// then it may [want a look](Attachment::wants_look).
        attachment: Attachment,
        /// Most bytes it may have; when there are more, call [`Attachment::too_large`].
        limit: usize,
        /// Time it may take to arrive, waiting for [`Attachment::poll_ready`] included; afterwards, drop
        /// the attachment and answer with 408.
        time: Duration,
    },
    /// It is answered later: see [`Attachment::poll_response`].
    Hold(Attachment),
    /// It is not for Socket.IO.
    Pass,
    /// It is answered.
    Respond(Response),
    /// It becomes a WebSocket once this answer was sent: let the connection carry the stream.
    Upgrade(Response, Box<Connection>),
}

/// A request under way. Dropping it tells the session that the client gave up.
pub struct Attachment {
    hub: Arc<Hub>,
    shard: u16,
    /// Until it was answered.
    link: Option<Link>,
    port: Arc<Port>,
    /// The codings the client accepts, as it says it.
    accept: Box<str>,
}

impl Hub {
    /// Whether requests to `path` are for Socket.IO; all others are passed.
    #[must_use]
    pub fn serves(&self, path: &str) -> bool {
        self.app().config.serves(path)
    }

    /// Takes the head of a request that a host parsed into the types of the `http` crate.
    ///
    /// Its extensions stay with the session that it opens, see
    /// [`Socket::extension`](crate::Socket::extension): take out what should not. The host that the
    /// target names goes before the `Host` field (RFC 9112 §3.2.2), which requests of HTTP/2 need not
    /// have (RFC 9113 §8.3.1). Answers are compressed as the settings say. A `CONNECT` of HTTP/2 is a WebSocket, and is answered as such
    /// (RFC 8441 §5).
    #[must_use]
    pub fn handle_head(&self, head: http::request::Parts, origin: Origin) -> Outcome {
        let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let connects =
            head.method == http::Method::CONNECT && head.version >= http::Version::HTTP_2;
        let shown = Shown { authority: head.uri.authority(), headers: &head.headers, connects };
        let method = match connects {
            true => Method::Get,
            false => Method::from_name(head.method.as_str()),
        };
        let extra: Option<Arc<dyn Any + Send + Sync>> = match head.extensions.is_empty() {
            true => None,
            false => Some(Arc::new(head.extensions)),
        };
        let mut request = Request::new(method, target, Fields::host(&shown));
        request.other = Some(head.method.as_str());
        request.peer = origin.peer;
        request.secure = origin.secure;
        request.extra = extra.as_ref();
        let accept = head.headers.get(header::ACCEPT_ENCODING);
        let accept = accept.and_then(|accept| accept.to_str().ok()).unwrap_or_default();
        match self.handle_request(request) {
            Outcome::Respond(response) => Outcome::Respond(response.encoded(accept)),
            Outcome::Hold(mut attachment) => {
                attachment.accept = accept.into();
                Outcome::Hold(attachment)
            }
            Outcome::Upgrade(response, connection) if connects => {
                Outcome::Upgrade(connected(response), connection)
            }
            outcome @ (Outcome::Body { .. } | Outcome::Pass | Outcome::Upgrade(..)) => outcome,
        }
    }

    /// Makes the answer of a host that cannot go on with a request for us.
    #[must_use]
    pub fn refusal(&self, status: StatusCode, text: &'static str) -> Response {
        let mut response = Response::with_body(status.as_u16(), "text/plain", text).nosniff();
        response.dress(&self.app().config.headers);
        response
    }

    /// Takes a request that a host parsed; its methods [`Other`](sansocket::Method) included.
    #[must_use]
    pub fn handle_request(&self, request: Request<'_>) -> Outcome {
        let port: Arc<Port> = Arc::default();
        let mut shard = self.next_home();
        let request = self.app().config.seen(&request);
        let verdict = self.request(&mut shard, &port, self.runtime().now(), &request);
        let attachment = |link| {
            let hub = self.shared();
            Attachment { hub, shard, link: Some(link), port: port.clone(), accept: "".into() }
        };
        match verdict {
            Verdict::Continue | Verdict::Pass => Outcome::Pass,
            Verdict::Respond(response) => Outcome::Respond(response),
            Verdict::Hold(link) => Outcome::Hold(attachment(link)),
            Verdict::Body { link, limit } => {
                Outcome::Body { attachment: attachment(link), limit, time: self.limits().body_time }
            }
            Verdict::Upgrade { link, response } => {
                let connection = Connection::upgraded(self.shared(), link, port, shard);
                Outcome::Upgrade(response, Box::new(connection))
            }
        }
    }
}

impl Attachment {
    /// Waits until handlers have caught up with the session. A body must not be read before: nothing
    /// else keeps bodies from piling up behind a slow handler. An answer may come first, see
    /// [`poll_response`](Self::poll_response).
    pub fn poll_ready(&mut self, context: &Context<'_>) -> Poll<()> {
        while let Some(link) = self.link
            && self.hub.is_full(self.shard, link, &self.port)
        {
            if self.port.poll_rung(context).is_pending() {
                return Poll::Pending;
            }
            self.port.answer();
        }
        Poll::Ready(())
    }

    /// Whether the client is overdue: look once more whether something of the body has arrived, and
    /// call [`quiet`](Self::quiet) when nothing has.
    #[must_use]
    pub fn wants_look(&self) -> bool {
        self.port.is_asked()
    }

    /// Takes note that nothing more of the body had arrived, after [`wants_look`](Self::wants_look) said
    /// so; handlers run inside. The answer may be here then.
    pub fn quiet(&self) {
        self.port.set_asked(false);
        if let Some(link) = self.link {
            let now = self.hub.runtime().now();
            self.hub.turn(self.shard, |cell| cell.server.handle_quiet(now, link));
        }
    }

    /// Hands over the whole body and returns the answer; handlers run inside.
    #[must_use]
    pub fn body(mut self, body: &[u8]) -> Response {
        let now = self.hub.runtime().now();
        let link = self.link.take().expect("a body is asked for once");
        let verdict = self.hub.turn(self.shard, |cell| {
            let verdict = cell.server.handle_body(now, link, body);
            cell.unbind(link);
            verdict
        });
        match verdict {
            Verdict::Respond(response) => response,
            Verdict::Body { .. }
            | Verdict::Continue
            | Verdict::Hold(_)
            | Verdict::Pass
            | Verdict::Upgrade { .. } => unreachable!("a body is answered at once"),
        }
    }

    /// Refuses a body longer than it may be and returns the answer; the session ends.
    #[must_use]
    pub fn too_large(mut self) -> Response {
        let now = self.hub.runtime().now();
        let link = self.link.take().expect("a body is asked for once");
        let violation = Violation::BodyTooLarge;
        self.hub.turn(self.shard, |cell| {
            cell.server.handle_violation(now, link, violation);
            cell.unbind(link);
        });
        let mut response =
            Response::with_body(violation.status(), "text/plain", violation.to_string()).nosniff();
        response.dress(&self.hub.app().config.headers);
        response
    }

    /// Waits for the answer of a request that is held, or of one whose session ends before its body
    /// arrived. Nothing comes after it.
    pub fn poll_response(&mut self, context: &Context<'_>) -> Poll<Response> {
        loop {
            let Some(link) = self.link else { return Poll::Pending };
            let pulled = self.hub.with_cell(self.shard, |cell| {
                let transmit = cell.server.poll_transmit(link);
                if let Some(Transmit::Response(_)) = transmit {
                    cell.unbind(link);
                }
                transmit
            });
            if let Some(Transmit::Response(response)) = pulled {
                self.link = None;
                return Poll::Ready(response.encoded(&self.accept));
            }
            if self.port.poll_rung(context).is_pending() {
                return Poll::Pending;
            }
            self.port.answer();
        }
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        let Some(link) = self.link else { return };
        let now = self.hub.runtime().now();
        self.hub.with_cell(self.shard, |cell| {
            cell.server.handle_closed(now, link);
            cell.unbind(link);
        });
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("link", &self.link).finish_non_exhaustive()
    }
}

/// The answer to a `CONNECT` that becomes a WebSocket: nothing is switched, and no key is proven.
fn connected(mut response: Response) -> Response {
    response.status = 200;
    response.headers.retain(|(name, _)| UPGRADE.iter().all(|(_, proof, _)| name != proof));
    response
}

/// The fields of an upgrade that a `CONNECT` goes without, as the core wants to see them and as it
/// answers them.
const UPGRADE: [(&str, &str, &str); 3] = [
    ("upgrade", "upgrade", "websocket"),
    ("connection", "connection", "upgrade"),
    ("sec-websocket-key", "sec-websocket-accept", "AAAAAAAAAAAAAAAAAAAAAA=="),
];

/// The header fields of a head, with the host that its target names.
struct Shown<'a> {
    authority: Option<&'a Authority>,
    headers: &'a HeaderMap,
    /// Whether it is a `CONNECT` of HTTP/2.
    connects: bool,
}

impl Headers for Shown<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        if let Some(authority) = self.authority.filter(|_| name == "host") {
            return Some(host_of(authority));
        }
        if self.connects
            && let Some((_, _, value)) = UPGRADE.iter().find(|(field, ..)| *field == name)
        {
            return Some(value);
        }
        std::str::from_utf8(self.headers.get(name)?.as_bytes()).ok()
    }

    fn each(&self, each: &mut dyn FnMut(&str, &str)) {
        if let Some(authority) = self.authority {
            each("host", host_of(authority));
        }
        for (name, value) in self.headers {
            if self.authority.is_some() && name == header::HOST {
                continue;
            }
            each(name.as_str(), &String::from_utf8_lossy(value.as_bytes()));
        }
    }
}

/// The authority without user information, as a `Host` field would have it.
fn host_of(authority: &Authority) -> &str {
    let text = authority.as_str();
    text.rsplit_once('@').map_or(text, |(_, host)| host)
}

impl IntoWeb for Response {
    fn into_response(self) -> http::Response<Bytes> {
        let mut response = http::Response::new(self.body);
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let headers = response.headers_mut();
        if let Some(value) = self.content_type.and_then(value_of) {
            headers.insert(header::CONTENT_TYPE, value);
        }
        if self.no_store {
            headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        }
        for (name, value) in self.headers {
            if let (Ok(name), Some(value)) =
                (HeaderName::from_bytes(name.as_bytes()), value_of(value))
            {
                headers.append(name, value);
            }
        }
        response
    }
}

/// The value of a field, unless it would break the head apart.
fn value_of(text: Cow<'static, str>) -> Option<HeaderValue> {
    match text {
        Cow::Borrowed(text) => HeaderValue::from_str(text).ok(),
        Cow::Owned(text) => HeaderValue::try_from(text).ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a head shows of its fields, and of `host`.
    fn shown(target: &str) -> (Option<String>, Vec<(String, String)>) {
        let (head, ()) = http::Request::get(target)
            .header("host", "sent.example")
            .header("x-a", "1")
            .header("x-b", "\u{e9}")
            .header("x-c", &b"\xff"[..])
            .body(())
            .unwrap()
            .into_parts();
        let shown =
            Shown { authority: head.uri.authority(), headers: &head.headers, connects: false };
        let mut all = Vec::new();
        shown.each(&mut |name, value| all.push((name.to_owned(), value.to_owned())));
        all.sort();
        (shown.get("host").map(str::to_owned), all)
    }

    #[test]
    fn the_host_of_the_target_goes_before_the_host_field() {
        let with = |host: &str| {
            let pairs = [("host", host), ("x-a", "1"), ("x-b", "\u{e9}"), ("x-c", "\u{fffd}")];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            (Some(host.to_owned()), pairs.to_vec())
        };
        assert_eq!(shown("/a?b"), with("sent.example"));
        assert_eq!(shown("http://named.example:81/a?b"), with("named.example:81"));
        assert_eq!(shown("http://me:secret@named.example/"), with("named.example"));
    }

    #[test]
    fn an_answer_keeps_its_fields() {
        let mut answer = Response::with_body(200, "text/plain", "hi")
            .header("x-a", "1")
            .header("x-a", "2")
            .header("x-bad", "a\r\nset-cookie: b");
        answer.no_store = true;
        let answer = answer.into_response();
        let fields: Vec<_> = answer
            .headers()
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            fields,
            ["content-type: text/plain", "cache-control: no-store", "x-a: 1", "x-a: 2"]
        );
        assert_eq!((answer.status().as_u16(), &answer.body()[..]), (200, &b"hi"[..]));
    }
}
