//! What the layer promises: Socket.IO and another service on one port, over HTTP/1.1 and HTTP/2.

use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::client::conn::{http1, http2};
use hyper::ext::Protocol;
use hyper::service::service_fn;
use hyper::upgrade::Upgraded;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use sansocket::Violation;
use sansocket_tokio::{
    App, Config, Extension, OwnBody, Reason, Server, Socket, SocketIoBody, sequential,
};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::{Ready, poll_fn, ready};
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tower_layer::Layer as _;
use tower_service::Service;

const PATH: &str = "/socket.io/?EIO=4&transport=polling";
const TOO_LARGE: Reason = Reason::Violation(Violation::BodyTooLarge);

/// What the host's middleware notes of a request.
#[derive(Clone)]
struct Note(&'static str);

/// The service behind: says what it was asked.
#[derive(Clone)]
struct Other;

impl Service<Request<Incoming>> for Other {
    type Response = Response<Full<Bytes>>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Incoming>) -> Self::Future {
        Box::pin(async move {
            let note = request.extensions().get().map_or("none", |Note(note)| note);
            let asked = format!("{} {} {note} ", request.method(), request.uri().path());
            let body = request.into_body().collect().await.unwrap().to_bytes();
            Ok(Response::new([asked.as_bytes(), &body].concat().into()))
        })
    }
}

/// Serves Socket.IO in front of another service, with what hyper offers.
async fn serve(server: &Server) -> SocketAddr {
    let service = server.layer().layer(Other);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, peer)) = listener.accept().await {
            let service = service.clone();
            let noting = service_fn(move |mut request: Request<Incoming>| {
                request.extensions_mut().insert(Note("seen"));
                request.extensions_mut().insert(peer);
                service.clone().call(request)
            });
            tokio::spawn(async move {
                let mut host = auto::Builder::new(TokioExecutor::new());
                host.http2().enable_connect_protocol();
                host.serve_connection_with_upgrades(TokioIo::new(stream), noting).await
            });
        }
    });
    address
}

/// A connection of a client that speaks either version.
enum Stream {
    One(http1::SendRequest<Full<Bytes>>),
    Two(http2::SendRequest<Full<Bytes>>),
}

impl Stream {
    async fn one(address: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = http1::handshake(stream).await.unwrap();
        tokio::spawn(connection.with_upgrades());
        Self::One(sender)
    }

    async fn two(address: SocketAddr) -> Self {
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (sender, connection) = http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        tokio::spawn(connection);
        Self::Two(sender)
    }

    async fn send(&mut self, request: Request<Full<Bytes>>) -> Response<Incoming> {
        match self {
            Self::One(sender) => sender.send_request(request).await.unwrap(),
            Self::Two(sender) => sender.send_request(request).await.unwrap(),
        }
    }
}

/// A polling client.
struct Client {
    stream: Stream,
    address: SocketAddr,
    sid: String,
}

impl Client {
    async fn connect(stream: Stream, address: SocketAddr) -> Self {
        let mut client = Self { stream, address, sid: String::new() };
        let (status, open) = client.ask("GET", PATH, "").await;
        assert_eq!(status, StatusCode::OK, "{open}");
        client.sid = open.split('"').nth(3).unwrap().to_owned();
        client.post("40").await;
        assert!(client.poll().await.starts_with("40{"));
        client
    }

    fn request(&self, method: &str, target: &str, body: &str) -> Request<Full<Bytes>> {
        let address = self.address;
        let request = match self.stream {
            Stream::One(_) => Request::builder().uri(target).header("host", address.to_string()),
            // Names the host as `:authority` only.
            Stream::Two(_) => Request::builder().uri(format!("http://{address}{target}")),
        };
        request.method(method).body(body.to_owned().into()).unwrap()
    }

    /// Asks for a WebSocket; `sid` is the rest of the query.
    fn upgrade(&self, sid: &str) -> Request<Full<Bytes>> {
        let target = format!("/socket.io/?EIO=4&transport=websocket{sid}");
        let mut request = self.request("GET", &target, "");
        for (name, value) in [
            ("connection", "Upgrade"),
            ("upgrade", "websocket"),
            ("sec-websocket-version", "13"),
            ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ] {
            request.headers_mut().insert(name, value.parse().unwrap());
        }
        request
    }

    async fn ask(&mut self, method: &str, target: &str, body: &str) -> (StatusCode, String) {
        let request = self.request(method, target, body);
        text_of(self.stream.send(request).await).await
    }

    async fn poll(&mut self) -> String {
        self.ask("GET", &format!("{PATH}&sid={}", self.sid), "").await.1
    }

    async fn post(&mut self, payload: &str) {
        let answer = self.ask("POST", &format!("{PATH}&sid={}", self.sid), payload).await;
        assert_eq!(answer, (StatusCode::OK, "ok".into()));
    }
}

async fn text_of<B: Body<Error: std::fmt::Debug>>(response: Response<B>) -> (StatusCode, String) {
    let (head, body) = response.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status, String::from_utf8(body.to_vec()).unwrap())
}

/// Waits until so many requests and WebSockets are attached to sessions.
async fn attached(server: &Server, links: usize) {
    while server.io().counts().iter().map(|counts| counts.links).sum::<usize>() != links {
        tokio::task::yield_now().await;
    }
}

/// An application that tells why clients left.
fn farewells(mut app: App) -> (App, UnboundedReceiver<Reason>) {
    let (left, reasons) = mpsc::unbounded_channel();
    app.on_disconnect(move |_: Socket, reason: Reason| left.send(reason).unwrap());
    (app, reasons)
}

#[tokio::test]
async fn cookies_that_http_2_splits_are_one() {
    let mut app = App::new();
    let (told, mut seen) = mpsc::unbounded_channel();
    app.on_connect(move |socket: Socket| {
        told.send(socket.header("cookie").map(str::to_owned)).unwrap();
    });
    let server = Server::new(app);
    let address = serve(&server).await;
    for stream in [Stream::one(address).await, Stream::two(address).await] {
        let mut client = Client { stream, address, sid: String::new() };
        let mut request = client.request("GET", PATH, "");
        for cookie in ["a=1", "b=2"] {
            request.headers_mut().append("cookie", cookie.parse().unwrap());
        }
        let (_, open) = text_of(client.stream.send(request).await).await;
        client.sid = open.split('"').nth(3).unwrap().to_owned();
        client.post("40").await;
        assert_eq!(seen.recv().await.unwrap().as_deref(), Some("a=1; b=2"));
    }
}

#[tokio::test]
async fn clients_poll_over_http_1_and_2() {
    let mut app = App::new();
    app.on("double", |n: u32| 2 * n);
    let server = Server::new(app);
    let address = serve(&server).await;
    for stream in [Stream::one(address).await, Stream::two(address).await] {
        let mut client = Client::connect(stream, address).await;
        client.post(r#"421["double",21]"#).await;
        assert_eq!(client.poll().await, "431[42]");
    }
}

#[tokio::test]
async fn pages_of_the_same_host_may_connect_over_http_1_and_2() {
    let server = Server::new(App::new());
    let address = serve(&server).await;
    for stream in [Stream::one(address).await, Stream::two(address).await] {
        let mut client = Client { stream, address, sid: String::new() };
        for (origin, expected) in [(address.to_string(), 200), ("elsewhere.example".into(), 400)] {
            let mut request = client.request("GET", PATH, "");
            request.headers_mut().insert("origin", format!("http://{origin}").parse().unwrap());
            let (status, body) = text_of(client.stream.send(request).await).await;
            assert_eq!(status, expected, "{body}");
        }
    }
}

#[tokio::test]
async fn a_held_poll_is_answered_when_something_comes() {
    let server = Server::new(App::new());
    let address = serve(&server).await;
    for stream in [Stream::one(address).await, Stream::two(address).await] {
        let mut client = Client::connect(stream, address).await;
        let polling = tokio::spawn(async move { client.poll().await });
        attached(&server, 1).await;
        server.io().emit("news", &1).unwrap();
        assert_eq!(polling.await.unwrap(), r#"42["news",1]"#);
    }
}

#[tokio::test]
async fn large_answers_are_compressed_for_those_who_accept_it() {
    let server = Server::new(App::new());
    let address = serve(&server).await;
    for held in [false, true] {
        let mut client = Client::connect(Stream::one(address).await, address).await;
        let mut poll = client.request("GET", &format!("{PATH}&sid={}", client.sid), "");
        poll.headers_mut().insert("accept-encoding", "br, gzip".parse().unwrap());
        let emitting = server.io();
        let emit = move || emitting.emit("news", &"x".repeat(5000)).unwrap();
        let polling = async move { client.stream.send(poll).await };
        let response = if held {
            let polling = tokio::spawn(polling);
            attached(&server, 1).await;
            emit();
            polling.await.unwrap()
        } else {
            emit();
            polling.await
        };
        assert_eq!(response.headers()["content-encoding"], "gzip");
        let body = response.into_body().collect().await.unwrap().to_bytes();
        assert!(body.starts_with(&[0x1f, 0x8b]) && body.len() < 500);
        server.io().close();
    }
}

#[tokio::test]
async fn a_client_that_gives_up_its_poll_is_gone() {
    let (app, mut reasons) = farewells(App::new());
    let server = Server::new(app);
    let address = serve(&server).await;
    for stream in [Stream::one(address).await, Stream::two(address).await] {
        let mut client = Client::connect(stream, address).await;
        let polling = tokio::spawn(async move { client.poll().await });
        attached(&server, 1).await;
        polling.abort();
        assert_eq!(reasons.recv().await, Some(Reason::TransportError));
        attached(&server, 0).await;
    }
}

#[tokio::test]
async fn other_paths_reach_the_other_service_untouched() {
    let server = Server::new(App::new());
    let address = serve(&server).await;
    for stream in [Stream::one(address).await, Stream::two(address).await] {
        let mut client = Client { stream, address, sid: String::new() };
        for path in ["/", "/socket.io-admin", "/socket.iota/?EIO=4&transport=polling"] {
            let asked = path.split('?').next().unwrap();
            let expected = (StatusCode::OK, format!("PUT {asked} seen a body"));
            assert_eq!(client.ask("PUT", path, "a body").await, expected);
        }
    }
}

#[tokio::test]
async fn handlers_find_what_middleware_knew() {
    let (errors, mut heard) = mpsc::unbounded_channel();
    let mut app = App::new();
    app.on_error(move |error| errors.send(error.to_string()).unwrap());
    app.on("note", |Extension(Note(note))| note);
    app.on("peer", |socket: Socket| {
        assert_eq!(socket.extension::<SocketAddr>().copied(), socket.handshake().peer());
        socket.handshake().peer().map(|peer| peer.ip().to_string())
    });
    app.on("nothing", |Extension(never): Extension<u8>| u32::from(never));
    let server = Server::new(app);
    let address = serve(&server).await;
    let mut client = Client::connect(Stream::one(address).await, address).await;
    client.post("421[\"note\"]\u{1e}422[\"peer\"]\u{1e}423[\"nothing\"]").await;
    assert_eq!(client.poll().await, "431[\"seen\"]\u{1e}432[\"127.0.0.1\"]");
    assert!(heard.recv().await.unwrap().ends_with("the request has no extension u8"));
}

/// A WebSocket of a client, for short texts.
struct WebSocket(TokioIo<Upgraded>);

impl WebSocket {
    async fn open(address: SocketAddr, sid: &str) -> Self {
        let mut client = Client { stream: Stream::one(address).await, address, sid: String::new() };
        let response = client.stream.send(client.upgrade(sid)).await;
        assert_eq!(response.status(), StatusCode::SWITCHING_PROTOCOLS);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        Self(TokioIo::new(hyper::upgrade::on(response).await.unwrap()))
    }

    async fn send(&mut self, text: &str) {
        let length = u8::try_from(text.len()).unwrap();
        // A mask of zeros.
        let frame = [&[0x81, 0x80 | length, 0, 0, 0, 0], text.as_bytes()].concat();
        self.0.write_all(&frame).await.unwrap();
    }

    /// The first byte of the next frame, and what is in it.
    async fn receive(&mut self) -> (u8, Vec<u8>) {
        let first = self.0.read_u8().await.unwrap();
        let length = match self.0.read_u8().await.unwrap() {
            126 => usize::from(self.0.read_u16().await.unwrap()),
            length => usize::from(length),
        };
        let mut content = vec![0; length];
        self.0.read_exact(&mut content).await.unwrap();
        (first, content)
    }

    async fn text(&mut self) -> String {
        let (first, content) = self.receive().await;
        assert_eq!(first, 0x81);
        String::from_utf8(content).unwrap()
    }
}

#[tokio::test]
async fn http_1_becomes_a_websocket() {
    let (mut app, mut reasons) = farewells(App::new());
    app.on("double", |n: u32| 2 * n);
    let server = Server::new(app);
    let address = serve(&server).await;
    let mut socket = WebSocket::open(address, "").await;
    assert!(socket.text().await.starts_with("0{"));
    socket.send("40").await;
    assert!(socket.text().await.starts_with("40{"));
    socket.send(r#"421["double",21]"#).await;
    assert_eq!(socket.text().await, "431[42]");
    server.io().emit("news", &"x".repeat(300)).unwrap();
    assert_eq!(socket.text().await.len(), 300 + r#"42["news",""]"#.len());
    drop(socket);
    assert_eq!(reasons.recv().await, Some(Reason::TransportClose));
    attached(&server, 0).await;
}

#[tokio::test]
async fn a_stream_of_http_2_becomes_a_websocket() {
    let (app, mut reasons) = farewells(App::new());
    let server = Server::new(app);
    let address = serve(&server).await;
    let stream = Stream::two(address).await;
    let mut client = Client { stream, address, sid: String::new() };
    let mut request = client.request("CONNECT", "/socket.io/?EIO=4&transport=websocket", "");
    request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    request.headers_mut().insert("sec-websocket-protocol", "my-app, other".parse().unwrap());
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    let response = client.stream.send(request).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!(response.headers()["sec-websocket-protocol"], "my-app");
    assert!(!response.headers().contains_key("sec-websocket-accept"));
    let mut socket = WebSocket(TokioIo::new(hyper::upgrade::on(response).await.unwrap()));
    assert!(socket.text().await.starts_with("0{"));
    socket.send("40").await;
    assert!(socket.text().await.starts_with("40{"));
    // A second one on the same connection is none without its version.
    let mut request = client.request("CONNECT", "/socket.io/?EIO=4&transport=websocket", "");
    request.extensions_mut().insert(Protocol::from_static("websocket"));
    assert_eq!(client.stream.send(request).await.status(), StatusCode::BAD_REQUEST);
    // Nor is one of another protocol.
    let mut request = client.request("CONNECT", "/socket.io/?EIO=4&transport=websocket", "");
    request.headers_mut().insert("sec-websocket-version", "13".parse().unwrap());
    request.extensions_mut().insert(Protocol::from_static("connect-udp"));
    assert_eq!(client.stream.send(request).await.status(), StatusCode::NOT_IMPLEMENTED);
    assert_eq!(server.io().counts().iter().map(|counts| counts.sessions).sum::<usize>(), 1);
    drop(socket);
    assert_eq!(reasons.recv().await, Some(Reason::TransportClose));
}

#[tokio::test]
async fn a_polling_session_moves_to_a_websocket() {
    let server = Server::new(App::new());
    let address = serve(&server).await;
    let mut client = Client::connect(Stream::two(address).await, address).await;
    let mut socket = WebSocket::open(address, &format!("&sid={}", client.sid)).await;
    let polling = tokio::spawn(async move { client.poll().await });
    attached(&server, 2).await;
    socket.send("2probe").await;
    assert_eq!(socket.text().await, "3probe");
    assert_eq!(polling.await.unwrap(), "6");
    socket.send("5").await;
    server.io().emit("news", &1).unwrap();
    assert_eq!(socket.text().await, r#"42["news",1]"#);
}

#[tokio::test]
async fn stopping_tells_everybody_and_waits_for_websockets() {
    let server = Server::new(App::new());
    let address = serve(&server).await;
    let mut client = Client::connect(Stream::one(address).await, address).await;
    let polling = tokio::spawn(async move { client.poll().await });
    let mut socket = WebSocket::open(address, "").await;
    assert!(socket.text().await.starts_with("0{"));
    attached(&server, 2).await;
    let ended = server.clone();
    let ended = tokio::spawn(async move { ended.ended().await });
    server.io().stop_within(Duration::from_secs(60));
    assert_eq!(polling.await.unwrap(), "1");
    // A close frame; the other end's is awaited.
    assert_eq!(socket.receive().await.0, 0x88);
    assert!(!ended.is_finished());
    drop(socket);
    ended.await.unwrap();
    let mut late = Client { stream: Stream::one(address).await, address, sid: String::new() };
    assert_eq!(late.ask("GET", PATH, "").await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn a_websocket_whose_stream_never_comes_does_not_keep_the_server() {
    let server = Server::new(App::new());
    let service = server.layer().layer(Other);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        let swallowing = service_fn(move |request: Request<Incoming>| {
            let answered = service.clone().call(request);
            async move {
                let answer = answered.await?;
                assert_eq!(answer.status(), StatusCode::SWITCHING_PROTOCOLS);
                Ok::<_, Infallible>(Response::new(Full::<Bytes>::from("no")))
            }
        });
        let host = auto::Builder::new(TokioExecutor::new());
        host.serve_connection_with_upgrades(TokioIo::new(stream), swallowing).await.unwrap();
    });
    let mut client = Client { stream: Stream::one(address).await, address, sid: String::new() };
    let response = client.stream.send(client.upgrade("")).await;
    assert_eq!(response.status(), StatusCode::OK);
    attached(&server, 1).await;
    server.io().stop_within(Duration::from_millis(10));
    tokio::time::timeout(Duration::from_secs(20), server.ended()).await.unwrap();
    attached(&server, 0).await;
    // Its connection was open all the time.
    assert!(matches!(client.stream, Stream::One(sender) if !sender.is_closed()));
}

/// A body that comes in pieces, and goes on for ever after the last.
struct Pieces(VecDeque<Piece>);

type Piece = Option<Result<&'static str, ()>>;

impl Body for Pieces {
    type Data = &'static [u8];
    type Error = ();

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, ()>>> {
        let Some(piece) = self.0.pop_front() else { return Poll::Pending };
        Poll::Ready(piece.map(|piece| piece.map(|text| Frame::data(text.as_bytes()))))
    }
}

/// Nothing but a length.
struct Announced(u64);

impl Body for Announced {
    type Data = &'static [u8];
    type Error = ();

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, ()>>> {
        panic!("nobody reads it");
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}

/// Asks a server that is a service of its own, without a network.
fn call<B: Body>(
    server: &Server,
    method: &str,
    target: &str,
    body: B,
) -> impl Future<Output = Answer> {
    let request = Request::builder().method(method).uri(target).body(body).unwrap();
    Service::call(&mut server.service(), request)
}

type Answer = Result<Response<SocketIoBody<OwnBody>>, Infallible>;

/// A server of small bodies with one client, and where that posts to.
async fn small(body_time: Duration) -> (Server, String, UnboundedReceiver<Reason>) {
    let mut config = Config::default();
    config.limits.max_payload = 16;
    config.limits.body_time = body_time;
    let (app, reasons) = farewells(App::with_config(config));
    let server = Server::new(app);
    let open = text_of(call(&server, "GET", PATH, Full::<Bytes>::default()).await.unwrap()).await.1;
    let target = format!("{PATH}&sid={}", open.split('"').nth(3).unwrap());
    let joined = call(&server, "POST", &target, Full::<Bytes>::from("40")).await.unwrap();
    assert_eq!(text_of(joined).await, (StatusCode::OK, "ok".into()));
    (server, target, reasons)
}

#[tokio::test]
async fn bodies_may_have_as_many_bytes_as_the_limit_says() {
    let (server, target, mut reasons) = small(Duration::from_secs(60)).await;
    let fits = Pieces([Some(Ok("42[\"a\"")), Some(Ok(",\"1234\"]")), None].into());
    let taken = text_of(call(&server, "POST", &target, fits).await.unwrap()).await;
    assert_eq!(taken, (StatusCode::OK, "ok".into()));
    let longer = Pieces([Some(Ok("42[\"a\"")), Some(Ok(",\"1234567\"]"))].into());
    let refused = text_of(call(&server, "POST", &target, longer).await.unwrap()).await;
    assert_eq!(refused.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reasons.recv().await, Some(TOO_LARGE));
}

#[tokio::test]
async fn a_body_announced_too_long_is_not_read() {
    let (server, target, mut reasons) = small(Duration::from_secs(60)).await;
    let refused = call(&server, "POST", &target, Announced(17)).await.unwrap();
    assert_eq!(text_of(refused).await.0, StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(reasons.recv().await, Some(TOO_LARGE));
}

#[tokio::test]
async fn a_body_that_breaks_off_ends_its_session() {
    let (server, target, mut reasons) = small(Duration::from_secs(60)).await;
    let broken = Pieces([Some(Ok("42")), Some(Err(()))].into());
    let refused = call(&server, "POST", &target, broken).await.unwrap();
    assert_eq!(refused.status(), StatusCode::BAD_REQUEST);
    assert_eq!(reasons.recv().await, Some(Reason::TransportError));
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up_in_time() {
    let (server, target, mut reasons) = small(Duration::from_millis(1)).await;
    let refused = call(&server, "POST", &target, Pieces(VecDeque::new())).await.unwrap();
    assert_eq!(refused.status(), StatusCode::REQUEST_TIMEOUT);
    assert_eq!(reasons.recv().await, Some(Reason::TransportError));
}

#[tokio::test]
async fn a_request_whose_session_ends_is_answered_before_its_body_is_there() {
    let (server, target, _reasons) = small(Duration::from_secs(60)).await;
    let mut posting = Box::pin(call(&server, "POST", &target, Pieces(VecDeque::new())));
    let first = posting.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    assert!(first.is_pending());
    server.io().stop();
    assert_eq!(posting.await.unwrap().status(), StatusCode::BAD_REQUEST);
}

#[tokio::test]
async fn a_future_that_is_dropped_gives_its_request_up() {
    // Never polled, the request is under way all the same.
    for polls in 0..4 {
        for method in ["GET", "POST"] {
            let (server, target, mut reasons) = small(Duration::from_secs(60)).await;
            let welcome = call(&server, "GET", &target, Full::<Bytes>::default()).await.unwrap();
            assert!(text_of(welcome).await.1.starts_with("40{"));
            poll_and_drop(call(&server, method, &target, Pieces(VecDeque::new())), polls);
            assert_eq!(reasons.recv().await, Some(Reason::TransportError));
            assert_eq!(server.io().counts().iter().map(|counts| counts.links).sum::<usize>(), 0);
        }
    }
}

/// Polls a future as often as that and drops it.
fn poll_and_drop(future: impl Future, polls: usize) {
    let mut future = Box::pin(future);
    let mut context = Context::from_waker(Waker::noop());
    assert!((0..polls).all(|_| future.as_mut().poll(&mut context).is_pending()));
}

#[tokio::test]
async fn waiting_for_the_end_may_be_given_up() {
    let server = Server::new(App::new());
    (0..4).for_each(|polls| poll_and_drop(server.ended(), polls));
    let beside = server.clone();
    let beside = tokio::spawn(async move { beside.ended().await });
    server.io().stop();
    beside.await.unwrap();
    server.ended().await;
}

#[tokio::test]
async fn a_body_waits_until_handlers_have_caught_up() {
    let go_on = Arc::new(Notify::new());
    let (release, (done, mut handled)) = (go_on.clone(), mpsc::unbounded_channel());
    let mut app = App::new();
    app.on(
        "e",
        sequential(move |n: usize, _: String| {
            let (go_on, done) = (go_on.clone(), done.clone());
            async move {
                if n == 0 {
                    go_on.notified().await;
                }
                done.send(n).unwrap();
            }
        }),
    );
    let server = Server::new(app);
    let open = text_of(call(&server, "GET", PATH, Full::<Bytes>::default()).await.unwrap()).await.1;
    let target = format!("{PATH}&sid={}", open.split('"').nth(3).unwrap());
    let post = |body: String| call(&server, "POST", &target, Full::<Bytes>::from(body));
    post("40".into()).await.unwrap();
    let text = "x".repeat(600_000);
    for n in 0..3 {
        let taken = post(format!("42[\"e\",{n},\"{text}\"]")).await.unwrap();
        assert_eq!(taken.status(), StatusCode::OK);
    }
    let mut waiting = Box::pin(post("42[\"e\",3,\"\"]".into()));
    for _ in 0..3 {
        assert!(waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }
    release.notify_one();
    assert_eq!(waiting.await.unwrap().status(), StatusCode::OK);
    for n in 0..4 {
        assert_eq!(handled.recv().await, Some(n));
    }
}

#[tokio::test]
async fn a_long_answer_comes_in_pieces_and_is_given_up_when_nobody_takes_them() {
    let (server, target, _reasons) = small(Duration::from_millis(100)).await;
    let welcome = call(&server, "GET", &target, Full::<Bytes>::default()).await.unwrap();
    assert!(text_of(welcome).await.1.starts_with("40{"));
    for taken in [0, 1, 3] {
        server.io().emit("news", &"x".repeat(40_000)).unwrap();
        let poll = call(&server, "GET", &target, Full::<Bytes>::default()).await.unwrap();
        let mut body = poll.into_body();
        assert_eq!(body.size_hint().exact(), Some(40_013));
        for n in 1..=taken {
            let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
            assert_eq!(piece.len(), (40_013 - (n - 1) * 16_384).min(16_384));
        }
        match taken {
            // The host has not begun: it holds the answer itself.
            0 => assert_eq!(body.collect().await.unwrap().to_bytes().len(), 40_013),
            1 => {
                while body.size_hint().exact() != Some(0) {
                    tokio::task::yield_now().await;
                }
                assert!(!body.is_end_stream());
                assert!(body.frame().await.unwrap().is_err());
            }
            _ => {
                assert!(body.is_end_stream());
                assert!(body.frame().await.is_none());
            }
        }
    }
}

#[tokio::test]
async fn a_service_of_its_own_finds_nothing_elsewhere() {
    let server = Server::new(App::new());
    let elsewhere = call(&server, "GET", "/elsewhere", Full::<Bytes>::default()).await.unwrap();
    assert_eq!(text_of(elsewhere).await, (StatusCode::NOT_FOUND, "Not Found".into()));
}

#[tokio::test]
async fn a_host_that_cannot_upgrade_is_told() {
    let server = Server::new(App::new());
    let request = Request::get("/socket.io/?EIO=4&transport=websocket")
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .body(Full::<Bytes>::default())
        .unwrap();
    let refused = Service::call(&mut server.service(), request).await.unwrap();
    assert_eq!(refused.status(), StatusCode::NOT_IMPLEMENTED);
    assert_eq!(server.io().counts().iter().map(|counts| counts.sessions).sum::<usize>(), 0);
}

/// A service behind that fails, and says when it is ready.
struct Failing(bool);

#[derive(Debug, Eq, PartialEq)]
struct Failure;

impl Service<Request<Full<Bytes>>> for Failing {
    type Response = Response<Full<Bytes>>;
    type Error = Failure;
    type Future = Ready<Result<Self::Response, Failure>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Failure>> {
        if self.0 { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    fn call(&mut self, _: Request<Full<Bytes>>) -> Self::Future {
        ready(Err(Failure))
    }
}

#[tokio::test]
async fn the_other_services_errors_and_readiness_are_passed_on() {
    let server = Server::new(App::new());
    let mut busy = server.layer().layer(Failing(false));
    assert!(busy.poll_ready(&mut Context::from_waker(Waker::noop())).is_pending());
    let mut failing = server.layer().layer(Failing(true));
    poll_fn(|context| failing.poll_ready(context)).await.unwrap();
    let request = Request::get("/").body(Full::default()).unwrap();
    assert_eq!(failing.call(request).await.unwrap_err(), Failure);
}
