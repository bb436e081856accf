//! `cluster`: clients of several nodes are in rooms, one client emits to one room after the other, and every member
//! on every node gets every message in order.

use crate::conn::{Conn, Opening};
use crate::echo::SLICE;
use crate::options::Options;
use crate::report::Report;
use crate::window::Window;
use crate::wire::{Number, TEXT, Template};
use crate::{Result, words};
use mio::{Events, Poll};
use std::collections::VecDeque;
use std::time::Duration;

pub fn run(options: &Options) -> Result<String> {
    let mut cluster = Cluster::open(options)?;
    let mut pace = Pace::new(options, cluster.window.now());
    cluster.emit_now(pace.first)?;
    while cluster.window.is_open(!cluster.outstanding.is_empty())? {
        let complete = cluster.turn(pace.wait)?;
        match pace.interval {
            None => cluster.emit_now(complete)?,
            Some(_) => cluster.emit_due(&mut pace)?,
        }
    }
    while !cluster.outstanding.is_empty() {
        cluster.turn(SLICE)?;
        cluster.window.is_open(true)?;
    }
    let mut report = Report::new(options);
    report.number("nodes", options.nodes.len() as f64);
    report.number("rooms", options.rooms as f64);
    report.number("members", cluster.places.members() as f64);
    report.results(&cluster.window.results);
    Ok(report.line())
}

struct Cluster {
    poll: Poll,
    events: Events,
    scratch: Vec<u8>,
    places: Places,
    /// The first one sends.
    clients: Vec<Client>,
    sent: Number,
    sent_count: u64,
    /// What is sent to each room.
    requests: Vec<Template>,
    reply: Template,
    /// Broadcasts that some member has yet to get, in the order of sending.
    outstanding: VecDeque<Broadcast>,
    complete: u64,
    window: Window,
}

/// Which client is on which node and in which rooms.
#[derive(Clone, Copy)]
struct Places {
    nodes: usize,
    clients: usize,
    rooms: usize,
}

struct Client {
    conn: Conn,
    /// Its number among the clients of its node.
    place: usize,
    next: Number,
    next_count: u64,
}

struct Broadcast {
    sent: u64,
    missing: usize,
}

/// When broadcasts are sent.
struct Pace {
    /// How many are sent at the start, and then one for each that is complete.
    first: usize,
    /// Nanoseconds between two that are sent whatever comes back.
    interval: Option<f64>,
    wait: Duration,
    start: u64,
    count: u64,
}

impl Cluster {
    fn open(options: &Options) -> Result<Self> {
        let poll = Poll::new().map_err(words("epoll"))?;
        let (nodes, clients) = (options.nodes.len(), options.connections);
        if nodes == 0 || clients < nodes || clients % nodes != 0 || options.rooms == 0 {
            return Err("each --node needs the same number of clients, and there is a room".into());
        }
        let places = Places { nodes, clients, rooms: options.rooms };
        let name = |room| format!("room-{}-{room}", std::process::id());
        let opened = (0..clients).map(|index| {
            let mut opening = Opening::upgraded(options.nodes[index % nodes], index)?;
            opening.pass_over("0{", 1)?;
            opening.send("40")?;
            opening.pass_over("40{", 1)?;
            Ok(opening)
        });
        let mut opened = opened.collect::<Result<Vec<_>>>()?;
        // All join at the same time: while one did, the pings to the others would stay without an answer.
        for some in (0..places.rooms).collect::<Vec<_>>().chunks(JOINS * clients / nodes) {
            let own = |index| some.iter().filter(move |room| places.joins(index / nodes, **room));
            for (index, opening) in opened.iter_mut().enumerate() {
                for room in own(index) {
                    opening.send(&format!("420[\"join\",\"{}\"]", name(*room)))?;
                }
            }
            for (index, opening) in opened.iter_mut().enumerate() {
                opening.pass_over("430[", own(index).count())?;
            }
        }
        let mut all = Vec::with_capacity(clients);
        for (index, opening) in opened.into_iter().enumerate() {
            let conn = opening.into_conn(poll.registry(), index)?;
            let place = index / nodes;
            let mut client = Client { conn, place, next: Number::first(0), next_count: 0 };
            client.skip(places);
            all.push(client);
        }
        let payload = "x".repeat(options.size);
        let text =
            |head: String| Template::default().text(head).number().text(format!(",\"{payload}\"]"));
        let request = |room| text(format!("42[\"room-emit\",\"{}\",", name(room))).masked(TEXT);
        Ok(Self {
            poll,
            events: Events::with_capacity(1024),
            scratch: vec![0; 1 << 20],
            places,
            clients: all,
            sent: Number::first(0),
            sent_count: 0,
            requests: (0..places.rooms).map(request).collect(),
            reply: text("42[\"room-msg\",".into()).framed(TEXT),
            outstanding: VecDeque::new(),
            complete: 0,
            window: Window::open(options),
        })
    }

    /// Sends `count` broadcasts with one write.
    fn emit_now(&mut self, count: usize) -> Result<()> {
        let now = self.window.now();
        (0..count).for_each(|_| self.put(now));
        self.clients[0].conn.flush()
    }

    /// Sends the broadcasts whose time has come.
    fn emit_due(&mut self, pace: &mut Pace) -> Result<()> {
        let now = self.window.now();
        while let Some(due) = pace.due(now) {
            self.put(due);
        }
        if self.outstanding.len() > BACKLOG {
            return Err("the nodes cannot keep this rate".into());
        }
        self.clients[0].conn.flush()
    }

    fn put(&mut self, sent: u64) {
        let room = self.sent_count as usize % self.places.rooms;
        self.requests[room].put(&self.sent, &mut self.clients[0].conn.out);
        self.sent.advance();
        self.sent_count += 1;
        self.outstanding.push_back(Broadcast { sent, missing: self.places.members() });
    }

    /// Handles the streams that are ready and returns how many broadcasts became complete.
    fn turn(&mut self, wait: Duration) -> Result<usize> {
        self.poll.poll(&mut self.events, Some(wait)).map_err(words("epoll"))?;
        for event in &self.events {
            let index = event.token().0;
            let client = &mut self.clients[index];
            while let Some(mut bytes) = client.conn.read(&mut self.scratch)? {
                let (now, read) = (self.window.now(), bytes.len());
                while let Some((nth, rest)) = client
                    .take(&mut self.reply, self.places, bytes)
                    .map_err(|e| format!("client {index}: {e}"))?
                {
                    let at = nth.checked_sub(self.complete).ok_or("a message came twice")?;
                    let broadcast = self.outstanding.get_mut(at as usize);
                    let broadcast = broadcast.ok_or("a message never sent")?;
                    broadcast.missing -= 1;
                    self.window.came(now, broadcast.sent, 1);
                    bytes = rest;
                }
                if read < self.scratch.len() && !event.is_read_closed() {
                    break;
                }
            }
            client.conn.flush()?;
        }
        let before = self.complete;
        while self.outstanding.front().is_some_and(|broadcast| broadcast.missing == 0) {
            self.outstanding.pop_front();
            self.complete += 1;
        }
        Ok((self.complete - before) as usize)
    }
}

impl Places {
    /// Everybody is in an only room; of several, each has one client of every node.
    fn joins(self, place: usize, room: usize) -> bool {
        self.rooms == 1 || room % (self.clients / self.nodes) == place
    }

    /// Clients in a room.
    fn members(self) -> usize {
        if self.rooms == 1 { self.clients } else { self.nodes }
    }
}

impl Client {
    /// The first message in `bytes` and what is behind it; `None` when it is incomplete.
    fn take<'a>(
        &mut self,
        reply: &mut Template,
        places: Places,
        mut bytes: &'a [u8],
    ) -> Result<Option<(u64, &'a [u8])>> {
        let expected = reply.with(&self.next);
        while !bytes.starts_with(expected) {
            let end = if expected.starts_with(bytes) {
                None
            } else {
                self.conn.aside(bytes, expected)?
            };
            let Some(end) = end else {
                self.conn.keep(bytes);
                return Ok(None);
            };
            bytes = &bytes[end..];
        }
        let (nth, rest) = (self.next_count, &bytes[expected.len()..]);
        self.advance();
        self.skip(places);
        Ok(Some((nth, rest)))
    }

    fn advance(&mut self) {
        self.next.advance();
        self.next_count += 1;
    }

    /// Moves on to the next message to a room of this client.
    fn skip(&mut self, places: Places) {
        while !places.joins(self.place, self.next_count as usize % places.rooms) {
            self.advance();
        }
    }
}

impl Pace {
    fn new(options: &Options, start: u64) -> Self {
        let paced = options.rate != 0;
        Self {
            first: if paced { 0 } else { options.in_flight },
            interval: paced.then(|| 1e9 / options.rate as f64),
            wait: if paced { Duration::from_micros(200) } else { SLICE },
            start,
            count: 0,
        }
    }

    /// The intended time of the next broadcast, if it has come.
    fn due(&mut self, now: u64) -> Option<u64> {
        let due = self.start + (self.count as f64 * self.interval?) as u64;
        (due <= now).then(|| self.count += 1)?;
        Some(due)
    }
}

/// Rooms that a client joins before it waits for the answers, about.
const JOINS: usize = 16;

/// More broadcasts outstanding than this mean that the rate cannot be kept.
const BACKLOG: usize = 20_000;
