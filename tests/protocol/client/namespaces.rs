//! Several namespaces over one connection.

use sansocket::Misuse;
use sansocket::client::Purpose;
use testbed::script::{Script, open};

#[test]
fn c25_one_connection_is_for_all_namespaces() {
    let mut script = Script::polling(|_| {});
    script.join("/a");
    script.posted();
    script.join("/b");
    assert_eq!(script.said(), ["40/a,", "40/b,"]);
    assert_eq!(script.client.namespace("/a"), script.client.namespace("/a"));
    assert_ne!(script.client.namespace("/a"), script.client.namespace("/b"));
}

#[test]
fn c26_all_wanted_namespaces_are_asked_for_when_the_session_opens() {
    let mut script = Script::new(|_| {});
    for name in ["/", "/a"] {
        script.join(name);
    }
    script.poll(&open("[]"));
    assert_eq!(script.said(), ["40|40/a,"]);
    script.posted();
    script.poll("40/a,{\"sid\":\"ia\"}\u{1e}40{\"sid\":\"i\"}");
    assert_eq!(script.events(), ["opened", "connected /a", "connected /"]);
    let id = |script: &mut Script, name| script.on(name, |socket| socket.id().map(str::to_owned));
    assert_eq!(id(&mut script, "/a").as_deref(), Some("ia"));
    assert_eq!(id(&mut script, "/").as_deref(), Some("i"));
    // Acknowledgements are counted apart.
    for name in ["/", "/a"] {
        let args = sansocket::ArgsRef::NONE;
        script.on(name, |mut socket| socket.emit_with_ack("q", args, None)).expect("taken");
        assert!(script.said()[0].ends_with("0[\"q\"]"), "{name}");
        script.posted();
    }
}

#[test]
fn c27_with_the_last_namespace_the_connection_closes_and_can_be_opened_again() {
    let mut script = Script::polling(|_| {});
    script.join("/a");
    script.posted();
    script.poll("40/a,{\"sid\":\"j\"}");
    script.events();
    script.on("/", |mut socket| socket.leave());
    script.posted();
    assert_eq!(script.events(), ["disconnected /: io client disconnect"]);
    script.join("/");
    script.posted();
    script.poll("40{\"sid\":\"k\"}");
    assert_eq!(script.events(), ["connected /"], "on the same connection");
    script.on("/", |mut socket| socket.leave());
    script.posted();
    script.said();
    script.on("/a", |mut socket| socket.leave());
    assert_eq!(script.said(), ["41/a,"]);
    script.posted();
    assert_eq!(script.said(), ["1"]);
    script.posted();
    assert!(!script.has(Purpose::Poll) && script.client.is_idle());
    script.join("/a");
    assert_eq!(script.lines().last().unwrap(), "GET /socket.io/?EIO=4&transport=polling&t=…");
}

#[test]
fn c28_packets_of_namespaces_that_are_not_joined_mean_nothing() {
    let mut script = Script::polling(|_| {});
    script.namespace("/known");
    for packet in [
        "42/a,[\"x\"]",
        "42/known,[\"x\"]",
        "43/a,0[]",
        "41/a,",
        "40/a,{\"sid\":\"z\"}",
        "44/known,{}",
        "40/known,{\"sid\":\"z\"}",
        "451-/a,[\"x\"]\u{1e}bAQID",
        "461-/known,7[]\u{1e}bAQID",
    ] {
        script.poll(packet);
        assert_eq!(script.events(), [""; 0], "{packet}");
    }
    assert!(script.has(Purpose::Poll));
}

#[test]
fn c29_the_session_has_an_id_of_its_own() {
    let mut script = Script::polling(|_| {});
    assert_eq!(script.client.session_id(), Some("S"));
    assert_eq!(script.on("/", |socket| socket.id().map(str::to_owned)).as_deref(), Some("i"));
    script.lose();
    assert_eq!(script.client.session_id(), None);
    assert_eq!(script.on("/", |socket| socket.id().map(str::to_owned)), None);
}

#[test]
fn names_of_namespaces_are_bounded() {
    let mut script = Script::new(|config| config.limits.namespaces = 2);
    for bad in ["", "a", "/a,b", "/a?b", &format!("/{}", "x".repeat(256))] {
        assert_eq!(script.client.namespace(bad), Err(Misuse::NotANamespace), "{bad}");
    }
    assert!(script.client.namespace("/a").is_ok() && script.client.namespace("/b").is_ok());
    assert_eq!(script.client.namespace("/c"), Err(Misuse::TooManyNamespaces));
    script.on("/a", |socket| socket.forget());
    assert!(script.client.namespace("/c").is_ok());
}

#[test]
fn a_namespace_that_is_forgotten_is_gone_for_good() {
    let mut script = Script::polling(|_| {});
    let namespace = script.namespace("/x");
    script.emit("/x", "a", "[]");
    script.on("/x", |socket| socket.forget());
    assert!(script.client.socket(script.now, namespace).is_none());
    assert_eq!(script.on("/x", |socket| socket.waiting()), 0, "another of that name is another");
}
