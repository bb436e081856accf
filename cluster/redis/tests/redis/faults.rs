//! Redis goes away, hangs, or refuses.

use std::time::Duration;

use sansocket_bus::{Command, Format};
use sansocket_redis::Redis;

use crate::end::{Node, Told, exact, message, time};
use crate::server::Server;

fn redis(server: &Server) -> Redis {
    Redis::new(&server.url()).unwrap()
}

#[test]
fn a_server_that_restarts_is_connected_again() {
    let mut server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    server.kill();
    node.lost();
    server.restart();
    node.is_back(&[exact("a")]);
    node.publish("a", "again");
    assert_eq!(node.messages(1), ["again"]);
    node.is_quiet();
}

#[test]
fn a_message_that_was_begun_is_not_sent_again() {
    let mut server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    server.freeze();
    node.publish("a", "lost");
    node.is_begun();
    server.kill();
    node.lost();
    server.restart();
    node.is_back(&[exact("a")]);
    node.is_quiet();
}

#[test]
fn a_server_that_is_not_there_yet_is_tried_again() {
    let mut server = Server::start();
    server.kill();
    let node = Node::start(redis(&server), Format::Native, &[exact("a")]);
    let why = node.lost();
    assert!(why.contains("refused"), "{why}");
    server.restart();
    node.is_back(&[exact("a")]);
}

#[test]
fn a_frozen_server_is_left_at_once_when_told_to() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    server.freeze();
    node.command(Command::Ping);
    node.publish("a", &"x".repeat(300_000));
    node.is_begun();
    let (why, took) = time(|| {
        node.command(Command::Disconnect);
        node.lost()
    });
    assert_eq!(why, "no answer in time");
    assert!(took < Duration::from_secs(1), "{took:?}");
    server.thaw();
    node.is_back(&[exact("a")]);
}

#[test]
fn a_frozen_server_is_left_when_writes_make_no_progress() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[]);
    server.freeze();
    let large = "x".repeat(600_000);
    node.commands((0..100).map(|_| message("a", &large)));
    let (why, took) = time(|| node.lost());
    assert_eq!(why, "what is written makes no progress");
    assert!(took < Duration::from_secs(8), "{took:?}");
}

#[test]
fn a_frozen_server_is_not_connected_for_ever() {
    let server = Server::start();
    server.freeze();
    let node = Node::start(redis(&server), Format::Native, &[]);
    assert_eq!(node.lost(), "no answer in 5 s");
}

#[test]
fn a_closed_link_ends_an_attempt_to_connect() {
    let server = Server::start();
    server.freeze();
    let mut node = Node::start(redis(&server), Format::Native, &[]);
    std::thread::sleep(Duration::from_millis(100));
    let ((), took) = time(|| {
        node.close();
        node.join();
    });
    assert!(took < Duration::from_secs(1), "{took:?}");
}

#[test]
fn a_closed_link_does_not_wait_for_a_frozen_server() {
    let server = Server::start();
    let mut node = Node::ready(redis(&server), Format::Native, &[]);
    server.freeze();
    let ((), took) = time(|| {
        node.publish("a", "never answered");
        node.close();
        node.join();
    });
    assert!(took < Duration::from_secs(4), "{took:?}");
}

#[test]
fn a_sign_of_life_comes_from_a_server_that_lives() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    for _ in 0..3 {
        node.command(Command::Ping);
        node.is_told(&Told::Pong);
    }
}

#[test]
fn one_lost_connection_ends_both() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    let mut kill = redis::cmd("CLIENT");
    kill.arg("KILL").arg("TYPE").arg("pubsub").exec(&mut server.connect()).unwrap();
    assert_eq!(node.lost(), "the connection that subscribes was closed");
    node.is_back(&[exact("a")]);
    let clients: String = redis::cmd("CLIENT").arg("LIST").query(&mut server.connect()).unwrap();
    assert_eq!(clients.lines().count(), 3, "{clients}");
}

#[test]
fn a_message_that_is_refused_is_told_and_harms_no_other() {
    let server = Server::start();
    let mut other = server.connect();
    let rules = ["on", ">pw", "+@all", "~*", "&a"];
    redis::cmd("ACL").arg("SETUSER").arg("few").arg(&rules).exec(&mut other).unwrap();
    let url = format!("redis://few:pw@127.0.0.1:{}", server.port);
    let node = Node::ready(Redis::new(&url).unwrap(), Format::Native, &[exact("a")]);
    node.commands([message("a", "1"), message("b", "2"), message("a", "3")]);
    let refused = node.until(Told::why);
    assert!(refused.contains("permissions to access"), "{refused}");
    node.publish("a", "4");
    node.until(|told| (*told == Told::Delivered("a".into(), "4".into())).then_some(()));
    // A subscription that is refused is none.
    node.command(Command::Subscribe(exact("b")));
    let why = node.lost();
    assert!(why.contains("permissions to access"), "{why}");
}

#[test]
fn a_reader_that_is_too_slow_for_redis_is_connected_again() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    // One message above the limit of a subscriber.
    let mut limit = redis::cmd("CONFIG");
    limit.arg("SET").arg("client-output-buffer-limit").arg("pubsub 100000 100000 1");
    limit.exec(&mut server.connect()).unwrap();
    node.publish("a", &"x".repeat(1_000_000));
    assert_eq!(node.lost(), "the connection that subscribes was closed");
    node.is_back(&[exact("a")]);
}
