//! Many messages at once, and who hands them to clients.

use sansocket::cluster::bus::{Body, BusLimits, Codec, Flags, Format, Message, Payload, To};
use sansocket::{ArgsRef, EventMessage};
use sansocket_bus::End as _;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use crate::app::App;
use crate::cluster::bus::Bus;
use crate::cluster::driver::Driver;
use crate::test::{TestClient, TestCluster, TestServer};

/// The channel of messages for all processes.
const CHANNEL: &str = "sansocket:n:/";

const PATIENCE: Duration = Duration::from_secs(10);

/// A server with two shards and a client on each, its bus, and the end of that which the thread of a broker has.
struct Scene {
    cluster: TestCluster,
    server: TestServer,
    clients: [TestClient; 2],
    bus: Bus,
}

impl Scene {
    fn new() -> (Self, Driver) {
        let cluster = TestCluster::new();
        let server = cluster.server_with_shards(App::new(), 2);
        let clients = [0; 2].map(|_| server.connect().expect("everybody is let in"));
        let bus = server.io().bus().expect("it is in a cluster");
        let driver = Driver::new(bus.clone());
        (Self { cluster, server, clients, bus }, driver)
    }

    /// Lets happen what is due, and returns the numbers that each client got.
    fn numbers(&self) -> [Vec<u32>; 2] {
        self.cluster.advance(Duration::ZERO);
        self.clients.each_ref().map(|client| {
            let numbers = client.get_received().into_iter().filter(|event| event.name == "n");
            numbers.map(|event| event.decode::<(u32, String)>().expect("a number").0).collect()
        })
    }

    fn received(&self) -> u64 {
        self.bus.counts().received
    }
}

/// Events for everybody, numbered from 0, as another process sends them.
fn messages(count: u32, size: usize) -> Vec<Payload<'static>> {
    let codec = Codec::new(Format::Native, BusLimits::default());
    let message = |n| {
        let json = format!("[{n},\"{}\"]", "x".repeat(size));
        let event = EventMessage::from_args("n", ArgsRef::from_valid(&json, &[]));
        let body = Body::Broadcast { to: To::default(), event, flags: Flags::default(), ask: None };
        let from = Some("f".repeat(32).into());
        codec.encode(&Message { from, namespace: "/".into(), sequence: None, body })
    };
    (0..count).map(|n| message(n).expect("the format has words for it")).collect()
}

/// Brings messages while another thread has the lock of the node: each is read and put in line all the same.
fn bring(bus: &Bus, driver: Driver, messages: &[Payload<'static>]) -> Driver {
    let bring = || {
        messages.iter().for_each(|message| driver.delivered(CHANNEL, message));
    };
    let came = bus.act(|_, _| thread::scope(|scope| scope.spawn(bring).join().is_ok()));
    assert_eq!(came, Some(true));
    driver
}

#[test]
fn k21_a_burst_is_taken_in_turns_and_by_no_thread_of_the_application() {
    let (scene, driver) = Scene::new();
    let before = scene.received();
    let driver = bring(&scene.bus, driver, &messages(100, 1));
    scene.server.io().emit("mine", &1).expect("it is sent");
    let asked = scene.server.io().cluster_size();
    assert_eq!(scene.received(), before, "threads of the application have other things to do");
    let _ = scene.bus.take_turn();
    assert_eq!(scene.received(), before + 16);
    assert_eq!(scene.numbers(), [0; 2].map(|_| (0..100).collect::<Vec<_>>()));
    drop((asked, driver));
}

#[test]
fn k21_a_turn_ends_after_a_quarter_of_a_mebibyte() {
    let (scene, driver) = Scene::new();
    let before = scene.received();
    let driver = bring(&scene.bus, driver, &messages(10, 100_000));
    let _ = scene.bus.take_turn();
    assert_eq!(scene.received(), before + 3);
    assert_eq!(scene.numbers(), [0; 2].map(|_| (0..10).collect::<Vec<_>>()));
    drop(driver);
}

#[test]
fn k21_the_thread_of_a_broker_waits_when_too_much_is_in_line() {
    let (scene, driver) = Scene::new();
    let (tell, told) = mpsc::channel();
    let bringing = scene.bus.act(|_, _| {
        let bringing = thread::spawn(move || {
            for message in messages(1100, 1) {
                driver.delivered(CHANNEL, &message);
                tell.send(()).expect("somebody counts");
            }
            driver
        });
        for _ in 0..1024 {
            told.recv_timeout(PATIENCE).expect("there is room");
        }
        bringing
    });
    let driver = bringing.expect("the process is there").join().expect("it does not panic");
    assert_eq!(told.iter().count(), 1100 - 1024);
    assert_eq!(scene.numbers(), [0; 2].map(|_| (0..1100).collect::<Vec<_>>()));
    drop(driver);
}

/// F3, socketioxide #799: what is asked does not wait for a message that is being read, since that takes no lock.
#[test]
fn f03_k01_a_large_message_is_read_while_another_thread_has_the_node() {
    let (scene, driver) = Scene::new();
    let before = scene.received();
    let driver = bring(&scene.bus, driver, &messages(1, 4_000_000));
    assert_eq!(scene.received(), before);
    assert_eq!(scene.numbers(), [vec![0], vec![0]]);
    drop(driver);
}

#[test]
fn k05_what_is_emitted_while_another_thread_has_the_node_is_bounded_by_the_queue() {
    let (scene, driver) = Scene::new();
    let (io, text) = (scene.server.io(), "x".repeat(1024));
    let emit = || (0..10_000).map(|_| io.emit("m", &text)).filter(Result::is_ok).count();
    let taken = scene.bus.act(|_, _| thread::scope(|scope| scope.spawn(emit).join()));
    let taken = taken.expect("the process is there").expect("it does not panic");
    let most = 8 * 1024 * 1024 / 1024;
    assert!((most / 2..most).contains(&taken), "{taken} were taken");
    scene.cluster.advance(Duration::ZERO);
    assert_eq!(scene.bus.counts().queued, 0);
    assert_eq!(io.emit("m", &text), Ok(()), "there is room again");
    drop(driver);
}
