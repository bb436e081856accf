//! What the format of python-socketio has no words for.

use sansocket::cluster::BusError;
use sansocket::cluster::bus::{Detail, Format, To};
use sansocket::{ArgsRef, Disconnect, EventMessage, Target};

use super::world::World;

#[test]
fn k19_what_the_format_lacks_is_refused_at_once() {
    let mut world = World::new(Format::Python, 2);
    let now = world.now;
    let node = &mut world.at(0).node;
    let event = || EventMessage::from_args("e", ArgsRef::NONE);
    let errors = [
        node.fetch(now, "/", To::default(), Detail::Ids).err(),
        node.rooms(now, "/").err(),
        node.size(now, "/").err(),
        node.server_emit(now, "/", event()).err(),
        node.server_ask(now, "/", event()).err(),
    ];
    for error in errors {
        assert!(matches!(error, Some(BusError::Unsupported(_))), "{error:?}");
    }
    assert_eq!(world.at(0).counts().pending, 0);
}

#[test]
fn k19_targets_are_checked_before_anything_is_sent() {
    let to = |rooms: &[&str], except: &[&str]| {
        let own = |names: &[&str]| names.iter().map(|name| Box::from(*name)).collect();
        To { rooms: own(rooms), except: own(except) }
    };
    let (id, python) = ("abcdefghij-_ABCDEFGH", Format::Python);
    assert!(python.check_broadcast(&to(&["r", "s"], &[id])).is_ok());
    let error = python.check_broadcast(&to(&[], &["r"])).expect_err("it has no words");
    let text = "a cluster with messages in the format of python-socketio has no events for all but \
                those in a room";
    assert_eq!(error.to_string(), text);
    assert!(python.check_ask(&to(&[id], &[])).is_ok());
    for to in [to(&["r"], &[]), to(&[], &[]), to(&[id, id], &[]), to(&[id], &[id])] {
        assert!(python.check_ask(&to).is_err(), "{to:?}");
        assert!(Format::Classic.check_ask(&to).is_ok() && Format::Native.check_ask(&to).is_ok());
    }
}

#[test]
fn k19_changes_of_whole_rooms_are_refused_and_counted() {
    let mut world = World::new(Format::Python, 2);
    let client = world.connect(1);
    world.join(1, client, "r");
    let now = world.now;
    let to = Target { rooms: &["r"], ..Target::namespace("/") };
    let server = &mut world.at(0).shards[0];
    server.join_all(now, &to, &["s"]);
    server.leave_all(now, &to, &["s"]);
    server.disconnect_all_of(now, &to, Disconnect::Namespace);
    world.settle();
    assert_eq!(world.at(0).counts().refused, 3);
    assert_eq!(world.at(1).rooms(client), ["r"]);
}

#[test]
fn messages_about_namespaces_that_this_process_has_not_are_no_fault() {
    let mut world = World::new(Format::Python, 1);
    let bytes = br#"{"method": "emit", "event": "e", "data": [], "namespace": "/other"}"#;
    let now = world.now;
    world.broker.publish(now, "socketio", bytes.to_vec().into());
    world.settle();
    let counts = world.at(0).counts();
    assert_eq!((counts.received, counts.invalid), (1, 0));
}
