//! Signs of life in our own format.

use std::time::Duration;

use sansocket::cluster::bus::{Body, BusLimits, Codec, Detail, Format, Home, Message, Payload, To};
use sansocket::cluster::{NodeConfig, NodeStatus};

use super::config;
use super::world::World;

fn joined(world: &mut World, at: usize) -> NodeStatus {
    NodeStatus::Joined { node: world.at(at).node.name().into() }
}

fn left(node: &str) -> NodeStatus {
    NodeStatus::Left { node: node.into() }
}

#[test]
fn processes_know_each_other_shortly_after_their_start() {
    let mut world = World::new(Format::Native, 3);
    for at in 0..3 {
        assert_eq!(world.at(at).counts().nodes, 3);
    }
    let second = joined(&mut world, 1);
    assert!(world.at(0).statuses.contains(&second));
}

#[test]
fn k16_a_process_that_is_silent_is_gone_after_four_seconds() {
    let mut world = World::new(Format::Native, 2);
    let name = world.at(1).node.name().to_owned();
    world.at(1).hangs = true;
    world.millis(3000);
    assert_eq!(world.at(0).counts().nodes, 2);
    world.millis(2000);
    assert_eq!(world.at(0).counts().nodes, 1);
    assert_eq!(world.at(0).statuses.last(), Some(&left(&name)));
    world.at(1).hangs = false;
    world.millis(1500);
    assert_eq!(world.at(0).counts().nodes, 2, "it only hung");
}

#[test]
fn a_heartbeat_of_any_length_is_taken() {
    for (heartbeat, at_most) in [(Duration::ZERO, 110), (Duration::MAX, 1)] {
        let mut set = config(Format::Native);
        set.heartbeat = heartbeat;
        let mut world = World::with(set, 2);
        let before = world.at(0).counts().published;
        world.millis(1000);
        let beats = world.at(0).counts().published - before;
        assert!(beats <= at_most && (heartbeat > Duration::ZERO) == (beats < 90), "{beats}");
        assert_eq!(world.at(0).counts().nodes, 2);
        let now = world.now;
        let node = &mut world.at(0).node;
        node.handle_timeout(now);
        assert!(node.poll_timeout().is_none_or(|due| due > now));
        world.kill(1);
        world.millis(5000);
        assert_eq!(world.at(0).counts().nodes, 1, "{heartbeat:?}");
    }
}

#[test]
fn k16_a_process_that_was_suspended_hears_the_others_before_it_takes_them_for_dead() {
    let mut world = World::new(Format::Native, 2);
    // The signs of life of the other lie in the line.
    let since = world.now;
    for second in 1..=10 {
        world.now = since + Duration::from_secs(second);
        let now = world.now;
        world.at(1).expire(now);
        world.at(1).node.handle_pong(now);
        while let Some(command) = world.at(1).node.poll_command(now) {
            world.broker.obey(now, 1, command);
        }
    }
    let now = world.now;
    world.at(0).expire(now);
    world.settle();
    world.millis(3000);
    let is_left = |status: &NodeStatus| matches!(status, NodeStatus::Left { .. });
    assert!(!world.at(0).statuses.iter().any(is_left));
    assert_eq!(world.at(0).counts().nodes, 2);
    let name = world.at(1).node.name().to_owned();
    world.kill(1);
    world.millis(4100);
    assert_eq!(world.at(0).statuses.last(), Some(&left(&name)), "it is dead all the same");
}

#[test]
fn k16_two_processes_that_were_suspended_together_are_none_the_worse() {
    let mut world = World::new(Format::Native, 2);
    world.now += Duration::from_secs(10);
    let now = world.now;
    (0..2).for_each(|process| world.at(process).expire(now));
    world.settle();
    world.millis(5000);
    for process in 0..2 {
        let is_left = |status: &NodeStatus| matches!(status, NodeStatus::Left { .. });
        assert!(!world.at(process).statuses.iter().any(is_left));
    }
}

#[test]
fn k16_a_process_that_leaves_is_gone_at_once() {
    let mut world = World::new(Format::Native, 2);
    let name = world.at(1).node.name().to_owned();
    world.stop(1);
    assert_eq!(world.at(0).counts().nodes, 1);
    assert_eq!(world.at(0).statuses.last(), Some(&left(&name)));
}

#[test]
fn an_outage_of_the_broker_kills_no_process() {
    let mut world = World::new(Format::Native, 2);
    world.broker.crash();
    world.millis(20_000);
    world.broker.state = super::world::State::Up;
    world.millis(6000);
    assert_eq!(world.at(0).counts().nodes, 2);
    let is_left = |status: &NodeStatus| matches!(status, NodeStatus::Left { .. });
    assert!(!world.at(0).statuses.iter().any(is_left));
}

#[test]
fn losses_are_counted_and_copies_dropped() {
    let mut world = World::new(Format::Native, 2);
    let client = world.connect(1);
    world.broker.faults.repeats = 100;
    world.emit(0, &[], "[1]");
    world.broker.faults.repeats = 0;
    world.broker.faults.loses = 100;
    world.emit(0, &[], "[2]");
    world.emit(0, &[], "[3]");
    world.broker.faults.loses = 0;
    world.emit(0, &[], "[4]");
    assert_eq!(world.at(1).frames(client), ["42[\"e\",1]", "42[\"e\",4]"]);
    assert_eq!(world.at(1).counts().lost, 2);
}

#[test]
fn k09_a_namespace_that_is_closed_and_opened_again_is_heard_at_once() {
    let mut world = World::new(Format::Native, 2);
    let [mut sender, client] = [0, 1].map(|process| world.connect_to(process, "/d"));
    world.connect_to(0, "/busy");
    world.connect_to(1, "/busy");
    world.millis(300);
    for n in 1..=3 {
        world.emit_in(0, "/d", &format!("[{n}]"));
    }
    for n in 1..=9 {
        world.emit_in(0, "/busy", &format!("[{n}]"));
    }
    world.at(1).frames(client);
    for n in 4..=6 {
        world.part(0, sender, "/d");
        sender = world.connect_to(0, "/d");
        world.emit_in(0, "/d", &format!("[{n}]"));
        assert_eq!(world.at(1).frames(client), [format!("42/d,[\"e\",{n}]")]);
    }
    assert_eq!(world.at(1).counts().lost, 0);
}

/// Numbers go on where the largest of any namespace that was closed ended.
#[test]
fn a_namespace_that_is_opened_again_behind_another_has_lost_nothing() {
    let mut world = World::new(Format::Native, 2);
    let [sender, busy] = ["/d", "/busy"].map(|namespace| world.connect_to(0, namespace));
    let client = world.connect_to(1, "/d");
    world.millis(300);
    world.emit_in(0, "/d", "[1]");
    for n in 1..=9 {
        world.emit_in(0, "/busy", &format!("[{n}]"));
    }
    world.part(0, sender, "/d");
    world.part(0, busy, "/busy");
    world.connect_to(0, "/d");
    world.emit_in(0, "/d", "[2]");
    assert_eq!(world.at(1).frames(client), ["42/d,[\"e\",1]", "42/d,[\"e\",2]"]);
    assert_eq!(world.at(1).counts().lost, 0);
    world.broker.faults.loses = 100;
    world.emit_in(0, "/d", "[3]");
    world.broker.faults.loses = 0;
    world.emit_in(0, "/d", "[4]");
    assert_eq!(world.at(1).counts().lost, 1, "what is lost later is counted");
}

#[test]
fn k16_a_process_that_leaves_a_namespace_is_not_asked_there() {
    let mut world = World::new(Format::Native, 2);
    let [_, client] = [0, 1].map(|process| world.connect_to(process, "/d"));
    world.millis(300);
    let fetch = |world: &mut World| {
        let now = world.now;
        let question = world.at(0).node.fetch(now, "/d", To::default(), Detail::Ids);
        let question = world.at(0).await_outcome(question.expect("it is asked"));
        world.outcome(0, question).expect("all answered")
    };
    assert_eq!(fetch(&mut world).asked, 1);
    world.part(1, client, "/d");
    let outcome = fetch(&mut world);
    assert_eq!((outcome.nodes, outcome.asked, outcome.missing), (1, 0, 0));
    world.connect_to(1, "/d");
    let outcome = fetch(&mut world);
    assert_eq!((outcome.asked, outcome.missing), (1, 0), "it came back");
    assert_eq!(world.at(0).counts().nodes, 2);
}

#[test]
fn k16_a_question_ends_when_the_process_that_it_waits_for_leaves_the_namespace() {
    let mut world = World::new(Format::Native, 2);
    let [_, client] = [0, 1].map(|process| world.connect_to(process, "/d"));
    world.millis(300);
    world.broker.faults.loses = 100;
    let now = world.now;
    let question = world.at(0).node.fetch(now, "/d", To::default(), Detail::Ids);
    let question = world.at(0).await_outcome(question.expect("it is asked"));
    assert!(world.outcome(0, question).is_none());
    world.broker.faults.loses = 0;
    world.part(1, client, "/d");
    let outcome = world.outcome(0, question).expect("nobody has to answer");
    assert_eq!((outcome.asked, outcome.missing), (1, 0));
}

#[test]
fn a_namespace_that_is_opened_again_while_the_farewell_waits_stays() {
    let mut world = World::new(Format::Native, 2);
    let [_, client] = [0, 1].map(|process| world.connect_to(process, "/d"));
    world.millis(300);
    let now = world.now;
    world.at(1).hear(now, client, "41/d,");
    world.at(1).run(now);
    world.at(1).connect(now, "/d");
    world.settle();
    world.millis(300);
    let now = world.now;
    let question = world.at(0).node.size(now, "/d").expect("it is asked");
    let question = world.at(0).await_outcome(question);
    assert_eq!(world.outcome(0, question).map(|outcome| outcome.nodes), Some(2));
}

#[test]
fn k07_a_process_whose_name_another_has_takes_another() {
    let mut world = World::empty(Format::Native);
    world.add_with_seed(config(Format::Native), 1);
    world.millis(5000);
    world.add_with_seed(config(Format::Native), 1);
    let name = world.at(0).node.name().to_owned();
    assert_eq!(world.at(1).node.name(), name);
    world.millis(5000);
    assert_eq!(world.at(0).node.name(), name, "the older keeps it");
    assert_ne!(world.at(1).node.name(), name);
    assert!(world.at(1).statuses.contains(&NodeStatus::Renamed));
    assert_eq!(world.at(0).counts().nodes, 2);
    assert_eq!(world.at(1).counts().nodes, 2);
    let client = world.connect(0);
    world.emit(1, &[], "[1]");
    assert_eq!(world.at(0).frames(client), ["42[\"e\",1]"]);
}

/// F7: names of processes without end.
#[test]
fn f07_k12_processes_that_are_not_there_cost_little() {
    let mut world = World::new(Format::Native, 1);
    let now = world.now;
    let codec = Codec::new(Format::Native, BusLimits::default());
    for n in 0..10_000_u128 {
        let beat = Message {
            from: Some(format!("{:032x}", n + 1).into()),
            namespace: "/".into(),
            sequence: Some(1),
            body: Body::Beat(None),
        };
        let payload = codec.encode(&beat).expect("it has words");
        world.broker.publish(now, "sansocket:n:/", payload);
        world.settle();
    }
    assert_eq!(world.at(0).counts().nodes, 4097);
    world.advance(Duration::from_secs(5));
    assert_eq!(world.at(0).counts().nodes, 1);
}

/// Settings of a process that tells where it listens.
fn at_home(name: &str, address: &str) -> NodeConfig {
    let home = Home { name: name.parse().unwrap(), address: address.parse().unwrap() };
    let mut config = config(Format::Native);
    config.home = Some(home);
    config
}

/// What a process heard of the homes of others, in order.
fn homes(world: &mut World, at: usize) -> Vec<(Box<str>, Option<String>)> {
    let homes = std::mem::take(&mut world.at(at).homes);
    let text = |home: Home| format!("{}={}", home.name, home.address);
    homes.into_iter().map(|(node, home)| (node, home.map(text))).collect()
}

#[test]
fn processes_that_tell_where_they_listen_learn_it_of_each_other() {
    let mut world = World::empty(Format::Native);
    world.add(at_home("n1", "10.0.0.1:3000"));
    world.add(at_home("n2", "[fe80::1]:3000"));
    // One that tells nothing is told nothing.
    world.add(config(Format::Native));
    world.millis(500);
    let [first, second] = [0, 1].map(|at| Box::<str>::from(world.at(at).node.name()));
    assert_eq!(homes(&mut world, 0), [(second.clone(), Some("n2=[fe80::1]:3000".into()))]);
    assert_eq!(homes(&mut world, 1), [(first, Some("n1=10.0.0.1:3000".into()))]);
    assert_eq!(homes(&mut world, 2), []);
    for at in 0..3 {
        assert_eq!(world.at(at).counts().nodes, 3);
    }
    world.millis(5000);
    assert_eq!(homes(&mut world, 0), [], "it is told once");
    world.kill(1);
    world.millis(5000);
    assert_eq!(homes(&mut world, 0), [(second, None)]);
}

/// F12: addresses that are none, and those that nobody asked for.
#[test]
fn f12_k10_k11_a_home_that_is_none_is_skipped_and_more_fields_are_stepped_over() {
    let mut world = World::empty(Format::Native);
    world.add(at_home("n1", "10.0.0.1:3000"));
    world.millis(500);
    let codec = Codec::new(Format::Native, BusLimits::default());
    let beat = |home| Message {
        from: Some("ff".repeat(16).into()),
        namespace: "/".into(),
        sequence: Some(1),
        body: Body::Beat(home),
    };
    let home = Home { name: "n2".parse().unwrap(), address: "10.0.0.2:3000".parse().unwrap() };
    let Payload::Bytes(bytes) = codec.encode(&beat(Some(home))).unwrap() else { panic!("bytes") };
    let replaced = |from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|window| window == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    let publish = |world: &mut World, bytes: &[u8]| {
        let payload = Payload::Bytes(bytes.to_vec().into());
        world.broker.publish(world.now, "sansocket:n:/", payload);
        world.settle();
    };
    for bad in [
        replaced(b"\xa2n2", b"\xa2n."),
        replaced(b"\xa2n2", b"\xc0"),
        replaced(b"\xa2n2", b"\xa0"),
        replaced(b"\xad10.0.0.2:3000", b"\xad10.0.0.2:x000"),
        replaced(b"\xad10.0.0.2:3000", b"\xadlocalhost:300"),
        bytes[..bytes.len() - 14].to_vec(),
    ] {
        let before = world.at(0).counts().invalid;
        publish(&mut world, &bad);
        assert_eq!(world.at(0).counts().invalid, before + 1, "{bad:?}");
    }
    assert_eq!(homes(&mut world, 0), []);
    let longer = [replaced(b"\x93\xa1/", b"\x94\xa1/"), b"\xc0".to_vec()].concat();
    publish(&mut world, &longer);
    assert_eq!(homes(&mut world, 0).len(), 1);
}
