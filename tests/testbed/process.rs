//! A process of a cluster: shards with clients, and a node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::cluster::bus::{Found, Handshake, Home, Report, To};
use sansocket::cluster::{
    BusCounts, Destination, Message, Node, NodeConfig, NodeEvent, NodeStatus, Outcome, Question,
};
use sansocket::{
    Answer, Args, ArgsRef, Config, Event, Fields, Headers, Link, Method, Request, RequestContext,
    Server, Shard, Socket, SocketMut, Target, Transmit, Verdict,
};

/// A process of a cluster: shards with clients, and a node. Who has it carries what the node says to a broker.
#[derive(Debug)]
pub struct Process {
    /// What speaks with other processes.
    pub node: Node,
    /// Those that have clients.
    pub shards: Vec<Server>,
    clients: Vec<Client>,
    /// Whether it runs: one that hangs does nothing.
    pub hangs: bool,
    /// Whether a bridge takes what the node has for shards and host.
    pub is_bridged: bool,
    /// When it tries to connect next, unless it is connected.
    pub attempt: Option<Instant>,
    /// What a log was told.
    pub statuses: Vec<NodeStatus>,
    /// Where others said that they listen, and which of them went.
    pub homes: Vec<(Box<str>, Option<Home>)>,
    outcomes: BTreeMap<u64, Outcome>,
    numbers: Vec<Question>,
    acks: Vec<Answer>,
    /// What it replies to events of other processes.
    pub reply: Option<&'static str>,
    /// Those that came.
    pub server_events: Vec<String>,
    /// Clients that ask to join: their shards, sockets and ids.
    arrived: Vec<(usize, Socket, String)>,
    /// How often the application was handed back what it kept for a client that will not come back.
    pub forgotten: usize,
}

#[derive(Debug)]
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
    /// Makes a process with a seed and so many shards, in the namespace `/`.
    #[must_use]
    pub fn new(
        config: NodeConfig,
        server: Config,
        (seed, shards): (u8, u16),
        now: Instant,
    ) -> Self {
        let server = Arc::new(server);
        let mut node = Node::new(config.clone(), server.clone(), shards, [seed; 32], now);
        node.open(now, "/");
        let shard = |index| {
            let shard = Shard { index, count: shards };
            let mut server = Server::new(server.clone(), shard, [seed; 32], now);
            server.join_cluster(&config);
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
            arrived: Vec::new(),
            forgotten: 0,
        }
    }

    /// Opens a connection on one shard after the other, and asks to join with what the client says of itself.
    ///
    /// # Panics
    /// As all methods, when the process does something else than it should.
    pub fn knock(&mut self, now: Instant, auth: &str) -> (usize, Link) {
        let shard = self.clients.len() % self.shards.len();
        let link = self.open(now, shard);
        let text = format!("40{auth}");
        self.shards[shard].handle_message(now, link, sansocket::Message::Text(&text));
        (shard, link)
    }

    /// Whether a client asks to join, as far as the application knows.
    #[must_use]
    pub fn has_arrived(&self) -> bool {
        !self.arrived.is_empty()
    }

    /// Admits the client that knocked; returns its number.
    pub fn admit(&mut self, now: Instant, knock: (usize, Link)) -> usize {
        self.try_admit(now, knock).expect("it waits")
    }

    /// The same for one that may have to start anew.
    pub fn try_admit(&mut self, now: Instant, (shard, link): (usize, Link)) -> Option<usize> {
        let at = self.arrived.iter().position(|(at, ..)| *at == shard).expect("it asks to join");
        let (_, socket, id) = self.arrived.remove(at);
        self.shards[shard].admit(now, socket).ok()?;
        self.clients.push(Client { shard, link, socket, id });
        Some(self.clients.len() - 1)
    }

    /// The connection of a client is lost.
    pub fn lose(&mut self, now: Instant, client: usize) {
        let Client { shard, link, .. } = self.clients[client];
        self.shards[shard].handle_closed(now, link);
    }

    /// Returns the socket of a client.
    pub fn socket(&mut self, client: usize) -> SocketMut<'_> {
        let Client { shard, socket, .. } = self.clients[client];
        self.shards[shard].socket(socket).expect("it is there")
    }

    /// Connects a client to a namespace, on one shard after the other, and returns its number.
    pub fn connect(&mut self, now: Instant, namespace: &str) -> usize {
        let shard = self.clients.len() % self.shards.len();
        let client = self.begin(now, shard, namespace);
        self.clients.push(client);
        self.clients.len() - 1
    }

    /// Connects a client to `/` and a room on the first shard, of which only that knows.
    pub fn connect_unknown(&mut self, now: Instant, room: Option<&str>) {
        let Client { shard, socket, .. } = self.begin(now, 0, "/");
        room.into_iter().for_each(|room| self.enter(shard, socket, room));
    }

    fn begin(&mut self, now: Instant, shard: usize, namespace: &str) -> Client {
        let link = self.open(now, shard);
        let server = &mut self.shards[shard];
        server.handle_message(now, link, sansocket::Message::Text(&format!("40{namespace},")));
        let Some(Event::Connect { socket, id, .. }) = server.poll_event() else {
            panic!("nobody asks to join")
        };
        server.admit(now, socket).expect("it waits");
        let client = Client { shard, link, socket, id: id.to_string() };
        frames(&mut self.shards[client.shard], client.link);
        client
    }

    fn open(&mut self, now: Instant, shard: usize) -> Link {
        let server = &mut self.shards[shard];
        let target = "/socket.io/?EIO=4&transport=websocket";
        let request = Request::new(Method::Get, target, Fields::host(&Asked));
        let verdict = server.handle_request(now, request, RequestContext::default());
        let Verdict::Upgrade { link: Some(link), .. } = verdict else { panic!("{verdict:?}") };
        link
    }

    /// Returns the id of a client.
    #[must_use]
    pub fn id(&self, client: usize) -> String {
        self.clients[client].id.clone()
    }

    /// Has a client join a room.
    pub fn join(&mut self, client: usize, room: &str) {
        let Client { shard, socket, .. } = self.clients[client];
        self.enter(shard, socket, room);
    }

    fn enter(&mut self, shard: usize, socket: Socket, room: &str) {
        self.shards[shard].socket(socket).expect("it is there").join(room).expect("a room");
    }

    /// Has a client leave a room.
    pub fn leave(&mut self, client: usize, room: &str) {
        let Client { shard, socket, .. } = self.clients[client];
        self.shards[shard].socket(socket).expect("it is there").leave(room);
    }

    /// Returns the rooms of a client.
    pub fn rooms(&mut self, client: usize) -> Vec<String> {
        let Client { shard, socket, .. } = self.clients[client];
        let Some(socket) = self.shards[shard].socket(socket) else { return Vec::new() };
        let mut rooms: Vec<_> = socket.rooms().map(str::to_owned).collect();
        rooms.sort();
        rooms
    }

    /// Takes a message of a client.
    pub fn hear(&mut self, now: Instant, client: usize, text: &str) {
        let Client { shard, link, .. } = self.clients[client];
        self.shards[shard].handle_message(now, link, sansocket::Message::Text(text));
    }

    /// Returns what a client was sent since it was asked for last, without pings.
    pub fn frames(&mut self, client: usize) -> Vec<String> {
        let Client { shard, link, .. } = self.clients[client];
        frames(&mut self.shards[shard], link)
    }

    /// Sends an event, by the shard of a client or the first.
    pub fn emit(&mut self, rooms: &[&str], except: &[&str], name: &str, json: &str) {
        let to = Target { rooms, except, ..Target::namespace("/") };
        let sent = self.shards[0].broadcast(&to, name, ArgsRef::from_valid(json, &[]));
        sent.expect("it is sent");
    }

    /// Asks for acknowledgements.
    pub fn ask(&mut self, now: Instant, rooms: &[&str], timeout: Duration) {
        let to = Target { rooms, ..Target::namespace("/") };
        let args = ArgsRef::from_valid("[1]", &[]);
        self.shards[0].broadcast_with_ack(now, &to, "q", args, timeout).expect("it is sent");
    }

    /// The acknowledgements that came, as JSON, and how many are missing when that is known.
    pub fn acks(&mut self) -> (Vec<String>, Option<u32>) {
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
    pub fn await_outcome(&mut self, question: Question) -> usize {
        self.numbers.push(question);
        self.numbers.len() - 1
    }

    /// Returns the outcome of a question, once, when it is there.
    pub fn outcome(&mut self, number: usize) -> Option<Outcome> {
        self.outcomes.remove(&key(self.numbers[number]))
    }

    /// Returns what the node counted.
    #[must_use]
    pub fn counts(&self) -> BusCounts {
        self.node.counts()
    }

    /// Carries messages between shards and the node, and does what an application would.
    pub fn run(&mut self, now: Instant) {
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
                    } else if let Event::Connect { socket, id, .. } = event {
                        self.arrived.push((shard, socket, id.to_string()));
                    } else if let Event::Forgotten { .. } = event {
                        self.forgotten += 1;
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

    /// Returns when something is due.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        let shards = self.shards.iter().filter_map(Server::poll_timeout);
        shards.chain(self.node.poll_timeout()).chain(self.attempt).min()
    }

    /// Acts on deadlines.
    pub fn expire(&mut self, now: Instant) {
        self.shards.iter_mut().for_each(|server| server.handle_timeout(now));
        self.node.handle_timeout(now);
    }

    /// Answers the pings of its clients.
    pub fn keep_alive(&mut self, now: Instant) {
        for Client { shard, link, .. } in &self.clients {
            self.shards[*shard].handle_message(now, *link, sansocket::Message::Text("3"));
        }
    }
}

/// What a client was sent, without pings.
fn frames(server: &mut Server, link: Link) -> Vec<String> {
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

/// A question as a key of a table.
fn key(question: Question) -> u64 {
    let text = format!("{question:?}");
    text.trim_matches(|c: char| !c.is_ascii_digit()).parse().expect("a number")
}
