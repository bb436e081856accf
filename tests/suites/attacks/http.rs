//! E: HTTP requests, end to end.

use sansocket_app::http::Request;
use sansocket_app::{App, Bytes, Config, Violation};
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use super::frame::hurried;
use super::siege::Siege;
use crate::channel::Channel;
use crate::client::{Client, PATIENCE};
use crate::faults::{echo, settle};
use crate::{Serve, start};
use testbed::{request, upgrade};

/// E1, RUSTSEC-2021-0020; E2, RUSTSEC-2021-0078; E3, RUSTSEC-2021-0079; E4, RUSTSEC-2020-0008; E5,
/// CVE-2021-38512; D5, CVE-2024-37890: a request that is not plain is answered and ends its
/// connection.
pub fn e01_requests_two_parsers_could_read_differently_end_their_connection(serve: Serve) {
    let siege = Siege::new(serve);
    let target = "/socket.io/?EIO=4&transport=polling";
    let post = |fields: &str| request("POST", target, fields, "");
    let socket = upgrade("/socket.io/?EIO=4&transport=websocket");
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (bytes, status) in [
        (post("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), 400),
        (post("Transfer-Encoding: gzip, chunked\r\n"), 501),
        (post("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), 400),
        (post("Content-Length: +5\r\n"), 400),
        (post("Content-Length: 5\r\nContent-Length: 6\r\n"), 400),
        (post("Content-Length: 99999999999999999999999\r\n"), 413),
        (request("GET", target, "Content-Length: 5\r\n", ""), 400),
        (post("X: a\r\n folded\r\n"), 400),
        (post("X: a\0b\r\n"), 400),
        (post("Host: other\r\n"), 400),
        (post("X: y\r\n").replace("\r\n", "\n"), 400),
        (request("GET", target, &"A: b\r\n".repeat(2000), ""), 431),
        (socket.replace(key, &key.repeat(2)), 400),
        ("\x16\x03\x01\x02\x00\n".into(), 400),
    ] {
        let mut raider = siege.connect();
        assert_eq!(raider.ask(&bytes).status, status, "{bytes:.200?}");
        raider.end();
    }
    for (chunk, status) in [("fffffffffffffffff\r\n", 413), ("-1\r\n", 400), ("\r\n", 400)] {
        let sid = siege.poller().sid;
        let target = format!("{target}&sid={sid}");
        let head = request("POST", &target, "Transfer-Encoding: chunked\r\n", "");
        let mut raider = siege.connect();
        assert_eq!(raider.ask(&(head + chunk)).status, status, "{chunk:?}");
        raider.end();
        siege.violation();
    }
    assert_eq!(siege.lift(), [""; 0]);
}

/// C12, CVE-2026-48809; E7, RUSTSEC-2022-0055: a body without end is refused, and its sender cut off,
/// whatever its target and framing.
pub fn e07_a_body_without_end_is_cut_off(serve: Serve) {
    let siege = Siege::new(serve);
    for framing in ["Content-Length: 4000000000\r\n", "Transfer-Encoding: chunked\r\n"] {
        let known = siege.poller();
        let known = format!("/socket.io/?EIO=4&transport=polling&sid={}", known.sid);
        let unknown = "/socket.io/?EIO=4&transport=polling&sid=nobody";
        for (target, status) in [(&*known, 413), (unknown, 400), ("/elsewhere", 404)] {
            let mut raider = siege.connect();
            raider.send(request("POST", target, framing, ""));
            let piece = [&b"10000\r\n"[..], &vec![b'1'; 0x10000], b"\r\n"].concat();
            let sent = (0..1000).take_while(|_| raider.send(&piece)).count();
            assert!(sent < 1000, "all of it was taken for {target}");
            assert!(siege.counts().bytes < 100_000);
            assert_eq!(raider.answer().expect("it was answered before").status, status);
        }
        assert_eq!(siege.violation(), Violation::BodyTooLarge);
    }
    assert_eq!(siege.lift(), [""; 0]);
}

/// D4, CVE-2023-43669: a head that drips without end is cut off.
pub fn d04_a_dripping_head_is_cut_off(serve: Serve) {
    let siege = Siege::new(serve);
    let mut raider = siege.connect();
    raider.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    let taken = (0..5000).take_while(|_| raider.send("yyyy")).count();
    assert!(taken >= 4000, "{taken}");
    assert_eq!(raider.answer().expect("it was answered before").status, 431);
    raider.end();
    assert_eq!(siege.lift(), [""; 0]);
}

/// E6, Slowloris: a head or a body that comes too slowly, and a connection that does nothing, are
/// ended; one that works is not.
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
            let mut idle = Client::on(open(address));
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

/// E18: a peer that takes next to nothing of a long answer is cut off.
pub fn e18_who_reads_next_to_nothing_of_an_answer_is_cut_off(serve: Serve) {
    const LENGTH: usize = 40_000_000;
    let arrange = |app: &mut App| {
        app.fallback(|_: Request<Bytes>| "~".repeat(LENGTH));
    };
    let siege = Siege::with(serve, hurried, arrange);
    for fields in ["", "Connection: close\r\n"] {
        let mut raider = siege.connect();
        raider.send(request("GET", "/large", fields, ""));
        let mut byte = [0];
        raider.stream.read_exact(&mut byte).expect("it is answered");
        let end = Instant::now() + PATIENCE;
        // Its bytes are not read, until the connection ends.
        while raider.send("x") && raider.stream.read(&mut byte).is_ok() {
            assert!(Instant::now() < end, "it is kept");
            thread::sleep(Duration::from_millis(50));
        }
    }
    assert_eq!(siege.lift(), [""; 0]);
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
    let (io, address, _serving) = start(serve, echo(Config::default()));
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
    other.post("1");
    settle(&io, 0);
}

const MARK: &[u8] = b"HTTP/1.1 404";

/// Reads until the server ends the connection, which may be by a reset when bytes were under way.
pub(super) fn rest(stream: &mut TcpStream) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Err(error) = stream.read_to_end(&mut bytes) {
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    }
    bytes
}

pub(super) fn open(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}
