//! The choice of a transport, and deadlines of its opening.

use sansocket::client::{Purpose, Transport};
use testbed::script::{Network, Script, WebSockets, open};

#[test]
fn c11_transports_are_tried_in_their_order() {
    let mut script = Script::new(|_| {});
    script.join("/");
    assert_eq!(
        script.lines(),
        ["open poll http://a.example/", "GET /socket.io/?EIO=4&transport=polling&t=…"]
    );
    let mut script = Script::new(|config| config.transports = vec![Transport::WebSocket]);
    script.join("/");
    assert_eq!(
        script.lines(),
        ["open websocket http://a.example/", "GET /socket.io/?EIO=4&transport=websocket"]
    );
    script.text(&open("[\"websocket\"]"));
    assert_eq!(script.said(), ["40"]);
    assert_eq!(script.client.transport(), Some(Transport::WebSocket));
    let mut script = Script::new(|config| config.transports.clear());
    script.join("/");
    assert_eq!(
        script.events(),
        ["not connected / Transport: the settings name no transport, again"]
    );
}

#[test]
fn c12_a_session_moves_only_where_both_ends_want_it() {
    let probes = |upgrades: &str, set: fn(&mut sansocket::client::Config)| {
        let mut script = Script::new(set);
        script.join("/");
        script.poll(&open(upgrades));
        script.has(Purpose::WebSocket)
    };
    assert!(probes("[\"websocket\"]", |_| {}));
    assert!(!probes("[]", |_| {}));
    assert!(!probes("[\"webtransport\"]", |_| {}));
    assert!(!probes("[\"websocket\"]", |config| config.upgrade = false));
    assert!(!probes("[\"websocket\"]", |config| config.transports = vec![Transport::Polling]));
}

#[test]
fn c16_a_websocket_that_worked_is_remembered_until_it_fails() {
    let mut script = Script::new(|config| config.remember_upgrade = true);
    script.join("/");
    script.poll(&open("[\"websocket\"]"));
    script.text("3probe");
    script.posted();
    script.poll("6");
    script.cut(Purpose::WebSocket);
    script.lines();
    script.advance(2000);
    assert_eq!(script.lines()[1], "GET /socket.io/?EIO=4&transport=websocket");
    // The second time it fails, and polling is tried at once, and first the next time.
    script.cut(Purpose::WebSocket);
    assert_eq!(script.lines()[1], "GET /socket.io/?EIO=4&transport=polling&t=…");
    script.cut(Purpose::Poll);
    script.cut(Purpose::WebSocket);
    script.lines();
    script.advance(5000);
    let lines = script.lines();
    assert!(lines[1].contains("transport=polling"), "{lines:?}");
}

#[test]
fn c17_the_next_transport_is_tried_when_the_first_one_fails_at_the_server() {
    let mut script = Script::new(|_| {});
    script.join("/");
    script.lines();
    script.answer(Purpose::Poll, 400, "no polling");
    assert_eq!(
        script.lines(),
        [
            "close poll",
            "open websocket http://a.example/",
            "GET /socket.io/?EIO=4&transport=websocket"
        ]
    );
    assert_eq!(script.events(), [""; 0], "nobody is told");
    script.text(&open("[]"));
    assert_eq!(script.events(), ["opened"]);

    let mut script = Script::new(|config| config.try_all = false);
    script.join("/");
    script.answer(Purpose::Poll, 400, "no polling");
    assert_eq!(script.events(), ["not connected / Transport: the server answered 400, again"]);
}

#[test]
fn c17_a_server_that_is_not_reached_is_not_tried_by_other_transports() {
    let mut script = Script::new(|_| {});
    script.network = Network::Refuse;
    script.join("/");
    assert_eq!(script.lines(), ["open poll http://a.example/"]);
    assert_eq!(script.events(), ["not connected / Transport: refused, again"]);
}

#[test]
fn c20_one_deadline_is_over_the_whole_attempt() {
    for network in [Network::Hang, Network::Open] {
        let mut script = Script::new(|_| {});
        script.network = network;
        script.join("/");
        script.advance(19_999);
        assert_eq!(script.events(), [""; 0]);
        script.advance(1);
        assert_eq!(script.events(), ["not connected / Timeout: timeout, again"]);
        assert!(!script.has(Purpose::Poll));
    }
    let mut script = Script::new(|config| config.transports = vec![Transport::WebSocket]);
    script.join("/");
    script.advance(20_000);
    assert_eq!(script.events(), ["not connected / Timeout: timeout, again"], "no OPEN came");
}

#[test]
fn c20_a_connect_that_is_not_answered_ends_the_attempt() {
    let mut script = Script::new(|_| {});
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.events();
    script.advance(20_000);
    let message = "the server did not answer CONNECT in time";
    assert_eq!(
        script.events(),
        [
            "closed: transport error".to_owned(),
            format!("not connected / Timeout: {message}, again")
        ]
    );
    // Others that are joined stay so.
    let mut script = Script::polling(|_| {});
    script.join("/b");
    script.posted();
    script.advance(20_000);
    assert_eq!(script.events(), [format!("not connected /b Timeout: {message}, again")]);
    assert!(script.on("/", |socket| socket.is_joined()));
}

#[test]
fn a_websocket_that_is_refused_says_with_which_status() {
    let mut script = Script::new(|config| config.transports = vec![Transport::WebSocket]);
    script.websockets = WebSockets::Refuse(403);
    script.join("/");
    let events = script.take_events();
    let [sansocket::client::Event::ConnectFailed { fault, .. }] = &events[..] else {
        panic!("{events:?}");
    };
    assert_eq!((fault.http_status(), fault.body()), (Some(403), "no"));
}
