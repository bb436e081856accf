//! Sentinels, and Redis Clusters.

use std::time::{Duration, Instant};

use redis::{Cmd, FromRedisValue};
use sansocket_bus::{Command, Format, Subscription};
use sansocket_redis::Redis;

use crate::end::{Node, Told, entry, exact};
use crate::server::Server;

fn ask<T: FromRedisValue>(server: &Server, words: &[&str]) -> T {
    let mut command = Cmd::new();
    command.arg(words);
    command.query(&mut server.connect()).unwrap()
}

fn await_that(what: &str, is: impl Fn() -> bool) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < Duration::from_secs(30), "{what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_sentinel_knows_the_master() {
    let master = Server::start();
    let sentinel = Server::sentinel(master.port);
    // The first one is not there.
    let hosts = format!("127.0.0.1:1,127.0.0.1:{}", sentinel.port);
    let redis = Redis::new(&format!("redis+sentinel://{hosts}/0/main")).unwrap();
    let node = Node::ready(redis, Format::Native, &[exact("a")]);
    let heard: u64 = ask(&master, &["PUBLISH", "a", "x"]);
    assert_eq!(heard, 1);
    assert_eq!(node.messages(1), ["x"]);

    let redis = Redis::new(&format!("redis+sentinel://{hosts}/0/other")).unwrap();
    let why = Node::start(redis, Format::Native, &[]).lost();
    assert!(why.contains("no master of other"), "{why}");
}

#[test]
fn a_server_that_is_no_master_any_more_is_not_taken() {
    let master = Server::start();
    let sentinel = Server::sentinel(master.port);
    let other = Server::start();
    let () = ask(&master, &["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
    let url = format!("redis+sentinel://127.0.0.1:{}/0/main", sentinel.port);
    let why = Node::start(Redis::new(&url).unwrap(), Format::Native, &[]).lost();
    assert!(why.contains("no master"), "{why}");
}

/// Two masters, each with half of the slots.
fn cluster() -> [Server; 2] {
    let servers = [0, 1].map(|_| {
        Server::with(&["--cluster-enabled", "yes", "--cluster-require-full-coverage", "no"])
    });
    let () = ask(&servers[0], &["CLUSTER", "ADDSLOTSRANGE", "0", "8191"]);
    let () = ask(&servers[1], &["CLUSTER", "ADDSLOTSRANGE", "8192", "16383"]);
    let () = ask(&servers[1], &["CLUSTER", "SET-CONFIG-EPOCH", "2"]);
    let () = ask(&servers[0], &["CLUSTER", "MEET", "127.0.0.1", &servers[1].port.to_string()]);
    for server in &servers {
        await_that("the cluster is complete", || {
            let slots: Vec<redis::Value> = ask(server, &["CLUSTER", "SLOTS"]);
            let info: String = ask(server, &["CLUSTER", "INFO"]);
            slots.len() == 2 && info.contains("cluster_state:ok")
        });
    }
    servers
}

#[test]
fn one_server_may_have_all_slots() {
    let server = Server::with(&["--cluster-enabled", "yes"]);
    let () = ask(&server, &["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]);
    await_that("the cluster is complete", || {
        ask::<String>(&server, &["CLUSTER", "INFO"]).contains("cluster_state:ok")
    });
    let redis = Redis::new(&format!("redis+cluster://127.0.0.1:{}", server.port)).unwrap();
    let wished = [Subscription::Counted("c".into()), Subscription::Stream("s".into())];
    let node = Node::ready(redis, Format::Streams, &wished);
    node.command(entry("s", "x", 10));
    node.until(|told| (*told == Told::Entry { kind: "3".into(), data: "x".into() }).then_some(()));
    node.command(Command::Count { channel: "c".into() });
    node.until(|told| (*told == Told::Counted("c".into(), 1)).then_some(()));
}

#[test]
fn channels_and_counts_reach_over_all_servers_of_a_cluster() {
    let servers = cluster();
    let url = |n: usize| format!("redis+cluster://127.0.0.1:{}", servers[n].port);
    let counted = [Subscription::Counted("c".into())];
    let nodes =
        [0, 1].map(|n| Node::ready(Redis::new(&url(n)).unwrap(), Format::Classic, &counted));
    // Somebody at the other server, whichever that is.
    let mut theirs = servers.each_ref().map(Server::connect);
    let [first, second] = &mut theirs;
    let (mut first, mut second) = (first.as_pubsub(), second.as_pubsub());
    first.subscribe("c").unwrap();
    second.subscribe("c").unwrap();
    nodes[0].command(Command::Count { channel: "c".into() });
    nodes[0].is_told(&Told::Counted("c".into(), 4));
    nodes[1].publish("c", "x");
    assert_eq!(nodes[0].messages(1), ["x"]);
    assert_eq!(nodes[1].messages(1), ["x"]);
    assert_eq!(first.get_message().unwrap().get_payload_bytes(), b"x");
    assert_eq!(second.get_message().unwrap().get_payload_bytes(), b"x");
}

#[test]
fn sharded_channels_and_streams_go_to_the_servers_of_their_slots() {
    let servers = cluster();
    let redis = Redis::new(&format!("redis+cluster://127.0.0.1:1,127.0.0.1:{}", servers[1].port));
    let redis = redis.unwrap();
    let channels: Vec<String> = (0..20).map(|n| format!("socket.io#/#room{n}#")).collect();
    let wished: Vec<Subscription> = channels.iter().map(|channel| exact(channel)).collect();
    let node = Node::ready(redis, Format::Sharded, &wished);
    for channel in &channels {
        node.publish(channel, channel);
    }
    let mut heard = node.messages(20);
    heard.sort();
    let mut expected = channels.clone();
    expected.sort();
    assert_eq!(heard, expected);
    for server in &servers {
        let here: Vec<String> = ask(server, &["PUBSUB", "SHARDCHANNELS"]);
        assert!((1..20).contains(&here.len()), "{here:?}");
    }
    node.command(Command::Count { channel: channels[0].clone() });
    node.until(|told| (*told == Told::Counted(channels[0].clone(), 1)).then_some(()));
}

#[test]
fn a_slot_that_goes_to_another_server_is_followed() {
    let servers = cluster();
    let redis = Redis::new(&format!("redis+cluster://127.0.0.1:{}", servers[0].port)).unwrap();
    let channels = [exact("a"), exact("b"), exact("c"), exact("d")];
    let node = Node::ready(redis, Format::Sharded, &channels);
    let slot: u16 = ask(&servers[0], &["CLUSTER", "KEYSLOT", "a"]);
    let to = &servers[usize::from(slot < 8192)];
    let id: String = ask(to, &["CLUSTER", "MYID"]);
    let slot = slot.to_string();
    for server in [to, &servers[usize::from(to.port == servers[0].port)]] {
        let () = ask(server, &["CLUSTER", "SETSLOT", &slot, "NODE", &id]);
    }
    node.lost();
    node.is_back(&channels);
    node.publish("a", "there");
    assert_eq!(node.messages(1), ["there"]);
    let here: Vec<String> = ask(to, &["PUBSUB", "SHARDCHANNELS", "a"]);
    assert_eq!(here, ["a"]);
}
