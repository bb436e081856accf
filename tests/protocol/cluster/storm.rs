//! Processes that come, go and hang, with a broker that loses, delays, repeats and restarts: each client gets each
//! event at most once and in the order of its sender, every question has one outcome, and nothing is left over.

use std::collections::BTreeSet;

use sansocket::cluster::bus::{Detail, Format, To};

use super::config;
use super::world::{Faults, State, World};
use super::{ASKING, FORMATS};

#[test]
fn k06_events_arrive_at_most_once_and_in_order_whatever_happens() {
    for format in FORMATS {
        for seed in 0..8 {
            storm(format, seed);
        }
    }
}

/// A broker that does not keep the order of a channel.
#[test]
fn k06_events_arrive_at_most_once_from_a_broker_that_keeps_no_order() {
    for format in FORMATS {
        for seed in 0..8 {
            let mut world = World::new(format, 3);
            let _: Vec<_> = (0..seed * 11).map(|_| world.broker.draw()).collect();
            let repeats = repeats(format);
            let faults = Faults { loses: 3, repeats, delay: 60, ..Faults::default() };
            world.broker.faults = Faults { reorders: 40, ..faults };
            let mut clients = listeners(&mut world);
            for n in 1..=100 {
                world.emit(0, rooms(n), &format!("[{n}]"));
                let step = world.broker.draw() % 30;
                world.millis(step);
                if world.broker.draw().is_multiple_of(10) {
                    let guest = world.connect_to(1, "/d");
                    world.emit_in(1, "/d", "[1]");
                    world.part(1, guest, "/d");
                }
                heed(&mut world, &mut clients, Order::None);
                (0..3).for_each(|process| world.at(process).node.check());
            }
            world.broker.faults = Faults::default();
            world.millis(5000);
            heed(&mut world, &mut clients, Order::None);
            world.emit(0, &["r"], "[201]");
            heed(&mut world, &mut clients, Order::None);
            let all_hear = clients.iter().all(|listener| listener.seen.contains(&201));
            assert!(all_hear, "{format} {seed}: {clients:?}");
        }
    }
}

fn storm(format: Format, seed: u64) {
    let mut world = World::new(format, 3);
    let _: Vec<_> = (0..seed * 7).map(|_| world.broker.draw()).collect();
    let faults = Faults { loses: 3, repeats: repeats(format), delay: 40, ..Faults::default() };
    world.broker.faults = faults;
    let mut clients = listeners(&mut world);
    for n in 1..=200 {
        world.emit(0, rooms(n), &format!("[{n}]"));
        let step = world.broker.draw() % 30;
        world.millis(step);
        match world.broker.draw() % 60 {
            0 => world.broker.crash(),
            1 => world.broker.state = State::Frozen,
            2..=6 if world.broker.state != State::Up => world.broker.state = State::Up,
            _ => {}
        }
        heed(&mut world, &mut clients, order(format));
    }
    world.broker.state = State::Up;
    world.broker.faults = Faults::default();
    world.millis(20_000);
    heed(&mut world, &mut clients, order(format));
    world.emit(0, &["r"], "[202]");
    heed(&mut world, &mut clients, order(format));
    let all_hear = clients.iter().all(|listener| listener.seen.last() == Some(&202));
    assert!(all_hear, "{format} {seed}: {clients:?}");
}

/// A client, and the numbers that it got.
#[derive(Debug)]
struct Listener {
    process: usize,
    client: usize,
    seen: BTreeSet<u64>,
}

/// In which order a client gets events.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Order {
    /// As they were sent.
    Sent,
    /// As they were sent on each channel: a room has its own, and channels overtake each other.
    Channel,
    None,
}

fn order(format: Format) -> Order {
    match format {
        Format::Native | Format::Python | Format::Streams => Order::Sent,
        Format::Classic | Format::Sharded => Order::Channel,
    }
}

/// Other formats than our own have no numbers by which a copy could be told.
fn repeats(format: Format) -> u64 {
    if format == Format::Native { 5 } else { 0 }
}

/// The rooms of an event: those of even numbers are for one, and have its channel where rooms have channels.
fn rooms(n: u64) -> &'static [&'static str] {
    if n.is_multiple_of(2) { &["r"] } else { &["r", "s"] }
}

/// Two clients on each of three processes, in the room of all events.
fn listeners(world: &mut World) -> Vec<Listener> {
    let mut all = Vec::new();
    for process in [0, 0, 1, 1, 2, 2] {
        let client = world.connect(process);
        world.join(process, client, "r");
        all.push(Listener { process, client, seen: BTreeSet::new() });
    }
    all
}

/// Reads what clients got: no number twice, and in order.
fn heed(world: &mut World, clients: &mut [Listener], order: Order) {
    for Listener { process, client, seen } in clients {
        for frame in world.at(*process).frames(*client) {
            let number = frame.strip_prefix("42[\"e\",").and_then(|rest| rest.strip_suffix(']'));
            let number: u64 = number.and_then(|number| number.parse().ok()).expect("a number");
            let is_behind = |other: &u64| match order {
                Order::Sent => *other > number,
                Order::Channel => *other > number && other % 2 == number % 2,
                Order::None => false,
            };
            assert!(!seen.iter().any(is_behind), "{number} after {seen:?}");
            assert!(seen.insert(number), "{number} again");
        }
    }
}

#[test]
fn k15_every_question_has_one_outcome_and_none_is_left() {
    for format in ASKING {
        for seed in 0..8 {
            // A broker that keeps the order of a channel, and one that does not.
            for reorders in [0, 40] {
                questions(format, seed, reorders);
            }
        }
    }
}

fn questions(format: Format, seed: u64, reorders: u64) {
    let mut world = World::new(format, 3);
    let _: Vec<_> = (0..seed * 5).map(|_| world.broker.draw()).collect();
    for process in 0..3 {
        world.connect(process);
    }
    world.broker.faults =
        Faults { loses: 10, repeats: 10, delay: 300, reorders, ..Faults::default() };
    let mut asked = Vec::new();
    for _ in 0..60 {
        let now = world.now;
        let process = world.at(0);
        if let Ok(question) = process.node.fetch(now, "/", To::default(), Detail::Clients) {
            asked.push(process.await_outcome(question));
        }
        process.ask(now, &[], std::time::Duration::from_millis(700));
        let step = world.broker.draw() % 100;
        world.millis(step);
        match world.broker.draw() % 40 {
            0 => world.broker.crash(),
            1 => world.broker.state = State::Up,
            2 => world.at(1).hangs = true,
            3 => world.at(1).hangs = false,
            _ => {}
        }
        world.at(0).node.check();
    }
    world.millis(3000);
    for question in asked {
        let outcome = world.outcome(0, question).expect("its time is up");
        assert!(outcome.found.len() <= 2, "{format} {seed}: each process answers once");
    }
    let (_, done) = world.at(0).acks();
    assert!(done.is_some(), "{format} {seed}");
    assert_eq!(world.at(0).counts().pending, 0, "{format} {seed}");
    world.at(0).node.check();
    let shards = &world.at(0).shards;
    assert!(shards.iter().all(|server| server.counts().questions == 0), "{format} {seed}");
}

#[test]
fn a_cluster_of_processes_that_come_and_go_is_counted_right() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        for _ in 0..5 {
            let late = world.start();
            world.millis(200);
            let now = world.now;
            let question = world.at(0).node.size(now, "/").expect("it is asked");
            let question = world.at(0).await_outcome(question);
            assert_eq!(world.outcome(0, question).map(|outcome| outcome.nodes), Some(3));
            world.stop(late);
        }
        let _ = config(format);
    }
}
