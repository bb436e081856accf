//! What one process does to the clients of others.

use sansocket::{Disconnect, Target};

use super::world::World;
use super::{ASKING, FORMATS};

#[test]
fn clients_of_other_processes_join_and_leave_rooms() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let [a, b] = [world.connect(1), world.connect(1)];
        world.join(1, a, "r");
        let now = world.now;
        let to = Target { rooms: &["r"], ..Target::namespace("/") };
        world.at(0).shards[0].join_all(now, &to, &["s", "t"]);
        world.settle();
        assert_eq!(world.at(1).rooms(a), ["r", "s", "t"], "{format}");
        assert!(world.at(1).rooms(b).is_empty(), "{format}");
        world.at(0).shards[0].leave_all(now, &to, &["s"]);
        world.settle();
        assert_eq!(world.at(1).rooms(a), ["r", "t"], "{format}");
    }
}

#[test]
fn a_client_of_another_process_is_moved_and_disconnected_by_its_id() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let [a, b] = [world.connect(1), world.connect(1)];
        let (now, id) = (world.now, world.at(1).id(a));
        let rooms = [&*id];
        let to = Target { rooms: &rooms, ..Target::namespace("/") };
        world.at(0).shards[0].join_all(now, &to, &["r", "s"]);
        world.at(0).shards[0].leave_all(now, &to, &["r"]);
        world.settle();
        assert_eq!(world.at(1).rooms(a), ["s"], "{format}");
        world.at(0).shards[0].disconnect_all_of(now, &to, Disconnect::Namespace);
        world.settle();
        assert_eq!(world.at(1).frames(a), ["41"], "{format}");
        assert!(world.at(1).frames(b).is_empty(), "{format}");
    }
}

#[test]
fn a_room_is_closed_on_all_processes() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let [here, there] = [world.connect(0), world.connect(1)];
        world.join(0, here, "r");
        world.join(1, there, "r");
        let now = world.now;
        let to = Target { rooms: &["r"], ..Target::namespace("/") };
        world.at(0).shards[1].leave_all(now, &to, &["r"]);
        world.settle();
        assert!(world.at(0).rooms(here).is_empty(), "{format}");
        assert!(world.at(1).rooms(there).is_empty(), "{format}");
    }
}

#[test]
fn k09_an_event_and_the_disconnect_behind_it_stay_in_order() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        let (now, id) = (world.now, world.at(1).id(client));
        let rooms = [&*id];
        let to = Target { rooms: &rooms, ..Target::namespace("/") };
        world.at(0).emit(&rooms, &[], "bye", "[]");
        world.at(0).shards[0].disconnect_all_of(now, &to, Disconnect::Namespace);
        world.settle();
        assert_eq!(world.at(1).frames(client), ["42[\"bye\"]", "41"], "{format}");
    }
}

#[test]
fn a_process_acts_on_its_own_clients_at_once_and_ignores_its_message() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let client = world.connect(0);
        world.broker.state = super::world::State::Frozen;
        let now = world.now;
        let to = Target::namespace("/");
        world.at(0).shards[0].join_all(now, &to, &["r"]);
        world.settle();
        assert_eq!(world.at(0).rooms(client), ["r"], "{format}");
        world.at(0).leave(client, "r");
        world.broker.state = super::world::State::Up;
        world.settle();
        assert!(world.at(0).rooms(client).is_empty(), "{format}: it was not joined again");
    }
}
