//! Addresses and requests.

use sansocket::client::{Endpoint, Purpose, Timestamps, Transport};
use testbed::script::{Script, WebSockets, open};

#[test]
fn c2_the_path_of_the_url_is_the_namespace_and_not_that_of_the_requests() {
    let endpoint = Endpoint::parse("https://a.example/admin").expect("valid");
    assert_eq!(endpoint.path(), "/admin");
    let mut script = Script::of("http://a.example/admin", |_| {});
    script.join("/admin");
    let lines = script.lines();
    assert_eq!(lines[1], "GET /socket.io/?EIO=4&transport=polling&t=…");
    script.poll(&open("[]"));
    assert_eq!(script.said(), ["40/admin,"]);
}

#[test]
fn c3_the_path_of_the_requests_is_a_setting() {
    let mut script = Script::new(|config| config.path = "/live".into());
    script.join("/");
    assert_eq!(script.lines()[1], "GET /live?EIO=4&transport=polling&t=…");
}

#[test]
fn c4_the_parameters_of_the_user_come_first_and_cannot_override_the_protocol() {
    let mut script = Script::of("http://a.example/?a=1&b=x=y&EIO=3&sid=z&c=%20", |config| {
        config.query = [("a", "2"), ("d e", "f&g"), ("transport", "x")]
            .map(|(key, value)| (key.into(), value.into()))
            .to_vec();
    });
    script.join("/");
    // G3: a value keeps its equal signs.
    let target = "/socket.io/?b=x=y&c=%20&a=2&d%20e=f%26g&EIO=4&transport=polling&t=…";
    assert_eq!(script.lines()[1], format!("GET {target}"));
}

#[test]
fn c5_the_revision_and_the_session_are_in_every_request() {
    let mut script = Script::new(|_| {});
    script.join("/");
    script.poll(&open("[\"websocket\"]"));
    let requests: Vec<_> = script.lines().into_iter().filter(|line| line.contains('?')).collect();
    assert_eq!(
        requests,
        [
            "GET /socket.io/?EIO=4&transport=polling&t=…",
            "GET /socket.io/?EIO=4&transport=polling&sid=S&t=…",
            "POST /socket.io/?EIO=4&transport=polling&sid=S&t=… 40",
            "GET /socket.io/?EIO=4&transport=websocket&sid=S",
        ]
    );
}

#[test]
fn c6_requests_of_polling_differ_from_each_other() {
    for (which, polling, websocket) in [
        (Timestamps::Polling, "&t=…", ""),
        (Timestamps::None, "", ""),
        (Timestamps::All, "&t=…", "&t=…"),
    ] {
        let mut script = Script::new(|config| config.timestamps = which);
        script.join("/");
        script.poll(&open("[\"websocket\"]"));
        let lines = script.lines();
        assert_eq!(lines[1], format!("GET /socket.io/?EIO=4&transport=polling{polling}"));
        let upgrade = format!("GET /socket.io/?EIO=4&transport=websocket&sid=S{websocket}");
        assert!(lines.contains(&upgrade), "{lines:?}");
    }
}

#[test]
fn c7_the_headers_of_the_user_are_on_every_request() {
    let mut script = Script::of("http://user:secret@[::1]:3000/", |config| {
        config.headers = [("X-Own", "1"), ("Connection", "close"), ("User-Agent", "mine")]
            .map(|(key, value)| (key.into(), value.into()))
            .to_vec();
    });
    script.join("/");
    for step in 0..3 {
        assert_eq!(script.field("x-own"), Some("1"), "{step}");
        assert_eq!(script.field("host"), Some("[::1]:3000"));
        assert_eq!(script.field("user-agent"), Some("mine"));
        assert_eq!(script.field("authorization"), Some("Basic dXNlcjpzZWNyZXQ="));
        assert_eq!(script.field("origin"), None);
        match step {
            0 => {
                assert_eq!(script.field("connection"), None);
                script.poll(&open("[\"websocket\"]"));
                assert_eq!(script.field("connection"), Some("Upgrade"), "of the protocol alone");
            }
            1 => {
                script.posted();
                script.emit("/", "x", "[]");
                script.poll("40{\"sid\":\"i\"}");
            }
            _ => {}
        }
    }
}

#[test]
fn c8_auth_is_asked_for_before_each_connect() {
    let mut script = Script::new(|_| {});
    script.on("/", |mut socket| socket.set_auth(sansocket::client::Auth::Asked)).expect("taken");
    script.join("/");
    for round in 0..2 {
        script.poll(&open("[]"));
        let ask = script.take_events().into_iter().find_map(|event| {
            if let sansocket::client::Event::NeedsAuth { ask, .. } = event {
                Some(ask)
            } else {
                None
            }
        });
        assert_eq!(script.said(), [""; 0], "nothing is sent before the answer");
        let auth = format!("{{\"token\":{round}}}");
        let ask = ask.expect("it is asked for");
        script.on("/", |mut socket| socket.supply_auth(ask, Ok(Some(&auth)))).expect("an object");
        assert_eq!(script.said(), [format!("40{{\"token\":{round}}}")]);
        script.lose();
        script.advance(2000);
    }
}

#[test]
fn c8_an_error_of_the_auth_function_fails_the_attempt_and_the_next_one_asks_again() {
    let mut script = Script::new(|_| {});
    script.on("/", |mut socket| socket.set_auth(sansocket::client::Auth::Asked)).expect("taken");
    script.join("/");
    script.poll(&open("[]"));
    let ask = script.take_events().into_iter().find_map(|event| {
        if let sansocket::client::Event::NeedsAuth { ask, .. } = event { Some(ask) } else { None }
    });
    let fault = sansocket::client::Fault::transport("no token");
    script.on("/", |mut socket| socket.supply_auth(ask.expect("asked"), Err(fault))).expect("ok");
    assert_eq!(
        script.events(),
        ["closed: transport error", "not connected / Transport: no token, again"]
    );
    script.advance(2000);
    script.poll(&open("[]"));
    assert_eq!(script.events(), ["attempt 1", "opened", "reconnected 1", "needs auth /"]);
}

#[test]
fn c9_settings_count_from_the_next_attempt() {
    let mut script = Script::polling(|_| {});
    script.set(|config| {
        config.query = vec![("v".into(), "2".into())];
        config.headers = vec![("x-v".into(), "2".into())];
    });
    script.lose();
    script.advance(2000);
    assert_eq!(script.lines().last().unwrap(), "GET /socket.io/?v=2&EIO=4&transport=polling&t=…");
    assert_eq!(script.field("x-v"), Some("2"));
}

#[test]
fn c9_an_application_can_be_asked_for_the_settings_of_each_attempt() {
    let mut script = Script::new(|config| {
        config.ask_settings = true;
        config.transports = vec![Transport::Polling];
    });
    script.join("/");
    assert_eq!((script.events(), script.lines()), (vec!["needs settings".into()], vec![]));
    script.set(|config| config.path = "/fresh/".into());
    script.client.proceed(script.now);
    script.run();
    assert_eq!(script.lines()[1], "GET /fresh/?EIO=4&transport=polling&t=…");
    // An application that never answers uses up the time of the attempt.
    script.lose();
    script.events();
    script.advance(21_500);
    let events = script.events();
    assert_eq!(&events[..2], ["attempt 1", "needs settings"]);
    assert_eq!(events[2], "not connected / Timeout: timeout, again");
}

#[test]
fn c10_connect_carries_an_object_or_nothing() {
    use sansocket::client::Auth;
    let mut script = Script::polling(|_| {});
    for (name, auth, sent) in
        [("/a", Auth::None, "40/a,"), ("/b", Auth::Value("{\"x\":1}".into()), "40/b,{\"x\":1}")]
    {
        script.on(name, |mut socket| socket.set_auth(auth)).expect("an object");
        script.join(name);
        assert_eq!(script.said(), [sent]);
        script.posted();
    }
    for bad in ["1", "[]", "\"x\"", "{", ""] {
        let auth = Auth::Value(bad.into());
        let refused = script.on("/c", |mut socket| socket.set_auth(auth));
        assert_eq!(refused, Err(sansocket::Misuse::NotAnObject), "{bad}");
    }
}

#[test]
fn c18_subprotocols_are_offered_and_the_choice_is_one_of_them() {
    let offer = |websockets| {
        let mut script = Script::new(|config| {
            config.transports = vec![Transport::WebSocket];
            config.protocols = vec!["v1".into(), "v2".into()];
        });
        script.websockets = websockets;
        script.join("/");
        assert_eq!(script.field("sec-websocket-protocol"), Some("v1, v2"));
        script.has(Purpose::WebSocket)
    };
    assert!(offer(WebSockets::Accept) && offer(WebSockets::Protocol("v2")));
    assert!(!offer(WebSockets::Protocol("v3")));
}

#[test]
fn c19_binary_can_go_as_base64_everywhere() {
    let mut script = Script::websocket(|config| config.base64 = true);
    let bytes = [sansocket::Bytes::from_static(b"\x01\x02\x03")];
    let args = sansocket::ArgsRef::from_valid("[{\"_placeholder\":true,\"num\":0}]", &bytes);
    script.on("/", |mut socket| socket.emit("x", args)).expect("it is taken");
    assert_eq!(script.said(), ["451-[\"x\",{\"_placeholder\":true,\"num\":0}]", "bAQID"]);
}
