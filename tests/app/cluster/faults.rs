//! Brokers that are away, and servers that leave, hang or die.

use sansocket_app::test::{Network, TestCluster};
use sansocket_app::{App, Format, NodeConfig, Socket};
use std::time::Duration;

use super::stage::{ALL, RICH, app, member, numbers, two};

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn k01_local_clients_are_served_without_a_broker() {
    for format in ALL {
        let cluster = TestCluster::with_format(format);
        cluster.set_broker(Network::Down);
        let server = cluster.server(app());
        let (ann, bob) = (member(&server, "tea"), member(&server, "tea"));
        server.io().to("tea").emit("n", &1).unwrap();
        assert_eq!((numbers(&ann), numbers(&bob)), (vec![1], vec![1]), "{format}");
        assert!(!server.io().bus().unwrap().counts().connected);
    }
}

#[test]
fn k02_a_server_finds_a_broker_that_comes_later() {
    for format in ALL {
        let cluster = TestCluster::with_format(format);
        cluster.set_broker(Network::Down);
        let (here, there) = (cluster.server(app()), cluster.server(app()));
        let client = there.connect().unwrap();
        cluster.advance(60 * SECOND);
        cluster.set_broker(Network::Up);
        cluster.advance(10 * SECOND);
        here.io().emit("n", &1).unwrap();
        assert_eq!(numbers(&client), [1], "{format}");
    }
}

#[test]
fn k03_after_a_restart_of_the_broker_all_is_as_before_and_nothing_comes_twice() {
    for format in ALL {
        let (cluster, here, there) = two(format);
        let client = member(&there, "tea");
        here.io().to("tea").emit("n", &1).unwrap();
        here.run();
        cluster.set_broker(Network::Down);
        let late = member(&there, "late");
        cluster.advance(SECOND);
        cluster.set_broker(Network::Up);
        cluster.advance(10 * SECOND);
        here.io().to("tea").emit("n", &2).unwrap();
        here.io().to("late").emit("n", &3).unwrap();
        assert_eq!((numbers(&client), numbers(&late)), (vec![1, 2], vec![3]), "{format}");
        let counts = there.io().bus().unwrap().counts();
        assert!(counts.connected && counts.reconnects >= 1, "{format}: {counts:?}");
    }
}

#[test]
fn k05_messages_wait_for_a_broker_for_a_while() {
    for format in ALL {
        let mut config = NodeConfig::default();
        config.format = format;
        config.age = 5 * SECOND;
        let cluster = TestCluster::with_config(config);
        let (here, there) = (cluster.server(app()), cluster.server(app()));
        let client = there.connect().unwrap();
        cluster.set_broker(Network::Down);
        here.io().emit("n", &1).unwrap();
        cluster.advance(20 * SECOND);
        here.io().volatile().emit("n", &2).unwrap();
        assert_eq!(here.io().bus().unwrap().counts().dropped_old, 2, "{format}");
        cluster.set_broker(Network::Up);
        cluster.advance(20 * SECOND);
        here.io().emit("n", &3).unwrap();
        assert_eq!(numbers(&client), [3], "{format}");
    }
}

#[test]
fn k05_a_full_queue_is_told_to_who_emits_and_local_clients_have_the_event() {
    let mut config = NodeConfig::default();
    config.queue = 1000;
    let cluster = TestCluster::with_config(config);
    let here = cluster.server(app());
    let client = here.connect().unwrap();
    cluster.set_broker(Network::Down);
    let refused = here.io().emit("long", &"x".repeat(2000));
    assert!(refused.is_err(), "{refused:?}");
    assert_eq!(client.expect::<String>("long").len(), 2000);
}

#[test]
fn k15_a_question_with_a_frozen_server_ends_in_time_with_what_came() {
    for format in RICH {
        let mut config = NodeConfig::default();
        config.format = format;
        config.timeout = 2 * SECOND;
        let cluster = TestCluster::with_config(config);
        let [a, b, c] = [(), (), ()].map(|()| cluster.server(app()));
        let _clients = [&a, &b, &c].map(|server| server.connect().unwrap());
        cluster.advance(SECOND);
        cluster.freeze(&c);
        let asked = a.io().fetch_sockets();
        cluster.advance(3 * SECOND);
        let found = a.block_on(asked).unwrap();
        assert_eq!(found.sockets.len(), 2, "{format}");
        let missing = found.missing.expect("one does not answer");
        assert_eq!((missing.asked, missing.missing), (2, 1), "{format}");
        cluster.thaw(&c);
        cluster.advance(5 * SECOND);
        let found = a.block_on(a.io().fetch_sockets()).unwrap();
        assert_eq!((found.sockets.len(), found.missing), (3, None), "{format}");
    }
}

#[test]
fn k15_a_question_without_a_broker_ends_in_time_with_what_is_here() {
    for format in RICH {
        let (cluster, here, there) = two(format);
        let (_ann, _bob) = (here.connect().unwrap(), there.connect().unwrap());
        cluster.advance(SECOND);
        cluster.set_broker(Network::Down);
        let asked = here.io().fetch_sockets();
        cluster.advance(7 * SECOND);
        let found = here.block_on(asked).unwrap();
        assert_eq!(found.sockets.len(), 1, "{format}");
        assert!(found.missing.is_some(), "{format}");
    }
}

#[test]
fn k16_a_server_that_died_is_not_waited_for() {
    for format in RICH {
        let (cluster, here, there) = two(format);
        let _ann = here.connect().unwrap();
        cluster.advance(SECOND);
        drop(there);
        cluster.advance(6 * SECOND);
        let found = here.block_on(here.io().fetch_sockets()).unwrap();
        assert_eq!((found.sockets.len(), found.missing), (1, None), "{format}");
        assert_eq!(here.block_on(here.io().cluster_size()), Ok(1), "{format}");
    }
}

#[test]
fn k16_a_server_that_stops_leaves_and_is_not_asked_any_more() {
    for format in RICH {
        let (cluster, here, there) = two(format);
        let _ann = here.connect().unwrap();
        let bob = there.connect().unwrap();
        cluster.advance(SECOND);
        there.io().stop();
        cluster.advance(SECOND / 2);
        assert!(!bob.is_connected());
        let found = here.block_on(here.io().fetch_sockets()).unwrap();
        assert_eq!((found.sockets.len(), found.missing), (1, None), "{format}");
    }
}

#[test]
fn what_a_disconnect_handler_emits_at_the_end_reaches_other_servers() {
    let cluster = TestCluster::new();
    let parting = || {
        let mut app = App::new();
        app.on_disconnect(|socket: Socket| socket.broadcast().emit("left", &()));
        app
    };
    let (here, there) = (cluster.server(parting()), cluster.server(parting()));
    let (ann, _bob) = (here.connect().unwrap(), there.connect().unwrap());
    there.io().stop();
    cluster.advance(SECOND);
    ann.expect::<()>("left");
}

#[test]
fn two_clusters_share_a_broker_by_their_prefixes() {
    let of = |prefix: &str| {
        let mut config = NodeConfig::default();
        config.format = Format::Classic;
        config.prefix = Some(prefix.into());
        config
    };
    let cluster = TestCluster::new();
    let with = |prefix: &str| {
        let mut app = app();
        app.cluster(sansocket_app::Cluster::new(Nowhere).config(of(prefix)));
        cluster.server(app)
    };
    let [a, b, c] = ["one", "one", "two"].map(with);
    let clients = [&a, &b, &c].map(|server| server.connect().unwrap());
    a.io().emit("n", &1).unwrap();
    assert_eq!(clients.each_ref().map(numbers), [vec![1], vec![1], vec![]]);
}

/// The broker of a test takes its place.
struct Nowhere;

impl sansocket_app::Broker for Nowhere {
    fn address(&self) -> String {
        "nowhere".into()
    }

    fn run(&mut self, _: &sansocket_app::Link) -> Result<(), sansocket_app::BrokerError> {
        Err(sansocket_app::BrokerError::new("there is none"))
    }
}
