//! Events on their way to the server.

use sansocket::client::{OfflinePolicy, Purpose, Refused};
use sansocket::{ArgsRef, Bytes, Misuse};
use std::time::Duration;
use testbed::script::{Script, open};

/// Lets a lost session on polling come back.
fn back(script: &mut Script) {
    script.advance(2000);
    script.poll(&open("[]"));
    script.posted();
    script.said();
    script.poll("40{\"sid\":\"j\"}");
}

#[test]
fn c60_events_wait_in_order_until_the_namespace_is_joined() {
    let mut script = Script::new(|_| {});
    for n in 0..3 {
        script.emit("/", "e", &format!("[{n}]"));
    }
    assert_eq!(script.on("/", |socket| socket.waiting()), 3);
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.said();
    script.poll("40{\"sid\":\"i\"}");
    assert_eq!(script.said(), ["42[\"e\",0]|42[\"e\",1]|42[\"e\",2]"]);
    script.posted();
    script.lose();
    script.emit("/", "offline", "[]");
    back(&mut script);
    assert_eq!(script.said(), ["42[\"offline\"]"]);
}

#[test]
fn c60_what_waits_is_bounded_and_the_policy_says_what_gives_way() {
    let emit = |script: &mut Script, n: i32| {
        let args = format!("[{n}]");
        script.on("/", |mut socket| socket.emit("e", ArgsRef::from_valid(&args, &[])))
    };
    let mut script = Script::new(|config| config.offline.events = 2);
    assert_eq!([0, 1, 2].map(|n| emit(&mut script, n)), [Ok(()), Ok(()), Err(Refused::Full)]);

    let mut script = Script::new(|config| config.offline.bytes = 300);
    assert_eq!([0, 1, 2].map(|n| emit(&mut script, n)), [Ok(()), Ok(()), Err(Refused::Full)]);

    let mut script = Script::new(|config| {
        config.offline.events = 2;
        config.offline.policy = OfflinePolicy::DropOldest;
    });
    let asked = script.on("/", |mut socket| socket.emit_with_ack("q", ArgsRef::NONE, None));
    let asked = asked.expect("it is taken");
    assert_eq!([0, 1].map(|n| emit(&mut script, n)), [Ok(()), Ok(())]);
    assert_eq!(script.events(), [format!("{asked:?} NotSent"), "lost / 1".into()]);
    let taken = script.on("/", |mut socket| socket.take_waiting());
    assert_eq!(taken.iter().map(|event| event.json()).collect::<Vec<_>>(), ["[0]", "[1]"]);

    let mut script = Script::new(|config| config.offline.policy = OfflinePolicy::Refuse);
    assert_eq!(emit(&mut script, 0), Err(Refused::NotJoined));
}

#[test]
fn c61_events_that_did_not_leave_wait_for_the_next_session() {
    let mut script = Script::polling(|_| {});
    script.emit("/", "in doubt", "[]");
    script.emit("/", "kept", "[1]");
    script.emit("/", "kept", "[2]");
    script.on("/", |mut socket| socket.emit_volatile("volatile", ArgsRef::NONE)).expect("taken");
    assert_eq!(script.said(), ["42[\"in doubt\"]"], "the others wait for the POST");
    script.tear(Purpose::Post);
    script.emit("/", "later", "[]");
    back(&mut script);
    assert_eq!(script.said(), ["42[\"kept\",1]|42[\"kept\",2]|42[\"later\"]"]);
}

#[test]
fn c62_what_waits_can_be_counted_and_taken() {
    let mut script = Script::new(|_| {});
    let bytes = [Bytes::from_static(b"\x01\x02")];
    let args = ArgsRef::from_valid("[{\"_placeholder\":true,\"num\":0}]", &bytes);
    script.on("/", |mut socket| socket.emit("b\"", args)).expect("taken");
    let taken = script.on("/", |mut socket| socket.take_waiting());
    assert_eq!((taken[0].name(), taken[0].json()), ("b\"", args.json()));
    assert_eq!(taken[0].attachments(), bytes);
    assert_eq!(script.on("/", |socket| socket.waiting()), 0);
}

#[test]
fn c63_an_event_can_expire() {
    let mut script = Script::new(|_| {});
    for (name, secs) in [("short", 1), ("long", 9)] {
        let time = Duration::from_secs(secs);
        script.on("/", |mut socket| socket.emit_within(time, name, ArgsRef::NONE)).expect("taken");
    }
    script.advance(1000);
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.said();
    script.poll("40{\"sid\":\"i\"}");
    assert_eq!(script.said(), ["42[\"long\"]"]);
    // It also expires while it waits for a POST.
    let time = Duration::from_secs(1);
    script.on("/", |mut socket| socket.emit_within(time, "x", ArgsRef::NONE)).expect("taken");
    script.advance(1000);
    script.posted();
    assert_eq!(script.said(), [""; 0]);
    script.emit("/", "y", "[]");
    assert_eq!(script.said(), ["42[\"y\"]"]);
}

#[test]
fn c64_volatile_events_are_sent_now_or_never() {
    let volatile = |script: &mut Script| {
        script.on("/", |mut socket| socket.emit_volatile("v", ArgsRef::NONE)).expect("no misuse")
    };
    let mut script = Script::new(|_| {});
    assert!(!volatile(&mut script));
    let mut script = Script::polling(|config| config.limits.low_water = 200);
    assert!(volatile(&mut script));
    assert_eq!(script.said(), ["42[\"v\"]"]);
    // A POST is in flight: a little may wait, and more may not.
    assert!(volatile(&mut script) && volatile(&mut script) && !volatile(&mut script));
    script.tear(Purpose::Post);
    assert!(!volatile(&mut script));
    back(&mut script);
    assert_eq!(script.said(), [""; 0]);
}

#[test]
fn c65_names_that_are_reserved_are_refused() {
    let mut script = Script::polling(|_| {});
    for name in
        ["connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"]
    {
        let refused = Err(Refused::Misuse(Misuse::ReservedEvent));
        assert_eq!(script.on("/", |mut socket| socket.emit(name, ArgsRef::NONE)), refused);
        script.on("/", |mut socket| {
            assert!(socket.emit_volatile(name, ArgsRef::NONE).is_err());
            assert!(socket.emit_with_ack(name, ArgsRef::NONE, None).is_err());
        });
    }
    assert_eq!(script.said(), [""; 0]);
}

#[test]
fn c66_an_application_can_hear_what_is_handed_to_the_transport() {
    let mut script = Script::new(|config| config.report_sent = true);
    script.emit("/", "buffered", "[1]");
    assert_eq!(script.events(), [""; 0]);
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.poll("40{\"sid\":\"i\"}");
    script.emit("/", "direct", "[2]");
    assert_eq!(
        script.events(),
        ["opened", "connected /", "sent / buffered [1]", "sent / direct [2]"]
    );
}

#[test]
fn c68_too_much_that_waits_is_refused_until_it_is_sent() {
    let mut script = Script::polling(|config| {
        config.limits.max_backlog = 500;
        config.limits.low_water = 200;
    });
    script.emit("/", "in flight", "[]");
    for _ in 0..3 {
        script.emit("/", "e", "[]");
    }
    let refused = script.on("/", |mut socket| socket.emit("e", ArgsRef::NONE));
    assert_eq!(refused, Err(Refused::Full));
    assert_eq!(script.events(), [""; 0]);
    script.posted();
    assert_eq!(script.events(), ["drained"]);
    script.emit("/", "e", "[]");
}

#[test]
fn c85_an_event_larger_than_the_server_takes_is_refused_and_the_session_lives_on() {
    let args = format!("[\"{}\"]", "x".repeat(1000));
    let emit = |script: &mut Script| {
        script.on("/", |mut socket| socket.emit("e", ArgsRef::from_valid(&args, &[])))
    };
    for mut script in [Script::polling(|_| {}), Script::websocket(|_| {})] {
        assert_eq!(emit(&mut script), Err(Refused::TooLarge { size: 1010, limit: 1000 }));
        script.emit("/", "small", "[]");
        assert_eq!(script.said(), ["42[\"small\"]"]);
    }
    // One that waited is dropped, so that it does not end session after session.
    let mut script = Script::new(|_| {});
    emit(&mut script).expect("nobody knows yet");
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.poll("40{\"sid\":\"i\"}");
    assert_eq!(script.events(), ["opened", "connected /", "lost / 1"]);
}

#[test]
fn c85_binary_counts_as_it_is_sent() {
    // 750 bytes are 1000 characters and their mark on polling, and 750 bytes on a WebSocket.
    let bytes = [Bytes::from(vec![0; 750])];
    let args = ArgsRef::from_valid("[{\"_placeholder\":true,\"num\":0}]", &bytes);
    let mut script = Script::polling(|_| {});
    let refused = script.on("/", |mut socket| socket.emit("b", args));
    assert_eq!(refused, Err(Refused::TooLarge { size: 1001, limit: 1000 }));
    let mut script = Script::websocket(|_| {});
    assert_eq!(script.on("/", |mut socket| socket.emit("b", args)), Ok(()));
}
