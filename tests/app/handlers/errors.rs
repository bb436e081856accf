//! What happens when handlers do not succeed.

use sansocket_app::{App, Cause, EventMessage, HandlerError, Socket};

use crate::handlers::stage::{Diary, Stage};

fn noted(diary: &Diary) -> impl Fn(HandlerError) + Send + Sync + 'static {
    let diary = diary.clone();
    move |error| {
        let event = format!("{} {}{}", error.namespace, error.event, error.args.json());
        diary.note(match &error.cause {
            Cause::Arguments(error) => format!("{event} arguments: {error}"),
            Cause::Middleware(error) => format!("{event} middleware: {error}"),
            Cause::Panic(message) => format!("{event} panic: {message}"),
            Cause::Returned(error) => format!("{event} error: {error}"),
            other @ (Cause::Reply(_) | _) => format!("{event} {other:?}"),
        });
        assert!(!error.socket.id().is_empty());
    }
}

#[test]
fn errors_come_with_their_event_and_the_connection_lives() {
    let diary = Diary::default();
    let mut app = App::new();
    app.on_error(noted(&diary));
    app.on("returned", |n: i32| if n > 0 { Ok(n) } else { Err(std::fmt::Error) });
    app.on("panics", |_: i32| -> () { panic!("on purpose") });
    app.on("panics later", async |n: i32| -> () { panic!("with {n}") });
    app.on("panics raw", |_: Socket, _: EventMessage| -> () { panic!("raw") });
    app.on("later", async |_: Socket, _: EventMessage| Err::<(), _>("raw"));
    let mut client = Stage::new(app).join(&["/"]);
    let events = [r#"420["returned",0]"#, r#"421["returned","x"]"#, r#"422["returned",1]"#];
    client.send(&events);
    client.send(&[r#"42["panics",1,"y"]"#, r#"42["panics later",7]"#]);
    client.send(&[r#"42["panics raw",1]"#, r#"42["later",1]"#]);
    assert_eq!(client.take(), ["432[1]"]);
    assert_eq!(
        diary.take(),
        [
            "/ returned[0] error: an error occurred when formatting an argument",
            r#"/ returned["x"] arguments: argument 0 does not fit: invalid type: string "x", expected i32"#,
            r#"/ panics[1,"y"] panic: on purpose"#,
            "/ panics later[7] panic: with 7",
            "/ panics raw[] panic: raw",
            "/ later[] error: raw",
        ]
    );
    assert_eq!(client.say(r#"423["returned",1]"#), "433[1]");
}

#[test]
fn errors_are_heard_by_the_namespace_then_the_catch_all_then_the_application() {
    let (own, any, all) = (Diary::default(), Diary::default(), Diary::default());
    let mut app = App::new();
    app.on_error(noted(&all));
    for name in ["/a", "/b"] {
        app.namespace(name).on("x", || Err::<(), _>("no"));
    }
    app.namespace("/a").on_error(noted(&own));
    Stage::new(app).join(&["/a", "/b"]).send(&[r#"42/a,["x"]"#, r#"42/b,["x"]"#]);
    assert_eq!(own.take(), ["/a x[] error: no"]);
    assert_eq!(all.take(), ["/b x[] error: no"]);

    let mut app = App::new();
    app.on_error(noted(&all));
    app.namespace("/a").on("x", || Err::<(), _>("no")).on_error(noted(&own));
    app.any_namespace().on("x", || Err::<(), _>("any")).on_error(noted(&any));
    Stage::new(app).join(&["/a", "/b"]).send(&[r#"42/a,["x"]"#, r#"42/b,["x"]"#]);
    assert_eq!((own.take().len(), any.take().len(), all.take().len()), (1, 1, 0));
}

#[test]
fn connect_and_disconnect_handlers_report_too() {
    let diary = Diary::default();
    let mut app = App::new();
    app.on_error(noted(&diary));
    app.on_connect(|socket: Socket| assert!(socket.query("good").is_some(), "bad"));
    app.on_disconnect(async |_: Socket| Err::<(), _>("late"));
    let stage = Stage::new(app);
    assert_eq!(stage.open().say("40"), r#"44{"message":"Connection rejected by server"}"#);
    let mut good = stage.open_with("&good=", "");
    good.send(&["40"]);
    good.send(&["41"]);
    assert_eq!(diary.take(), ["/ connect[] panic: bad", "/ disconnect[] error: late"]);
}

#[test]
fn a_packet_middleware_drops_events() {
    let diary = Diary::default();
    let mut app = App::new();
    app.on_error(noted(&diary));
    app.namespace("/").on("x", |n: i32| n).packet_middleware(|_: &Socket, message| {
        match message.json().len() {
            ..=4 => Ok(()),
            _ => Err("too long"),
        }
    });
    let seen = diary.clone();
    app.any_namespace().packet_middleware(move |socket: &Socket, message| {
        seen.note(format!("{}{}", message.name(), socket.namespace()));
        assert_ne!(message.json(), "[13]");
        Ok::<_, std::fmt::Error>(())
    });
    let mut client = Stage::new(app).join(&["/"]);
    client.send(&[r#"420["x",1]"#, r#"421["x",12345]"#, r#"422["x",13]"#, r#"42["none"]"#]);
    assert_eq!(client.take(), ["430[1]"]);
    let noted = diary.take();
    assert_eq!(noted[..4], ["x/", "x/", "/ x[12345] middleware: too long", "x/"]);
    assert!(noted[4].starts_with("/ x[13] panic: assertion"), "{noted:?}");
    assert_eq!(noted[5..], ["none/"]);
}
