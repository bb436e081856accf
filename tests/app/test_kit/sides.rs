//! The test kit: a client has handlers of all kinds, and a class may serve both ends.

use sansocket_app::test::{Answer, AnswerError, ConnectError, TestClient, TestServer, TestSocket};
use sansocket_app::{
    Ack, App, BoxError, Cause, EventName, Events, HandlerError, Namespace, NamespaceClass, NoReply,
    RawRest, Reason, Refusal, Side, Socket, State, concurrent, sequential,
};
use serde_json::{Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crate::handlers::stage::{Diary, Door};

/// Adds to a sum, and notes what happens. It takes nothing that one end alone knows.
#[derive(Default)]
struct Tally {
    sum: AtomicU32,
    diary: Diary,
    door: Door,
}

impl<S: Side<Reason = Reason>> NamespaceClass<S> for Tally {
    fn register(events: &mut Events<'_, Self, S>) {
        events
            .on_connect(Self::connect)
            .on_disconnect(Self::disconnect)
            .on_error(Self::error)
            .on("add", Self::add)
            .on("later", Self::later)
            .on("wait", sequential(Self::wait))
            .on("fail", Self::fail)
            .on_any(Self::other);
    }
}

impl Tally {
    fn connect(&self, times: State<u32>) {
        self.diary.note(format!("connect {}", *times));
    }

    fn add(&self, times: State<u32>, n: u32) -> u32 {
        self.sum.fetch_add(n * *times, Ordering::Relaxed) + n * *times
    }

    fn later<S: Side>(&self, ack: Ack<S>, n: u32) -> Result<(), BoxError> {
        Ok(ack.send(&n)?)
    }

    async fn wait(self: Arc<Self>) -> &'static str {
        self.door.wait().await;
        "waited"
    }

    fn fail(&self) -> Result<(), BoxError> {
        Err("no".into())
    }

    fn other(&self, EventName(name): EventName) -> String {
        format!("other {name}")
    }

    async fn disconnect(self: Arc<Self>, times: State<u32>, reason: Reason) {
        self.diary.note(format!("disconnect {} {reason}", *times));
    }

    fn error<S: Side>(&self, error: HandlerError<S>) {
        let Cause::Returned(cause) = &error.cause else { panic!("{error}") };
        self.diary.note(format!("{} in {}: {cause}", error.event, error.socket.namespace()));
    }
}

/// Passes questions of a client on to itself, and the answers back.
fn asking() -> App {
    let mut app = App::new();
    app.on("ask", async |socket: Socket, event: String, rest: RawRest| {
        let answer = socket.emit_with_ack(&event, rest, Duration::from_secs(5)).await;
        answer.map_err(|error| error.to_string())
    });
    app.on("tell", |socket: Socket, event: String, rest: RawRest| {
        let _ = socket.emit(&event, rest);
        NoReply
    });
    app.on("dismiss", |socket: Socket| socket.disconnect());
    app
}

/// A client that notes its connects and disconnects.
fn noting(server: &TestServer, diary: &Diary) -> TestClient {
    let (arrivals, departures) = (diary.clone(), diary.clone());
    let client = server.client().handlers(|namespace| {
        namespace.on_connect(move |socket: TestSocket| {
            arrivals.note(format!("connect {}", socket.namespace()));
        });
        namespace.on_disconnect(move |socket: TestSocket, reason: Reason| {
            departures.note(format!("disconnect {} {reason:?}", socket.namespace()));
        });
    });
    client.connect().unwrap()
}

/// Sends events to a class by `ask`, and returns what it answers.
fn script(
    server: &TestServer,
    door: &Door,
    ask: impl Fn(&str, u32) -> Answer,
) -> Vec<Result<Value, AnswerError>> {
    let sent = ["add", "later", "unknown", "wait", "add", "fail"].map(|event| ask(event, 3));
    let early: Vec<bool> = sent.iter().map(Answer::is_here).collect();
    assert_eq!(early, [true, true, true, false, false, false]);
    door.open();
    server.run();
    sent.iter().map(Answer::read).collect()
}

#[test]
fn one_class_serves_both_ends() {
    let mut app = asking();
    app.manage(2_u32);
    let (diary, door) = (Diary::default(), Door::default());
    let tally = Tally { diary: diary.clone(), door: door.clone(), ..Tally::default() };
    app.class("/tally", tally);
    let server = TestServer::new(app);
    let client = server.client().namespace("/tally").connect().unwrap();
    let of_server = script(&server, &door, |event, n| client.emit_with_ack(event, &n));
    client.disconnect();
    let noted = ["connect 2", "fail in /tally: no", "disconnect 2 client namespace disconnect"];
    assert_eq!(diary.take(), noted);
    let answers = [json!(6), json!(3), json!("other unknown"), json!("waited"), json!(12)];
    let answers = answers.map(Ok).into_iter().chain([Err(AnswerError::Missing)]);
    assert_eq!(of_server, Vec::from_iter(answers));

    let (diary, door) = (Diary::default(), Door::default());
    let tally = Tally { diary: diary.clone(), door: door.clone(), ..Tally::default() };
    let client = server.client().manage(2_u32).class(tally).connect().unwrap();
    let of_client = script(&server, &door, |event, n| client.emit_with_ack("ask", &(event, n)));
    client.disconnect();
    assert_eq!(diary.take(), noted.map(|line| line.replace("/tally", "/")));
    assert_eq!(of_client, of_server);
}

#[test]
fn a_client_notes_how_it_came_and_went() {
    let server = TestServer::new(asking());
    let diary = Diary::default();
    let client = noting(&server, &diary);
    assert_eq!(diary.take(), ["connect /"]);
    client.emit("dismiss", &());
    assert_eq!(diary.take(), ["disconnect / ServerDisconnect"]);

    let client = client.join("/", &()).unwrap();
    client.disconnect();
    assert_eq!(diary.take(), ["connect /", "disconnect / ClientDisconnect"]);

    let client = client.join("/", &()).unwrap();
    client.close();
    assert_eq!(diary.take(), ["connect /", "disconnect / TransportClose"]);
    drop(client);

    drop(noting(&server, &diary));
    assert_eq!(diary.take(), ["connect /", "disconnect / TransportClose"]);

    let mute = noting(&server, &diary);
    mute.mute();
    server.advance(Duration::from_secs(60));
    assert_eq!(diary.take(), ["connect /", "disconnect / TransportClose"]);
}

#[test]
fn events_of_a_client_wait_for_its_connect_handler() {
    let mut app = App::new();
    app.on_connect(|socket: Socket| socket.emit("first", &1).expect("it can be sent"));
    let server = TestServer::new(app);
    let (diary, door) = (Diary::default(), Door::default());
    let (arrivals, events, opening) = (diary.clone(), diary.clone(), door.clone());
    let client = server.client().handlers(|namespace| {
        namespace.on_connect(async move |reply: Value| {
            opening.wait().await;
            arrivals.note(format!("connect {}", reply["sid"].as_str().unwrap_or_default()));
        });
        namespace.on("first", move |n: u8| events.note(format!("first {n}")));
    });
    let client = client.connect().unwrap();
    server.run();
    assert_eq!(diary.take(), [""; 0]);
    door.open();
    server.run();
    assert_eq!(diary.take(), [format!("connect {}", client.id()), "first 1".to_owned()]);
}

#[test]
fn a_client_that_its_connect_handler_refuses_leaves_and_handles_nothing() {
    let mut app = App::new();
    let (left, diary) = (Diary::default(), Diary::default());
    let leaving = left.clone();
    app.on_connect(|socket: Socket| socket.emit("first", &1).expect("it can be sent"));
    app.on_disconnect(move |reason: Reason| leaving.note(reason.to_string()));
    let server = TestServer::new(app);
    let noted = |diary: &Diary, namespace: &mut Namespace<TestSocket>| {
        let (events, departures, errors) = (diary.clone(), diary.clone(), diary.clone());
        namespace.on("first", move |_: u8| events.note("first"));
        namespace.on_disconnect(move || departures.note("disconnect"));
        namespace.on_error(move |error: HandlerError<TestSocket>| errors.note(error.to_string()));
    };
    for refuse in [
        (|namespace| _ = namespace.on_connect(|| false)) as fn(&mut Namespace<TestSocket>),
        |namespace| _ = namespace.on_connect(async || Err::<(), _>(Refusal::new("not now"))),
        |namespace| _ = namespace.on_connect(|| Err::<(), _>(Refusal::internal("broken"))),
        |namespace| _ = namespace.on_connect(|_: u8| ()),
        |namespace| _ = namespace.on_connect(async || -> () { panic!("oh") }),
    ] {
        let client = server.client().handlers(|namespace| {
            refuse(namespace);
            noted(&diary, namespace);
        });
        let client = client.start();
        assert_eq!(client.admission(), Err(ConnectError::Closed));
        assert_eq!(left.take(), ["client namespace disconnect"]);
    }
    let errors = diary.take();
    let texts = ["broken", "u8", "it panicked: oh"];
    assert_eq!(errors.len(), texts.len(), "{errors:?}");
    for (error, text) in errors.iter().zip(texts) {
        assert!(error.starts_with("handler of \"connect\" in namespace \"/\": "), "{error}");
        assert!(error.contains(text), "{error}");
    }
}

#[test]
fn sequential_and_concurrent_handlers_of_a_client_keep_their_order() {
    let mut app = asking();
    app.namespace("/other").on("tell", |socket: Socket, event: String, rest: RawRest| {
        let _ = socket.emit(&event, rest);
        NoReply
    });
    let server = TestServer::new(app);
    let (diary, door) = (Diary::default(), Door::default());
    let client = server.connect().unwrap();
    let other = client.join("/other", &()).unwrap();
    let note = |text: &'static str| {
        let diary = diary.clone();
        move || diary.note(text)
    };
    let wait = |text: &'static str| {
        let (diary, door) = (diary.clone(), door.clone());
        async move || {
            door.wait().await;
            diary.note(text);
        }
    };
    client.on("inline", wait("inline"));
    client.on("sequential", sequential(wait("sequential")));
    client.on("concurrent", concurrent(note("concurrent")));
    client.on("plain", note("plain"));
    client.handlers(|namespace| _ = namespace.on_disconnect(note("disconnect")));
    other.on("plain", note("other"));
    for event in ["inline", "sequential", "plain", "concurrent"] {
        client.emit("tell", event);
    }
    other.emit("tell", "plain");
    client.disconnect();
    assert_eq!(diary.take(), ["concurrent", "other"]);
    door.open();
    server.run();
    let mut noted = diary.take();
    let inline = noted.iter().position(|line| line == "inline").expect("it is done");
    noted.remove(inline);
    assert_eq!(noted, ["sequential", "plain", "disconnect"]);
}

#[test]
fn a_namespace_of_a_client_may_be_sequential() {
    let server = TestServer::new(asking());
    let (diary, door) = (Diary::default(), Door::default());
    let client = server.connect().unwrap();
    let (waited, opening, plain) = (diary.clone(), door.clone(), diary.clone());
    client.on("wait", async move || {
        opening.wait().await;
        waited.note("waited");
    });
    client.on("plain", move || plain.note("plain"));
    client.handlers(|namespace| _ = namespace.sequential());
    client.emit("tell", "wait");
    client.emit("tell", "plain");
    assert_eq!(diary.take(), [""; 0]);
    door.open();
    server.run();
    assert_eq!(diary.take(), ["waited", "plain"]);
}

#[test]
fn errors_of_a_clients_handlers_go_to_its_error_handler() {
    let server = TestServer::new(asking());
    let diary = Diary::default();
    let client = server.connect().unwrap();
    client.on("number", |_: u8| ()).on("later", async |_: u8| -> () { panic!("oh") });
    let errors = diary.clone();
    client.handlers(|namespace| {
        let note = move |error: HandlerError<TestSocket>| {
            errors.note(format!("{} {}", error.event, error.args.json()));
        };
        namespace.on_error(note);
    });
    client.emit("tell", &("number", "text"));
    client.emit("tell", &("later", 7));
    assert_eq!(diary.take(), [r#"number ["text"]"#, "later [7]"]);
}

#[test]
fn handlers_of_a_client_take_state_that_it_was_given() {
    let server = TestServer::new(asking());
    let client = server.client().manage(7_u32).connect().unwrap();
    client.on("state", |state: State<u32>| *state);
    assert_eq!(client.call("ask", "state"), Ok(7));
    client.disconnect();
    let client = client.join("/", &()).unwrap();
    assert_eq!(client.call("ask", "state"), Ok(7));

    let advice = "a handler of \"x\" takes State<u64>: give one to Connect::manage";
    let failure = |test: &dyn Fn()| {
        let payload = catch_unwind(AssertUnwindSafe(test)).expect_err("it fails");
        *payload.downcast::<String>().expect("panics carry text")
    };
    assert_eq!(failure(&|| _ = client.on("x", |_: State<u64>| ())), advice);
    let unmanaged = || {
        let client = server.client();
        let client = client.handlers(|namespace| _ = namespace.on("x", |_: State<u64>| ()));
        drop(client.start());
    };
    assert_eq!(failure(&unmanaged), advice);
    client.on("x", || "it is still free");
}

#[test]
fn a_function_of_a_client_goes_before_a_method() {
    let server = TestServer::new(asking());
    let client = server.client().manage(1_u32).connect().unwrap();
    client.on("fail", || "function").class(Tally::default()).on("later", || "function");
    assert_eq!(client.call("ask", "fail"), Ok("function".to_owned()));
    assert_eq!(client.call("ask", "later"), Ok("function".to_owned()));
    assert_eq!(client.call("ask", &("add", 5)), Ok(5));
    let again = AssertUnwindSafe(|| _ = client.class(Tally::default()));
    assert!(catch_unwind(again).is_err());
}
