//! Clients of short programs: what one says last is heard although its process ends.

use sansocket_blocking::client::{Client, Transport};
use sansocket_blocking::{App, Listener, Reason, Server, Socket};
use std::env;
use std::process::{self, Command};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

/// Where the process that is started finds the server.
const URL: &str = "SANSOCKET_TEST_URL";

/// Words that are sent last, too long to leave at once, and how long one is.
const MANY: usize = 20;
const LONG: usize = 100_000;

#[test]
fn a_client_is_heard_whose_process_ends() {
    if let Ok(url) = env::var(URL) {
        speak(&url);
        // No thread has another moment.
        process::exit(0);
    }
    let (words, heard) = mpsc::channel();
    let mut app = App::new();
    let said = words.clone();
    app.on("last words", move |text: String| said.send(text).unwrap());
    app.on_disconnect(move |reason: Reason| words.send(reason.to_string()).unwrap());
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().tcp().unwrap());
    thread::spawn(move || Server::new(app).serve_on([listener]));
    let status = Command::new(env::current_exe().unwrap())
        .args(["a_client_is_heard_whose_process_ends", "--exact", "--nocapture"])
        .env(URL, url)
        .status();
    assert!(status.unwrap().success());
    for _ in 0..2 {
        let patience = Duration::from_secs(20);
        for _ in 0..MANY {
            let said = heard.recv_timeout(patience).unwrap();
            assert_eq!(said.len(), LONG);
        }
        let reason = heard.recv_timeout(patience).unwrap();
        assert_eq!(reason, "client namespace disconnect");
    }
}

#[test]
fn a_program_without_handlers_asks_and_receives() {
    let mut app = App::new();
    app.on("ask me", |socket: Socket, n: i64| {
        let twice: i64 = socket.call("twice", &n).wait().unwrap_or(-1);
        socket.emit("answered", &twice).unwrap();
        n + 1
    });
    let listener = Listener::tcp("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().tcp().unwrap());
    thread::spawn(move || Server::new(app).serve_on([listener]));
    let mut client = Client::new(&url).unwrap();
    client.on("twice", |n: i64| 2 * n);
    let simple = sansocket_blocking::connect_simply(client).unwrap();
    assert_eq!(simple.call("ask me", &20).wait(), Ok(21));
    let (name, args) = simple.receive_within(Duration::from_secs(20)).wait().unwrap();
    assert_eq!((&*name, args.json()), ("answered", "[40]"));
    simple.disconnect().wait();
}

/// Speaks, and leaves at once, by each transport.
fn speak(url: &str) {
    for transport in [Transport::Polling, Transport::WebSocket] {
        let mut client = Client::new(url).unwrap();
        client.configure(|config| config.transports = vec![transport]);
        let socket = sansocket_blocking::connect(client).unwrap();
        for _ in 0..MANY {
            socket.emit("last words", &"x".repeat(LONG)).unwrap();
        }
    }
}
