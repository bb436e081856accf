//! Sentinels, and Redis Clusters.

use std::time::{Duration, Instant};

use brokers::free_port;
use redis::{Cmd, FromRedisValue};
use sansocket_bus::{Broker as _, Command, Format, Subscription};
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
    let sentinel = Server::sentinel(master.port, "");
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
    let sentinel = Server::sentinel(master.port, "");
    let other = Server::start();
    let () = ask(&master, &["REPLICAOF", "127.0.0.1", &other.port.to_string()]);
    let url = format!("redis+sentinel://127.0.0.1:{}/0/main", sentinel.port);
    let why = Node::start(Redis::new(&url).unwrap(), Format::Native, &[]).lost();
    assert!(why.contains("no master"), "{why}");
}

#[test]
fn sentinels_may_have_a_user_and_a_password_of_their_own() {
    let master = Server::with(&["--requirepass", "m/1"]);
    let more =
        "sentinel auth-pass main m/1\nuser guard on >s/1 allchannels +@all\nuser default off\n";
    let sentinel = Server::sentinel(master.port, more);
    let url = format!("redis+sentinel://:m%2F1@127.0.0.1:{}/0/main", sentinel.port);
    let own = "?sentinel_username=guard&sentinel_password=s%2F1";
    let redis = Redis::new(&format!("{url}{own}")).unwrap();
    assert!(!redis.address().contains("s%2F1") && !format!("{redis:?}").contains("s/1"));
    let node = Node::ready(redis, Format::Native, &[exact("a")]);
    node.publish("a", "x");
    assert_eq!(node.messages(1), ["x"]);
    let why = Node::start(Redis::new(&url).unwrap(), Format::Native, &[]).lost();
    assert!(why.contains("NOAUTH"), "{why}");
}

/// A server of a Redis Cluster, and the port by which the others reach it.
struct Member {
    server: Server,
    bus: u16,
}

impl Member {
    fn start() -> Self {
        let bus = free_port();
        let port = bus.to_string();
        let server = Server::with(&[
            "--cluster-enabled",
            "yes",
            "--cluster-port",
            &port,
            "--cluster-require-full-coverage",
            "no",
            // A replica is known to others once it was synchronised, and heard of its master.
            "--repl-diskless-sync-delay",
            "0",
            "--repl-ping-replica-period",
            "1",
        ]);
        Self { server, bus }
    }

    fn meet(&self, other: &Self) {
        let (port, bus) = (other.server.port.to_string(), other.bus.to_string());
        let () = ask(&self.server, &["CLUSTER", "MEET", "127.0.0.1", &port, &bus]);
    }

    fn id(&self) -> String {
        ask(&self.server, &["CLUSTER", "MYID"])
    }
}

/// Masters that share the slots.
fn cluster<const N: usize>() -> [Server; N] {
    members().map(|member| member.server)
}

fn members<const N: usize>() -> [Member; N] {
    let members = [(); N].map(|()| Member::start());
    for (n, member) in members.iter().enumerate() {
        let (begin, end) = (n * 16384 / N, (n + 1) * 16384 / N - 1);
        let range = ["CLUSTER", "ADDSLOTSRANGE", &begin.to_string(), &end.to_string()];
        let () = ask(&member.server, &range);
        let () = ask(&member.server, &["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]);
        if n > 0 {
            members[0].meet(member);
        }
    }
    for member in &members {
        await_that("the cluster is complete", || {
            let slots: Vec<redis::Value> = ask(&member.server, &["CLUSTER", "SLOTS"]);
            let info: String = ask(&member.server, &["CLUSTER", "INFO"]);
            slots.len() == N && info.contains("cluster_state:ok")
        });
    }
    members
}

/// Gives each master a replica.
fn replicas<const N: usize>(masters: &[Member; N]) -> [Server; N] {
    let replicas = masters.each_ref().map(|master| {
        let replica = Member::start();
        master.meet(&replica);
        replica
    });
    for (master, replica) in masters.iter().zip(&replicas) {
        let id = master.id();
        await_that("a replica knows its master", || {
            let mut command = Cmd::new();
            command.arg(&["CLUSTER", "REPLICATE", &id]);
            command.query::<()>(&mut replica.server.connect()).is_ok()
        });
    }
    for server in masters.iter().chain(&replicas) {
        await_that("all know the replicas", || {
            let slots: Vec<Vec<redis::Value>> = ask(&server.server, &["CLUSTER", "SLOTS"]);
            slots.len() == N && slots.iter().all(|range| range.len() == 4)
        });
    }
    replicas.map(|replica| replica.server)
}

#[test]
fn subscribers_at_replicas_are_counted() {
    let masters = members::<3>();
    let mut replicas = replicas(&masters);
    let url = format!("redis+cluster://127.0.0.1:{}", masters[1].server.port);
    let channel = "socket.io#/#";
    let counted = [Subscription::Counted(channel.into())];
    let nodes = [Format::Classic, Format::Sharded]
        .map(|format| Node::ready(Redis::new(&url).unwrap(), format, &counted));
    let count = |node: &Node, number| {
        node.command(Command::Count { channel: channel.into() });
        node.until(|told| (*told == Told::Counted(channel.into(), number)).then_some(()));
    };
    count(&nodes[0], 1);
    count(&nodes[1], 1);
    // Others may subscribe anywhere, or at any server that has the slot.
    let mut plain = replicas[0].connect();
    let mut plain = plain.as_pubsub();
    plain.subscribe(channel).unwrap();
    let slot: usize = ask(&masters[0].server, &["CLUSTER", "KEYSLOT", channel]);
    let owner = (0..3).rfind(|n| n * 16384 / 3 <= slot).unwrap();
    let mut sharded = replicas[owner].connect();
    let () = redis::cmd("SSUBSCRIBE").arg(channel).exec(&mut sharded).unwrap();
    count(&nodes[0], 2);
    count(&nodes[1], 2);
    nodes[0].publish(channel, "plain");
    assert_eq!(plain.get_message().unwrap().get_payload_bytes(), b"plain");
    // One that is away has no subscribers, and harms nobody.
    replicas[owner].freeze();
    count(&nodes[1], 1);
    replicas[owner].thaw();
    count(&nodes[1], 2);
    replicas[owner].kill();
    count(&nodes[1], 1);
}

#[test]
fn one_server_may_have_all_slots() {
    let [server] = cluster();
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
    let servers = cluster::<2>();
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
fn receivers_are_not_told_where_other_servers_may_have_some() {
    let masters = members::<2>();
    let url = format!("redis+cluster://127.0.0.1:{}", masters[0].server.port);
    let node = |format| Node::ready(Redis::new(&url).unwrap(), format, &[]);
    let plain = node(Format::Classic);
    plain.publish("a", "x");
    plain.is_told(&Told::Published(None));
    let sharded = node(Format::Sharded);
    sharded.publish("a", "x");
    sharded.is_told(&Told::Published(Some(0)));
    // A server alone, but for its replica.
    let [alone] = members();
    let [_replica] = replicas(std::array::from_ref(&alone));
    let url = format!("redis+cluster://127.0.0.1:{}", alone.server.port);
    for format in [Format::Classic, Format::Sharded] {
        let node = Node::ready(Redis::new(&url).unwrap(), format, &[]);
        node.publish("a", "x");
        node.is_told(&Told::Published(None));
    }
}

#[test]
fn sharded_channels_and_streams_go_to_the_servers_of_their_slots() {
    let servers = cluster::<2>();
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
    let servers = cluster::<2>();
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
