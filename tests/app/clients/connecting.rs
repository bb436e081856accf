//! Joining, being refused, and coming back.

use sansocket_app::bind::Wire;
use sansocket_app::client::{Backoff, Client, Event, Kind, Loss, Manager, Socket, Transport};
use sansocket_app::test::{Network, TestServer};
use sansocket_app::{App, BoxError, Refusal};
use serde_json::{Value, json};
use std::future::{Future, poll_fn};
use std::io::{self, IoSlice};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use super::{Notes, client, join};

fn notes_of_events(client: &mut Client) -> Notes {
    let notes = Notes::default();
    let to = notes.clone();
    client.on_event(move |event| to.add(note(&event)));
    notes
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the others say enough by themselves")]
fn note(event: &Event) -> String {
    match event {
        Event::Opened { transport, .. } => format!("opened {}", transport.as_str()),
        Event::Closed { reason, .. } => format!("closed {reason}"),
        Event::AttemptFailed { n, .. } => format!("attempt {n} failed"),
        event => format!("{event:?}"),
    }
}

#[test]
fn c08_the_auth_payload_is_made_for_each_attempt() {
    let heard = Notes::default();
    let to = heard.clone();
    let mut app = App::new();
    app.on_connect(move |socket: sansocket_app::Socket| to.add(socket.auth_json()));
    let server = TestServer::new(app);
    let mut client = client();
    let count = Arc::new(AtomicU32::new(0));
    client.auth_with(async move || match count.fetch_add(1, Ordering::Relaxed) {
        1 => Err("no token today"),
        n => Ok(json!({"n": n})),
    });
    let told = Notes::default();
    let to = told.clone();
    client.on_connect_error(move |_, error| {
        to.add(format!("{:?} {} {}", error.kind(), error.message(), error.will_retry()));
    });
    let socket = join(&server, client);
    assert_eq!(heard.take(), [r#"{"n":0}"#]);
    server.set_network(Network::Down);
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(20));
    assert_eq!(told.take(), ["Transport no token today true"]);
    assert_eq!(heard.take(), [r#"{"n":2}"#]);
    assert!(socket.is_connected());
    socket.set_auth(&json!({"fixed": true})).expect("an object");
    assert!(socket.set_auth(&7).is_err(), "7 is no object");
    server.set_network(Network::Down);
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(5));
    assert_eq!(heard.take(), [r#"{"fixed":true}"#]);
    socket.clear_auth();
    server.set_network(Network::Down);
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(5));
    assert_eq!(heard.take(), ["{}"]);
}

#[test]
fn c08_an_auth_function_that_panics_or_makes_no_object_is_a_failure() {
    let server = TestServer::new(App::new());
    let mut one = client();
    one.auth_with(async || -> Result<Value, BoxError> { panic!("on purpose") });
    let error = server.block_on(server.open(one).connect()).expect_err("it panicked");
    assert!(error.message().contains("panicked") && error.will_retry(), "{error}");
    let mut other = client();
    other.auth_with(async || Ok::<_, BoxError>(7));
    let error = server.block_on(server.open(other).connect()).expect_err("7 is no object");
    assert!(error.message().contains("JSON object"), "{error}");
}

#[test]
fn c09_settings_are_made_anew_before_each_attempt() {
    let heard = Notes::default();
    let to = heard.clone();
    let mut app = App::new();
    app.on_connect(move |socket: sansocket_app::Socket| {
        to.add(socket.query("token").unwrap_or_default());
    });
    let server = TestServer::new(app);
    let mut client = client();
    let count = Arc::new(AtomicU32::new(0));
    client.before_attempt(async move |manager: Manager| {
        manager.sleep(Duration::from_millis(5)).await;
        let token = count.fetch_add(1, Ordering::Relaxed).to_string();
        manager.configure(|config| config.query = vec![("token".into(), token)]);
    });
    let manager = server.open(client);
    let joining = manager.connect();
    server.advance(Duration::from_millis(5));
    server.block_on(joining).expect("the server lets it in");
    server.set_network(Network::Down);
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(5));
    assert_eq!(heard.take(), ["0", "1"]);
}

#[test]
fn c30_a_refusal_is_told_and_others_are_not_concerned() {
    let mut app = App::new();
    app.namespace("/closed").on_connect(|| Err::<(), _>(Refusal::new("no").with_data(&[1, 2])));
    let server = TestServer::new(app);
    let mut client = client();
    let told = Notes::default();
    let to = told.clone();
    client.namespace("/closed").on_connect_error(move |socket, error| {
        to.add(format!("{} {error}", socket.namespace()));
    });
    let root = join(&server, client);
    let closed = root.manager().of("closed").expect("a name");
    let error = server.block_on(closed.connect()).expect_err("it is closed");
    assert_eq!((error.kind(), error.message(), error.will_retry()), (Kind::Refused, "no", false));
    assert_eq!(error.data::<[u8; 2]>(), Ok([1, 2]));
    assert!(error.data::<String>().is_err());
    assert_eq!(told.take(), ["/closed the server refused the client: no"]);
    assert!(root.is_connected() && !closed.is_active());
    assert!(root.manager().of("a,b").is_err(), "that is no name");
}

#[test]
fn c42_attempts_are_counted_and_end() {
    let server = TestServer::new(App::new());
    let mut client = client();
    client.configure(|config| {
        config.transports = vec![Transport::WebSocket];
        let mut backoff = Backoff::default();
        backoff.attempts = Some(2);
        config.reconnect = Some(backoff);
    });
    let events = notes_of_events(&mut client);
    let to = events.clone();
    client.on_connect_error(move |_, error| to.add(format!("not joined {}", error.will_retry())));
    let to = events.clone();
    client.on_disconnect(move |loss: Loss| to.add(format!("left {loss} {}", loss.will_retry)));
    let socket = join(&server, client);
    server.set_network(Network::Down);
    server.advance(Duration::from_secs(60));
    assert_eq!(
        events.take(),
        [
            "opened websocket",
            "closed transport error",
            "left transport error true",
            "Attempt { n: 1 }",
            "not joined true",
            "attempt 1 failed",
            "Attempt { n: 2 }",
            "not joined false",
            "attempt 2 failed",
            "GaveUp",
        ]
    );
    assert!(socket.is_active(), "it is wanted, and not tried");
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(60));
    assert!(!socket.is_connected());
    server.block_on(socket.connect()).expect("it is tried again");
    assert_eq!(events.take(), ["opened websocket"]);
}

#[test]
fn a_failed_attempt_is_told_to_its_namespaces_first_however_long_their_handlers_take() {
    let server = TestServer::new(App::new());
    let mut client = client();
    client.configure(|config| {
        let mut backoff = Backoff::default();
        backoff.attempts = Some(1);
        config.reconnect = Some(backoff);
    });
    let events = notes_of_events(&mut client);
    let to = events.clone();
    client.on_connect_error(move |_, _| to.add("not joined"));
    let to = events.clone();
    client.on_disconnect(async move |socket: Socket| {
        socket.manager().sleep(Duration::from_secs(90)).await;
        to.add("left");
    });
    let socket = join(&server, client);
    server.advance(Duration::from_secs(1));
    events.take();
    server.set_network(Network::Down);
    server.advance(Duration::from_secs(60));
    assert_eq!(events.take(), ["closed transport error", "Attempt { n: 1 }"]);
    server.block_on(socket.manager().closed());
    server.advance(Duration::from_secs(31));
    assert_eq!(events.take(), ["left", "not joined", "attempt 1 failed", "GaveUp"]);
    server.set_network(Network::Up);
    server.block_on(socket.connect()).expect("it is tried again");
    assert_eq!(events.take()[0], "opened polling");
}

#[test]
fn c43_the_first_connection_is_tried_again_in_the_background() {
    let server = TestServer::new(App::new());
    server.set_network(Network::Down);
    let manager = server.open(client());
    let error = server.block_on(manager.connect()).expect_err("the network is down");
    assert_eq!((error.kind(), error.will_retry()), (Kind::Transport, true));
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(2));
    assert!(manager.socket().is_connected());
    // Nothing to do for one that is joined.
    server.block_on(manager.connect()).expect("it is joined");
    server.block_on(manager.connect().patiently()).expect("it is joined");
}

#[test]
fn c44_leaving_ends_the_attempts_and_those_who_wait() {
    let server = TestServer::new(App::new());
    server.set_network(Network::Down);
    let manager = server.open(client());
    let waiting = manager.connect().patiently();
    server.advance(Duration::from_secs(10));
    server.block_on(manager.socket().disconnect());
    let error = server.block_on(waiting).expect_err("it was left");
    assert!(!error.will_retry(), "{error}");
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(60));
    assert!(!manager.socket().is_connected() && !manager.socket().is_active());
}

#[test]
fn c44_waiting_patiently_ends_with_the_last_attempt_however_late_it_is_looked_at() {
    let server = TestServer::new(App::new());
    server.set_network(Network::Down);
    let mut client = client();
    client.configure(|config| {
        config.reconnect.as_mut().expect("it is on").attempts = Some(2);
    });
    let manager = server.open(client);
    let waiting = manager.connect().patiently();
    // The client gives up before anybody asks for the outcome of the first attempt.
    server.advance(Duration::from_secs(60));
    let error = server.block_on(waiting).expect_err("the network is down");
    assert_eq!((error.kind(), error.will_retry()), (Kind::Transport, false));
}

#[test]
fn c44_settings_without_attempts_end_the_waiting() {
    let server = TestServer::new(App::new());
    server.set_network(Network::Down);
    let manager = server.open(client());
    let mut waiting = pin!(manager.connect().patiently());
    assert!(
        server.block_on(poll_fn(|context| {
            Poll::Ready(waiting.as_mut().poll(context).is_pending())
        }))
    );
    server.run();
    assert!(
        server.block_on(poll_fn(|context| {
            Poll::Ready(waiting.as_mut().poll(context).is_pending())
        }))
    );
    manager.configure(|config| config.reconnect = None);
    let error = server.block_on(waiting).expect_err("the network is down");
    assert!(!error.will_retry(), "{error}");
}

#[test]
fn c45_namespaces_come_back_each_with_its_handlers_once() {
    let mut app = App::new();
    app.on("echo", |socket: sansocket_app::Socket, n: u32| socket.emit("back", &n).is_ok());
    app.namespace("/a")
        .on("echo", |socket: sansocket_app::Socket, n: u32| socket.emit("back", &n).is_ok());
    let server = TestServer::new(app);
    let mut client = client();
    let notes = Notes::default();
    let to = notes.clone();
    client.on("back", move |n: u32| to.add(format!("/ {n}")));
    let to = notes.clone();
    client.namespace("/a").on("back", move |socket: Socket, n: u32| {
        to.add(format!("{} {n}", socket.namespace()));
    });
    let root = join(&server, client);
    let other = root.manager().of("/a").expect("a name");
    server.block_on(other.connect()).expect("it is open");
    let ids = [root.id(), other.id()];
    for n in 0..3 {
        root.emit("echo", &n).expect("there is room");
        other.emit("echo", &n).expect("there is room");
        server.run();
        assert_eq!(notes.take(), [format!("/ {n}"), format!("/a {n}")]);
        server.set_network(Network::Down);
        server.set_network(Network::Up);
        server.advance(Duration::from_secs(3));
        assert!(root.is_connected() && other.is_connected());
    }
    assert_ne!([root.id(), other.id()], ids);
}

#[test]
fn c49_a_silent_server_is_given_up_and_a_new_network_is_used_at_once() {
    let server = TestServer::new(App::new());
    let mut client = client();
    let events = notes_of_events(&mut client);
    let socket = join(&server, client);
    server.advance(Duration::from_secs(120));
    assert!(socket.is_connected(), "pings are answered");
    assert_eq!(events.take(), ["opened polling", "Upgraded"]);
    socket.manager().network_changed();
    server.run();
    assert_eq!(events.take()[..2], ["closed transport close", "Attempt { n: 1 }"]);
    assert!(socket.is_connected());
    assert_eq!(socket.transport(), Some(Transport::WebSocket));
    assert!(socket.manager().engine_id().is_some());
}

/// A server that sends the start of the head of an answer, and nothing more.
struct Halting(&'static [u8]);

impl Wire for Halting {
    fn poll_read(&mut self, _: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        match io::Read::read(&mut self.0, buffer) {
            Ok(0) => Poll::Pending,
            read => Poll::Ready(read),
        }
    }

    fn poll_write(
        &mut self,
        _: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(slices.iter().map(|slice| slice.len()).sum()))
    }

    fn poll_close(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[test]
fn c93_the_head_of_an_answer_comes_within_ten_seconds_of_its_first_byte() {
    for (head, seconds) in [("HTTP/1.1 200 OK\r\n", 10), ("", 20)] {
        let server = TestServer::new(App::new());
        let mut client = client();
        client.configure(|config| config.transports = vec![Transport::Polling]);
        client.connector(async move |_| Ok::<_, io::Error>(Halting(head.as_bytes())));
        let notes = Notes::default();
        let to = notes.clone();
        client.on_connect_error(move |_, error| to.add(error.message()));
        let manager = server.open(client);
        drop(manager.connect());
        server.advance(Duration::from_millis(seconds * 1000 - 10));
        assert!(notes.take().is_empty(), "{head:?}");
        server.advance(Duration::from_millis(20));
        assert_eq!(notes.take().len(), 1, "{head:?}");
    }
}
