//! A client and a server whose streams are delayed, cut in pieces and torn: while a namespace is joined all
//! events arrive once and in order, both ways, what waits goes on with the next session, and in the end
//! both are empty.

use arbitrary::{Result, Unstructured};
use sansocket::client::{self, Transport};
use sansocket::{ArgsRef, Counts, Event, Socket};
use std::collections::BTreeMap;
use std::time::Duration;
use testbed::pair::Pair;

pub(super) fn run(data: &[u8]) {
    // The last byte chooses the settings, so that the steps stay what they are.
    let (steps, choice) = data.split_last_chunk().unwrap_or((data, &[0; 1]));
    let mut play = Play::new(choice[0]);
    let mut input = Unstructured::new(steps);
    for _ in 0..MAX_STEPS {
        if input.is_empty() || play.step(&mut input).is_err() {
            break;
        }
        play.hear();
    }
    play.end();
}

const MAX_STEPS: usize = 150;

const NAMES: [&str; 2] = ["/", "/a"];

struct Play {
    pair: Pair,
    /// Numbers of the events that the client sent, by namespace.
    sent: BTreeMap<String, u32>,
    /// The number of the last event that the server got, by namespace.
    got: BTreeMap<String, u32>,
    /// Clients that the server admitted: their namespace, how many of them there were before, the number of
    /// the last event that each sent, and how many were sent to it.
    members: BTreeMap<Socket, Member>,
    order: usize,
    /// What the client got since it joined: whose events, and how many.
    visits: BTreeMap<client::Namespace, (Option<usize>, u32)>,
}

struct Member {
    namespace: String,
    order: usize,
    last: Option<u32>,
    told: u32,
    here: bool,
}

impl Play {
    fn new(choice: u8) -> Self {
        let client = |config: &mut client::Config| {
            config.transports = match choice & 3 {
                0 | 3 => vec![Transport::Polling, Transport::WebSocket],
                1 => vec![Transport::WebSocket],
                _ => vec![Transport::Polling],
            };
            config.remember_upgrade = choice & 4 != 0;
            config.limits.packets_per_poll = if choice & 8 != 0 { 1 } else { 16 };
            config.limits.low_water = if choice & 16 != 0 { 1 } else { 65_536 };
        };
        let server = |config: &mut sansocket::Config| {
            config.limits.packets_per_poll = if choice & 32 != 0 { 1 } else { 16 };
            if choice & 64 != 0 {
                config.ping_interval = Duration::from_secs(2);
                config.ping_timeout = Duration::from_secs(3);
            }
        };
        Self {
            pair: Pair::new(client, server),
            sent: BTreeMap::new(),
            got: BTreeMap::new(),
            members: BTreeMap::new(),
            order: 0,
            visits: BTreeMap::new(),
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let at = match self.pair.streams() {
            0 => 0,
            streams => input.int_in_range(0..=streams - 1)?,
        };
        match input.int_in_range(0..=11)? {
            0 => self.on(input.choose(&NAMES)?, |mut socket| socket.join()),
            1 => {
                if input.ratio(1, 3)? {
                    self.on(input.choose(&NAMES)?, |mut socket| socket.leave());
                }
            }
            2 | 3 => self.emit(input.choose(&NAMES)?),
            4 | 5 => self.tell(input)?,
            6 => self.pair.open(at),
            7 | 8 => {
                let many = [1, 30, 300, usize::MAX];
                let (up, down) = (*input.choose(&many)?, *input.choose(&many)?);
                self.pair.carry(at, up, down);
            }
            9 => {
                if input.arbitrary()? {
                    self.pair.tear(at);
                } else {
                    self.pair.cut(at);
                }
            }
            10 => self.pair.settle(),
            _ => {
                let time = Duration::from_millis(input.int_in_range(0..=30_000)?);
                if input.arbitrary()? {
                    self.pair.jump(time);
                } else {
                    self.pair.advance(time);
                }
            }
        }
        Ok(())
    }

    fn on(&mut self, name: &str, act: impl FnOnce(client::SocketMut<'_>)) {
        let namespace = self.pair.client.namespace(name).expect("a name");
        act(self.pair.client.socket(self.pair.now, namespace).expect("it is there"));
        self.pair.run();
    }

    /// The client sends an event.
    fn emit(&mut self, name: &str) {
        let n = self.sent.entry(name.to_owned()).or_default();
        *n += 1;
        let args = format!("[{n}]");
        self.on(name, |mut socket| {
            socket.emit("up", ArgsRef::from_valid(&args, &[])).expect("it fits");
        });
    }

    /// The server sends an event to a client.
    fn tell(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let here: Vec<Socket> =
            self.members.iter().filter(|(_, it)| it.here).map(|(&socket, _)| socket).collect();
        if here.is_empty() {
            return Ok(());
        }
        let socket = *input.choose(&here)?;
        let Some(member) = self.members.get_mut(&socket) else { return Ok(()) };
        let args = format!("[{},{}]", member.order, member.told);
        if let Some(mut socket) = self.pair.server.socket(socket) {
            socket.emit("down", ArgsRef::from_valid(&args, &[])).expect("it reads");
            member.told += 1;
        }
        self.pair.run();
        Ok(())
    }

    fn hear(&mut self) {
        self.hear_server();
        self.hear_client();
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not about members")]
    fn hear_server(&mut self) {
        for event in std::mem::take(&mut self.pair.served) {
            match event {
                Event::Connect { socket, namespace, .. } => {
                    let namespace = namespace.to_string();
                    let order = self.order;
                    self.order += 1;
                    let member = Member { namespace, order, last: None, told: 0, here: true };
                    self.members.insert(socket, member);
                }
                Event::Disconnect { socket, .. } => {
                    if let Some(member) = self.members.get_mut(&socket) {
                        member.here = false;
                    }
                }
                Event::Message { socket, message, .. } => {
                    let n: u32 = number(message.json());
                    let member = self.members.get_mut(&socket).expect("it was admitted");
                    if let Some(last) = member.last.replace(n) {
                        assert_eq!(n, last + 1, "within a visit nothing is lost");
                    }
                    let before = self.got.insert(member.namespace.clone(), n);
                    assert!(before.is_none_or(|before| before < n), "{before:?}, then {n}");
                }
                _ => {}
            }
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is not about visits")]
    fn hear_client(&mut self) {
        for event in std::mem::take(&mut self.pair.heard) {
            match event {
                client::Event::Connected { namespace, .. } => {
                    self.visits.insert(namespace, (None, 0));
                }
                client::Event::Message { namespace, message, .. } => {
                    let (order, n) = message.json().split_once(',').expect("two numbers");
                    let (order, n) = (number(order), number::<u32>(n));
                    let (whose, count) = self.visits.get_mut(&namespace).expect("it is joined");
                    assert_eq!(*whose.get_or_insert(order), order, "an event of another visit");
                    assert_eq!(n, *count, "within a visit nothing is lost");
                    *count += 1;
                }
                client::Event::Disconnected { namespace, .. } => {
                    self.visits.remove(&namespace);
                }
                _ => {}
            }
        }
    }

    /// All namespaces are joined on streams that work, then left.
    fn end(&mut self) {
        for name in NAMES {
            self.on(name, |mut socket| socket.join());
        }
        self.pair.advance(Duration::from_secs(120));
        self.hear();
        for name in NAMES {
            self.emit(name);
        }
        self.pair.settle();
        self.hear();
        assert_eq!(self.got, self.sent, "the last event arrives");
        self.pair.client.close(self.pair.now);
        self.pair.advance(Duration::from_secs(200));
        self.hear();
        assert!(self.pair.client.is_idle() && self.pair.streams() == 0);
        assert_eq!(self.pair.client.poll_timeout(), None);
        assert_eq!(self.pair.server.counts(), Counts::default(), "something is left");
    }
}

fn number<T: std::str::FromStr<Err: std::fmt::Debug>>(text: &str) -> T {
    text.trim_matches(['[', ']']).parse().expect("a number")
}
