//! Acknowledgements of clients of other processes.

use std::time::Duration;

use super::ASKING;
use super::world::World;
use sansocket::cluster::bus::Format;

const SECOND: Duration = Duration::from_secs(1);

/// The number under which the last event of a client wants to be acknowledged.
fn number(frame: &str) -> &str {
    frame[2..].split('[').next().expect("there is one")
}

/// A client acknowledges the last event with a value.
fn acknowledge(world: &mut World, process: usize, client: usize, value: &str) {
    let frames = world.at(process).frames(client);
    let text = format!("43{}[{value}]", number(frames.last().expect("it was asked")));
    let now = world.now;
    world.at(process).hear(now, client, &text);
    world.settle();
}

fn ask(world: &mut World, rooms: &[&str], timeout: Duration) {
    let now = world.now;
    world.at(0).ask(now, rooms, timeout);
    world.settle();
}

#[test]
fn acknowledgements_of_all_processes_are_collected() {
    for format in ASKING {
        let mut world = World::new(format, 3);
        let clients: Vec<_> = (0..6).map(|n| (n % 3, world.connect(n % 3))).collect();
        ask(&mut world, &[], SECOND);
        for (n, (process, client)) in clients.into_iter().enumerate() {
            assert_eq!(world.at(0).acks().1, None, "{format}");
            acknowledge(&mut world, process, client, &n.to_string());
            let (answers, done) = world.at(0).acks();
            assert_eq!(answers, [format!("[{n}]")], "{format}");
            assert_eq!(done, (n == 5).then_some(0), "{format}");
            // What was read is gone, but for its end.
        }
        assert_eq!(world.at(0).counts().pending, 0, "{format}");
    }
}

#[test]
fn nobody_is_waited_for_in_a_room_without_clients() {
    for format in ASKING {
        for count in [1, 3] {
            let mut world = World::new(format, count);
            ask(&mut world, &["empty"], SECOND);
            assert_eq!(world.at(0).acks(), (Vec::new(), Some(0)), "{format} {count}");
        }
    }
}

#[test]
fn clients_that_do_not_answer_are_missing_in_the_end() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let [a, _b] = [world.connect(1), world.connect(1)];
        ask(&mut world, &[], SECOND);
        acknowledge(&mut world, 1, a, "1");
        world.millis(900);
        assert_eq!(world.at(0).acks(), (vec!["[1]".into()], None), "{format}");
        world.millis(200);
        assert_eq!(world.at(0).acks(), (Vec::new(), Some(1)), "{format}");
        world.millis(1000);
        assert_eq!(world.at(0).counts().pending, 0, "{format}");
    }
}

#[test]
fn our_own_format_has_all_arguments_and_those_of_javascript_the_first() {
    for format in ASKING {
        let mut world = World::new(format, 2);
        let client = world.connect(1);
        ask(&mut world, &[], SECOND);
        acknowledge(&mut world, 1, client, "1,2");
        let expected = if format == Format::Native { "[1,2]" } else { "[1]" };
        assert_eq!(world.at(0).acks(), (vec![expected.into()], Some(0)), "{format}");
    }
}

#[test]
fn k15_a_process_that_does_not_answer_is_missing() {
    for format in ASKING {
        let mut world = World::new(format, 3);
        let client = world.connect(1);
        world.at(2).hangs = true;
        ask(&mut world, &[], SECOND);
        acknowledge(&mut world, 1, client, "1");
        world.millis(1100);
        assert_eq!(world.at(0).acks(), (vec!["[1]".into()], Some(1)), "{format}");
    }
}

/// F6, socket.io-adapter 2.5.3.
#[test]
fn f06_k16_the_clients_of_a_process_that_died_are_not_waited_for() {
    let mut world = World::new(Format::Native, 2);
    world.connect(1);
    ask(&mut world, &[], Duration::from_secs(60));
    world.kill(1);
    world.millis(2900);
    assert_eq!(world.at(0).acks(), (Vec::new(), None));
    world.millis(1200);
    assert_eq!(world.at(0).acks(), (Vec::new(), Some(1)));
    assert_eq!(world.at(0).counts().pending, 0);
}

#[test]
fn python_asks_one_client_by_its_id() {
    let mut world = World::new(Format::Python, 3);
    let client = world.connect(2);
    let id = world.at(2).id(client);
    ask(&mut world, &[&id], SECOND);
    acknowledge(&mut world, 2, client, "1,2");
    assert_eq!(world.at(0).acks(), (vec!["[1,2]".into()], Some(0)));
    ask(&mut world, &["AAAAAAAAAAAAAAAAAAAA"], SECOND);
    world.millis(1100);
    assert_eq!(world.at(0).acks(), (Vec::new(), Some(1)));
}
