//! Admission, and the facts known about a client that leaves.

use sansocket_app::{
    App, Auth, BoxError, Cause, EmitError, Extension, IntoAdmission, Io, Reason, Refusal, Socket,
    State,
};
use std::io::{Error, ErrorKind};
use std::sync::Arc;

use crate::handlers::stage::{Diary, Door, Stage};

/// What a client is told that joins `/` with this auth payload.
fn join(app: App, auth: &str) -> String {
    let stage = Stage::new(app);
    let mut client = stage.open();
    client.send(&[&format!("40{auth}")]);
    stage.run();
    client.take().join(" ")
}

#[test]
fn middlewares_run_in_order_and_the_first_refusal_wins() {
    let diary = Diary::default();
    let mut app = App::new();
    let notes = ["catch-all", "first", "second", "handler"].map(|name| {
        let diary = diary.clone();
        move |socket: Socket| {
            diary.note(name);
            match socket.namespace().strip_prefix('/') {
                Some(refused) if refused == name => Err((format!("{name} says no"), 1)),
                _ => Ok(()),
            }
        }
    });
    let [any, first, second, handler] = notes;
    app.any_namespace().middleware(any);
    for name in ["/first", "/second", "/handler", "/fine"] {
        let namespace = app.namespace(name);
        namespace.on_connect(handler.clone());
        namespace.middleware(first.clone()).middleware(second.clone());
    }
    let stage = Stage::new(app);
    let mut client = stage.open();
    let refused = |name| format!(r#"44/{name},{{"message":"{name} says no","data":1}}"#);
    assert_eq!(client.say("40/first,"), refused("first"));
    assert_eq!(diary.take(), ["catch-all", "first"]);
    assert_eq!(client.say("40/second,"), refused("second"));
    assert_eq!(diary.take(), ["catch-all", "first", "second"]);
    assert_eq!(client.say("40/handler,"), refused("handler"));
    assert_eq!(diary.take(), ["catch-all", "first", "second", "handler"]);
    assert_eq!(client.say("40/fine,"), r#"40/fine,{"sid":"…"}"#);
    diary.take();
    assert_eq!(client.say("40/catch-all,"), refused("catch-all"));
}

#[test]
fn an_async_middleware_holds_up_those_behind_it() {
    let (diary, door) = (Diary::default(), Door::default());
    let mut app = App::new();
    let (waited, behind) = (diary.clone(), diary.clone());
    let inner = door.clone();
    app.namespace("/")
        .middleware(move |_: Socket| {
            let (door, diary) = (inner.clone(), waited.clone());
            async move {
                door.wait().await;
                diary.note("middleware");
            }
        })
        .on_connect(move |_: Socket| behind.note("handler"));
    let stage = Stage::new(app);
    let mut client = stage.open();
    assert_eq!(client.say("40"), "");
    stage.run();
    assert!(diary.take().is_empty());
    door.open();
    stage.run();
    assert_eq!(client.take(), [r#"40{"sid":"…"}"#]);
    assert_eq!(diary.take(), ["middleware", "handler"]);
    assert_eq!(stage.tasks(), 0);
}

#[test]
fn the_auth_payload_is_the_argument() {
    #[derive(Clone, Default)]
    struct Seen(Diary);
    let app = |seen: &Diary| {
        let mut app = App::new();
        app.manage(Seen(seen.clone()));
        app.on_connect(
            |_: Socket,
             seen: State<Seen>,
             auth: Option<std::collections::BTreeMap<String, i64>>| {
                seen.0.0.note(format!("{auth:?}"));
            },
        );
        app
    };
    let diary = Diary::default();
    assert!(join(app(&diary), r#"{"a":1}"#).starts_with("40"));
    assert!(join(app(&diary), "").starts_with("40"));
    assert_eq!(diary.take(), [r#"Some({"a": 1})"#, "None"]);
    let refused = join(app(&diary), r#"{"a":"x"}"#);
    assert!(refused.starts_with(r#"44{"message":"invalid auth payload: argument 0"#), "{refused}");
    assert!(diary.take().is_empty());
}

#[test]
fn the_auth_payload_can_be_asked_for_by_name() {
    let mut app = App::new();
    app.on_connect(async |auth: Auth<std::collections::HashMap<String, String>>| {
        auth.0.get("token").is_some_and(|token| token == "secret")
    });
    app.on("token", |auth: Auth<std::collections::HashMap<String, String>>| {
        auth.0["token"].clone()
    });
    let mut client = Stage::new(app).open();
    assert_eq!(client.say("40"), r#"44{"message":"Connection rejected by server"}"#);
    assert_eq!(client.say(r#"40{"token":"secret"}"#), r#"40{"sid":"…"}"#);
    assert_eq!(client.say(r#"420["token"]"#), r#"430["secret"]"#);
}

#[test]
fn every_kind_of_refusal_reaches_the_client() {
    fn told<M: 'static, A: IntoAdmission<M> + 'static>(decide: fn() -> A) -> String {
        let mut app = App::new();
        app.on_connect(move |_: Socket| decide());
        join(app, "")
    }
    assert_eq!(told(|| true), r#"40{"sid":"…"}"#);
    assert_eq!(told(|| false), r#"44{"message":"Connection rejected by server"}"#);
    assert_eq!(told(|| Err::<(), _>(())), r#"44{"message":"Connection rejected by server"}"#);
    assert_eq!(told(|| Err::<(), _>("no")), r#"44{"message":"no"}"#);
    assert_eq!(told(|| Err::<(), _>(("no", 1))), r#"44{"message":"no","data":1}"#);
    assert_eq!(told(|| Err::<(), _>(("no", 1, "x"))), r#"44{"message":"no","data":[1,"x"]}"#);
    let refusal = || Err::<(), _>(Refusal::new("no").with_data(&[1]));
    assert_eq!(told(refusal), r#"44{"message":"no","data":[1]}"#);
}

/// The text for the client, and the cause for the error handler, when a function decides about admission.
fn failed<M: 'static, A: IntoAdmission<M> + 'static>(decide: fn(Socket) -> A) -> (String, String) {
    let told = |set_up: &dyn Fn(&mut App)| {
        let diary = Diary::default();
        let heard = diary.clone();
        let mut app = App::new();
        app.on_error(move |error| heard.note(error.to_string()));
        set_up(&mut app);
        (join(app, ""), diary.take().join("; "))
    };
    let plain = told(&|app| _ = app.on_connect(decide));
    let later =
        told(&|app| _ = app.on_connect(move |socket: Socket| async move { decide(socket) }));
    let middleware = told(&|app| _ = app.namespace("/").middleware(decide));
    assert_eq!(plain, middleware);
    assert_eq!(plain, later);
    plain
}

#[test]
fn an_error_of_a_connect_handler_is_told_to_the_error_handler_and_not_to_the_client() {
    fn emits(socket: Socket) -> Result<(), Refusal> {
        socket.join("tea")?;
        socket.emit("connect", &())?;
        Ok(())
    }
    fn emit_error(socket: Socket) -> Result<(), EmitError> {
        socket.emit("connect", &())
    }
    fn reads(_: Socket) -> Result<(), BoxError> {
        Err(Error::new(ErrorKind::NotFound, "/etc/secrets is missing"))?;
        Ok(())
    }
    fn any(_: Socket) -> anyhow::Result<()> {
        Err(Error::new(ErrorKind::NotFound, "/etc/secrets is missing"))?;
        Ok(())
    }
    fn explicit(_: Socket) -> Result<(), Refusal> {
        "x".parse::<u8>().map_err(Refusal::internal)?;
        Ok(())
    }
    let told = r#"44{"message":"Internal error"}"#;
    let heard = |cause| format!(r#"handler of "connect" in namespace "/": {cause}"#);
    for (answer, cause) in [
        (failed(emits), "this event name is reserved by Socket.IO: choose another"),
        (failed(emit_error), "this event name is reserved by Socket.IO: choose another"),
        (failed(reads), "/etc/secrets is missing"),
        (failed(any), "/etc/secrets is missing"),
        (failed(explicit), "invalid digit found in string"),
    ] {
        assert_eq!((answer.0.as_str(), answer.1), (told, heard(cause)));
    }
}

#[test]
fn a_refusal_inside_of_another_error_says_what_it_says() {
    fn boxed(_: Socket) -> Result<(), BoxError> {
        Err(Refusal::new("no tea").with_data(&1))?;
        Ok(())
    }
    fn any(_: Socket) -> anyhow::Result<()> {
        Err(Refusal::new("no tea").with_data(&1))?;
        Ok(())
    }
    fn behind(_: Socket) -> anyhow::Result<()> {
        Err(anyhow::Error::new(Refusal::new("no tea").with_data(&1)).context("while looking"))
    }
    fn internal(_: Socket) -> anyhow::Result<()> {
        Err(Refusal::internal("the kettle leaks"))?;
        Ok(())
    }
    let told = (r#"44{"message":"no tea","data":1}"#.to_owned(), String::new());
    assert_eq!(failed(boxed), told);
    assert_eq!(failed(any), told);
    assert_eq!(failed(behind), told);
    let (told, heard) = failed(internal);
    assert_eq!(told, r#"44{"message":"Internal error"}"#);
    assert!(heard.contains("Internal error"), "{heard}");
}

#[test]
fn what_a_parameter_lacks_besides_auth_is_not_told_to_the_client() {
    let diary = Diary::default();
    let heard = diary.clone();
    let mut app = App::new();
    app.on_error(move |error| {
        assert!(matches!(error.cause, Cause::Arguments(_)));
        heard.note(error.to_string());
    });
    app.on_connect(|_: Extension<u8>| ());
    assert_eq!(join(app, ""), r#"44{"message":"Internal error"}"#);
    assert!(diary.take()[0].contains("no extension u8"));
}

#[test]
fn a_client_without_auth_is_the_same_to_every_way_of_asking_for_it() {
    #[derive(serde::Deserialize)]
    struct Login {
        name: Option<String>,
        #[serde(default)]
        age: u8,
    }
    #[derive(Debug, serde::Deserialize)]
    struct Strict {
        #[expect(dead_code, reason = "it is only missing")]
        name: String,
    }
    fn all(set_up: [fn(&mut App); 3], auth: &str) -> [String; 3] {
        set_up.map(|set_up| {
            let mut app = App::new();
            app.on_error(|_| ());
            set_up(&mut app);
            join(app, auth)
        })
    }
    fn show(login: &Login) -> Result<(), String> {
        Err(format!("{:?} {}", login.name, login.age))
    }
    let optional_fields: [fn(&mut App); 3] = [
        |app| _ = app.on_connect(|login: Login| show(&login)),
        |app| _ = app.on_connect(|login: Auth<Login>| show(&login.0)),
        |app| _ = app.on_connect(|socket: Socket| show(&socket.auth().unwrap())),
    ];
    let option: [fn(&mut App); 3] = [
        |app| _ = app.on_connect(|login: Option<Login>| login.is_none()),
        |app| _ = app.on_connect(|login: Auth<Option<Login>>| login.0.is_none()),
        |app| {
            _ = app.on_connect(|socket: Socket| socket.auth::<Option<Login>>().unwrap().is_none())
        },
    ];
    let needed: [fn(&mut App); 3] = [
        |app| _ = app.on_connect(|_: Strict| ()),
        |app| _ = app.on_connect(|_: Auth<Strict>| ()),
        |app| {
            app.on_connect(|socket: Socket| -> Result<(), Refusal> {
                socket.auth::<Strict>()?;
                Ok(())
            });
        },
    ];
    for (set_up, auth, told) in [
        (optional_fields, "", r#"44{"message":"None 0"}"#),
        (optional_fields, "{}", r#"44{"message":"None 0"}"#),
        (optional_fields, r#"{"name":"Ada","age":36}"#, r#"44{"message":"Some(\"Ada\") 36"}"#),
        (option, "", r#"40{"sid":"…"}"#),
        (option, "{}", r#"44{"message":"Connection rejected by server"}"#),
        (needed, r#"{"name":"Ada"}"#, r#"40{"sid":"…"}"#),
        (
            needed,
            "",
            r#"44{"message":"invalid auth payload: argument 0 does not fit: missing field `name`"}"#,
        ),
    ] {
        assert_eq!(all(set_up, auth), [told; 3], "{auth}");
    }
}

#[test]
fn a_middleware_for_everywhere_is_in_front_of_every_namespace() {
    let diary = Diary::default();
    let note = |name: &'static str| {
        let diary = diary.clone();
        move |socket: Socket| diary.note(format!("{name} {}", socket.namespace()))
    };
    let mut app = App::new();
    app.on_connect(note("handler"));
    app.any_namespace().middleware(note("catch-all"));
    app.namespace("/room-{id}").middleware(note("own"));
    app.middleware_everywhere(note("first"));
    app.middleware_everywhere(
        async |socket: Socket| {
            if socket.namespace() == "/x" { Err("no") } else { Ok(()) }
        },
    );
    let stage = Stage::new(app);
    let mut client = stage.open();
    for (name, notes) in [
        ("/", &["first /", "catch-all /", "handler /"][..]),
        ("/room-1", &["first /room-1", "catch-all /room-1", "own /room-1"]),
        ("/y", &["first /y", "catch-all /y"]),
    ] {
        client.say(&format!("40{name},"));
        stage.run();
        assert!(client.take().is_empty(), "an async middleware that is done at once");
        assert_eq!(diary.take(), notes);
    }
    assert_eq!(client.say("40/x,"), r#"44/x,{"message":"no"}"#);
    assert_eq!(diary.take(), ["first /x"]);
}

#[test]
fn a_middleware_for_everywhere_opens_no_namespace() {
    let mut app = App::new();
    app.middleware_everywhere(|| ());
    let mut client = Stage::new(app).open();
    assert_eq!(client.say("40/x,"), r#"44/x,{"message":"Invalid namespace"}"#);
    assert_eq!(client.say("40"), r#"40{"sid":"…"}"#);
}

#[test]
fn always_connect_admits_first_and_disconnects_later() {
    let (diary, door) = (Diary::default(), Door::default());
    let mut app = App::new();
    app.always_connect();
    let inner = door.clone();
    app.on_connect(move |socket: Socket| {
        let door = inner.clone();
        async move {
            door.wait().await;
            socket.query("good").is_some()
        }
    });
    let heard = diary.clone();
    app.on("x", move |n: i32| {
        heard.note(format!("x {n}"));
        n
    });
    let left = diary.clone();
    app.on_disconnect(move |reason: Reason| left.note(reason.as_str()));
    let stage = Stage::new(app);
    let (mut good, mut bad) = (stage.open_with("&good=1", ""), stage.open());
    for client in [&mut good, &mut bad] {
        assert_eq!(client.say("40"), r#"40{"sid":"…"}"#);
        assert_eq!(client.say(r#"420["x",1]"#), "", "events wait for the decision");
    }
    door.open();
    stage.run();
    assert_eq!(good.take(), ["430[1]"]);
    assert_eq!(bad.take(), ["41"]);
    assert_eq!(diary.take(), ["x 1"]);
    assert_eq!(good.say(r#"421["x",2]"#), "431[2]");
    good.vanish();
    bad.vanish();
    assert_eq!(diary.take(), ["x 2", "transport close"]);
}

#[test]
fn always_connect_with_a_plain_handler() {
    let mut app = App::new();
    app.always_connect();
    app.on_connect(|socket: Socket| socket.query("good").is_some());
    app.on("x", || 1);
    let stage = Stage::new(app);
    assert_eq!(stage.open().say("40"), r#"40{"sid":"…"} 41"#);
    let mut good = stage.open_with("&good=", "");
    assert_eq!(good.say("40"), r#"40{"sid":"…"}"#);
    assert_eq!(good.say(r#"420["x"]"#), "430[1]");
}

#[test]
fn a_disconnect_handler_sees_reason_rooms_and_session() {
    let diary = Diary::default();
    let kept = Arc::new(());
    let mut app = App::new();
    app.manage(diary.clone());
    let keep = kept.clone();
    app.on_connect(move |socket: Socket| {
        socket.session().set("Ada".to_owned());
        socket.session().set(keep.clone());
        socket.join("a").unwrap();
    });
    app.on_disconnect(
        |reason: Reason, socket: Socket, rooms: Vec<Arc<str>>, io: Io, diary: State<Diary>| {
            let name = socket.session::<String>().get();
            diary.note(format!("{reason} {rooms:?} {name:?} {}", socket.is_connected()));
            let _ = io.counts();
        },
    );
    let stage = Stage::new(app);
    let mut client = stage.join(&["/"]);
    assert_eq!(Arc::strong_count(&kept), 3);
    assert_eq!(client.say("41"), "");
    assert_eq!(diary.take(), [r#"client namespace disconnect ["a"] Some("Ada") false"#]);
    assert_eq!(Arc::strong_count(&kept), 2, "the session is gone");
}
