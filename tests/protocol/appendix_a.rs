//! What servers in Python promise, row by row: that each has its counterpart here. The names of the
//! tests begin with the number of the row, as the sections of `docs/from-flask-socketio.md` do; rows
//! that need a network are in `bind-tokio/tests/appendix_a.rs`.

use sansocket_app::test::{AnswerError, ConnectError, TestClient, TestServer};
use sansocket_app::{
    Ack, AckError, App, Bytes, Cause, Config, EmitError, EventName, Events, HandlerError,
    NamespaceClass, NoReply, Origins, Reason, Refusal, Rest, Socket, State, concurrent, sequential,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// Something to write down what handlers saw, and to read it.
type Notes = Arc<Mutex<Vec<String>>>;

fn note(notes: &Notes) -> impl Fn(String) + Clone + Send + Sync + 'static {
    let notes = notes.clone();
    move |text| notes.lock().expect("no test panics in there").push(text)
}

fn read(notes: &Notes) -> Vec<String> {
    std::mem::take(&mut *notes.lock().expect("no test panics in there"))
}

#[test]
fn a01_an_application_is_made_with_options() {
    fn factory(config: Config) -> App {
        let mut app = App::with_config(config);
        app.on("hello", || "world");
        app
    }
    let mut config = Config::default();
    config.path = "/elsewhere/".into();
    let client = TestServer::new(factory(config)).connect().unwrap();
    assert_eq!(client.call("hello", &()), Ok("world".to_owned()));
}

#[test]
fn a01_handlers_of_a_client_run_in_turn_or_side_by_side() {
    let mut app = App::new();
    let nap = async |socket: Socket| socket.io().sleep(SECOND).await;
    app.on("nap", sequential(nap)).on("aside", concurrent(nap)).on("now", || "now");
    let server = TestServer::new(app);
    let client = server.connect().unwrap();

    client.emit("aside", &());
    assert_eq!(client.call("now", &()), Ok("now".to_owned()));
    client.emit("nap", &());
    let answer = client.emit_with_ack("now", &());
    assert!(!answer.is_here());
    server.advance(SECOND);
    assert!(answer.is_here());
}

#[test]
fn a01_always_connect_lets_in_before_it_asks() {
    let mut app = App::new();
    app.always_connect();
    app.on_connect(|| false);
    let server = TestServer::new(app);
    let refused = server.client().connect().err();
    assert_eq!(refused, Some(ConnectError::Closed), "disconnected, not refused");
}

#[test]
fn a02_handlers_by_function_call_and_class() {
    struct Class;
    impl NamespaceClass for Class {
        fn register(events: &mut Events<'_, Self>) {
            events.on("one", Self::one).on("two", Self::two);
        }
    }
    impl Class {
        fn one(&self) -> &'static str {
            "method"
        }
        fn two(&self) -> &'static str {
            "method"
        }
    }
    fn named() -> &'static str {
        "function"
    }

    let mut app = App::new();
    app.on("named", named).on("closure", || "closure");
    app.on_any(|name: EventName| format!("any {}", &*name));
    app.class("/class", Class).on("two", || "function wins");
    app.any_namespace().on("named", || "any namespace");
    let server = TestServer::new(app);
    let ask = |namespace: &str, event: &str| {
        let client = server.client().namespace(namespace).connect().expect("it is let in");
        client.call::<String>(event, &()).expect("it is answered")
    };
    assert_eq!(ask("/", "named"), "function");
    assert_eq!(ask("/", "closure"), "closure");
    assert_eq!(ask("/", "else"), "any else");
    assert_eq!(ask("/class", "one"), "method");
    assert_eq!(ask("/class", "two"), "function wins");
    assert_eq!(ask("/unheard-of", "named"), "any namespace");
}

#[test]
fn a03_send_and_emit_every_kind_of_argument() {
    let mut app = App::new();
    app.on("go", |socket: Socket| -> Result<(), EmitError> {
        socket.send("text")?;
        socket.send_json(&json!({"a": 1}))?;
        socket.emit("none", &())?;
        socket.emit("several", &("a", 1, true))?;
        socket.emit("list", &vec![1, 2])?;
        socket.emit("bytes", &(Bytes::from_static(b"\0\xff"), vec![Bytes::from_static(b"x")]))
    });
    app.on("take", |a: String, b: Option<u8>, rest: Rest<Value>| (a, b, rest.0.len()));
    let client = TestServer::new(app).connect().unwrap();
    client.emit("go", &());
    assert_eq!(client.expect::<String>("message"), "text");
    assert_eq!(client.expect::<Value>("json"), json!({"a": 1}));
    assert_eq!(client.expect_event("none").args.json(), "[]");
    assert_eq!(client.expect_event("several").args.json(), r#"["a",1,true]"#);
    assert_eq!(client.expect_event("list").args.json(), "[[1,2]]");
    let (one, inside): (Bytes, Vec<Bytes>) = client.expect("bytes");
    assert_eq!((&one[..], &inside[0][..]), (&b"\0\xff"[..], &b"x"[..]));
    assert_eq!(client.call("take", "a"), Ok(("a".to_owned(), None::<u8>, 0)));
    assert_eq!(client.call("take", &("a", 1, 2, 3)), Ok(("a".to_owned(), Some(1), 2)));
}

#[test]
fn a03_emits_come_from_outside_of_handlers_too() {
    let mut app = App::new();
    app.namespace("/chat");
    let server = TestServer::new(app);
    let (root, chat) = (server.connect().unwrap(), server.client().namespace("/chat").connect());
    let (io, task) = (server.io(), server.io());
    std::thread::spawn(move || io.emit("thread", &1)).join().expect("no panic").expect("sent");
    server.io().spawn(async move { task.of("/chat").emit("task", &2).expect("sent") });
    server.run();
    assert_eq!(root.expect::<u8>("thread"), 1);
    assert_eq!(chat.expect("it is let in").expect::<u8>("task"), 2);
}

#[test]
fn a04_acknowledgements_of_the_server() {
    let mut app = App::new();
    app.on("none", || ()).on("one", || 1).on("two", || ("a", 2)).on("silent", || NoReply);
    app.on("given", |ack: Ack| ack.send("given"));
    let client = TestServer::new(app).connect().unwrap();
    assert_eq!(client.call("none", &()), Ok(()));
    assert_eq!(client.call("one", &()), Ok(1));
    assert_eq!(client.call("two", &()), Ok(("a".to_owned(), 2)));
    assert_eq!(client.call("given", &()), Ok("given".to_owned()));
    assert_eq!(client.call::<()>("silent", &()), Err(AnswerError::Missing));
}

#[test]
fn a04_acknowledgements_of_clients_with_a_timeout() {
    let server = TestServer::new(App::new());
    let client = server.connect().unwrap();
    let socket = server.io().local().socket(&client.id()).expect("it is here");

    let asked = socket.call::<(String, u8)>("who", &());
    client.expect_event("who").ack(&("Ann", 30));
    assert_eq!(server.block_on(asked), Ok(("Ann".to_owned(), 30)));

    let asked = socket.call::<()>("who", &());
    server.advance(Duration::from_secs(59));
    let notes = Notes::default();
    let tell = note(&notes);
    let then = move |answer: Result<_, AckError>| tell(format!("{:?}", answer.is_ok()));
    socket.emit_then("and", &(), SECOND, then).expect("it is sent");
    client.expect_event("and").ack(&());
    assert_eq!(read(&notes), ["true"]);
    server.advance(SECOND);
    assert_eq!(server.block_on(asked), Err(AckError::TimedOut), "after 60 s");
}

#[test]
fn a05_broadcasts_rooms_and_who_is_left_out() {
    let mut app = App::new();
    app.on("join", |socket: Socket, rooms: Vec<String>| socket.join(rooms));
    app.on("leave", |socket: Socket, room: String| socket.leave(room));
    app.on("rooms", |socket: Socket| socket.rooms());
    app.on("go", |socket: Socket, skip: String| -> Result<(), EmitError> {
        socket.nsp().emit("everybody", &())?;
        socket.broadcast().emit("others", &())?;
        socket.within("a").emit("room", &())?;
        socket.to(["a", "b"]).emit("rooms", &())?;
        socket.nsp().except(skip).emit("skipped", &())
    });
    let server = TestServer::with_shards(app, 2);
    let (ann, bob, eve) =
        (server.connect().unwrap(), server.connect().unwrap(), server.connect().unwrap());
    assert_eq!(ann.call("join", &(["a"],)), Ok(true));
    assert_eq!(bob.call("join", &(["a", "b"],)), Ok(true));
    let names = |client: &TestClient| {
        client.get_received().into_iter().map(|event| event.name).collect::<Vec<_>>()
    };
    ann.emit("go", &eve.id());
    assert_eq!(names(&ann), ["everybody", "room", "skipped"]);
    assert_eq!(names(&bob), ["everybody", "others", "room", "rooms", "skipped"]);
    assert_eq!(names(&eve), ["everybody", "others"]);

    server.io().to(bob.id()).emit("own room", &()).expect("sent");
    server.run();
    assert_eq!(names(&bob), ["own room"]);
    assert_eq!(bob.call("leave", "b"), Ok(true));
    assert_eq!(bob.call("rooms", &()), Ok(vec!["a".to_owned()]));
    server.io().close_room("a").unwrap();
    assert_eq!(bob.call("rooms", &()), Ok(Vec::<String>::new()));
    assert!(server.io().local().rooms().is_empty());
}

#[test]
fn a06_connect_accepts_and_refuses() {
    let mut app = App::new();
    app.on_connect(|auth: Option<Value>| -> Result<(), Refusal> {
        match auth {
            Some(auth) if auth["token"] == "secret" => Ok(()),
            _ => Err(Refusal::new("who are you?").with_data(&json!({"retry": true}))),
        }
    });
    app.namespace("/closed").on_connect(|| false);
    let server = TestServer::new(app);
    assert!(server.client().auth(&json!({"token": "secret"})).connect().is_ok());
    let (message, data) = ("who are you?".into(), Some(json!({"retry": true})));
    let refused = ConnectError::Refused { message, data };
    assert_eq!(server.client().connect().err(), Some(refused));
    let message = "Connection rejected by server".into();
    let refused = ConnectError::Refused { message, data: None };
    assert_eq!(server.client().namespace("/closed").connect().err(), Some(refused));
}

#[test]
fn a06_disconnect_says_why_and_from_where() {
    let notes = Notes::default();
    let tell = note(&notes);
    let mut app = App::new();
    app.on_connect(|socket: Socket| {
        let _ = socket.join("tea");
    });
    app.on_disconnect(move |reason: Reason, rooms: Vec<Arc<str>>| {
        tell(format!("{reason} {rooms:?}"))
    });
    let server = TestServer::new(app);

    server.connect().unwrap().disconnect();
    assert_eq!(read(&notes), [r#"client namespace disconnect ["tea"]"#]);
    let client = server.connect().unwrap();
    server.io().to(client.id()).disconnect().unwrap();
    server.run();
    assert_eq!(read(&notes), [r#"server namespace disconnect ["tea"]"#]);
    assert!(!client.is_connected());
}

#[test]
fn a07_errors_reach_a_handler_with_event_and_arguments() {
    let notes = Notes::default();
    let (tell, tell_chat) = (note(&notes), note(&notes));
    let line = |error: &HandlerError| format!("{} {}", error.event, error.args.json());
    let mut app = App::new();
    app.on_error(move |error| tell(format!("default: {}", line(&error))));
    app.on("fails", |_: u8| Err::<(), _>("on purpose")).on("panics", || -> () { panic!("oh") });
    let chat = app.namespace("/chat");
    chat.on("fails", |_: u8| Err::<(), _>("on purpose"));
    chat.on_error(move |error| {
        assert!(matches!(error.cause, Cause::Returned(_)));
        tell_chat(format!("chat: {}", line(&error)));
    });
    let server = TestServer::new(app);
    let root = server.connect().unwrap();
    root.emit("fails", &7);
    root.emit("fails", "not a number");
    root.emit("panics", &());
    root.join("/chat", &()).expect("it is let in").emit("fails", &7);
    assert_eq!(
        read(&notes),
        [
            "default: fails [7]",
            r#"default: fails ["not a number"]"#,
            "default: panics []",
            "chat: fails [7]"
        ]
    );
    assert!(root.is_connected());
}

#[test]
fn a08_what_handlers_may_ask_about_the_request() {
    let mut app = App::new();
    app.manage(41_u64);
    app.namespace("/ask").on("it", |socket: Socket, name: EventName, state: State<u64>| {
        let namespace = socket.namespace().to_owned();
        let header = socket.header("X-Key").map(str::to_owned);
        let cookie = socket.cookie("theme").map(str::to_owned);
        let peer = socket.peer().map(|peer| peer.to_string());
        json!([namespace, &*name, header, cookie, socket.query("q"), peer, *state + 1])
    });
    let server = TestServer::new(app);
    let client = server.client().namespace("/ask").header("x-key", "k").cookie("theme", "dark");
    let client = client.query("q", "a b").address(([10, 0, 0, 1], 80).into()).connect();
    let expected = json!(["/ask", "it", "k", "dark", "a b", "10.0.0.1:80", 42]);
    assert_eq!(client.expect("it is let in").call("it", &()), Ok(expected));
}

#[test]
fn a09_sessions_are_per_client_and_namespace_until_it_left() {
    #[derive(Clone, Default)]
    struct User(String);

    let notes = Notes::default();
    let tell = note(&notes);
    let mut app = App::new();
    let name = |socket: Socket| socket.session::<User>().get().map(|user| user.0);
    app.on("set", |socket: Socket, name: String| {
        socket.session().set(User(name));
    });
    app.on("add", |socket: Socket, more: String| {
        socket.session().update(|user: &mut User| user.0 += &more);
    });
    app.on("get", name);
    app.on_disconnect(move |socket: Socket| tell(format!("{:?}", name(socket))));
    app.namespace("/other").on("get", name);
    let server = TestServer::new(app);
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    ann.emit("set", "Ann");
    ann.emit("add", "a");
    assert_eq!(ann.call("get", &()), Ok(Some("Anna".to_owned())));
    assert_eq!(bob.call("get", &()), Ok(None::<String>));
    let other = ann.join("/other", &()).expect("it is let in");
    assert_eq!(other.call("get", &()), Ok(None::<String>));

    let socket = server.io().local().socket(&ann.id()).expect("it is here");
    ann.disconnect();
    assert_eq!(read(&notes), [r#"Some("Anna")"#]);
    assert_eq!(name(socket), None);
}

#[test]
fn a10_a_test_has_several_clients_with_namespaces_auth_headers_and_query() {
    let mut app = App::new();
    app.namespace("/chat").on_connect(|socket: Socket, auth: Value| {
        let kind = socket.query("kind").unwrap_or_default();
        let _ = socket.emit("welcome", &(&auth["name"], kind, socket.header("x-lang")));
    });
    app.namespace("/chat").on("say", |socket: Socket, text: String| {
        let _ = socket.broadcast().emit("said", &text);
        text.len()
    });
    let server = TestServer::new(app);
    let client = |name: &str| {
        let client =
            server.client().namespace("/chat").auth(&json!({"name": name})).query("kind", "test");
        client.header("x-lang", "en").connect().expect("it is let in")
    };
    let (ann, bob) = (client("Ann"), client("Bob"));
    assert_eq!(ann.expect::<[String; 3]>("welcome"), ["Ann", "test", "en"]);
    assert_eq!(ann.call("say", "hello"), Ok(5));
    let received = bob.get_received();
    assert_eq!(received.len(), 2);
    assert_eq!((&*received[1].name, &*received[1].namespace), ("said", "/chat"));
    assert_eq!(received[1].decode(), Ok("hello".to_owned()));
    assert!(ann.get_received().is_empty());
}

#[test]
fn a11_background_tasks_sleep_and_the_server_stops() {
    let server = TestServer::new(App::new());
    let client = server.connect().unwrap();
    let io = server.io();
    io.clone().spawn(async move {
        for n in 0..3 {
            io.sleep(SECOND).await;
            io.emit("tick", &n).expect("sent");
        }
        io.stop();
    });
    server.advance(SECOND);
    assert_eq!(client.expect::<u8>("tick"), 0);
    server.advance(2 * SECOND);
    assert_eq!(client.get_received().len(), 2);
    assert!(!client.is_connected());
}

#[test]
fn a15_pages_of_other_hosts_are_refused_unless_named() {
    let connect = |origins: Origins, origin: &str| {
        let mut config = Config::default();
        config.origins = origins;
        let server = TestServer::new(App::with_config(config));
        match server.client().header("Origin", origin).connect() {
            Ok(_) => None,
            Err(ConnectError::Rejected { status, body }) => Some((status, body)),
            Err(error) => panic!("{error}"),
        }
    };
    let (own, other) = ("http://localhost", "https://other.example");
    assert_eq!(connect(Origins::SameOrigin, own), None);
    let (status, body) = connect(Origins::SameOrigin, other).expect("it is refused");
    assert_eq!(status, 400);
    assert!(body.contains("Origin not allowed") && body.contains("Config::origins"), "{body}");
    assert_eq!(connect(Origins::List(vec![other.into()]), other), None);
    assert!(connect(Origins::List(vec!["https://a.example".into()]), other).is_some());
    assert_eq!(connect(Origins::Any, other), None);
    assert_eq!(connect(Origins::Unchecked, other), None);
    assert_eq!(connect(Origins::matching(|origin| origin.ends_with(".example")), other), None);
}

#[test]
fn a16_pings_buffers_and_transports_are_settings() {
    let mut config = Config::default();
    config.ping_interval = 3 * SECOND;
    config.ping_timeout = 2 * SECOND;
    config.limits.max_payload = 1000;
    let server = TestServer::new(App::with_config(config.clone()));
    let (mute, large) = (server.connect().unwrap(), server.connect().unwrap());
    mute.mute();
    server.advance(Duration::from_millis(4990));
    assert!(mute.is_connected());
    server.advance(Duration::from_millis(20));
    assert!(!mute.is_connected() && large.is_connected());
    large.emit("large", &"x".repeat(1000));
    assert!(!large.is_connected());

    config.monitor_clients = false;
    let server = TestServer::new(App::with_config(config.clone()));
    let mute = server.connect().unwrap();
    mute.mute();
    server.advance(3600 * SECOND);
    assert!(mute.is_connected());

    config.transports.websocket = false;
    let refused = TestServer::new(App::with_config(config)).client().connect();
    assert!(matches!(refused.err(), Some(ConnectError::Rejected { status: 400, .. })));
}

#[test]
fn a20_a_handler_that_waits_stalls_nobody() {
    let mut app = App::new();
    app.on("wait", async |socket: Socket| socket.io().sleep(60 * SECOND).await);
    app.on("now", || "now");
    let server = TestServer::new(app);
    let (ann, bob) = (server.connect().unwrap(), server.connect().unwrap());
    let waiting = ann.emit_with_ack("wait", &());
    assert_eq!(bob.call("now", &()), Ok("now".to_owned()));
    assert_eq!(ann.call("now", &()), Ok("now".to_owned()));
    assert!(!waiting.is_here());
    server.advance(60 * SECOND);
    assert!(waiting.is_here());
}

#[test]
fn a20_a_ping_timeout_is_a_reason_and_not_an_error() {
    let notes = Notes::default();
    let (tell, tell_error) = (note(&notes), note(&notes));
    let mut app = App::new();
    app.on_disconnect(move |reason: Reason| tell(reason.to_string()));
    app.on_error(move |error| tell_error(error.to_string()));
    let server = TestServer::new(app);
    let client = server.connect().unwrap();
    client.mute();
    server.advance(45 * SECOND);
    assert_eq!(read(&notes), ["ping timeout"]);
}
