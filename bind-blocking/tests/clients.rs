//! The threads of clients end with the last of them, and are few. Alone in this file, because it looks at those of
//! the process.
#![cfg(target_os = "linux")]

use sansocket_blocking::client::{Client, Socket};
use sansocket_blocking::{App, Listener, Server, Threads};
use std::fs;
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// Counts the threads of this process whose name begins so.
fn threads(name: &str) -> usize {
    let tasks = fs::read_dir("/proc/self/task").unwrap();
    let names = tasks.filter_map(|task| fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|other| other.starts_with(name)).count()
}

/// Waits until so many threads have such a name.
fn settle(name: &str, most: usize) {
    let patience = Instant::now() + Duration::from_secs(30);
    while threads(name) > most {
        assert!(Instant::now() < patience);
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn no_thread_outlives_the_last_client() {
    let workers = Threads::default().workers;
    // Answers come when all workers of the clients wait for one.
    let asked = Arc::new((Mutex::new(0), Condvar::new()));
    let (all, mut app) = (asked.clone(), App::new());
    app.on("ask me", |socket: sansocket_blocking::Socket| socket.emit("ask", &()).unwrap());
    app.on("question", move |n: usize| {
        let (count, changed) = &*all;
        let mut count = count.lock().unwrap();
        *count += 1;
        changed.notify_all();
        let patience = Duration::from_secs(20);
        let waited = changed.wait_timeout_while(count, patience, |count| *count < workers);
        assert!(!waited.unwrap().1.timed_out());
        2 * n
    });
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().tcp().unwrap());
    let of_server = Threads { io: 1, workers: 2 * workers };
    let server = Server::builder(app).threads(of_server).build();
    let io = server.io();
    let serving = thread::spawn(move || server.serve_on([listener]));
    for _ in 0..2 {
        *asked.0.lock().unwrap() = 0;
        let (done, ended) = std::sync::mpsc::channel();
        let mut asking = Client::new(&url).unwrap();
        asking.on("ask", move |socket: Socket| {
            let twice: usize = socket.call("question", &21).wait().unwrap();
            done.send(twice).unwrap();
        });
        let sockets: Vec<Socket> = (0..workers + 5)
            .map(|_| sansocket_blocking::connect(asking.clone()).unwrap())
            .collect();
        sockets.iter().for_each(|socket| socket.emit("ask me", &()).unwrap());
        for _ in &sockets {
            assert_eq!(ended.recv_timeout(Duration::from_secs(20)), Ok(42));
        }
        // Drivers, workers and clocks of both, and one more for each driver that is taken over.
        assert!(threads("sansocket") <= (1 + 2 * workers + 1 + 1) + (1 + workers + 1 + 1));
        assert_eq!(threads("sansocket-clock"), 2);
        drop((sockets, asking));
        settle("sansocket-clock", 1);
    }
    io.stop();
    serving.join().unwrap().unwrap();
    drop(io);
    settle("sansocket", 0);
}
