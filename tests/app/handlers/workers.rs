//! Handlers on threads of their own.

use sansocket_app::bind::{Hub, Runtime, Workers};
use sansocket_app::{App, BoxFuture, Socket, concurrent};
use std::collections::HashSet;
use std::future::pending;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread::{JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use crate::handlers::stage::Client;

type Work = Box<dyn FnOnce() + Send>;

/// Some threads and their jobs.
struct Pool(Mutex<Sender<Work>>);

impl Pool {
    fn new(threads: usize) -> (Self, Vec<JoinHandle<()>>) {
        let (sender, receiver) = channel::<Work>();
        let receiver = Arc::new(Mutex::new(receiver));
        let thread = |_| {
            let receiver = receiver.clone();
            std::thread::spawn(move || {
                loop {
                    let work = receiver.lock().unwrap().recv();
                    let Ok(work) = work else { return };
                    work();
                }
            })
        };
        (Self(Mutex::new(sender)), (0..threads).map(thread).collect())
    }
}

impl Workers for Pool {
    fn run(&self, work: Work) {
        self.0.lock().unwrap().send(work).unwrap();
    }
}

impl Runtime for Pool {
    fn now(&self) -> Instant {
        Instant::now()
    }

    fn spawn(&self, mut task: BoxFuture<()>) {
        struct Unpark(std::thread::Thread);
        impl Wake for Unpark {
            fn wake(self: Arc<Self>) {
                self.0.unpark();
            }
        }
        std::thread::spawn(move || {
            let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
            while task.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
                std::thread::park();
            }
        });
    }

    fn sleep(&self, _: Duration) -> BoxFuture<()> {
        Box::pin(pending())
    }

    fn workers(&self) -> Option<&dyn Workers> {
        Some(self)
    }
}

struct Stage {
    hub: Arc<Hub>,
    workers: HashSet<ThreadId>,
}

impl Stage {
    fn new(app: App) -> Self {
        let (pool, threads) = Pool::new(4);
        let workers = threads.iter().map(|thread| thread.thread().id()).collect();
        Self { hub: Hub::new(app, pool, 1, [7; 32]), workers }
    }

    fn join(&self) -> Client {
        let mut client = Client::open(&self.hub, "", "");
        client.send(&["40"]);
        assert!(client.wait()[0].starts_with("40"));
        client
    }
}

/// The threads that ran handlers, and the answers of those.
fn heard<T>(receiver: &Receiver<T>) -> T {
    receiver.recv_timeout(Duration::from_secs(20)).expect("a handler runs")
}

#[test]
fn every_handler_runs_on_a_worker() {
    let (sender, receiver) = channel();
    let note = move |name: &'static str| {
        sender.send((name, std::thread::current().id())).unwrap();
    };
    let mut app = App::new();
    let said = note.clone();
    app.namespace("/").middleware(move |_: Socket| said("middleware"));
    let said = note.clone();
    app.on_connect(move |_: Socket| said("connect"));
    let said = note.clone();
    app.on("plain", move || said("plain"));
    let said = note.clone();
    app.on("async", move || {
        let said = said.clone();
        async move { said("async") }
    });
    let said = note.clone();
    app.on("concurrent", concurrent(move || said("concurrent")));
    let said = note.clone();
    app.on("ask", move |socket: Socket| {
        let said = said.clone();
        socket.emit_then("q", &(), Duration::from_secs(60), move |_| said("callback"))
    });
    app.on_disconnect(move |_: Socket| note("disconnect"));
    let stage = Stage::new(app);
    let mut client = stage.join();
    for (packet, name) in [
        ("", "middleware"),
        ("", "connect"),
        (r#"42["plain"]"#, "plain"),
        (r#"42["async"]"#, "async"),
        (r#"42["concurrent"]"#, "concurrent"),
    ] {
        if !packet.is_empty() {
            client.send(&[packet]);
        }
        let (said, thread) = heard(&receiver);
        assert_eq!(said, name);
        assert!(stage.workers.contains(&thread), "{name}");
    }
    client.send(&[r#"42["ask"]"#]);
    assert_eq!(client.wait(), [r#"420["q"]"#]);
    client.send(&["430[]", "41"]);
    for name in ["callback", "disconnect"] {
        let (said, thread) = heard(&receiver);
        assert_eq!(said, name);
        assert!(stage.workers.contains(&thread), "{name}");
    }
}

#[test]
fn events_of_one_client_are_handled_in_order() {
    let (sender, receiver) = channel();
    let mut app = App::new();
    app.on("n", move |n: u32| {
        if n.is_multiple_of(7) {
            std::thread::yield_now();
        }
        sender.send(n).unwrap();
    });
    let stage = Stage::new(app);
    let mut client = stage.join();
    for first in (0..1000).step_by(10) {
        let packets: Vec<String> = (first..first + 10).map(|n| format!("42[\"n\",{n}]")).collect();
        client.send(&packets.iter().map(String::as_str).collect::<Vec<_>>());
    }
    let order: Vec<u32> = (0..1000).map(|_| heard(&receiver)).collect();
    assert!(order.iter().copied().eq(0..1000), "{order:?}");
}

#[test]
fn events_of_different_clients_are_handled_side_by_side() {
    let (sender, receiver) = channel();
    let barrier = Arc::new(Barrier::new(3));
    let mut app = App::new();
    app.on("meet", move || {
        barrier.wait();
        sender.send(()).unwrap();
    });
    let stage = Stage::new(app);
    let mut clients = [stage.join(), stage.join(), stage.join()];
    clients.iter_mut().for_each(|client| client.send(&[r#"42["meet"]"#]));
    (0..3).for_each(|_| heard(&receiver));
}

#[test]
fn concurrent_events_of_one_client_are_handled_side_by_side() {
    let (sender, receiver) = channel();
    let barrier = Arc::new(Barrier::new(3));
    let mut app = App::new();
    let other = barrier.clone();
    app.on("wait", move || other.wait().is_leader());
    app.on(
        "meet",
        concurrent(move || {
            barrier.wait();
            sender.send(()).unwrap();
        }),
    );
    let stage = Stage::new(app);
    let mut client = stage.join();
    client.send(&[r#"42["wait"]"#, r#"42["meet"]"#, r#"42["meet"]"#]);
    (0..2).for_each(|_| heard(&receiver));
}

#[test]
fn a_flood_behind_a_slow_handler_is_read_no_further_until_it_is_handled() {
    let (go, gone) = channel::<()>();
    let (gone, (sender, receiver)) = (Mutex::new(gone), channel());
    let mut app = App::new();
    app.on("n", move |n: u32| {
        if n == 0 {
            gone.lock().unwrap().recv().unwrap();
        }
        sender.send(n).unwrap();
    });
    let stage = Stage::new(app);
    let mut client = stage.join();
    // The first sixteen pass 1 MiB; the one that is being handled counts.
    let rest = "x".repeat(1 << 16);
    let packet = |n| match n {
        0..16 => format!("42[\"n\",{n},\"{rest}\"]"),
        _ => format!("42[\"n\",{n}]"),
    };
    let packets: Vec<String> = (0..2000).map(packet).collect();
    for (some, may_wait) in [(0..15, true), (15..16, false), (16..2000, false)] {
        client.send(&packets[some].iter().map(String::as_str).collect::<Vec<_>>());
        assert_eq!(client.is_read(), may_wait);
    }
    go.send(()).unwrap();
    client.wait_read();
    let order: Vec<u32> = (0..2000).map(|_| heard(&receiver)).collect();
    assert!(order.iter().copied().eq(0..2000), "{order:?}");
}
