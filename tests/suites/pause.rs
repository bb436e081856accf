//! A process that is paused, and threads that are blocked.

use sansocket_app::{App, Config};
use std::env;
use std::net::{SocketAddr, TcpStream};
use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use super::channel::Channel;
use super::process::{pause, report, resume, spawn, stop};
use super::{Serve, start};
use crate::client::{Client, PATIENCE};

/// Set in the process that serves.
const SERVES: &str = "SANSOCKET_TEST_PAUSES";

const PING_INTERVAL: Duration = Duration::from_millis(500);
const PING_TIMEOUT: Duration = Duration::from_millis(1500);

/// Clients of each transport.
const CLIENTS: usize = 8;

/// A server that pings often.
fn brisk() -> App {
    let mut config = Config::default();
    config.ping_interval = PING_INTERVAL;
    config.ping_timeout = PING_TIMEOUT;
    let mut app = App::with_config(config);
    app.on("block", |ms: u64| thread::sleep(Duration::from_millis(ms)));
    app
}

/// Clients whose PONG comes while the process is paused are kept, those that say nothing are dropped
/// once it goes on. `name` is the full name of the test, and `prepare` what the shell of the server
/// does first.
pub fn a_pause_of_the_process_drops_only_who_is_silent(serve: Serve, name: &str, prepare: &str) {
    if env::var_os(SERVES).is_some() {
        let (_io, address, _serving) = start(serve, brisk());
        return report(address);
    }
    let prepare = if prepare.is_empty() { ":" } else { prepare };
    let (child, address) = spawn(name, prepare, (SERVES, "yes"));
    let address = address.parse().unwrap();
    let patience = Instant::now() + PATIENCE;
    // On a busy machine the clients may take so long that the first of them is late.
    while !try_pause(&child, address) {
        assert!(Instant::now() < patience, "clients never come in time");
    }
    stop(child);
}

/// Pauses a process while its clients answer, and checks which clients are left; `false` if that took too long for
/// the clients to be in time.
fn try_pause(child: &Child, address: SocketAddr) -> bool {
    let begin = Instant::now();
    let mut channels: Vec<_> = (0..CLIENTS).map(|_| Channel::connect(address).unwrap()).collect();
    let mut pollers: Vec<_> = (0..CLIENTS).map(|_| Client::connect(address)).collect();
    let (mut channel, mut poller) = (Channel::connect(address).unwrap(), Client::connect(address));
    let pinged = channels.iter_mut().chain([&mut channel]).all(|it| it.hear().unwrap() == "2")
        && pollers.iter_mut().chain([&mut poller]).all(|it| it.poll() == "2");
    pause(child);
    if !pinged || begin.elapsed() > PING_TIMEOUT {
        resume(child);
        return false;
    }
    channels.iter_mut().for_each(|it| it.send("3").unwrap());
    let mut posts: Vec<_> = pollers.iter().map(|it| again(it, address)).collect();
    for (n, (poller, post)) in pollers.iter_mut().zip(&mut posts).enumerate() {
        // Some come on a connection that waits to be accepted, some on one that is known.
        if n % 2 == 0 {
            std::mem::swap(poller, post);
        }
        post.send("POST", &target(post), "3");
        poller.send("GET", &target(poller), "");
    }
    thread::sleep(PING_INTERVAL + 2 * PING_TIMEOUT);
    resume(child);
    for post in &mut posts {
        assert_eq!(post.response(), (200, "ok".into()), "a client that answered is gone");
    }
    for channel in &mut channels {
        assert_eq!(channel.hear().unwrap(), "2", "a client that answered is gone");
    }
    for poller in &mut pollers {
        assert_eq!(poller.response(), (200, "2".into()), "a client that answered is gone");
    }
    assert_eq!(channel.hear().unwrap(), "1", "a silent client is kept");
    while poller.request("GET", "").0 == 200 {
        assert!(begin.elapsed() < PATIENCE, "a silent client is kept");
    }
    true
}

/// Connections that come while the only thread of a process is paused are served in the order in which
/// they came: a poll before the POST that ends its session.
pub fn connections_that_wait_are_served_in_order(serve: Serve, name: &str) {
    if env::var_os(SERVES).is_some() {
        let (_io, address, _serving) = start(serve, App::new());
        return report(address);
    }
    let (child, address) = spawn(name, ":", (SERVES, "yes"));
    let address = address.parse().unwrap();
    let clients: Vec<_> = (0..CLIENTS).map(|_| Client::connect(address)).collect();
    pause(&child);
    let waiting: Vec<_> = clients
        .iter()
        .map(|client| {
            let [mut poll, mut post] = [(); 2].map(|()| again(client, address));
            poll.send("GET", &target(client), "");
            post.send("POST", &target(client), "1");
            (poll, post)
        })
        .collect();
    resume(&child);
    for (mut poll, mut post) in waiting {
        assert_eq!(poll.response(), (200, "6".into()), "the POST was first");
        assert_eq!(post.response(), (200, "ok".into()));
    }
    stop(child);
}

/// The same client on another connection.
fn again(client: &Client, address: SocketAddr) -> Client {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    Client { sid: client.sid.clone(), ..Client::on(stream) }
}

fn target(client: &Client) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={}", client.sid)
}

/// A handler that blocks the thread that would read a PONG does not make its client a silent one.
pub fn a_handler_that_blocks_hides_no_pong(serve: Serve) {
    let (_io, address, _serving) = start(serve, brisk());
    let ms = PING_TIMEOUT.as_millis() + 300;
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut channel = Channel::connect(address).unwrap();
                assert_eq!(channel.hear().unwrap(), "2");
                channel.send(&format!("421[\"block\",{ms}]")).unwrap();
                channel.send("3").unwrap();
                assert_eq!(channel.recv().unwrap(), "431[]");
                assert_eq!(channel.hear().unwrap(), "2", "a client that answered is gone");
            });
        }
    });
}
