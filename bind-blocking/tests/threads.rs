//! The threads of a server end with its last handle. Alone in this file, because it looks at those of the process.
#![cfg(target_os = "linux")]

use sansocket_blocking::{App, Listener, Server, Threads};
use std::fs;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};
use suites::Client;

/// Counts the threads of this process whose name begins with that of the product.
fn threads() -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name.starts_with("sansocket")).count()
}

#[test]
fn no_thread_outlives_the_server() {
    let mut app = App::new();
    app.on("nap", || thread::sleep(Duration::from_millis(5)));
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let address = listener.local_addr().tcp().unwrap();
    let server = Server::builder(app).threads(Threads { io: 3, workers: 5 }).build();
    let io = server.io();
    let serving = thread::spawn(move || server.serve_on([listener]));
    let mut clients: Vec<Client> = (0..20).map(|_| Client::connect(address)).collect();
    // Drivers are taken over again and again, and threads that come back are used again.
    for _ in 0..20 {
        clients.iter_mut().for_each(|client| client.post(r#"42["nap"]"#));
        // Those for bytes and for handlers, the clock, and one more for each driver that is taken over.
        assert!(threads() <= 3 + 5 + 1 + 3);
    }
    // A task that never ends is dropped.
    let (begun, running) = mpsc::channel();
    io.spawn(async move {
        begun.send(()).unwrap();
        std::future::pending::<()>().await;
        drop(begun);
    });
    running.recv().unwrap();
    assert!(threads() > 3 + 1);
    io.stop();
    drop(clients);
    serving.join().unwrap().unwrap();
    // A task of a server that has stopped still runs, until the last handle is gone.
    let (ran, late) = mpsc::channel();
    io.spawn(async move { ran.send(()).unwrap() });
    late.recv_timeout(Duration::from_secs(20)).unwrap();
    drop(io);
    // The system forgets a thread a moment after it was joined.
    let patience = Instant::now() + Duration::from_secs(20);
    while threads() > 0 {
        assert!(Instant::now() < patience);
        thread::yield_now();
    }
    assert_eq!(running.try_recv(), Err(mpsc::TryRecvError::Disconnected));
}
