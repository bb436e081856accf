//! Packets and their limits.

use sansocket::client::{Config, OfflinePolicy, Transport};
use sansocket::client::{Purpose, Refused};
use sansocket::{ArgsRef, Bytes, Misuse, Msgpack};
use std::sync::Arc;
use testbed::script::{Script, open};
use testbed::{packed, packed_event};

#[test]
fn c84_binary_comes_and_goes_on_both_transports() {
    let hole = "{\"_placeholder\":true,\"num\":0}";
    let bytes = [Bytes::from_static(b"\x01\x02\x03")];
    let args = format!("[{hole}]");
    let args = ArgsRef::from_valid(&args, &bytes);
    let mut script = Script::polling(|_| {});
    script.on("/", |mut socket| socket.emit("b", args)).expect("taken");
    assert_eq!(script.said(), [format!("451-[\"b\",{hole}]|bAQID")]);
    script.poll(&format!("451-[\"b\",{hole}]\u{1e}bAQID\u{1e}42[\"x\"]"));
    assert_eq!(script.events(), [format!("message / b [{hole}] +3"), "message / x []".into()]);
    let mut script = Script::websocket(|_| {});
    script.on("/", |mut socket| socket.emit("b", args)).expect("taken");
    assert_eq!(script.said(), [format!("451-[\"b\",{hole}]"), "[1, 2, 3]".into()]);
    script.text(&format!("451-[\"b\",{hole}]"));
    script.binary(b"abcd");
    assert_eq!(script.events(), [format!("message / b [{hole}] +4")]);
}

#[test]
fn c84_attachments_are_bounded_both_ways() {
    let mut script = Script::websocket(|config| config.limits.attachments = 2);
    let three = vec![Bytes::from_static(b"x"); 3];
    let refused = script.on("/", |mut socket| socket.emit("b", ArgsRef::from_valid("[]", &three)));
    assert_eq!(refused, Err(Refused::Misuse(Misuse::TooManyAttachments)));
    script.text("453-[\"b\"]");
    assert_eq!(script.events()[0], "closed: parse error");
    let mut script = Script::websocket(|config| config.limits.attachment_bytes = 3);
    script.text("452-[\"b\"]");
    script.binary(b"ab");
    script.binary(b"cd");
    assert_eq!(script.events()[0], "closed: parse error");
}

#[test]
fn c86_what_comes_in_is_bounded() {
    let mut script = Script::websocket(|config| config.limits.max_payload = 100);
    script.text(&format!("42[\"{}\"]", "x".repeat(94)));
    assert_eq!(script.events().len(), 1);
    script.text(&format!("42[\"{}\"]", "x".repeat(95)));
    assert_eq!(script.events()[0], "closed: transport error");
    let mut script = Script::polling(|config| config.limits.packets = 2);
    script.poll("42[\"a\"]\u{1e}42[\"b\"]");
    assert_eq!(script.events().len(), 2);
    script.poll("6\u{1e}6\u{1e}6");
    assert_eq!(script.events()[0], "closed: parse error");
    let deep = format!("42[\"a\",{}{}]", "[".repeat(200), "]".repeat(200));
    let mut script = Script::polling(|_| {});
    script.poll(&deep);
    assert_eq!(script.events()[0], "closed: parse error");
}

#[test]
fn c87_what_is_no_packet_ends_the_session_and_leaves_nothing_behind() {
    for packet in [
        "4",
        "48",
        "42",
        "42{}",
        "42[]",
        "42[\"a\"",
        "4255555555555555555555[\"a\"]",
        "43[]",
        "450-[\"a\"]",
        "451[\"a\"]",
        "451-[\"a\"]\u{1e}42[\"b\"]",
        "bAQID",
        "b!",
        "42[\"connect\"]",
        "41x",
    ] {
        let mut script = Script::polling(|_| {});
        script.poll(packet);
        let events = script.events();
        assert_eq!(events[0], "closed: parse error", "{packet}");
        script.advance(2000);
        script.poll(&open("[]"));
        script.posted();
        script.poll("40{\"sid\":\"j\"}\u{1e}42[\"fine\"]");
        assert_eq!(script.events().last().unwrap(), "message / fine []", "{packet}");
    }
}

#[test]
fn c89_only_noop_and_what_is_known_passes() {
    let mut script = Script::polling(|_| {});
    script.poll("6\u{1e}430[]\u{1e}43/x,9[]");
    assert_eq!(script.events(), [""; 0]);
    for packet in ["7", "3", "5", "0{\"sid\":\"S\",\"pingInterval\":1,\"pingTimeout\":1}", ""] {
        let mut script = Script::polling(|_| {});
        script.poll(packet);
        assert_eq!(script.events()[0], "closed: parse error", "{packet}");
        assert!(!script.has(Purpose::Poll));
    }
}

#[test]
fn attachments_that_do_not_come_end_the_session() {
    let mut script = Script::websocket(|_| {});
    script.text("451-[\"b\"]");
    script.advance(20_000);
    script.text("2");
    script.advance(39_999);
    assert_eq!(script.events(), [""; 0]);
    script.advance(1);
    assert_eq!(script.events()[0], "closed: parse error");
}

fn msgpack(config: &mut Config) {
    config.transports = vec![Transport::WebSocket];
    config.parser = Some(Arc::new(Msgpack));
}

/// The bytes of what the client said, in the form of the script.
fn said(bytes: &[u8]) -> String {
    format!("{bytes:?}")
}

/// A client that speaks MessagePack and has joined the main namespace.
fn packing(set: impl FnOnce(&mut Config)) -> Script {
    let mut script = Script::new(|config| {
        msgpack(config);
        set(config);
    });
    script.join("/");
    script.text(&open("[]"));
    script.binary(&packed(0, "/", &[("data", b"\x81\xa3sid\xa1i")]));
    script.said();
    script.events();
    script
}

#[test]
fn c88_packets_in_msgpack_are_one_binary_message_each() {
    let mut script = Script::new(msgpack);
    script
        .on("/", |mut socket| {
            socket.set_auth(sansocket::client::Auth::Value("{\"token\":\"x\"}".into()))
        })
        .expect("an object");
    script.join("/");
    script.text(&open("[]"));
    assert_eq!(script.said(), [said(b"\x83\xa4type\x00\xa4data\x81\xa5token\xa1x\xa3nsp\xa1/")]);
    // As a server in Python answers.
    script.binary(b"\x83\xa4type\x00\xa4data\x81\xa3sid\xa3abc\xa3nsp\xa1/");
    assert_eq!(script.on("/", |socket| socket.id().map(str::to_owned)).as_deref(), Some("abc"));
    script.events();
    let bytes = [Bytes::from_static(b"\x01\x02")];
    let args = ArgsRef::from_valid("[{\"_placeholder\":true,\"num\":0}]", &bytes);
    script.on("/", |mut socket| socket.emit_with_ack("q", args, None)).expect("taken");
    script.binary(&packed(3, "/", &[("id", b"\x00"), ("data", b"\x91\xc4\x01\x07")]));
    script.binary(&packed_event("x", 2, b"\xc3\xc4\x02ab"));
    assert_eq!(
        script.said(),
        [said(b"\x84\xa4type\x02\xa4data\x92\xa1q\xc4\x02\x01\x02\xa3nsp\xa1/\xa2id\x00")]
    );
    assert_eq!(
        script.events(),
        [
            "Ticket(1) [{\"_placeholder\":true,\"num\":0}]",
            "message / x [true,{\"_placeholder\":true,\"num\":0}] +2",
        ]
    );
    script.on("/", |mut socket| socket.leave());
    assert_eq!(script.said()[0], said(b"\x82\xa4type\x01\xa3nsp\xa1/"));
}

#[test]
fn c88_what_is_no_packet_in_msgpack_ends_the_session() {
    for bytes in
        [&b""[..], b"\xc0", &packed(3, "/", &[("data", b"\x90")]), &packed_event("connect", 0, b"")]
    {
        let mut script = packing(|_| {});
        script.binary(bytes);
        assert_eq!(script.events()[0], "closed: parse error", "{bytes:?}");
    }
    let mut script = packing(|_| {});
    script.text("42[\"x\"]");
    assert_eq!(script.events()[0], "closed: parse error");
}

#[test]
fn c88_the_size_of_an_event_is_that_of_its_message() {
    let mut script = packing(|_| {});
    // Each of the floats takes four bytes as text, and nine here.
    let floats = format!("[{}]", ["0.5"; 100].join(","));
    script.emit("/", "x", &floats);
    let floats = format!("[{}]", ["0.5"; 110].join(","));
    let refused = script.on("/", |mut socket| socket.emit("x", ArgsRef::from_valid(&floats, &[])));
    assert_eq!(refused, Err(Refused::TooLarge { size: 1013, limit: 1000 }));
}

#[test]
fn c88_events_that_wait_are_given_back_as_they_were() {
    let mut script = Script::new(|config| {
        msgpack(config);
        config.offline.policy = OfflinePolicy::Buffer;
        config.report_sent = true;
    });
    let bytes = [Bytes::from_static(b"\x01\x02")];
    let args = ArgsRef::from_valid("[{\"_placeholder\":true,\"num\":0},0.5]", &bytes);
    script.on("/", |mut socket| socket.emit("x", args)).expect("it waits");
    let waiting = script.on("/", |mut socket| socket.take_waiting());
    let [message] = &waiting[..] else { panic!("{waiting:?}") };
    assert_eq!((message.name(), message.json()), ("x", args.json()));
    assert_eq!(message.attachments(), bytes);
    let mut script = packing(|config| config.report_sent = true);
    script.on("/", |mut socket| socket.emit("x", args)).expect("taken");
    assert_eq!(script.events(), ["sent / x [{\"_placeholder\":true,\"num\":0},0.5]"]);
}
