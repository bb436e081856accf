//! What is published arrives.

use sansocket_bus::{Command, Format, Subscription};
use sansocket_redis::Redis;

use crate::end::{Node, Told, exact, message};
use crate::server::Server;

fn redis(server: &Server) -> Redis {
    Redis::new(&server.url()).unwrap()
}

#[test]
fn messages_arrive_in_order_on_all_channels() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Classic, &[exact("a"), exact("b")]);
    let texts: Vec<String> = (0..5000).map(|n| n.to_string()).collect();
    node.commands(texts.iter().enumerate().map(|(n, text)| message(["a", "b"][n % 2], text)));
    assert_eq!(node.messages(5000), texts);
}

#[test]
fn each_message_is_confirmed_with_the_number_of_its_receivers() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[]);
    let other = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    node.publish("a", "x");
    node.publish("nowhere", "x");
    node.is_told(&Told::Published(Some(1)));
    node.is_told(&Told::Published(Some(0)));
    other.is_told(&Told::Delivered("a".into(), "x".into()));
}

#[test]
fn any_bytes_and_large_messages_arrive() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    let large = "\r\n$é".repeat(2_000_000);
    node.publish("a", &large);
    node.publish("a", "");
    assert_eq!(node.messages(2), [large, String::new()]);
}

#[test]
fn a_pattern_takes_escaped_characters_as_they_are() {
    let server = Server::start();
    let pattern = Subscription::Pattern(r"socket.io#/g\[ab\]#*".into());
    let node = Node::ready(redis(&server), Format::Classic, &[pattern]);
    node.publish("socket.io#/ga#", "not for it");
    node.publish("socket.io#/g[ab]#", "all");
    node.publish("socket.io#/g[ab]#room#x#", "room");
    let heard: Vec<(String, String)> = (0..2).map(|_| node.until(Told::message)).collect();
    let expected = [("socket.io#/g[ab]#", "all"), ("socket.io#/g[ab]#room#x#", "room")];
    assert_eq!(heard, expected.map(|(channel, text)| (channel.into(), text.into())));
}

#[test]
fn a_subscriber_of_a_counted_channel_counts_once() {
    let server = Server::start();
    let counted = Subscription::Counted("c".into());
    let nodes: Vec<Node> = (0..3)
        .map(|_| Node::ready(redis(&server), Format::Classic, std::slice::from_ref(&counted)))
        .collect();
    nodes[0].command(Command::Count { channel: "c".into() });
    nodes[0].is_told(&Told::Counted("c".into(), 3));
    nodes[0].command(Command::Count { channel: "nobody".into() });
    nodes[0].is_told(&Told::Counted("nobody".into(), 0));
}

#[test]
fn a_channel_may_be_left_and_taken_again() {
    let server = Server::start();
    let node = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    node.commands([
        Command::Unsubscribe(exact("a")),
        Command::Subscribe(exact("a")),
        Command::Unsubscribe(exact("a")),
        Command::Subscribe(exact("b")),
    ]);
    node.is_told(&Told::Subscribed(exact("a")));
    node.is_told(&Told::Subscribed(exact("b")));
    node.publish("a", "lost");
    node.is_told(&Told::Published(Some(0)));
    node.publish("b", "heard");
    assert_eq!(node.messages(1), ["heard"]);
}

#[test]
fn sharded_channels_are_those_of_javascript() {
    let server = Server::start();
    let channel = "socket.io#/#";
    let counted = Subscription::Counted(channel.into());
    let wished = [counted, exact("socket.io#/#room#")];
    let node = Node::ready(redis(&server), Format::Sharded, &wished);
    let count = |name| {
        let ask = redis::cmd("PUBSUB").arg(name).arg(channel).take();
        ask.query::<(String, u64)>(&mut server.connect()).unwrap().1
    };
    assert_eq!((count("SHARDNUMSUB"), count("NUMSUB")), (1, 0));
    node.command(Command::Count { channel: channel.into() });
    node.is_told(&Told::Counted(channel.into(), 1));
    let heard: u64 = redis::cmd("SPUBLISH")
        .arg("socket.io#/#room#")
        .arg("theirs")
        .query(&mut server.connect())
        .unwrap();
    assert_eq!(heard, 1);
    node.is_told(&Told::Delivered("socket.io#/#room#".into(), "theirs".into()));
    node.publish(channel, "ours");
    assert_eq!(node.messages(1), ["ours"]);
    node.command(Command::Unsubscribe(exact("socket.io#/#room#")));
    node.command(Command::Subscribe(exact("socket.io#/#other#")));
    node.until(|told| (*told == Told::Subscribed(exact("socket.io#/#other#"))).then_some(()));
    node.command(Command::Ping);
    node.until(|told| (*told == Told::Pong).then_some(()));
}

#[test]
fn native_messages_go_by_sharded_channels_if_asked_to() {
    let server = Server::start();
    let node = Node::ready(redis(&server).sharded(), Format::Native, &[exact("sansocket:n:/")]);
    let heard: u64 =
        redis::cmd("SPUBLISH").arg("sansocket:n:/").arg("x").query(&mut server.connect()).unwrap();
    assert_eq!(heard, 1);
    assert_eq!(node.messages(1), ["x"]);
}

#[test]
fn what_was_commanded_is_done_before_a_closed_link_ends() {
    let server = Server::start();
    let mut node = Node::ready(redis(&server), Format::Native, &[]);
    let other = Node::ready(redis(&server), Format::Native, &[exact("a")]);
    node.commands((0..3000).map(|n| message("a", &n.to_string())));
    node.close();
    node.join();
    let texts: Vec<String> = (0..3000).map(|n| n.to_string()).collect();
    assert_eq!(other.messages(3000), texts);
}
