//! Socket.IO in front of another service, on the same port: a layer for axum, hyper and whatever
//! else speaks tower.

mod answer;
mod body;
mod collect;
mod question;
mod upload;

use hyper::body::{Body, Bytes};
use hyper::ext::Protocol;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use sansocket_app::bind::{Aside, Beside, Carry, Connection, Forwarded, Hub, Outcome};
use sansocket_app::http::request::Parts;
use sansocket_app::http::{Request, Response, StatusCode};
use sansocket_app::{Caller, IntoWeb as _, Response as Answer};
use std::convert::Infallible;
use std::fmt;
use std::future::{self, Future as _, Ready, poll_fn};
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use tower_layer::Layer;
use tower_service::Service;

pub use answer::{SocketIoBody, SocketIoFuture};
pub use body::OwnBody;

use crate::carry::{Look, Stream};
use crate::server::Server;
use answer::State;
use question::{Ask, Question};
use upload::Upload;

type PeerOf = Arc<dyn Fn(&Parts) -> Option<SocketAddr> + Send + Sync>;

impl Server {
    /// Returns the layer that puts this server in front of another service, such as an axum router.
    ///
    /// A request goes to the first of these that it is for:
    ///
    /// 1. Socket.IO, under the path of the settings;
    /// 2. a file of [`App::files`](crate::App::files) that is there, by `GET` and `HEAD`;
    /// 3. the service behind, untouched.
    ///
    /// Polling and WebSockets work over HTTP/1.1 and HTTP/2. For WebSockets the host must allow
    /// upgrades, or `CONNECT` with a protocol (RFC 8441), as `axum::serve` does. Its streams should have
    /// `TCP_NODELAY` set. Its time for a request must be longer than the time between two pings, which
    /// is how long a poll is held at most. An answer of which the client takes none for
    /// `Limits::body_time` is given up; how long a connection may do nothing, and how many streams it
    /// may have, is the host's to say.
    ///
    /// Handlers find what earlier middleware knew in [`Socket::extension`](crate::Socket::extension).
    /// ```
    /// # async fn example() -> std::io::Result<()> {
    /// use axum::{Router, routing::get};
    /// use sansocket_tokio::{App, Server};
    ///
    /// let server = Server::new(App::new());
    /// let router = Router::new().route("/", get("hello")).layer(server.layer());
    /// let listener = tokio::net::TcpListener::bind("127.0.0.1:3000").await?;
    /// axum::serve(listener, router).await
    /// # }
    /// ```
    ///
    /// # Panics
    /// When the application has a [fallback](crate::App::fallback): that answers everything, so that
    /// the service behind would never be asked. Leave it to that service, or take
    /// [`service`](Self::service).
    #[must_use]
    pub fn layer(&self) -> SocketIoLayer {
        assert!(
            !self.hub().has_fallback(),
            "App::fallback answers what the service behind the layer is for: leave it out and use the \
             fallback of that service, or serve the application alone with Server::service"
        );
        SocketIoLayer(Mount::new(self, Beside::Service))
    }

    /// Returns this server as a service of its own, for tower and for hyper. Outside the path of the
    /// settings it answers as the application says, by [files](crate::App::files) and its
    /// [fallback](crate::App::fallback), and with 404 otherwise.
    #[must_use]
    pub fn service(&self) -> SocketIoService<NotFound> {
        SocketIoService { inner: NotFound, mount: Arc::new(Mount::new(self, Beside::Nothing)) }
    }

    /// Waits until [`stop`](sansocket_app::Io::stop) and all WebSockets have ended,
    /// or their time was over. Requests are the host's to wait for.
    ///
    /// A server that listens itself does not need it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a new one waits again.
    pub async fn ended(&self) {
        self.hub().stopping().await;
        self.hub().idle().await;
    }
}

/// Puts Socket.IO in front of a service: see [`Server::layer`].
#[derive(Clone, Debug)]
pub struct SocketIoLayer(Mount);

/// Socket.IO in front of a service: see [`Server::layer`].
#[derive(Clone, Debug)]
pub struct SocketIoService<S> {
    inner: S,
    mount: Arc<Mount>,
}

/// The service that finds nothing.
#[derive(Clone, Copy, Debug)]
pub struct NotFound;

/// Socket.IO as it is mounted in a host.
#[derive(Clone)]
struct Mount {
    hub: Arc<Hub>,
    beside: Beside,
    peer: PeerOf,
    secure: bool,
}

impl SocketIoLayer {
    /// Tells clients' addresses from the heads of their requests. Without it, it is the extension of
    /// type [`SocketAddr`], if the host or its middleware set one.
    ///
    /// For `axum::extract::ConnectInfo`, which axum sets when asked to:
    ///
    /// ```
    /// use axum::extract::ConnectInfo;
    /// use std::net::SocketAddr;
    ///
    /// # fn example(server: sansocket_tokio::Server) -> sansocket_tokio::SocketIoLayer {
    /// server.layer().peer(|head| head.extensions.get().map(|ConnectInfo(peer)| *peer))
    /// # }
    /// ```
    #[must_use]
    pub fn peer(self, peer: impl Fn(&Parts) -> Option<SocketAddr> + Send + Sync + 'static) -> Self {
        Self(Mount { peer: Arc::new(peer), ..self.0 })
    }

    /// Says that the host serves over TLS: cookies are marked so, and handshakes tell.
    #[must_use]
    pub fn secure(self) -> Self {
        Self(Mount { secure: true, ..self.0 })
    }
}

impl<S> Layer<S> for SocketIoLayer {
    type Service = SocketIoService<S>;

    fn layer(&self, inner: S) -> SocketIoService<S> {
        SocketIoService { inner, mount: Arc::new(self.0.clone()) }
    }
}

impl<S, B, R> Service<Request<B>> for SocketIoService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
    B: Body,
{
    type Response = Response<SocketIoBody<R>>;
    type Error = S::Error;
    type Future = SocketIoFuture<S::Future, B>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let patience = self.mount.hub.limits().body_time;
        if self.mount.hub.serves(request.uri().path()) {
            return SocketIoFuture::new(self.mount.take(request), patience);
        }
        let (mut head, body) = request.into_parts();
        let state = match self.mount.take_plain(&mut head) {
            Aside::Ask { limit, time } => {
                let (hub, asked) = (self.mount.hub.clone(), self.mount.hub.clone());
                let ask: Ask = Box::new(move |body| asked.ask(Request::from_parts(head, body)));
                State::Asked { question: Question::new(hub, ask, body, (limit, time)) }
            }
            Aside::File(answer) => State::Ready { answer: Some(answer) },
            Aside::Pass => {
                State::Inner { future: self.inner.call(Request::from_parts(head, body)) }
            }
        };
        SocketIoFuture::new(state, patience)
    }
}

impl<B: Body> hyper::service::Service<Request<B>> for SocketIoService<NotFound> {
    type Response = Response<SocketIoBody<OwnBody>>;
    type Error = Infallible;
    type Future = SocketIoFuture<<NotFound as Service<Request<B>>>::Future, B>;

    fn call(&self, request: Request<B>) -> Self::Future {
        Service::call(&mut self.clone(), request)
    }
}

impl<B> Service<Request<B>> for NotFound {
    type Response = Response<OwnBody>;
    type Error = Infallible;
    type Future = Ready<Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Request<B>) -> Self::Future {
        future::ready(Ok(StatusCode::NOT_FOUND.into_response().map(OwnBody::short)))
    }
}

impl Mount {
    fn new(server: &Server, beside: Beside) -> Self {
        let peer = Arc::new(|head: &Parts| head.extensions.get().copied());
        Self { hub: server.hub().clone(), beside, peer, secure: false }
    }

    /// Takes a request outside of our path.
    fn take_plain(&self, head: &mut Parts) -> Aside {
        self.hub.handle_plain(head, self.caller(head), self.beside)
    }

    fn caller(&self, head: &Parts) -> Caller {
        let mut caller = Caller::default();
        caller.peer = (self.peer)(head);
        caller.secure = self.secure;
        caller
    }

    /// Takes a request under our path; handlers run inside.
    fn take<F, B: Body>(&self, request: Request<B>) -> State<F, B> {
        let (mut head, body) = request.into_parts();
        if head.extensions.get::<Protocol>().is_some_and(|name| name.as_str() != "websocket") {
            // RFC 9220 §3 says so for HTTP/3, RFC 8441 nothing for HTTP/2.
            let text = "a CONNECT here is a WebSocket";
            return State::ready(self.hub.refusal(StatusCode::NOT_IMPLEMENTED, text));
        }
        // Not the session's to keep: it would hold the stream's end open.
        let upgrade = head.extensions.remove::<OnUpgrade>();
        let caller = self.caller(&head);
        match self.hub.handle_head(head, caller) {
            Outcome::Body { attachment, limit, time } => {
                let upload = Upload::new(self.hub.clone(), attachment, body, (limit, time));
                State::Upload { upload }
            }
            Outcome::Forward(forwarded) => self.forward(forwarded, body, upgrade),
            Outcome::Hold(attachment) => State::Held { attachment },
            Outcome::Pass => State::ready(StatusCode::NOT_FOUND),
            Outcome::Respond(response) => State::ready(response),
            Outcome::Upgrade(response, connection) => {
                State::ready(self.upgrade(upgrade, response, connection))
            }
        }
    }

    /// Has another node answer a request.
    fn forward<F, B: Body>(
        &self,
        forwarded: Forwarded,
        body: B,
        upgrade: Option<OnUpgrade>,
    ) -> State<F, B> {
        let (hub, mount, bounds) = (self.hub.clone(), self.clone(), forwarded.bounds());
        let ask: Ask = Box::new(move |body| {
            Box::pin(async move {
                let answer = forwarded.ask(body).await;
                match answer.connection {
                    Some(connection) => mount.upgrade(upgrade, answer.response, connection),
                    None => answer.response,
                }
            })
        });
        match bounds {
            Some(bounds) => State::Asked { question: Question::new(hub, ask, body, bounds) },
            // The body of a `CONNECT` is the WebSocket.
            None => State::Awaited { answer: ask(Bytes::new()) },
        }
    }

    /// Carries a WebSocket if the host upgrades, and returns the answer.
    fn upgrade(
        &self,
        upgrade: Option<OnUpgrade>,
        response: Answer,
        connection: Box<Connection>,
    ) -> Answer {
        match upgrade {
            Some(upgrade) => {
                self.carry(upgrade, connection);
                response
            }
            None => self.hub.refusal(StatusCode::NOT_IMPLEMENTED, "the server cannot upgrade"),
        }
    }

    /// Carries a WebSocket once its stream is here.
    fn carry(&self, mut upgrade: OnUpgrade, mut connection: Box<Connection>) {
        self.hub.runtime().spawn(Box::pin(async move {
            let stream = poll_fn(|context| {
                loop {
                    if let Poll::Ready(stream) = Pin::new(&mut upgrade).poll(context) {
                        return Poll::Ready(stream.ok());
                    }
                    // It may never come: what answered instead of us might have kept the stream.
                    connection.poll_write(&mut []);
                    if connection.is_finished() {
                        return Poll::Ready(None);
                    }
                    if connection.wants_look() {
                        connection.quiet();
                        continue;
                    }
                    ready!(connection.poll_rung(context));
                }
            });
            // Without a stream, dropping the connection tells its session.
            if let Some(stream) = stream.await {
                // In a task of just the size that it needs for as long as it lives.
                tokio::spawn(Carry::new(Stream(TokioIo::new(stream)), *connection));
            }
        }));
    }
}

/// The stream of a host is not known: the answer of the host itself counts.
impl Look for TokioIo<Upgraded> {
    fn look(&self, _: &mut [u8]) -> io::Result<usize> {
        Err(ErrorKind::WouldBlock.into())
    }
}

impl fmt::Debug for Mount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mount").field("hub", &self.hub).finish_non_exhaustive()
    }
}
