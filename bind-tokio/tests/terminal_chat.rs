//! The chat in a terminal, against the chat that a browser opens.

use examples::terminal_chat::Terminal;
use examples::{chat, pages};
use sansocket_tokio::{Config, Listener, Server, connect};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// Somebody at a terminal, and what is shown there.
fn person(name: &str) -> (Terminal, Receiver<String>) {
    let (show, shown) = channel();
    (Terminal::new(name, "tea", move |line| drop(show.send(line.to_owned()))), shown)
}

/// Waits until a line is shown.
fn until(shown: &Receiver<String>, line: &str) {
    let patience = Duration::from_secs(30);
    while shown.recv_timeout(patience).expect(line) != line {}
}

#[tokio::test(flavor = "multi_thread")]
async fn people_at_terminals_talk() {
    let listener = Listener::tcp("127.0.0.1:0").expect("a port");
    let url = listener.local_addr().to_string();
    let server = Server::new(chat::app(Config::default(), &pages::folder("chat")));
    let io = server.io();
    tokio::spawn(async move { server.serve_on([listener]).await });
    let ((ann, at_ann), (bob, at_bob)) = (person("ann"), person("bob"));
    let ann_there = connect(ann.client(&url).expect("a URL")).await.expect("the chat is open");
    until(&at_ann, r#"* you are in tea, with ["ann"]"#);
    let bob_there = connect(bob.client(&url).expect("a URL")).await.expect("the chat is open");
    until(&at_ann, "* bob joined");
    tokio::task::spawn_blocking(move || {
        ann.talk(&ann_there, ["hello", " ", "/room den"].map(str::to_owned).into_iter())?;
        until(&at_bob, "ann: hello");
        until(&at_bob, "* ann left");
        bob.talk(&bob_there, std::iter::once("/room ".to_owned() + &"x".repeat(99)))
    })
    .await
    .expect("no panic")
    .expect_err("the name of the room is too long");
    io.stop();
}
