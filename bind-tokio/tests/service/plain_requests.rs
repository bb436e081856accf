//! Files and the fallback of an application behind the layer, and where it is a service alone.

use axum::Router;
use axum::routing::{get, post};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Bytes, Frame};
use hyper::{Request, Response, StatusCode};
use sansocket_tokio::{App, Caller, Config, Files, Io, OwnBody, Server, SocketIoBody};
use std::convert::Infallible;
use std::fs;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tower_service::Service;

/// More than is read at once.
const LARGE: usize = 200_000;

fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, content) in [
        ("index.html", "<h1>files".to_owned()),
        ("long.txt", "x".repeat(5000)),
        ("large.bin", "0123456789".repeat(LARGE / 10)),
    ] {
        fs::write(folder.path().join(name), content).unwrap();
    }
    folder
}

/// Serves files in front of a router, over HTTP.
async fn in_front_of_a_router(folder: &TempDir) -> SocketAddr {
    let mut app = App::new();
    app.files(Files::new().map("/", folder.path()));
    let router = Router::new()
        .route("/route", get("routed"))
        .route("/", post(async |body: String| format!("posted {body}")))
        .fallback(async || (StatusCode::NOT_FOUND, "the router has nothing"))
        .layer(Server::new(app).layer());
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// Sends one request over a connection of its own; returns head and body.
async fn ask(address: SocketAddr, line: &str, fields: &str, body: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{line} HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: {length}\r\n{fields}\r\n\
         {body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let body = answer.split_off(end + 4);
    (String::from_utf8(answer).unwrap(), body)
}

#[tokio::test]
async fn files_are_served_in_front_of_the_service_behind() {
    let folder = folder();
    let address = in_front_of_a_router(&folder).await;
    for (line, status, expected) in [
        ("GET /", 200, "<h1>files"),
        ("GET /index.html?a", 200, "<h1>files"),
        ("HEAD /index.html", 200, ""),
        // What is no file is the router's.
        ("GET /route", 200, "routed"),
        ("POST /", 200, "posted a body"),
        ("GET /none", 404, "the router has nothing"),
        ("GET /../Cargo.toml", 404, "the router has nothing"),
    ] {
        let (head, body) = ask(address, line, "", "a body").await;
        assert!(head.starts_with(&format!("HTTP/1.1 {status} ")), "{line}: {head}");
        assert_eq!(String::from_utf8(body).unwrap(), expected, "{line}");
    }
    let (head, body) = ask(address, "GET /large.bin", "", "").await;
    assert!(head.contains(&format!("content-length: {LARGE}\r\n")), "{head}");
    assert_eq!(body, "0123456789".repeat(LARGE / 10).as_bytes());
}

#[tokio::test]
async fn files_behind_a_host_are_compressed_confirmed_and_cut_as_on_our_own() {
    let folder = folder();
    let address = in_front_of_a_router(&folder).await;
    let gzip = "Accept-Encoding: gzip\r\n";
    let (head, body) = ask(address, "GET /long.txt", gzip, "").await;
    assert!(head.contains("content-encoding: gzip\r\n"), "{head}");
    assert!(body.starts_with(&[0x1f, 0x8b]) && body.len() < 500, "{} bytes", body.len());
    let tag = head.split("etag: ").nth(1).and_then(|rest| rest.split('\r').next()).unwrap();
    assert!(tag.starts_with("W/"), "{tag}");

    let known = format!("{gzip}If-None-Match: {tag}\r\n");
    let (head, body) = ask(address, "GET /long.txt", &known, "").await;
    assert!(head.starts_with("HTTP/1.1 304 ") && head.contains(tag), "{head}");
    assert!(head.contains("vary: Accept-Encoding\r\n") && body.is_empty(), "{head}");

    let (head, _) = ask(address, "HEAD /long.txt", gzip, "").await;
    assert!(head.contains(tag) && !head.contains("content-length"), "{head}");
    let (head, _) = ask(address, "HEAD /long.txt", "", "").await;
    assert!(head.contains("content-length: 5000\r\n"), "{head}");

    let (head, body) = ask(address, "GET /large.bin", "Range: bytes=9-70000\r\n", "").await;
    assert!(head.starts_with("HTTP/1.1 206 "), "{head}");
    assert_eq!((body.len(), &body[..3]), (69_992, &b"901"[..]));
}

#[tokio::test]
#[should_panic = "App::fallback answers what the service behind the layer is for"]
async fn a_fallback_that_would_hide_the_service_behind_is_refused_at_the_start() {
    let mut app = App::new();
    app.fallback(|_: Request<Bytes>| "here");
    let _ = Server::new(app).layer();
}

type Answer = Response<SocketIoBody<OwnBody>>;

/// Asks a server that is a service of its own, without a network.
async fn alone(server: &Server, request: Request<Full<Bytes>>) -> Answer {
    let Ok::<_, Infallible>(answer) = Service::call(&mut server.service(), request).await;
    answer
}

async fn text_of(answer: Answer) -> (u16, String) {
    let (head, body) = answer.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head.status.as_u16(), String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_server_alone_answers_files_and_asks_its_fallback() {
    let folder = folder();
    let mut config = Config::default();
    config.limits.max_payload = 16;
    config.trust_forwarded = true;
    let mut app = App::with_config(config);
    app.files(Files::new().map("/", folder.path()));
    app.fallback(async |request: Request<Bytes>| {
        let extensions = request.extensions();
        let (io, caller): (&Io, &Caller) = (extensions.get().unwrap(), extensions.get().unwrap());
        let peer = caller.peer.map(|peer| peer.ip().to_string());
        io.sleep(Duration::from_millis(1)).await;
        format!("{} {} {peer:?} {:?}", request.method(), request.uri(), request.body())
    });
    let server = Server::new(app);
    let request = |method: &str, target: &str, body: &str| {
        let mut request = Request::new(Full::from(body.to_owned()));
        *request.method_mut() = method.parse().unwrap();
        *request.uri_mut() = target.parse().unwrap();
        request.headers_mut().insert("x-forwarded-for", "192.0.2.1".parse().unwrap());
        request
    };
    for (method, target, body, expected) in [
        ("GET", "/", "", (200, "<h1>files")),
        ("PUT", "/", "", (405, "Method Not Allowed")),
        (
            "PUT",
            "/none?a",
            "0123456789abcdef",
            (200, "PUT /none?a Some(\"192.0.2.1\") b\"0123456789abcdef\""),
        ),
        ("PUT", "/none", "0123456789abcdefg", (413, "Content Too Large")),
    ] {
        let answer = text_of(alone(&server, request(method, target, body)).await).await;
        assert_eq!(answer, (expected.0, expected.1.to_owned()), "{method} {target}");
    }
    let tunnel = alone(&server, request("CONNECT", "a.example:80", "")).await;
    assert_eq!(tunnel.status(), StatusCode::NOT_FOUND);
    // A panic of the function is one answer.
    let mut app = App::new();
    app.fallback(|_: Request<Bytes>| -> &'static str { panic!("on purpose") });
    let panicking = Server::new(app);
    assert_eq!(alone(&panicking, request("GET", "/", "")).await.status(), 500);
}

#[tokio::test]
async fn a_body_for_the_fallback_that_does_not_come_is_given_up_in_time() {
    let mut config = Config::default();
    config.limits.body_time = Duration::from_millis(1);
    let mut app = App::with_config(config);
    app.fallback(|_: Request<Bytes>| -> &'static str { panic!("nobody asked") });
    let server = Server::new(app);
    let waiting = Request::post("/").body(Never).unwrap();
    let Ok::<_, Infallible>(answer) = Service::call(&mut server.service(), waiting).await;
    assert_eq!(answer.status(), StatusCode::REQUEST_TIMEOUT);
}

/// A body of which nothing comes.
struct Never;

impl Body for Never {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Pending
    }
}
