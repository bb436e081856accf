//! When handlers are called, and what waits for them.

use sansocket_app::client::{Client, Socket};
use sansocket_app::test::{Network, TestServer};
use sansocket_app::{
    App, Events, NamespaceClass, RawRest, Refusal, Side, State, concurrent, sequential,
};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use super::{Notes, client, join};

/// Sends what a client asks for.
fn sending() -> App {
    let mut app = App::new();
    app.on("send", |socket: sansocket_app::Socket, events: Vec<String>| {
        events.iter().enumerate().for_each(|(n, event)| {
            let _ = socket.emit(event, &n);
        });
    });
    app
}

fn noting(notes: &Notes, text: &'static str) -> impl Fn(u32) + Send + Sync + 'static {
    let notes = notes.clone();
    move |n| notes.add(format!("{text} {n}"))
}

#[test]
fn c67_a_sequential_handler_is_waited_for_and_a_concurrent_one_is_not() {
    let server = TestServer::new(sending());
    let (notes, mut client) = (Notes::default(), client());
    let to = notes.clone();
    let slow = async move |socket: Socket, n: u32| {
        to.add(format!("begin {n}"));
        socket.manager().sleep(Duration::from_secs(1)).await;
        to.add(format!("end {n}"));
    };
    client.on("slow", sequential(slow.clone())).on("free", slow);
    client.on("plain", noting(&notes, "plain"));
    let beside = noting(&notes, "beside");
    client.on("beside", concurrent(beside));
    let to = notes.clone();
    client.on_disconnect(move || to.add("left"));
    let socket = join(&server, client);
    socket.emit("send", &(["slow", "plain", "beside", "free", "plain"],)).expect("there is room");
    server.run();
    assert_eq!(notes.take(), ["begin 0", "beside 2"]);
    let leaving = socket.disconnect();
    server.run();
    assert!(notes.take().is_empty(), "leaving is told in its order");
    server.advance(Duration::from_secs(1));
    assert_eq!(notes.take(), ["end 0", "plain 1", "begin 3", "plain 4", "left"]);
    server.block_on(leaving);
    server.advance(Duration::from_secs(1));
    assert_eq!(notes.take(), ["end 3"]);
}

#[test]
fn c34_events_wait_for_the_connect_handler_and_a_refused_client_leaves() {
    let mut app = App::new();
    app.on_connect(|socket: sansocket_app::Socket| {
        let _ = socket.emit("early", &1);
    });
    app.on_disconnect(|| {});
    let server = TestServer::new(app);
    let (notes, mut client) = (Notes::default(), client());
    let to = notes.clone();
    client.on_connect(async move |socket: Socket| {
        to.add("begin");
        socket.manager().sleep(Duration::from_secs(1)).await;
        to.add("joined");
    });
    client.on("early", noting(&notes, "early"));
    let _kept = join(&server, client.clone());
    assert_eq!(notes.take(), ["begin"]);
    server.advance(Duration::from_secs(1));
    assert_eq!(notes.take(), ["joined", "early 1"]);
    let mut refusing = Client::new("http://localhost").expect("a URL");
    refusing.on_connect(|| Err::<(), _>(Refusal::new("not mine")));
    refusing.on("early", noting(&notes, "early"));
    let to = notes.clone();
    refusing.on_disconnect(move || to.add("left"));
    let socket = server.open(refusing).socket();
    drop(socket.connect());
    server.run();
    assert!(!socket.is_active() && notes.take().is_empty());
}

#[test]
fn a_panic_or_an_error_of_a_handler_is_told_and_harms_nothing() {
    let server = TestServer::new(sending());
    let (notes, mut client) = (Notes::default(), client());
    let to = notes.clone();
    client.on_error(move |error| to.add(error.to_string()));
    client.on("panic", |_: u32| -> () { panic!("on purpose") });
    client.on("text", |_: String| ());
    client.on("error", async || Err::<(), _>("no"));
    client.on("late", async |socket: Socket| -> () {
        socket.manager().sleep(Duration::from_secs(1)).await;
        panic!("later")
    });
    client.on("plain", noting(&notes, "plain"));
    client.on_event(|_| panic!("on purpose"));
    let socket = join(&server, client);
    socket.emit("send", &(["panic", "text", "error", "late", "plain"],)).expect("there is room");
    server.advance(Duration::from_secs(2));
    let of = |event: &str, what: &str| format!("handler of {event:?} in namespace \"/\": {what}");
    let noted = notes.take();
    assert_eq!(noted[0], of("panic", "it panicked: on purpose"));
    assert!(noted[1].starts_with(&of("text", "")), "{noted:?}");
    assert_eq!(
        noted[2..],
        [of("error", "no"), "plain 4".to_owned(), of("late", "it panicked: later")]
    );
    assert!(socket.is_connected());
}

#[test]
fn c66_handlers_come_and_go_while_the_client_runs() {
    let server = TestServer::new(sending());
    let notes = Notes::default();
    let (to, mut client) = (notes.clone(), client());
    client.on_any(move |rest: RawRest| to.add(format!("any {}", rest.0.json())));
    let sent = notes.clone();
    client.on_sent(move |socket, message| {
        sent.add(format!("{} sent {}", socket.namespace(), message.name()));
    });
    let socket = join(&server, client);
    let send = |events: &[&str]| socket.emit("send", &(events,)).expect("there is room");
    send(&["a"]);
    server.run();
    assert_eq!(notes.take(), ["/ sent send", "any [0]"]);
    let once = notes.clone();
    socket.handlers(|space| {
        space.on("a", move |socket: Socket, n: u32| {
            once.add(format!("once {n}"));
            socket.handlers(|space| {
                space.off("a");
            });
        });
    });
    send(&["a", "a"]);
    server.run();
    assert_eq!(notes.take(), ["/ sent send", "once 0", "any [1]"]);
}

/// A class for both ends.
#[derive(Default)]
struct Tally {
    sum: AtomicU32,
    notes: Notes,
}

impl<S: Side> NamespaceClass<S> for Tally {
    fn register(events: &mut Events<'_, Self, S>) {
        events.on_connect(Self::connect).on_disconnect(Self::disconnect).on("add", Self::add);
    }
}

impl Tally {
    fn connect(&self, times: State<u32>) {
        self.notes.add(format!("connect {}", *times));
    }

    fn add(&self, times: State<u32>, n: u32) -> u32 {
        self.sum.fetch_add(n * *times, Ordering::Relaxed) + n * *times
    }

    fn disconnect(&self) {
        self.notes.add("disconnect");
    }
}

#[test]
fn a_class_serves_both_ends() {
    let (theirs, ours) = (Tally::default(), Tally::default());
    let (their_notes, our_notes) = (theirs.notes.clone(), ours.notes.clone());
    let mut app = App::new();
    app.manage(1_u32).class("/", theirs);
    app.on("ask", async |socket: sansocket_app::Socket, n: u32| {
        socket.call::<u32>("add", &n).await.map_err(|error| error.to_string())
    });
    let server = TestServer::new(app);
    let mut client = client();
    client.class(ours).manage(10_u32);
    let socket = join(&server, client);
    assert_eq!(server.block_on(socket.call::<u32>("add", &2)), Ok(2));
    assert_eq!(server.block_on(socket.call::<u32>("ask", &2)), Ok(20));
    assert_eq!(server.block_on(socket.call::<u32>("ask", &2)), Ok(40));
    server.block_on(socket.disconnect());
    assert_eq!(our_notes.take(), ["connect 10", "disconnect"]);
    assert_eq!(their_notes.take(), ["connect 1", "disconnect"]);
}

#[test]
#[should_panic(expected = "give one to Client::manage")]
fn a_value_that_a_handler_takes_has_to_be_there() {
    let mut client = client();
    client.on("x", |_: State<u64>| ());
    let _ = TestServer::new(App::new()).open(client);
}

#[test]
fn handlers_of_before_a_loss_are_called_before_those_of_after() {
    let server = TestServer::new(sending());
    let (notes, mut client) = (Notes::default(), client());
    let to = notes.clone();
    let slow = async move |socket: Socket, n: u32| {
        socket.manager().sleep(Duration::from_secs(9)).await;
        to.add(format!("slow {n}"));
    };
    client.on("slow", sequential(slow)).on("plain", noting(&notes, "plain"));
    let to = notes.clone();
    client.on_connect(move || to.add("joined"));
    let to = notes.clone();
    client.on_disconnect(move || to.add("left"));
    let socket = join(&server, client);
    socket.emit("send", &(["slow", "plain"],)).expect("there is room");
    server.run();
    server.set_network(Network::Down);
    server.set_network(Network::Up);
    server.advance(Duration::from_secs(10));
    assert_eq!(notes.take(), ["joined", "slow 0", "plain 1", "left", "joined"]);
}

#[test]
fn c66_a_packet_middleware_hears_of_every_event_before_its_handler_and_may_drop_it() {
    let server = TestServer::new(sending());
    let (notes, mut client) = (Notes::default(), client());
    let to = notes.clone();
    client.packet_middleware(move |_, message| {
        to.add(format!("first {}{}", message.name(), message.json()));
        if message.name() == "bad" { Err("dropped") } else { Ok(()) }
    });
    let to = notes.clone();
    client.packet_middleware(move |socket, message| {
        to.add(format!("second {}{}", message.name(), socket.namespace()));
        Ok::<_, std::fmt::Error>(())
    });
    client.on("good", noting(&notes, "good")).on("bad", noting(&notes, "bad"));
    client.on("beside", concurrent(noting(&notes, "beside")));
    let to = notes.clone();
    client.on_error(move |error| to.add(error.to_string()));
    let socket = join(&server, client);
    socket.emit("send", &(["bad", "good", "none"],)).expect("there is room");
    server.run();
    let [dropped, error, heard @ ..] = &notes.take()[..] else { panic!("nothing was heard") };
    assert_eq!(dropped, "first bad[0]");
    assert!(error.contains("dropped"), "{error}");
    assert_eq!(heard, ["first good[1]", "second good/", "good 1", "first none[2]", "second none/"]);
    socket.emit("send", &(["beside"],)).expect("there is room");
    server.run();
    assert_eq!(notes.take(), ["first beside[0]", "second beside/", "beside 0"]);
}
