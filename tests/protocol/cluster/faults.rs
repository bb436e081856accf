//! Messages that are none.

use std::time::Duration;

use sansocket::cluster::NodeStatus;
use sansocket::cluster::bus::{Entry, Format, Invalid, Payload};

use super::FORMATS;
use super::world::World;

/// The channel on which events for everyone come.
fn channel(format: Format) -> &'static str {
    match format {
        Format::Python => "socketio",
        Format::Classic | Format::Sharded => "socket.io#/#",
        Format::Streams => "socket.io",
        Format::Native => "sansocket:n:/",
    }
}

fn payload(format: Format, bytes: &[u8]) -> Payload<'static> {
    match format {
        Format::Streams => Payload::Entry(Entry {
            id: None,
            uid: b"someone"[..].into(),
            nsp: b"/"[..].into(),
            kind: b"3"[..].into(),
            data: bytes.to_vec().into(),
        }),
        Format::Classic | Format::Native | Format::Python | Format::Sharded => {
            bytes.to_vec().into()
        }
    }
}

/// F2, python-socketio #1581: it is skipped and counted, and what comes behind it is read.
#[test]
fn f02_k10_garbage_is_skipped_and_counted_and_the_next_message_counts() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        let before = world.at(1).counts().reconnects;
        let garbage: [&[u8]; 6] =
            [b"\xff\xfe", b"not json", b"{\"type\":", b"[[[[[[[[", b"\x93\x01", b"SK\x01\xff"];
        for bytes in garbage {
            let now = world.now;
            world.broker.publish(now, channel(format), payload(format, bytes));
            world.millis(10);
        }
        assert_eq!(world.at(1).counts().invalid, 6, "{format}");
        world.emit(0, &[], "[1]");
        assert_eq!(world.at(1).frames(client), ["42[\"e\",1]"], "{format}");
        assert_eq!(world.at(1).counts().reconnects, before, "{format}");
        let told = |world: &mut World| {
            let is_told = |status: &&NodeStatus| matches!(status, NodeStatus::Invalid { .. });
            world.at(1).statuses.iter().filter(is_told).count()
        };
        assert_eq!(told(&mut world), 1, "{format}");
        world.advance(Duration::from_secs(61));
        let now = world.now;
        world.broker.publish(now, channel(format), payload(format, b"?"));
        world.settle();
        assert_eq!(told(&mut world), 2, "{format}");
        let last = world.at(1).statuses.iter().rev().find_map(|status| {
            let NodeStatus::Invalid { count, .. } = status else { return None };
            Some(*count)
        });
        assert_eq!(last, Some(6), "{format}: with those that were not told of");
    }
}

#[test]
fn k10_messages_for_other_namespaces_are_foreign() {
    let mut world = World::new(Format::Sharded, 1);
    let now = world.now;
    let bytes =
        br#"{"type":3,"data":{"packet":{"type":2,"data":["e"]},"opts":{}},"uid":"x","nsp":"/b"}"#;
    world.broker.publish(now, "socket.io#/#", bytes.to_vec().into());
    world.settle();
    let foreign = NodeStatus::Invalid { count: 1, last: Invalid::Foreign };
    assert!(world.at(0).statuses.contains(&foreign));
}

/// F2: a message with the name of this process is taken for its own, and no other is.
#[test]
fn f02_k08_emitters_are_heard_and_own_messages_are_not() {
    let mut world = World::new(Format::Streams, 1);
    let client = world.connect(0);
    let now = world.now;
    let own = world.at(0).node.name().to_owned();
    for uid in ["emitter", "someone", &own] {
        let entry = Entry {
            id: None,
            uid: uid.as_bytes().to_vec().into(),
            nsp: b"/"[..].into(),
            kind: b"3"[..].into(),
            data: br#"{"packet":{"type":2,"data":["e"]},"opts":{}}"#[..].into(),
        };
        world.broker.publish(now, "socket.io", Payload::Entry(entry));
        world.settle();
    }
    assert_eq!(world.at(0).frames(client), ["42[\"e\"]", "42[\"e\"]"]);
    assert_eq!(world.at(0).counts().ignored, 1);
}

#[test]
fn k11_signs_of_life_of_old_processes_are_read_and_ignored() {
    let mut world = World::new(Format::Sharded, 1);
    let now = world.now;
    for kind in [1, 2, 13] {
        let text = format!(r#"{{"type":{kind},"uid":"0123456789abcdef","nsp":"/"}}"#);
        world.broker.publish(now, "socket.io#/#", text.into_bytes().into());
    }
    world.settle();
    let counts = world.at(0).counts();
    assert_eq!((counts.received, counts.invalid, counts.nodes), (3, 0, 1));
}

/// F9.
#[test]
fn f09_a_client_is_in_no_more_rooms_than_it_may_whatever_the_bus_says() {
    let mut world = World::new(Format::Classic, 1);
    let client = world.connect(0);
    let rooms: Vec<_> = (0..2000).map(|n| format!("\"r{n}\"")).collect();
    let text = format!(
        r#"{{"uid":"abcdef","type":2,"opts":{{"rooms":[],"except":[]}},"rooms":[{}]}}"#,
        rooms.join(",")
    );
    let now = world.now;
    world.broker.publish(now, "socket.io-request#/#", text.into_bytes().into());
    world.settle();
    let limit = world.at(0).shards[0].config().limits.rooms;
    assert_eq!(world.at(0).rooms(client).len(), limit.min(2000));
}
