//! A node between a host and a driver that do and bring anything: nothing panics, what waits is bounded, each question
//! has one outcome, and nothing is left over.

use arbitrary::{Result, Unstructured};
use sansocket::cluster::bus::{Detail, Entry, EntryId, Format, Payload, Report, Subscription, To};
use sansocket::cluster::{Command, Node, NodeConfig, NodeEvent, Question};
use sansocket::{Args, ArgsRef, EventMessage};
use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::host::BIRTH;

pub(super) fn run(data: &[u8]) {
    let mut input = Unstructured::new(data);
    let Ok(format) = input.choose(&FORMATS) else { return };
    let mut sim = Sim::new(*format);
    for _ in 0..200 {
        if input.is_empty() || sim.step(&mut input).is_err() {
            break;
        }
        sim.drain();
    }
    sim.end();
}

const FORMATS: [Format; 5] =
    [Format::Python, Format::Classic, Format::Sharded, Format::Streams, Format::Native];
const SPACES: [&str; 3] = ["/", "/a", "/a#b"];
const QUEUE: usize = 4096;

struct Sim {
    node: Node,
    now: Instant,
    /// What was published last, which comes back or is changed on its way.
    echoes: VecDeque<(String, Payload<'static>)>,
    subscriptions: Vec<Subscription>,
    counted: Vec<String>,
    open: HashSet<Question>,
}

impl Sim {
    fn new(format: Format) -> Self {
        let mut config = NodeConfig::default();
        config.format = format;
        config.queue = QUEUE;
        let mut node = Node::new(config, Arc::default(), 2, [7; 32], *BIRTH);
        node.open(*BIRTH, "/");
        Self {
            node,
            now: *BIRTH,
            echoes: VecDeque::new(),
            subscriptions: Vec::new(),
            counted: Vec::new(),
            open: HashSet::new(),
        }
    }

    fn step(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let (now, namespace) = (self.now, *input.choose(&SPACES)?);
        let event = || EventMessage::from_args("e", ArgsRef::NONE);
        match input.int_in_range(0..=13)? {
            0 => self.node.handle_connected(now, None),
            1 => drop(self.node.handle_lost(now, "lost")),
            2 => {
                if let Some(subscription) = self.subscriptions.pop() {
                    self.node.handle_subscribed(now, &subscription);
                }
            }
            3 => {
                let count = u64::from(input.arbitrary::<u8>()?);
                if let Some(channel) = self.counted.pop() {
                    self.node.handle_counted(now, &channel, count);
                }
            }
            4 => self.node.handle_pong(now),
            5 | 6 => self.echo(input)?,
            7 => self.garbage(input)?,
            8 => {
                self.now += Duration::from_millis(u64::from(input.arbitrary::<u16>()?) / 8);
                self.node.handle_timeout(self.now);
            }
            9 => {
                let asked = self.node.fetch(now, namespace, To::default(), Detail::Clients);
                self.open.extend(asked);
            }
            10 => self.open.extend(self.node.size(now, namespace)),
            11 => self.open.extend(self.node.server_ask(now, namespace, event())),
            12 => drop(self.node.server_emit(now, namespace, event())),
            _ => self.node.open(now, namespace),
        }
        Ok(())
    }

    /// A message comes back, perhaps with one byte changed, as if it were of another process.
    fn echo(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let Some((channel, mut payload)) = self.echoes.pop_front() else { return Ok(()) };
        let bytes = match &mut payload {
            Payload::Bytes(bytes) => bytes,
            Payload::Entry(Entry { id, uid, nsp, kind, data }) => {
                *id = input.arbitrary::<bool>()?.then_some(EntryId { millis: 1, number: 1 });
                match input.int_in_range(0..=3)? {
                    0 => uid,
                    1 => nsp,
                    2 => kind,
                    _ => data,
                }
            }
        };
        let at = usize::from(input.arbitrary::<u16>()?);
        if let Some(byte) = bytes.to_mut().get_mut(at) {
            *byte = input.arbitrary()?;
        }
        self.node.handle_delivery(self.now, &channel, &payload);
        Ok(())
    }

    /// Something comes on a channel that a process hears in some format, or that none does.
    fn garbage(&mut self, input: &mut Unstructured<'_>) -> Result<()> {
        let channels = ["socketio", "socket.io#/#", "socket.io-request#/#", "sansocket:n:/", "x"];
        let own = self.node.name();
        let channel = match input.int_in_range(0..=9)? {
            5 => "socket.io-response#/#".to_owned(),
            6 => format!("socket.io-response#/#{own}#"),
            7 => format!("socket.io#/#{own}#"),
            8 => format!("sansocket:i:{own}"),
            9 => "socket.io".to_owned(),
            at => channels[at].to_owned(),
        };
        let bytes = some(input)?;
        let payload = match channel == "socket.io" && input.arbitrary()? {
            true => Payload::Entry(entry(input, bytes)?),
            false => bytes.into(),
        };
        self.node.handle_delivery(self.now, &channel, &payload);
        Ok(())
    }

    /// Does what the node wants, and holds what it holds to.
    fn drain(&mut self) {
        while let Some(command) = self.node.poll_command(self.now) {
            match command {
                Command::Publish { channel, payload, .. } => {
                    self.echoes.push_back((channel, payload));
                    self.echoes.truncate(16);
                }
                Command::Subscribe(subscription) => self.subscriptions.push(subscription),
                Command::Count { channel } => self.counted.push(channel),
                Command::Disconnect => drop(self.node.handle_lost(self.now, "silent")),
                Command::Unsubscribe(_) | Command::Ping | _ => {}
            }
        }
        while self.node.poll_shard().is_some() {}
        while let Some(event) = self.node.poll_event() {
            match event {
                NodeEvent::Answered { question, .. } => {
                    assert!(self.open.remove(&question), "a question has one outcome");
                }
                NodeEvent::Fetch { token, .. } => {
                    self.node.answer(self.now, token, Report::Found(Vec::new()));
                }
                NodeEvent::Rooms { token, .. } => {
                    self.node.answer(self.now, token, Report::Rooms(Vec::new()));
                }
                NodeEvent::ServerEvent { token: Some(token), .. } => {
                    let none = Args::from_json("[]", Vec::new()).expect("an array");
                    self.node.answer(self.now, token, Report::Replied(none));
                }
                NodeEvent::ServerEvent { token: None, .. } | NodeEvent::Status(_) | _ => {}
            }
        }
        self.node.check();
        let counts = self.node.counts();
        assert!(counts.queued_bytes <= QUEUE as u64, "what waits is bounded");
        assert!(self.node.poll_timeout().is_none_or(|due| due >= *BIRTH));
    }

    /// After a long time every question has its outcome.
    fn end(&mut self) {
        for _ in 0..20 {
            self.now += Duration::from_secs(1);
            self.node.handle_timeout(self.now);
            self.drain();
        }
        assert!(self.open.is_empty(), "every question has an outcome");
        assert_eq!(self.node.counts().pending, 0);
        self.node.leave(self.now);
        self.drain();
        assert!(self.node.has_left());
    }
}

fn some<'i>(input: &mut Unstructured<'i>) -> Result<&'i [u8]> {
    let length = usize::from(input.arbitrary::<u8>()?).min(input.len());
    input.bytes(length)
}

/// An entry of another process, of a type that streams have or of any other.
fn entry<'i>(input: &mut Unstructured<'i>, data: &'i [u8]) -> Result<Entry<'i>> {
    let kinds = [&b"3"[..], b"4", b"5", b"6"];
    let kind = if input.arbitrary()? { *input.choose(&kinds)? } else { some(input)? };
    Ok(Entry {
        id: Some(EntryId { millis: input.arbitrary()?, number: 0 }),
        uid: b"x"[..].into(),
        nsp: input.choose(&SPACES)?.as_bytes().into(),
        kind: kind.into(),
        data: data.into(),
    })
}
