use super::{joined, names};
use examples::bus::Bus;
use examples::contract;
use sansocket_app::Bytes;
use sansocket_app::test::{ConnectError, TestServer};
use serde_json::{Value, json};
use std::time::Duration;

fn served() -> TestServer {
    TestServer::new(contract::app(contract::config(), &Bus::default()))
}

#[test]
fn namespaces_are_open_guarded_slow_numbered_or_unknown() {
    let server = served();
    for name in ["/", "/custom", "/unicode-ü世", "/dyn-7", "/g[ab]", "/glob*", "/glob-x"] {
        let client = joined(server.client().namespace(name).auth(&json!({"a": 1})));
        assert_eq!(client.expect::<Value>("auth"), json!({"a": 1}), "{name}");
    }
    let refused = |name: &str| server.client().namespace(name).connect().err();
    for name in ["/dyn-", "/dyn-x", "/dyn-7/", "/else"] {
        let message = "Invalid namespace".into();
        assert_eq!(refused(name), Some(ConnectError::Refused { message, data: None }), "{name}");
    }
    let (message, data) = ("not authorized".into(), json!({"code": 401, "reason": "bad token"}));
    let data = Some(data);
    assert_eq!(refused("/auth"), Some(ConnectError::Refused { message, data }));
    let authorized = server.client().namespace("/auth").auth(&json!({"token": "secret"}));
    joined(authorized).expect_event("auth");

    let slow = server.client().namespace("/slow").start();
    server.advance(Duration::from_millis(299));
    assert_eq!(slow.admission(), Err(ConnectError::Undecided));
    server.advance(Duration::from_millis(1));
    assert_eq!(slow.admission(), Ok(()));
    assert_eq!(names(&slow), ["auth"]);
}

#[test]
fn arguments_come_back_as_they_were_binary_included() {
    let client = served().connect().unwrap();
    let arguments = || (1, "two", Bytes::from_static(&[3; 3]), json!({"four": [null]}));
    client.emit("message", &arguments());
    let back = client.expect_event("message-back");
    assert_eq!(back.args.attachments(), [Bytes::from_static(&[3; 3])]);
    assert_eq!(back.args.json(), r#"[1,"two",{"_placeholder":true,"num":0},{"four":[null]}]"#);
    let sizes = (Bytes::from_static(b"abc"), json!([1]), Bytes::new());
    assert_eq!(client.call("binary-sizes", &sizes), Ok(vec![3, 0]));
    assert_eq!(client.call("length", "ü世"), Ok(5));
    assert_eq!(client.call("length", &Bytes::from_static(b"abc")), Ok(3));
}

#[test]
fn rooms_reach_whom_they_should_with_the_arguments_that_are_left() {
    let server = served();
    let clients = [(); 4].map(|()| server.connect().unwrap());
    let [ann, bob, cy, dan] = &clients;
    for (client, room) in [(ann, "a"), (bob, "a"), (cy, "b"), (bob, "c")] {
        client.emit("join", room);
    }
    let heard = || clients.each_ref().map(|client| names(client).contains(&"room-msg".to_owned()));
    heard();
    ann.emit("room-emit", &("a", 1));
    assert_eq!(heard(), [true, true, false, false]);
    ann.emit("room-broadcast", &("a", 1));
    assert_eq!(heard(), [false, true, false, false]);
    dan.emit("rooms-emit", &(["a", "b"], 1));
    assert_eq!(heard(), [true, true, true, false]);
    dan.emit("rooms-emit", &(&[] as &[&str], 1));
    assert_eq!(heard(), [false; 4]);
    dan.emit("room-emit-except", &("a", "c", 1));
    assert_eq!(heard(), [true, false, false, false]);

    dan.emit("room-emit", &("b", Bytes::from_static(b"x"), "text"));
    let received = cy.expect_event("room-msg");
    assert_eq!(received.args.json(), r#"[{"_placeholder":true,"num":0},"text"]"#);
    assert_eq!(received.args.attachments(), [Bytes::from_static(b"x")]);
    dan.emit("to-sid", &(ann.id(),));
    assert_eq!(ann.expect_event("direct-msg").args.json(), "[]");
}

#[test]
fn questions_are_asked_answered_and_given_up() {
    let server = served();
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    ann.emit("request-question", &(100, "sum", 1, 2));
    let question = ann.expect_event("question");
    assert_eq!(question.decode(), Ok(("sum".to_owned(), 1, 2)));
    question.ack(&3);
    assert_eq!(ann.expect::<i32>("answer"), 3);
    ann.emit("request-question", &(100,));
    server.advance(Duration::from_millis(100));
    ann.expect::<()>("answer-timeout");

    ann.emit("join", "a");
    bob.emit("join", "a");
    let asked = ann.emit_with_ack("room-ask", &("a", 500, "who"));
    bob.expect_event("room-question").ack("bob");
    server.advance(Duration::from_millis(500));
    assert_eq!(asked.read(), Ok((true, json!(["bob"]))));
    assert_eq!(ann.call("room-ask", &("nobody", 500, 1)), Ok((false, json!([]))));
    assert_eq!(ann.call("room-size", "a"), Ok(2));
    assert_eq!(ann.call("room-size", &bob.id()), Ok(1));
}

#[test]
fn order_is_remembered_for_each_client() {
    let server = served();
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    (0..5).for_each(|n| ann.emit("seq-in", &n));
    bob.emit("seq-in", &1);
    assert_eq!(ann.call("seq-check", &()), Ok((5, true)));
    assert_eq!(ann.call("seq-check", &()), Ok((0, true)));
    assert_eq!(bob.call("seq-check", &()), Ok((1, false)));
}

#[test]
fn reasons_are_known_after_a_client_left() {
    let server = served();
    let (ann, bob, cy) =
        (server.connect().unwrap(), server.connect().unwrap(), server.connect().unwrap());
    let reason = |id: String| ann.call::<Option<String>>("disconnect-reason", &id).unwrap();
    assert_eq!(reason(bob.id()), None);
    bob.disconnect();
    assert_eq!(reason(bob.id()).as_deref(), Some("client namespace disconnect"));
    cy.emit("disconnect-me", &true);
    assert_eq!(reason(cy.id()).as_deref(), Some("server namespace disconnect"));
    let other = joined(server.client().namespace("/custom"));
    let elsewhere = other.call::<Option<String>>("disconnect-reason", &bob.id());
    assert_eq!(elsewhere, Ok(None), "namespaces know their own clients only");
}

#[test]
fn whoami_tells_what_the_client_came_with() {
    let client = served().client().query("foo", "ü b").header("X-Conf", "yes");
    let client = joined(client.auth(&json!({"a": 1})));
    let me: Value = client.call("whoami", &()).unwrap();
    let expected = json!({
        "sid": client.id(), "nsp": "/", "transport": "websocket", "eio": 4,
        "auth": {"a": 1}, "query": {"foo": "ü b"}, "header": "yes",
    });
    assert_eq!(me, expected);
}
