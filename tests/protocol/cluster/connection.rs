//! A broker that is away, slow, or silent.

use std::time::Duration;

use sansocket::cluster::bus::{Format, Payload};
use sansocket::cluster::{BusError, NodeStatus};
use sansocket::{ArgsRef, EventMessage, Target};

use super::FORMATS;
use super::config;
use super::world::{State, World};

/// F4: a broker that takes nothing costs local clients nothing.
#[test]
fn f04_k01_clients_of_this_process_get_events_whatever_the_broker_does() {
    for format in FORMATS {
        for state in [State::Down, State::Frozen] {
            let mut world = World::empty(format);
            world.broker.state = state;
            world.add(config(format));
            let client = world.connect(0);
            world.emit(0, &[], "[1]");
            assert_eq!(world.at(0).frames(client), ["42[\"e\",1]"], "{format} {state:?}");
        }
    }
}

/// F5, python-socketio #1534.
#[test]
fn f05_k02_a_process_connects_when_the_broker_comes() {
    for format in FORMATS {
        let mut world = World::empty(format);
        world.broker.state = State::Down;
        for _ in 0..2 {
            world.add(config(format));
        }
        let client = world.connect(1);
        world.millis(30_000);
        world.broker.state = State::Up;
        world.millis(7000);
        assert!(world.at(0).counts().connected, "{format}");
        world.emit(0, &[], "[1]");
        assert_eq!(world.at(1).frames(client), ["42[\"e\",1]"], "{format}");
        let told = world.at(0).statuses.iter();
        let told: Vec<_> = told.filter(|s| !matches!(s, NodeStatus::Joined { .. })).collect();
        let lost = NodeStatus::Lost { why: "refused".into() };
        assert_eq!(told, [&lost, &NodeStatus::Connected { dropped: 0 }], "{format}");
    }
}

#[test]
fn k03_a_process_is_connected_when_its_subscriptions_are_confirmed() {
    for format in FORMATS {
        let mut world = World::new(format, 1);
        let client = world.connect(0);
        world.broker.faults.confirms = 3000;
        let late = world.add(config(format));
        world.millis(1100);
        world.emit(late, &[], "[1]");
        assert_eq!(world.at(0).frames(client), ["42[\"e\",1]"], "{format}: it sends");
        let is_told = |status: &NodeStatus| matches!(status, NodeStatus::Connected { .. });
        for (millis, is_connected) in [(1800, false), (200, true)] {
            // What is wished for later, and without end, does not matter.
            world.connect_to(late, &format!("/{millis}"));
            world.millis(millis);
            assert_eq!(world.at(late).counts().connected, is_connected, "{format}");
            assert_eq!(world.at(late).node.is_connected(), is_connected, "{format}");
            assert_eq!(world.at(late).statuses.iter().any(is_told), is_connected, "{format}");
        }
    }
}

/// A broker that lets a process in and ends the connection when it publishes.
#[test]
fn k02_pauses_grow_when_the_first_message_ends_each_connection() {
    for format in FORMATS {
        let mut world = World::new(format, 1);
        world.millis(6000);
        world.at(0).statuses.clear();
        for _ in 0..600 {
            if world.at(0).counts().connected {
                world.broker.shut_out(0);
                world.settle();
                world.broker.shut_out = None;
            }
            world.millis(50);
        }
        let reconnects = world.at(0).counts().reconnects;
        assert!((5..15).contains(&reconnects), "{format}: {reconnects} in half a minute");
        let statuses = world.at(0).statuses.iter();
        let lost = statuses.filter(|status| matches!(status, NodeStatus::Lost { .. })).count();
        assert_eq!(lost, 1, "{format}");
        assert!(world.at(0).statuses.len() <= 2, "{format}");
    }
}

#[test]
fn k04_a_broker_that_is_silent_is_pinged_and_given_up() {
    for format in FORMATS {
        let mut world = World::new(format, 1);
        world.millis(20_000);
        assert_eq!(world.at(0).counts().reconnects, 0, "{format}: it answers pings");
        world.broker.state = State::Frozen;
        world.millis(9000);
        assert_eq!(world.at(0).counts().reconnects, 0, "{format}");
        world.millis(2000);
        assert_eq!(world.at(0).counts().reconnects, 1, "{format}");
        let lost = NodeStatus::Lost { why: "silent".into() };
        assert!(world.at(0).statuses.contains(&lost), "{format}");
        world.broker.state = State::Up;
        world.millis(20_000);
        assert!(world.at(0).counts().connected, "{format}");
    }
}

#[test]
fn k04_messages_of_others_are_no_sign_of_life() {
    let mut world = World::new(Format::Python, 1);
    world.broker.mute = true;
    for _ in 0..12 {
        let now = world.now;
        world.broker.publish(now, "socketio", Payload::from(&b"{}"[..]));
        world.millis(1000);
    }
    assert_eq!(world.at(0).counts().reconnects, 1);
}

#[test]
fn k05_what_waits_is_bounded_in_bytes_and_age() {
    for format in FORMATS {
        let mut set = config(format);
        set.queue = 4000;
        let mut world = World::with(set, 2);
        let client = world.connect(1);
        world.at(1).frames(client);
        world.broker.shut_out(0);
        world.millis(50);
        for n in 0..100 {
            world.emit(0, &[], &format!("[{n}]"));
        }
        let counts = world.at(0).counts();
        assert!(counts.queued > 5 && counts.queued_bytes <= 4000, "{format} {counts:?}");
        assert_eq!(counts.queued + counts.dropped_full, 100, "{format}");
        let queued = counts.queued;
        world.broker.shut_out = None;
        world.millis(1000);
        let kept: Vec<_> = (0..queued).map(|n| format!("42[\"e\",{n}]")).collect();
        assert_eq!(world.at(1).frames(client), kept, "{format}: the newest are refused");
        let dropped = 100 - queued;
        let told = NodeStatus::Connected { dropped };
        assert_eq!(world.at(0).statuses.iter().filter(|s| **s == told).count(), 1, "{format}");
        world.broker.shut_out(0);
        world.millis(10);
        world.emit(0, &[], "[-1]");
        world.millis(5100);
        assert_eq!(world.at(0).counts().queued, 0, "{format}");
        assert_eq!(world.at(0).counts().dropped_old, 1, "{format}");
    }
}

#[test]
fn k05_volatile_events_are_not_kept_for_a_broker_that_is_away() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        world.broker.shut_out(0);
        world.millis(10);
        let to = Target { volatile: true, ..Target::namespace("/") };
        world.at(0).shards[0].broadcast(&to, "v", ArgsRef::NONE).expect("it is sent");
        world.emit(0, &[], "[1]");
        world.broker.shut_out = None;
        world.millis(1000);
        assert_eq!(world.at(1).frames(client), ["42[\"e\",1]"], "{format}");
        assert_eq!(world.at(0).counts().dropped_old, 1, "{format}");
    }
}

#[test]
fn k22_what_the_broker_had_not_confirmed_counts_as_dropped_when_the_connection_breaks() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        world.emit(0, &[], "[1]");
        world.broker.state = State::Frozen;
        for n in 2..5 {
            world.emit(0, &[], &format!("[{n}]"));
        }
        let before = world.at(0).counts();
        assert_eq!((before.dropped_broken, before.queued), (0, 0), "{format}");
        world.broker.crash();
        world.settle();
        assert_eq!(world.at(0).counts().dropped_broken, 3, "{format}");
        world.broker.state = State::Up;
        world.millis(1000);
        let told = NodeStatus::Connected { dropped: 3 };
        assert!(world.at(0).statuses.contains(&told), "{format}: {:?}", world.at(0).statuses);
        world.broker.crash();
        world.settle();
        assert_eq!(world.at(0).counts().dropped_broken, 3, "{format}: all was confirmed");
    }
}

#[test]
fn k06_what_was_handed_to_the_driver_is_not_sent_again() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        world.broker.faults.loses = 100;
        world.emit(0, &[], "[1]");
        world.broker.faults.loses = 0;
        world.broker.shut_out(0);
        world.millis(10);
        world.emit(0, &[], "[2]");
        world.broker.shut_out = None;
        world.millis(1000);
        assert_eq!(world.at(1).frames(client), ["42[\"e\",2]"], "{format}");
    }
}

#[test]
fn k20_a_message_that_the_broker_does_not_carry_is_refused_with_both_numbers() {
    let mut world = World::empty(Format::Native);
    world.broker.largest = Some(1000);
    world.add(config(Format::Native));
    world.millis(500);
    let now = world.now;
    let long = format!("[\"{}\"]", "x".repeat(2000));
    let event = EventMessage::from_args("e", ArgsRef::from_valid(&long, &[]));
    let refused = world.at(0).node.server_emit(now, "/", event).expect_err("it is too large");
    let BusError::TooLarge { size, limit: 1000 } = refused else { panic!("{refused:?}") };
    let text = format!("a message of {size} bytes, and the broker carries at most 1000");
    assert_eq!(refused.to_string(), text);
    assert_eq!(world.at(0).node.largest(), Some(1000));
    world.emit(0, &[], &long);
    assert_eq!(world.at(0).counts().refused, 2);
}

#[test]
fn the_hosts_of_calls_are_told_when_the_queue_is_full() {
    let mut set = config(Format::Native);
    set.queue = 1000;
    let mut world = World::empty(Format::Native);
    world.broker.state = State::Down;
    world.add(set);
    let now = world.now;
    let event = EventMessage::from_args("e", ArgsRef::NONE);
    let node = &mut world.at(0).node;
    let sent = (0..100).map_while(|_| node.server_emit(now, "/", event.clone()).ok()).count();
    assert!((2..8).contains(&sent), "{sent}");
    let full = Err(BusError::Full { limit: 1000 });
    assert_eq!(node.server_emit(now, "/", event), full);
    assert!(node.room() < 100, "{}", node.room());
}

/// F4, socket.io #5457.
#[test]
fn f04_k01_an_event_that_cannot_be_published_reaches_the_clients_of_this_process() {
    let long = format!("[\"{}\"]", "x".repeat(2000));
    for format in FORMATS {
        let mut world = World::empty(format);
        world.broker.largest = Some(1000);
        let mut set = config(format);
        set.queue = 3000;
        world.add(set);
        let client = world.connect(0);
        world.millis(500);
        world.emit(0, &[], &long);
        assert_eq!(world.at(0).frames(client).len(), 1, "{format}: it is too large");
        world.broker.state = State::Down;
        for _ in 0..100 {
            world.emit(0, &[], "[1]");
        }
        assert_eq!(world.at(0).frames(client).len(), 100, "{format}: the queue is full");
    }
}

#[test]
fn a_message_that_the_broker_refused_is_counted() {
    let mut world = World::new(Format::Native, 1);
    let now = world.now;
    world.at(0).node.handle_refused(now, "too large");
    assert_eq!(world.at(0).counts().refused, 1);
}

#[test]
fn a_process_that_leaves_hands_over_what_it_sent_before() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        let now = world.now;
        world.at(0).emit(&[], &[], "last", "[]");
        world.at(0).run(now);
        world.stop(0);
        assert_eq!(world.at(1).frames(client), ["42[\"last\"]"], "{format}");
    }
}

#[test]
fn a_process_leaves_at_once_when_there_is_no_broker() {
    let mut world = World::empty(Format::Native);
    world.broker.state = State::Down;
    world.add(config(Format::Native));
    world.millis(100);
    let now = world.now;
    assert!(!world.at(0).node.has_left());
    world.at(0).node.leave(now);
    assert!(world.at(0).node.has_left());
    world.advance(Duration::from_secs(1));
}

#[test]
fn a_process_that_left_has_no_deadline_that_stays_past() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let mut now = world.now;
        let node = &mut world.at(0).node;
        node.leave(now);
        while node.poll_command(now).is_some() {}
        for _ in 0..20 {
            let Some(due) = node.poll_timeout() else { break };
            now = now.max(due);
            node.handle_timeout(now);
            assert!(node.poll_timeout().is_none_or(|due| due > now), "{format}");
        }
    }
}

#[test]
fn a_question_that_may_leave_sets_no_deadline_while_the_driver_is_busy() {
    let mut world = World::new(Format::Native, 1);
    let at = world.add(config(Format::Native));
    let mut now = world.now;
    let node = &mut world.at(at).node;
    node.handle_connected(now, None);
    let event = EventMessage::from_args("e", ArgsRef::NONE);
    node.server_ask(now, "/", event).expect("it is asked");
    while node.poll_command(now).is_some() {}
    for _ in 0..20 {
        let Some(due) = node.poll_timeout() else { break };
        now = now.max(due);
        node.handle_timeout(now);
        assert!(node.poll_timeout().is_none_or(|due| due > now));
    }
}

/// F3, socketioxide #799: a client that reads nothing has its backlog, and no other client waits for it.
#[test]
fn f03_k21_a_client_that_reads_nothing_costs_the_others_nothing() {
    let long = format!("[\"{}\"]", "x".repeat(1_000_000));
    for format in [Format::Native, Format::Classic] {
        let mut set = config(format);
        set.queue = 100_000_000;
        let mut world = World::with(set, 2);
        // The first and the third are on one shard.
        let [slow, other, neighbour] = [(); 3].map(|()| world.connect(1));
        for n in 1..=20 {
            world.emit(0, &[], &long);
            for client in [other, neighbour] {
                assert_eq!(world.at(1).frames(client).len(), 1, "{format} {n}");
            }
        }
        let counts = world.at(1).counts();
        assert_eq!((counts.invalid, counts.reconnects), (0, 0), "{format}");
        assert!(world.at(1).frames(slow).len() <= 17, "{format}: a backlog has 16 MiB");
    }
}

#[test]
fn k22_what_a_process_sends_receives_and_drops_is_counted() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        world.connect(1);
        let before = [0, 1].map(|process| world.at(process).counts());
        world.emit(0, &[], "[1]");
        let after = [0, 1].map(|process| world.at(process).counts());
        assert_eq!(after[0].published - before[0].published, 1, "{format}");
        assert_eq!(after[1].received - before[1].received, 1, "{format}");
        let bytes = after[0].bytes_out - before[0].bytes_out;
        assert!(bytes > 0, "{format}");
        assert_eq!(after[1].bytes_in - before[1].bytes_in, bytes, "{format}");
        assert!(after[0].connected, "{format}");
        world.broker.shut_out(0);
        world.millis(10);
        world.emit(0, &[], "[2]");
        let waiting = world.at(0).counts();
        assert!(!waiting.connected && waiting.reconnects == 1, "{format}");
        let error = waiting.last_error.as_ref().map(|error| &*error.text);
        assert_eq!(error, Some("reset"), "{format}");
        assert_eq!(waiting.queued, 1, "{format}");
        assert!(waiting.queued_bytes >= bytes, "{format}");
        world.millis(6000);
        let over = world.at(0).counts();
        assert_eq!((over.queued, over.queued_bytes, over.dropped_old), (0, 0, 1), "{format}");
    }
}
