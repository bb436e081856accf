//! The core, driven as a custom event loop drives it, without sockets.

use sansocket::{ArgsRef, Config, Conn, Event, Limits, Server, Shard, Target};
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// One shard that echoes, and its connections.
pub struct Bare {
    server: Server,
    limits: Arc<Limits>,
    now: Instant,
    conns: Vec<Conn>,
    /// Which connection carries a link, by the index of the link.
    carriers: Vec<usize>,
    /// The one read buffer.
    scratch: Vec<u8>,
    /// What was written, while it is looked at.
    seen: Option<Vec<u8>>,
    moves: Moves,
}

/// How output moves from the server to a connection.
enum Moves {
    /// The connection pulls all there is.
    Pulled,
    /// Each output is taken from the server and pushed.
    Pushed,
}

impl Bare {
    pub fn new() -> Self {
        let config = Arc::new(Config::default());
        let limits = Arc::new(config.limits.clone());
        let now = beginning();
        let server = Server::new(config, Shard::ONLY, [7; 32], now);
        let conns = Vec::with_capacity(4096);
        let (carriers, scratch) = (vec![0; 8192], vec![0; 64 * 1024]);
        let moves = Moves::Pulled;
        Self { server, limits, now, conns, carriers, scratch, seen: None, moves }
    }

    /// The same, but every output is taken from the server and pushed.
    pub fn pushing() -> Self {
        Self { moves: Moves::Pushed, ..Self::new() }
    }

    /// Accepts a stream and returns its number.
    pub fn accept(&mut self) -> usize {
        self.conns.push(Conn::new(self.limits.clone()));
        self.conns.len() - 1
    }

    /// Does a turn of the loop for the bytes of one stream, and returns the bytes written to all streams.
    pub fn look(&mut self, at: usize, bytes: &[u8]) -> Vec<u8> {
        self.seen = Some(Vec::new());
        self.turn(at, bytes);
        self.seen.take().expect("it was just put there")
    }

    /// Does a turn of the loop for the bytes of one stream, and returns how many were written.
    pub fn turn(&mut self, at: usize, bytes: &[u8]) -> usize {
        self.tick();
        // The stream fills the read buffer.
        self.scratch[..bytes.len()].copy_from_slice(bytes);
        self.receive(at, bytes.len());
        let written = self.write(at);
        self.dispatch();
        written + self.flush()
    }

    /// Broadcasts to all clients, and returns how many bytes were written.
    pub fn broadcast(&mut self, event: &str, args: ArgsRef<'_>) -> usize {
        self.tick();
        self.server.broadcast(&Target::namespace("/"), event, args).expect("it can be sent");
        self.flush()
    }

    /// The poller returns.
    fn tick(&mut self) {
        self.now += Duration::from_micros(100);
        if self.server.poll_timeout().is_some_and(|due| due <= self.now) {
            self.server.handle_timeout(self.now);
        }
    }

    /// Bytes in: decode, hand over, apply the verdict.
    fn receive(&mut self, at: usize, len: usize) {
        let Self { server, now, conns, carriers, scratch, .. } = self;
        let mut decoder = conns[at].decode(&mut scratch[..len]);
        loop {
            let link = decoder.link();
            match decoder.poll() {
                Ok(None) => return,
                Ok(Some(item)) => {
                    let verdict = server.handle(*now, link, item);
                    if let Some(link) = verdict.link() {
                        carriers[link.index()] = at;
                    }
                    decoder.apply(verdict);
                }
                Err(violation) => panic!("the scenario keeps the rules: {violation}"),
            }
        }
    }

    /// What clients did: let them in, and send every event back.
    fn dispatch(&mut self) {
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Connect { socket, .. } => {
                    self.server.admit(self.now, socket).expect("it is there");
                }
                Event::Message { message, ack: Some(ack), .. } => {
                    self.server.acknowledge(ack, message.args());
                }
                Event::Message { socket, message, ack: None } => {
                    let mut client = self.server.socket(socket).expect("it is there");
                    client.emit(message.name(), message.args()).expect("it can be sent");
                }
                other => panic!("no scenario causes {other:?}"),
            }
        }
    }

    /// Writes the output that is ready on all streams.
    fn flush(&mut self) -> usize {
        let mut written = 0;
        while let Some(link) = self.server.poll_link() {
            written += self.write(self.carriers[link.index()]);
        }
        written
    }

    /// Bytes out: pull what the server has, gather, write, until nothing is left.
    fn write(&mut self, at: usize) -> usize {
        let mut written = 0;
        loop {
            let conn = &mut self.conns[at];
            match self.moves {
                Moves::Pulled => {
                    conn.pull(&mut self.server);
                }
                Moves::Pushed => push(conn, &mut self.server),
            }
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = conn.poll_write(&mut slices);
            if filled == 0 {
                assert!(!conn.wants_decode() && !conn.is_finished(), "no scenario ends so");
                return written;
            }
            let n = slices[..filled].iter().map(|slice| slice.len()).sum();
            if let Some(seen) = &mut self.seen {
                slices[..filled].iter().for_each(|slice| seen.extend_from_slice(slice));
            }
            conn.wrote(n);
            written += n;
        }
    }
}

/// Moves all output for a connection, one after the other.
#[inline(never)]
fn push(conn: &mut Conn, server: &mut Server) {
    while let Some(transmit) = conn.link().and_then(|link| server.poll_transmit(link)) {
        conn.push(transmit);
    }
}

/// An instant that is the same in every run: when its fraction of a second carries is counted too.
pub fn beginning() -> Instant {
    let now = Instant::now();
    let mut back = Duration::ZERO;
    let mut step = Duration::from_secs(1 << 63);
    while !step.is_zero() {
        if let Some(further) = back.checked_add(step)
            && now.checked_sub(further).is_some()
        {
            back = further;
        }
        step /= 2;
    }
    let first = now.checked_sub(back).expect("the search found it");
    first + Duration::from_secs(1 << 62)
}
