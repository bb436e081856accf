//! The test kit: events, acknowledgements and binary between an application and its test clients.

use sansocket_app::args::DecodeError;
use sansocket_app::test::{AnswerError, TestServer};
use sansocket_app::{AckError, App, Bytes, EventMessage, Reason, Socket};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Sends everything back, joins rooms and talks to them.
fn echo() -> App {
    let mut app = App::new();
    app.on("echo", |socket: Socket, message: EventMessage| {
        socket.emit("echoed", message.args()).expect("it can be sent");
    });
    app.on("add", |a: i64, b: i64| a + b);
    app.on("join", |socket: Socket, room: String| socket.join(room));
    app.on("tell", |socket: Socket, room: String, text: String| {
        socket.to(room).emit("told", &text)
    });
    app
}

/// What a test that fails would print.
fn failure(test: impl FnOnce()) -> String {
    let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("it fails");
    match payload.downcast::<String>() {
        Ok(text) => *text,
        Err(payload) => payload.downcast::<&str>().expect("panics carry text").to_string(),
    }
}

#[test]
fn what_a_handler_emits_is_there_when_the_call_returns() {
    let client = TestServer::new(echo()).connect().unwrap();
    client.emit("echo", &("ann", 7, true));
    let received = client.get_received();
    assert_eq!(received.len(), 1);
    assert_eq!((&*received[0].name, &*received[0].namespace), ("echoed", "/"));
    assert_eq!(received[0].args.json(), r#"["ann",7,true]"#);
    assert_eq!(received[0].decode(), Ok(("ann".to_owned(), 7, true)));
    assert!(!received[0].wants_ack());
    assert!(client.get_received().is_empty(), "events are taken once");
}

#[test]
fn events_keep_their_order() {
    let client = TestServer::new(echo()).connect().unwrap();
    (0..100).for_each(|n| client.emit("echo", &n));
    let received: Result<Vec<i32>, _> =
        client.get_received().iter().map(|event| event.decode()).collect();
    assert_eq!(received, Ok((0..100).collect()));
}

#[test]
fn no_arguments_are_none() {
    let client = TestServer::new(echo()).connect().unwrap();
    client.emit("echo", &());
    assert_eq!(client.expect_event("echoed").args.json(), "[]");
}

#[test]
fn names_and_texts_need_no_care() {
    let mut app = App::new();
    app.on("\"quoted\", [§]", |text: String| format!("{text}!"));
    let client = TestServer::new(app).connect().unwrap();
    assert_eq!(client.call("\"quoted\", [§]", "\\\"\n]"), Ok("\\\"\n]!".to_owned()));
}

#[test]
fn messages_of_every_frame_size_arrive() {
    let client = TestServer::new(echo()).connect().unwrap();
    for size in [0, 100, 110, 125, 126, 127, 65_500, 65_535, 65_536, 900_000] {
        let text = "x".repeat(size);
        client.emit("echo", &text);
        assert_eq!(client.expect::<String>("echoed"), text);
    }
}

#[test]
fn binary_goes_both_ways_at_any_depth() {
    let client = TestServer::new(echo()).connect().unwrap();
    let sent =
        (Bytes::from_static(&[1, 2, 3]), ("name", vec![Bytes::new(), vec![7; 70_000].into()]));
    client.emit("echo", &sent);
    let received = client.expect_event("echoed");
    assert_eq!(received.args.attachments().len(), 3);
    let (first, (name, rest)): (Bytes, (String, Vec<Bytes>)) = received.decode().expect("it fits");
    assert_eq!((first, (&*name, rest)), sent);
}

#[test]
fn a_call_returns_what_the_handler_returned() {
    let client = TestServer::new(echo()).connect().unwrap();
    assert_eq!(client.call("add", &(1, 2)), Ok(3));
    assert_eq!(client.call::<(i64,)>("add", &(3, 4)), Ok((7,)));
}

#[test]
fn a_call_that_nobody_acknowledges_says_so() {
    let mut app = echo();
    app.on_error(|_| {});
    let client = TestServer::new(app).connect().unwrap();
    assert_eq!(client.call::<()>("unheard", &()), Err(AnswerError::Missing));
    assert_eq!(client.call::<i64>("add", "not a number"), Err(AnswerError::Missing));
    assert!(client.is_connected(), "a failure is the handler's alone");
    let misread = client.call::<String>("add", &(1, 2));
    assert!(matches!(misread, Err(AnswerError::Decode(DecodeError::Argument { index: 0, .. }))));
}

#[test]
fn sending_without_a_name_is_the_event_message_or_json() {
    let mut app = App::new();
    app.on("message", |socket: Socket, text: String| socket.emit("message", &(text + "?")));
    app.on("json", |socket: Socket, numbers: Vec<i32>| socket.emit("json", &numbers.len()));
    let client = TestServer::new(app).connect().unwrap();
    client.send("well");
    client.send_json(&vec![1, 2]);
    assert_eq!(client.expect::<String>("message"), "well?");
    assert_eq!(client.expect::<i32>("json"), 2);
}

#[test]
fn the_server_may_ask_a_client() {
    let mut app = App::new();
    app.on("ask me", async |socket: Socket| {
        let reply = socket.emit_with_ack("name?", &(), 10 * SECOND).await;
        let name = reply.map(|args| args.json().to_owned());
        let _ = socket.emit("result", &name.map_err(|error| error.to_string()));
    });
    let server = TestServer::new(app);
    let client = server.connect().unwrap();

    client.emit("ask me", &());
    let question = client.expect_event("name?");
    assert!(question.wants_ack());
    question.ack("ann");
    assert_eq!(client.expect_event("result").args.json(), r#"[{"Ok":"[\"ann\"]"}]"#);

    client.emit("ask me", &());
    server.advance(10 * SECOND);
    let failed = format!(r#"[{{"Err":"{}"}}]"#, AckError::TimedOut);
    assert_eq!(client.expect_event("result").args.json(), failed);
}

#[test]
fn rooms_reach_across_shards() {
    let server = TestServer::with_shards(echo(), 3);
    let clients: Vec<_> = (0..6).map(|_| server.connect().unwrap()).collect();
    for client in &clients[..5] {
        assert_eq!(client.call("join", "tea"), Ok(true));
    }
    clients[0].emit("tell", &("tea", "hello"));
    for client in &clients[1..5] {
        assert_eq!(client.expect::<String>("told"), "hello");
    }
    assert!(clients[0].get_received().is_empty(), "the speaker is left out");
    assert!(clients[5].get_received().is_empty(), "not in the room");
    assert_eq!(server.block_on(server.io().to("tea").fetch_sockets()).unwrap().sockets.len(), 5);
}

#[test]
fn ids_are_the_same_in_every_run() {
    let ids = || {
        let server = TestServer::new(App::new());
        [server.connect().unwrap(), server.connect().unwrap()].map(|client| client.id())
    };
    assert_eq!(ids(), ids());
    let [first, second] = ids();
    assert_ne!(first, second);
}

#[test]
fn an_emit_of_the_test_itself_reaches_clients() {
    let server = TestServer::new(App::new());
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    server.io().to(ann.id()).emit("news", &1).expect("it can be sent");
    assert_eq!(ann.expect::<i32>("news"), 1);
    assert!(bob.get_received().is_empty());
}

#[test]
fn every_way_to_leave_has_its_reason() {
    let reasons = Arc::new(Mutex::new(Vec::new()));
    let heard = reasons.clone();
    let mut app = App::new();
    app.on_disconnect(move |_: Socket, reason: Reason| {
        heard.lock().expect("nobody panics").push(reason.to_string());
    });
    app.on("kick", |socket: Socket| socket.disconnect());
    app.on("kick all", |socket: Socket| socket.disconnect_and_close());
    app.on("cut", |socket: Socket| socket.close_transport());
    let server = TestServer::new(app);
    let last = || reasons.lock().expect("nobody panics").pop();

    let client = server.connect().unwrap();
    client.disconnect();
    assert_eq!(last().as_deref(), Some("client namespace disconnect"));
    let client = server.connect().unwrap();
    client.close();
    assert_eq!(last().as_deref(), Some("transport close"));
    drop(server.connect().unwrap());
    assert_eq!(last().as_deref(), Some("transport close"));
    for (event, reason) in [
        ("kick", "server namespace disconnect"),
        ("kick all", "server namespace disconnect"),
        ("cut", "forced close"),
    ] {
        let client = server.connect().unwrap();
        client.emit(event, &());
        assert!(!client.is_connected(), "{event}");
        assert_eq!(last().as_deref(), Some(reason), "{event}");
    }
    assert_eq!(last(), None);
    assert_eq!(server.io().counts()[0].sockets, 0);
}

#[test]
fn a_client_that_left_cannot_emit() {
    let client = TestServer::new(echo()).connect().unwrap();
    client.disconnect();
    assert_eq!(failure(|| client.emit("echo", &1)), "the client is not in /");
}

#[test]
fn expecting_takes_one_event_and_leaves_the_others() {
    let server = TestServer::new(App::new());
    let client = server.connect().unwrap();
    for (event, n) in [("a", 1), ("b", 2), ("c", 3)] {
        server.io().emit(event, &n).expect("it can be sent");
    }
    assert_eq!(client.expect::<i32>("b"), 2);
    let names: Vec<_> = client.get_received().into_iter().map(|event| event.name).collect();
    assert_eq!(names, ["a", "c"]);
}

#[test]
fn expecting_what_did_not_come_lists_what_did() {
    let server = TestServer::new(App::new());
    let client = server.connect().unwrap();
    assert_eq!(
        failure(|| client.expect::<()>("c")),
        "expected one event \"c\" in /, received: nothing"
    );
    server.io().emit("a", &("x", Bytes::from_static(b"y"))).expect("it can be sent");
    server.io().emit("b", &1).expect("it can be sent");
    server.io().emit("b", &2).expect("it can be sent");
    let list =
        "\n  \"a\" [\"x\",{\"_placeholder\":true,\"num\":0}] + 1 binary\n  \"b\" [1]\n  \"b\" [2]";
    for event in ["b", "c"] {
        let expected = format!("expected one event {event:?} in /, received:{list}");
        assert_eq!(failure(|| client.expect::<()>(event)), expected);
    }
    let misread = failure(|| drop(client.expect::<Vec<i32>>("a")));
    assert!(misread.ends_with(r#"in "a" ["x",{"_placeholder":true,"num":0}] + 1 binary"#));
}
