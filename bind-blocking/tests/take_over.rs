//! Handlers run on the thread that carries their connection, until one blocks: then another thread goes on.

use sansocket_blocking::{App, Io, Listener, Server, Socket, Threads};
use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::Duration;
use suites::Client;

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// A server on a thread of its own, with one thread that carries all connections.
struct Served {
    io: Io,
    address: SocketAddr,
    serving: JoinHandle<io::Result<()>>,
}

impl Served {
    fn start(app: App, workers: usize) -> Self {
        let listener = Listener::tcp("127.0.0.1:0").unwrap();
        let address = listener.local_addr().tcp().unwrap();
        let server = Server::builder(app).threads(Threads { io: 1, workers }).build();
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

/// A place where handlers block until it is opened.
#[derive(Default)]
struct Barrier {
    open: Mutex<bool>,
    opened: Condvar,
}

impl Barrier {
    fn pass(&self) {
        drop(self.opened.wait_while(self.open.lock().unwrap(), |open| !*open).unwrap());
    }

    fn open(&self) {
        *self.open.lock().unwrap() = true;
        self.opened.notify_all();
    }
}

/// An application with a handler that blocks, and what tells that it does.
fn blocking() -> (App, Arc<Barrier>, mpsc::Receiver<()>) {
    let (barrier, (entered, inside)) = (Arc::new(Barrier::default()), mpsc::channel());
    let mut app = App::new();
    let gate = barrier.clone();
    app.on("block", move || {
        entered.send(()).unwrap();
        gate.pass();
        "through"
    });
    app.on("quick", || "quick");
    (app, barrier, inside)
}

#[test]
fn all_workers_but_one_may_block_and_nobody_else_stalls() {
    let (app, barrier, inside) = blocking();
    let server = Served::start(app, 4);
    let mut blocked: Vec<Client> = (0..3).map(|_| server.client()).collect();
    for client in &mut blocked {
        client.post(r#"420["block"]"#);
        inside.recv_timeout(PATIENCE).unwrap();
    }
    let mut other = server.client();
    for n in 0..200 {
        other.post(&format!("42{n}[\"quick\"]"));
        assert_eq!(other.poll(), format!("43{n}[\"quick\"]"));
    }
    barrier.open();
    for client in &mut blocked {
        assert_eq!(client.poll(), r#"430["through"]"#);
    }
    drop((blocked, other));
    server.stop();
}

#[test]
fn connections_are_carried_while_all_workers_block() {
    let (app, barrier, inside) = blocking();
    let server = Served::start(app, 2);
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    clients.iter_mut().for_each(|client| client.post(r#"420["block"]"#));
    (0..2).for_each(|_| inside.recv_timeout(PATIENCE).unwrap());
    server.io.emit("news", &1).unwrap();
    clients.iter_mut().for_each(|client| assert_eq!(client.poll(), r#"42["news",1]"#));
    barrier.open();
    (0..2).for_each(|_| inside.recv_timeout(PATIENCE).unwrap());
    clients.iter_mut().for_each(|client| assert_eq!(client.poll(), r#"430["through"]"#));
    drop(clients);
    server.stop();
}

#[test]
fn handlers_wait_for_answers_of_their_clients_on_all_workers_at_once() {
    let mut app = App::new();
    app.on("ask me", |socket: Socket, n: u64| {
        let twice: u64 = socket.call("twice", &n).wait().unwrap();
        twice + 1
    });
    let server = Served::start(app, 4);
    let mut clients: Vec<Client> = (0..4).map(|_| server.client()).collect();
    for round in 0..50 {
        clients.iter_mut().for_each(|client| client.post(&format!("427[\"ask me\",{round}]")));
        for client in &mut clients {
            let question = client.poll();
            let id = question.strip_suffix(&format!("[\"twice\",{round}]")).unwrap();
            client.post(&format!("43{}[{}]", &id[2..], 2 * round));
        }
        for client in &mut clients {
            assert_eq!(client.poll(), format!("437[{}]", 2 * round + 1));
        }
    }
    drop(clients);
    server.stop();
}

#[test]
fn a_handler_waits_for_the_answer_of_another_client() {
    let answerer: Arc<Mutex<Option<Socket>>> = Arc::default();
    let mut app = App::new();
    let known = answerer.clone();
    app.on("I answer", move |socket: Socket| *known.lock().unwrap() = Some(socket));
    app.on("ask", move |n: u64| {
        let other = answerer.lock().unwrap().clone().unwrap();
        other.call::<u64>("twice", &n).wait().unwrap()
    });
    let server = Served::start(app, 1);
    let (mut asker, mut other) = (server.client(), server.client());
    other.post(r#"420["I answer"]"#);
    assert_eq!(other.poll(), "430[]");
    asker.post(r#"421["ask",20]"#);
    assert_eq!(other.poll(), r#"420["twice",20]"#);
    other.post("430[40]");
    assert_eq!(asker.poll(), "431[40]");
    drop((asker, other));
    server.stop();
}

#[test]
fn events_stay_in_order_while_drivers_are_taken_over() {
    const CLIENTS: usize = 8;
    const EVENTS: usize = 400;
    let (heard, hearing) = mpsc::channel();
    let mut app = App::new();
    app.on("n", move |client: usize, n: usize| {
        // Some block for longer than a leader may, some for less, and most not at all.
        match (client + n) % 97 {
            0 => thread::sleep(Duration::from_millis(5)),
            1 | 2 => thread::sleep(Duration::from_micros(300)),
            _ => {}
        }
        heard.send((client, n)).unwrap();
        n
    });
    let server = Served::start(app, 4);
    let mut clients: Vec<Client> = (0..CLIENTS).map(|_| server.client()).collect();
    for from in (0..EVENTS).step_by(8) {
        for (at, client) in clients.iter_mut().enumerate() {
            let packets: Vec<String> =
                (from..from + 8).map(|n| format!("42{n}[\"n\",{at},{n}]")).collect();
            client.post(&packets.join("\u{1e}"));
        }
    }
    let mut next: HashMap<usize, usize> = HashMap::new();
    for _ in 0..CLIENTS * EVENTS {
        let (client, n) = hearing.recv_timeout(PATIENCE).unwrap();
        let expected = next.entry(client).or_default();
        assert_eq!(n, *expected, "of client {client}");
        *expected += 1;
    }
    for client in &mut clients {
        let mut answers = Vec::new();
        while answers.len() < EVENTS {
            answers.extend(client.poll().split('\u{1e}').map(str::to_owned));
        }
        let expected = (0..EVENTS).map(|n| format!("43{n}[{n}]"));
        assert!(answers.into_iter().eq(expected));
    }
    drop(clients);
    server.stop();
}

#[test]
fn handlers_that_block_shortly_come_to_run_side_by_side() {
    let (running, most) = (AtomicUsize::new(0), Arc::new(AtomicUsize::new(0)));
    let mut app = App::new();
    let seen = most.clone();
    app.on("nap", move || {
        seen.fetch_max(running.fetch_add(1, Ordering::AcqRel) + 1, Ordering::AcqRel);
        thread::sleep(Duration::from_micros(200));
        running.fetch_sub(1, Ordering::AcqRel);
    });
    let server = Served::start(app, 8);
    let mut clients: Vec<Client> = (0..8).map(|_| server.client()).collect();
    // The leader does them one after the other at first.
    for _ in 0..1000 {
        clients.iter_mut().for_each(|client| client.post(r#"420["nap"]"#));
        clients.iter_mut().for_each(|client| assert_eq!(client.poll(), "430[]"));
        if most.load(Ordering::Acquire) > 4 {
            break;
        }
    }
    assert!(most.load(Ordering::Acquire) > 4);
    drop(clients);
    server.stop();
}

#[test]
fn a_server_stops_while_handlers_block() {
    for round in 0..20 {
        let (app, barrier, inside) = blocking();
        let server = Served::start(app, 4);
        let mut clients: Vec<Client> = (0..3).map(|_| server.client()).collect();
        for client in clients.iter_mut().take(round % 3 + 1) {
            client.post(r#"42["block"]"#);
            inside.recv_timeout(PATIENCE).unwrap();
        }
        let io = server.io.clone();
        io.stop();
        // Told by a thread that took over.
        clients.iter_mut().for_each(|client| assert_eq!(client.poll(), "1"));
        drop(clients);
        assert!(!server.serving.is_finished());
        barrier.open();
        server.serving.join().unwrap().unwrap();
    }
}

#[test]
fn a_handler_waits_for_its_own_task() {
    let mut app = App::new();
    app.on("delegate", |socket: Socket| {
        let (done, ended) = mpsc::channel();
        socket.io().spawn(async move { done.send("done").unwrap() });
        ended.recv_timeout(PATIENCE).unwrap()
    });
    let server = Served::start(app, 2);
    let mut client = server.client();
    for _ in 0..5 {
        client.post(r#"420["delegate"]"#);
        assert_eq!(client.poll(), r#"430["done"]"#);
    }
    drop(client);
    server.stop();
}
