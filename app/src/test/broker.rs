//! A broker within a test.

use sansocket::cluster::bus::{Entry, EntryId, Payload, Subscription};
use sansocket::cluster::{Command, Keep, Take, Taken};
use sansocket_bus::{Broker, BrokerError, End, Link};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use super::clock::Clock;
use super::pipe::Network;
use crate::cluster::driver::Driver;
use crate::runtime::{BoxFuture, Runtime};

/// A broker that carries messages between the servers of a test, in order and at once.
#[derive(Default)]
pub(super) struct MemoryBroker(Mutex<Hall>);

/// What the lock guards.
struct Hall {
    network: Network,
    /// Bytes of the largest message that it carries.
    largest: Option<usize>,
    members: BTreeMap<u64, Member>,
    /// The entries of all streams, the latest [`ENTRIES`].
    entries: VecDeque<(String, Entry<'static>)>,
    /// How many there ever were.
    added: u64,
    /// What is kept of clients that were lost.
    kept: BTreeMap<String, Vec<u8>>,
    /// Those that do nothing at present.
    frozen: BTreeSet<u64>,
}

/// A process that is connected.
struct Member {
    /// The last entry that it has.
    read: EntryId,
    subscriptions: BTreeSet<Subscription>,
    queue: VecDeque<(String, Payload<'static>)>,
    waker: Waker,
}

/// What a member finds at the broker.
enum Found {
    Delivery(String, Payload<'static>),
    Nothing,
    Frozen,
    Lost,
}

impl Default for Hall {
    fn default() -> Self {
        Self {
            network: Network::Up,
            largest: None,
            members: BTreeMap::new(),
            entries: VecDeque::new(),
            added: 0,
            kept: BTreeMap::new(),
            frozen: BTreeSet::new(),
        }
    }
}

impl MemoryBroker {
    /// Loses all connections, or takes new ones again.
    /// Carries messages of so many bytes at most.
    pub(super) fn set_largest(&self, bytes: usize) {
        self.lock().largest = Some(bytes);
    }

    fn largest(&self) -> Option<usize> {
        self.lock().largest
    }

    pub(super) fn set(&self, network: Network) {
        let mut hall = self.lock();
        hall.network = network;
        let members = match network {
            Network::Up => BTreeMap::new(),
            Network::Down => std::mem::take(&mut hall.members),
        };
        drop(hall);
        members.into_values().for_each(|member| member.waker.wake());
    }

    /// Has a member do nothing, its connection and its subscriptions left as they are.
    pub(super) fn freeze(&self, number: u64) {
        self.lock().frozen.insert(number);
    }

    /// Lets a member go on.
    pub(super) fn thaw(&self, number: u64) {
        let mut hall = self.lock();
        hall.frozen.remove(&number);
        let waker = hall.members.get(&number).map(|member| member.waker.clone());
        drop(hall);
        waker.into_iter().for_each(Waker::wake);
    }

    /// Connects a member, if there is a way.
    fn connect(&self, number: u64, context: &Context<'_>) -> bool {
        let mut hall = self.lock();
        if hall.network == Network::Down {
            return false;
        }
        let (subscriptions, queue) = (BTreeSet::new(), VecDeque::new());
        let (read, waker) = (entry_id(hall.added), context.waker().clone());
        let member = Member { read, subscriptions, queue, waker };
        hall.members.insert(number, member);
        true
    }

    fn leave(&self, number: u64) {
        self.lock().members.remove(&number);
    }

    fn look(&self, number: u64, context: &Context<'_>) -> Found {
        let mut hall = self.lock();
        let is_frozen = hall.frozen.contains(&number);
        let Some(member) = hall.members.get_mut(&number) else { return Found::Lost };
        member.waker.clone_from(context.waker());
        if is_frozen {
            return Found::Frozen;
        }
        let next = member.queue.pop_front();
        if let Some((_, Payload::Entry(Entry { id: Some(id), .. }))) = &next {
            member.read = *id;
        }
        next.map_or(Found::Nothing, |(channel, payload)| Found::Delivery(channel, payload))
    }

    fn subscribe(&self, number: u64, subscription: Subscription) {
        if let Some(member) = self.lock().members.get_mut(&number) {
            member.subscriptions.insert(subscription);
        }
    }

    fn unsubscribe(&self, number: u64, subscription: &Subscription) {
        if let Some(member) = self.lock().members.get_mut(&number) {
            member.subscriptions.remove(subscription);
        }
    }

    /// Leaves a message with all that subscribed to its channel, and counts them.
    fn publish(&self, channel: &str, mut payload: Payload<'static>) -> u64 {
        let mut hall = self.lock();
        if let Payload::Entry(entry) = &mut payload {
            hall.add(channel, entry);
        }
        let mut wakers = Vec::new();
        for member in hall.members.values_mut() {
            if member.subscriptions.iter().any(|own| takes(own, channel, &payload)) {
                member.queue.push_back((channel.to_owned(), payload.clone()));
                wakers.push(member.waker.clone());
            }
        }
        drop(hall);
        let count = wakers.len() as u64;
        wakers.into_iter().for_each(Waker::wake);
        count
    }

    fn keep(&self, keep: Keep) {
        self.lock().kept.insert(keep.key, keep.value);
    }

    /// Gives a member what was kept, and the entries up to the last one that it has.
    fn take(&self, number: u64, take: &Take) -> Option<Taken> {
        let mut hall = self.lock();
        let value = hall.kept.remove(&take.key)?;
        let until = hall.members.get(&number)?.read;
        let entries = hall.entries.iter().filter(|(stream, _)| *stream == take.stream);
        let mut entries = entries.map(|(_, entry)| entry);
        entries.find(|entry| entry.id == Some(take.after)).filter(|_| take.after <= until)?;
        let entries = entries.filter(|entry| entry.id <= Some(until)).cloned().collect();
        Some(Taken { value, entries, until })
    }

    /// Counts those that subscribed to a channel by its name.
    fn count(&self, channel: &str) -> u64 {
        let hall = self.lock();
        let is_it = |own: &Subscription| match own {
            Subscription::Counted(name) | Subscription::Exact(name) => name == channel,
            Subscription::Pattern(_) | Subscription::Stream(_) => false,
        };
        hall.members.values().filter(|it| it.subscriptions.iter().any(is_it)).count() as u64
    }

    fn lock(&self) -> MutexGuard<'_, Hall> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Entries that streams keep.
const ENTRIES: usize = 10_000;

impl Hall {
    /// Adds an entry to a stream.
    fn add(&mut self, stream: &str, entry: &mut Entry<'static>) {
        self.added += 1;
        entry.id = Some(entry_id(self.added));
        self.entries.push_back((stream.to_owned(), entry.clone()));
        if self.entries.len() > ENTRIES {
            self.entries.pop_front();
        }
    }
}

fn entry_id(number: u64) -> EntryId {
    EntryId { millis: 1, number }
}

/// Whether a subscription takes a message on a channel, or an entry of a stream.
fn takes(own: &Subscription, channel: &str, payload: &Payload<'_>) -> bool {
    match (own, payload) {
        (Subscription::Counted(name) | Subscription::Exact(name), Payload::Bytes(_)) => {
            name == channel
        }
        (Subscription::Pattern(pattern), Payload::Bytes(_)) => {
            matches(pattern.as_bytes(), channel.as_bytes())
        }
        (Subscription::Stream(name), Payload::Entry(_)) => name == channel,
        (Subscription::Stream(_), Payload::Bytes(_))
        | (
            Subscription::Counted(_) | Subscription::Exact(_) | Subscription::Pattern(_),
            Payload::Entry(_),
        ) => false,
    }
}

/// Whether a name matches a pattern of `*`, and of characters that may be escaped.
fn matches(pattern: &[u8], name: &[u8]) -> bool {
    match (pattern, name) {
        ([], name) => name.is_empty(),
        ([b'*', rest @ ..], name) => (0..=name.len()).any(|at| matches(rest, &name[at..])),
        ([b'\\', wanted, rest @ ..] | [wanted, rest @ ..], [first, name @ ..]) => {
            wanted == first && matches(rest, name)
        }
        (_, []) => false,
    }
}

/// The task of a member, in place of the thread of a broker.
pub(super) struct Membership {
    broker: Arc<MemoryBroker>,
    number: u64,
    driver: Driver,
    clock: Arc<Clock>,
    way: Way,
}

/// How a member stands with the broker.
enum Way {
    /// It connects with the next turn.
    Out,
    /// It waits for the next attempt.
    Paused(BoxFuture<()>),
    In,
}

/// What a member does next.
enum Step {
    Connect,
    Pause,
    Work,
}

impl Membership {
    pub(super) fn new(
        broker: Arc<MemoryBroker>,
        number: u64,
        driver: Driver,
        clock: Arc<Clock>,
    ) -> Self {
        Self { broker, number, driver, clock, way: Way::Out }
    }

    /// Takes note that there is no connection; whether there is to be another one.
    fn lose(&mut self) -> bool {
        let pause = self.driver.lost("the broker of the test is away");
        let Some(pause) = pause else { return false };
        self.way = Way::Paused(self.clock.sleep(pause));
        true
    }

    /// Connects, if there is a way; whether there is to be more.
    fn connect(&mut self, context: &Context<'_>) -> bool {
        if !self.broker.connect(self.number, context) {
            return self.lose();
        }
        self.way = Way::In;
        self.driver.connected(self.broker.largest());
        true
    }

    /// Takes one message or does one command; whether there is to be more.
    fn work(&mut self, context: &mut Context<'_>) -> Poll<bool> {
        match self.broker.look(self.number, context) {
            Found::Delivery(channel, payload) => self.driver.delivered(&channel, &payload),
            Found::Frozen => return Poll::Pending,
            Found::Lost => return Poll::Ready(self.lose()),
            Found::Nothing => match self.driver.poll_command(context) {
                Poll::Ready(Some(command)) => self.perform(command),
                Poll::Ready(None) => return Poll::Ready(false),
                Poll::Pending => return Poll::Pending,
            },
        }
        Poll::Ready(true)
    }

    fn perform(&mut self, command: Command) {
        let Self { broker, number, driver, .. } = self;
        match command {
            Command::Subscribe(subscription) => {
                broker.subscribe(*number, subscription.clone());
                driver.subscribed(&subscription);
            }
            Command::Unsubscribe(subscription) => broker.unsubscribe(*number, &subscription),
            Command::Publish { channel, payload, .. } => {
                driver.published(Some(broker.publish(&channel, payload)));
            }
            Command::Count { channel } => driver.counted(&channel, broker.count(&channel)),
            Command::Keep(keep) => broker.keep(keep),
            Command::Take(take) => driver.taken(take.ticket, broker.take(*number, &take)),
            Command::Ping => driver.pong(),
            Command::Disconnect | _ => broker.leave(*number),
        }
    }
}

impl Future for Membership {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        loop {
            let next = match &mut self.way {
                Way::Paused(pause) => match pause.as_mut().poll(context) {
                    Poll::Ready(()) => Step::Connect,
                    Poll::Pending => Step::Pause,
                },
                Way::Out => Step::Connect,
                Way::In => Step::Work,
            };
            let is_over = match next {
                Step::Pause if self.driver.poll_closed(context).is_ready() => true,
                Step::Pause => return Poll::Pending,
                Step::Connect => !self.connect(context),
                Step::Work => match self.work(context) {
                    Poll::Ready(goes_on) => !goes_on,
                    Poll::Pending => return Poll::Pending,
                },
            };
            if is_over {
                return Poll::Ready(());
            }
        }
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.broker.leave(self.number);
    }
}

/// Stands where an application has its broker: a test carries its messages.
pub(super) struct Played;

impl Broker for Played {
    fn address(&self) -> String {
        "memory:".into()
    }

    fn run(&mut self, _: &Link) -> Result<(), BrokerError> {
        Err(BrokerError::new("a test carries the messages"))
    }
}

#[cfg(test)]
mod bursts;

#[cfg(test)]
mod returns;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::App;
    use crate::cluster::bus::Bus;
    use crate::test::{TestCluster, TestServer};
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    #[test]
    fn patterns_match_as_those_of_redis() {
        let is = |pattern: &str, name: &str| matches(pattern.as_bytes(), name.as_bytes());
        assert!(is("a#/#*", "a#/#") && is("a#/#*", "a#/#room#") && !is("a#/#*", "a#/b#"));
        assert!(is(r"a#/g\[ab\]#*", "a#/g[ab]#x#") && !is(r"a#/g\[ab\]#*", "a#/ga#x#"));
        assert!(is(r"a\*", "a*") && !is(r"a\*", "ab"));
    }

    fn bus(server: &TestServer) -> Bus {
        server.io().bus().expect("it is in a cluster")
    }

    #[test]
    fn a_message_that_the_broker_refused_is_counted() {
        let cluster = TestCluster::new();
        let server = cluster.server(App::new());
        let bus = bus(&server);
        let driver = Driver::new(bus.clone());
        driver.refused("too large");
        assert_eq!(bus.counts().refused, 1);
    }

    /// F3, socketioxide #799: a large message that is being read holds up no handler that emits.
    #[test]
    fn f03_k01_an_emit_does_not_wait_for_a_thread_that_reads_a_message() {
        let cluster = TestCluster::new();
        let (here, there) = (cluster.server(App::new()), cluster.server(App::new()));
        let (ann, bob) = (here.connect().expect("let in"), there.connect().expect("let in"));
        let io = here.io();
        let (tell, told) = mpsc::channel();
        let emitted = bus(&here).act(move |_, _| {
            thread::spawn(move || tell.send(io.emit("n", &1)));
            told.recv_timeout(Duration::from_secs(10))
        });
        assert!(matches!(emitted, Some(Ok(Ok(())))), "{emitted:?}");
        assert_eq!((ann.expect::<u32>("n"), bob.expect::<u32>("n")), (1, 1));
    }
}
