//! A cluster of a hundred processes with thousands of clients each, in virtual time: messages on the bus per broadcast
//! and per second without broadcasts, memory per process, and the time until a dead process is noticed.
//!
//! Debug builds have fewer clients. `cargo test --release -p tests --test memory scale:: -- --nocapture` has all of them
//! and prints the figures.

use allocation_counter::measure;
use std::collections::HashSet;
use std::time::{Duration, Instant};

use sansocket::Config;
use sansocket::cluster::bus::{Format, Payload, Subscription};
use sansocket::cluster::{Command, NodeConfig, NodeStatus};
use testbed::Process;

const NODES: usize = 100;
const CLIENTS: usize = if cfg!(debug_assertions) { 20 } else { 10_000 };

/// The nodes whose clients are in the room.
const HOSTS: usize = 3;

/// A process with one shard, as the bus knows it.
struct Member {
    process: Process,
    subscriptions: HashSet<Subscription>,
    /// Processes that left, as far as it knows, and when it noticed.
    left: Vec<Instant>,
}

/// The bus between the processes, which loses nothing and takes no time.
struct Bus {
    members: Vec<Option<Member>>,
    now: Instant,
    published: usize,
    delivered: usize,
}

impl Member {
    fn new(format: Format, seed: u8, now: Instant) -> Self {
        let mut config = NodeConfig::default();
        config.format = format;
        let mut process = Process::new(config, Config::default(), (seed, 1), now);
        process.node.handle_connected(now, None);
        Self { process, subscriptions: HashSet::new(), left: Vec::new() }
    }

    /// Carries messages between the shard and the node.
    fn carry(&mut self, now: Instant) {
        self.process.run(now);
        let has_left = |status: &NodeStatus| matches!(status, NodeStatus::Left { .. });
        let left = self.process.statuses.drain(..).filter(has_left).count();
        self.left.extend(std::iter::repeat_n(now, left));
    }

    fn hears(&self, channel: &str, payload: &Payload<'_>) -> bool {
        let is_entry = matches!(payload, Payload::Entry(_));
        self.subscriptions.iter().any(|subscription| match subscription {
            Subscription::Counted(name) | Subscription::Exact(name) => !is_entry && name == channel,
            Subscription::Pattern(pattern) => {
                !is_entry && channel.starts_with(pattern.trim_end_matches('*'))
            }
            Subscription::Stream(name) => is_entry && name == channel,
        })
    }
}

impl Bus {
    fn new(format: Format) -> Self {
        let now = Instant::now();
        let member = |n: usize| Member::new(format, u8::try_from(n + 1).expect("few"), now);
        let members = (0..NODES).map(|n| Some(member(n))).collect();
        let mut bus = Self { members, now, published: 0, delivered: 0 };
        bus.pass(Duration::from_secs(3));
        bus
    }

    /// Carries messages until there are none, without any time passing.
    fn settle(&mut self) {
        let now = self.now;
        loop {
            let mut messages = Vec::new();
            for member in self.members.iter_mut().flatten() {
                member.carry(now);
                let node = &mut member.process.node;
                while let Some(command) = node.poll_command(now) {
                    match command {
                        Command::Subscribe(subscription) => {
                            node.handle_subscribed(now, &subscription);
                            member.subscriptions.insert(subscription);
                        }
                        Command::Unsubscribe(subscription) => {
                            member.subscriptions.remove(&subscription);
                        }
                        Command::Publish { channel, payload, .. } => {
                            messages.push((channel, payload));
                        }
                        Command::Ping => node.handle_pong(now),
                        other @ (Command::Count { .. }
                        | Command::Disconnect
                        | Command::Keep(_)
                        | Command::Take(_)
                        | _) => {
                            panic!("{other:?}")
                        }
                    }
                }
            }
            if messages.is_empty() {
                return;
            }
            self.published += messages.len();
            for (channel, payload) in &messages {
                for member in self.members.iter_mut().flatten() {
                    if member.hears(channel, payload) {
                        self.delivered += 1;
                        member.process.node.handle_delivery(now, channel, payload);
                        member.carry(now);
                    }
                }
            }
        }
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        while self.now < end {
            self.now += Duration::from_millis(50);
            let now = self.now;
            for member in self.members.iter_mut().flatten() {
                let node = &mut member.process.node;
                if node.poll_timeout().is_some_and(|due| due <= now) {
                    node.handle_timeout(now);
                }
            }
            self.settle();
        }
    }

    /// Messages published and delivered since the last call.
    fn cost(&mut self) -> (usize, usize) {
        (std::mem::take(&mut self.published), std::mem::take(&mut self.delivered))
    }

    fn emit(&mut self, rooms: &[&str]) -> (usize, usize) {
        self.cost();
        let first = self.members[0].as_mut().expect("it lives");
        first.process.emit(rooms, &[], "e", "[]");
        self.settle();
        self.cost()
    }

    fn fill(&mut self) {
        let now = self.now;
        for (n, member) in self.members.iter_mut().flatten().enumerate() {
            let room = if n < HOSTS { Some("room") } else { None };
            for _ in 0..CLIENTS {
                member.process.connect_unknown(now, room);
            }
        }
        self.settle();
    }
}

#[test]
fn a_broadcast_is_one_message_and_reaches_each_process_once() {
    for format in
        [Format::Native, Format::Python, Format::Classic, Format::Sharded, Format::Streams]
    {
        let mut bus = Bus::new(format);
        bus.fill();
        let (everyone, room) = (bus.emit(&[]), bus.emit(&["room"]));
        println!("{format}: everyone {everyone:?}, a room on {HOSTS} processes {room:?}");
        assert_eq!(everyone, (1, NODES), "{format}");
        // Where rooms have channels of their own, only those with members get it.
        let hosts = if format == Format::Sharded { HOSTS } else { NODES };
        assert_eq!(room, (1, hosts), "{format}");
    }
}

#[test]
fn at_rest_a_process_sends_one_message_a_second_in_our_own_format_and_none_in_others() {
    for (format, most) in [
        (Format::Native, NODES * 10),
        (Format::Python, 0),
        (Format::Classic, 0),
        (Format::Sharded, 0),
        (Format::Streams, 0),
    ] {
        let mut bus = Bus::new(format);
        bus.cost();
        bus.pass(Duration::from_secs(10));
        let (published, delivered) = bus.cost();
        println!("{format}: {published} messages and {delivered} deliveries in 10 s");
        assert!(published <= most + most / 10, "{format}: {published}");
    }
}

#[test]
fn a_process_takes_little_memory_for_the_others_and_none_for_their_clients() {
    let (nodes, clients) =
        (i64::try_from(NODES).expect("few"), i64::try_from(CLIENTS).expect("few"));
    let mut bus = None;
    let empty = measure(|| bus = Some(Bus::new(Format::Native))).bytes_current / nodes;
    println!("a process with its shard that knows {NODES} processes: {empty} bytes");
    assert!(empty < 128 * 1024, "{empty} bytes");
    let mut bus = bus.expect("it was made");
    let each = measure(|| bus.fill()).bytes_current / nodes / clients;
    println!("each of its {CLIENTS} clients: {each} bytes");
    assert!(each < 2048, "{each} bytes");
}

#[test]
fn a_process_that_is_gone_is_noticed_within_five_seconds() {
    let mut bus = Bus::new(Format::Native);
    bus.pass(Duration::from_millis(500));
    bus.members[NODES - 1] = None;
    let gone = bus.now;
    bus.pass(Duration::from_secs(6));
    let noticed: Vec<_> = bus.members.iter().flatten().flat_map(|one| &one.left).collect();
    assert_eq!(noticed.len(), NODES - 1);
    let latest = noticed.iter().map(|at| **at - gone).max().expect("somebody noticed");
    println!("the last process noticed after {latest:?}");
    assert!(latest <= Duration::from_secs(5), "{latest:?}");
}

/// Clients that are in a room each.
const ROOMS: usize = if cfg!(debug_assertions) { 100 } else { 10_000 };

/// What they cost a process: bytes for one, and subscriptions for all.
fn cost_of_rooms(format: Format) -> (i64, usize) {
    let now = Instant::now();
    let mut process = Member::new(format, 1, now).process;
    let mut subscriptions = 0;
    let bytes = measure(|| {
        for n in 0..ROOMS {
            process.connect_unknown(now, Some(&format!("room-{n:010}")));
        }
        process.run(now);
        while let Some(command) = process.node.poll_command(now) {
            if let Command::Subscribe(subscription) = command {
                process.node.handle_subscribed(now, &subscription);
                subscriptions += 1;
            }
        }
    });
    (bytes.bytes_current / i64::try_from(ROOMS).expect("few"), subscriptions)
}

#[test]
fn rooms_with_channels_of_their_own_cost_a_subscription_and_memory_each() {
    let ((together, few), (apart, many)) =
        (cost_of_rooms(Format::Native), cost_of_rooms(Format::Sharded));
    println!("{ROOMS} rooms: {few} subscriptions, or {many} with channels of their own");
    println!("a client in a room: {together} bytes, or {apart} where that has a channel");
    assert_eq!((few, many), (2, ROOMS + 2));
    assert!(apart - together < 1024, "{apart} instead of {together}");
}
