//! Processes that come, go and hang, with a broker that loses, delays, repeats and restarts: each client gets each
//! event at most once and in the order of its sender, every question has one outcome, and nothing is left over.

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

fn storm(format: Format, seed: u64) {
    let mut world = World::new(format, 3);
    let _: Vec<_> = (0..seed * 7).map(|_| world.broker.draw()).collect();
    // Other formats than our own have no numbers by which a copy could be told.
    let repeats = if format == Format::Native { 5 } else { 0 };
    world.broker.faults = Faults { loses: 3, repeats, delay: 40, ..Faults::default() };
    let mut clients = Vec::new();
    for process in 0..3 {
        for _ in 0..2 {
            let client = world.connect(process);
            world.join(process, client, "r");
            clients.push((process, client, 0_u64));
        }
    }
    for n in 1..=200_u64 {
        let rooms: &[&str] = if n % 2 == 0 { &["r"] } else { &["r", "s"] };
        world.emit(0, rooms, &format!("[{n}]"));
        let step = world.broker.draw() % 30;
        world.millis(step);
        match world.broker.draw() % 60 {
            0 => world.broker.crash(),
            1 => world.broker.state = State::Frozen,
            2..=6 if world.broker.state != State::Up => world.broker.state = State::Up,
            _ => {}
        }
        heed(&mut world, &mut clients, format);
    }
    world.broker.state = State::Up;
    world.broker.faults = Faults::default();
    world.millis(20_000);
    heed(&mut world, &mut clients, format);
    world.emit(0, &["r"], "[201]");
    heed(&mut world, &mut clients, format);
    assert!(clients.iter().all(|(_, _, last)| *last == 201), "{format} {seed}: {clients:?}");
}

/// Reads what clients got: numbers that only grow. Channels of rooms are apart in the formats of JavaScript, and
/// overtake each other when a broker delays them.
fn heed(world: &mut World, clients: &mut [(usize, usize, u64)], format: Format) {
    for (process, client, last) in clients {
        for frame in world.at(*process).frames(*client) {
            let number = frame.trim_matches(|c: char| !c.is_ascii_digit());
            let number: u64 =
                number[2..].trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number");
            let is_one_channel =
                matches!(format, Format::Native | Format::Python | Format::Streams);
            assert!(number > *last || !is_one_channel, "{format}: {number} after {last}");
            *last = number.max(*last);
        }
    }
}

#[test]
fn k15_every_question_has_one_outcome_and_none_is_left() {
    for format in ASKING {
        for seed in 0..8 {
            questions(format, seed);
        }
    }
}

fn questions(format: Format, seed: u64) {
    let mut world = World::new(format, 3);
    let _: Vec<_> = (0..seed * 5).map(|_| world.broker.draw()).collect();
    for process in 0..3 {
        world.connect(process);
    }
    world.broker.faults = Faults { loses: 10, repeats: 10, delay: 300, ..Faults::default() };
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
