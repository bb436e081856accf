//! A million clients of each kind that vanish leave no session and no byte behind, and the process is
//! no larger after the last of them than after the first tenth.
//!
//! Without optimisation there are fewer of them; all come with
//! `cargo test --release -p tests --test memory million::`, which `tests/slow` runs.

use allocation_counter::measure;
use std::io::IoSlice;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::{
    ArgsRef, Config, Conn, Counts, Event, Limits, Server, Shard, Socket, Target, Verdict,
};
use testbed::{frame, handshake, upgrade};

const MANY: usize = if cfg!(debug_assertions) { 20_000 } else { 1_000_000 };

/// Time between two clients: a thousand vanished ones are not noticed yet, as that takes 45 s.
const PACE: Duration = Duration::from_millis(50);

/// What growing tables may have kept more than before.
const SLACK: i64 = 4096;

/// The decision of the application about a client that asks to join.
type Welcome = fn(&mut Server, Instant, Socket);

/// One shard, the clock, and the connection of the client at hand.
struct Shop {
    server: Server,
    limits: Arc<Limits>,
    now: Instant,
    welcome: Welcome,
}

fn nothing_is_left(welcome: Welcome, client: fn(&mut Shop, Visit)) {
    let config = Config::default();
    let limits = Arc::new(config.limits.clone());
    let now = Instant::now();
    let server = Server::new(Arc::new(config), Shard::ONLY, [7; 32], now);
    let mut shop = Shop { server, limits, now, welcome };
    let mut many = |count: usize| {
        for _ in 0..count {
            let visit = shop.enter();
            client(&mut shop, visit);
            shop.pass(PACE);
        }
        shop.close();
    };
    many(MANY / 10);
    let growth = measure(|| many(MANY - MANY / 10)).bytes_current;
    assert!(growth <= SLACK, "{growth} bytes more are held");
}

/// One connection.
struct Visit(Conn);

impl Shop {
    fn enter(&self) -> Visit {
        Visit(Conn::new(self.limits.clone()))
    }

    /// The client writes; returns the answer of the server.
    fn hear(&mut self, Visit(conn): &mut Visit, bytes: impl AsRef<[u8]>) -> Vec<u8> {
        let mut bytes = bytes.as_ref().to_vec();
        let mut decoder = conn.decode(&mut bytes);
        loop {
            let link = decoder.link();
            let Some(item) = decoder.poll().expect("these clients break no rule") else { break };
            let verdict = self.server.handle(self.now, link, item);
            assert!(!matches!(verdict, Verdict::Pass));
            decoder.apply(verdict);
        }
        drop(decoder);
        self.react();
        conn.pull(&mut self.server);
        let mut written = Vec::new();
        loop {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = conn.poll_write(&mut slices);
            if filled == 0 {
                break;
            }
            let n: usize = slices[..filled].iter().map(|slice| slice.len()).sum();
            slices[..filled].iter().for_each(|slice| written.extend_from_slice(slice));
            conn.wrote(n);
            conn.pull(&mut self.server);
        }
        written
    }

    /// The client's stream breaks.
    fn vanish(&mut self, Visit(conn): Visit) {
        if let Some(link) = conn.link() {
            self.server.handle_closed(self.now, link);
        }
        self.react();
    }

    fn react(&mut self) {
        while let Some(event) = self.server.poll_event() {
            if let Event::Connect { socket, .. } = event {
                (self.welcome)(&mut self.server, self.now, socket);
            }
        }
        while self.server.poll_link().is_some() {}
    }

    fn pass(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.server.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
        self.react();
    }

    /// A day without clients.
    fn close(&mut self) {
        self.pass(Duration::from_secs(24 * 3600));
        assert_eq!(self.server.counts(), Counts::default());
        assert_eq!(self.server.poll_timeout(), None, "no timer runs on");
    }

    /// Opens a session on polling and returns the address of its requests.
    fn polling(&mut self, visit: &mut Visit) -> String {
        let answer = String::from_utf8(self.hear(visit, handshake())).expect("answers are text");
        let sid = answer.split("\"sid\":\"").nth(1).and_then(|rest| rest.split('"').next());
        format!("/socket.io/?EIO=4&transport=polling&sid={}", sid.expect("OPEN names a sid"))
    }

    fn websocket(&mut self, visit: &mut Visit) {
        let answer = self.hear(visit, upgrade("/socket.io/?EIO=4&transport=websocket"));
        assert!(answer.starts_with(b"HTTP/1.1 101 "));
    }

    /// A WebSocket for a session on polling, up to the answer to its probe.
    fn probe(&mut self, visit: &mut Visit) -> Visit {
        let target = self.polling(visit).replace("polling", "websocket");
        let mut probe = self.enter();
        self.hear(&mut probe, upgrade(&target));
        let answer = self.hear(&mut probe, frame(0x81, b"2probe"));
        assert!(answer.ends_with(b"3probe"));
        probe
    }
}

fn admit(server: &mut Server, now: Instant, socket: Socket) {
    server.admit(now, socket).expect("it waits");
}

fn refuse(server: &mut Server, now: Instant, socket: Socket) {
    server.refuse(now, socket, "{\"message\":\"no\"}").expect("it waits");
}

/// Welcomes a client with rooms, an event and a question, and then thinks better of it.
fn regret(server: &mut Server, now: Instant, socket: Socket) {
    let mut client = server.socket(socket).expect("it waits");
    client.join("lobby").expect("it may");
    client.join(&format!("own room of {socket:?}")).expect("it may");
    client.emit("welcome", ArgsRef::NONE).expect("it is kept");
    let hour = Duration::from_secs(3600);
    client.emit_with_ack(now, "ready", ArgsRef::NONE, hour).expect("it is kept");
    refuse(server, now, socket);
}

/// Admits a client and asks it, alone and with all others, something it has an hour to answer.
fn question(server: &mut Server, now: Instant, socket: Socket) {
    admit(server, now, socket);
    let hour = Duration::from_secs(3600);
    let mut client = server.socket(socket).expect("it is admitted");
    client.emit_with_ack(now, "ready", ArgsRef::NONE, hour).expect("it is sent");
    let everybody = Target::namespace("/");
    server.broadcast_with_ack(now, &everybody, "ready", ArgsRef::NONE, hour).expect("it is sent");
}

#[test]
fn open_and_vanish() {
    nothing_is_left(admit, |shop, mut visit| {
        shop.polling(&mut visit);
        shop.vanish(visit);
    });
}

#[test]
fn open_a_websocket_and_vanish() {
    nothing_is_left(admit, |shop, mut visit| {
        shop.websocket(&mut visit);
        shop.vanish(visit);
    });
}

#[test]
fn connect_and_vanish() {
    nothing_is_left(admit, |shop, mut visit| {
        shop.websocket(&mut visit);
        let answer = shop.hear(&mut visit, frame(0x81, b"40"));
        assert!(answer[2..].starts_with(b"40{\"sid\":"));
        shop.vanish(visit);
    });
}

#[test]
fn probe_and_vanish() {
    nothing_is_left(admit, |shop, mut visit| {
        let probe = shop.probe(&mut visit);
        shop.vanish(probe);
        shop.vanish(visit);
    });
}

#[test]
fn upgrade_and_vanish() {
    nothing_is_left(admit, |shop, mut visit| {
        let mut probe = shop.probe(&mut visit);
        shop.hear(&mut probe, frame(0x81, b"5"));
        shop.vanish(probe);
        shop.vanish(visit);
    });
}

#[test]
fn be_refused_and_vanish() {
    nothing_is_left(refuse, |shop, mut visit| {
        shop.websocket(&mut visit);
        let answer = shop.hear(&mut visit, frame(0x81, b"40"));
        assert!(answer[2..].starts_with(b"44{"));
        shop.vanish(visit);
    });
}

#[test]
fn be_in_rooms_and_refused_and_vanish() {
    nothing_is_left(regret, |shop, mut visit| {
        shop.websocket(&mut visit);
        shop.hear(&mut visit, frame(0x81, b"40"));
        shop.vanish(visit);
    });
}

#[test]
fn be_asked_and_vanish() {
    nothing_is_left(question, |shop, mut visit| {
        shop.websocket(&mut visit);
        shop.hear(&mut visit, frame(0x81, b"40"));
        shop.hear(&mut visit, frame(0x81, b"421[\"back\"]"));
        shop.vanish(visit);
    });
}

#[test]
fn send_half_a_packet_and_vanish() {
    nothing_is_left(admit, |shop, mut visit| {
        shop.websocket(&mut visit);
        shop.hear(&mut visit, frame(0x81, b"40"));
        shop.hear(&mut visit, frame(0x81, b"452-[\"x\",{\"_placeholder\":true,\"num\":0}]"));
        shop.hear(&mut visit, frame(0x82, &[0; 100]));
        shop.vanish(visit);
    });
}
