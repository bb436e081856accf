//! Bytes that servers of Python put on their queues.

use serde_json::Value;

use super::*;

const HOST: &str = "0b4796b7dad54450b61be14667426532";

/// Holds that a message of Python is read as this, and that ours means the same to a reader of JSON.
#[track_caller]
fn same(text: &str, message: &Message) {
    assert_eq!(read(Format::Python, EVERYONE, text.as_bytes()).as_ref(), Ok(message), "{text}");
    let found: Value = serde_json::from_slice(&written(Format::Python, message)).expect("JSON");
    assert_eq!(found, serde_json::from_str::<Value>(text).expect("JSON"));
}

fn emit(data: &str, binary: bool, room: &str, skip: &str, callback: &str) -> String {
    format!(
        r#"{{"method": "emit", "event": "broadcast-msg", "data": {data}, "binary": {binary}, "namespace": "/", "room": {room}, "skip_sid": {skip}, "callback": {callback}, "host_id": "{HOST}"}}"#
    )
}

#[test]
fn emits_name_one_room_several_or_none() {
    let event = || event("broadcast-msg", "[\"x\", 1]", &[]);
    for (room, skip, target) in [
        ("null", "null", To::default()),
        ("\"r1\"", "null", to(&["r1"], &[])),
        ("[\"r1\", \"r2\"]", "\"sid\"", to(&["r1", "r2"], &["sid"])),
        ("null", "[\"a\", \"b\"]", to(&[], &["a", "b"])),
    ] {
        let text = emit("[\"x\", 1]", false, room, skip, "null");
        same(&text, &message(HOST, broadcast(target, event())));
    }
}

#[test]
fn binary_comes_as_base64_behind_the_arguments() {
    let text = emit(
        r#"[[{"_placeholder": true, "num": 0}, "t"], "AAH/"]"#,
        true,
        "\"r1\"",
        "null",
        "null",
    );
    let json = "[{\"_placeholder\": true, \"num\": 0}, \"t\"]";
    let event = event("broadcast-msg", json, &[b"\x00\x01\xff"]);
    same(&text, &message(HOST, broadcast(to(&["r1"], &[]), event)));
}

#[test]
fn a_call_is_an_emit_with_a_callback_and_its_answer_names_the_asker() {
    let text = emit("[]", false, "\"sid\"", "null", "[\"sid\", \"/\", 1]");
    let ask = Some(Ask { request: "1".into(), timeout: None });
    let (to, event) = (to(&["sid"], &[]), event("broadcast-msg", "[]", &[]));
    let body = Body::Broadcast { to, event, flags: Flags::default(), ask };
    same(&text, &message(HOST, body));

    let text = format!(
        r#"{{"method": "callback", "host_id": "{HOST}", "sid": "sid", "namespace": "/", "id": 1, "args": ["answer"]}}"#
    );
    let report = Report::Acknowledged { room: Some("sid".into()), args: args("[\"answer\"]", &[]) };
    same(&text, &message("", answer(Some(HOST), "1", report)));
}

#[test]
fn orders_are_for_one_client_or_close_a_room() {
    let s = || to(&["s"], &[]);
    for (fields, body) in [
        (
            r#""method": "disconnect", "sid": "s""#,
            Body::Disconnect { to: s(), how: Disconnect::Namespace },
        ),
        (
            r#""method": "enter_room", "sid": "s", "room": "r5""#,
            Body::Join { to: s(), rooms: names(&["r5"]) },
        ),
        (
            r#""method": "leave_room", "sid": "s", "room": "r5""#,
            Body::Leave { to: s(), rooms: names(&["r5"]) },
        ),
        (r#""method": "close_room", "room": "r5""#, Body::Close { room: "r5".into() }),
    ] {
        let text = format!(r#"{{{fields}, "namespace": "/", "host_id": "{HOST}"}}"#);
        same(&text, &message(HOST, body));
    }
}

#[test]
fn messages_of_older_versions_are_understood() {
    for (data, json) in [
        ("[null]", "[]"),
        ("[ null ]", "[]"),
        ("null", "[]"),
        ("[null, 1]", "[null, 1]"),
        ("\"x\"", "[\"x\"]"),
        ("{\"a\": [1]}", "[{\"a\": [1]}]"),
        ("false", "[false]"),
    ] {
        let text = format!(r#"{{"method": "emit", "event": "e", "data": {data}, "new": [{{}}]}}"#);
        let body = broadcast(To::default(), event("e", json, &[]));
        let read = read(Format::Python, EVERYONE, text.as_bytes());
        assert_eq!(read, Ok(message("", body)), "{data}");
    }
}

#[test]
fn what_python_has_no_words_for_is_an_error_at_once() {
    let two = || to(&["a", "b"], &[]);
    let fetch = |detail| Body::Fetch { to: To::default(), request: "1".into(), detail };
    let binary = args("[{\"_placeholder\":true,\"num\":0}]", &[b"x"]);
    let ask = Some(Ask { request: "1".into(), timeout: None });
    let acknowledged = Report::Acknowledged { room: Some("s".into()), args: binary };
    for body in [
        fetch(Detail::Clients),
        fetch(Detail::Ids),
        Body::Rooms { request: "1".into() },
        Body::ServerEvent { event: event("e", "[]", &[]), request: None },
        Body::Hello,
        Body::Join { to: two(), rooms: names(&["r"]) },
        Body::Leave { to: to(&[], &[]), rooms: names(&["r"]) },
        Body::Disconnect { to: two(), how: Disconnect::Namespace },
        Body::Disconnect { to: to(&["s"], &[]), how: Disconnect::Connection },
        Body::Broadcast { to: two(), event: event("e", "[]", &[]), flags: Flags::default(), ask },
        answer(Some(HOST), "1", acknowledged),
    ] {
        let message = message(HOST, body);
        let found = codec(Format::Python).encode(&message);
        assert!(found.is_err(), "{message:?}");
    }
}
