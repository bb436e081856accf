//! A cluster of a hundred processes with thousands of clients each, in virtual time: messages on the bus per broadcast
//! and per second without broadcasts, memory per process, and the time until a dead process is noticed.
//!
//! Debug builds have fewer clients. `cargo test --release -p tests --test memory scale:: -- --nocapture` has all of them
//! and prints the figures.

use allocation_counter::measure;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::cluster::bus::{Format, Payload, Subscription};
use sansocket::cluster::{Command, Node, NodeConfig, NodeEvent, NodeStatus};
use sansocket::{
    ArgsRef, Config, Event, Fields, Headers, Message, Method, Request, RequestContext, Server,
    Shard, Target, Verdict,
};

const NODES: usize = 100;
const CLIENTS: usize = if cfg!(debug_assertions) { 20 } else { 10_000 };

/// The nodes whose clients are in the room.
const HOSTS: usize = 3;

/// A process with one shard.
struct Process {
    node: Node,
    shard: Server,
    subscriptions: HashSet<Subscription>,
    /// Processes that left, as far as it knows, and when it noticed.
    left: Vec<Instant>,
}

/// The bus between the processes, which loses nothing and takes no time.
struct Bus {
    processes: Vec<Option<Process>>,
    now: Instant,
    published: usize,
    delivered: usize,
}

/// The fields of a WebSocket handshake.
struct Asked;

impl Headers for Asked {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        each("host", b"a.example");
        each("upgrade", b"websocket");
        each("connection", b"Upgrade");
        each("sec-websocket-version", b"13");
        each("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==");
    }
}

impl Process {
    fn new(format: Format, seed: u8, now: Instant) -> Self {
        let server = Arc::new(Config::default());
        let mut config = NodeConfig::default();
        config.format = format;
        let mut node = Node::new(config, server.clone(), 1, [seed; 32], now);
        node.open(now, "/");
        node.handle_connected(now, None);
        let mut shard = Server::new(server, Shard::ONLY, [seed; 32], now);
        shard.join_cluster(format);
        Self { node, shard, subscriptions: HashSet::new(), left: Vec::new() }
    }

    fn connect(&mut self, now: Instant, room: Option<&str>) {
        let target = "/socket.io/?EIO=4&transport=websocket";
        let request = Request::new(Method::Get, target, Fields::host(&Asked));
        let verdict = self.shard.handle_request(now, request, RequestContext::default());
        let Verdict::Upgrade { link: Some(link), .. } = verdict else { panic!("{verdict:?}") };
        self.shard.handle_message(now, link, Message::Text("40"));
        let Some(Event::Connect { socket, .. }) = self.shard.poll_event() else {
            panic!("no request to join")
        };
        self.shard.admit(now, socket).expect("a pending request");
        if let Some(room) = room {
            self.shard.socket(socket).expect("it is there").join(room).expect("a room");
        }
        while self.shard.poll_transmit(link).is_some() {}
        while self.shard.poll_link().is_some() {}
    }

    /// Carries messages between the shard and the node.
    fn carry(&mut self, now: Instant) {
        while let Some(output) = self.shard.poll_peer() {
            self.node.handle_shard(now, &output.message);
        }
        while let Some(output) = self.node.poll_shard() {
            self.shard.handle_peer(now, &output.message);
        }
        while let Some(event) = self.node.poll_event() {
            if let NodeEvent::Status(NodeStatus::Left { .. }) = event {
                self.left.push(now);
            }
        }
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
        let process = |n: usize| Process::new(format, u8::try_from(n + 1).expect("few"), now);
        let processes = (0..NODES).map(|n| Some(process(n))).collect();
        let mut bus = Self { processes, now, published: 0, delivered: 0 };
        bus.pass(Duration::from_secs(3));
        bus
    }

    /// Carries messages until there are none, without any time passing.
    fn settle(&mut self) {
        let now = self.now;
        loop {
            let mut messages = Vec::new();
            for process in self.processes.iter_mut().flatten() {
                process.carry(now);
                while let Some(command) = process.node.poll_command(now) {
                    match command {
                        Command::Subscribe(subscription) => {
                            process.node.handle_subscribed(now, &subscription);
                            process.subscriptions.insert(subscription);
                        }
                        Command::Unsubscribe(subscription) => {
                            process.subscriptions.remove(&subscription);
                        }
                        Command::Publish { channel, payload, .. } => {
                            messages.push((channel, payload));
                        }
                        Command::Ping => process.node.handle_pong(now),
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
                for process in self.processes.iter_mut().flatten() {
                    if process.hears(channel, payload) {
                        self.delivered += 1;
                        process.node.handle_delivery(now, channel, payload);
                        process.carry(now);
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
            for process in self.processes.iter_mut().flatten() {
                if process.node.poll_timeout().is_some_and(|due| due <= now) {
                    process.node.handle_timeout(now);
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
        let first = self.processes[0].as_mut().expect("it lives");
        let to = Target { rooms, ..Target::namespace("/") };
        first.shard.broadcast(&to, "e", ArgsRef::NONE).expect("it is sent");
        self.settle();
        self.cost()
    }

    fn fill(&mut self) {
        let now = self.now;
        for (n, process) in self.processes.iter_mut().flatten().enumerate() {
            let room = if n < HOSTS { Some("room") } else { None };
            for _ in 0..CLIENTS {
                process.connect(now, room);
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
    bus.processes[NODES - 1] = None;
    let gone = bus.now;
    bus.pass(Duration::from_secs(6));
    let noticed: Vec<_> = bus.processes.iter().flatten().flat_map(|one| &one.left).collect();
    assert_eq!(noticed.len(), NODES - 1);
    let latest = noticed.iter().map(|at| **at - gone).max().expect("somebody noticed");
    println!("the last process noticed after {latest:?}");
    assert!(latest <= Duration::from_secs(5), "{latest:?}");
}
