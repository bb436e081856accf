//! Questions of one process to all others.

use std::time::Duration;

use sansocket::cluster::bus::{Detail, Format, To};
use sansocket::cluster::{BusError, NodeConfig, NodeStatus, Outcome, Question};
use sansocket::{ArgsRef, EventMessage};
use testbed::Process;

use super::config;
use super::world::{State, World};
use super::{ASKING, FORMATS};

fn everyone() -> To {
    To::default()
}

/// Asks, and returns the number of the question.
fn ask(
    world: &mut World,
    process: usize,
    question: impl FnOnce(&mut Process, std::time::Instant) -> Result<Question, BusError>,
) -> usize {
    let now = world.now;
    let process = world.at(process);
    let question = question(process, now).expect("it is asked");
    process.await_outcome(question)
}

fn fetch(world: &mut World, process: usize, detail: Detail) -> usize {
    ask(world, process, |process, now| process.node.fetch(now, "/", everyone(), detail))
}

fn ids(outcome: &Outcome) -> Vec<String> {
    let mut ids: Vec<_> = outcome.found.iter().map(|found| found.id.to_string()).collect();
    ids.sort();
    ids
}

#[test]
fn the_clients_of_all_other_processes_are_found() {
    for format in ASKING {
        for detail in [Detail::Clients, Detail::Ids] {
            let mut world = World::new(format, 3);
            let clients: Vec<_> = (0..5).map(|n| (n % 3, world.connect(n % 3))).collect();
            world.at(1).join(0, "r");
            let mut expected: Vec<_> =
                clients.iter().filter(|(p, _)| *p > 0).map(|&(p, c)| world.at(p).id(c)).collect();
            expected.sort();
            let question = fetch(&mut world, 0, detail);
            let outcome = world.outcome(0, question).expect("all answered");
            assert_eq!(ids(&outcome), expected, "{format}");
            assert_eq!((outcome.asked, outcome.missing), (2, 0), "{format}");
            let is_full = outcome.found.iter().all(|found| found.data.json() == "[7]");
            assert_eq!(is_full, detail == Detail::Clients, "{format}");
        }
    }
}

#[test]
fn a_process_that_is_alone_has_its_answer_at_once() {
    for format in ASKING {
        let mut world = World::new(format, 1);
        let question = fetch(&mut world, 0, Detail::Clients);
        let outcome = world.outcome(0, question).expect("nobody is asked");
        assert_eq!((outcome.asked, outcome.missing), (0, 0), "{format}");
    }
}

#[test]
fn rooms_are_those_of_all() {
    for format in [Format::Native, Format::Classic] {
        let mut world = World::new(format, 3);
        for (process, room) in [(1, "a"), (2, "b"), (2, "a")] {
            let client = world.connect(process);
            world.join(process, client, room);
        }
        let question = ask(&mut world, 0, |process, now| process.node.rooms(now, "/"));
        let outcome = world.outcome(0, question).expect("all answered");
        assert_eq!(outcome.rooms, ["a".into(), "b".into()], "{format}");
    }
    for format in [Format::Sharded, Format::Streams] {
        let mut world = World::new(format, 1);
        let now = world.now;
        let refused = world.at(0).node.rooms(now, "/");
        assert!(matches!(refused, Err(BusError::Unsupported(_))), "{format}");
    }
}

#[test]
fn the_number_of_processes_is_known() {
    for format in ASKING {
        let mut world = World::new(format, 3);
        let question = ask(&mut world, 0, |process, now| process.node.size(now, "/"));
        let outcome = world.outcome(0, question).expect("it is known");
        assert_eq!((outcome.nodes, outcome.missing), (3, 0), "{format}");
        assert_eq!(world.at(0).counts().nodes, 3, "{format}");
    }
}

#[test]
fn events_for_processes_are_heard_by_the_others_and_replied_to() {
    for format in ASKING {
        let mut world = World::new(format, 3);
        world.at(1).reply = Some("[\"one\",1]");
        world.at(2).reply = Some("[\"two\"]");
        let event = || EventMessage::from_args("note", ArgsRef::from_valid("[2]", &[]));
        let now = world.now;
        world.at(0).node.server_emit(now, "/", event()).expect("it is sent");
        world.settle();
        let question =
            ask(&mut world, 0, |process, now| process.node.server_ask(now, "/", event()));
        let outcome = world.outcome(0, question).expect("all answered");
        let mut replies: Vec<_> = outcome.replies.iter().map(|args| args.json()).collect();
        replies.sort_unstable();
        let first = if format == Format::Native { "[\"one\",1]" } else { "[\"one\"]" };
        assert_eq!(replies, [first, "[\"two\"]"], "{format}");
        assert!(world.at(0).server_events.is_empty(), "{format}");
        assert_eq!(world.at(1).server_events, ["note[2]", "note[2]"], "{format}");
    }
}

#[test]
fn k15_a_question_ends_with_what_came_and_says_who_is_missing() {
    for format in ASKING {
        let mut world = World::new(format, 3);
        let client = world.connect(1);
        let id = world.at(1).id(client);
        world.at(2).hangs = true;
        let question = fetch(&mut world, 0, Detail::Clients);
        world.millis(1900);
        assert!(world.outcome(0, question).is_none(), "{format}");
        world.millis(200);
        let outcome = world.outcome(0, question).expect("its time is up");
        assert_eq!(ids(&outcome), [id], "{format}");
        assert_eq!((outcome.asked, outcome.missing), (2, 1), "{format}");
        let names = [world.at(2).node.name().into()];
        let names: &[Box<str>] = if format == Format::Native { &names } else { &[] };
        assert_eq!(outcome.missing_names, names, "{format}");
        assert_eq!(world.at(0).counts().pending, 0, "{format}");
    }
}

#[test]
fn k15_a_question_without_a_broker_ends_in_time_and_is_not_complete() {
    for format in ASKING {
        for state in [State::Down, State::Frozen] {
            let mut world = World::empty(format);
            world.broker.state = state;
            world.add(config(format));
            world.millis(100);
            let question = fetch(&mut world, 0, Detail::Clients);
            world.millis(2100);
            let outcome = world.outcome(0, question).expect("its time is up");
            assert_eq!((outcome.asked, outcome.missing), (1, 1), "{format} {state:?}");
        }
    }
}

#[test]
fn k16_later_questions_do_not_ask_a_process_that_died() {
    for format in ASKING {
        let mut world = World::new(format, 3);
        world.kill(2);
        world.millis(5000);
        let question = fetch(&mut world, 0, Detail::Clients);
        let outcome = world.outcome(0, question).expect("all answered");
        assert_eq!((outcome.asked, outcome.missing), (1, 0), "{format}");
    }
}

#[test]
fn k22_the_time_that_questions_take_is_counted() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let question = fetch(&mut world, 0, Detail::Clients);
        world.outcome(0, question).expect("all answered");
        let quick = world.at(0).counts();
        assert_eq!((quick.answered, quick.slowest_answer), (1, Duration::ZERO), "{format}");
        world.at(1).hangs = true;
        let question = fetch(&mut world, 0, Detail::Clients);
        world.millis(2100);
        world.outcome(0, question).expect("its time is up");
        let (slow, timeout) = (world.at(0).counts(), Duration::from_secs(2));
        assert_eq!(slow.answered, 2, "{format}");
        assert_eq!((slow.answer_time, slow.slowest_answer), (timeout, timeout), "{format}");
    }
}

#[test]
fn k16_a_question_ends_when_the_process_that_it_waits_for_is_dead() {
    let mut set = config(Format::Native);
    set.timeout = Duration::from_secs(60);
    let mut world = World::with(set, 2);
    world.at(1).hangs = true;
    let question = fetch(&mut world, 0, Detail::Clients);
    world.millis(5100);
    let outcome = world.outcome(0, question).expect("it is dead");
    let name = world.at(1).node.name().into();
    assert_eq!((outcome.missing, outcome.missing_names), (1, vec![name]));
}

#[test]
fn k16_processes_are_counted_again_halfway() {
    for format in [Format::Classic, Format::Sharded, Format::Streams] {
        let mut world = World::new(format, 3);
        world.at(2).hangs = true;
        let question = fetch(&mut world, 0, Detail::Clients);
        world.millis(500);
        world.kill(2);
        world.millis(400);
        assert!(world.outcome(0, question).is_none(), "{format}");
        world.millis(200);
        let outcome = world.outcome(0, question).expect("it was counted again");
        assert_eq!((outcome.asked, outcome.missing), (1, 0), "{format}");
    }
}

#[test]
fn k16_a_process_that_leaves_is_not_asked_any_more() {
    for format in FORMATS {
        let mut world = World::new(format, 3);
        world.stop(2);
        if format == Format::Python {
            continue;
        }
        // Counts are good for a tenth of a second.
        world.millis(150);
        let question = fetch(&mut world, 0, Detail::Clients);
        let outcome = world.outcome(0, question).expect("all answered");
        assert_eq!((outcome.asked, outcome.missing), (1, 0), "{format}");
    }
}

#[test]
fn k16_a_count_is_good_for_a_tenth_of_a_second() {
    for format in [Format::Classic, Format::Sharded, Format::Streams] {
        let mut world = World::new(format, 2);
        for _ in 0..10 {
            let question = fetch(&mut world, 0, Detail::Clients);
            assert!(world.outcome(0, question).is_some(), "{format}");
        }
        assert_eq!(world.broker.counted, 1, "{format}");
        world.millis(101);
        let question = fetch(&mut world, 0, Detail::Clients);
        assert!(world.outcome(0, question).is_some(), "{format}");
        assert_eq!(world.broker.counted, 2, "{format}");
    }
}

#[test]
fn k17_the_first_question_after_the_start_waits_until_it_can_be_answered() {
    for format in ASKING {
        let mut world = World::new(format, 1);
        let client = world.connect(0);
        let id = world.at(0).id(client);
        let late = world.add(config(format));
        let question = fetch(&mut world, late, Detail::Clients);
        world.millis(500);
        let outcome = world.outcome(late, question).expect("all answered");
        assert_eq!((ids(&outcome), outcome.missing), (vec![id], 0), "{format}");
    }
}

/// F10.
#[test]
fn f10_k13_headers_are_told_by_a_list_and_auth_by_a_setting() {
    for format in ASKING {
        let mut set = config(format);
        set.headers = vec!["x-kept".into()];
        set.auth = false;
        let mut world = World::with(set, 2);
        world.connect(1);
        let question = fetch(&mut world, 0, Detail::Clients);
        let outcome = world.outcome(0, question).expect("all answered");
        let handshake = &outcome.found[0].handshake;
        assert_eq!(&*handshake.headers, r#"{"X-Kept":"yes"}"#, "{format}");
        assert_eq!(&*handshake.auth, "{}", "{format}");
        let mut world = World::new(format, 2);
        world.connect(1);
        let question = fetch(&mut world, 0, Detail::Clients);
        let outcome = world.outcome(0, question).expect("all answered");
        let handshake = &outcome.found[0].handshake;
        assert_eq!((&*handshake.headers, &*handshake.auth), ("{}", r#"{"token":"t"}"#));
    }
}

/// F7.
#[test]
fn f07_k12_answers_that_nobody_asked_for_are_skipped() {
    let mut world = World::new(Format::Classic, 2);
    let now = world.now;
    let name = world.at(0).node.name().to_owned();
    let channel = "socket.io-response#/#";
    let answer = |request: &str, rest: &str| {
        format!(r#"{{"requestId":"{request}",{rest}}}"#).into_bytes().into()
    };
    for request in ["other.1", &format!("{name}.99"), &format!("{name}.x")] {
        world.broker.publish(now, channel, answer(request, r#""sockets":[]"#));
    }
    world.at(1).hangs = true;
    let question = fetch(&mut world, 0, Detail::Clients);
    world.settle();
    world.broker.publish(now, channel, answer(&format!("{name}.1"), r#""rooms":["r"]"#));
    world.settle();
    assert!(world.outcome(0, question).is_none(), "that is no answer to this question");
    assert_eq!(world.at(0).counts().invalid, 1);
}

/// F7.
#[test]
fn f07_k12_what_all_answers_hold_is_bounded() {
    let mut set = config(Format::Native);
    set.limits.clients = 2;
    let mut world = World::with(set, 3);
    for process in [1, 1, 2] {
        world.connect(process);
    }
    let question = fetch(&mut world, 0, Detail::Clients);
    let outcome = world.outcome(0, question).expect("nothing else can come");
    assert!(outcome.found.len() == 2 && outcome.missing == 1, "{outcome:?}");
}

/// Two processes, of which the second has so many clients, and a broker that carries so many bytes.
fn crowded(set: &NodeConfig, clients: usize, largest: usize) -> World {
    let mut world = World::empty(set.format);
    world.broker.largest = Some(largest);
    for _ in 0..2 {
        world.add(set.clone());
    }
    world.millis(500);
    for n in 0..clients {
        let client = world.connect(1);
        world.join(1, client, &format!("room-{n}"));
    }
    world
}

#[test]
fn k20_a_long_answer_comes_in_parts_that_the_broker_carries() {
    for detail in [Detail::Clients, Detail::Ids] {
        let mut world = crowded(&config(Format::Native), 50, 1000);
        let question = fetch(&mut world, 0, detail);
        let outcome = world.outcome(0, question).expect("all parts came");
        let mut expected: Vec<_> = (0..50).map(|client| world.at(1).id(client)).collect();
        expected.sort();
        assert_eq!(ids(&outcome), expected);
        assert_eq!((outcome.asked, outcome.missing), (1, 0));
        assert_eq!(world.at(1).counts().refused, 0);
        assert!(world.broker.log.iter().all(|(_, payload)| payload.size() <= 1000));
    }
    let mut world = crowded(&config(Format::Native), 50, 300);
    let question = ask(&mut world, 0, |process, now| process.node.rooms(now, "/"));
    let outcome = world.outcome(0, question).expect("all parts came");
    assert_eq!((outcome.rooms.len(), outcome.missing), (50, 0));
}

#[test]
fn k05_an_answer_that_is_longer_than_the_queue_waits_for_room_in_it() {
    let mut set = config(Format::Native);
    set.queue = 4000;
    let mut world = crowded(&set, 50, 1_000_000);
    let question = fetch(&mut world, 0, Detail::Clients);
    let outcome = world.outcome(0, question).expect("all parts came");
    assert_eq!((outcome.found.len(), outcome.missing), (50, 0));
    assert_eq!(world.at(1).counts().dropped_full, 0);
}

#[test]
fn k15_an_answer_of_which_a_part_is_lost_is_not_whole() {
    let mut world = crowded(&config(Format::Native), 50, 1000);
    world.broker.swallows = Some(5);
    let question = fetch(&mut world, 0, Detail::Clients);
    let outcome = world.outcome(0, question).expect("it cannot become whole");
    assert!(outcome.found.len() < 50, "{}", outcome.found.len());
    assert_eq!((outcome.asked, outcome.missing), (1, 1));
    assert_eq!(outcome.missing_names, [world.at(1).node.name().into()]);
}

#[test]
fn k20_an_answer_that_the_broker_does_not_carry_is_told_of() {
    for format in [Format::Classic, Format::Sharded, Format::Streams] {
        let mut world = crowded(&config(format), 50, 1000);
        for _ in 0..3 {
            let question = fetch(&mut world, 0, Detail::Clients);
            world.millis(2100);
            assert_eq!(world.outcome(0, question).map(|it| it.missing), Some(1), "{format}");
        }
        let is_of = |status: &&NodeStatus| matches!(status, NodeStatus::Refused { .. });
        let told: Vec<_> = world.at(1).statuses.iter().filter(is_of).cloned().collect();
        let [NodeStatus::Refused { count: 1, last: BusError::TooLarge { size, limit: 1000 } }] =
            told[..]
        else {
            panic!("{format}: {told:?}");
        };
        assert!(size > 1000, "{format}: {size}");
        assert_eq!(world.at(1).counts().refused, 3, "{format}");
    }
}

#[test]
fn k12_a_process_whose_answer_does_not_fit_is_missing_at_once() {
    for format in ASKING {
        let mut set = config(format);
        set.limits.clients = 4;
        let mut world = World::with(set, 3);
        for process in [1, 1, 1, 2, 2] {
            world.connect(process);
        }
        let question = fetch(&mut world, 0, Detail::Clients);
        let outcome = world.outcome(0, question).expect("nothing else can come");
        assert_eq!(outcome.found.len(), 4, "{format}");
        assert_eq!((outcome.asked, outcome.missing), (2, 1), "{format}");
    }
}

#[test]
fn k12_replies_are_bounded_as_other_answers_are() {
    for (most, missing) in [(2, 0), (1, 1)] {
        let mut set = config(Format::Native);
        set.limits.clients = most;
        let mut world = World::with(set, 3);
        for process in [1, 2] {
            world.at(process).reply = Some("[1]");
        }
        let event = EventMessage::from_args("note", ArgsRef::from_valid("[2]", &[]));
        let question = ask(&mut world, 0, |process, now| process.node.server_ask(now, "/", event));
        let outcome = world.outcome(0, question).expect("all answered");
        assert_eq!((outcome.replies.len(), outcome.missing), (most, missing));
    }
}

#[test]
fn a_process_that_leaves_has_its_questions_answered() {
    let mut world = World::new(Format::Native, 2);
    world.at(1).hangs = true;
    let question = fetch(&mut world, 0, Detail::Clients);
    let now = world.now;
    world.settle();
    world.at(0).node.leave(now);
    let outcome = world.outcome(0, question).expect("it leaves");
    assert_eq!(outcome.missing, 1);
    let refused = world.at(0).node.fetch(now, "/", everyone(), Detail::Ids);
    assert_eq!(refused, Err(BusError::Left));
}
