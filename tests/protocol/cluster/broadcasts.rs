//! What one process sends reaches the clients of all.

use sansocket::cluster::bus::Format;

use super::world::World;

const FORMATS: [Format; 5] =
    [Format::Native, Format::Classic, Format::Sharded, Format::Streams, Format::Python];

#[test]
fn an_event_reaches_all_clients_of_all_processes_once() {
    for format in FORMATS {
        let mut world = World::new(format, 3);
        let clients: Vec<_> = (0..6).map(|n| (n % 3, world.connect(n % 3))).collect();
        world.emit(0, &[], "[1]");
        for &(process, client) in &clients {
            assert_eq!(world.at(process).frames(client), ["42[\"e\",1]"], "{format} {process}");
        }
    }
}

#[test]
fn an_event_reaches_rooms_and_ids_but_for_those_left_out() {
    for format in FORMATS {
        let mut world = World::new(format, 2);
        let [a, b] = [world.connect(1), world.connect(1)];
        world.join(1, a, "r");
        world.join(1, b, "r");
        world.millis(10);
        world.emit(0, &["r"], "[1]");
        let id = world.at(1).id(a);
        world.at(0).emit(&["r", "s"], &[&id], "e", "[2]");
        world.emit(0, &[&id], "[3]");
        assert_eq!(world.at(1).frames(a), ["42[\"e\",1]", "42[\"e\",3]"], "{format}");
        assert_eq!(world.at(1).frames(b), ["42[\"e\",1]", "42[\"e\",2]"], "{format}");
    }
}
