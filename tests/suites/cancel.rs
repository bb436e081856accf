//! Futures that are dropped before they are ready.

use sansocket_app::{App, Config, Io, Socket};
use std::future::Future;
use std::net::{SocketAddr, TcpStream};
use std::pin::pin;
use std::sync::mpsc;
use std::task::{Context, Waker};
use std::thread;
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::faults::settle;
use super::{Abandon, Serve, listener, port, start};
use crate::client::PATIENCE;

/// Every future may be dropped, polled or not: what was sent stays sent, late answers go nowhere,
/// and the next one to wait gets its own answer.
pub fn futures_may_be_dropped_whenever_they_wait(serve: Serve) {
    let mut config = Config::default();
    config.limits.max_backlog = 100_000;
    let mut app = App::with_config(config);
    let (joined, sockets) = mpsc::channel();
    app.on_connect(move |socket: Socket| joined.send(socket).unwrap());
    let (io, address, _serving) = start(serve, app);
    let mut channel = Channel::connect(address).unwrap();
    let socket = sockets.recv_timeout(PATIENCE).unwrap();
    for polls in 0..3 {
        let due = questions_dropped(&io, &socket, polls);
        // A future that waits beside the dropped one gets the right answer.
        let beside = socket.call::<usize>("beside", &polls);
        let gathered = io.emit_with_ack("all", &polls, PATIENCE);
        let mut ids = Vec::new();
        for name in due.iter().copied().chain(["beside", "all"]) {
            let packet = channel.recv().unwrap();
            let (id, rest) = packet[2..].split_once('[').unwrap();
            assert_eq!(rest, format!("\"{name}\",{polls}]"));
            ids.push(id.to_owned());
        }
        for (n, id) in ids.iter().enumerate() {
            channel.send(&format!("43{id}[{n}]")).unwrap();
        }
        assert_eq!(beside.wait().unwrap(), due.len());
        let gathered: Vec<usize> = gathered.wait().unwrap().decode().unwrap();
        assert_eq!(gathered, [due.len() + 1]);
        assert_eq!(io.fetch_sockets().wait().unwrap().sockets.len(), 1);
        assert_eq!(io.counts().iter().map(|count| count.questions).sum::<usize>(), 0);
    }
    drained_dropped(&socket, &mut channel);
    drop(channel);
    settle(&io, 0);
}

/// Drops one of each, and returns the events that were sent.
fn questions_dropped(io: &Io, socket: &Socket, polls: usize) -> [&'static str; 4] {
    poll_and_drop(socket.emit_with_ack("reply", &polls, PATIENCE), polls);
    poll_and_drop(socket.call::<usize>("calling", &polls), polls);
    poll_and_drop(io.emit_with_ack("gathering", &polls, PATIENCE), polls);
    let mut replies = io.emit_with_ack("replies", &polls, PATIENCE).stream().unwrap();
    poll_and_drop(replies.next(), polls);
    poll_and_drop(io.fetch_sockets(), polls);
    poll_and_drop(socket.drained(), polls);
    poll_and_drop(io.sleep(PATIENCE), polls);
    ["reply", "calling", "gathering", "replies"]
}

/// A task that waits for a slow client is woken, also when other tasks gave up.
fn drained_dropped(socket: &Socket, channel: &mut Channel) {
    let text = "x".repeat(50_000);
    let mut sent = 0;
    // More than the buffers of the system and the backlog take.
    while socket.emit("text", &text).is_ok() {
        sent += 1;
    }
    (0..3).for_each(|polls| poll_and_drop(socket.drained(), polls));
    let (waiting, given_up) = (socket.drained(), socket.drained());
    poll_and_drop(given_up, 1);
    let waiter = thread::spawn(move || waiting.wait());
    (0..sent).for_each(|_| assert_eq!(channel.recv().unwrap().len(), text.len() + 13));
    waiter.join().unwrap().unwrap();
}

/// Polls a future as often as that, as long as it is pending, and drops it.
fn poll_and_drop<F: Future>(future: F, polls: usize) {
    let mut future = pin!(future);
    let mut context = Context::from_waker(Waker::noop());
    let _ = (0..polls).find(|_| future.as_mut().poll(&mut context).is_ready());
}

/// Serving that is dropped stops listening; connections go on, and end when the server does.
pub fn serving_may_be_dropped_and_connections_go_on(abandon: Abandon) {
    let mut app = App::new();
    app.on("echo", |n: usize| n);
    let listener = listener();
    let address = port(&listener);
    let (io, give_up) = abandon(app, listener);
    let mut channel = Channel::connect(address).unwrap();
    channel.echo(1).unwrap();
    give_up();
    until_refused(address);
    (0..10).for_each(|n| channel.echo(n).unwrap());
    io.stop();
    assert_eq!(channel.recv().unwrap(), "1");
    settle(&io, 0);
}

/// Waits until the address refuses connections.
fn until_refused(address: SocketAddr) {
    let patience = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < patience, "somebody listens");
        thread::sleep(Duration::from_millis(5));
    }
}
