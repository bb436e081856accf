//! Packets and their limits.

use sansocket::client::{Purpose, Refused};
use sansocket::{ArgsRef, Bytes, Misuse};
use testbed::script::Script;

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
        script.poll(&testbed::script::open("[]"));
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
