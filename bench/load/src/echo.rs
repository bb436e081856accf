//! `echo`, `ack` and `binary`: what a connection sends comes back to it, numbered and in order. `burst`: a request is
//! answered by many events, in order.

use crate::conn::{Conn, Opening};
use crate::options::{Options, Scenario};
use crate::report::Report;
use crate::window::Window;
use crate::wire::{BINARY, Number, TEXT, Template};
use crate::{Result, words};
use mio::{Events, Poll};
use std::collections::VecDeque;
use std::time::Duration;

pub fn run(options: &Options) -> Result<String> {
    let mut run = Run::open(options)?;
    let mut paced = Pace::new(options, run.window.now());
    if options.rate == 0 {
        run.prime(options.in_flight)?;
    }
    while run.window.is_open(run.outstanding > 0)? {
        let wait = if options.rate == 0 { SLICE } else { Duration::ZERO };
        run.turn(wait, if options.rate == 0 { Refill::Yes } else { Refill::No })?;
        if options.rate != 0 {
            paced.send_due(&mut run)?;
        }
    }
    run.drain()?;
    let mut report = Report::new(options);
    report.results(&run.window.results);
    Ok(report.line())
}

/// Connections that echo.
pub struct Run {
    pub poll: Poll,
    pub peers: Vec<Peer>,
    pub window: Window,
    pub outstanding: u64,
    texts: Texts,
    events: Events,
    scratch: Vec<u8>,
}

pub struct Peer {
    conn: Conn,
    sent: Number,
    received: Number,
    /// The frame of the reply that comes next.
    part: usize,
    /// When each outstanding message was, or should have been, sent.
    times: VecDeque<u64>,
}

/// Whether a reply is followed by the next message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Refill {
    Yes,
    No,
}

impl Run {
    pub fn open(options: &Options) -> Result<Self> {
        let poll = Poll::new().map_err(words("epoll"))?;
        let mut peers = Vec::with_capacity(options.connections);
        for index in 0..options.connections {
            let opening = Opening::websocket(options, index);
            let opening = opening.map_err(|error| format!("connection {index}: {error}"))?;
            peers.push(Peer {
                conn: opening.into_conn(poll.registry(), index)?,
                sent: Number::first(index),
                received: Number::first(index),
                part: 0,
                times: VecDeque::new(),
            });
        }
        Ok(Self {
            poll,
            peers,
            window: Window::open(options),
            outstanding: 0,
            texts: Texts::new(options),
            events: Events::with_capacity(1024),
            scratch: vec![0; 1 << 20],
        })
    }

    /// Sends `count` messages on every connection.
    pub fn prime(&mut self, count: usize) -> Result<()> {
        let now = self.window.now();
        self.window.sent();
        for peer in &mut self.peers {
            for _ in 0..count {
                peer.send(&self.texts, now);
            }
            self.outstanding += count as u64;
            peer.conn.flush()?;
        }
        Ok(())
    }

    /// Handles the streams that are ready.
    pub fn turn(&mut self, wait: Duration, refill: Refill) -> Result<()> {
        self.poll.poll(&mut self.events, Some(wait)).map_err(words("epoll"))?;
        for event in &self.events {
            let index = event.token().0;
            let peer = &mut self.peers[index];
            while let Some(bytes) = peer.conn.read(&mut self.scratch)? {
                let drained = !event.is_read_closed();
                let now = self.window.now();
                let came = peer.verify(&mut self.texts, bytes, now, &mut self.window);
                let came = came.map_err(|error| format!("connection {index}: {error}"))?;
                if refill == Refill::Yes {
                    for _ in 0..came {
                        peer.send(&self.texts, now);
                    }
                } else {
                    self.outstanding -= came;
                }
                // A short read means that the socket is empty.
                if drained && bytes.len() < self.scratch.len() {
                    break;
                }
            }
            peer.conn.flush()?;
        }
        Ok(())
    }

    /// Waits for outstanding answers, and a moment longer for answers that must not come.
    pub fn drain(&mut self) -> Result<()> {
        while self.outstanding > 0 {
            self.turn(SLICE, Refill::No)?;
            self.window.patience()?;
        }
        self.turn(Duration::from_millis(20), Refill::No)
    }
}

impl Peer {
    fn send(&mut self, texts: &Texts, time: u64) {
        texts.request.put(&self.sent, &mut self.conn.out);
        self.sent.advance();
        self.times.push_back(time);
    }

    /// Checks every reply in `bytes` and returns how many are complete.
    fn verify(
        &mut self,
        texts: &mut Texts,
        mut bytes: &[u8],
        now: u64,
        window: &mut Window,
    ) -> Result<u64> {
        let mut came = 0;
        while !bytes.is_empty() {
            let expected = texts.replies[texts.chosen][self.part].with(&self.received);
            if bytes.starts_with(expected) {
                bytes = &bytes[expected.len()..];
                self.part += 1;
                if self.part < texts.replies[texts.chosen].len() {
                    continue;
                }
                self.part = 0;
                self.received.advance();
                let sent = self.times.pop_front().ok_or("a reply to nothing")?;
                window.came(now, sent, texts.events);
                came += 1;
            } else if expected.starts_with(bytes) {
                break;
            } else if !texts.choose(self.part, &self.received, bytes) {
                let expected = texts.replies[texts.chosen][self.part].with(&self.received);
                let Some(end) = self.conn.aside(bytes, expected)? else { break };
                bytes = &bytes[end..];
            }
        }
        self.conn.keep(bytes);
        Ok(came)
    }
}

/// Sends at intended times, whatever comes back.
struct Pace {
    interval: f64,
    start: u64,
    count: u64,
    touched: Vec<usize>,
}

impl Pace {
    fn new(options: &Options, now: u64) -> Self {
        Self { interval: 1e9 / options.rate as f64, start: now, count: 0, touched: Vec::new() }
    }

    fn send_due(&mut self, run: &mut Run) -> Result<()> {
        let now = run.window.now();
        loop {
            let due = self.start + (self.count as f64 * self.interval) as u64;
            if due > now {
                break;
            }
            let index = self.count as usize % run.peers.len();
            run.peers[index].send(&run.texts, due);
            run.outstanding += 1;
            self.count += 1;
            if self.touched.len() < run.peers.len() {
                self.touched.push(index);
            }
        }
        for index in self.touched.drain(..) {
            run.peers[index].conn.flush()?;
        }
        if run.outstanding > BACKLOG {
            Err("the server cannot keep this rate".into())
        } else {
            Ok(())
        }
    }
}

/// What is sent and what has to come back.
struct Texts {
    request: Template,
    /// Frames of the reply, in every form that means the same.
    replies: Vec<Vec<Template>>,
    chosen: usize,
    /// Messages that a complete reply counts for.
    events: u64,
}

impl Texts {
    fn new(options: &Options) -> Self {
        let payload = "abcdefghijklmnopqrstuvwxyz012345".chars().cycle().take(options.size);
        let payload = payload.collect::<String>();
        let tail = format!(",\"{payload}\"]");
        let new = Template::default;
        let (request, replies) = match options.scenario {
            Scenario::Ack => {
                let request = new().text("42").id().text("[\"message-with-ack\",");
                let reply = new().text("43").id().text("[").number().text(&tail);
                (vec![(TEXT, request.number().text(&tail))], vec![vec![(TEXT, reply)]])
            }
            Scenario::Binary => {
                let head = |name, hole| {
                    new().text(format!("451-[\"{name}\",")).number().text(format!(",{hole}]"))
                };
                // The attachment begins with the number too.
                let fill = (0..options.size.saturating_sub(15)).map(|i| (i % 251) as u8);
                let attachment = new().number().text(fill.collect::<Vec<_>>());
                let pair =
                    |name, hole| vec![(TEXT, head(name, hole)), (BINARY, attachment.clone())];
                let replies = HOLES.map(|hole| pair("message-back", hole)).to_vec();
                (pair("message", HOLES[0]), replies)
            }
            Scenario::Burst => {
                let request = new().text(format!("42[\"burst\",{}]", options.burst));
                let event = |i| (TEXT, new().text(format!("42[\"seq\",{i}]")));
                (vec![(TEXT, request)], vec![(0..options.burst).map(event).collect()])
            }
            Scenario::Broadcast
            | Scenario::Cluster
            | Scenario::Connect
            | Scenario::Echo
            | Scenario::Idle
            | Scenario::Polling
            | Scenario::Sessions => {
                let message = |name| new().text(format!("42[\"{name}\",")).number().text(&tail);
                (vec![(TEXT, message("message"))], vec![vec![(TEXT, message("message-back"))]])
            }
        };
        let replies = if options.floor { vec![request.clone()] } else { replies };
        let framed = |(opcode, text): (u8, Template)| text.framed(opcode);
        let whole = request.into_iter().map(|(opcode, text)| text.masked(opcode));
        Self {
            request: whole.reduce(|all, next| all.then(&next)).expect("at least one frame"),
            replies: replies.into_iter().map(|all| all.into_iter().map(framed).collect()).collect(),
            chosen: 0,
            events: if options.scenario == Scenario::Burst { options.burst as u64 } else { 1 },
        }
    }

    /// Whether another form of the reply is what came; it is expected from now on.
    fn choose(&mut self, part: usize, number: &Number, bytes: &[u8]) -> bool {
        let found =
            self.replies.iter_mut().position(|reply| bytes.starts_with(reply[part].with(number)));
        self.chosen = found.unwrap_or(self.chosen);
        found.is_some()
    }
}

const HOLES: [&str; 2] = [r#"{"_placeholder":true,"num":0}"#, r#"{"num":0,"_placeholder":true}"#];

/// More messages outstanding than this mean that the rate cannot be kept.
const BACKLOG: u64 = 2_000_000;

pub const SLICE: Duration = Duration::from_millis(50);
