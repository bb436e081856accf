//! How clients end.

use sansocket_app::App;
use sansocket_app::client::{Kind, Socket, Transport};
use sansocket_app::test::{Network, TestServer};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Waker};
use std::time::Duration;

use super::{Notes, client, join};

/// Notes why clients leave.
fn noting(notes: &Notes) -> App {
    let to = notes.clone();
    let mut app = App::new();
    app.on_disconnect(move |reason: sansocket_app::Reason| to.add(reason.as_str()));
    let to = notes.clone();
    app.on("say", move |text: String| to.add(text));
    app
}

#[test]
fn c105_what_waits_is_sent_before_the_connection_closes() {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let notes = Notes::default();
        let server = TestServer::new(noting(&notes));
        let mut client = client();
        client.configure(|config| config.transports = vec![transport]);
        let socket = join(&server, client);
        socket.emit("say", "one").expect("there is room");
        socket.emit("say", "two").expect("there is room");
        let closed = socket.disconnect();
        assert!(!socket.is_connected());
        server.block_on(closed);
        assert_eq!(notes.take(), ["one", "two", "client namespace disconnect"]);
        assert_eq!(server.io().counts()[0].sessions, 0);
        server.block_on(socket.connect()).expect("it may join again");
        server.block_on(socket.manager().close());
        server.block_on(socket.manager().closed());
    }
}

#[test]
fn c107_the_last_handle_ends_the_client() {
    let notes = Notes::default();
    let server = TestServer::new(noting(&notes));
    let mut client = client();
    let to = notes.clone();
    client.on_disconnect(move |socket: Socket| to.add(format!("ours {}", socket.is_active())));
    let socket = join(&server, client);
    let manager = socket.manager();
    drop(socket);
    server.run();
    assert!(manager.socket().is_connected());
    manager.socket().emit("say", "last words").expect("there is room");
    drop(manager);
    server.run();
    let mut noted = notes.take();
    noted.sort();
    assert_eq!(noted, ["client namespace disconnect", "last words", "ours false"]);
    assert_eq!(server.io().counts()[0].sessions, 0);
}

#[test]
fn c108_waiting_for_the_end_goes_on_through_attempts_to_connect_again() {
    let server = TestServer::new(App::new());
    let socket = join(&server, client());
    let mut closed = pin!(socket.manager().closed());
    let mut is_over = || closed.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready();
    assert!(!is_over(), "it is connected");
    server.set_network(Network::Down);
    server.advance(Duration::from_secs(60));
    assert!(!is_over() && !socket.is_connected(), "it tries");
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(60));
    assert!(!is_over() && socket.is_connected(), "it is back");
    drop(socket.disconnect());
    server.run();
    assert!(is_over());
}

#[test]
fn c107_what_handlers_captured_goes_with_the_client() {
    let server = TestServer::new(App::new());
    let kept = Arc::new(());
    for network in [Network::Up, Network::Down] {
        server.set_network(network);
        let (captured, mut client) = (kept.clone(), client());
        client.on("x", move || drop(captured.clone()));
        let manager = server.open(client);
        drop(manager.connect());
        server.advance(Duration::from_secs(1));
        drop(manager);
        server.advance(Duration::from_secs(60));
        assert_eq!(Arc::strong_count(&kept), 1, "{network:?}");
    }
}

#[test]
fn a_handler_that_runs_keeps_the_client_and_the_next_one_does_not() {
    let notes = Notes::default();
    let mut app = noting(&notes);
    app.on_connect(|socket: sansocket_app::Socket| {
        let _ = socket.emit("go", &());
    });
    let server = TestServer::new(app);
    let mut client = client();
    client.on("go", async |socket: Socket| {
        socket.manager().sleep(Duration::from_secs(2)).await;
        let _ = socket.emit("say", "still here");
    });
    drop(join(&server, client));
    server.advance(Duration::from_secs(1));
    assert!(notes.take().is_empty());
    server.advance(Duration::from_secs(1));
    assert_eq!(notes.take(), ["still here", "client namespace disconnect"]);
}

#[test]
fn c20_an_attempt_is_given_up_in_time_and_those_who_wait_are_told() {
    let server = TestServer::new(App::new());
    let mut client = client();
    client.configure(|config| config.timeout = Duration::ZERO);
    let manager = server.open(client);
    let waiting = manager.connect();
    server.advance(Duration::from_secs(1));
    let error = server.block_on(waiting).expect_err("there is no time");
    assert_eq!(error.kind(), Kind::Timeout);
}

#[test]
fn a_future_that_waits_may_be_dropped() {
    let server = TestServer::new(App::new());
    let socket = join(&server, client());
    drop((socket.manager().closed(), socket.drained(), socket.connect()));
    server.block_on(socket.drained()).expect("it is joined");
    let closed = Arc::new(Mutex::new(None));
    *closed.lock().expect("nobody panics with it") = Some(socket.manager().closed());
    socket.disconnect();
    server.run();
    let waiting = closed.lock().expect("nobody panics with it").take();
    server.block_on(waiting.expect("it was put there"));
}
