//! Acknowledgements in both directions.

use sansocket::client::{Config, Event, Retries, Ticket};
use sansocket::{ArgsRef, Bytes};
use std::time::Duration;
use testbed::script::{Script, open};

fn ask(script: &mut Script, name: &str, millis: u64) -> Ticket {
    let timeout = (millis > 0).then(|| Duration::from_millis(millis));
    let asked = script.on("/", |mut socket| socket.emit_with_ack(name, ArgsRef::NONE, timeout));
    asked.expect("it is taken")
}

fn joined_again(script: &mut Script) {
    script.advance(2000);
    script.poll(&open("[]"));
    script.posted();
    script.events();
    script.said();
    script.poll("40{\"sid\":\"j\"}");
}

#[test]
fn c70_ids_count_from_zero_and_an_answer_counts_once() {
    let mut script = Script::websocket(|_| {});
    let (a, b) = (ask(&mut script, "a", 0), ask(&mut script, "b", 0));
    assert_eq!(script.said(), ["420[\"a\"]", "421[\"b\"]"]);
    for packet in ["431[2]", "430[1]", "430[1]", "437[]", "461-1[]"] {
        script.text(packet);
    }
    script.binary(b"x");
    assert_eq!(script.events(), [format!("{b:?} [2]"), format!("{a:?} [1]")]);
}

#[test]
fn c71_a_question_times_out_and_the_late_answer_means_nothing() {
    let mut script = Script::websocket(|_| {});
    let a = ask(&mut script, "a", 1000);
    script.advance(999);
    assert_eq!(script.events(), [""; 0]);
    script.advance(1);
    script.text("430[]");
    assert_eq!(script.events(), [format!("{a:?} TimedOut")]);
}

#[test]
fn c72_a_question_that_timed_out_before_it_was_sent_is_not_sent() {
    // Before the namespace is joined, and while it waits for a POST.
    let mut script = Script::new(|_| {});
    let a = ask(&mut script, "a", 100);
    script.advance(100);
    assert_eq!(script.events(), [format!("{a:?} TimedOut")]);
    assert_eq!(script.on("/", |socket| socket.waiting()), 0);

    let mut script = Script::polling(|_| {});
    script.emit("/", "in flight", "[]");
    let b = ask(&mut script, "b", 100);
    script.said();
    script.advance(100);
    script.posted();
    assert_eq!((script.events(), script.said()), (vec![format!("{b:?} TimedOut")], vec![]));
}

#[test]
fn c73_questions_are_settled_when_the_session_ends_unless_they_still_wait() {
    let mut script = Script::polling(|_| {});
    let a = ask(&mut script, "a", 0);
    let b = ask(&mut script, "b", 5000);
    script.said();
    script.lose();
    assert_eq!(
        script.events(),
        [
            "closed: transport error".to_owned(),
            "disconnected /: transport error, again".to_owned(),
            format!("{a:?} Disconnected"),
        ]
    );
    joined_again(&mut script);
    assert_eq!(script.said(), ["421[\"b\"]"], "it had not left");
    script.poll("431[7]");
    assert_eq!(script.events(), ["connected /".to_owned(), format!("{b:?} [7]")]);
}

#[test]
fn c73_questions_are_settled_when_the_namespace_is_left() {
    let mut script = Script::websocket(|_| {});
    let a = ask(&mut script, "a", 1000);
    script.on("/", |mut socket| socket.leave());
    script.advance(5000);
    let events = script.events();
    let settled = format!("{a:?} Disconnected");
    assert_eq!(events.iter().filter(|event| **event == settled).count(), 1, "{events:?}");
    assert!(!events.iter().any(|event| event.contains("TimedOut")));
}

#[test]
fn c74_events_of_the_server_are_acknowledged_later_and_with_binary() {
    let mut script = Script::websocket(|_| {});
    script.text("42[\"plain\"]");
    script.text("427[\"a\",1]");
    script.text("428[\"b\"]");
    let mut tokens = script
        .take_events()
        .into_iter()
        .filter_map(|event| if let Event::Message { ack, .. } = event { ack } else { None });
    let (a, b) = (tokens.next().expect("asked"), tokens.next().expect("asked"));
    assert!(tokens.next().is_none());
    let bytes = [Bytes::from_static(b"\x09")];
    let binary = ArgsRef::from_valid("[{\"_placeholder\":true,\"num\":0}]", &bytes);
    script.on("/", |mut socket| socket.acknowledge(b, binary)).expect("taken");
    script
        .on("/", |mut socket| socket.acknowledge(a, ArgsRef::from_valid("[1,2]", &[])))
        .expect("taken");
    assert_eq!(script.said(), ["461-8[{\"_placeholder\":true,\"num\":0}]", "[9]", "437[1,2]"]);
}

#[test]
fn c74_an_answer_after_the_session_is_not_sent_in_the_next() {
    let mut script = Script::polling(|_| {});
    script.poll("427[\"a\"]");
    let token = script
        .take_events()
        .into_iter()
        .find_map(|event| if let Event::Message { ack, .. } = event { ack } else { None });
    script.lose();
    joined_again(&mut script);
    let token = token.expect("asked");
    script.on("/", |mut socket| socket.acknowledge(token, ArgsRef::NONE)).expect("no misuse");
    assert_eq!(script.said(), [""; 0]);
}

/// Two more tries, a second each.
fn retrying(config: &mut Config) {
    config.retries = Some(Retries::new(2, Duration::from_secs(1)));
}

#[test]
fn c75_with_retries_one_event_is_on_its_way_until_it_is_acknowledged() {
    let mut script = Script::websocket(retrying);
    script.emit("/", "a", "[]");
    let b = ask(&mut script, "b", 0);
    assert_eq!(script.said(), ["420[\"a\"]"]);
    script.advance(1000);
    assert_eq!(script.said(), ["421[\"a\"]"], "again, under another id");
    script.text("430[]");
    assert_eq!(script.said(), [""; 0], "the answer to the first try comes too late");
    script.text("431[]");
    assert_eq!(script.said(), ["422[\"b\"]"]);
    script.advance(10_000);
    assert_eq!(script.said(), ["423[\"b\"]", "424[\"b\"]"], "three tries in all");
    assert_eq!(script.events(), [format!("{b:?} TimedOut")]);
}

#[test]
fn c75_after_a_reconnect_the_event_on_its_way_is_sent_again() {
    let mut script = Script::polling(retrying);
    let a = ask(&mut script, "a", 0);
    script.emit("/", "b", "[]");
    script.posted();
    script.lose();
    joined_again(&mut script);
    assert_eq!(script.said(), ["421[\"a\"]"]);
    script.posted();
    script.poll("431[1]");
    assert_eq!(script.events(), ["connected /".to_owned(), format!("{a:?} [1]")]);
    assert_eq!(script.said(), ["422[\"b\"]"]);
}

#[test]
fn c75_a_try_that_never_left_is_not_sent_twice() {
    let mut script = Script::polling(retrying);
    script.on("/", |mut socket| socket.emit_volatile("busy", ArgsRef::NONE)).expect("taken");
    ask(&mut script, "a", 0);
    script.said();
    script.advance(1000);
    script.posted();
    assert_eq!(script.said(), ["421[\"a\"]"]);
}

#[test]
fn c75_a_key_is_the_same_for_each_try_and_no_other_event() {
    let mut script = Script::websocket(|config| {
        retrying(config);
        config.retries.as_mut().expect("it is set").key = true;
    });
    let key = |script: &mut Script, tries: u32, before: &str| {
        let mut keys = Vec::new();
        for n in 0..tries {
            let said = script.said().concat();
            let (_, said) = said.split_once(before).unwrap_or_else(|| panic!("{said}"));
            keys.push(said.trim_end_matches("\"]").to_owned());
            if n + 1 < tries {
                script.advance(1000);
            }
        }
        keys.dedup();
        let [key] = &keys[..] else { panic!("{keys:?}") };
        assert_eq!(key.len(), 22, "128 bits");
        key.clone()
    };
    script.emit("/", "a", "[ 1 , {} ]");
    let a = key(&mut script, 3, "[\"a\",1 , {},\"");
    script.text("432[]");
    script.emit("/", "b", "[ ]");
    let b = key(&mut script, 1, "423[\"b\",\"");
    assert_ne!(a, b);
}

#[test]
fn questions_are_bounded() {
    let mut script = Script::websocket(|config| config.limits.questions = 2);
    ask(&mut script, "a", 0);
    ask(&mut script, "b", 0);
    let refused = script.on("/", |mut socket| socket.emit_with_ack("c", ArgsRef::NONE, None));
    assert_eq!(refused, Err(sansocket::client::Refused::TooManyQuestions));
    assert_eq!(script.said().len(), 2);
}
