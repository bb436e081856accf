//! What one process sends reaches the clients of all.

use std::time::Duration;

use sansocket::cluster::bus::{Detail, Format, Payload, To};
use sansocket::{ArgsRef, Scope, Target};

use super::world::World;
use super::{ASKING, FORMATS};

#[test]
fn an_event_reaches_all_clients_of_all_processes_once() {
    for format in FORMATS {
        let mut world = World::new(format, 3);
        let clients: Vec<_> = (0..6).map(|n| (n % 3, world.connect(n % 3))).collect();
        world.emit(0, &[], "[1]");
        for &(process, client) in &clients {
            assert_eq!(world.at(process).frames(client), ["42[\"e\",1]"], "{format} {process}");
        }
        assert_eq!(world.at(0).counts().invalid + world.at(1).counts().invalid, 0);
    }
}

#[test]
fn an_event_reaches_rooms_and_ids_but_for_those_left_out() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let [a, b] = [world.connect(1), world.connect(1)];
        world.join(1, a, "r");
        world.join(1, b, "r");
        world.emit(0, &["r"], "[1]");
        let id = world.at(1).id(a);
        world.at(0).emit(&["r", "s"], &[&id], "e", "[2]");
        world.emit(0, &[&id], "[3]");
        assert_eq!(world.at(1).frames(a), ["42[\"e\",1]", "42[\"e\",3]"], "{format}");
        assert_eq!(world.at(1).frames(b), ["42[\"e\",1]", "42[\"e\",2]"], "{format}");
    }
}

#[test]
fn binary_arguments_arrive_as_they_were() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        let attachments = [sansocket::Bytes::from_static(&[0, 1, 255])];
        let args = ArgsRef::from_valid(r#"[{"_placeholder":true,"num":0},"t"]"#, &attachments);
        let sent = world.at(0).shards[0].broadcast(&Target::namespace("/"), "b", args);
        sent.expect("it is sent");
        world.settle();
        let text = r#"451-["b",{"_placeholder":true,"num":0},"t"]"#;
        assert_eq!(world.at(1).frames(client), [text, "b[0, 1, 255]"], "{format}");
    }
}

#[test]
fn what_is_for_this_process_stays_there() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let [here, there] = [world.connect(0), world.connect(1)];
        let to = Target { scope: Scope::Process, ..Target::namespace("/") };
        world.at(0).shards[1].broadcast(&to, "e", ArgsRef::NONE).expect("it is sent");
        world.settle();
        assert_eq!(world.at(0).frames(here), ["42[\"e\"]"], "{format}");
        assert!(world.at(1).frames(there).is_empty(), "{format}");
    }
}

#[test]
fn a_message_from_the_bus_does_not_go_back_to_it() {
    for format in FORMATS {
        let mut world = World::new(format, 3);
        let client = world.connect(1);
        world.join(1, client, "r");
        world.broker.log.clear();
        world.emit(0, &["r"], "[1]");
        world.emit(0, &[], "[2]");
        let events = world.broker.log.len();
        assert_eq!(events, 2, "{format}");
    }
}

#[test]
fn k09_what_a_process_sends_arrives_in_order() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        for room in ["r0", "r1"] {
            world.join(1, client, room);
        }
        for n in 0..100 {
            let rooms: &[&str] = match n % 3 {
                0 => &["r0"],
                1 => &["r0", "r1"],
                _ => &[],
            };
            world.at(0).emit(rooms, &[], "e", &format!("[{n}]"));
        }
        world.settle();
        let expected: Vec<_> = (0..100).map(|n| format!("42[\"e\",{n}]")).collect();
        assert_eq!(world.at(1).frames(client), expected, "{format}");
    }
}

#[test]
fn k09_a_question_that_waits_is_not_overtaken() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let client = world.connect_to(1, "/late");
        world.millis(300);
        // The subscriptions of the first are confirmed later.
        let now = world.now;
        world.at(0).connect(now, "/late");
        let to = Target::namespace("/late");
        let server = &mut world.at(0).shards[0];
        server.broadcast(&to, "a", ArgsRef::NONE).expect("it is sent");
        let timeout = Duration::from_secs(1);
        server.broadcast_with_ack(now, &to, "b", ArgsRef::NONE, timeout).expect("it is sent");
        server.broadcast(&to, "c", ArgsRef::NONE).expect("it is sent");
        world.millis(500);
        let frames = world.at(1).frames(client);
        let names: Vec<_> = frames.iter().map(|frame| frame.split('"').nth(1)).collect();
        assert_eq!(names, [Some("a"), Some("b"), Some("c")], "{format}");
    }
}

#[test]
fn a_question_that_waits_holds_up_no_other_namespace() {
    for format in ASKING {
        for confirms in [0, 700, 5000] {
            let mut world = World::new(format, 2);
            let client = world.connect(1);
            world.broker.faults.confirms = confirms;
            world.connect_to(0, "/new");
            let now = world.now;
            let question = world.at(0).node.fetch(now, "/new", To::default(), Detail::Ids);
            let question = world.at(0).await_outcome(question.expect("it is asked"));
            world.emit(0, &[], "[1]");
            let frames = world.at(1).frames(client);
            assert_eq!(frames, ["42[\"e\",1]"], "{format} {confirms}");
            world.millis(2100);
            assert!(world.outcome(0, question).is_some(), "{format} {confirms}");
        }
    }
}

#[test]
fn k09_each_namespace_keeps_its_order_while_questions_of_many_wait() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let names: Vec<_> = (0..5).map(|n| format!("/{n}")).collect();
        let clients: Vec<_> = names.iter().map(|name| world.connect_to(1, name)).collect();
        world.millis(300);
        let start = world.now;
        world.broker.faults.confirms = 100;
        for (n, name) in names.iter().enumerate() {
            let now = world.now;
            world.at(0).connect(now, name);
            world.millis(7 * n as u64);
        }
        for n in 0..60 {
            for name in &names {
                let now = world.now;
                let to = Target::namespace(name);
                let (json, timeout) = (format!("[{n}]"), Duration::from_secs(1));
                let args = ArgsRef::from_valid(&json, &[]);
                let server = &mut world.at(0).shards[0];
                match n % 20 {
                    7 => drop(server.broadcast_with_ack(now, &to, "e", args, timeout)),
                    _ => server.broadcast(&to, "e", args).expect("it is sent"),
                }
            }
            world.millis(10);
            world.at(0).node.check();
        }
        assert!(world.now < start + Duration::from_secs(1), "some of them waited");
        world.millis(1000);
        assert_eq!(world.at(0).counts().queued, 0, "{format}");
        for client in clients {
            let frames = world.at(1).frames(client);
            let numbers = frames.iter().map(|frame| frame.rsplit(',').next().unwrap_or_default());
            let expected: Vec<_> = (0..60).map(|n| format!("{n}]")).collect();
            assert!(numbers.eq(&expected), "{format}: {frames:?}");
        }
    }
}

#[test]
fn what_waits_behind_a_question_is_handed_over_when_the_process_leaves() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let client = world.connect_to(1, "/new");
        world.millis(300);
        world.broker.faults.confirms = 5000;
        world.connect_to(0, "/new");
        let now = world.now;
        let to = Target::namespace("/new");
        world.at(0).node.fetch(now, "/new", To::default(), Detail::Ids).expect("it is asked");
        world.at(0).shards[0].broadcast(&to, "last", ArgsRef::NONE).expect("it is sent");
        world.at(0).run(now);
        world.stop(0);
        assert_eq!(world.at(1).frames(client), ["42/new,[\"last\"]"], "{format}");
    }
}

#[test]
fn what_waits_behind_a_question_is_sent_when_its_namespace_is_closed() {
    let mut world = World::new(Format::Native, 2);
    let client = world.connect_to(1, "/new");
    world.millis(300);
    world.broker.faults.confirms = 5000;
    let sender = world.connect_to(0, "/new");
    let now = world.now;
    world.at(0).node.fetch(now, "/new", To::default(), Detail::Ids).expect("it is asked");
    world.emit_in(0, "/new", "[1]");
    assert!(world.at(1).frames(client).is_empty());
    world.part(0, sender, "/new");
    assert_eq!(world.at(1).frames(client), ["42/new,[\"e\",1]"]);
}

#[test]
fn flags_are_carried() {
    for format in FORMATS.into_iter().filter(|format| *format != Format::Python) {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        let to = Target { volatile: true, compress: false, ..Target::namespace("/") };
        world.at(0).shards[0].broadcast(&to, "v", ArgsRef::NONE).expect("it is sent");
        world.settle();
        assert_eq!(world.at(1).frames(client), ["42[\"v\"]"], "{format}");
    }
}

#[test]
fn the_classic_bytes_are_those_of_the_adapter() {
    let mut world = World::new(Format::Classic, 1);
    world.broker.log.clear();
    world.emit(0, &["r1"], r#"["x",1]"#);
    let name = world.at(0).node.name().to_owned();
    let mut bytes = b"\x93\xa6".to_vec();
    bytes.extend_from_slice(name.as_bytes());
    bytes.extend_from_slice(b"\x83\xa4type\x02\xa4data\x93\xa1e\xa1x\x01\xa3nsp\xa1/");
    bytes.extend_from_slice(b"\x83\xa5rooms\x91\xa2r1\xa6except\x90\xa5flags\x80");
    assert_eq!(world.broker.log, [("socket.io#/#r1#".to_owned(), Payload::from(bytes))]);
}
