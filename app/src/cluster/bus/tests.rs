use sansocket::cluster::{Destination, Output};
use sansocket::{ArgsRef, Server, Shard, Target};
use sansocket_bus::{Broker, BrokerError, End as _, Link};
use std::future::Future as _;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::Wake;

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
    server.join_cluster(&NodeConfig::default());
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

/// A waker that counts.
#[derive(Default)]
struct Bell(AtomicU32);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Bell {
    /// How often it rang since it was asked last.
    fn rang(&self) -> u32 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// The broker's thread does what there is to do, until it waits. Returns what it publishes.
fn work(driver: &Driver, bell: &Arc<Bell>) -> Vec<(String, Payload<'static>)> {
    let waker = Waker::from(bell.clone());
    let (mut context, mut published) = (Context::from_waker(&waker), Vec::new());
    while let Poll::Ready(command) = driver.poll_command(&mut context) {
        match command {
            Some(Command::Subscribe(subscription)) => driver.subscribed(&subscription),
            Some(Command::Publish { channel, payload, .. }) => published.push((channel, payload)),
            _ => {}
        }
    }
    bell.rang();
    published
}

/// Another thread takes the messages for the node before the one that left them does.
#[test]
fn k01_the_broker_hears_of_a_message_whoever_takes_it_for_the_node() {
    let settled = |bus: &Bus| {
        let mut settled = std::pin::pin!(bus.settled());
        let _ = settled.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    };
    let stop = |bus: &Bus| assert!(bus.stop(Duration::from_secs(1)));
    let takes: [&dyn Fn(&Bus); 2] = [&settled, &stop];
    for (n, take) in takes.into_iter().enumerate() {
        let (_process, bus, driver) = alone(1);
        let bell = Arc::new(Bell::default());
        work(&driver, &bell);
        bus.leave(message());
        take(&bus);
        bus.pump();
        assert!(bell.rang() > 0, "{n}");
    }
}

/// Others bring messages without end.
#[test]
fn k21_the_timers_take_what_came_in_a_bounded_number_of_turns() {
    let (process, bus, driver) = alone(1);
    work(&driver, &Arc::default());
    let (brought, line) = (Arc::new(AtomicU32::new(0)), bus.clone());
    let count = brought.clone();
    let bring = move || {
        if count.fetch_add(1, Ordering::Relaxed) < ENDLESS {
            let arrivals = &line.0.arrivals;
            let arrival = arrivals.reader().read("x", &vec![0].into());
            let _ = arrivals.push(Brought::Message(arrival));
        }
    };
    bring();
    *process.meanwhile.lock().unwrap() = Some(Box::new(bring));
    bus.run_timers();
    assert!(brought.load(Ordering::Relaxed) < ENDLESS);
    assert_eq!(*process.due.lock().unwrap(), Some(process.now()), "they run again for the rest");
    *process.meanwhile.lock().unwrap() = None;
    drop(driver);
}

/// The timers run late, as those of a process that was busy.
#[test]
fn k15_an_answer_that_came_counts_though_its_question_is_overdue() {
    let [(a, asker, ours), (b, answerer, theirs)] = [alone(1), alone(2)];
    let bell = Arc::default();
    let carry = |from: &Driver, to: &Driver| {
        let published = work(from, &bell);
        published.iter().for_each(|(channel, payload)| to.delivered(channel, payload));
    };
    carry(&ours, &theirs);
    carry(&theirs, &ours);
    assert_eq!(asker.counts().nodes, 2);
    let Asked::Waiting(slot) = asker.ask(|node, now| node.rooms(now, "/")) else {
        panic!("it is asked")
    };
    // A question waits until its answers can arrive.
    *a.now.lock().unwrap() += Duration::from_secs(1);
    carry(&ours, &theirs);
    let Some(NodeEvent::Rooms { token, .. }) = b.heard.lock().unwrap().pop() else {
        panic!("it is heard")
    };
    answerer.answer(token, Report::Rooms(vec!["tea".into()]));
    // It waits in line, as another thread has the node.
    asker.act(|_, _| {
        std::thread::scope(|scope| scope.spawn(|| carry(&theirs, &ours)).join().is_ok())
    });
    *a.now.lock().unwrap() += Duration::from_secs(60);
    asker.run_timers();
    let Poll::Ready(outcome) = slot.poll(&Context::from_waker(Waker::noop())) else {
        panic!("it is over")
    };
    assert_eq!((outcome.asked, outcome.missing), (1, 0));
}

/// So often that it counts as without end.
const ENDLESS: u32 = 10_000;
