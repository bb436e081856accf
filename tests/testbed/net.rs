//! The network: connections, shards, and the loop that a binding would run.

use std::collections::{HashMap, VecDeque};
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::cluster::{Destination, Message};
use sansocket::{
    Config, Conn, Feed as _, Fields, Inbound, Limits, Link, Method, Request, RequestContext,
    Server, Shard, Sid, StandsFor, Usage,
};

use crate::app::App;
use crate::http::NO_FIELDS;
use crate::trace::Trace;

/// Everything there is.
pub(crate) struct World {
    pub(crate) birth: Instant,
    pub(crate) now: Instant,
    pub(crate) shards: Vec<Server>,
    pub(crate) app: App,
    pub(crate) trace: Trace,
    /// Bytes per read; all there is when zero.
    pub(crate) chunk: usize,
    /// Whether messages between shards wait.
    pub(crate) mail_held: bool,
    /// Where the next handshake goes.
    pub(crate) next_shard: usize,
    /// Where the next connections come from.
    pub(crate) peer: Option<SocketAddr>,
    /// What the next handshakes are to use as their session id.
    pub(crate) own_sid: Option<String>,
    limits: Arc<Limits>,
    wires: Vec<Wire>,
    links: HashMap<(usize, Link), usize>,
    dirty: VecDeque<usize>,
    /// Messages between shards: from, to.
    mail: VecDeque<([usize; 2], Message)>,
}

/// One TCP connection, seen from both ends.
struct Wire {
    /// The server's end, until it closes.
    conn: Option<Conn>,
    peer: Option<SocketAddr>,
    shard: usize,
    link: Option<Link>,
    /// What the client sent and the server has not read.
    incoming: VecDeque<Vec<u8>>,
    /// Whether the client is gone.
    gone: bool,
    /// What the server sent and the client has not looked at.
    outgoing: Vec<u8>,
    /// How many more bytes the client's end takes.
    window: usize,
    /// Since when the server waits for the client's farewell.
    closing: Option<Instant>,
}

/// How long a binding waits for the farewell of a peer.
const PATIENCE: Duration = Duration::from_secs(5);

impl World {
    pub(crate) fn new(config: Config, count: u16) -> Self {
        let birth = Instant::now();
        let limits = Arc::new(config.limits.clone());
        let config = Arc::new(config);
        let shard = |index| Server::new(config.clone(), Shard { index, count }, [7; 32], birth);
        Self {
            birth,
            now: birth,
            shards: (0..count).map(shard).collect(),
            app: App::default(),
            trace: Trace::default(),
            chunk: 0,
            mail_held: false,
            next_shard: 0,
            peer: None,
            own_sid: None,
            limits,
            wires: Vec::new(),
            links: HashMap::new(),
            dirty: VecDeque::new(),
            mail: VecDeque::new(),
        }
    }

    /// Opens a connection.
    pub(crate) fn connect(&mut self) -> usize {
        self.carry(Conn::new(self.limits.clone()))
    }

    /// Opens a WebTransport stream.
    pub(crate) fn open_stream(&mut self) -> usize {
        self.carry(Conn::webtransport(self.limits.clone()))
    }

    fn carry(&mut self, conn: Conn) -> usize {
        self.wires.push(Wire {
            conn: Some(conn),
            peer: self.peer,
            shard: 0,
            link: None,
            incoming: VecDeque::new(),
            gone: false,
            outgoing: Vec::new(),
            window: usize::MAX,
            closing: None,
        });
        self.wires.len() - 1
    }

    /// The client writes.
    pub(crate) fn send(&mut self, at: usize, bytes: &[u8]) {
        let chunk = if self.chunk == 0 { bytes.len().max(1) } else { self.chunk };
        let wire = &mut self.wires[at];
        wire.incoming.extend(bytes.chunks(chunk).map(<[u8]>::to_vec));
        self.dirty.push_back(at);
        self.settle();
    }

    /// The client's end is closed.
    pub(crate) fn vanish(&mut self, at: usize) {
        self.wires[at].gone = true;
        self.dirty.push_back(at);
        self.settle();
    }

    /// The client takes at most so many more bytes.
    pub(crate) fn take_only(&mut self, at: usize, window: usize) {
        self.wires[at].window = window;
        self.dirty.push_back(at);
        self.settle();
    }

    pub(crate) fn take_outgoing(&mut self, at: usize) -> Vec<u8> {
        std::mem::take(&mut self.wires[at].outgoing)
    }

    pub(crate) fn is_open(&self, at: usize) -> bool {
        self.wires[at].conn.is_some()
    }

    /// Bytes the server holds for a connection.
    pub(crate) fn bytes_held(&self, at: usize) -> usize {
        self.wires[at].conn.as_ref().map_or(0, Conn::bytes_held)
    }

    /// Moves the clock, stopping wherever something is due.
    pub(crate) fn advance(&mut self, by: Duration) {
        let end = self.now + by;
        loop {
            let due = self.shards.iter().filter_map(Server::poll_timeout).min();
            match due.filter(|&due| due <= end) {
                Some(due) if due > self.now => self.now = due,
                Some(_) => {}
                None => break,
            }
            let now = self.now;
            self.shards.iter_mut().for_each(|shard| shard.handle_timeout(now));
            self.settle();
        }
        self.now = end;
        self.hang_up();
        self.settle();
    }

    /// Runs until nothing happens any more.
    pub(crate) fn settle(&mut self) {
        let mut handed_over = false;
        loop {
            let mut idle = true;
            if let Some(at) = self.dirty.pop_front() {
                (idle, handed_over) = (false, true);
                self.turn(at);
            }
            for shard in 0..self.shards.len() {
                while let Some(event) = self.shards[shard].poll_event() {
                    idle = false;
                    self.trace.note(shard, &event);
                    self.app.react(&mut self.shards[shard], self.now, shard, event);
                }
                while let Some(link) = self.shards[shard].poll_link() {
                    idle = false;
                    self.dirty.extend(self.links.get(&(shard, link)));
                }
                while let Some(output) = self.shards[shard].poll_peer() {
                    idle = false;
                    self.post(shard, output.to, output.message);
                }
            }
            if !self.mail_held
                && let Some(([_, to], message)) = self.mail.pop_front()
            {
                idle = false;
                self.shards[to].handle_peer(self.now, &message);
            }
            // All bytes of clients were handed over: a stream asked about has nothing more.
            if idle && std::mem::take(&mut handed_over) {
                for shard in &mut self.shards {
                    while let Some(link) = shard.poll_overdue() {
                        idle = false;
                        shard.handle_quiet(self.now, link);
                    }
                }
            }
            if idle && !self.is_relieved() {
                return;
            }
        }
    }

    /// Tells every shard what the others hold, and whether some were ended because that was too much.
    fn is_relieved(&mut self) -> bool {
        let (limit, now) = (self.limits.bytes, self.now);
        if self.tell() <= limit / 16 * 14 {
            return false;
        }
        let mut is_relieved = false;
        loop {
            self.shards.iter_mut().for_each(|shard| shard.measure(now));
            if self.tell() <= limit / 16 * 13 {
                return is_relieved;
            }
            let mut ended = 0;
            for shard in 0..self.shards.len() {
                ended += self.shards[shard].relieve();
                self.tell();
            }
            if ended == 0 {
                return is_relieved;
            }
            is_relieved = true;
        }
    }

    /// Returns the bytes that all shards hold.
    fn tell(&mut self) -> usize {
        let usages: Vec<_> = self.shards.iter().map(Server::usage).collect();
        let sessions: usize = usages.iter().map(|usage| usage.sessions).sum();
        let bytes: usize = usages.iter().map(|usage| usage.bytes).sum();
        for (shard, own) in self.shards.iter_mut().zip(usages) {
            let mut others = Usage::default();
            (others.sessions, others.bytes) = (sessions - own.sessions, bytes - own.bytes);
            shard.set_elsewhere(others);
        }
        bytes
    }

    fn post(&mut self, from: usize, to: Destination, message: Message) {
        for shard in 0..self.shards.len() {
            let meant = match to {
                Destination::Shard(index) => usize::from(index) == shard,
                Destination::Everyone => shard != from,
                Destination::Node => false,
            };
            if meant {
                self.mail.push_back(([from, shard], message.clone()));
            }
        }
    }

    /// Carries the oldest message of one shard to another, if there is one.
    pub(crate) fn carry_mail(&mut self, from: usize, to: usize) {
        let found = self.mail.iter().position(|(ends, _)| *ends == [from, to]);
        if let Some((_, message)) = found.and_then(|at| self.mail.remove(at)) {
            self.shards[to].handle_peer(self.now, &message);
            self.settle();
        }
    }

    /// Reads once and writes what can be written.
    fn turn(&mut self, at: usize) {
        let wire = &mut self.wires[at];
        let Some(conn) = &wire.conn else { return };
        if conn.wants_read() {
            if let Some(mut bytes) = wire.incoming.pop_front() {
                self.read(at, &mut bytes);
            } else if wire.gone {
                return self.close(at);
            }
        }
        self.write(at);
        let wire = &mut self.wires[at];
        let Some(conn) = &wire.conn else { return };
        if conn.wants_decode() {
            self.read(at, &mut []);
            self.dirty.push_back(at);
        } else if conn.wants_read() && (!wire.incoming.is_empty() || wire.gone) {
            self.dirty.push_back(at);
        }
    }

    fn read(&mut self, at: usize, bytes: &mut [u8]) {
        let Self { wires, shards, next_shard, own_sid, now, .. } = self;
        let wire = &mut wires[at];
        let Some(conn) = &mut wire.conn else { return };
        let mut decoder = conn.decode(bytes);
        loop {
            let link = decoder.link();
            let verdict = match decoder.poll() {
                Ok(Some(Inbound::Request(request))) => {
                    let mut context = RequestContext::default();
                    context.own_sid = own_sid.as_deref();
                    context.caller.peer = wire.peer;
                    let count = u16::try_from(shards.len()).expect("there are few shards");
                    let sid = Sid::text_in(request.target).or(context.own_sid);
                    wire.shard =
                        sid.map_or(*next_shard, |sid| usize::from(Sid::shard_of_text(sid, count)));
                    shards[wire.shard].handle_request(*now, request, context)
                }
                Ok(Some(Inbound::Opening(opening))) => {
                    let mut context = RequestContext::default();
                    context.own_sid = own_sid.as_deref();
                    context.caller.peer = wire.peer;
                    context.stands_for = StandsFor::Opening;
                    let target = opening.target("/socket.io/?EIO=4&transport=webtransport&sid=x");
                    let count = u16::try_from(shards.len()).expect("there are few shards");
                    let sid = Sid::text_in(&target).or(context.own_sid);
                    wire.shard =
                        sid.map_or(*next_shard, |sid| usize::from(Sid::shard_of_text(sid, count)));
                    let fields = Fields::host(&NO_FIELDS);
                    let request = Request::new(Method::Get, &target, fields);
                    shards[wire.shard].handle_request(*now, request, context)
                }
                Ok(Some(item)) => shards[wire.shard].handle(*now, link, item),
                Ok(None) => break,
                Err(violation) => {
                    let server = &mut shards[wire.shard];
                    if let Some(link) = link {
                        let response = server.handle_violation(*now, link, violation);
                        decoder.reject_as(violation, &response);
                    } else {
                        decoder.reject_with(violation, |response, request| {
                            server.config().dress(response, request, &RequestContext::default())
                        });
                    }
                    continue;
                }
            };
            if let Some(link) = verdict.link() {
                self.links.insert((wire.shard, link), at);
            }
            decoder.apply(verdict);
        }
        drop(decoder);
        self.relink(at);
    }

    fn write(&mut self, at: usize) {
        let wire = &mut self.wires[at];
        let Some(conn) = &mut wire.conn else { return };
        loop {
            let server = &mut self.shards[wire.shard];
            while let Some(link) = conn.link()
                && (conn.wants_transmit() || server.is_over(link))
                && let Some(transmit) = server.poll_transmit(link)
            {
                conn.push(transmit);
            }
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = conn.poll_write(&mut slices);
            let mut taken = 0;
            for slice in &slices[..filled] {
                let n = slice.len().min(wire.window - taken);
                wire.outgoing.extend_from_slice(&slice[..n]);
                taken += n;
            }
            if taken == 0 {
                break;
            }
            wire.window -= if wire.window == usize::MAX { 0 } else { taken };
            conn.wrote(taken);
        }
        if conn.is_closing() && wire.closing.is_none() {
            wire.closing = Some(self.now);
        }
        if conn.is_finished() {
            return self.close(at);
        }
        self.relink(at);
    }

    /// Notes which link a connection carries now.
    fn relink(&mut self, at: usize) {
        let wire = &mut self.wires[at];
        let link = wire.conn.as_ref().and_then(Conn::link);
        if let Some(old) = wire.link.filter(|&old| link != Some(old)) {
            self.links.remove(&(wire.shard, old));
        }
        wire.link = link;
    }

    /// The stream is closed.
    fn close(&mut self, at: usize) {
        let wire = &mut self.wires[at];
        let link = wire.conn.take().and_then(|conn| conn.link());
        wire.incoming.clear();
        if let Some(link) = link {
            self.shards[wire.shard].handle_closed(self.now, link);
        }
        self.relink(at);
    }

    /// Closes the connections whose clients took too long for their farewell.
    fn hang_up(&mut self) {
        for at in 0..self.wires.len() {
            if self.wires[at].closing.is_some_and(|since| since + PATIENCE <= self.now) {
                self.close(at);
            }
        }
    }
}
