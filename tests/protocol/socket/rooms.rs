//! Rooms and broadcasts.

use allocation_counter::measure;
use sansocket::{Counts, Disconnect, JoinError, Misuse, Target};
use testbed::{Sim, WebSocket};

const ALL: Target<'static> = Target {
    namespace: "/",
    rooms: &[],
    except: &[],
    skip: None,
    scope: sansocket::Scope::Process,
    volatile: false,
    compress: true,
};

/// Clients 1 to `n`.
fn party(sim: &Sim, n: usize) -> Vec<WebSocket> {
    (0..n).map(|_| sim.joined()).collect()
}

/// The clients that got the event, exactly once and nothing else.
fn got(clients: &mut [WebSocket], name: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    for (n, ws) in clients.iter_mut().enumerate() {
        for item in ws.all() {
            assert_eq!(item, testbed::Item::Text(format!("42[\"{name}\"]")));
            numbers.push(n + 1);
        }
    }
    numbers
}

#[test]
fn a_broadcast_reaches_everybody_in_its_namespace_once() {
    let sim = Sim::new();
    let mut clients = party(&sim, 3);
    clients[0].join("/other");
    sim.broadcast(&ALL, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [1, 2, 3]);
    sim.broadcast(&Target::namespace("/nowhere"), "x", "[]");
    assert_eq!(got(&mut clients, "x"), [0; 0]);
}

#[test]
fn rooms_of_one_name_in_two_namespaces_are_two_rooms() {
    let sim = Sim::new();
    let mut clients = party(&sim, 1);
    clients[0].join("/other");
    sim.socket(1).join("room").unwrap();
    sim.broadcast(&Target { namespace: "/other", rooms: &["room"], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [0; 0]);
    assert_eq!(sim.counts().rooms, 1);
    sim.socket(2).join("room").unwrap();
    assert_eq!(sim.counts().rooms, 2);
}

#[test]
fn a_room_is_joined_and_left() {
    let sim = Sim::new();
    let mut clients = party(&sim, 2);
    let room = Target { rooms: &["room"], ..ALL };
    assert_eq!(sim.socket(1).join("room"), Ok(true));
    assert_eq!(sim.socket(1).join("room"), Ok(false));
    assert_eq!(sim.socket(1).rooms(), ["room"]);
    sim.broadcast(&room, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [1]);
    assert!(sim.socket(1).leave("room"));
    assert!(!sim.socket(1).leave("room"));
    assert!(!sim.socket(2).leave("never"));
    sim.broadcast(&room, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [0; 0]);
    assert_eq!(sim.counts().rooms, 0, "an empty room is freed");
}

#[test]
fn overlapping_rooms_get_one_copy() {
    let sim = Sim::new();
    let mut clients = party(&sim, 4);
    for (n, room) in [(1, "a"), (2, "a"), (2, "b"), (3, "b")] {
        sim.socket(n).join(room).unwrap();
    }
    sim.broadcast(&Target { rooms: &["a", "b", "a", "none"], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [1, 2, 3]);
}

#[test]
fn except_takes_whole_rooms_and_single_clients_out() {
    let sim = Sim::new();
    let mut clients = party(&sim, 5);
    for (n, room) in [(1, "a"), (2, "a"), (3, "a"), (2, "b"), (5, "b")] {
        sim.socket(n).join(room).unwrap();
    }
    let third = sim.socket(3).id;
    sim.broadcast(&Target { except: &["b"], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [1, 3, 4]);
    sim.broadcast(&Target { rooms: &["a"], except: &["b", &third], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [1]);
    let skip = Some(sim.socket(1).socket);
    sim.broadcast(&Target { rooms: &["a"], except: &["b"], skip, ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [3]);
}

#[test]
fn the_sender_may_be_skipped() {
    let sim = Sim::new();
    let mut clients = party(&sim, 3);
    let skip = Some(sim.socket(2).socket);
    sim.broadcast(&Target { skip, ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [1, 3]);
    let third = sim.socket(3).socket;
    sim.on(0, |server, _| {
        let others = server.socket(third).unwrap().others("/");
        server.broadcast(&others, "x", sansocket::ArgsRef::NONE).unwrap();
    });
    assert_eq!(got(&mut clients, "x"), [1, 2]);
}

#[test]
fn everybody_is_in_the_room_named_by_their_id() {
    let sim = Sim::new();
    let mut clients = party(&sim, 3);
    let (second, third) = (sim.socket(2).id, sim.socket(3).id);
    sim.broadcast(&Target { rooms: &[&second], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [2]);
    sim.broadcast(&Target { rooms: &[&second, &third, &second], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [2, 3]);
    assert_eq!(sim.socket(2).join(&second), Ok(false));
    assert_eq!(sim.socket(2).rooms(), [""; 0]);
    assert_eq!(sim.counts().rooms, 0);
    clients[1].vanish();
    sim.broadcast(&Target { rooms: &[&second], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [0; 0]);
}

#[test]
fn the_id_of_a_client_reaches_it_in_its_own_namespace_only() {
    let sim = Sim::new();
    let mut clients = party(&sim, 1);
    clients[0].join("/other");
    let other = sim.socket(2).id;
    sim.broadcast(&Target { rooms: &[&other], ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [0; 0]);
}

#[test]
fn the_room_of_somebody_else_cannot_be_joined() {
    let sim = Sim::new();
    let _clients = party(&sim, 2);
    let victim = sim.socket(2).id;
    let foreign = Err(JoinError::Misuse(Misuse::ForeignRoom));
    assert_eq!(sim.socket(1).join(&victim), foreign);
    sim.socket(2).disconnect(Disconnect::Namespace);
    assert_eq!(sim.socket(1).join(&victim), foreign, "not even later");
}

#[test]
fn a_room_may_have_any_name() {
    let sim = Sim::new();
    let mut clients = party(&sim, 1);
    let names = ["", " ", "__proto__", "constructor", "é世", "a,b", "abcdefghijklmnopqrst"];
    for name in names {
        assert_eq!(sim.socket(1).join(name), Ok(true));
        sim.broadcast(&Target { rooms: &[name], ..ALL }, "x", "[]");
        assert_eq!(got(&mut clients, "x"), [1], "{name}");
    }
    assert_eq!(sim.socket(1).rooms().len(), names.len());
}

#[test]
fn rooms_of_one_client_are_counted() {
    let sim = Sim::with(|config| config.limits.rooms = 2);
    let _clients = party(&sim, 1);
    assert_eq!(sim.socket(1).join("a"), Ok(true));
    assert_eq!(sim.socket(1).join("b"), Ok(true));
    assert_eq!(sim.socket(1).join("c"), Err(JoinError::Misuse(Misuse::TooManyRooms)));
    assert_eq!(sim.counts().rooms, 2);
}

#[test]
fn who_leaves_is_told_with_the_rooms_it_was_in() {
    let mut sim = Sim::new();
    let mut clients = party(&sim, 2);
    for (n, room) in [(1, "a"), (1, "b"), (2, "a")] {
        sim.socket(n).join(room).unwrap();
    }
    clients[0].vanish();
    assert_eq!(sim.events()[2..], ["disconnect 1 TransportClose a b"]);
    assert_eq!(sim.counts().rooms, 1);
    clients[1].vanish();
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn many_may_join_leave_and_be_disconnected_at_once() {
    let mut sim = Sim::new();
    let mut clients = party(&sim, 3);
    sim.socket(1).join("a").unwrap();
    sim.socket(2).join("a").unwrap();
    let a = Target { rooms: &["a"], ..ALL };
    sim.on(0, |server, now| server.join_all(now, &a, &["b", "c"]));
    assert_eq!(sim.socket(2).rooms(), ["a", "b", "c"]);
    assert_eq!(sim.socket(3).rooms(), [""; 0]);
    sim.on(0, |server, now| server.leave_all(now, &a, &["a", "c"]));
    assert_eq!(sim.socket(1).rooms(), ["b"]);
    let b = Target { rooms: &["b"], ..ALL };
    sim.find(&b);
    assert_eq!(sim.events()[3..], ["answer 1 found [1, 2]"]);
    sim.on(0, |server, now| server.disconnect_all_of(now, &b, Disconnect::Namespace));
    assert_eq!(clients[0].recv(), "41");
    assert!(clients[0].tcp.is_open());
    let everybody = ALL;
    sim.on(0, |server, now| server.disconnect_all_of(now, &everybody, Disconnect::Connection));
    assert_eq!(clients[2].recv(), "41");
    assert_eq!(clients[2].next(), Some(testbed::Item::Close(1000)));
}

/// A28: names of rooms that the application lets a client choose, the same one again and again.
#[test]
fn a28_a_room_counts_once_however_often_it_is_named() {
    let sim = Sim::new();
    let mut clients = party(&sim, 4);
    for (number, room) in [(1, "a"), (2, "a"), (2, "b"), (3, "b"), (4, "c")] {
        sim.socket(number).join(room).unwrap();
    }
    let id = sim.socket(4).id;
    let (all, but) =
        (["a", "b", "a", &id, "nowhere"].repeat(20_000), ["b", "a", "b"].repeat(20_000));
    sim.broadcast(&Target { rooms: &all, ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [1, 2, 3, 4]);
    sim.broadcast(&Target { rooms: &all, except: &but, ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [4]);
    sim.broadcast(&Target { except: &but, ..ALL }, "x", "[]");
    assert_eq!(got(&mut clients, "x"), [4]);
    let named = sim.on(0, |server, now| {
        let mut named = 0;
        for rooms in [&["a"][..], &all] {
            let info = measure(|| server.join_all(now, &ALL, rooms));
            named = info.count_total;
            server.leave_all(now, &ALL, rooms);
            server.check();
        }
        named
    });
    assert!(named < 100, "{named} allocations for four names");
    assert_eq!(sim.counts().rooms, 1, "all left but c");
}

/// A28: as many rooms as a list can name.
#[test]
fn a28_nobody_joins_more_rooms_than_the_limit_however_many_are_named() {
    let sim = Sim::with(|config| config.limits.rooms = 3);
    let _clients = party(&sim, 2);
    let names: Vec<String> = (0..50_000).map(|n| n.to_string()).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    sim.on(0, |server, now| {
        server.join_all(now, &ALL, &names);
        server.check();
    });
    assert_eq!(sim.counts().rooms, 3);
    assert_eq!(sim.socket(2).rooms(), ["0", "1", "2"]);
    sim.on(0, |server, now| server.leave_all(now, &ALL, &names));
    assert_eq!(sim.counts().rooms, 0);
}

/// A29: a client in as many rooms as it may be joins them again and again.
#[test]
fn a29_a_room_is_found_among_ten_thousand_without_a_search() {
    const ROOMS: usize = 10_000;
    let sim = Sim::new();
    let _clients = party(&sim, 2);
    let names: Vec<String> = (0..ROOMS).map(|n| format!("room {n}")).collect();
    for name in &names {
        assert_eq!(sim.socket(1).join(name), Ok(true));
    }
    assert_eq!(sim.socket(1).join("one more"), Err(JoinError::Misuse(Misuse::TooManyRooms)));
    let socket = sim.socket(1).socket;
    sim.on(0, |server, _| {
        let info = measure(|| {
            for name in &names {
                let mut socket = server.socket(socket).expect("it is there");
                assert_eq!(socket.join(name), Ok(false));
            }
        });
        assert_eq!(info.count_total, 0, "joining again allocates nothing");
        server.check();
    });
    // In an order that moves others about.
    for n in 0..ROOMS {
        let name = &names[n * 7 % ROOMS];
        assert!(sim.socket(1).leave(name) && !sim.socket(1).leave(name), "{name}");
        if n % 1000 == 0 {
            sim.on(0, |server, _| server.check());
        }
    }
    assert_eq!((sim.counts().rooms, sim.socket(1).rooms().len()), (0, 0));
}
