//! The test kit: how clients connect, the view of the application, and admission.

use sansocket_app::test::{ConnectError, TestServer};
use sansocket_app::{App, Io, Json, Refusal, Socket};
use serde_json::{Value, json};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// `/admin` wants a token.
fn guarded() -> App {
    let mut app = App::new();
    app.namespace("/admin").on_connect(|socket: Socket| -> Result<(), Refusal> {
        let auth: Value = socket.auth().unwrap_or_default();
        match auth["token"] == "secret" {
            true => Ok(()),
            false => Err(Refusal::new("not authorized").with_data(&json!({"code": 401}))),
        }
    });
    app
}

#[test]
fn the_application_sees_query_headers_cookies_address_and_auth() {
    let mut app = App::new();
    app.on("who am i", |socket: Socket| {
        let handshake = socket.handshake();
        let transport = socket.transport().ok();
        Json(json!({
            "query": handshake.query(),
            "x": handshake.header("x-conf"),
            "cookie": handshake.header("cookie"),
            "peer": handshake.peer(),
            "auth": socket.auth::<Value>().ok(),
            "transport": transport,
        }))
    });
    let server = TestServer::new(app);
    let client = server
        .client()
        .query("name", "ann & bob")
        .query("ü", "")
        .header("X-Conf", "7")
        .cookie("a", "1")
        .cookie("b", "2")
        .address(([10, 0, 0, 1], 4000).into())
        .auth(&json!({"token": [1, 2]}))
        .connect()
        .expect("everybody is let in");
    let seen: Value = client.call("who am i", &()).expect("it is acknowledged");
    let query = seen["query"].as_str().expect("a text");
    assert!(query.ends_with("&name=ann%20%26%20bob&%C3%BC="), "{query}");
    assert_eq!((&seen["x"], &seen["cookie"]), (&json!("7"), &json!("a=1; b=2")));
    assert_eq!(seen["peer"], "10.0.0.1:4000");
    assert_eq!(seen["auth"], json!({"token": [1, 2]}));
    assert_eq!(seen["transport"], "websocket");
}

#[test]
fn a_refusal_brings_message_and_data() {
    let server = TestServer::new(guarded());
    let refused = |client: Result<_, ConnectError>| client.err();
    let reason = || {
        let data = Some(json!({"code": 401}));
        Some(ConnectError::Refused { message: "not authorized".into(), data })
    };
    let admin = || server.client().namespace("/admin");
    assert_eq!(refused(admin().connect()), reason());
    assert_eq!(refused(admin().auth(&json!({"token": "wrong"})).connect()), reason());
    let client = admin().auth(&json!({"token": "secret"})).connect().expect("it may join");
    assert_eq!((client.namespace(), client.is_connected()), ("/admin", true));
}

#[test]
fn a_namespace_nobody_opened_is_invalid() {
    let server = TestServer::new(App::new());
    let refused = server.client().namespace("/nowhere").connect().err();
    let message = "Invalid namespace".into();
    assert_eq!(refused, Some(ConnectError::Refused { message, data: None }));
}

#[test]
fn a_request_that_is_refused_shows_the_answer() {
    let server = TestServer::new(App::new());
    let foreign = server.client().header("Origin", "https://elsewhere.example").connect();
    match foreign.err() {
        Some(ConnectError::Rejected { status: 400..=403, body }) => assert!(!body.is_empty()),
        other => panic!("{other:?}"),
    }
    assert_eq!(server.io().counts()[0].sessions, 0);
}

#[test]
fn the_path_is_that_of_the_application() {
    let mut config = sansocket_app::Config::default();
    config.path = "/elsewhere/".into();
    assert!(TestServer::new(App::with_config(config)).connect().unwrap().is_connected());
}

#[test]
fn a_connect_handler_may_take_its_time() {
    let mut app = App::new();
    app.on_connect(async |socket: Socket| socket.io().sleep(SECOND).await);
    let server = TestServer::new(app);
    assert_eq!(server.client().connect().err(), Some(ConnectError::Undecided));

    let client = server.client().start();
    assert_eq!(client.admission(), Err(ConnectError::Undecided));
    assert!(!client.is_connected());
    server.advance(SECOND);
    assert_eq!(client.admission(), Ok(()));
    assert!(client.is_connected());
}

#[test]
fn namespaces_of_one_connection_are_apart() {
    let mut app = guarded();
    app.namespace("/news").on("ping", |socket: Socket| socket.emit("pong", &()));
    let server = TestServer::new(app);
    let root = server.connect().unwrap();
    let news = root.join("/news", &()).expect("it is open");
    let admin = root.join("/admin", &json!({"token": "secret"})).expect("it has the token");
    assert!(root.join("/nowhere", &()).is_err());
    assert_ne!(root.id(), news.id());
    assert_eq!(server.io().counts()[0].sessions, 1, "they share a connection");

    news.emit("ping", &());
    assert!(root.get_received().is_empty() && admin.get_received().is_empty());
    let pong = news.expect_event("pong");
    assert_eq!(pong.namespace, "/news");

    news.disconnect();
    assert!(root.is_connected() && !news.is_connected() && admin.is_connected());
    let again = admin.join("/news", &()).expect("it may come back");
    assert!(again.is_connected());
    drop(pong);
    drop(root);
    drop(news);
    drop(again);
    assert!(admin.is_connected(), "the connection is that of its last client");
    admin.close();
    assert!(!admin.is_connected());
    assert_eq!(admin.join("/news", &()).err(), Some(ConnectError::Closed));
    assert_eq!(server.io().counts()[0].sessions, 0);
}

#[test]
fn the_server_closes_every_connection() {
    let mut app = App::new();
    app.on("close", |io: Io| io.close());
    let server = TestServer::new(app);
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    ann.emit("close", &());
    assert!(!ann.is_connected() && !bob.is_connected());
    assert_eq!(bob.admission(), Err(ConnectError::Closed));
}
