use sansocket::cluster::{Destination, Output};
use sansocket::{ArgsRef, Server, Shard, Target};
use sansocket_bus::{Broker, BrokerError, End as _, Link};
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::cluster::driver::Driver;
use crate::runtime::BoxFuture;

/// A process without shards, whose time stands still unless it is told.
struct Alone {
    now: Mutex<Instant>,
    /// What happens whenever the node lets go of its lock.
    meanwhile: Mutex<Option<Meanwhile>>,
    /// When the timers are to run.
    due: Mutex<Option<Instant>>,
    /// What the application is asked.
    heard: Mutex<Vec<NodeEvent>>,
}

type Meanwhile = Box<dyn FnMut() + Send>;

impl Process for Alone {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn sleep(&self, _: Duration) -> BoxFuture<()> {
        Box::pin(std::future::pending())
    }

    fn leave(&self, _: &Output, _: &mut Vec<u16>) {}

    fn enter(&self, _: Vec<u16>) {}

    fn set_due(&self, due: Instant) {
        *self.due.lock().unwrap() = Some(due);
        if let Some(meanwhile) = &mut *self.meanwhile.lock().unwrap() {
            meanwhile();
        }
    }

    fn hear(self: Arc<Self>, event: NodeEvent) {
        self.heard.lock().unwrap().push(event);
    }

    fn let_go(&self) {}
}

struct Nowhere;

impl Broker for Nowhere {
    fn address(&self) -> String {
        "nowhere:".into()
    }

    fn run(&mut self, _: &Link) -> Result<(), BrokerError> {
        Err(BrokerError::new("there is none"))
    }
}

/// A process in a cluster, and the end of its bus that the thread of a broker has.
fn alone(seed: u8) -> (Arc<Alone>, Bus, Driver) {
    let now = Instant::now();
    let process = Arc::new(Alone {
        now: Mutex::new(now),
        meanwhile: Mutex::default(),
        due: Mutex::default(),
        heard: Mutex::default(),
    });
    let weak: Weak<dyn Process> = Arc::<Alone>::downgrade(&process);
    let about = (Arc::new(Config::default()), 1, [seed; 32]);
    let bus = Bus::new(weak, &Cluster::new(Nowhere), about, (now, ["/"].into_iter()));
    let driver = Driver::new(bus.clone());
    driver.connected(None);
    (process, bus, driver)
}

/// What a shard leaves for other processes: an event for everybody.
fn message() -> Message {
    let shard = Shard { index: 0, count: 1 };
    let mut server = Server::new(Arc::default(), shard, [7; 32], Instant::now());
    server.join_cluster(Format::Native);
    server.broadcast(&Target::namespace("/"), "x", ArgsRef::NONE).expect("it is sent");
    let outputs = std::iter::from_fn(|| server.poll_peer());
    let mut outputs = outputs.filter(|output| output.to == Destination::Node);
    outputs.next().expect("there is one for the node").message
}

/// Others emit without end. A thread that hands messages over leaves the rest to the timers in time.
#[test]
fn k21_a_thread_that_emits_does_not_hand_over_what_others_emit_for_ever() {
    let (process, bus, driver) = alone(1);
    let (left, message, inbox) = (Arc::new(AtomicU32::new(0)), message(), bus.clone());
    let count = left.clone();
    *process.meanwhile.lock().unwrap() = Some(Box::new(move || {
        if count.fetch_add(1, Ordering::Relaxed) < ENDLESS {
            inbox.leave(message.clone());
        }
    }));
    bus.act(|_, _| ());
    assert!(left.load(Ordering::Relaxed) < ENDLESS);
    assert_eq!(*process.due.lock().unwrap(), Some(process.now()), "the timers see to the rest");
    *process.meanwhile.lock().unwrap() = None;
    drop(driver);
}

/// So often that it counts as without end.
const ENDLESS: u32 = 10_000;
