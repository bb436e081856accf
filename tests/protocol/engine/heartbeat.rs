//! The server pings, the client answers.

use sansocket::Counts;
use std::time::Duration;
use testbed::{Item, Sim};

/// As in the official suite: pings every 300 ms, 200 ms to answer.
fn quick() -> Sim {
    Sim::with(|config| {
        config.ping_interval = Duration::from_millis(300);
        config.ping_timeout = Duration::from_millis(200);
    })
}

#[test]
fn the_first_ping_comes_one_interval_after_opening_and_only_once() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.get();
    sim.advance_to(299);
    assert_eq!(client.answer(), None);
    sim.advance_to(300);
    assert_eq!(client.payload(), "2");
    client.get();
    sim.advance_to(499);
    assert_eq!(client.answer(), None);
}

#[test]
fn the_next_ping_comes_one_interval_after_the_pong() {
    let mut sim = quick();
    let mut ws = sim.joined();
    sim.advance_to(300);
    assert_eq!(ws.recv(), "2");
    sim.advance_to(450);
    ws.send("3");
    sim.advance_to(749);
    assert_eq!(ws.next(), None);
    sim.advance_to(750);
    assert_eq!(ws.recv(), "2");
}

#[test]
fn a_session_lives_as_long_as_it_answers() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.join("/");
    for _ in 0..20 {
        sim.advance(300);
        assert_eq!(client.poll(), "2");
        client.post("3");
    }
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn a_ping_without_pong_ends_the_session_when_the_time_is_reached() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.join("/");
    sim.advance_to(300);
    assert_eq!(client.poll(), "2");
    client.get();
    sim.advance_to(499);
    assert_eq!(client.answer(), None);
    sim.advance_to(500);
    assert_eq!(client.payload(), "1");
    assert_eq!(sim.events()[1..], ["disconnect 1 PingTimeout"]);
    client.get();
    let answer = client.answer().unwrap();
    assert_eq!(
        (answer.status, &*answer.body),
        (400, r#"{"code":1,"message":"Session ID unknown"}"#)
    );
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_websocket_without_pong_is_closed() {
    let mut sim = quick();
    let mut ws = sim.joined();
    sim.advance(500);
    assert_eq!(ws.all(), [Item::Text("2".into()), Item::Close(1000)]);
    assert_eq!(sim.events()[1..], ["disconnect 1 PingTimeout"]);
}

#[test]
fn pongs_nobody_asked_for_change_nothing() {
    let mut sim = quick();
    let mut ws = sim.joined();
    for at in [0, 100, 299] {
        sim.advance_to(at);
        ws.send("3");
        ws.send("3");
    }
    sim.advance_to(300);
    assert_eq!(ws.recv(), "2");
    ws.send("3");
    ws.send("3");
    ws.send("3probe");
    sim.advance_to(599);
    assert_eq!(ws.next(), None);
    sim.advance_to(600);
    assert_eq!(ws.all(), [Item::Text("2".into())]);
}

#[test]
fn another_packet_extends_the_wait_once() {
    let mut sim = quick();
    let mut ws = sim.joined();
    sim.advance_to(400);
    ws.send("42[\"x\"]");
    sim.advance_to(550);
    ws.send("42[\"y\"]");
    sim.advance_to(599);
    assert_eq!(sim.counts().sessions, 1);
    sim.advance_to(600);
    assert_eq!(sim.counts().sessions, 0);
}

#[test]
fn a_ping_from_the_client_goes_the_wrong_way() {
    let mut sim = quick();
    let mut ws = sim.joined();
    ws.send("2");
    assert_eq!(ws.all(), [Item::Close(1008)]);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(HeartbeatDirection)"]);
}

#[test]
fn noop_and_late_upgrade_packets_mean_nothing() {
    let mut sim = quick();
    let mut ws = sim.joined();
    for packet in ["6", "5", "3"] {
        ws.send(packet);
    }
    ws.send("42[\"x\"]");
    assert_eq!(sim.events()[1..], ["event 1 x []"]);
}

#[test]
fn an_abandoned_polling_session_is_forgotten() {
    let mut sim = quick();
    let mut client = sim.polling();
    client.vanish();
    sim.advance(500);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn many_sessions_beat_on_their_own() {
    let mut sim = quick();
    let mut clients: Vec<_> = (0..30)
        .map(|_| {
            sim.advance(10);
            sim.joined()
        })
        .collect();
    // Each opened 10 ms after the other, the first at 10 ms.
    for (n, ws) in clients.iter_mut().enumerate() {
        let opened = 10 * (n as u64 + 1);
        sim.advance_to(opened + 299);
        assert_eq!(ws.next(), None, "{n}");
        sim.advance_to(opened + 300);
        assert_eq!(ws.recv(), "2", "{n}");
        ws.send("3");
    }
}
