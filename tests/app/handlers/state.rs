//! What handlers know besides the event.

use sansocket_app::{App, Bytes, Session, Socket, State};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::handlers::stage::Stage;

#[test]
fn a_session_is_kept_per_client_namespace_and_type() {
    let mut app = App::new();
    for name in ["/", "/b"] {
        let namespace = app.namespace(name);
        namespace.on("set", |socket: Socket, n: i64| socket.session().set(n));
        namespace.on("name", |socket: Socket, name: String| socket.session().set(name));
        namespace.on("more", |socket: Socket| {
            socket.session().update(|n: &mut i64| {
                *n += 1;
                *n
            })
        });
        namespace.on("get", |socket: Socket| {
            (socket.session::<i64>().get(), socket.session::<String>().get())
        });
        namespace.on("take", |socket: Socket| socket.session::<i64>().take());
    }
    let stage = Stage::new(app);
    let (mut one, mut other) = (stage.join(&["/", "/b"]), stage.join(&["/"]));
    assert_eq!(one.say(r#"420["set",1]"#), "430[null]");
    assert_eq!(one.say(r#"420["set",2]"#), "430[1]");
    assert_eq!(one.say(r#"420["more"]"#), "430[3]");
    assert_eq!(one.say(r#"420["name","Ada"]"#), "430[null]");
    assert_eq!(one.say(r#"420["get"]"#), r#"430[3,"Ada"]"#);
    assert_eq!(one.say(r#"42/b,0["get"]"#), "43/b,0[null,null]");
    assert_eq!(one.say(r#"42/b,0["more"]"#), "43/b,0[1]");
    assert_eq!(other.say(r#"420["get"]"#), "430[null,null]");
    assert_eq!(one.say(r#"420["take"]"#), "430[3]");
    assert_eq!(one.say(r#"420["get"]"#), r#"430[null,"Ada"]"#);
    assert_eq!(one.say("41"), "");
    assert_eq!(one.say("40"), r#"40{"sid":"…"}"#);
    assert_eq!(one.say(r#"420["get"]"#), "430[null,null]");
}

#[test]
fn a_session_is_a_parameter_of_handlers() {
    struct Guest(String);
    let (tell, told) = std::sync::mpsc::channel();
    let mut app = App::new();
    app.on_connect(|guest: Session<Guest>| {
        guest.set(Guest("Ada".into()));
    });
    app.on("rename", |guest: Session<Guest>, name: String| {
        guest.change(|guest| std::mem::replace(&mut guest.0, name))
    });
    app.on("count", async |count: Session<u32>| {
        count.update(|count| {
            *count += 1;
            *count
        })
    });
    app.on("none", |none: Session<u64>| none.change(|n| *n += 1).is_none());
    app.on_disconnect(move |guest: Session<Guest>, socket: Socket| {
        let same = socket.session::<Guest>().read(|guest| guest.0.clone());
        tell.send((guest.read(|guest| guest.0.clone()), same)).unwrap();
    });
    let mut client = Stage::new(app).join(&["/"]);
    assert_eq!(client.say(r#"420["rename","Bea"]"#), r#"430["Ada"]"#);
    assert_eq!(client.say(r#"420["count"]"#), "430[1]");
    assert_eq!(client.say(r#"420["count"]"#), "430[2]");
    assert_eq!(client.say(r#"420["none"]"#), "430[true]");
    client.vanish();
    let name = Some("Bea".to_owned());
    assert_eq!(told.try_recv(), Ok((name.clone(), name)));
}

#[test]
fn a_panic_while_a_session_is_changed_leaves_it_usable() {
    let mut app = App::new();
    app.on_error(|_| ());
    app.on("break", |socket: Socket| socket.session().update(|_: &mut i64| -> () { panic!() }));
    app.on("more", |socket: Socket| {
        socket.session().update(|n: &mut i64| {
            *n += 1;
            *n
        })
    });
    let mut client = Stage::new(app).join(&["/"]);
    client.say(r#"42["break"]"#);
    assert_eq!(client.say(r#"420["more"]"#), "430[1]");
}

#[test]
fn state_of_the_application_reaches_every_handler() {
    let counter = Arc::new(AtomicU32::new(0));
    let mut app = App::new();
    app.manage_shared(counter.clone()).manage("Ada".to_owned());
    app.on_connect(|count: State<AtomicU32>| {
        count.fetch_add(1, Ordering::SeqCst);
    });
    app.on("name", |name: State<String>, n: usize| name[n..].to_owned());
    app.on("other", |socket: Socket| socket.state::<u64>().is_none());
    app.on_disconnect(|count: State<AtomicU32>| {
        count.fetch_add(10, Ordering::SeqCst);
    });
    let mut client = Stage::new(app).join(&["/"]);
    assert_eq!(client.say(r#"420["name",1]"#), r#"430["da"]"#);
    assert_eq!(client.say(r#"420["other"]"#), "430[true]");
    client.vanish();
    assert_eq!(counter.load(Ordering::SeqCst), 11);
}

#[test]
fn state_that_is_missing_is_found_before_anything_is_served() {
    fn said(set_up: impl FnOnce(&mut App)) -> String {
        let mut app = App::new();
        set_up(&mut app);
        let served = catch_unwind(AssertUnwindSafe(|| drop(Stage::new(app))));
        *served.unwrap_err().downcast::<String>().unwrap()
    }
    for (set_up, event) in [
        ((|app| _ = app.on("x", |_: State<u64>| ())) as fn(&mut App), "x"),
        (|app| _ = app.on("x", sansocket_app::sequential(|_: State<u64>| ())), "x"),
        (|app| _ = app.any_namespace().on_any(async |_: State<u64>| ()), "*"),
        (|app| _ = app.on_connect(|_: State<u64>| ()), "connect"),
        (|app| _ = app.namespace("/a").middleware(|_: State<u64>| ()), "connect"),
        (|app| _ = app.on_disconnect(|_: State<u64>| ()), "disconnect"),
    ] {
        let advice = "takes State<u64>: give one to App::manage before serving";
        assert_eq!(said(set_up), format!("a handler of {event:?} {advice}"));
    }
}

#[test]
fn the_request_is_known_to_handlers() {
    let mut app = App::new();
    app.on("header", |socket: Socket, name: String| socket.header(&name).map(str::to_owned));
    app.on("cookie", |socket: Socket, name: String| socket.cookie(&name).map(str::to_owned));
    app.on("query", |socket: Socket, name: String| socket.query(&name));
    app.on("peer", |socket: Socket| socket.peer().map(|peer| peer.to_string()));
    let stage = Stage::new(app);
    let lines = "Cookie: a=1; b=x=y\r\nX-Y: z\r\nCookie: c=3\r\n";
    let mut client = stage.open_with("&n=a%20b+c&n=2&%C3%BC=1", lines);
    client.say("40");
    for (event, name, answer) in [
        ("header", "x-y", r#""z""#),
        ("header", "none", "null"),
        ("cookie", "a", r#""1""#),
        ("cookie", "b", r#""x=y""#),
        ("cookie", "c", r#""3""#),
        ("cookie", "x", "null"),
        ("query", "n", r#""a b c""#),
        ("query", "ü", r#""1""#),
        ("query", "none", "null"),
        ("peer", "", r#""127.0.0.1:4000""#),
    ] {
        let reply = client.say(&format!(r#"420["{event}","{name}"]"#));
        assert_eq!(reply, format!("430[{answer}]"), "{event} {name}");
    }
}

#[test]
fn bytes_arrive_deep_inside_types() {
    type Deep = std::collections::HashMap<String, Vec<Option<Bytes>>>;
    let mut app = App::new();
    app.on("deep", |deep: Deep, n: Option<u8>| (deep["a"][1].clone(), n));
    let mut client = Stage::new(app).join(&["/"]);
    let text = r#"451-0["deep",{"a":[null,{"_placeholder":true,"num":0}]}]"#;
    client.send_binary(text, &[1, 2]);
    assert_eq!(client.take(), [r#"461-0[{"_placeholder":true,"num":0},null]"#, "[1, 2]"]);
}
