//! Clients that read slower than they are written to.

use sansocket::{Counts, Refused, Target};
use testbed::{Item, Sim, WebSocket};

const BIG: usize = 1_000;
/// What a packet of so many bytes costs while it waits.
const COST: usize = BIG + 128;

fn small() -> Sim {
    Sim::with(|config| {
        config.limits.max_backlog = 10 * COST;
        config.limits.low_water = 2 * BIG;
    })
}

fn fill(sim: &Sim) -> (usize, Refused) {
    let args = format!("[\"{}\"]", "x".repeat(BIG));
    for sent in 0..100 {
        if let Err(refused) = sim.socket(1).emit("x", &args) {
            return (sent, refused);
        }
    }
    panic!("nothing stops it");
}

fn deaf(sim: &Sim) -> WebSocket {
    let mut ws = sim.joined();
    ws.tcp.take_only(0);
    ws
}

#[test]
fn emits_are_refused_above_the_limit() {
    let mut sim = small();
    let ws = deaf(&sim);
    let (sent, refused) = fill(&sim);
    // Some wait in the connection, the rest in the session.
    assert_eq!(sent, 12);
    let Refused::Backlog { bytes } = refused else { panic!("{refused:?}") };
    assert!((10 * COST..12 * COST).contains(&bytes), "{bytes}");
    assert_eq!(sim.socket(1).backlog(), bytes);
    assert_eq!(sim.counts().bytes, bytes);
    assert!(ws.tcp.bytes_held() < 4 * BIG);
    assert_eq!(sim.events(), ["connect 1 /"], "it is not cut off");
}

#[test]
fn the_application_is_told_when_there_is_room_again() {
    let mut sim = small();
    let mut ws = deaf(&sim);
    let (sent, _) = fill(&sim);
    ws.tcp.take_only(5 * BIG);
    assert_eq!(sim.events().len(), 1);
    ws.tcp.take_only(usize::MAX);
    assert_eq!(sim.events(), ["drain 1"]);
    assert_eq!(ws.all().len(), sent);
    assert_eq!(sim.counts().bytes, 0);
    sim.socket(1).emit("more", "[]").unwrap();
    assert_eq!(ws.recv(), "42[\"more\"]");
    assert_eq!(sim.events(), [""; 0], "told once");
}

#[test]
fn a_drain_is_told_on_polling_too() {
    let mut sim = small();
    let mut client = sim.polling();
    client.join("/");
    let (sent, _) = fill(&sim);
    assert_eq!(sent, 10);
    assert_eq!(client.poll().split('\u{1e}').count(), 10);
    assert_eq!(sim.events()[1..], ["drain 1"]);
}

#[test]
fn who_was_not_refused_is_not_told() {
    let mut sim = small();
    let mut ws = deaf(&sim);
    for _ in 0..5 {
        sim.socket(1).emit("x", "[]").unwrap();
    }
    ws.tcp.take_only(usize::MAX);
    assert_eq!(sim.events().len(), 1);
}

#[test]
fn a_broadcast_cuts_off_who_never_reads_and_nobody_else() {
    let mut sim = small();
    let mut ws = deaf(&sim);
    let mut other = sim.joined();
    let args = format!("[\"{}\"]", "x".repeat(BIG));
    for _ in 0..50 {
        sim.broadcast(&Target::namespace("/"), "x", &args);
        assert!(sim.counts().bytes <= 12 * COST);
    }
    assert_eq!(sim.events()[2..], ["disconnect 1 SlowConsumer"]);
    assert_eq!(other.all().len(), 50);
    assert!(ws.tcp.bytes_held() < 4 * BIG);
    ws.tcp.take_only(usize::MAX);
    assert_eq!(ws.all().last(), Some(&Item::Close(1000)));
    ws.vanish();
    other.vanish();
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn an_acknowledgement_that_does_not_fit_cuts_off() {
    let mut sim = small();
    let mut ws = deaf(&sim);
    ws.send("420[\"q\"]");
    fill(&sim);
    sim.acknowledge("[]", &[]);
    assert_eq!(sim.events()[2..], ["disconnect 1 SlowConsumer"]);
}

#[test]
fn a_refused_question_is_not_asked() {
    let mut sim = small();
    let _ws = deaf(&sim);
    fill(&sim);
    assert!(matches!(sim.socket(1).ask("q", 10), Err(Refused::Backlog { .. })));
    sim.advance(10);
    assert_eq!(sim.events().len(), 1);
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn volatile_events_are_dropped_while_something_waits() {
    let sim = small();
    let mut ws = deaf(&sim);
    fill(&sim);
    assert_eq!(sim.socket(1).emit_volatile("v"), Ok(false));
    let before = sim.counts().bytes;
    sim.broadcast(&Target { volatile: true, ..Target::namespace("/") }, "v", "[]");
    assert_eq!(sim.counts().bytes, before);
    ws.tcp.take_only(usize::MAX);
    ws.all();
    assert_eq!(sim.socket(1).emit_volatile("v"), Ok(true));
    assert_eq!(ws.all(), [Item::Text("42[\"v\"]".into())]);
}

#[test]
fn on_polling_volatile_events_need_a_poll_that_waits() {
    let sim = small();
    let mut client = sim.polling();
    client.join("/");
    assert_eq!(sim.socket(1).emit_volatile("v"), Ok(false));
    client.get();
    assert_eq!(sim.socket(1).emit_volatile("v"), Ok(true));
    assert_eq!(client.payload(), "42[\"v\"]");
}

#[test]
fn one_packet_may_be_larger_than_the_limit() {
    let sim = small();
    let mut ws = sim.joined();
    let args = format!("[\"{}\"]", "x".repeat(100 * BIG));
    sim.socket(1).emit("x", &args).unwrap();
    assert_eq!(ws.recv().len(), 100 * BIG + 10);
}

#[test]
fn a_polling_client_that_never_polls_is_bounded_too() {
    let mut sim = small();
    let mut client = sim.polling();
    client.join("/");
    let args = format!("[\"{}\"]", "x".repeat(BIG));
    for _ in 0..50 {
        sim.broadcast(&Target::namespace("/"), "x", &args);
        assert!(sim.counts().bytes <= 11 * COST);
    }
    assert_eq!(sim.events()[1..], ["disconnect 1 SlowConsumer"]);
    assert_eq!(sim.counts(), Counts::default());
}
