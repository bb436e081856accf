//! The test kit: handlers of a client.

use sansocket_app::test::{TestServer, TestSocket};
use sansocket_app::{
    Ack, AckError, App, BoxError, Bytes, EventMessage, EventName, Json, NoReply, RawRest, Rest,
    Socket,
};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Passes a question of one client on to itself, and its answer back.
fn asking() -> App {
    let mut app = App::new();
    app.on("ask", async |socket: Socket, event: String, rest: RawRest| {
        let answer = socket.emit_with_ack(&event, rest, Duration::from_secs(5)).await;
        answer.map_err(|error| error.to_string())
    });
    app.on("tell", |socket: Socket, event: String, rest: RawRest| {
        let _ = socket.emit(&event, rest);
        NoReply
    });
    app
}

#[test]
fn a_client_answers_what_the_server_asks() {
    let server = TestServer::new(asking());
    let client = server.connect().unwrap();
    client
        .on("add", |a: i64, b: i64| a + b)
        .on("twice", |bytes: Bytes| (bytes.clone(), bytes))
        .on("sum", |first: u32, Rest(others): Rest<u32>| first + others.iter().sum::<u32>())
        .on("wrapped", |n: u8| Json(vec![n]))
        .on("raw", |socket: TestSocket, message: EventMessage, ack: Ack<TestSocket>| {
            assert_eq!((socket.namespace(), message.name()), ("/", "raw"));
            ack.send(message.args())
        });
    assert_eq!(client.call("ask", &("add", 1, 2)), Ok(3));
    let x = Bytes::from_static(b"x");
    assert_eq!(client.call("ask", &("twice", &x)), Ok((x.clone(), x)));
    assert_eq!(client.call("ask", &("sum", 1, 2, 3)), Ok(6));
    assert_eq!(client.call("ask", &("wrapped", 7)), Ok(vec![7]));
    assert_eq!(client.call("ask", &("raw", "a", 1)), Ok(("a".to_owned(), 1)));
    assert!(client.get_received().is_empty(), "what has a handler is not kept");
}

#[test]
fn handlers_of_a_client_emit_wait_and_answer_later() {
    let server = TestServer::new(asking());
    let client = server.connect().unwrap();
    let kept = Arc::new(Mutex::new(None));
    let keep = kept.clone();
    client.on("later", move |ack: Ack<TestSocket>| *keep.lock().unwrap() = Some(ack));
    let io = server.io();
    client.on("slow", async move |socket: TestSocket, n: u32| {
        io.sleep(Duration::from_secs(1)).await;
        socket.emit("tell", &("done", n));
        n
    });
    let answer = client.emit_with_ack("ask", &("slow", 3));
    assert!(!answer.is_here());
    server.advance(Duration::from_secs(1));
    assert_eq!(answer.read(), Ok(3));
    assert_eq!(client.expect::<u32>("done"), 3);

    let answer = client.emit_with_ack("ask", &("later",));
    assert!(!answer.is_here());
    let ack = kept.lock().unwrap().take().expect("it was called");
    assert!(ack.is_wanted());
    ack.send("now").unwrap();
    assert_eq!(answer.read(), Ok("now".to_owned()));
}

#[test]
fn a_catch_all_of_a_client_takes_what_has_no_handler() {
    let server = TestServer::new(asking());
    let client = server.connect().unwrap();
    client.on("known", |ack: Ack<TestSocket>| ack.is_wanted());
    client.on_any(|EventName(name): EventName, n: u8| format!("{name} {n}"));
    assert_eq!(client.call("ask", &("other", 5)), Ok("other 5".to_owned()));
    client.emit("tell", &("known",));
    assert!(client.get_received().is_empty());
}

#[test]
fn handlers_of_a_client_stay_in_its_namespace_when_it_joins_again() {
    let mut app = asking();
    app.namespace("/other")
        .on("go", async |socket: Socket| -> Result<u8, AckError> { socket.call("n", &()).await });
    let server = TestServer::new(app);
    let client = server.connect().unwrap();
    client.on("n", || 1);
    let other = client.join("/other", &()).unwrap();
    other.on("n", || 2);
    assert_eq!((client.call("ask", &("n",)), other.call("go", &())), (Ok(1), Ok(2)));
    other.disconnect();
    let other = other.join("/other", &()).unwrap();
    assert_eq!(other.call("go", &()), Ok(2));
}

#[test]
fn a_handler_of_a_client_that_fails_ends_the_test() {
    let failure = |event: &str| {
        let server = TestServer::new(asking());
        let client = server.connect().unwrap();
        client.on("number", |_: u8| ());
        client.on("refuses", || -> Result<(), BoxError> { Err("no".into()) });
        let tell = AssertUnwindSafe(|| client.emit("tell", &(event, "text")));
        let payload = catch_unwind(tell).expect_err("it fails");
        *payload.downcast::<String>().expect("panics carry text")
    };
    assert!(failure("number").contains("the client's handler of \"number\" failed"));
    assert!(failure("refuses").contains("no"));
    let server = TestServer::new(asking());
    let client = server.connect().unwrap();
    client.on("x", || ());
    let again = AssertUnwindSafe(|| _ = client.on("x", || ()));
    assert!(catch_unwind(again).is_err());
}
