//! The test kit: plain HTTP requests, and the requests of HTTP long-polling.

use sansocket_app::http::{Method, Request, StatusCode};
use sansocket_app::test::TestServer;
use sansocket_app::{App, Bytes, Config, Files, Io, Reason, Socket};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);
const POLLING: &str = "/socket.io/?EIO=4&transport=polling";

fn post(target: &str, body: impl Into<Vec<u8>>) -> Request<Vec<u8>> {
    Request::post(target).body(body.into()).unwrap()
}

/// Echoes the request, after a second if the path says so.
fn echo() -> App {
    let mut app = App::new();
    app.fallback(async |request: Request<Bytes>| {
        let io: Io = request.extensions().get().cloned().unwrap();
        if request.uri().path() == "/slow" {
            io.sleep(SECOND).await;
        }
        let host = request.headers()["host"].to_str().unwrap();
        let body = String::from_utf8_lossy(request.body());
        format!("{} {} {host} {body}", request.method(), request.uri())
    });
    app
}

#[test]
fn an_application_answers_requests() {
    let server = TestServer::new(echo());
    let answer = server.get("/a?b=c");
    assert_eq!(
        (answer.status(), &answer.body()[..]),
        (StatusCode::OK, &b"GET /a?b=c localhost "[..])
    );
    assert_eq!(answer.headers()["content-type"], "text/plain; charset=utf-8");
    let body = "x".repeat(900_000);
    let answer = server.request(post("http://a.example/b", body.clone()));
    assert_eq!(*answer.body(), format!("POST /b a.example {body}"));
    let answer = server.request(post("/", vec![0; 1_000_001]));
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let head = Request::builder().method(Method::HEAD).uri("/").body("").unwrap();
    assert!(server.request(head).body().is_empty());
}

#[test]
fn files_come_whole() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("large"), vec![b'x'; 300_000]).unwrap();
    let mut app = App::new();
    app.files(Files::new().map("/", folder.path()));
    let server = TestServer::new(app);
    let answer = server.get("/large");
    assert_eq!((answer.status(), answer.body().len()), (StatusCode::OK, 300_000));
    assert_eq!(server.get("/small").status(), StatusCode::NOT_FOUND);
}

#[test]
fn an_answer_may_take_its_time() {
    let server = TestServer::new(echo());
    let asked = server.start(post("/slow", ""));
    assert!(asked.response().is_none());
    server.advance(SECOND);
    let answer = asked.response().expect("it is here");
    assert_eq!(answer.body(), "POST /slow localhost ");
    assert_eq!(asked.response().map(|answer| answer.into_body()), Some(answer.into_body()));
}

#[test]
#[should_panic = "the answer waits for time to pass or for a client"]
fn an_answer_that_takes_its_time_has_to_be_started() {
    let _ = TestServer::new(echo()).get("/slow");
}

#[test]
fn a_session_can_be_polled() {
    let left = Arc::new(Mutex::new(Vec::new()));
    let mut app = App::with_config(Config::default());
    let reasons = left.clone();
    app.on("double", |n: u32| 2 * n);
    app.on_disconnect(move |_: Socket, reason: Reason| reasons.lock().unwrap().push(reason));
    let server = TestServer::new(app);
    let open = server.get(POLLING);
    let open = std::str::from_utf8(open.body()).unwrap();
    let target = format!("{POLLING}&sid={}", open.split('"').nth(3).unwrap());
    let said = |payload: &str| assert_eq!(server.request(post(&target, payload)).body(), "ok");
    said("40");
    assert!(server.get(&target).body().starts_with(b"40{"));

    let poll = server.start(Request::get(&target).body("").unwrap());
    assert!(poll.response().is_none(), "it is held");
    said(r#"421["double",21]"#);
    assert_eq!(poll.response().unwrap().body(), "431[42]");

    let poll = server.start(Request::get(&target).body("").unwrap());
    server.advance(25 * SECOND);
    assert_eq!(poll.response().unwrap().body(), "2");
    said("3");
    drop(server.start(Request::get(&target).body("").unwrap()));
    assert_eq!(*left.lock().unwrap(), [Reason::TransportError], "it gave its poll up");
    assert_eq!(server.io().counts()[0].sessions, 0);
}
