//! Entries of streams.

use sansocket_bus::{Command, Format, Subscription};
use sansocket_redis::Redis;

use crate::end::{Node, Told, entry};
use crate::server::Server;

fn stream() -> [Subscription; 1] {
    [Subscription::Stream("socket.io".into())]
}

fn node(server: &Server) -> Node {
    Node::ready(Redis::new(&server.url()).unwrap(), Format::Streams, &stream())
}

fn entries(node: &Node, count: usize) -> Vec<String> {
    (0..count).map(|_| node.until(Told::data)).collect()
}

#[test]
fn entries_are_read_from_the_moment_of_the_subscription() {
    let server = Server::start();
    let before = node(&server);
    before.command(entry("socket.io", "before", 100));
    before.until(|told| (*told == Told::Published(None)).then_some(()));
    let node = node(&server);
    node.commands((0..500).map(|n| entry("socket.io", &n.to_string(), 10_000)));
    let expected: Vec<String> = (0..500).map(|n| n.to_string()).collect();
    assert_eq!(entries(&node, 500), expected);
}

#[test]
fn an_entry_has_the_fields_of_javascript() {
    let server = Server::start();
    let node = node(&server);
    let mut theirs = redis::cmd("XADD");
    theirs
        .arg("socket.io")
        .arg("*")
        .arg("type")
        .arg("3")
        .arg("more")
        .arg("x")
        .arg("data")
        .arg("{}");
    theirs.exec(&mut server.connect()).unwrap();
    node.is_told(&Told::Entry { kind: "3".into(), data: "{}".into() });
    node.command(entry("socket.io", "{}", 100));
    let ask = redis::cmd("XREVRANGE").arg("socket.io").arg("+").arg("-").arg("COUNT").arg(1).take();
    node.until(|told| (*told == Told::Published(None)).then_some(()));
    let found: Vec<(String, Vec<String>)> = ask.query(&mut server.connect()).unwrap();
    assert_eq!(found[0].1, ["uid", "94ae", "nsp", "/", "type", "3", "data", "{}"]);
}

#[test]
fn nothing_is_lost_while_the_connection_is() {
    let server = Server::start();
    let node = node(&server);
    node.command(entry("socket.io", "1", 100));
    assert_eq!(entries(&node, 1), ["1"]);
    // All connections at once, and entries before the node is back.
    let mut other = server.connect();
    let mut script = redis::pipe();
    script.cmd("CLIENT").arg("KILL").arg("SKIPME").arg("yes").ignore();
    for n in 2..5 {
        script.cmd("XADD").arg("socket.io").arg("*").arg("data").arg(n).ignore();
    }
    script.atomic().exec(&mut other).unwrap();
    node.lost();
    assert_eq!(entries(&node, 3), ["2", "3", "4"]);
    node.is_quiet();
}

#[test]
fn a_stream_that_was_trimmed_is_read_from_what_is_left() {
    let server = Server::start();
    let node = node(&server);
    node.command(entry("socket.io", "1", 100));
    assert_eq!(entries(&node, 1), ["1"]);
    let mut script = redis::pipe();
    script.cmd("CLIENT").arg("KILL").arg("SKIPME").arg("yes").ignore();
    for n in 2..5 {
        script.cmd("XADD").arg("socket.io").arg("MAXLEN").arg(1).arg("*").arg("data").arg(n);
    }
    script.atomic().exec(&mut server.connect()).unwrap();
    node.lost();
    node.until(|told| (*told == Told::Missed(2)).then_some(()));
    assert_eq!(entries(&node, 1), ["4"]);
}

#[test]
fn entries_that_a_burst_pushed_out_are_counted_once() {
    let server = Server::start();
    let node = node(&server);
    node.command(entry("socket.io", "0", 100));
    assert_eq!(entries(&node, 1), ["0"]);
    let mut script = redis::pipe();
    for n in 1..=2000 {
        script.cmd("XADD").arg("socket.io").arg("MAXLEN").arg(700).arg("*").arg("data").arg(n);
    }
    script.atomic().exec(&mut server.connect()).unwrap();
    let mut read = Vec::new();
    let mut missed = Vec::new();
    while read.last().map(String::as_str) != Some("2000") {
        let told = node.next();
        if let Told::Missed(count) = told {
            missed.push(count);
        }
        read.extend(told.data());
    }
    let left: Vec<_> = (1301..=2000).map(|n| n.to_string()).collect();
    assert_eq!(read, left);
    if missed.is_empty() {
        node.until(|told| (*told == Told::Missed(1300)).then_some(()));
    } else {
        assert_eq!(missed, [1300]);
    }
    node.command(entry("socket.io", "more", 100));
    assert_eq!(entries(&node, 1), ["more"]);
    node.is_quiet();
}

#[test]
fn a_burst_that_the_stream_keeps_loses_nothing() {
    let server = Server::start();
    let node = node(&server);
    node.commands((0..3000).map(|n| entry("socket.io", &n.to_string(), 10_000)));
    let expected: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    let mut read = Vec::new();
    while read.len() < 3000 {
        let told = node.next();
        assert!(!matches!(told, Told::Missed(_)), "{told:?}");
        read.extend(told.data());
    }
    assert_eq!(read, expected);
}

#[test]
fn a_stream_that_begins_anew_with_lower_ids_is_read_from_its_start() {
    let server = Server::start();
    let node = node(&server);
    node.command(entry("socket.io", "1", 100));
    assert_eq!(entries(&node, 1), ["1"]);
    let mut script = redis::pipe();
    script.cmd("CLIENT").arg("KILL").arg("SKIPME").arg("yes").ignore();
    script.cmd("DEL").arg("socket.io").ignore();
    script.cmd("XADD").arg("socket.io").arg("1-1").arg("data").arg("first").ignore();
    script.atomic().exec(&mut server.connect()).unwrap();
    node.lost();
    assert_eq!(entries(&node, 1), ["first"]);
}

#[test]
fn a_stream_that_is_left_is_not_read() {
    let server = Server::start();
    let node = node(&server);
    node.command(Command::Unsubscribe(stream()[0].clone()));
    node.command(Command::Ping);
    node.is_told(&Told::Pong);
    node.command(entry("socket.io", "1", 100));
    node.is_told(&Told::Published(None));
    node.is_quiet();
}
