//! Namespaces and rooms that come and go, for applications that want to hear of them.

use sansocket::Target;
use testbed::Sim;

fn sim(shards: u16) -> Sim {
    Sim::sharded(shards, |config| config.life_events = true)
}

#[test]
fn a_room_is_created_before_the_first_member_and_deleted_after_the_last() {
    let mut sim = sim(1);
    let _clients = [sim.joined(), sim.joined()];
    sim.events();
    for n in [1, 2, 1] {
        let _ = sim.socket(n).join("tea");
    }
    assert_eq!(sim.events(), ["/ tea created", "/ tea joined by 1", "/ tea joined by 2"]);
    for n in [1, 1, 2] {
        let _ = sim.socket(n).leave("tea");
    }
    assert_eq!(sim.events(), ["/ tea left by 1", "/ tea left by 2", "/ tea deleted"]);
}

#[test]
fn a_client_that_disconnects_leaves_its_rooms_first() {
    let mut sim = sim(1);
    let mut client = sim.joined();
    let _other = sim.joined();
    for n in [1, 2] {
        sim.socket(n).join("tea").unwrap();
    }
    sim.socket(1).join("own").unwrap();
    sim.events();
    client.send("41");
    assert_eq!(
        sim.events(),
        [
            "/ own left by 1",
            "/ own deleted",
            "/ tea left by 1",
            "disconnect 1 ClientDisconnect tea own"
        ]
    );
}

#[test]
fn a_namespace_comes_with_its_first_client_and_goes_with_its_last() {
    let mut sim = sim(1);
    let mut clients = [sim.websocket(), sim.websocket()];
    clients[0].join("/a");
    assert_eq!(sim.events(), ["connect 1 /a", "/a created"]);
    clients[1].join("/a");
    clients[0].send("41/a,");
    assert_eq!(sim.events(), ["connect 2 /a", "disconnect 1 ClientDisconnect"]);
    clients[1].send("41/a,");
    assert_eq!(sim.events(), ["/a deleted", "disconnect 2 ClientDisconnect"]);
}

#[test]
fn a_client_that_is_refused_creates_no_namespace() {
    let mut sim = sim(1);
    sim.app(|app| app.refuses = vec![("/a", r#"{"message":"no"}"#)]);
    let mut client = sim.websocket();
    client.join("/a");
    assert_eq!(sim.events(), ["connect 1 /a"]);
}

#[test]
fn those_that_are_moved_by_a_broadcast_of_another_shard_are_heard_of() {
    let mut sim = sim(2);
    let _client = sim.on_shard(1).joined();
    sim.events();
    let all = Target::namespace("/");
    sim.on(0, |server, now| server.join_all(now, &all, &["tea"]));
    assert_eq!(sim.events(), ["/ tea created", "/ tea joined by 1"]);
    sim.on(0, |server, now| server.leave_all(now, &all, &["tea"]));
    assert_eq!(sim.events(), ["/ tea left by 1", "/ tea deleted"]);
}

#[test]
fn nothing_is_told_unless_it_is_asked_for() {
    let mut sim = Sim::new();
    let _client = sim.joined();
    sim.events();
    sim.socket(1).join("tea").unwrap();
    let _ = sim.socket(1).leave("tea");
    assert_eq!(sim.events(), [""; 0]);
}
