//! The end of a session by the client.

use sansocket::client::Purpose;
use testbed::script::{Script, WebSockets, open};

#[test]
fn c105_what_waits_goes_first_and_then_the_goodbye() {
    let mut script = Script::polling(|_| {});
    script.emit("/", "a", "[]");
    script.emit("/", "b", "[]");
    script.on("/", |mut socket| socket.leave());
    assert_eq!(script.events(), ["disconnected /: io client disconnect"], "at once");
    assert_eq!(script.said(), ["42[\"a\"]"]);
    script.posted();
    assert_eq!(script.said(), ["42[\"b\"]|41"]);
    script.posted();
    // The JavaScript server would act upon it before what came with it.
    assert_eq!(script.said(), ["1"]);
    assert_eq!(script.events(), [""; 0]);
    script.posted();
    assert_eq!(script.events(), ["closed: io client disconnect"]);
    assert_eq!(script.lines(), ["close poll", "close post"]);
    assert!(script.client.is_idle());
    assert_eq!(script.wait(), None);
}

#[test]
fn c105_a_websocket_is_closed_with_a_close_frame() {
    let mut script = Script::websocket(|_| {});
    script.emit("/", "a", "[]");
    script.on("/", |mut socket| {
        socket.emit("b", sansocket::ArgsRef::NONE).expect("taken");
        socket.leave();
    });
    assert_eq!(script.said(), ["42[\"a\"]", "42[\"b\"]", "41", "closed"]);
    assert_eq!(
        script.events(),
        ["disconnected /: io client disconnect", "closed: io client disconnect"]
    );
    assert!(script.client.is_idle() && !script.has(Purpose::WebSocket));
}

#[test]
fn c105_an_upgrade_under_way_is_given_up_for_the_goodbye() {
    for answer in [None, Some("3probe")] {
        let mut script = Script::new(|_| {});
        script.join("/");
        script.poll(&open("[\"websocket\"]"));
        script.posted();
        script.poll("40{\"sid\":\"i\"}");
        if let Some(answer) = answer {
            script.text(answer);
        }
        script.said();
        script.client.close(script.now);
        script.run();
        assert_eq!(script.said(), ["41"]);
        script.posted();
        assert_eq!(script.said(), ["1"]);
        script.posted();
        assert!(script.client.is_idle());
    }
}

#[test]
fn c106_a_goodbye_that_is_not_taken_is_cut_short() {
    let mut script = Script::polling(|_| {});
    script.client.close(script.now);
    script.run();
    assert_eq!(script.wait(), Some(1000));
    script.advance(1000);
    assert!(script.client.is_idle() && !script.has(Purpose::Poll));
    assert_eq!(script.events().last().unwrap(), "closed: io client disconnect");
}

#[test]
fn closing_while_connecting_ends_the_attempt() {
    for websockets in [WebSockets::Hang, WebSockets::Accept] {
        let mut script = Script::new(|config| {
            config.transports = vec![sansocket::client::Transport::WebSocket];
        });
        script.websockets = websockets;
        script.join("/");
        script.client.close(script.now);
        script.run();
        assert!(script.client.is_idle() && !script.has(Purpose::WebSocket));
        assert_eq!((script.wait(), script.events()), (None, vec![]));
    }
}

#[test]
fn a_client_that_joins_while_it_closes_connects_when_it_has_closed() {
    let mut script = Script::polling(|_| {});
    script.on("/", |mut socket| socket.leave());
    script.join("/");
    script.posted();
    script.lines();
    script.posted();
    assert_eq!(
        script.lines(),
        [
            "close poll",
            "close post",
            "open poll http://a.example/",
            "GET /socket.io/?EIO=4&transport=polling&t=…"
        ]
    );
}
