//! The move of a session from polling to a WebSocket.

use sansocket::client::{Purpose, Transport};
use testbed::script::{Script, WebSockets, open};

/// A session on polling that has joined, and tries a WebSocket.
fn probing(websockets: WebSockets) -> Script {
    let mut script = Script::new(|_| {});
    script.websockets = websockets;
    script.join("/");
    script.poll(&open("[\"websocket\"]"));
    script.posted();
    script.poll("40{\"sid\":\"i\"}");
    script.events();
    script
}

#[test]
fn c13_polling_ends_before_the_websocket_begins() {
    let mut script = probing(WebSockets::Accept);
    assert_eq!(script.said(), ["40", "2probe"]);
    script.text("3probe");
    assert_eq!(script.lines(), [""; 0], "a poll is in flight");
    script.poll("6");
    assert_eq!(script.lines(), ["close poll", "close post", "ws 5"]);
    assert_eq!(script.events(), ["upgraded"]);
    assert_eq!(script.client.transport(), Some(Transport::WebSocket));
}

#[test]
fn c13_a_post_in_flight_is_awaited_too() {
    let mut script = probing(WebSockets::Accept);
    script.emit("/", "a", "[]");
    script.text("3probe");
    script.poll("6");
    script.said();
    assert_eq!(script.lines(), [""; 0]);
    script.posted();
    assert_eq!(script.lines(), ["close poll", "close post", "ws 5"]);
}

#[test]
fn c14_a_websocket_that_fails_leaves_the_session_on_polling() {
    let gone = "the server closed the connection";
    let odd = "the server answered the probe of the WebSocket with something else";
    type Break = fn(&mut Script);
    let ways: [(Break, &str); 6] = [
        (|script| script.cut(Purpose::WebSocket), gone),
        (|script| script.tear(Purpose::WebSocket), "reset"),
        (|script| script.farewell(), gone),
        (|script| script.text("3no"), odd),
        (|script| script.binary(b"3probe"), odd),
        (|script| script.raw(Purpose::WebSocket, b"\xff\x00"), "reserved frame bits are set"),
    ];
    for (way, message) in ways {
        for answered in [false, true] {
            let mut script = probing(WebSockets::Accept);
            if answered {
                script.text("3probe");
            }
            way(&mut script);
            assert_eq!(script.events(), [format!("not upgraded: {message}")]);
            script.said();
            script.emit("/", "a", "[]");
            assert_eq!(script.said(), ["42[\"a\"]"]);
            script.poll("42[\"b\"]");
            assert_eq!(script.events(), ["message / b []"]);
            assert_eq!(script.client.transport(), Some(Transport::Polling));
        }
    }
    let script = probing(WebSockets::Refuse(400));
    assert!(!script.has(Purpose::WebSocket));
}

#[test]
fn c14_a_websocket_that_hangs_is_given_up_in_time() {
    for (websockets, text) in
        [(WebSockets::Hang, None), (WebSockets::Accept, None), (WebSockets::Accept, Some("3probe"))]
    {
        let mut script = probing(websockets);
        if let Some(text) = text {
            script.text(text);
        }
        script.advance(19_999);
        assert_eq!(script.events(), [""; 0]);
        script.advance(1);
        assert_eq!(script.events(), ["not upgraded: the WebSocket was not ready in time"]);
        assert!(!script.has(Purpose::WebSocket) && script.has(Purpose::Poll));
    }
}

#[test]
fn c15_nothing_is_lost_doubled_or_reordered_by_the_upgrade() {
    let mut script = probing(WebSockets::Accept);
    script.said();
    script.emit("/", "1", "[]");
    script.emit("/", "2", "[]");
    script.text("3probe");
    script.emit("/", "3", "[]");
    script.posted();
    script.emit("/", "4", "[]");
    script.poll("42[\"a\"]|42[\"b\"]".replace('|', "\u{1e}").as_str());
    script.emit("/", "5", "[]");
    script.text("42[\"c\"]");
    assert_eq!(
        script.said(),
        ["42[\"1\"]", "5", "42[\"2\"]", "42[\"3\"]", "42[\"4\"]", "42[\"5\"]"]
    );
    assert_eq!(script.events(), ["message / a []", "message / b []", "upgraded", "message / c []"]);
}

#[test]
fn c15_a_packet_that_left_in_part_goes_on_by_the_websocket() {
    let mut script = Script::new(|config| config.limits.packets_per_poll = 1);
    script.join("/");
    script.poll(&open("[\"websocket\"]"));
    script.posted();
    script.poll("40{\"sid\":\"i\"}");
    script.said();
    let parts = [sansocket::Bytes::from_static(b"a"), sansocket::Bytes::from_static(b"b")];
    let args = sansocket::ArgsRef::from_valid("[]", &parts);
    script.on("/", |mut socket| socket.emit("x", args)).expect("it is taken");
    script.text("3probe");
    script.posted();
    script.poll("6");
    assert_eq!(script.said(), ["452-[\"x\"]", "5", "[97]", "[98]"]);
}

#[test]
fn a_ping_during_the_upgrade_is_answered_on_either_side_of_it() {
    let mut script = probing(WebSockets::Accept);
    script.said();
    script.text("3probe");
    script.poll("2");
    assert_eq!(script.said(), ["5", "3"]);
}
