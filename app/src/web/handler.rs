//! Plain HTTP beside Socket.IO: the requests of other paths, and the gate before handshakes.

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use sansocket::{Caller, Request, Response};
use std::borrow::Cow;
use std::fs::File;
use std::future::Future;
use std::io::Take;

use crate::handlers::function::{Async, Plain};
use crate::handlers::handler::Progress;
use crate::web::files::{Body, Files, Kept, SMALL, Whole};
use crate::web::nodes::Nodes;
use crate::web::refused::RefusedRequest;

/// What an application answers outside of Socket.IO.
#[derive(Default)]
pub(crate) struct Web {
    pub(crate) files: Option<Files>,
    /// The files as they were compressed before.
    pub(crate) kept: Kept,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) allow: Option<Allow>,
    pub(crate) generate_id: Option<Generate>,
    /// For the answer that opens a session.
    pub(crate) initial_headers: Option<Dressing>,
    /// For every answer.
    pub(crate) headers: Option<Dressing>,
    pub(crate) on_refused: Option<OnRefused>,
    /// Those to which requests for their sessions are forwarded.
    pub(crate) nodes: Option<Nodes>,
}

pub(crate) type Fallback =
    Box<dyn Fn(http::Request<Bytes>) -> Progress<http::Response<Bytes>> + Send + Sync>;
pub(crate) type Generate = Box<dyn Fn(&Request<'_>, Caller) -> String + Send + Sync>;
pub(crate) type Dressing = Box<dyn Fn(&Request<'_>, Caller, &mut HeaderMap) + Send + Sync>;
pub(crate) type OnRefused = Box<dyn Fn(RefusedRequest<'_>) + Send + Sync>;
pub(crate) type Allow = Box<dyn Fn(&Request<'_>, Caller) -> Option<Response> + Send + Sync>;

/// What stands beside an application on its port.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Beside {
    /// Nothing: a request that the application does not answer gets 404.
    Nothing,
    /// Another service, which answers requests that concern neither a session nor a file. It never sees requests
    /// by `GET` and `HEAD` for a file that is there.
    Service,
}

/// The handler of a plain HTTP request.
pub(crate) enum Answerer {
    /// The function of the application.
    Application,
    /// A file, of which this has to be read yet.
    File(Response, Option<Take<File>>),
    Nobody,
}

/// A function that answers plain HTTP requests. `M` only tells the forms of functions apart.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot answer HTTP requests",
    label = "not a function of an `http::Request<Bytes>` that returns `IntoWeb`",
    note = "it is a function or a closure, plain or `async`, whose one parameter is `http::Request<Bytes>`",
    note = "it returns a text, a `StatusCode`, both in a tuple, an `http::Response`, or an `Option` or `Result` of these"
)]
pub trait WebHandler<M>: Send + Sync + 'static {
    #[doc(hidden)]
    #[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
    fn call(&self, request: http::Request<Bytes>) -> Progress<http::Response<Bytes>>;
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, R> WebHandler<(Plain, R)> for F
where
    F: Fn(http::Request<Bytes>) -> R + Send + Sync + 'static,
    R: IntoWeb,
{
    fn call(&self, request: http::Request<Bytes>) -> Progress<http::Response<Bytes>> {
        Progress::Done(self(request).into_response())
    }
}

#[expect(private_interfaces, reason = "how handlers run is not part of the interface")]
impl<F, U> WebHandler<(Async, U)> for F
where
    F: Fn(http::Request<Bytes>) -> U + Send + Sync + 'static,
    U: Future<Output: IntoWeb> + Send + 'static,
{
    fn call(&self, request: http::Request<Bytes>) -> Progress<http::Response<Bytes>> {
        let future = self(request);
        Progress::Pending(Box::pin(async move { future.await.into_response() }))
    }
}

/// What a plain HTTP request may be answered with: an [`http::Response`], a text, a
/// [`StatusCode`], both in a tuple, or an `Option` of these, whose `None` is a 404.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no answer to an HTTP request",
    label = "not `IntoWeb`",
    note = "an answer is a text, a `StatusCode`, both in a tuple, an `http::Response`, or an `Option` or `Result` of these"
)]
pub trait IntoWeb {
    /// Turns it into a response.
    fn into_response(self) -> http::Response<Bytes>;
}

impl<B: Into<Bytes>> IntoWeb for http::Response<B> {
    fn into_response(self) -> http::Response<Bytes> {
        self.map(Into::into)
    }
}

impl IntoWeb for StatusCode {
    fn into_response(self) -> http::Response<Bytes> {
        (self, self.canonical_reason().unwrap_or_default()).into_response()
    }
}

impl IntoWeb for &'static str {
    fn into_response(self) -> http::Response<Bytes> {
        (StatusCode::OK, self).into_response()
    }
}

impl IntoWeb for String {
    fn into_response(self) -> http::Response<Bytes> {
        (StatusCode::OK, self).into_response()
    }
}

impl<B: Into<Bytes>> IntoWeb for (StatusCode, B) {
    fn into_response(self) -> http::Response<Bytes> {
        let (status, body) = self;
        let mut response = http::Response::new(body.into());
        *response.status_mut() = status;
        let text = HeaderValue::from_static("text/plain; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, text);
        response
    }
}

impl<R: IntoWeb> IntoWeb for Option<R> {
    fn into_response(self) -> http::Response<Bytes> {
        self.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoWeb::into_response)
    }
}

impl<R: IntoWeb, E: IntoWeb> IntoWeb for Result<R, E> {
    fn into_response(self) -> http::Response<Bytes> {
        match self {
            Ok(answer) => answer.into_response(),
            Err(answer) => answer.into_response(),
        }
    }
}

impl Web {
    /// Finds the handler of a request: files go first.
    pub(crate) fn answerer(
        &self,
        (method, target, headers): (&Method, &str, &HeaderMap),
        compression: Option<usize>,
        beside: Beside,
    ) -> Answerer {
        let looks = match beside {
            Beside::Nothing => true,
            Beside::Service => *method == Method::GET || *method == Method::HEAD,
        };
        let files = self.files.as_ref().filter(|_| looks);
        let found = files.and_then(|files| files.answer(method, target, headers));
        let others = self.fallback.is_some() || beside == Beside::Service;
        match found {
            Some(found) if found.status() != StatusCode::NOT_FOUND || !others => {
                let (response, file) =
                    file_response_of(found, (method, headers), self, compression);
                Answerer::File(response, file)
            }
            Some(_) | None if self.fallback.is_some() => Answerer::Application,
            Some(_) | None => Answerer::Nobody,
        }
    }
}

/// The request in the form the rest of the world uses, with its client as an extension; `None` when its
/// parts have no such form.
pub(crate) fn request_of(request: &Request<'_>, caller: Caller) -> Option<http::Request<()>> {
    let method = request.method_name()?;
    let mut parts = http::Request::builder().method(method).uri(request.target).body(()).ok()?;
    let headers = parts.headers_mut();
    request.fields.each(&mut |name, value| {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::from_bytes(value))
        {
            headers.append(name, value);
        }
    });
    parts.extensions_mut().insert(caller);
    Some(parts)
}

/// The answer in the form that [`Conn`](sansocket::Conn) writes, without what it adds itself; bodies
/// from `compression` bytes on may be compressed.
pub(crate) fn response_of(response: http::Response<Bytes>, compression: Option<usize>) -> Response {
    let (parts, body) = response.into_parts();
    let mut content_type = None;
    let mut headers = Vec::with_capacity(parts.headers.len());
    for (name, value) in &parts.headers {
        let Ok(value) = std::str::from_utf8(value.as_bytes()) else { continue };
        let framing = [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION];
        if *name == header::CONTENT_TYPE {
            content_type = Some(Cow::Owned(value.to_owned()));
        } else if !framing.contains(name) {
            let name: Cow<'static, str> = Cow::Owned(name.as_str().to_owned());
            headers.push((name, Cow::Owned(value.to_owned())));
        }
    }
    let mut response = Response::status(parts.status.as_u16());
    response.content_type = content_type;
    response.headers = headers;
    response.body = body;
    response.compress = compression.is_some_and(|threshold| response.body.len() >= threshold);
    response
}

/// The answer of another node that accepts a WebSocket.
pub(crate) fn switching_response_of(head: http::Response<()>) -> Response {
    let response = response_of(head.map(|()| Bytes::new()), None);
    response.header("upgrade", "websocket").header("connection", "Upgrade")
}

/// The answer of another node, which said that it depends on the coding if it would have compressed it.
pub(crate) fn forwarded_response_of(
    response: http::Response<Bytes>,
    compression: Option<usize>,
) -> Response {
    let mut response = response_of(response, compression);
    let mut depends = false;
    for (name, value) in &mut response.headers {
        if name == "vary" {
            let others = value.split(',').map(str::trim);
            let (coding, others): (Vec<_>, Vec<_>) =
                others.partition(|field| field.eq_ignore_ascii_case("accept-encoding"));
            depends |= !coding.is_empty();
            *value = others.join(", ").into();
        }
    }
    response.headers.retain(|(name, value)| name != "vary" || !value.is_empty());
    response.compress &= depends;
    response
}

/// The answer that a file is, and what of it has to be read yet; compressed for clients that ask for
/// it, from `compression` bytes on.
fn file_response_of(
    found: http::Response<Body>,
    (method, headers): (&Method, &HeaderMap),
    web: &Web,
    compression: Option<usize>,
) -> (Response, Option<Take<File>>) {
    let length = length_of(found.headers());
    let (mut parts, body) = found.into_parts();
    let whole: Option<Whole> = parts.extensions.remove();
    let (bytes, file) = match body {
        Body::Bytes(bytes) => (bytes, None),
        Body::Empty => (Bytes::new(), None),
        Body::File(file) => (Bytes::new(), Some(file)),
    };
    let mut response = response_of(http::Response::from_parts(parts, bytes), None);
    if response.body.is_empty() {
        response.length = length;
    }
    if let (Some(whole), Some(least)) = (whole, compression) {
        // Large files are sent piece by piece as they are.
        response.compress = (least as u64..=SMALL).contains(&whole.file.length);
        if response.compress && response.status == 304 {
            response.content_type = whole.media.to_str().ok().map(|media| media.to_owned().into());
        }
        if response.compress && response.status == 200 && *method == Method::GET {
            let kept =
                |coding, compress: &dyn Fn() -> _| web.kept.get(whole.file, coding, compress);
            response = response.encoded_with(&accepted_codings(headers), kept);
        }
    }
    (response, file)
}

/// Gives a 304 the tag of the answer that the client has, when that was compressed.
pub(crate) fn name_as_known(response: &mut Response, known: &[HeaderValue]) {
    let fields = response.headers.iter_mut();
    let Some((_, tag)) = fields.into_iter().find(|(name, _)| name == "etag") else { return };
    let weak = format!("W/{tag}");
    let mut named = known.iter().filter_map(|list| list.to_str().ok());
    if named.any(|list| list.split(',').any(|named| named.trim() == weak)) {
        *tag = weak.into();
        response.headers.push(("vary".into(), "Accept-Encoding".into()));
    }
}

/// The answer to a request for the head alone, with the length that the body would have.
pub(crate) fn head_response_of(
    response: http::Response<Bytes>,
    compression: Option<usize>,
) -> Response {
    let length = length_of(response.headers());
    let mut response = response_of(response, compression);
    if response.body.is_empty() {
        response.length = length;
        response.compress = compression.zip(length).is_some_and(|(least, n)| n >= least as u64);
    }
    response
}

/// What a client says of codings, in all its fields.
pub(crate) fn accepted_codings(headers: &HeaderMap) -> String {
    let fields = headers.get_all(header::ACCEPT_ENCODING).iter();
    fields.filter_map(|field| field.to_str().ok()).collect::<Vec<_>>().join(",")
}

fn length_of(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
