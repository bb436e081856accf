//! Several processes and a broker between them, in virtual time.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::time::{Duration, Instant};

use sansocket::cluster::bus::{Entry, EntryId, Format, Payload, Subscription};
use sansocket::cluster::{Command, Keep, NodeConfig, Outcome, Take, Taken};
use sansocket::{ArgsRef, Config, Target};
use testbed::Process;

use super::config;

pub(super) struct World {
    pub(super) now: Instant,
    pub(super) processes: Vec<Option<Process>>,
    pub(super) broker: Broker,
    format: Format,
    /// The settings of the servers of processes that are added.
    pub(super) server: Config,
}

/// A broker that keeps what it is told of each process: subscriptions, and what it has to deliver.
#[derive(Default)]
pub(super) struct Broker {
    pub(super) state: State,
    subscriptions: BTreeMap<usize, BTreeSet<Subscription>>,
    /// Deliveries by when they are due, process and order.
    mail: BTreeMap<(Instant, u64), (usize, Parcel)>,
    sent: u64,
    /// The last delivery for a process on a channel: those of one channel keep their order.
    last: BTreeMap<(usize, String), Instant>,
    pub(super) faults: Faults,
    /// Everything that was published.
    pub(super) log: Vec<(String, Payload<'static>)>,
    /// The largest message that it carries.
    pub(super) largest: Option<usize>,
    /// How many messages for a single process it carries before it loses one.
    pub(super) swallows: Option<usize>,
    /// How often it was asked to count.
    pub(super) counted: u64,
    /// A process that it does not let in.
    pub(super) shut_out: Option<usize>,
    /// Whether it answers no pings.
    pub(super) mute: bool,
    /// The stream, with the ids of its entries.
    pub(super) entries: Vec<Entry<'static>>,
    /// How many entries there ever were, and how far each process is.
    added: u64,
    read: BTreeMap<usize, EntryId>,
    /// What it keeps, and until when.
    pub(super) kept: BTreeMap<String, (Vec<u8>, Instant)>,
    random: u64,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum State {
    #[default]
    Up,
    /// Nobody is answered, and nothing arrives.
    Frozen,
    Down,
}

/// What a broker does wrong, each time with a chance of so many in a hundred.
#[derive(Clone, Copy, Default)]
pub(super) struct Faults {
    pub(super) loses: u64,
    pub(super) repeats: u64,
    /// The longest delay, in milliseconds.
    pub(super) delay: u64,
    /// A message overtakes those before it on its channel.
    pub(super) reorders: u64,
    /// How long it takes to confirm a subscription, in milliseconds.
    pub(super) confirms: u64,
}

enum Parcel {
    Subscribed(Subscription),
    Counted(String, u64),
    Pong,
    Take(Take),
    Message(String, Payload<'static>),
}

impl World {
    /// As many processes as asked for, with two shards each, that have met.
    pub(super) fn new(format: Format, count: u8) -> Self {
        Self::with(config(format), count)
    }

    pub(super) fn with(config: NodeConfig, count: u8) -> Self {
        let mut world = Self::empty(config.format);
        for _ in 0..count {
            world.add(config.clone());
        }
        world.advance(Duration::from_millis(500));
        world
    }

    pub(super) fn empty(format: Format) -> Self {
        let broker = Broker { random: 7, ..Broker::default() };
        let server = Config::default();
        Self { now: Instant::now(), processes: Vec::new(), broker, format, server }
    }

    pub(super) fn add(&mut self, config: NodeConfig) -> usize {
        let seed = u8::try_from(self.processes.len() + 1).expect("few processes");
        self.add_with_seed(config, seed)
    }

    pub(super) fn add_with_seed(&mut self, config: NodeConfig, seed: u8) -> usize {
        self.processes.push(Some(Process::new(config, self.server.clone(), (seed, 2), self.now)));
        self.processes.len() - 1
    }

    /// Adds a process without shards, for a bridge.
    pub(super) fn add_bridged(&mut self) -> usize {
        let mut config = config(self.format);
        config.timeout /= 2;
        self.processes.push(Some(Process::new(config, self.server.clone(), (99, 1), self.now)));
        let at = self.processes.len() - 1;
        self.at(at).shards.clear();
        self.at(at).is_bridged = true;
        at
    }

    /// Starts another process of the same format.
    pub(super) fn start(&mut self) -> usize {
        let at = self.add(config(self.format));
        self.advance(Duration::from_millis(500));
        at
    }

    pub(super) fn at(&mut self, process: usize) -> &mut Process {
        self.processes[process].as_mut().expect("it lives")
    }

    /// A process ends without a word; the broker notices that its connection is gone.
    pub(super) fn kill(&mut self, process: usize) {
        self.processes[process] = None;
        self.broker.forget(process);
    }

    /// A process leaves, and ends when everything was handed over.
    pub(super) fn stop(&mut self, process: usize) {
        let now = self.now;
        self.at(process).node.leave(now);
        self.settle();
        assert!(self.at(process).node.has_left());
        self.kill(process);
    }

    pub(super) fn connect(&mut self, process: usize) -> usize {
        self.connect_to(process, "/")
    }

    pub(super) fn connect_to(&mut self, process: usize, namespace: &str) -> usize {
        let now = self.now;
        let client = self.at(process).connect(now, namespace);
        self.settle();
        client
    }

    pub(super) fn join(&mut self, process: usize, client: usize, room: &str) {
        self.at(process).join(client, room);
        self.settle();
    }

    pub(super) fn emit(&mut self, process: usize, rooms: &[&str], json: &str) {
        self.at(process).emit(rooms, &[], "e", json);
        self.settle();
    }

    /// Sends an event to all clients of a namespace.
    pub(super) fn emit_in(&mut self, process: usize, namespace: &str, json: &str) {
        let to = Target::namespace(namespace);
        let args = ArgsRef::from_valid(json, &[]);
        self.at(process).shards[0].broadcast(&to, "e", args).expect("it is sent");
        self.settle();
    }

    /// A client leaves a namespace.
    pub(super) fn part(&mut self, process: usize, client: usize, namespace: &str) {
        let now = self.now;
        self.at(process).hear(now, client, &format!("41{namespace},"));
        self.settle();
    }

    /// Lets time pass.
    pub(super) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            self.settle();
            let processes = self.processes.iter().flatten().filter(|process| !process.hangs);
            let due = processes.filter_map(Process::deadline).min();
            let next = due.into_iter().chain(self.broker.deadline()).min();
            let next = next.unwrap_or(end).max(self.now + Duration::from_millis(1)).min(end);
            if self.now >= end {
                return;
            }
            self.now = next;
            let now = self.now;
            for process in self.processes.iter_mut().flatten().filter(|process| !process.hangs) {
                process.keep_alive(now);
                process.expire(now);
            }
        }
    }

    pub(super) fn millis(&mut self, millis: u64) {
        self.advance(Duration::from_millis(millis));
    }

    /// Lets happen what takes no time.
    pub(super) fn settle(&mut self) {
        for _ in 0..10_000 {
            let mut idle = true;
            for at in 0..self.processes.len() {
                idle &= self.run(at);
            }
            idle &= !self.deliver();
            if idle {
                return;
            }
        }
        panic!("it never comes to rest");
    }

    /// Runs a process and its driver; says whether the driver had nothing to do.
    fn run(&mut self, at: usize) -> bool {
        let (now, broker) = (self.now, &mut self.broker);
        let Some(process) = self.processes[at].as_mut().filter(|process| !process.hangs) else {
            return true;
        };
        process.run(now);
        if process.attempt.is_some_and(|attempt| attempt <= now) {
            process.attempt = None;
            if broker.state == State::Down || broker.shut_out == Some(at) {
                process.attempt = Some(process.node.handle_lost(now, "refused"));
            } else {
                broker.forget(at);
                broker.subscriptions.insert(at, BTreeSet::new());
                process.node.handle_connected(now, broker.largest);
            }
        }
        if process.attempt.is_none() && !broker.subscriptions.contains_key(&at) {
            process.attempt = Some(process.node.handle_lost(now, "reset"));
        }
        let mut idle = true;
        while let Some(command) = process.node.poll_command(now) {
            idle = false;
            if command == Command::Disconnect {
                broker.forget(at);
                process.attempt = Some(process.node.handle_lost(now, "silent"));
                break;
            }
            let is_taken = broker.state == State::Up && matches!(command, Command::Publish { .. });
            broker.obey(now, at, command);
            process.node.handle_published(u64::from(is_taken));
        }
        process.run(now);
        idle
    }

    /// Delivers what is due; says whether there was something.
    fn deliver(&mut self) -> bool {
        if self.broker.state != State::Up {
            return false;
        }
        let Some((&key, _)) = self.broker.mail.first_key_value() else { return false };
        if key.0 > self.now {
            return false;
        }
        let (_, (at, parcel)) = self.broker.mail.pop_first().expect("it was there");
        let now = self.now;
        let Some(process) = self.processes[at].as_mut() else { return true };
        if process.hangs {
            return true;
        }
        match parcel {
            Parcel::Subscribed(subscription) => process.node.handle_subscribed(now, &subscription),
            Parcel::Counted(channel, count) => process.node.handle_counted(now, &channel, count),
            Parcel::Pong => process.node.handle_pong(now),
            Parcel::Take(take) => {
                let taken = self.broker.take(now, at, &take);
                process.node.handle_taken(now, take.ticket, taken);
            }
            Parcel::Message(channel, payload) => {
                if let Payload::Entry(Entry { id: Some(id), .. }) = &payload {
                    self.broker.read.insert(at, *id);
                }
                process.node.handle_delivery(now, &channel, &payload);
            }
        }
        process.run(now);
        true
    }

    /// The outcome of a question that was asked.
    pub(super) fn outcome(&mut self, process: usize, number: usize) -> Option<Outcome> {
        self.settle();
        self.at(process).outcome(number)
    }
}

impl Broker {
    /// Ends all connections.
    pub(super) fn crash(&mut self) {
        self.state = State::Down;
        self.subscriptions.clear();
        self.mail.clear();
    }

    /// Ends the connection of a process, and lets it in no more.
    pub(super) fn shut_out(&mut self, process: usize) {
        self.shut_out = Some(process);
        self.forget(process);
    }

    fn forget(&mut self, process: usize) {
        self.subscriptions.remove(&process);
        self.mail.retain(|_, (to, _)| *to != process);
    }

    fn deadline(&self) -> Option<Instant> {
        let (first, _) = self.mail.first_key_value().filter(|_| self.state == State::Up)?;
        Some(first.0)
    }

    /// What a process is subscribed to.
    pub(super) fn subscriptions(&self, process: usize) -> Vec<Subscription> {
        self.subscriptions.get(&process).into_iter().flatten().cloned().collect()
    }

    pub(super) fn obey(&mut self, now: Instant, process: usize, command: Command) {
        if self.state == State::Down {
            return;
        }
        match command {
            Command::Subscribe(subscription) => {
                if let Subscription::Stream(_) = subscription {
                    let last = entry_id(self.added);
                    self.read.entry(process).or_insert(last);
                }
                let all = self.subscriptions.entry(process).or_default();
                assert!(all.insert(subscription.clone()), "subscribed twice: {subscription:?}");
                self.send(now, process, Parcel::Subscribed(subscription));
            }
            Command::Unsubscribe(subscription) => {
                let all = self.subscriptions.entry(process).or_default();
                assert!(all.remove(&subscription), "not subscribed: {subscription:?}");
            }
            Command::Count { channel } => {
                self.counted += 1;
                let counted = Subscription::Counted(channel.clone());
                let all = self.subscriptions.values();
                let count = all.filter(|all| all.contains(&counted)).count() as u64;
                self.send(now, process, Parcel::Counted(channel, count));
            }
            Command::Ping if self.mute => {}
            Command::Ping => self.send(now, process, Parcel::Pong),
            Command::Publish { channel, payload, .. } => self.publish(now, &channel, payload),
            Command::Keep(Keep { key, value, time }) => {
                self.kept.insert(key, (value, now + time));
            }
            Command::Take(take) => self.send(now, process, Parcel::Take(take)),
            other @ (Command::Disconnect | _) => panic!("{other:?}"),
        }
    }

    /// Publishes a message, as any process may.
    pub(super) fn publish(&mut self, now: Instant, channel: &str, mut payload: Payload<'static>) {
        self.log.push((channel.to_owned(), payload.clone()));
        if channel.contains(":i:")
            && let Some(before) = self.swallows
        {
            self.swallows = before.checked_sub(1);
            if before == 0 {
                return;
            }
        }
        if let Payload::Entry(entry) = &mut payload {
            self.added += 1;
            entry.id = Some(entry_id(self.added));
            self.entries.push(entry.clone());
        }
        let processes: Vec<_> = self.subscriptions.keys().copied().collect();
        for process in processes {
            let all = self.subscriptions[&process].clone();
            for subscription in &all {
                if matches(subscription, channel, &payload) {
                    let message = Parcel::Message(channel.to_owned(), payload.clone());
                    self.send(now, process, message);
                }
            }
        }
    }

    /// Gives out what it keeps, with the entries of the stream up to where the process read it.
    fn take(&mut self, now: Instant, process: usize, take: &Take) -> Option<Taken> {
        let (value, until) = self.kept.remove(&take.key)?;
        let read = self.read.get(&process).copied()?;
        let is_there = self.entries.iter().any(|entry| entry.id == Some(take.after));
        if until <= now || !is_there || read < take.after {
            return None;
        }
        let is_missed = |entry: &&Entry<'_>| entry.id > Some(take.after) && entry.id <= Some(read);
        let entries: Vec<_> = self.entries.iter().filter(is_missed).cloned().collect();
        (entries.len() <= take.entries).then_some(Taken { value, entries, until: read })
    }

    fn send(&mut self, now: Instant, process: usize, parcel: Parcel) {
        let Faults { loses, repeats, delay, reorders, confirms } = self.faults;
        let mut copies = VecDeque::from([parcel]);
        let mut due = now;
        if let Some(Parcel::Message(channel, payload)) = copies.front() {
            let (channel, payload) = (channel.clone(), payload.clone());
            if self.chance(loses) {
                return;
            }
            if self.chance(repeats) {
                copies.push_back(Parcel::Message(channel.clone(), payload));
            }
            let delay = if delay == 0 { 0 } else { self.draw() % delay };
            let overtakes = self.chance(reorders);
            let last = self.last.entry((process, channel)).or_insert(now);
            due = now + Duration::from_millis(delay);
            if !overtakes {
                due = due.max(*last);
                *last = due;
            }
        } else if let Some(Parcel::Subscribed(_)) = copies.front() {
            due = now + Duration::from_millis(confirms);
        }
        for parcel in copies {
            self.sent += 1;
            self.mail.insert((due, self.sent), (process, parcel));
        }
    }

    fn chance(&mut self, of_a_hundred: u64) -> bool {
        of_a_hundred > 0 && self.draw() % 100 < of_a_hundred
    }

    pub(super) fn draw(&mut self) -> u64 {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        self.random >> 8
    }
}

fn entry_id(number: u64) -> EntryId {
    EntryId { millis: 1000, number }
}

fn matches(subscription: &Subscription, channel: &str, payload: &Payload<'_>) -> bool {
    let is_entry = matches!(payload, Payload::Entry(_));
    match subscription {
        Subscription::Counted(name) | Subscription::Exact(name) => !is_entry && name == channel,
        Subscription::Pattern(pattern) => {
            let prefix = pattern.strip_suffix('*').expect("it ends so").replace('\\', "");
            !is_entry && channel.starts_with(&prefix)
        }
        Subscription::Stream(name) => is_entry && name == channel,
    }
}
