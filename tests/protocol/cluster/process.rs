//! A process: shards with clients, and a node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::cluster::bus::{Format, Found, Handshake, Home, Report, To};
use sansocket::cluster::{
    BusCounts, Destination, Message, Node, NodeConfig, NodeEvent, NodeStatus, Outcome, Question,
};
use sansocket::{
    Answer, Args, ArgsRef, Config, Event, Fields, Headers, Link, Method, Request, RequestContext,
    Server, Shard, Socket, Target, Transmit, Verdict,
};

pub(super) struct Process {
    pub(super) node: Node,
    pub(super) shards: Vec<Server>,
    clients: Vec<Client>,
    /// Whether it runs: one that hangs does nothing.
    pub(super) hangs: bool,
    /// Whether a bridge takes what the node has for shards and host.
    pub(super) is_bridged: bool,
    /// When it tries to connect next, unless it is connected.
    pub(super) attempt: Option<Instant>,
    pub(super) statuses: Vec<NodeStatus>,
    /// Where others said that they listen, and which of them went.
    pub(super) homes: Vec<(Box<str>, Option<Home>)>,
    outcomes: BTreeMap<u64, Outcome>,
    numbers: Vec<Question>,
    acks: Vec<Answer>,
    /// What it replies to events of other processes, and those that came.
    pub(super) reply: Option<&'static str>,
    pub(super) server_events: Vec<String>,
}

struct Client {
    shard: usize,
    link: Link,
    socket: Socket,
    id: String,
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
    pub(super) fn new(config: NodeConfig, seed: u8, shards: u16, now: Instant) -> Self {
        let server = Arc::new(Config::default());
        let format = config.format;
        let mut node = Node::new(config, server.clone(), shards, [seed; 32], now);
        node.open(now, "/");
        let shard = |index| {
            let shard = Shard { index, count: shards };
            let mut server = Server::new(server.clone(), shard, [seed; 32], now);
            server.join_cluster(format);
            server
        };
        Self {
            node,
            shards: (0..shards).map(shard).collect(),
            clients: Vec::new(),
            hangs: false,
            is_bridged: false,
            attempt: Some(now),
            statuses: Vec::new(),
            homes: Vec::new(),
            outcomes: BTreeMap::new(),
            numbers: Vec::new(),
            acks: Vec::new(),
            reply: None,
            server_events: Vec::new(),
        }
    }

    /// Connects a client to a namespace, on one shard after the other, and returns its number.
    pub(super) fn connect(&mut self, now: Instant, namespace: &str) -> usize {
        let shard = self.clients.len() % self.shards.len();
        let server = &mut self.shards[shard];
        let target = "/socket.io/?EIO=4&transport=websocket";
        let request = Request::new(Method::Get, target, Fields::host(&Asked));
        let verdict = server.handle_request(now, request, RequestContext::default());
        let Verdict::Upgrade { link: Some(link), .. } = verdict else { panic!("{verdict:?}") };
        server.handle_message(now, link, sansocket::Message::Text(&format!("40{namespace},")));
        let Some(Event::Connect { socket, id, .. }) = server.poll_event() else {
            panic!("nobody asks to join")
        };
        server.admit(now, socket).expect("it waits");
        self.clients.push(Client { shard, link, socket, id: id.to_string() });
        let client = self.clients.len() - 1;
        self.frames(client);
        client
    }

    pub(super) fn id(&self, client: usize) -> String {
        self.clients[client].id.clone()
    }

    pub(super) fn join(&mut self, client: usize, room: &str) {
        let Client { shard, socket, .. } = self.clients[client];
        self.shards[shard].socket(socket).expect("it is there").join(room).expect("a room");
    }

    pub(super) fn leave(&mut self, client: usize, room: &str) {
        let Client { shard, socket, .. } = self.clients[client];
        self.shards[shard].socket(socket).expect("it is there").leave(room);
    }

    /// The rooms of a client.
    pub(super) fn rooms(&mut self, client: usize) -> Vec<String> {
        let Client { shard, socket, .. } = self.clients[client];
        let Some(socket) = self.shards[shard].socket(socket) else { return Vec::new() };
        let mut rooms: Vec<_> = socket.rooms().map(str::to_owned).collect();
        rooms.sort();
        rooms
    }

    /// A client sends a message.
    pub(super) fn hear(&mut self, now: Instant, client: usize, text: &str) {
        let Client { shard, link, .. } = self.clients[client];
        self.shards[shard].handle_message(now, link, sansocket::Message::Text(text));
    }

    /// What a client was sent since it was asked for last, without pings.
    pub(super) fn frames(&mut self, client: usize) -> Vec<String> {
        let Client { shard, link, .. } = self.clients[client];
        let server = &mut self.shards[shard];
        let frames = std::iter::from_fn(|| server.poll_transmit(link)).map(|frame| match frame {
            Transmit::Frame(frame) if frame.is_text() => {
                String::from_utf8(frame.payload().to_vec()).expect("text frames are text")
            }
            Transmit::Frame(frame) => format!("b{:?}", frame.payload()),
            Transmit::Close(_) => "close".into(),
            Transmit::Response(response) => panic!("{response:?} on a WebSocket"),
        });
        let frames: Vec<_> = frames.filter(|frame| !frame.starts_with('0')).collect();
        frames.into_iter().filter(|frame| frame != "2").collect()
    }

    /// Sends an event, by the shard of a client or the first.
    pub(super) fn emit(&mut self, rooms: &[&str], except: &[&str], name: &str, json: &str) {
        let to = Target { rooms, except, ..Target::namespace("/") };
        let sent = self.shards[0].broadcast(&to, name, ArgsRef::from_valid(json, &[]));
        sent.expect("it is sent");
    }

    /// Asks for acknowledgements.
    pub(super) fn ask(&mut self, now: Instant, rooms: &[&str], timeout: Duration) {
        let to = Target { rooms, ..Target::namespace("/") };
        let args = ArgsRef::from_valid("[1]", &[]);
        self.shards[0].broadcast_with_ack(now, &to, "q", args, timeout).expect("it is sent");
    }

    /// The acknowledgements that came, as JSON, and how many are missing when that is known.
    pub(super) fn acks(&mut self) -> (Vec<String>, Option<u32>) {
        let mut done = None;
        let mut all = Vec::new();
        for answer in std::mem::take(&mut self.acks) {
            match answer {
                Answer::Args(args) => all.push(args.json().to_owned()),
                Answer::Done { missing } => done = Some(missing),
                other @ (Answer::Disconnected | Answer::TimedOut | _) => panic!("{other:?}"),
            }
        }
        all.sort();
        (all, done)
    }

    /// Remembers a question, for its outcome.
    pub(super) fn await_outcome(&mut self, question: Question) -> usize {
        self.numbers.push(question);
        self.numbers.len() - 1
    }

    pub(super) fn outcome(&mut self, number: usize) -> Option<Outcome> {
        self.outcomes.remove(&key(self.numbers[number]))
    }

    pub(super) fn counts(&self) -> BusCounts {
        self.node.counts()
    }

    /// Carries messages between shards and the node, and does what an application would.
    pub(super) fn run(&mut self, now: Instant) {
        if self.is_bridged {
            return;
        }
        loop {
            let mut idle = true;
            for shard in 0..self.shards.len() {
                while let Some(output) = self.shards[shard].poll_peer() {
                    idle = false;
                    self.carry(now, shard, output.to, &output.message);
                }
                while let Some(event) = self.shards[shard].poll_event() {
                    if let Event::Ack { answer, .. } = event {
                        self.acks.push(answer);
                    }
                }
                while self.shards[shard].poll_link().is_some() {}
            }
            while let Some(output) = self.node.poll_shard() {
                idle = false;
                self.carry(now, usize::MAX, output.to, &output.message);
            }
            while let Some(event) = self.node.poll_event() {
                idle = false;
                self.handle(now, event);
            }
            if idle {
                return;
            }
        }
    }

    fn carry(&mut self, now: Instant, from: usize, to: Destination, message: &Message) {
        match to {
            Destination::Node => self.node.handle_shard(now, message),
            Destination::Shard(shard) => self.shards[usize::from(shard)].handle_peer(now, message),
            Destination::Everyone => {
                for (shard, server) in self.shards.iter_mut().enumerate() {
                    if shard != from {
                        server.handle_peer(now, message);
                    }
                }
            }
        }
    }

    fn handle(&mut self, now: Instant, event: NodeEvent) {
        match event {
            NodeEvent::Answered { question, outcome } => {
                self.outcomes.insert(key(question), outcome);
            }
            NodeEvent::Fetch { namespace, to, token, .. } => {
                let found = self.find(&namespace, &to);
                self.node.answer(now, token, Report::Found(found));
            }
            NodeEvent::Rooms { namespace, token } => {
                let rooms = self.shards.iter().flat_map(|server| server.rooms(&namespace));
                let rooms = rooms.map(|(name, _)| Box::from(name)).collect();
                self.node.answer(now, token, Report::Rooms(rooms));
            }
            NodeEvent::ServerEvent { event, token, .. } => {
                self.server_events.push(format!("{}{}", event.name(), event.json()));
                if let (Some(token), Some(reply)) = (token, self.reply) {
                    let args = Args::from_json(reply, Vec::new()).expect("an array");
                    self.node.answer(now, token, Report::Replied(args));
                }
            }
            NodeEvent::Status(status) => self.statuses.push(status),
            NodeEvent::Home { node, home } => self.homes.push((node, home)),
            other => panic!("{other:?}"),
        }
    }

    fn find(&mut self, namespace: &str, to: &To) -> Vec<Found> {
        let (rooms, except): (Vec<&str>, Vec<&str>) =
            (to.rooms.iter().map(|r| &**r).collect(), to.except.iter().map(|r| &**r).collect());
        let target = Target { rooms: &rooms, except: &except, ..Target::namespace(namespace) };
        let mut found = Vec::new();
        for server in &mut self.shards {
            let members: Vec<_> = server.members(&target).collect();
            for member in members {
                let socket = server.socket(member).expect("it is there");
                let id: Box<str> = socket.id().expect("it has one").as_str().into();
                let rooms = socket.rooms().map(Box::from).collect();
                let headers = r#"{"cookie":"secret","X-Kept":"yes"}"#.into();
                let auth = r#"{"token":"t"}"#.into();
                let handshake = Handshake { auth, headers, ..Handshake::default() };
                let data = Args::from_json("[7]", Vec::new()).expect("an array");
                found.push(Found { id, rooms, data, handshake });
            }
        }
        found
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        let shards = self.shards.iter().filter_map(Server::poll_timeout);
        shards.chain(self.node.poll_timeout()).chain(self.attempt).min()
    }

    pub(super) fn expire(&mut self, now: Instant) {
        self.shards.iter_mut().for_each(|server| server.handle_timeout(now));
        self.node.handle_timeout(now);
    }

    /// Answers the pings of its clients.
    pub(super) fn keep_alive(&mut self, now: Instant) {
        for Client { shard, link, .. } in &self.clients {
            self.shards[*shard].handle_message(now, *link, sansocket::Message::Text("3"));
        }
    }
}

/// A question as a key of a table.
fn key(question: Question) -> u64 {
    let text = format!("{question:?}");
    text.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}

pub(super) fn config(format: Format) -> NodeConfig {
    let mut config = NodeConfig::default();
    config.format = format;
    config.timeout = Duration::from_secs(2);
    config
}
