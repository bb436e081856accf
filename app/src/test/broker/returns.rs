//! A client that comes back while entries of the stream wait for the node.

use sansocket::cluster::bus::{
    Body, BusLimits, Codec, Entry, EntryId, Flags, Format, Message, Payload, To,
};
use sansocket::cluster::{Command, Keep, Take, Taken};
use sansocket::{ArgsRef, Config, EventMessage, Recovery};
use sansocket_bus::End as _;
use serde_json::json;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use crate::app::App;
use crate::cluster::bus::Bus;
use crate::cluster::driver::Driver;
use crate::test::{TestClient, TestCluster, TestServer};

const STREAM: &str = "socket.io";

/// A server whose clients may come back, its bus, and the end of that which the thread of a broker has.
fn scene(cluster: &TestCluster) -> (TestServer, Bus, Driver) {
    let mut config = Config::default();
    config.recovery = Some(Recovery::default());
    let server = cluster.server(App::with_config(config));
    let bus = server.io().bus().expect("it is in a cluster");
    let driver = Driver::new(bus.clone());
    // The test does and tells what the broker would.
    cluster.freeze(&server);
    (server, bus, driver)
}

/// The event of a number, as another process adds it to the stream.
fn entry(number: u64) -> Entry<'static> {
    let json = format!("[{number}]");
    let event = EventMessage::from_args("n", ArgsRef::from_valid(&json, &[]));
    let body = Body::Broadcast { to: To::default(), event, flags: Flags::default(), ask: None };
    let from = Some("f".repeat(16).into());
    let codec = Codec::new(Format::Streams, BusLimits::default());
    let written = codec.encode(&Message { from, namespace: "/".into(), sequence: None, body });
    let Ok(Payload::Entry(entry)) = written else { panic!("it goes by the stream") };
    named(entry, number)
}

/// An entry at this place in the stream.
fn named(entry: Entry<'static>, number: u64) -> Entry<'static> {
    Entry { id: Some(place(number)), ..entry }
}

fn place(number: u64) -> EntryId {
    EntryId { millis: 1, number }
}

/// Returns what the first command says that is of this kind.
fn wait_for<T>(driver: &Driver, choose: impl Fn(Command) -> Option<T>) -> T {
    let mut context = Context::from_waker(Waker::noop());
    loop {
        let Poll::Ready(Some(command)) = driver.poll_command(&mut context) else {
            panic!("there is no such command")
        };
        if let Some(chosen) = choose(command) {
            return chosen;
        }
    }
}

fn deliver(driver: &Driver, entry: &Entry<'static>) {
    driver.delivered(STREAM, &Payload::Entry(entry.clone()));
}

fn numbers(client: &TestClient) -> Vec<u64> {
    let events = client.get_received().into_iter().filter(|event| event.name == "n");
    events.map(|event| event.decode::<(u64, String)>().expect("number and place").0).collect()
}

/// The broker read two entries before it answers what the client had: the node has them before the answer, and those
/// that come later behind it.
#[test]
fn k09_what_was_kept_of_a_client_does_not_overtake_entries_that_wait_for_the_node() {
    let cluster = TestCluster::with_format(Format::Streams);
    let (server, bus, driver) = scene(&cluster);
    let lost = server.connect().expect("everybody is let in");
    deliver(&driver, &entry(1));
    assert_eq!(numbers(&lost), [1]);
    lost.close();
    let Keep { key, value, .. } =
        wait_for(
            &driver,
            |command| {
                if let Command::Keep(keep) = command { Some(keep) } else { None }
            },
        );
    let pid = key.strip_prefix("sio:session:").expect("a private id");
    let claim = json!({ "pid": pid, "offset": place(1).to_string() });
    let back = server.client().auth(&claim).start();
    let Take { ticket, after, .. } =
        wait_for(
            &driver,
            |command| {
                if let Command::Take(take) = command { Some(take) } else { None }
            },
        );
    assert_eq!(after, place(1));
    server.io().emit("n", &3).expect("it is sent");
    let own = wait_for(&driver, |command| {
        if let Command::Publish { payload: Payload::Entry(entry), .. } = command {
            Some(named(entry, 3))
        } else {
            None
        }
    });
    let entries = vec![entry(2), own];
    let before = bus.counts().received;
    // Another thread has the node while they come.
    let bring = || entries.iter().for_each(|entry| deliver(&driver, entry));
    let came = bus.act(|_, _| thread::scope(|scope| scope.spawn(bring).join().is_ok()));
    assert_eq!(came, Some(true));
    assert_eq!(bus.counts().received, before, "they wait");
    driver.taken(ticket, Some(Taken { value, entries, until: place(3) }));
    assert_eq!(bus.counts().received, before + 1, "that of another process is no more in line");
    deliver(&driver, &entry(4));
    cluster.advance(Duration::from_secs(1));
    assert_eq!((back.id(), numbers(&back)), (lost.id(), vec![2, 3, 4]));
}
