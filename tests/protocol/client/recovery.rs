//! State recovery: what was missed comes back.

use sansocket::client::Auth;
use testbed::script::{Script, open};

/// A session whose server offers recovery.
fn recoverable() -> Script {
    let mut script = Script::new(|_| {});
    script.on("/", |mut socket| socket.set_auth(Auth::Value("{\"t\":1}".into()))).expect("valid");
    script.join("/");
    script.poll(&open("[]"));
    script.posted();
    script.poll("40{\"sid\":\"i\",\"pid\":\"P\\\"\"}");
    assert_eq!(script.said(), ["40{\"t\":1}"]);
    script
}

fn again(script: &mut Script) -> Vec<String> {
    script.advance(2000);
    script.said();
    script.poll(&open("[]"));
    script.posted();
    script.events();
    script.said()
}

#[test]
fn c80_the_next_connect_says_where_the_client_was() {
    let mut script = recoverable();
    script.poll("42[\"a\",1,\"o1\"]\u{1e}42[\"b\",\"o2\"]\u{1e}42[\"c\",1]\u{1e}42[\"d\"]");
    script.lose();
    assert_eq!(again(&mut script), ["40{\"pid\":\"P\\\"\",\"offset\":\"o2\",\"t\":1}"]);
    script.poll("40{\"sid\":\"i\",\"pid\":\"P\\\"\"}");
    assert_eq!(script.events(), ["recovered /"]);
    assert!(script.on("/", |socket| socket.is_recovered()));
    script.lose();
    assert_eq!(again(&mut script), ["40{\"pid\":\"P\\\"\",\"offset\":\"o2\",\"t\":1}"]);
    script.poll("40{\"sid\":\"k\",\"pid\":\"Q\"}");
    assert_eq!(script.events(), ["connected /"], "the server forgot it");
    script.lose();
    assert_eq!(again(&mut script), ["40{\"pid\":\"Q\",\"t\":1}"], "and so the offset");
}

#[test]
fn c81_leaving_forgets_it() {
    let mut script = recoverable();
    script.on("/", |mut socket| socket.leave());
    script.posted();
    script.posted();
    script.join("/");
    script.said();
    script.poll(&open("[]"));
    assert_eq!(script.said(), ["40{\"t\":1}"]);
    let mut script = recoverable();
    script.poll("41");
    script.posted();
    script.join("/");
    script.said();
    script.poll(&open("[]"));
    assert_eq!(script.said(), ["40{\"t\":1}"]);
}

#[test]
fn c82_missed_events_may_come_before_the_answer_to_connect() {
    let mut script = recoverable();
    script.lose();
    again(&mut script);
    script.poll("42[\"missed\",\"o9\"]\u{1e}40{\"sid\":\"i\",\"pid\":\"P\\\"\"}");
    assert_eq!(script.events(), ["recovered /", "message / missed [\"o9\"]"]);
    script.lose();
    assert_eq!(again(&mut script), ["40{\"pid\":\"P\\\"\",\"offset\":\"o9\",\"t\":1}"]);
}
