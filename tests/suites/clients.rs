//! A binding's clients, against its own server.

use sansocket_app::client::{
    AckError, Client, EmitError, Event, Kind, Manager, Reason, ReceiveError, SimpleClient, Socket,
    Transport,
};
use sansocket_app::{
    App, BoxError, Bytes, Events, Io, Listener, NamespaceClass, Refusal, Side, concurrent,
    sequential,
};
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use crate::client::PATIENCE;
use crate::{Serve, start};

/// How a binding starts a client.
pub type Open = fn(Client) -> Manager;

/// The ways a client may take.
const WAYS: [&[Transport]; 3] =
    [&[Transport::Polling], &[Transport::WebSocket], &[Transport::Polling, Transport::WebSocket]];

fn client(address: SocketAddr) -> Client {
    Client::new(&format!("http://{address}")).expect("an address is a URL")
}

/// Waits until something is so.
fn until(what: &str, mut so: impl FnMut() -> bool) {
    let patience = Instant::now() + PATIENCE;
    while !so() {
        assert!(Instant::now() < patience, "{what}");
        thread::sleep(Duration::from_millis(2));
    }
}

/// A class for both ends.
struct Sums;

impl<S: Side> NamespaceClass<S> for Sums {
    fn register(events: &mut Events<'_, Self, S>) {
        events.on("add", Self::add);
    }
}

impl Sums {
    fn add(&self, a: i64, b: i64) -> i64 {
        a + b
    }
}

/// Events and acknowledgements go both ways, with several arguments, binary, and of any size.
pub fn a_client_and_a_server_answer_each_other(serve: Serve, open: Open) {
    let mut app = App::new();
    app.class("/", Sums);
    app.on("echo", |data: Bytes, more: Value| (data, more));
    app.on("ask", async |socket: sansocket_app::Socket, event: String| -> Result<i64, BoxError> {
        Ok(socket.call(&event, &(20, 22)).await?)
    });
    let (_io, address, _serving) = start(serve, app);
    for way in WAYS {
        let mut client = client(address);
        client.class(Sums).configure(|config| config.transports = way.to_vec());
        client.on("later", async |socket: Socket, a: i64, b: i64| -> Result<i64, AckError> {
            socket.call("add", &(a, b)).await
        });
        let socket = open(client).connect().wait().expect("the server lets it in");
        assert!(socket.is_connected() && socket.is_active());
        assert_eq!(socket.id().map(|id| id.len()), Some(20));
        assert_eq!(socket.call::<i64>("add", &(1, 2)).wait(), Ok(3));
        for event in ["add", "later"] {
            assert_eq!(socket.call::<i64>("ask", &event).wait(), Ok(42), "{way:?}");
        }
        for size in [0, 1, 50_000, 300_000] {
            let (data, more) = (Bytes::from(vec![7; size]), json!({"n": "x".repeat(size)}));
            let echoed = socket.call::<(Bytes, Value)>("echo", &(&data, &more)).wait();
            assert_eq!(echoed, Ok((data, more)), "{way:?}");
        }
        let nobody = socket.call_within::<()>("nobody", &(), Duration::from_millis(20));
        assert_eq!(nobody.wait(), Err(AckError::TimedOut));
        let reserved = socket.emit("connect", &());
        assert!(matches!(reserved, Err(EmitError::Refused(_))), "{reserved:?}");
        let last = *way.last().expect("there is one");
        until("the transport is the last one", || socket.transport() == Some(last));
        socket.disconnect().wait();
        assert!(!socket.is_connected() && socket.transport().is_none());
    }
}

/// Events arrive in the order in which they were sent, before, during and after an upgrade.
pub fn events_of_a_client_keep_their_order(serve: Serve, open: Open) {
    const EVENTS: u32 = 5000;
    let (heard, order) = mpsc::channel();
    let mut app = App::new();
    app.on("n", move |n: u32| heard.send(n).expect("the test listens"));
    app.on("flood", |socket: sansocket_app::Socket| {
        (0..EVENTS).try_for_each(|n| socket.emit("n", &n)).map_err(|error| error.to_string())
    });
    let (_io, address, _serving) = start(serve, app);
    let (heard, back) = mpsc::channel();
    let mut client = client(address);
    client.on("n", sequential(async move |n: u32| heard.send(n).expect("the test listens")));
    let socket = open(client).connect().wait().expect("the server lets it in");
    for n in 0..EVENTS {
        while let Err(error) = socket.emit("n", &n) {
            assert!(matches!(error, EmitError::Refused(_)), "{error}");
            socket.drained().wait().expect("the namespace is joined");
        }
    }
    let order: Vec<u32> = order.iter().take(EVENTS as usize).collect();
    assert!(order.iter().copied().eq(0..EVENTS));
    socket.emit("flood", &()).expect("there is room");
    let back: Vec<u32> = back.iter().take(EVENTS as usize).collect();
    assert!(back.iter().copied().eq(0..EVENTS));
}

/// A refusal is told with its words and data, and is not tried again.
pub fn a_refused_client_is_told_why(serve: Serve, open: Open) {
    let mut app = App::new();
    app.namespace("/closed").on_connect(|| -> Result<(), Refusal> {
        Err(Refusal::new("not today").with_data(&json!({"until": 7})))
    });
    let (_io, address, _serving) = start(serve, app);
    let mut client = client(address);
    let (told, errors) = mpsc::channel();
    client.namespace("/closed").on_connect_error(move |socket, error| {
        told.send((socket.namespace().to_owned(), error)).expect("the test listens");
    });
    let manager = open(client);
    let closed = manager.of("closed").expect("a name");
    let error = closed.connect().wait().expect_err("it is closed");
    assert_eq!((error.kind(), error.message()), (Kind::Refused, "not today"));
    assert_eq!(error.data::<Value>(), Ok(json!({"until": 7})));
    assert!(!error.will_retry() && !closed.is_active());
    assert_eq!(errors.recv_timeout(PATIENCE), Ok(("/closed".to_owned(), error)));
    manager.closed().wait();
    // The others are not concerned, and it may be tried again.
    manager.connect().wait().expect("/ is open");
    assert!(closed.connect().patiently().wait().is_err());
    assert!(manager.socket().is_connected());
}

/// A connection that is lost comes back: what was sent meanwhile arrives, and the auth payload is made anew.
pub fn a_lost_connection_comes_back(serve: Serve, open: Open) {
    let (joined, heard) = mpsc::channel();
    let mut app = App::new();
    app.on_connect(move |socket: sansocket_app::Socket| {
        let auth: Value = socket.auth().unwrap_or_default();
        joined.send((auth["n"].as_u64(), socket)).expect("the test listens");
    });
    let (said, words) = mpsc::channel();
    app.on("say", move |text: String| said.send(text).expect("the test listens"));
    let (_io, address, _serving) = start(serve, app);
    for way in WAYS {
        let mut client = client(address);
        client.configure(|config| {
            config.transports = way.to_vec();
            let backoff = config.reconnect.as_mut().expect("it is on");
            backoff.delay = Duration::from_millis(10);
        });
        let asked = Arc::new(AtomicU32::new(0));
        let count = asked.clone();
        client.auth_with(async move || -> Result<Value, BoxError> {
            Ok(json!({"n": count.fetch_add(1, Ordering::Relaxed)}))
        });
        let (lost, losses) = mpsc::channel();
        client.on_disconnect(move |socket: Socket, reason: Reason| {
            let _ = socket.emit("say", "meanwhile");
            lost.send(reason).expect("the test listens");
        });
        let (told, events) = mpsc::channel();
        client.on_event(move |event| told.send(event).expect("the test listens"));
        let socket = open(client).connect().wait().expect("the server lets it in");
        let (n, other) = heard.recv_timeout(PATIENCE).expect("it joined");
        assert_eq!(n, Some(0));
        other.close_transport();
        let reason = losses.recv_timeout(PATIENCE).expect("the connection was lost");
        assert!(matches!(reason, Reason::TransportClose | Reason::TransportError), "{reason}");
        assert_eq!(words.recv_timeout(PATIENCE), Ok("meanwhile".to_owned()));
        let (n, _) = heard.recv_timeout(PATIENCE).expect("it joined again");
        assert_eq!((n, asked.load(Ordering::Relaxed)), (Some(1), 2));
        let mut told = Vec::new();
        while !told.contains(&Event::Reconnected { n: 1 }) {
            told.push(events.recv_timeout(PATIENCE).expect("more is told"));
        }
        let opened = told.iter().filter(|event| matches!(event, Event::Opened { .. })).count();
        assert_eq!(opened, 2, "{told:?}");
        assert!(told.contains(&Event::Attempt { n: 1 }), "{told:?}");
        until("the client knows", || socket.is_connected());
        socket.disconnect().wait();
        assert_eq!(losses.recv_timeout(PATIENCE), Ok(Reason::ClientDisconnect));
    }
}

/// A client that finds no server goes on trying, and one that starts later is found.
pub fn a_server_that_starts_late_is_found(serve: Serve, open: Open) {
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = reserved.local_addr().expect("it is bound");
    drop(reserved);
    let mut client = client(address);
    client.configure(|config| {
        config.reconnect.as_mut().expect("it is on").delay = Duration::from_millis(20);
    });
    let manager = open(client);
    let error = manager.connect().wait().expect_err("nobody listens");
    assert_eq!(error.kind(), Kind::Transport);
    assert!(error.will_retry() && manager.socket().is_active(), "{error}");
    manager.socket().emit("early", &1).expect("it waits");
    assert_eq!(manager.socket().waiting(), 1);
    let (early, heard) = mpsc::channel();
    let mut app = App::new();
    app.on("early", move |n: u32| early.send(n).expect("the test listens"));
    let listener = Listener::tcp(&*address.to_string()).expect("the port is still free");
    let (_io, _serving) = serve(app, vec![listener]);
    manager.connect().patiently().wait().expect("it listens now");
    assert_eq!(heard.recv_timeout(PATIENCE), Ok(1));
}

/// An attempt that fails is told to the handlers of its namespaces first, on any number of threads.
pub fn a_failed_attempt_is_told_in_order(_: Serve, open: Open) {
    let reserved = std::net::TcpListener::bind("127.0.0.1:0").expect("a port is free");
    let address = reserved.local_addr().expect("it is bound");
    drop(reserved);
    let mut client = client(address);
    client.configure(|config| {
        let backoff = config.reconnect.as_mut().expect("it is on");
        (backoff.delay, backoff.attempts) = (Duration::from_millis(1), Some(2));
    });
    let (told, notes) = mpsc::channel();
    let to = told.clone();
    client.on_event(move |event| {
        let note = if matches!(event, Event::AttemptFailed { .. }) { "failed" } else { "other" };
        to.send(note).expect("the test listens");
    });
    client.namespace("/slow").on_connect_error(move |_, _| {
        thread::sleep(Duration::from_millis(50));
        told.send("slow").expect("the test listens");
    });
    let manager = open(client);
    let slow = manager.of("/slow").expect("that is a name").connect();
    slow.patiently().wait().expect_err("nobody listens");
    let next = || notes.recv_timeout(PATIENCE).expect("more is told");
    // `other` is an attempt that begins, and at the end that no further one does.
    for note in ["slow", "other", "slow", "failed", "other", "slow", "failed", "other"] {
        assert_eq!(next(), note);
    }
}

/// A connection that is open is told before its namespaces are joined, on any number of threads.
pub fn an_open_connection_is_told_before_its_namespaces(serve: Serve, open: Open) {
    let (_io, address, _serving) = start(serve, App::new());
    let mut client = client(address);
    let (told, notes) = mpsc::channel();
    let to = told.clone();
    client.on_event(move |event| {
        if matches!(event, Event::Opened { .. }) {
            thread::sleep(Duration::from_millis(50));
            to.send("opened").expect("the test listens");
        }
    });
    client.on_connect(async move || {
        told.send("joined").expect("the test listens");
    });
    let _socket = open(client).connect().wait().expect("the server lets it in");
    for note in ["opened", "joined"] {
        assert_eq!(notes.recv_timeout(PATIENCE), Ok(note));
    }
}

/// The client ends with its last handle, and says goodbye.
pub fn the_last_handle_ends_the_client(serve: Serve, open: Open) {
    let (left, reasons) = mpsc::channel();
    let mut app = App::new();
    app.on_disconnect(move |reason: sansocket_app::Reason| {
        left.send(reason).expect("the test listens")
    });
    app.namespace("/other");
    let (io, address, _serving) = start(serve, app);
    for way in WAYS {
        let mut client = client(address);
        client.configure(|config| config.transports = way.to_vec());
        let manager = open(client);
        let socket = manager.connect().wait().expect("the server lets it in");
        manager.of("/other").expect("a name").connect().wait().expect("it is open, too");
        drop(manager);
        socket.emit("last words", &()).expect("there is room");
        drop(socket);
        let reason = reasons.recv_timeout(PATIENCE).expect("the client left");
        assert_eq!(reason.as_str(), "client namespace disconnect", "{way:?}");
        gone(&io);
    }
}

fn gone(io: &Io) {
    until("no session is left", || io.counts().iter().all(|counts| counts.sessions == 0));
}

/// A handler that blocks, waits or panics keeps its place in line, and harms nobody.
pub fn handlers_of_a_client_keep_in_line(serve: Serve, open: Open) {
    let mut app = App::new();
    app.on("go", |socket: sansocket_app::Socket| -> Result<(), BoxError> {
        for (event, n) in [("slow", 1), ("plain", 2), ("panic", 3), ("plain", 4), ("beside", 5)] {
            socket.emit(event, &n)?;
        }
        Ok(())
    });
    let (_io, address, _serving) = start(serve, app);
    let (note, notes) = mpsc::channel::<String>();
    let mut client = client(address);
    let to = note.clone();
    let slow = async move |socket: Socket, n: u32| {
        socket.manager().sleep(Duration::from_millis(20)).await;
        to.send(format!("slow {n}")).expect("the test listens");
    };
    let to = note.clone();
    client.on("slow", sequential(slow));
    client.on("plain", move |n: u32| to.send(format!("plain {n}")).expect("the test listens"));
    client.on("panic", |_: u32| -> () { panic!("on purpose") });
    let to = note.clone();
    client.on(
        "beside",
        concurrent(async move |n: u32| to.send(format!("beside {n}")).expect("the test listens")),
    );
    client.on_error(move |error| note.send(error.to_string()).expect("the test listens"));
    let socket = open(client).connect().wait().expect("the server lets it in");
    socket.emit("go", &()).expect("there is room");
    let noted: Vec<String> = (0..5).filter_map(|_| notes.recv_timeout(PATIENCE).ok()).collect();
    let (beside, in_line): (Vec<_>, Vec<_>) =
        noted.into_iter().partition(|note| note.starts_with("beside"));
    assert_eq!(beside, ["beside 5"]);
    let panic = r#"handler of "panic" in namespace "/": it panicked: on purpose"#;
    assert_eq!(in_line, ["slow 1", "plain 2", panic, "plain 4"]);
}

/// The client without handlers receives what comes, one after the other.
pub fn a_simple_client_receives_what_comes(serve: Serve, open: Open) {
    let mut app = App::new();
    app.on("count", |socket: sansocket_app::Socket, n: u32| -> Result<u32, BoxError> {
        (0..n).try_for_each(|n| socket.emit("n", &n))?;
        Ok(n)
    });
    let (_io, address, _serving) = start(serve, app);
    let simple = SimpleClient::start(client(address), open).wait().expect("the server lets it in");
    assert_eq!(simple.call::<u32>("count", &2000).wait(), Ok(2000));
    for n in 0..2000 {
        let (name, args) = simple.receive_within(PATIENCE).wait().expect("it was sent");
        assert_eq!((name.as_str(), args.json()), ("n", &*format!("[{n}]")));
    }
    let nothing = simple.receive_within(Duration::from_millis(5)).wait();
    assert_eq!(nothing, Err(ReceiveError::TimedOut));
    simple.disconnect().wait();
    assert_eq!(simple.receive().wait(), Err(ReceiveError::Disconnected));
}

/// Hundreds of clients come, talk and go.
pub fn hundreds_of_clients_share_a_runtime(serve: Serve, open: Open) {
    let mut app = App::new();
    app.class("/", Sums);
    let (io, address, _serving) = start(serve, app);
    let client = client(address);
    let sockets: Vec<_> = (0..200).map(|_| open(client.clone()).connect()).collect();
    let sockets: Vec<Socket> = sockets
        .into_iter()
        .map(|joining| joining.patiently().wait().expect("all may join"))
        .collect();
    let sums: Vec<_> = sockets.iter().map(|socket| socket.call::<i64>("add", &(1, 1))).collect();
    assert!(sums.into_iter().all(|sum| sum.wait() == Ok(2)));
    drop(sockets);
    gone(&io);
}
