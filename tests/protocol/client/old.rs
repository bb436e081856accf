//! The client against servers of Socket.IO 2: Engine.IO 3 on the wire.

use sansocket::client::{Auth, Config, Purpose, Revision, Transport};
use sansocket::{ArgsRef, Bytes, Response};
use testbed::script::Script;

const HOLE: &str = "{\"_placeholder\":true,\"num\":0}";

/// OPEN as engine.io 3.6 writes it.
fn open(upgrades: &str) -> String {
    format!(
        "0{{\"sid\":\"S\",\"upgrades\":{upgrades},\"pingInterval\":25000,\"pingTimeout\":5000}}"
    )
}

/// A payload of text.
fn payload(packets: &[&str]) -> String {
    packets.iter().map(|text| format!("{}:{text}", text.encode_utf16().count())).collect()
}

fn old(config: &mut Config) {
    config.revision = Revision::EngineIo3;
}

/// A session on polling that is in `/`.
fn polling(set: impl FnOnce(&mut Config)) -> Script {
    let mut script = Script::new(|config| {
        old(config);
        set(config);
    });
    script.join("/");
    script.poll(&payload(&[&open("[]"), "40"]));
    script.lines();
    assert_eq!(script.events(), ["opened", "connected /"]);
    script
}

/// The same on WebSocket.
fn websocket(set: impl FnOnce(&mut Config)) -> Script {
    let mut script = Script::new(|config| {
        old(config);
        config.transports = vec![Transport::WebSocket];
        set(config);
    });
    script.join("/");
    script.text(&open("[]"));
    script.text("40");
    script.lines();
    assert_eq!(script.events(), ["opened", "connected /"]);
    script
}

fn binary() -> [Bytes; 1] {
    [Bytes::from_static(b"\x01\x02\x03")]
}

/// Emits an event with one attachment.
fn emit_binary(script: &mut Script) {
    let (json, bytes) = (format!("[{HOLE}]"), binary());
    let args = ArgsRef::from_valid(&json, &bytes);
    script.on("/", |mut socket| socket.emit("b", args)).expect("it is taken");
}

#[test]
fn c32_a_session_begins_in_the_main_namespace_without_a_packet_of_the_client() {
    let mut script = Script::new(old);
    script.join("/");
    assert_eq!(
        script.lines(),
        ["open poll http://a.example/", "GET /socket.io/?EIO=3&transport=polling&t=…"]
    );
    script.poll(&payload(&[&open("[]"), "40"]));
    assert_eq!(script.lines(), ["GET /socket.io/?EIO=3&transport=polling&sid=S&t=…"]);
    assert_eq!(script.events(), ["opened", "connected /"]);
    assert_eq!(script.on("/", |socket| socket.id().map(str::to_owned)).as_deref(), Some("S"));
    script.emit("/", "a", "[\"\u{e9}\u{1f600}\"]");
    assert_eq!(script.said(), ["13:42[\"a\",\"\u{e9}\u{1f600}\"]"]);
    assert_eq!(script.field("content-type"), Some("text/plain;charset=UTF-8"));
    script.posted();
    script.poll(&payload(&["42[\"b\",\"\u{1f600}\"]", "42[\"c\"]"]));
    assert_eq!(script.events(), ["message / b [\"\u{1f600}\"]", "message / c []"]);
}

#[test]
fn c32_the_server_may_let_the_client_in_later() {
    let mut script = Script::new(old);
    script.join("/");
    script.emit("/", "early", "[]");
    script.poll(&payload(&[&open("[]")]));
    assert_eq!((script.events(), script.said()), (vec!["opened".into()], vec![]));
    script.poll(&payload(&["40"]));
    assert_eq!(script.events(), ["connected /"]);
    assert_eq!(script.said(), ["11:42[\"early\"]"]);
}

#[test]
fn c32_without_the_setting_such_a_server_is_no_peer() {
    let mut script = Script::new(|config| config.try_all = false);
    script.join("/");
    script.poll(&payload(&[&open("[]"), "40"]));
    assert!(script.events()[0].starts_with("not connected /"), "it speaks Engine.IO 3");
}

#[test]
fn c84_binary_of_revision_3_comes_and_goes_on_both_transports() {
    let mut script = polling(|_| {});
    emit_binary(&mut script);
    let text = format!("451-[\"b\",{HOLE}]");
    let digits: String = text.len().to_string().bytes().map(|it| char::from(it - b'0')).collect();
    // Each packet has its kind, its length in digits, and 255, which is no UTF-8.
    let framed = format!("\0{digits}\u{fffd}{text}\u{1}\u{4}\u{fffd}\u{4}\u{1}\u{2}\u{3}");
    assert_eq!(script.said(), [framed]);
    assert_eq!(script.field("content-type"), Some("application/octet-stream"));
    let mut body = b"\x00".to_vec();
    body.extend(digits.bytes());
    body.push(0xff);
    body.extend(text.bytes());
    body.extend(b"\x01\x05\xff\x04abcd\x00\x07\xff42[\"x\"]");
    script.respond(Purpose::Poll, Response::with_body(200, "application/octet-stream", body));
    assert_eq!(script.events(), [format!("message / b [{HOLE}] +4"), "message / x []".into()]);
    let mut script = websocket(|_| {});
    emit_binary(&mut script);
    assert_eq!(script.said(), [text.clone(), "[4, 1, 2, 3]".into()]);
    script.text(&text);
    script.binary(b"\x04abcd");
    assert_eq!(script.events(), [format!("message / b [{HOLE}] +4")]);
}

#[test]
fn c84_binary_of_revision_3_is_base64_behind_its_type_when_asked_for() {
    let text = format!("451-[\"b\",{HOLE}]");
    let mut script = Script::new(|config| {
        old(config);
        config.base64 = true;
    });
    script.join("/");
    assert!(script.lines()[1].ends_with("&b64=1"));
    script.poll(&payload(&[&open("[]"), "40"]));
    script.events();
    emit_binary(&mut script);
    assert_eq!(script.said(), [payload(&[&text, "b4AQID"])]);
    script.poll(&payload(&[&text, "b4AQID"]));
    assert_eq!(script.events(), [format!("message / b [{HOLE}] +3")]);
    let mut script = websocket(|config| config.base64 = true);
    emit_binary(&mut script);
    assert_eq!(script.said(), [text, "b4AQID".into()]);
}

#[test]
fn c85_a_post_of_revision_3_is_split_to_what_a_server_takes() {
    let mut script = Script::new(old);
    script.join("/");
    let open = open("[]").replace("5000}", "5000,\"maxPayload\":60}");
    script.poll(&payload(&[&open, "40"]));
    script.lines();
    for name in ["a", "b", "c", "d"] {
        script.emit("/", name, "[\"0123456789\"]");
    }
    assert_eq!(script.said(), ["20:42[\"a\",\"0123456789\"]"]);
    script.posted();
    assert_eq!(script.said(), ["20:42[\"b\",\"0123456789\"]"]);
}

#[test]
fn c50_the_client_pings_and_a_server_that_does_not_answer_is_lost() {
    let mut script = websocket(|_| {});
    assert_eq!(script.wait(), Some(25_000));
    script.advance(25_000);
    assert_eq!(script.said(), ["2"]);
    assert_eq!(script.wait(), Some(5000));
    script.advance(4999);
    script.text("3");
    assert_eq!(script.wait(), Some(25_000), "one interval after the answer");
    script.advance(25_000);
    assert_eq!(script.said(), ["2"]);
    script.text("42[\"x\"]");
    assert_eq!(script.wait(), Some(30_000), "any packet shows that the server lives");
    script.advance(30_000);
    assert_eq!(script.events()[1], "closed: ping timeout");
}

#[test]
fn c50_a_ping_of_the_wrong_end_ends_the_session() {
    let mut script = websocket(|_| {});
    script.text("2");
    assert_eq!(script.events()[0], "closed: parse error");
    let mut script = Script::websocket(|_| {});
    script.text("3");
    assert_eq!(script.events()[0], "closed: parse error");
}

#[test]
fn c28_an_auth_payload_is_a_query_behind_the_namespace() {
    let mut script = websocket(|_| {});
    let auth = Auth::Value("{\"token\":\"a,b\",\"n\":1}".into());
    script.on("/admin", |mut socket| socket.set_auth(auth)).expect("an object");
    script.join("/admin");
    assert_eq!(script.said(), ["40/admin?token=a%2Cb&n=1,"]);
    script.text("40/admin,");
    assert_eq!(script.events(), ["connected /admin"]);
    let id = script.on("/admin", |socket| socket.id().map(str::to_owned));
    assert_eq!(id.as_deref(), Some("/admin#S"));
    script.join("/plain");
    assert_eq!(script.said(), ["40/plain,"]);
    script.text("44/plain,[1]");
    assert_eq!(script.events().len(), 1);
}

#[test]
fn c28_an_auth_payload_for_the_main_namespace_is_refused() {
    let mut script = Script::new(old);
    let auth = Auth::Value("{\"token\":1}".into());
    script.on("/", |mut socket| socket.set_auth(auth)).expect("an object");
    script.join("/");
    script.poll(&payload(&[&open("[]"), "40"]));
    let events = script.events();
    assert_eq!(events[0], "opened");
    assert!(events[1].starts_with("not connected /"), "{events:?}");
    script.posted();
    assert!(script.client.is_idle(), "nothing else wants the session");
}

#[test]
fn c30_a_refusal_of_socket_io_2_is_a_text_or_any_value() {
    for (packet, message, data) in [
        ("44/a,\"no\"", "no", None),
        ("44/a,{\"message\":\"m\",\"code\":4}", "m", Some("{\"message\":\"m\",\"code\":4}")),
        ("44/a,[1]", "", Some("[1]")),
        ("44/a,7", "", Some("7")),
        ("44/a", "", None),
    ] {
        let mut script = websocket(|_| {});
        script.join("/a");
        script.text(packet);
        let events = script.take_events();
        let Some(sansocket::client::Event::ConnectFailed { fault, retries, .. }) = events.first()
        else {
            panic!("{packet}: {events:?}")
        };
        assert_eq!((fault.message(), fault.data(), *retries), (message, data, false), "{packet}");
    }
}

#[test]
fn the_main_namespace_is_joined_at_once_when_the_server_has_the_client_there() {
    let mut script = Script::new(|config| {
        old(config);
        config.transports = vec![Transport::WebSocket];
    });
    script.join("/a");
    script.text(&open("[]"));
    script.text("40");
    assert_eq!(script.said(), ["40/a,"]);
    script.text("42[\"unwanted\"]");
    script.text("40/a,");
    script.events();
    script.join("/");
    assert_eq!((script.said(), script.events()), (vec![], vec!["connected /".into()]));
}

#[test]
fn the_main_namespace_is_asked_for_by_who_left_it() {
    let mut script = websocket(|_| {});
    script.join("/a");
    script.text("40/a,");
    script.on("/", |mut socket| socket.leave());
    script.join("/");
    assert_eq!(script.said(), ["40/a,", "41", "40"]);
    script.text("40");
    assert!(script.on("/", |socket| socket.is_joined()));
    script.text("41");
    assert!(!script.on("/", |socket| socket.is_joined()));
    script.said();
    script.join("/");
    assert_eq!(script.said(), ["40"]);
}

#[test]
fn c21_a_session_of_revision_3_moves_to_a_websocket_and_back_after_a_loss() {
    let mut script = Script::new(old);
    script.join("/");
    script.poll(&payload(&[&open("[\"websocket\"]"), "40"]));
    let lines = script.lines();
    let probe = "GET /socket.io/?EIO=3&transport=websocket&sid=S";
    assert!(lines.iter().any(|line| line == probe), "{lines:?}");
    assert!(lines.iter().any(|line| line == "ws 2probe"), "{lines:?}");
    script.text("3probe");
    script.emit("/", "during", "[]");
    script.poll("1:6");
    assert_eq!(script.said(), ["5", "42[\"during\"]"]);
    script.events();
    script.tear(Purpose::WebSocket);
    script.advance(2000);
    let lines = script.lines();
    assert!(lines.iter().any(|line| line.contains("EIO=3&transport=polling&t")), "{lines:?}");
    script.poll(&payload(&[&open("[]"), "40"]));
    assert!(script.on("/", |socket| socket.is_joined()));
}

#[test]
fn c70_acknowledgements_of_revision_4_of_socket_io_go_both_ways() {
    let mut script = polling(|_| {});
    let asked = |mut socket: sansocket::client::SocketMut<'_>| {
        socket.emit_with_ack("q", ArgsRef::NONE, None)
    };
    script.on("/", asked).expect("it is taken");
    assert_eq!(script.said(), ["8:420[\"q\"]"]);
    script.posted();
    script.poll(&payload(&["430[1]"]));
    assert_eq!(script.events().len(), 1);
}

#[test]
fn a_client_of_revision_3_leaves_with_close() {
    let mut script = polling(|_| {});
    script.on("/", |mut socket| socket.leave());
    assert_eq!(script.said(), ["2:41"]);
    script.posted();
    assert_eq!(script.said(), ["1:1"]);
    script.posted();
    assert!(script.client.is_idle());
}

#[test]
fn broken_payloads_of_revision_3_end_the_session() {
    for body in ["3:42", "x:42", "2:4", "6", "0\u{ff}", "2:b!", "5:bAQID"] {
        let mut script = polling(|_| {});
        script.poll(body);
        assert_eq!(script.events()[0], "closed: parse error", "{body}");
    }
    let mut script = websocket(|_| {});
    script.binary(b"\x05");
    assert_eq!(script.events()[0], "closed: parse error");
}
