//! Connecting and being refused.

use sansocket::client::{Event, Kind, Purpose, Transport};
use testbed::script::{Network, Script, open};

/// A session whose CONNECT is out.
fn joining() -> Script {
    let mut script = Script::new(|_| {});
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.events();
    script.said();
    script
}

#[test]
fn c30_a_refusal_has_the_words_of_the_server_and_is_not_tried_again() {
    for (packet, message, data) in [
        (r#"44{"message":"no","data":{"code":7}}"#, "no", Some("{\"code\":7}")),
        (r#"44"no""#, "no", None),
        ("44", "", None),
    ] {
        let mut script = joining();
        script.poll(packet);
        let events = script.take_events();
        let [Event::ConnectFailed { fault, retries: false, .. }] = &events[..] else {
            panic!("{events:?}");
        };
        assert_eq!((fault.kind(), fault.message()), (Kind::Refused, message));
        assert_eq!(fault.data(), data);
        assert!(!script.on("/", |socket| socket.is_active()));
        script.advance(100_000);
        assert!(script.client.is_idle(), "no other namespace is wanted");
    }
}

#[test]
fn c30_a_refusal_leaves_other_namespaces_alone() {
    let mut script = Script::polling(|_| {});
    script.join("/a");
    script.posted();
    script.poll("44/a,{\"message\":\"no\"}");
    assert_eq!(script.events(), ["not connected /a Refused: no"]);
    assert!(script.on("/", |socket| socket.is_joined()) && script.has(Purpose::Poll));
    script.said();
    script.join("/a");
    assert_eq!(script.said(), ["40/a,"], "it can be asked for again");
}

#[test]
fn c31_a_failure_below_is_told_to_each_namespace_and_tried_again() {
    let mut script = Script::new(|config| config.transports = vec![Transport::Polling]);
    script.join("/");
    script.join("/a");
    script.answer(Purpose::Poll, 503, "busy");
    let failures = ["/", "/a"]
        .map(|name| format!("not connected {name} Transport: the server answered 503, again"));
    assert_eq!(script.events(), failures);
    script.network = Network::Refuse;
    script.advance(2000);
    assert_eq!(
        script.events(),
        [
            "attempt 1",
            "not connected / Transport: refused, again",
            "not connected /a Transport: refused, again",
            "attempt 1 failed: refused",
        ]
    );
}

#[test]
fn c32_a_server_of_another_version_of_socket_io_is_told_apart() {
    for packet in ["40", "40{}", "40{\"sid\":1}"] {
        let mut script = joining();
        script.poll(packet);
        let events = script.events();
        assert_eq!(events[0], "closed: parse error");
        assert!(events[1].starts_with("not connected / Protocol: "), "{events:?}");
        assert!(events[1].contains("another version of Socket.IO"));
    }
}

#[test]
fn c33_a_handshake_that_is_none_is_a_fault_of_the_protocol_and_tried_again() {
    for body in [
        "",
        "hello",
        "<html></html>",
        "4",
        "0",
        "0{}",
        "0[]",
        "0{\"sid\":\"x\"}",
        "0{\"sid\":\"\",\"pingInterval\":1,\"pingTimeout\":1}",
        "0{\"sid\":\"x\",\"pingInterval\":0,\"pingTimeout\":1}",
        "0{\"sid\":\"x\",\"pingInterval\":1,\"pingTimeout\":0}",
        "0{\"sid\":\"x\",\"pingInterval\":-1,\"pingTimeout\":1}",
        "0{\"sid\":\"x\",\"pingInterval\":\"25000\",\"pingTimeout\":1}",
        "0{\"sid\":\"x\",\"pingInterval\":86400001,\"pingTimeout\":1}",
        "0{\"sid\":\"x\",\"pingInterval\":1e300,\"pingTimeout\":1}",
    ] {
        for transport in [Transport::Polling, Transport::WebSocket] {
            let mut script = Script::new(|config| config.transports = vec![transport]);
            script.join("/");
            if transport == Transport::WebSocket {
                script.text(body);
            } else {
                script.poll(body);
            }
            let events = script.events();
            assert_eq!(events.len(), 1, "{events:?}");
            assert!(events[0].starts_with("not connected / Protocol"), "{body} {events:?}");
            assert!(events[0].ends_with(", again"));
        }
    }
}

#[test]
fn c34_events_before_the_answer_to_connect_come_after_it_and_before_ours_leave() {
    let mut script = joining();
    script.emit("/", "ours", "[]");
    script.poll("42[\"early\"]\u{1e}421[\"asks\"]");
    assert_eq!((script.events(), script.said()), (vec![], vec![]));
    script.poll("40{\"sid\":\"i\"}");
    assert_eq!(script.events(), ["connected /", "message / early []", "message / asks [] ?"]);
    assert_eq!(script.said(), ["42[\"ours\"]"]);
}

#[test]
fn c34_early_events_are_bounded() {
    let mut script = joining();
    for _ in 0..10 {
        script.poll(&["42[\"early\"]"; 100].join("\u{1e}"));
    }
    assert_eq!(script.events(), [""; 0]);
    script.poll("42[\"one too many\"]");
    assert_eq!(script.events()[0], "closed: parse error");
}

#[test]
fn c35_connecting_twice_is_connecting_once() {
    let mut script = Script::new(|_| {});
    for _ in 0..2 {
        script.join("/");
    }
    assert_eq!(script.lines().len(), 2);
    script.poll(&open("[]"));
    script.join("/");
    assert_eq!(script.said(), ["40"]);
    script.posted();
    script.poll("40{\"sid\":\"i\"}");
    script.join("/");
    assert_eq!(script.said(), [""; 0]);
}
