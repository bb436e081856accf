//! Which handler gets which event.

use sansocket_app::{Ack, App, EventMessage, EventName, NoReply, RawRest, Rest, Socket};
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::handlers::stage::Stage;

#[test]
fn a_namespace_is_looked_up_by_name_then_pattern_then_catch_all() {
    let mut app = App::new();
    app.namespace("/room-1").on("who", || "the name");
    app.namespace("/room-{id}")
        .on("who", |socket: Socket| format!("pattern with {}", socket.param("id").unwrap()));
    app.namespaces(|name| name.starts_with("/r")).on("who", || "predicate");
    app.namespace("/rest-{id}").on("who", || "never");
    app.any_namespace().on("who", || "catch-all");
    let stage = Stage::new(app);
    for (name, answer) in [
        ("/room-1", "the name"),
        ("/room-2", "pattern with 2"),
        ("/room-", "predicate"),
        ("/rest-1", "predicate"),
        ("/other", "catch-all"),
        ("/room-{id}", "pattern with {id}"),
        ("/", "catch-all"),
    ] {
        let mut client = stage.join(&[name]);
        let (packet, reply) = match name {
            "/" => (r#"420["who"]"#.into(), format!(r#"430["{answer}"]"#)),
            name => (format!(r#"42{name},0["who"]"#), format!(r#"43{name},0["{answer}"]"#)),
        };
        assert_eq!(client.say(&packet), reply);
    }
}

#[test]
fn a_namespace_that_is_not_open_is_refused() {
    let mut app = App::new();
    app.namespace("/room-{id}");
    let mut client = Stage::new(app).open();
    assert_eq!(client.say("40/room-,"), r#"44/room-,{"message":"Invalid namespace"}"#);
    assert_eq!(client.say("40/room-1,"), r#"40/room-1,{"sid":"…"}"#);
}

#[test]
fn an_event_is_looked_up_here_then_in_the_catch_all_namespace() {
    let mut app = App::new();
    app.namespace("/a").on("x", || "a x");
    app.namespace("/b").on("x", || "b x").on_any(|| "b any");
    let any = app.any_namespace();
    any.on("x", || "any x").on("y", || "any y");
    any.on_any(|name: EventName, socket: Socket| format!("any {} {}", &*name, socket.namespace()));
    let stage = Stage::new(app);
    let mut client = stage.join(&["/a", "/b", "/c"]);
    for (namespace, event, answer) in [
        ("/a", "x", "a x"),
        ("/a", "y", "any y"),
        ("/a", "z", "any z /a"),
        ("/b", "x", "b x"),
        ("/b", "y", "b any"),
        ("/c", "x", "any x"),
        ("/c", "z", "any z /c"),
    ] {
        let reply = client.say(&format!(r#"42{namespace},7["{event}"]"#));
        assert_eq!(reply, format!(r#"43{namespace},7["{answer}"]"#));
    }
}

#[test]
fn connect_and_disconnect_are_looked_up_in_the_same_way() {
    let mut app = App::new();
    app.namespace("/a").on_connect(|socket: Socket| socket.emit("by", "a").unwrap());
    app.namespace("/b");
    app.any_namespace().on_connect(|socket: Socket| socket.emit("by", "any").unwrap());
    app.any_namespace().on_any(|| -> () { panic!("connect is no event") });
    let mut client = Stage::new(app).open();
    assert_eq!(client.say("40/a,"), r#"40/a,{"sid":"…"} 42/a,["by","a"]"#);
    assert_eq!(client.say("40/b,"), r#"40/b,{"sid":"…"} 42/b,["by","any"]"#);
    assert_eq!(client.say("40/c,"), r#"40/c,{"sid":"…"} 42/c,["by","any"]"#);
}

#[test]
fn an_event_without_a_handler_is_not_acknowledged() {
    let mut app = App::new();
    app.on("x", || ());
    let mut client = Stage::new(app).join(&["/"]);
    assert_eq!(client.say(r#"420["y"]"#), "");
    assert_eq!(client.say(r#"421["x"]"#), "431[]");
}

#[test]
fn a_catch_all_takes_any_arguments_decoded_or_raw() {
    let mut app = App::new();
    app.on_any(|name: EventName, rest: Rest<i64>| format!("{}:{:?}", &*name, rest.0));
    app.namespace("/raw").on_any(|_: Socket, message: EventMessage, ack: Ack| {
        ack.send(&format!("{}{}", message.name(), message.json())).unwrap();
        NoReply
    });
    app.namespace("/later").on_any(async |_: Socket, message: EventMessage| {
        format!("{}{}", message.name(), message.json())
    });
    let mut client = Stage::new(app).join(&["/", "/raw", "/later"]);
    assert_eq!(client.say(r#"420["sum",1,2]"#), r#"430["sum:[1, 2]"]"#);
    assert_eq!(client.say(r#"42/raw,0["sum",1]"#), r#"43/raw,0["sum[1]"]"#);
    assert_eq!(client.say(r#"42/later,0["sum",1]"#), r#"43/later,0["sum[1]"]"#);
}

#[test]
fn the_rest_may_be_taken_as_it_came() {
    let mut app = App::new();
    app.on("rest", |first: i64, rest: RawRest| format!("{first} {}", rest.0.json()));
    app.on("forward", |_: String, RawRest(rest): RawRest| rest);
    let mut client = Stage::new(app).join(&["/"]);
    for (sent, answer) in [
        (r#"["rest",1,"a" , [2,{"b":null}] ]"#, r#"1 [\"a\" , [2,{\"b\":null}] ]"#),
        (r#"["rest",1]"#, "1 []"),
        (r#"["rest", 1 ]"#, "1 []"),
    ] {
        assert_eq!(client.say(&format!("420{sent}")), format!("430[\"{answer}\"]"));
    }
    assert_eq!(client.say(r#"420["forward","x",1,"y"]"#), r#"430[1,"y"]"#);
}

#[test]
fn names_nobody_can_send_are_refused_with_advice() {
    for (name, advice) in [
        ("connect", "on_connect"),
        ("disconnect", "on_disconnect"),
        ("*", "on_any"),
        ("connect_error", "reserves"),
        ("newListener", "reserves"),
    ] {
        let said = catch_unwind(AssertUnwindSafe(|| {
            App::new().on(name, || ());
        }));
        let said = *said.unwrap_err().downcast::<String>().unwrap();
        assert!(said.contains(name) && said.contains(advice), "{said}");
    }
    App::new().on("message", || ()).on("json", || ());
}

#[test]
fn names_of_namespaces_may_be_written_in_every_way() {
    let mut app = App::new();
    app.namespace("chat").on("x", || 1);
    app.namespace("/chat").on("y", || 2);
    app.namespace("").on("x", || 3);
    app.namespace("*").on("y", || 4);
    let mut client = Stage::new(app).join(&["/", "/chat", "/other"]);
    assert_eq!(client.say(r#"42/chat,0["x"]"#), "43/chat,0[1]");
    assert_eq!(client.say(r#"42/chat,0["y"]"#), "43/chat,0[2]");
    assert_eq!(client.say(r#"420["x"]"#), "430[3]");
    assert_eq!(client.say(r#"42/other,0["y"]"#), "43/other,0[4]");
}
