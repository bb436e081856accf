//! What every binding promises, on threads; and that handlers may block.

use sansocket_blocking::{App, Bytes, Listener, Server, Socket, Threads, http};
use std::net::SocketAddr;
use std::sync::{Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use suites::Client;
use suites::Serving;

suites::every_binding!(serve);
suites::every_client!(serve, sansocket_blocking::open);

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// Serves `app` on two threads, with eight shards and four workers.
fn serve(app: App, listeners: Vec<Listener>) -> (sansocket_app::Io, Serving) {
    let server = Server::builder(app).threads(Threads { io: 2, workers: 4 }).build();
    (server.io(), thread::spawn(move || server.serve_on(listeners)))
}

#[cfg(target_os = "linux")]
#[test]
fn a_pause_of_one_thread_drops_only_who_is_silent() {
    let name = concat!(module_path!(), "::a_pause_of_one_thread_drops_only_who_is_silent");
    suites::a_pause_of_the_process_drops_only_who_is_silent(serve_on_one, name, "");
}

#[cfg(target_os = "linux")]
#[test]
fn connections_that_wait_are_served_in_order() {
    let name = concat!(module_path!(), "::connections_that_wait_are_served_in_order");
    suites::connections_that_wait_are_served_in_order(serve_on_one, name);
}

/// Serves `app` with one thread for bytes and one for handlers.
fn serve_on_one(app: App, listeners: Vec<Listener>) -> (sansocket_app::Io, Serving) {
    let server = Server::builder(app).threads(Threads { io: 1, workers: 1 }).build();
    (server.io(), thread::spawn(move || server.serve_on(listeners)))
}

/// A server on a thread of its own.
struct Served {
    io: sansocket_app::Io,
    address: SocketAddr,
    serving: JoinHandle<std::io::Result<()>>,
}

impl Served {
    /// Serves `app` on two threads, with eight shards and four workers.
    fn start(app: App) -> Self {
        Self::with_workers(app, 4)
    }

    fn with_workers(app: App, workers: usize) -> Self {
        let listener = Listener::tcp("127.0.0.1:0").unwrap();
        let address = listener.local_addr().tcp().unwrap();
        let server = Server::builder(app).threads(Threads { io: 2, workers }).build();
        let io = server.io();
        Self { io, address, serving: thread::spawn(move || server.serve_on([listener])) }
    }

    fn client(&self) -> Client {
        Client::connect(self.address)
    }

    fn stop(self) {
        self.io.stop();
        self.serving.join().unwrap().unwrap();
    }
}

#[test]
fn hundreds_of_clients_share_two_threads() {
    let mut app = App::new();
    app.on("echo", |n: usize| n);
    let server = Served::start(app);
    let mut clients: Vec<Client> = (0..300).map(|_| server.client()).collect();
    for (n, client) in clients.iter_mut().enumerate() {
        client.post(&format!("420[\"echo\",{n}]"));
    }
    for (n, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.poll(), format!("430[{n}]"));
    }
    let held: usize = server.io.counts().iter().map(|counts| counts.sessions).sum();
    assert_eq!(held, 300);
    drop(clients);
    server.stop();
}

#[test]
fn a_handler_that_blocks_stalls_nobody() {
    let (go, gate) = mpsc::channel::<()>();
    let (gate, (entered, inside)) = (Mutex::new(gate), mpsc::channel());
    let mut app = App::new();
    app.on("block", move || {
        entered.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        "through"
    });
    app.on("quick", || "quick");
    // One shard, so that all clients share it.
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().tcp().unwrap();
    let server = Server::builder(app).threads(Threads { io: 1, workers: 4 }).build();
    assert_eq!(server.io().counts().len(), 1);
    thread::spawn(move || server.serve_on([listener]));
    let mut slow = Client::connect(address);
    slow.post(r#"420["block"]"#);
    inside.recv_timeout(PATIENCE).unwrap();
    let mut other = Client::connect(address);
    for n in 0..100 {
        other.post(&format!("42{n}[\"quick\"]"));
        assert_eq!(other.poll(), format!("43{n}[\"quick\"]"));
    }
    // What the slow one sends next waits for its turn.
    slow.post(r#"421["quick"]"#);
    go.send(()).unwrap();
    let mut answers = slow.poll();
    if answers == r#"430["through"]"# {
        answers = format!("{answers}\u{1e}{}", slow.poll());
    }
    assert_eq!(answers, "430[\"through\"]\u{1e}431[\"quick\"]");
}

#[test]
fn a_flood_behind_a_handler_that_blocks_stalls_only_its_sender_and_loses_nothing() {
    const FLOOD: usize = 8000;
    let (go, gate) = mpsc::channel::<()>();
    let (gate, (entered, inside)) = (Mutex::new(gate), mpsc::channel());
    let (handled, seen) = mpsc::channel();
    let mut app = App::new();
    app.on("block", move || {
        entered.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
    });
    app.on("n", move |n: usize| handled.send(n).unwrap());
    app.on("quick", || "quick");
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().tcp().unwrap();
    let server = Server::builder(app).threads(Threads { io: 1, workers: 4 }).build();
    thread::spawn(move || server.serve_on([listener]));
    let mut slow = Client::connect(address);
    slow.post(r#"42["block"]"#);
    inside.recv_timeout(PATIENCE).unwrap();
    let flood = |from: usize| {
        let packets: Vec<String> = (from..from + FLOOD).map(|n| format!("42[\"n\",{n}]")).collect();
        packets.join("\u{1e}")
    };
    slow.post(&flood(0));
    // This one is not even read while so much waits.
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", slow.sid);
    slow.send("POST", &target, &flood(FLOOD));
    let mut other = Client::connect(address);
    other.post(r#"420["quick"]"#);
    assert_eq!(other.poll(), r#"430["quick"]"#);
    assert!(seen.try_recv().is_err());
    go.send(()).unwrap();
    assert_eq!(slow.response(), (200, "ok".into()));
    let order: Vec<usize> = (0..2 * FLOOD).map(|_| seen.recv_timeout(PATIENCE).unwrap()).collect();
    assert!(order.iter().enumerate().all(|(place, &n)| place == n));
}

#[test]
fn plain_requests_that_block_stall_nobody() {
    let (go, gate) = mpsc::channel::<()>();
    let (gate, (entered, inside)) = (Mutex::new(gate), mpsc::channel());
    let mut app = App::new();
    app.fallback(move |request: http::Request<Bytes>| {
        entered.send(()).unwrap();
        gate.lock().unwrap().recv().unwrap();
        request.uri().path().to_owned()
    });
    let server = Served::start(app);
    let mut slow = server.client();
    slow.send("GET", "/slow", "");
    inside.recv_timeout(PATIENCE).unwrap();
    // More than threads, so that one of them is on the same.
    drop((0..8).map(|_| server.client()).collect::<Vec<_>>());
    go.send(()).unwrap();
    assert_eq!(slow.response(), (200, "/slow".into()));
}

#[test]
fn a_handler_that_panics_costs_no_worker() {
    let mut app = App::new();
    let (errors, heard) = mpsc::channel();
    app.on_error(move |error| errors.send(error.to_string()).unwrap());
    app.on("bad", || -> () { panic!("on purpose") });
    app.on("good", || "fine");
    // One worker: it must survive.
    let server = Served::with_workers(app, 1);
    let mut client = server.client();
    client.post("420[\"bad\"]\u{1e}421[\"good\"]");
    assert_eq!(client.poll(), r#"431["fine"]"#);
    assert!(heard.recv_timeout(PATIENCE).unwrap().starts_with(r#"handler of "bad""#));
    server.io.spawn(async { panic!("on purpose") });
    client.post(r#"422["good"]"#);
    assert_eq!(client.poll(), r#"432["fine"]"#);
}

#[test]
fn a_client_slower_than_its_messages_gets_all_of_them() {
    const LONG: usize = 400_000;
    let server = Served::start(App::new());
    let mut slow = server.client();
    let text = "x".repeat(LONG);
    // More answers than the buffers of both ends hold, and none of them read.
    let polls = 40;
    for _ in 0..polls {
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", slow.sid);
        slow.send("GET", &target, "");
    }
    for _ in 0..polls {
        server.io.emit("text", &text).unwrap();
    }
    let mut heard = 0;
    while heard < polls {
        let (status, body) = slow.response();
        assert_eq!(status, 200);
        heard += body.split('\u{1e}').inspect(|packet| assert_eq!(packet.len(), LONG + 13)).count();
    }
    assert_eq!(heard, polls);
}

#[test]
fn tasks_outnumber_workers_and_all_go_on() {
    let server = Served::with_workers(App::new(), 2);
    let (done, ended) = mpsc::channel();
    for n in 0..100_u64 {
        let (io, done) = (server.io.clone(), done.clone());
        server.io.spawn(async move {
            for _ in 0..3 {
                io.sleep(Duration::from_millis(n % 7)).await;
            }
            done.send(n).unwrap();
        });
    }
    let mut all: Vec<u64> = (0..100).map(|_| ended.recv_timeout(PATIENCE).unwrap()).collect();
    all.sort_unstable();
    assert!(all.into_iter().eq(0..100));
}

#[test]
fn shutdown_ends_threads_that_rest() {
    let server = Served::start(App::new());
    let (io, resting) = (server.io.clone(), server.io.clone());
    let background = io.thread(move || while resting.blocking_sleep(Duration::from_millis(1)) {});
    server.stop();
    background.join().unwrap();
    assert!(!io.blocking_sleep(PATIENCE));
}

#[test]
fn a_handler_may_stop_the_server() {
    let mut app = App::new();
    app.on("stop", |socket: Socket| socket.io().stop());
    let server = Served::with_workers(app, 1);
    let mut client = server.client();
    client.post(r#"42["stop"]"#);
    assert_eq!(client.poll(), "1");
    drop(client);
    server.serving.join().unwrap().unwrap();
}

#[test]
fn a_handler_waits_for_the_answer_of_its_client() {
    let mut app = App::new();
    app.on("ask me", |socket: Socket, n: u64| {
        let twice: u64 = socket.call("twice", &n).wait().unwrap();
        twice + 1
    });
    let server = Served::with_workers(app, 1);
    let mut client = server.client();
    client.post(r#"427["ask me",20]"#);
    assert_eq!(client.poll(), r#"420["twice",20]"#);
    client.post("430[40]");
    assert_eq!(client.poll(), "437[41]");
}
