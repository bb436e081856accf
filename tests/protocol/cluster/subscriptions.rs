//! What processes subscribe to.

use std::collections::BTreeSet;

use sansocket::cluster::bus::{Format, Names, Subscription};

use super::config;
use super::world::{State, World};
use super::{ASKING, FORMATS};

#[test]
fn k02_a_process_subscribes_to_each_channel_once() {
    for format in FORMATS {
        let mut world = World::empty(format);
        world.add(config(format));
        let now = world.now;
        for namespace in ["/a", "/b"] {
            world.at(0).node.open(now, namespace);
            world.at(0).node.open(now, namespace);
        }
        world.millis(100);
        let name = world.at(0).node.name().to_owned();
        let prefix = match format {
            Format::Python => "socketio",
            Format::Native => "sansocket",
            Format::Classic | Format::Sharded | Format::Streams => "socket.io",
        };
        let names = Names::new(format, prefix);
        let namespaces = ["/", "/a", "/b"];
        let all = namespaces.iter().flat_map(|namespace| names.subscriptions(namespace, &name));
        let all: BTreeSet<_> = all.collect();
        assert_eq!(world.broker.subscriptions(0), Vec::from_iter(all), "{format}");
        assert!(world.at(0).node.is_settled(), "{format}");
    }
}

#[test]
fn a_namespace_without_clients_is_given_up_unless_it_is_kept_open() {
    for format in FORMATS {
        let mut world = World::new(format, 1);
        let before = world.broker.subscriptions(0);
        let clients = [world.connect_to(0, "/dynamic"), world.connect_to(0, "/dynamic")];
        let during = world.broker.subscriptions(0);
        assert_eq!(during == before, format == Format::Python, "{format}");
        let now = world.now;
        for client in clients {
            assert_eq!(world.broker.subscriptions(0), during, "{format}");
            world.at(0).hear(now, client, "41/dynamic,");
            world.settle();
        }
        assert_eq!(world.broker.subscriptions(0), before, "{format}");
        let client = world.connect(0);
        world.at(0).hear(now, client, "41");
        world.settle();
        assert_eq!(world.broker.subscriptions(0), before, "{format}");
    }
}

#[test]
fn a_sharded_process_subscribes_to_the_rooms_of_its_clients() {
    let mut world = World::new(Format::Sharded, 1);
    let room = Subscription::Exact("socket.io#/#r#".to_owned());
    let has = |world: &World| world.broker.subscriptions(0).contains(&room);
    let [a, b] = [world.connect(0), world.connect(0)];
    assert!(!has(&world));
    world.join(0, a, "r");
    world.join(0, b, "r");
    assert!(has(&world));
    world.at(0).leave(a, "r");
    world.settle();
    assert!(has(&world), "the other shard has a client in it");
    world.at(0).leave(b, "r");
    world.settle();
    assert!(!has(&world));
}

#[test]
fn k18_a_room_that_is_left_and_joined_again_stays_subscribed() {
    let mut world = World::new(Format::Sharded, 2);
    let client = world.connect(1);
    for _ in 0..9 {
        world.at(1).join(client, "r");
        world.at(1).leave(client, "r");
    }
    world.join(1, client, "r");
    world.emit(0, &["r"], "[1]");
    assert_eq!(world.at(1).frames(client), ["42[\"e\",1]"]);
}

#[test]
fn k18_a_room_is_settled_when_its_subscription_is_confirmed() {
    let mut world = World::new(Format::Sharded, 1);
    let client = world.connect(0);
    assert!(world.at(0).node.is_settled());
    world.broker.state = State::Frozen;
    world.join(0, client, "r");
    assert!(!world.at(0).node.is_settled());
    world.broker.state = State::Up;
    world.settle();
    assert!(world.at(0).node.is_settled());
}

#[test]
fn k03_after_a_restart_of_the_broker_all_is_subscribed_to_again() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let [client, dynamic] = [world.connect(1), world.connect_to(1, "/dynamic")];
        world.join(1, client, "r");
        let before = world.broker.subscriptions(1);
        world.broker.crash();
        world.millis(3000);
        let late = world.connect(1);
        world.join(1, late, "r");
        world.broker.state = State::Up;
        world.millis(10_000);
        assert_eq!(world.broker.subscriptions(1), before, "{format}");
        assert!(world.at(1).counts().connected, "{format}");
        world.emit(0, &["r"], "[1]");
        assert_eq!(world.at(1).frames(client), ["42[\"e\",1]"], "{format}");
        assert_eq!(world.at(1).frames(late), ["42[\"e\",1]"], "{format}");
        assert!(world.at(1).frames(dynamic).is_empty(), "{format}");
    }
}

#[test]
fn a_namespace_with_the_sign_that_ends_names_hears_its_own() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let client = world.connect_to(1, "/a#b");
        let other = world.connect_to(0, "/a#b");
        world.millis(300);
        let to = sansocket::Target { rooms: &["r"], ..sansocket::Target::namespace("/a#b") };
        world.join(1, client, "r");
        let args = sansocket::ArgsRef::NONE;
        world.at(0).shards[0].broadcast(&to, "e", args).expect("it is sent");
        world.settle();
        assert_eq!(world.at(1).frames(client), ["42/a#b,[\"e\"]"], "{format}");
        assert!(world.at(0).frames(other).is_empty(), "{format}");
    }
}
