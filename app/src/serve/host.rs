//! The way in for hosts that parse HTTP themselves, such as a service in front of an axum router.

use bytes::Bytes;
use http::request::Parts;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use sansocket::{
    Caller, ConnectFields, Field, Fields, Headers, Link, Method, Request, RequestContext, Response,
    Transmit, Verdict, Violation,
};
use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crate::hub::hub::Hub;
use crate::runtime::BoxFuture;
use crate::serve::connection::Connection;
use crate::serve::exchange::call;
use crate::serve::forward::{Forwarded, Wanted};
use crate::serve::refusal;
use crate::shards::port::Port;
use crate::sockets::io::Io;
use crate::web::files::Body;
use crate::web::handler::{Answerer, Beside, IntoWeb, accepted_codings};

/// What becomes of a request that a host parsed.
#[derive(Debug)]
pub enum Outcome {
    /// Its body is needed: read it and call [`HostLink::body`].
    Body {
        /// To which the body is handed over, once it [is ready](HostLink::poll_ready) for it; until
        /// then it may [want a look](HostLink::wants_look).
        attachment: HostLink,
        /// Most bytes it may have; when there are more, call [`HostLink::too_large`].
        limit: usize,
        /// Time it may take to arrive, waiting for [`HostLink::poll_ready`] included; afterwards,
        /// [refuse](HostLink::refuse) it with 408.
        time: Duration,
    },
    /// Another node has its session: read its body and call [`Forwarded::ask`].
    Forward(Forwarded),
    /// It is answered later: see [`HostLink::poll_response`].
    Hold(HostLink),
    /// It is not for Socket.IO.
    Pass,
    /// It is answered.
    Respond(Response),
    /// It becomes a WebSocket once this answer was sent: let the connection carry the stream.
    Upgrade(Response, Box<Connection>),
}

/// What becomes of a plain HTTP request that a host parsed.
#[derive(Debug)]
pub enum Aside {
    /// The application answers it: read its body and call [`Hub::ask`].
    Ask {
        /// Most bytes the body may have; answer with 413 when there are more.
        limit: usize,
        /// Time it may take to arrive; answer with 408 afterwards.
        time: Duration,
    },
    /// A file is the answer.
    File(http::Response<Body>),
    /// The application has no answer.
    Pass,
}

/// A request under way. Dropping it tells the session that the client gave up.
pub struct HostLink {
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
    /// have (RFC 9113 §8.3.1). What a [`Connection`] refuses is refused here as well, unless the host
    /// hides it. Answers are compressed as the settings say. A `CONNECT` of HTTP/2 is a WebSocket, and is
    /// answered as such (RFC 8441 §5).
    #[must_use]
    pub fn handle_head(&self, mut head: Parts, caller: Caller) -> Outcome {
        if let Err(violation) = check(&head) {
            let shown = Shown::of(&head);
            return Outcome::Respond(self.violated(&plain(&head, &shown), violation));
        }
        let extra: Option<Arc<dyn Any + Send + Sync>> = match head.extensions.is_empty() {
            true => None,
            false => Some(Arc::new(std::mem::take(&mut head.extensions))),
        };
        let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let connects = head.method == http::Method::CONNECT && head.version >= Version::HTTP_2;
        let shown = Shown::of(&head);
        let connect = ConnectFields(&shown);
        let (method, fields) = match connects {
            true => (Method::Get, Fields::host(&connect)),
            false => (Method::from_name(head.method.as_str()), Fields::host(&shown)),
        };
        let mut request = Request::new(method, target, fields);
        request.other = Some(head.method.as_str());
        let mut context = RequestContext::from(caller);
        context.extra = extra.as_ref();
        let accept = request.header("accept-encoding").unwrap_or_default();
        if let Some(node) = self.destination(&request) {
            let wanted = match (connects, request.asks_for_websocket()) {
                (true, _) => Wanted::Connect,
                (false, true) => Wanted::Upgrade,
                (false, false) => Wanted::Answer { accept: accept.into() },
            };
            let caller = self.seen(&request, caller);
            return match Forwarded::new(self.shared(), &request, (caller, node), wanted) {
                Ok(forwarded) => Outcome::Forward(forwarded),
                Err(response) => Outcome::Respond(response),
            };
        }
        match self.handle_request(request, context) {
            Outcome::Respond(response) => Outcome::Respond(response.encoded(&accept)),
            Outcome::Hold(mut attachment) => {
                attachment.accept = accept.into();
                Outcome::Hold(attachment)
            }
            Outcome::Upgrade(response, connection) if connects => {
                Outcome::Upgrade(response.connected(), connection)
            }
            outcome @ (Outcome::Body { .. }
            | Outcome::Forward(_)
            | Outcome::Pass
            | Outcome::Upgrade(..)) => outcome,
        }
    }

    /// Takes the head of a request outside of the path of Socket.IO, which files and the function of
    /// [`App::fallback`](crate::App::fallback) may answer. Files are opened, and small ones read,
    /// inside.
    #[must_use]
    pub fn handle_plain(&self, head: &mut Parts, caller: Caller, beside: Beside) -> Aside {
        let (web, config) = (&self.app().web, &self.app().config);
        // CONNECT asks for a tunnel, which its success would promise.
        if head.method == http::Method::CONNECT || web.files.is_none() && web.fallback.is_none() {
            return Aside::Pass;
        }
        let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
        let wanted = (&head.method, target, &head.headers);
        match web.answerer(wanted, config.compression, beside) {
            Answerer::Nobody => Aside::Pass,
            Answerer::File(mut response, file) => {
                response = self.dressed(response);
                let response = encoded_for(response, &head.method, &head.headers);
                let response = response.into_response();
                Aside::File(response.map(|bytes| match (file, bytes.is_empty()) {
                    (Some(file), _) => Body::File(file),
                    (None, true) => Body::Empty,
                    (None, false) => Body::Bytes(bytes),
                }))
            }
            Answerer::Application => {
                let caller = self.app().config.seen(&plain(head, &Shown::of(head)), caller);
                head.extensions.insert(caller);
                head.extensions.insert(Io::new(self.shared()));
                let limits = self.limits();
                Aside::Ask { limit: limits.max_payload, time: limits.body_time }
            }
        }
    }

    /// Lets the application answer a plain HTTP request whose head was [taken](Self::handle_plain).
    /// Its function is called inside.
    #[must_use]
    pub fn ask(&self, request: http::Request<Bytes>) -> BoxFuture<Response> {
        let (hub, config) = (self.shared(), &self.app().config);
        let (head, body) = request.into_parts();
        let (method, headers) = (head.method.clone(), head.headers.clone());
        let page = self.page_of(&plain(&head, &Shown::of(&head)));
        let request = http::Request::from_parts(head, body);
        let called = match &self.app().web.fallback {
            Some(fallback) => call(fallback, request, config.compression, page),
            None => Ok(self.refusal(StatusCode::NOT_FOUND, "Not Found")),
        };
        Box::pin(async move {
            let response = match called {
                Ok(response) => response,
                Err(pending) => pending.await,
            };
            encoded_for(hub.dressed(response), &method, &headers)
        })
    }

    /// Whether the application answers every request that is neither of Socket.IO nor for a file, so
    /// that a service behind would never be asked.
    #[must_use]
    pub fn has_fallback(&self) -> bool {
        self.app().web.fallback.is_some()
    }

    /// Takes a request that a host parsed, with what the host knows of it; its methods
    /// [`Other`](sansocket::Method) included. It is not forwarded to another node.
    #[must_use]
    pub fn handle_request(&self, request: Request<'_>, mut context: RequestContext<'_>) -> Outcome {
        let port: Arc<Port> = Arc::default();
        let mut shard = self.shards().next_home();
        context.caller = self.seen(&request, context.caller);
        let now = self.runtime().now();
        let verdict = self.request(&mut shard, &port, now, (&request, context));
        let attachment = |link| {
            let hub = self.shared();
            HostLink { hub, shard, link, port: port.clone(), accept: "".into() }
        };
        match verdict {
            Verdict::Continue | Verdict::Pass => Outcome::Pass,
            Verdict::Respond(response) => Outcome::Respond(response),
            Verdict::Hold(link) => Outcome::Hold(attachment(link)),
            Verdict::Body { link, limit } => {
                Outcome::Body { attachment: attachment(link), limit, time: self.limits().body_time }
            }
            Verdict::Upgrade { link, response } => {
                let connection =
                    Connection::upgraded(self.shared(), (link, &response), port, shard);
                Outcome::Upgrade(response, Box::new(connection))
            }
        }
    }
}

impl HostLink {
    /// Waits until handlers have caught up with the session. A body must not be read before: nothing
    /// else keeps bodies from piling up behind a slow handler. An answer may come first, see
    /// [`poll_response`](Self::poll_response).
    pub fn poll_ready(&mut self, context: &Context<'_>) -> Poll<()> {
        while let Some(link) = self.link
            && self.hub.stops_body(self.shard, link, &self.port)
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
        let quiet = self.port.end_look();
        if let Some(link) = self.link {
            self.hub.quiet(self.shard, link, quiet);
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
        self.hub.turn(self.shard, |cell| {
            let response = cell.server.handle_violation(now, link, Violation::BodyTooLarge);
            cell.unbind(link);
            response
        })
    }

    /// Gives up a body that does not arrive and returns the answer; the session ends.
    #[must_use]
    pub fn refuse(self, status: StatusCode, text: &'static str) -> Response {
        let response = refusal::plain(status.as_u16(), text);
        match self.link {
            Some(link) => self.hub.shards().with(self.shard, |server| server.dress(link, response)),
            None => self.hub.refusal(status, text),
        }
    }

    /// Waits for the answer of a request that is held, or of one whose session ends before its body
    /// arrived. Nothing comes after it.
    pub fn poll_response(&mut self, context: &Context<'_>) -> Poll<Response> {
        loop {
            let Some(link) = self.link else { return Poll::Pending };
            let pulled = self.hub.shards().with_cell(self.shard, |cell| {
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

impl Drop for HostLink {
    fn drop(&mut self) {
        let Some(link) = self.link else { return };
        let now = self.hub.runtime().now();
        self.hub.shards().with_cell(self.shard, |cell| {
            cell.server.handle_closed(now, link);
            cell.unbind(link);
        });
    }
}

impl fmt::Debug for HostLink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostLink").field("link", &self.link).finish_non_exhaustive()
    }
}

/// An answer with the coding that a request asks for.
fn encoded_for(response: Response, method: &http::Method, headers: &HeaderMap) -> Response {
    let accept = accepted_codings(headers);
    match *method == http::Method::HEAD {
        true => response.encoded_head(&accept),
        false => response.encoded(&accept),
    }
}

/// Checks what only the host's own form of a head shows: its scheme, how its body is framed, and the
/// fields that the host named by the target hides. The core checks the fields that it is shown.
fn check(head: &Parts) -> Result<(), Violation> {
    let known = [None, Some(&Scheme::HTTP), Some(&Scheme::HTTPS)];
    let named = head.uri.authority().is_some_and(|authority| authority.as_str().contains('@'));
    if named || !known.contains(&head.uri.scheme()) {
        return Err(Violation::InvalidTarget);
    }
    if head.version >= Version::HTTP_2 {
        return Ok(());
    }
    // One that is missing is the host's to miss: a request made by hand need not have it.
    if head.headers.get_all(header::HOST).iter().nth(1).is_some() {
        return Err(Violation::RepeatedField(Field::Host));
    }
    let (coding, length) =
        (head.headers.get(header::TRANSFER_ENCODING), head.headers.get(header::CONTENT_LENGTH));
    if coding.is_some() && length.is_some() {
        return Err(Violation::AmbiguousRequest);
    }
    if coding.is_some_and(|coding| !coding.as_bytes().eq_ignore_ascii_case(b"chunked")) {
        return Err(Violation::UnsupportedCoding);
    }
    let empty = coding.is_none() && length.is_none_or(|length| length == "0");
    match head.method {
        http::Method::GET | http::Method::HEAD if !empty => Err(Violation::UnexpectedBody),
        _ => Ok(()),
    }
}

/// The header fields of a head, with the host that its target names.
pub(super) struct Shown<'a> {
    authority: Option<&'a Authority>,
    headers: &'a HeaderMap,
    form: Form,
}

/// How a head asks for a WebSocket.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Form {
    /// Not at all: in HTTP/1.0 there is no `Upgrade` (RFC 9110 §7.8).
    Nothing,
    /// By an `Upgrade`.
    Upgrade,
}

/// A head as the core sees it.
fn plain<'a>(head: &'a Parts, shown: &'a Shown<'_>) -> Request<'a> {
    let target = head.uri.path_and_query().map_or("/", PathAndQuery::as_str);
    Request::new(Method::from_name(head.method.as_str()), target, Fields::host(shown))
}

impl<'a> Shown<'a> {
    pub(super) fn of(head: &'a Parts) -> Self {
        let form = match head.version {
            Version::HTTP_09 | Version::HTTP_10 => Form::Nothing,
            _ => Form::Upgrade,
        };
        Self { authority: head.uri.authority(), headers: &head.headers, form }
    }
}

impl Headers for Shown<'_> {
    fn values<'a>(&'a self, name: &str, each: &mut dyn FnMut(&'a [u8])) {
        if let Some(authority) = self.authority.filter(|_| name == "host") {
            return each(authority.as_str().as_bytes());
        }
        match self.form {
            Form::Nothing if name == "upgrade" => return,
            Form::Nothing | Form::Upgrade => {}
        }
        self.headers.get_all(name).iter().for_each(|value| each(value.as_bytes()));
    }

    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        if let Some(authority) = self.authority {
            each("host", authority.as_str().as_bytes());
        }
        for (name, value) in self.headers {
            if self.authority.is_some() && name == header::HOST {
                continue;
            }
            each(name.as_str(), value.as_bytes());
        }
    }
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
        if let Some(length) = self.length {
            headers.insert(header::CONTENT_LENGTH, length.into());
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
    fn shown(target: &str) -> (Option<String>, Vec<(String, Vec<u8>)>) {
        let (head, ()) = http::Request::get(target)
            .header("host", "sent.example")
            .header("x-a", "1")
            .header("x-a", "2")
            .header("x-c", &b"\xff"[..])
            .body(())
            .unwrap()
            .into_parts();
        let shown = Shown::of(&head);
        let fields = Fields::host(&shown);
        assert_eq!(fields.get("x-a").as_deref(), Some("1, 2"));
        assert_eq!(fields.get("x-c").as_deref(), Some("?"));
        let mut all = Vec::new();
        shown.each(&mut |name, value| all.push((name.to_owned(), value.to_owned())));
        all.sort();
        (fields.get("host").map(Cow::into_owned), all)
    }

    #[test]
    fn the_host_of_the_target_goes_before_the_host_field() {
        let with = |host: &str| {
            let pairs = [("host", host.as_bytes()), ("x-a", b"1"), ("x-a", b"2"), ("x-c", b"\xff")];
            let pairs = pairs.map(|(name, value)| (name.to_owned(), value.to_owned()));
            (Some(host.to_owned()), pairs.to_vec())
        };
        assert_eq!(shown("/a?b"), with("sent.example"));
        assert_eq!(shown("http://named.example:81/a?b"), with("named.example:81"));
    }

    #[test]
    fn what_only_the_host_knows_of_a_head_is_checked() {
        let head = |method: &str, target: &str, version, fields: &[(&str, &str)]| {
            let mut request = http::Request::builder().method(method).uri(target).version(version);
            for (name, value) in fields {
                request = request.header(*name, *value);
            }
            check(&request.body(()).unwrap().into_parts().0)
        };
        let one = ("host", "a");
        let length = ("content-length", "1");
        let coding = ("transfer-encoding", "chunked");
        let zipped = ("transfer-encoding", "gzip, chunked");
        let (usual, new) = (Version::HTTP_11, Version::HTTP_2);
        for (outcome, expected) in [
            (head("GET", "/", usual, &[one]), None),
            (head("GET", "HTTP://a/", usual, &[one]), None),
            (head("GET", "https://a/", new, &[]), None),
            (head("POST", "/", usual, &[one, length]), None),
            (head("GET", "/", usual, &[one, ("content-length", "0")]), None),
            (head("GET", "/", usual, &[]), None),
            (head("GET", "/", usual, &[one, one]), Some(Violation::RepeatedField(Field::Host))),
            (head("GET", "ftp://a/", usual, &[one]), Some(Violation::InvalidTarget)),
            (head("GET", "http://me@a/", usual, &[one]), Some(Violation::InvalidTarget)),
            (head("GET", "/", usual, &[one, length]), Some(Violation::UnexpectedBody)),
            (head("POST", "/", usual, &[one, zipped]), Some(Violation::UnsupportedCoding)),
            (head("HEAD", "/", usual, &[one, coding]), Some(Violation::UnexpectedBody)),
            (head("POST", "/", usual, &[one, length, coding]), Some(Violation::AmbiguousRequest)),
        ] {
            assert_eq!(outcome.err(), expected);
        }
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
