//! Events of servers for servers.

use sansocket_app::test::TestCluster;
use sansocket_app::{App, EmitError, Io, Misuse, Refused, ServerEvent, concurrent};
use std::time::Duration;

use super::stage::{RICH, app};

/// A server that answers questions and tells its clients of notes.
fn named(name: &'static str) -> App {
    let mut app = app();
    app.any_namespace()
        .on_server_event("note", move |event: ServerEvent| {
            event.io().local().emit("note", &(name, event.args::<String>().unwrap()))
        })
        .on_server_event("question", async move |event: ServerEvent| {
            let reply = format!("{name}:{}", event.args::<String>().unwrap());
            event.reply(&reply)
        });
    app.on("note", |io: Io, text: String| io.server_emit("note", &text));
    app
}

#[test]
fn an_event_reaches_all_other_servers_and_not_its_own() {
    for format in RICH {
        let cluster = TestCluster::with_format(format);
        let (a, b) = (cluster.server(named("a")), cluster.server(named("b")));
        let (ann, bob) = (a.connect().unwrap(), b.connect().unwrap());
        ann.emit("note", "hello");
        assert_eq!(
            bob.expect::<(String, String)>("note"),
            ("b".into(), "hello".into()),
            "{format}"
        );
        assert!(ann.get_received().is_empty(), "{format}");
    }
}

#[test]
fn other_servers_reply() {
    for format in RICH {
        let cluster = TestCluster::with_format(format);
        let [a, _b, _c] = ["a", "b", "c"].map(|name| cluster.server(named(name)));
        cluster.advance(Duration::from_secs(1));
        let replies = a.block_on(a.io().of("/chat").server_ask("question", "x")).unwrap();
        let mut texts = replies.decode::<String>().unwrap();
        texts.sort();
        assert_eq!((texts, replies.missing), (vec!["b:x".into(), "c:x".into()], None), "{format}");
    }
}

#[test]
fn k15_a_server_that_does_not_reply_is_missing_in_time() {
    for format in RICH {
        let cluster = TestCluster::with_format(format);
        let (a, _b) = (cluster.server(named("a")), cluster.server(named("b")));
        cluster.advance(Duration::from_secs(1));
        let asked = a.io().server_ask("nobody listens", &());
        cluster.advance(Duration::from_secs(6));
        let replies = a.block_on(asked).unwrap();
        let missing = replies.missing.expect("one did not reply");
        assert_eq!((missing.asked, missing.missing), (1, 1), "{format}");
        let text = missing.to_string();
        assert!(text.starts_with("timeout reached: only 0 responses received out of 1"), "{text}");
    }
}

#[test]
fn a_handler_that_panics_leaves_the_next_event_alone() {
    let cluster = TestCluster::new();
    let mut app = app();
    app.namespace("/")
        .on_server_event("fall", |_: ServerEvent| -> () { panic!("on purpose") })
        .on_server_event("stand", |event: ServerEvent| event.io().emit("stood", &()));
    let (a, b) = (cluster.server(self::app()), cluster.server(app));
    let bob = b.connect().unwrap();
    a.io().server_emit("fall", &()).unwrap();
    a.io().server_emit("stand", &()).unwrap();
    bob.expect::<()>("stood");
}

#[test]
fn names_of_the_protocol_are_refused() {
    let cluster = TestCluster::new();
    let a = cluster.server(app());
    let refused = a.io().server_emit("connect", &());
    assert_eq!(refused, Err(EmitError::Refused(Refused::Misuse(Misuse::ReservedEvent))));
}

#[test]
#[should_panic(expected = "has a handler already")]
fn an_event_of_servers_has_one_handler() {
    let mut app = named("a");
    app.on("other", concurrent(async || ()));
    app.any_namespace().on_server_event("note", |_: ServerEvent| ());
}
