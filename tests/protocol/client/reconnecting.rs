//! Reasons, and what follows from them.

use sansocket::Response;
use sansocket::client::{Backoff, Config, Purpose, Transport};
use testbed::script::{Network, Script, open};

/// Waits without jitter, so that they can be told.
fn steady(config: &mut Config) {
    let mut backoff = Backoff::default();
    backoff.jitter = 0.0;
    config.reconnect = Some(backoff);
}

#[test]
fn c40_reasons_say_whether_the_client_comes_back() {
    type Way = fn(&mut Script);
    let polling: [(Way, &str, bool); 9] = [
        (|script| script.poll("41"), "io server disconnect", false),
        (|script| script.on("/", |mut socket| socket.leave()), "io client disconnect", false),
        (|script| script.client.close(script.now), "io client disconnect", false),
        (|script| script.advance(45_000), "ping timeout", true),
        (|script| script.poll("1"), "transport close", true),
        (|script| script.answer(Purpose::Poll, 500, ""), "transport error", true),
        (|script| script.tear(Purpose::Poll), "transport error", true),
        (|script| script.poll("4nonsense"), "parse error", true),
        (|script| script.poll("9"), "parse error", true),
    ];
    let websocket: [(Way, &str, bool); 7] = [
        (|script| script.text("41"), "io server disconnect", false),
        (|script| script.advance(45_000), "ping timeout", true),
        (|script| script.text("1"), "transport close", true),
        (|script| script.cut(Purpose::WebSocket), "transport close", true),
        (|script| script.farewell(), "transport close", true),
        (|script| script.tear(Purpose::WebSocket), "transport error", true),
        (|script| script.text("4nonsense"), "parse error", true),
    ];
    let cases = polling.into_iter().map(|case| (Script::polling(|_| {}), case));
    let others = websocket.into_iter().map(|case| (Script::websocket(|_| {}), case));
    for (mut script, (way, reason, again)) in cases.chain(others) {
        way(&mut script);
        script.run();
        let again = if again { ", again" } else { "" };
        let events = script.events();
        assert!(events.contains(&format!("disconnected /: {reason}{again}")), "{events:?}");
        script.lines();
        script.advance(20_000);
        assert_eq!(script.lines().iter().any(|line| line.starts_with("open")), !again.is_empty());
    }
}

#[test]
fn c41_the_waits_grow_and_begin_anew_after_a_success() {
    let mut script = Script::new(steady);
    script.network = Network::Refuse;
    script.join("/");
    for expected in [1000, 2000, 4000, 5000, 5000] {
        assert_eq!(script.wait(), Some(expected));
        script.advance(u64::try_from(expected).unwrap());
    }
    script.network = Network::Open;
    script.advance(5000);
    script.poll(&open("[]"));
    script.lose();
    assert_eq!(script.wait(), Some(1000));
}

#[test]
fn c41_the_jitter_differs_each_time_and_stays_within_its_bounds() {
    let mut script = Script::polling(|_| {});
    let mut seen = std::collections::BTreeSet::new();
    for _ in 0..100 {
        script.lose();
        let wait = script.wait().expect("it tries again");
        assert!((500..=1500).contains(&wait), "{wait}");
        seen.insert(wait);
        script.advance(1500);
        script.poll(&open("[]"));
    }
    assert!(seen.len() > 50, "{seen:?}");
}

#[test]
fn c42_attempts_are_counted_and_may_end() {
    let mut script = Script::new(|config| {
        steady(config);
        config.reconnect.as_mut().unwrap().attempts = Some(2);
    });
    script.network = Network::Refuse;
    script.join("/");
    script.advance(60_000);
    assert_eq!(
        script.events(),
        [
            "not connected / Transport: refused, again",
            "attempt 1",
            "not connected / Transport: refused, again",
            "attempt 1 failed: refused",
            "attempt 2",
            "not connected / Transport: refused",
            "attempt 2 failed: refused",
            "gave up",
        ]
    );
    assert!(script.client.is_idle() && script.on("/", |socket| socket.is_active()));
    script.network = Network::Open;
    script.join("/");
    script.poll(&open("[]"));
    assert_eq!(script.events(), ["opened"], "the application connects, which is no attempt");
}

#[test]
fn c43_a_first_connection_that_fails_is_tried_again() {
    let mut script = Script::new(steady);
    script.network = Network::Refuse;
    script.join("/");
    script.events();
    script.network = Network::Open;
    script.advance(1000);
    script.poll(&open("[]"));
    assert_eq!(script.events(), ["attempt 1", "opened", "reconnected 1"]);
}

#[test]
fn c44_leaving_ends_the_wait_and_joining_cuts_it_short() {
    let mut script = Script::new(steady);
    script.network = Network::Refuse;
    script.join("/");
    script.on("/", |mut socket| socket.leave());
    assert_eq!(script.wait(), None);
    script.join("/");
    script.lines();
    script.join("/");
    assert_eq!(script.lines(), ["open poll http://a.example/"], "now, and only once");
    assert_eq!(script.wait(), Some(2000));
}

#[test]
fn c45_all_wanted_namespaces_are_joined_again() {
    let mut script = Script::polling(steady);
    for name in ["/a", "/b"] {
        script.join(name);
        script.posted();
        script.poll(&format!("40{name},{{\"sid\":\"j\"}}"));
    }
    script.on("/a", |mut socket| socket.leave());
    script.lose();
    script.events();
    script.said();
    script.advance(1000);
    script.poll(&open("[]"));
    assert_eq!(script.said(), ["40|40/b,"]);
}

#[test]
fn c46_each_attempt_is_told() {
    let mut script = Script::polling(steady);
    script.lose();
    script.advance(1000);
    script.poll(&open("[]"));
    script.posted();
    script.poll("40{\"sid\":\"k\"}");
    assert_eq!(
        script.events(),
        [
            "closed: transport error",
            "disconnected /: transport error, again",
            "attempt 1",
            "opened",
            "reconnected 1",
            "connected /",
        ]
    );
}

#[test]
fn c47_without_reconnection_the_namespace_stays_wanted_and_nothing_happens() {
    let mut script = Script::polling(|config| config.reconnect = None);
    script.lose();
    assert_eq!(script.events(), ["closed: transport error", "disconnected /: transport error"]);
    assert_eq!(script.wait(), None);
    assert!(script.on("/", |socket| socket.is_active()));
    // Switched off during a wait, it counts at once.
    let mut script = Script::polling(|_| {});
    script.lose();
    script.set(|config| config.reconnect = None);
    assert_eq!(script.wait(), None);
}

#[test]
fn c48_a_server_can_ask_for_a_longer_wait() {
    for (status, wait, expected) in
        [(503, "7", 7000), (429, "100000", 300_000), (500, "7", 1000), (503, "soon", 1000)]
    {
        let mut script = Script::new(|config| {
            steady(config);
            config.transports = vec![Transport::Polling];
        });
        script.join("/");
        let response = Response::with_body(status, "text/plain", "").header("retry-after", wait);
        script.respond(Purpose::Poll, response);
        assert_eq!(script.wait(), Some(expected), "{status} {wait}");
    }
}

#[test]
fn c49_a_ping_restarts_the_wait_for_the_next() {
    let mut script = Script::polling(|_| {});
    for _ in 0..5 {
        script.advance(44_999);
        script.poll("2");
        script.posted();
    }
    assert_eq!(script.events(), [""; 0]);
    script.advance(44_999);
    script.poll("42[\"x\"]");
    script.advance(1);
    assert_eq!(
        script.events(),
        ["message / x []", "closed: ping timeout", "disconnected /: ping timeout, again"],
        "only a PING counts"
    );
}

#[test]
fn c49_a_clock_that_jumped_ends_the_session_at_the_first_call_and_keeps_what_is_sent_then() {
    let mut script = Script::websocket(steady);
    script.jump(3_600_000);
    script.emit("/", "after", "[]");
    assert_eq!(script.events(), ["closed: ping timeout", "disconnected /: ping timeout, again"]);
    assert_eq!(script.on("/", |socket| socket.waiting()), 1);
    script.advance(1000);
    script.text(&open("[]"));
    script.text("40{\"sid\":\"j\"}");
    assert_eq!(script.said(), ["40", "42[\"after\"]"]);
}

#[test]
fn c49_a_changed_network_ends_the_session_and_begins_the_next_at_once() {
    let mut script = Script::websocket(steady);
    script.client.handle_network_change(script.now);
    script.run();
    assert_eq!(
        script.events(),
        ["closed: transport close", "disconnected /: transport close, again", "attempt 1"]
    );
    script.text(&open("[]"));
    assert_eq!(script.events(), ["opened", "reconnected 1"]);
}

#[test]
fn c50_a_ping_is_answered_once_and_nothing_is_sent_unasked() {
    let mut script = Script::polling(|_| {});
    script.advance(30_000);
    assert_eq!(script.said(), [""; 0]);
    script.poll("2");
    assert_eq!(script.said(), ["3"]);
    let mut script = Script::websocket(|_| {});
    script.text("2");
    assert_eq!(script.said(), ["3"]);
}
