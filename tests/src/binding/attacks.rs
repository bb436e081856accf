//! Attacks on sockets, end to end.

use sansocket_app::{App, Config};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Duration;

use super::channel::Channel;
use super::faults::{brief, echo, settle};
use super::identity::Identity;
use super::{Serve, listener, port, start};
use crate::client::{Client, PATIENCE};
use crate::fault::{Faults, Proxy};

/// E6: a head or a body that comes too slowly, and a connection that does nothing, are ended; one
/// that works is not.
pub fn e06_heads_bodies_and_silence_have_deadlines(serve: Serve) {
    let mut config = Config::default();
    config.limits.head_time = Duration::from_millis(500);
    config.limits.body_time = Duration::from_millis(500);
    config.limits.idle_time = Duration::from_millis(500);
    let (io, address, _serving) = start(serve, echo(config));
    let mut steady = Channel::connect(address).unwrap();
    let mut opened = Client::connect(address);
    thread::scope(|scope| {
        // Dripping does not help.
        scope.spawn(|| drip(open(address), b"GET / HTTP/1.1\r\nX: "));
        let target = format!("/socket.io/?EIO=4&transport=polling&sid={}", opened.sid);
        let post = format!("POST {target} HTTP/1.1\r\nHost: a\r\nContent-Length: 90000\r\n\r\n42");
        scope.spawn(move || drip(open(address), post.as_bytes()));
        scope.spawn(|| {
            let mut idle = Client { stream: open(address), sid: String::new() };
            idle.send("GET", "/elsewhere", "");
            assert_eq!(idle.response().0, 404);
            assert_eq!(idle.stream.read_to_end(&mut Vec::new()).unwrap(), 0);
        });
        scope.spawn(|| assert_eq!(open(address).read_to_end(&mut Vec::new()).unwrap(), 0));
        (0..50).for_each(|n| steady.echo(n).unwrap());
    });
    // It did nothing either; its body took its session along.
    assert_eq!(opened.stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    settle(&io, 1);
    steady.echo(0).unwrap();
}

/// Sends `beginning` and then byte after byte, until the server ends the connection.
fn drip(mut stream: TcpStream, beginning: &[u8]) {
    stream.write_all(beginning).unwrap();
    let mut other = stream.try_clone().unwrap();
    let dripping = thread::spawn(move || {
        while other.write_all(b"x").is_ok() {
            thread::sleep(Duration::from_millis(10));
        }
    });
    let answer = rest(&mut stream);
    assert!(answer.is_empty() || answer.starts_with(b"HTTP/1.1 4"));
    dripping.join().unwrap();
}

/// E8: a hundred thousand requests without waiting for an answer get one each, and others get theirs
/// meanwhile.
pub fn e08_endless_pipelining_is_answered_and_stalls_nobody(serve: Serve) {
    const REQUESTS: usize = 100_000;
    let (_io, address, _serving) = start(serve, echo(Config::default()));
    let mut stream = open(address);
    let mut sending = stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        let many = "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n".repeat(1000);
        (0..REQUESTS / 1000).for_each(|_| sending.write_all(many.as_bytes()).unwrap());
    });
    let reader = thread::spawn(move || {
        let (mut answers, mut buffer, mut kept) = (0, vec![0; 64 * 1024], Vec::new());
        while answers < REQUESTS {
            let n = stream.read(&mut buffer).unwrap();
            assert_ne!(n, 0);
            kept.extend_from_slice(&buffer[..n]);
            answers += kept.windows(MARK.len()).filter(|window| *window == MARK).count();
            // What may be the beginning of the next one.
            kept.drain(..kept.len().saturating_sub(MARK.len() - 1));
        }
        answers
    });
    let mut other = Client::connect(address);
    for n in 0..20 {
        other.post(&format!("42{n}[\"echo\",{n}]"));
        assert_eq!(other.poll(), format!("43{n}[{n}]"));
    }
    sender.join().unwrap();
    assert_eq!(reader.join().unwrap(), REQUESTS);
}

const MARK: &[u8] = b"HTTP/1.1 404";

/// E9: RUSTSEC-2024-0399. A ClientHello in many records, each in many pieces.
pub fn e09_client_hellos_in_fragments_are_understood(serve: Serve) {
    let identity = Identity::new();
    let listener = listener().tls(identity.tls());
    let address = port(&listener);
    let (io, _serving) = serve(echo(brief()), vec![listener]);
    let faults = Faults { piece: 3, pause: Duration::from_micros(20), cut: None };
    let proxy = Proxy::start(address, faults, 3);
    for fragment in [32, 64, 100] {
        let stream = identity.encrypt_in(open(proxy.address), Some(fragment));
        let mut client = Client::join(stream);
        client.post("420[\"echo\",1]");
        assert_eq!(client.poll(), "430[1]");
    }
    drop(proxy);
    io.close();
    settle(&io, 0);
}

/// E9: RUSTSEC-2024-0336. A close_notify in the middle of a handshake ends the connection; others
/// on the same thread are served.
pub fn e09_tls_that_ends_within_its_handshake_ends_the_connection(serve: Serve) {
    const CLOSE_NOTIFY: [u8; 7] = [0x15, 3, 3, 0, 2, 1, 0];
    let identity = Identity::new();
    let (clear, secure) = (listener(), listener().tls(identity.tls()));
    let addresses = (port(&clear), port(&secure));
    let mut config = Config::default();
    // A farewell before any greeting is not heard; the connection ends like one that is silent.
    config.limits.head_time = Duration::from_secs(1);
    let (io, _serving) = serve(App::with_config(config), vec![clear, secure]);
    let hello = identity.hello();
    let (half, _) = hello.split_at(hello.len() / 2);
    for first in [&[], half, &hello[..]] {
        let mut ended: Vec<_> = (0..8).map(|_| open(addresses.1)).collect();
        for stream in &mut ended {
            stream.write_all(&[first, &CLOSE_NOTIFY].concat()).unwrap();
        }
        ended.iter_mut().for_each(|stream| drop(rest(stream)));
        let mut clients: Vec<_> = (0..8).map(|_| Client::connect(addresses.0)).collect();
        io.emit("alive", &()).unwrap();
        clients.iter_mut().for_each(|client| assert_eq!(client.poll(), r#"42["alive"]"#));
    }
    let mut client = Client::join(identity.encrypt(open(addresses.1)));
    io.emit("alive", &()).unwrap();
    assert_eq!(client.poll(), r#"42["alive"]"#);
}

/// Reads until the server ends the connection, which may be by a reset when bytes were under way.
fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    bytes
}

fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
