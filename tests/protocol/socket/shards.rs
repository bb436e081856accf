//! Several shards that look like one server.

use sansocket::{Counts, Disconnect, Scope, Target};
use testbed::{Item, Sim, WebSocket};

/// Four shards with two clients each: 1 and 2 on the first, 3 and 4 on the second…
fn process() -> (Sim, Vec<WebSocket>) {
    let mut sim = Sim::sharded(4, |_| {});
    let clients = (0..8).map(|n| sim.on_shard(n / 2).joined()).collect();
    sim.events();
    (sim, clients)
}

fn got(clients: &mut [WebSocket]) -> Vec<usize> {
    let numbered = clients.iter_mut().enumerate();
    numbered.flat_map(|(n, ws)| ws.all().into_iter().map(move |_| n + 1)).collect()
}

fn answer(ws: &mut WebSocket, args: &str) {
    let question = ws.recv();
    let id = question[2..].split('[').next().unwrap().to_owned();
    ws.send(&format!("43{id}{args}"));
}

#[test]
fn a_broadcast_reaches_all_shards_once() {
    let (sim, mut clients) = process();
    sim.broadcast(&Target::namespace("/"), "x", "[]");
    assert_eq!(got(&mut clients), [1, 2, 3, 4, 5, 6, 7, 8]);
}

#[test]
fn a_broadcast_may_stay_on_its_shard() {
    let (sim, mut clients) = process();
    sim.broadcast(&Target { scope: Scope::Shard, ..Target::namespace("/") }, "x", "[]");
    assert_eq!(got(&mut clients), [1, 2]);
}

#[test]
fn rooms_span_shards() {
    let (sim, mut clients) = process();
    for (n, room) in [(1, "a"), (3, "a"), (3, "b"), (5, "b"), (8, "b"), (8, "c")] {
        sim.socket(n).join(room).unwrap();
    }
    let to = Target { rooms: &["a", "b"], except: &["c"], ..Target::namespace("/") };
    sim.broadcast(&to, "x", "[]");
    assert_eq!(got(&mut clients), [1, 3, 5]);
}

#[test]
fn the_id_of_a_client_reaches_it_on_any_shard() {
    let (sim, mut clients) = process();
    for n in 1..=8 {
        let id = sim.socket(n).id;
        sim.broadcast(&Target { rooms: &[&id], ..Target::namespace("/") }, "x", "[]");
        assert_eq!(got(&mut clients), [n]);
    }
    let ids: Vec<_> = [2, 7].map(|n| sim.socket(n).id).into();
    let except: Vec<_> = ids.iter().map(String::as_str).collect();
    sim.broadcast(&Target { except: &except, ..Target::namespace("/") }, "x", "[]");
    assert_eq!(got(&mut clients), [1, 3, 4, 5, 6, 8]);
}

#[test]
fn the_room_of_a_client_on_another_shard_cannot_be_joined() {
    let (sim, _clients) = process();
    assert!(sim.socket(1).join(&sim.socket(8).id).is_err());
}

#[test]
fn packets_from_one_shard_to_another_keep_their_order() {
    let (mut sim, mut clients) = process();
    sim.hold_mail(true);
    for i in 0..20 {
        sim.broadcast(&Target::namespace("/"), "n", &format!("[{i}]"));
    }
    assert_eq!(clients[0].all().len(), 20);
    assert_eq!(clients[7].all().len(), 0);
    sim.hold_mail(false);
    let texts: Vec<_> = (0..20).map(|i| Item::Text(format!("42[\"n\",{i}]"))).collect();
    assert_eq!(clients[7].all(), texts);
}

#[test]
fn acknowledgements_are_gathered_from_all_shards() {
    let (mut sim, mut clients) = process();
    sim.ask_all(&Target::namespace("/"), "q", 1000);
    for (n, ws) in clients.iter_mut().enumerate() {
        answer(ws, &format!("[{n}]"));
    }
    let events = sim.events();
    assert_eq!(events.len(), 9);
    assert_eq!(events[8], "answer 1 done, 0 missing");
    for n in 0..8 {
        assert_eq!(events.iter().filter(|line| line.ends_with(&format!(" [{n}]"))).count(), 1);
    }
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn clients_that_leave_on_other_shards_are_missing() {
    let (mut sim, mut clients) = process();
    sim.ask_all(&Target::namespace("/"), "q", 1000);
    for ws in &mut clients[..6] {
        answer(ws, "[]");
    }
    clients[6].vanish();
    assert_eq!(sim.events().len(), 7);
    sim.advance(1000);
    assert_eq!(sim.events(), ["answer 1 done, 2 missing"]);
    answer(&mut clients[7], "[\"late\"]");
    assert_eq!(sim.events(), [""; 0]);
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn a_question_waits_for_shards_that_have_not_reported() {
    let (mut sim, mut clients) = process();
    sim.hold_mail(true);
    sim.ask_all(&Target::namespace("/"), "q", 1000);
    answer(&mut clients[0], "[]");
    answer(&mut clients[1], "[]");
    assert_eq!(sim.events().len(), 2, "not done");
    sim.hold_mail(false);
    for ws in &mut clients[2..] {
        answer(ws, "[]");
    }
    assert_eq!(sim.events().last().unwrap(), "answer 1 done, 0 missing");
}

#[test]
fn a_question_whose_shards_never_report_is_done_in_time() {
    let (mut sim, _clients) = process();
    sim.hold_mail(true);
    sim.ask_all(&Target::namespace("/nobody here"), "q", 1000);
    sim.advance(1000);
    assert_eq!(sim.events(), ["answer 1 done, 3 missing"]);
    sim.hold_mail(false);
    sim.advance(1000);
    assert_eq!(sim.events(), [""; 0]);
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn questions_of_all_shards_have_different_ids() {
    let (sim, mut clients) = process();
    for shard in 0..4 {
        sim.on(shard, |server, now| {
            let (to, timeout) = (Target::namespace("/"), std::time::Duration::from_secs(1));
            server.broadcast_with_ack(now, &to, "q", sansocket::ArgsRef::NONE, timeout).unwrap();
        });
    }
    let mut ids = clients[0].all();
    ids.sort_by_key(|id| format!("{id:?}"));
    ids.dedup();
    assert_eq!(ids.len(), 4);
}

#[test]
fn clients_are_found_on_all_shards() {
    let (mut sim, _clients) = process();
    sim.socket(2).join("a").unwrap();
    sim.socket(7).join("a").unwrap();
    sim.find(&Target { rooms: &["a"], ..Target::namespace("/") });
    sim.find(&Target::namespace("/"));
    sim.find(&Target { scope: Scope::Shard, ..Target::namespace("/") });
    let seventh = sim.socket(7).id;
    sim.find(&Target { rooms: &[&seventh], ..Target::namespace("/") });
    let mut found = sim.events();
    found.sort();
    assert_eq!(
        found,
        [
            "answer 1 found [2, 7]",
            "answer 2 found [1, 2, 3, 4, 5, 6, 7, 8]",
            "answer 3 found [1, 2]",
            "answer 4 found [7]"
        ]
    );
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn changes_reach_all_shards() {
    let (mut sim, mut clients) = process();
    for n in [1, 4, 8] {
        sim.socket(n).join("a").unwrap();
    }
    let (a, b) = (["a"], ["b"]);
    let (a, b) = (
        Target { rooms: &a, ..Target::namespace("/") },
        Target { rooms: &b, ..Target::namespace("/") },
    );
    sim.on(0, |server, now| server.join_all(now, &a, &["b"]));
    assert_eq!(sim.socket(8).rooms(), ["a", "b"]);
    sim.on(2, |server, now| server.leave_all(now, &b, &["a"]));
    assert_eq!(sim.socket(8).rooms(), ["b"]);
    sim.on(3, |server, now| server.disconnect_all_of(now, &b, Disconnect::Namespace));
    assert_eq!(got(&mut clients), [1, 4, 8]);
    assert!(clients[7].tcp.is_open());
    assert_eq!(sim.events().len(), 3);
    let everybody = Target::namespace("/");
    sim.on(1, |server, now| server.disconnect_all_of(now, &everybody, Disconnect::Connection));
    assert_eq!(sim.events().len(), 5);
    assert!(matches!(clients[4].all()[..], [Item::Text(_), Item::Close(1000)]));
    sim.on(0, |server, now| server.disconnect_all_of(now, &everybody, Disconnect::Connection));
    clients.iter_mut().for_each(WebSocket::vanish);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_client_that_does_not_read_on_another_shard_is_cut_off_there() {
    let mut sim = Sim::sharded(2, |config| {
        config.limits.max_backlog = 10_000;
        config.limits.low_water = 1_000;
    });
    let mut near = sim.on_shard(0).joined();
    let mut far = sim.on_shard(1).joined();
    far.tcp.take_only(0);
    let args = format!("[\"{}\"]", "x".repeat(1000));
    for _ in 0..20 {
        sim.broadcast(&Target::namespace("/"), "x", &args);
    }
    assert_eq!(near.all().len(), 20);
    assert_eq!(sim.events()[2..], ["disconnect 2 SlowConsumer"]);
}

#[test]
fn a_session_is_found_by_the_shard_its_sid_names() {
    let mut sim = Sim::sharded(4, |_| {});
    let mut clients: Vec<_> = (0..4).map(|n| sim.on_shard(n).polling()).collect();
    for client in &mut clients {
        client.join("/");
    }
    // Another shard does not know the session.
    let sid = clients[2].sid.clone();
    let known = sansocket::Sid::from_target(&format!("/?sid={sid}")).unwrap().unwrap();
    assert_eq!(known.shard(), 2);
    let mut ws = clients[3].upgrade();
    ws.send("42[\"x\"]");
    assert_eq!(sim.events().last().unwrap(), "event 4 x []");
}
