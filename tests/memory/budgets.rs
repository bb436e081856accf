//! What the heap has to give: per idle connection, per event, per recipient of a broadcast.
//!
//! A budget is the measured figure plus a little room. A change that needs more edits it here, on purpose.

use allocation_counter::{AllocationInfo, measure};
use sansocket::{ArgsRef, Config, Conn, Event, Limits};
use sansocket::{Server, Shard, Socket, Target};
use sansocket_app::bind::{Connection, Hub, Runtime, Timers};
use sansocket_app::{App, BoxFuture, EventMessage, Io};
use std::future::{Future as _, pending};
use std::io::IoSlice;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};
use testbed::{frame, upgrade};

/// Bytes of an idle WebSocket that joined the main namespace: session, client, link, deadlines, what
/// is kept of the request, and the `Conn` itself.
const IDLE_BYTES: usize = 624;
/// The same with the application layer: `Connection`, `Port` and `Socket` on top.
const APP_IDLE_BYTES: usize = 937;
/// A received event: its name and arguments.
const RECEIVED: u64 = 1;
/// A received event with an attachment: text, the place where it waits, the list of attachments and
/// what leads to it, the attachment.
const RECEIVED_BINARY: u64 = 5;
/// An event that is encoded and queued: the packet.
const EMITTED: u64 = 1;
/// A packet on its way to a stream, until the stream took it: the write buffer.
const WRITTEN: u64 = 1;
/// An event through the application layer to a handler that emits it as it is.
const APP_ECHOED: u64 = 5;
/// A broadcast, however many receive it: the packet.
const BROADCAST: u64 = 1;
/// A recipient of a broadcast, the first time: a node of its outbox, a place in the list of clients
/// and one in the list of links.
const RECIPIENT_BYTES: usize = 64;
/// What a shard keeps after a burst to [`MANY`], to use it again: lists of links and clients.
const KEPT_BYTES: i64 = 16 * 1024;

/// A power of two, so that every table is exactly full; between two powers, up to twice as much is
/// set aside.
const MANY: usize = 1024;

/// Clients of a burst, and those of them that stay.
const BURST: usize = 10_000;
const STAY: [usize; 5] = [0, 2_500, 5_000, 7_500, BURST - 1];

const DAY: Duration = Duration::from_secs(24 * 3600);

const ECHO: &str = r#"42["echo","0123456789abcdef"]"#;
const ECHO_BINARY: &str = r#"451-["echo",{"_placeholder":true,"num":0}]"#;
const NEWS: &str = r#"["0123456789abcdef"]"#;

#[test]
fn idle_connections_fit_their_budget() {
    let mut bare = Bare::new();
    let info = measure(|| (0..MANY).for_each(|_| bare.join()));
    let bytes = per_one(&info) + size_of::<Conn>();
    println!("idle: {bytes} bytes, {} of them in `Conn`", size_of::<Conn>());
    assert!(bytes <= IDLE_BYTES, "{bytes}");
}

#[test]
fn idle_connections_of_an_application_fit_their_budget() {
    let mut stack = Stack::new();
    let info = measure(|| (0..MANY).for_each(|_| stack.join()));
    let bytes = per_one(&info) + size_of::<Connection>();
    println!("app idle: {bytes} bytes, {} of them in `Connection`", size_of::<Connection>());
    assert!(bytes <= APP_IDLE_BYTES, "{bytes}");
}

#[test]
fn connections_that_end_leave_nothing() {
    let mut bare = Bare::new();
    let mut stack = Stack::new();
    let mut visit = || {
        for _ in 0..MANY {
            bare.join();
            stack.join();
        }
        for _ in 0..MANY {
            bare.leave();
            stack.leave();
        }
        // Their deadlines fall out when they are reached.
        bare.wait_a_day();
        stack.wait_a_day();
    };
    visit();
    let info = measure(visit);
    // Some tables keep less room than after the first time.
    assert!(info.bytes_current <= 0 && info.count_current == 0, "{info:?}");
}

#[test]
fn a_received_event_allocates_once() {
    let mut bare = Bare::with(1);
    let echo = text(ECHO);
    let mut receive = || {
        bare.receive(0, &echo);
        bare.messages(|_, _, message| assert_eq!(message.name(), "echo"));
    };
    receive();
    let info = measure(receive);
    println!("received: {info:?}");
    assert!(info.count_total <= RECEIVED, "{info:?}");
    assert_eq!(info.bytes_current, 0);
}

#[test]
fn a_received_attachment_is_copied_once() {
    let mut bare = Bare::with(1);
    let echo = binary();
    let mut receive = || {
        bare.receive(0, &echo);
        bare.messages(|_, _, message| assert_eq!(message.attachments().len(), 1));
    };
    receive();
    let info = measure(receive);
    println!("received binary: {info:?}");
    assert!(info.count_total <= RECEIVED_BINARY, "{info:?}");
    assert!(info.bytes_total < 2 * 1024, "{info:?}");
    assert_eq!(info.bytes_current, 0);
}

/// C22.
#[test]
fn white_space_in_base64_is_not_kept() {
    let mut bare = Bare::with(1);
    let header = text("451-[\"x\",{\"_placeholder\":true,\"num\":0}]");
    let spaced = text(&format!("bAA{}EC", "\n".repeat(3000)));
    let mut kept = None;
    let info = measure(|| {
        bare.receive(0, &header);
        bare.receive(0, &spaced);
        bare.messages(|_, _, message| kept = Some(message));
    });
    let kept = kept.expect("it is whole");
    assert_eq!(&kept.attachments()[0][..], [0, 1, 2]);
    assert!(info.bytes_current < 500, "{info:?}");
}

#[test]
fn a_heartbeat_allocates_nothing_that_is_kept() {
    let mut bare = Bare::with(1);
    let pong = text("3");
    let mut beat = || {
        bare.now += bare.server.config().ping_interval;
        bare.server.handle_timeout(bare.now);
        bare.flush();
        bare.receive(0, &pong);
    };
    beat();
    let info = measure(beat);
    println!("heartbeat: {info:?}");
    assert!(info.count_total <= WRITTEN, "the PING is encoded once and for all: {info:?}");
    assert_eq!(info.bytes_current, 0);
}

#[test]
fn an_emit_allocates_its_packet_and_a_buffer() {
    let mut bare = Bare::with(1);
    bare.emit(0);
    bare.flush();
    let emitted = measure(|| bare.emit(0));
    let written = measure(|| bare.flush());
    println!("emitted: {emitted:?}\nwritten: {written:?}");
    assert!(emitted.count_total <= EMITTED, "{emitted:?}");
    assert!(written.count_total <= WRITTEN, "{written:?}");
    assert_eq!(emitted.bytes_current + written.bytes_current, 0);
}

#[test]
fn packets_of_one_turn_share_a_buffer() {
    let mut bare = Bare::with(1);
    let four = |bare: &mut Bare| (0..4).for_each(|_| bare.emit(0));
    four(&mut bare);
    bare.flush();
    four(&mut bare);
    let written = measure(|| bare.flush());
    println!("four written: {written:?}");
    assert!(written.count_total <= WRITTEN, "{written:?}");
}

#[test]
fn a_lent_buffer_serves_one_connection_after_another() {
    let mut bare = Bare::with(2);
    let mut spare = Vec::with_capacity(4096);
    for at in [0, 1, 0] {
        (0..4).for_each(|_| bare.emit(at));
        let written = measure(|| bare.flush_with(&mut spare));
        assert_eq!((written.count_total, spare.capacity()), (0, 4096), "{written:?}");
        assert!(spare.is_empty(), "what was written for one is not written for the next");
    }
}

#[test]
fn a_lent_buffer_that_grew_is_not_handed_on() {
    let mut bare = Bare::with(1);
    let mut spare = Vec::with_capacity(64);
    (0..400).for_each(|_| bare.emit(0));
    bare.flush_with(&mut spare);
    assert_eq!(spare.capacity(), 0, "it was taken, grew, and was freed");
}

#[test]
fn a_single_packet_needs_no_buffer() {
    let mut bare = Bare::with(1);
    let mut spare = vec![7];
    bare.emit(0);
    bare.flush_with(&mut spare);
    assert_eq!(spare, [7], "nobody asked for it");
}

#[test]
fn an_echo_of_an_application_fits_its_budget() {
    let mut stack = Stack::with(1);
    let echo = text(ECHO);
    stack.turn(0, &echo);
    let info = measure(|| stack.turn(0, &echo));
    println!("app echoed: {info:?}");
    assert!(info.count_total <= APP_ECHOED, "{info:?}");
    assert_eq!(info.bytes_current, 0);
}

#[test]
fn a_broadcast_allocates_nothing_per_recipient() {
    let mut bare = Bare::with(MANY);
    let first = measure(|| bare.broadcast());
    let bytes = per_one(&first);
    println!("recipient: {bytes} bytes");
    assert!(bytes <= RECIPIENT_BYTES, "{bytes}");
    bare.flush();
    let queued = measure(|| bare.broadcast());
    println!("broadcast: {queued:?}");
    assert!(queued.count_total <= BROADCAST, "{queued:?}");
    let written = measure(|| bare.flush());
    println!("written: {written:?}");
    assert!(written.count_total <= WRITTEN * MANY as u64, "{written:?}");
    assert_eq!(queued.bytes_current + written.bytes_current, 0, "the shard is warm");
}

#[test]
fn ten_thousand_echoes_leave_nothing() {
    let (mut bare, mut stack) = (Bare::with(1), Stack::with(1));
    for sent in [text(ECHO), binary()] {
        bare.turn(0, &sent);
        let info = measure(|| (0..10_000).for_each(|_| bare.turn(0, &sent)));
        assert_eq!((info.bytes_current, info.count_current), (0, 0));
        stack.turn(0, &sent);
        let info = measure(|| (0..10_000).for_each(|_| stack.turn(0, &sent)));
        assert_eq!((info.bytes_current, info.count_current), (0, 0));
    }
}

#[test]
fn a_burst_gives_its_memory_back() {
    let mut bare = Bare::with(MANY);
    let info = measure(|| {
        for _ in 0..64 {
            bare.broadcast();
            (0..MANY).for_each(|at| bare.emit(at));
        }
        bare.flush();
    });
    println!("burst: {info:?}");
    assert!(info.bytes_max > 4 * 1024 * 1024, "it is a burst: {info:?}");
    assert!(info.bytes_current <= KEPT_BYTES, "{info:?}");
}

/// A31: a burst, of which a few stay on purpose so that nothing is given back.
#[test]
fn a31_a_burst_of_clients_gives_its_memory_back_although_some_stay() {
    let mut bare = Bare::sized(BURST);
    let names: Vec<String> = (0..BURST).map(|n| format!("room {n}")).collect();
    let info = measure(|| {
        (0..BURST).for_each(|_| bare.join());
        for (at, name) in names.iter().enumerate() {
            let mut socket = bare.server.socket(bare.sockets[at]).expect("it is there");
            socket.join("lobby").expect("it may");
            socket.join(name).expect("it may");
            let minute = Duration::from_secs(60);
            socket.emit_with_ack(bare.now, "q", ArgsRef::NONE, minute).expect("it is asked");
        }
        bare.broadcast();
        bare.flush();
        let leave = |at: &usize| !STAY.contains(at);
        (0..BURST).filter(leave).for_each(|at| bare.vanish(at));
        (0..8).for_each(|_| bare.live_on(&STAY));
    });
    println!("burst of clients: {info:?}");
    bare.server.check();
    let counts = bare.server.counts();
    assert_eq!((counts.sockets, counts.rooms), (STAY.len(), 1 + STAY.len()));
    assert!(info.bytes_max > 500 * BURST as u64, "it is a burst: {info:?}");
    assert!(info.bytes_current * 10 <= info.bytes_max.cast_signed(), "{info:?}");
}

/// A31: packets for many, of which a few clients take none.
#[test]
fn a31_a_burst_of_packets_gives_its_memory_back_although_some_wait() {
    let mut bare = Bare::with(MANY);
    let stuck: Vec<usize> = (0..5).map(|n| n * 200).collect();
    let info = measure(|| {
        (0..100).for_each(|_| bare.broadcast());
        bare.flush_but(&stuck);
        bare.now += Duration::from_secs(26);
        bare.server.handle_timeout(bare.now);
        bare.flush_but(&stuck);
        bare.server.handle_timeout(bare.now);
    });
    let held = bare.server.bytes_held();
    println!("burst of packets: {info:?}, {held} held");
    bare.server.check();
    assert!(held > 100 * stuck.len() * NEWS.len(), "they wait: {held}");
    assert!(info.bytes_max > 40 * 100_000, "it is a burst: {info:?}");
    let left = usize::try_from(info.bytes_current).expect("something waits");
    assert!(left <= held + usize::try_from(info.bytes_max / 10).unwrap(), "{info:?}");
    stuck.iter().for_each(|&at| bare.write(at));
    assert_eq!(bare.server.bytes_held(), 0, "nothing was lost");
}

/// A30: a client asks for a large acknowledgement again and again, and takes none.
#[test]
fn a30_large_acknowledgements_to_a_client_that_does_not_read_stay_within_its_budget() {
    const LARGE: usize = 900_000;
    let mut bare = Bare::with(1);
    bare.scratch = vec![0; LARGE + 1024];
    let question = text(&format!("420[\"q\",\"{}\"]", "x".repeat(LARGE)));
    let mut asked = 0;
    let info = measure(|| {
        while bare.server.counts().sessions == 1 && asked < 1000 {
            bare.receive(0, &question);
            while let Some(event) = bare.server.poll_event() {
                if let Event::Message { ack: Some(ack), message, .. } = event {
                    bare.server.acknowledge(ack, message.args());
                }
            }
            asked += 1;
        }
    });
    println!("{asked} asked: {info:?}");
    let budget = bare.limits.max_backlog;
    assert_eq!(asked, budget.div_ceil(LARGE + 128 + "430[]".len()) + 1, "the next one ends it");
    // A packet that crosses the line, and the one at hand as it is read, kept and encoded.
    let most = budget + 5 * LARGE;
    assert!(info.bytes_max <= most as u64, "{info:?}");
    assert!(info.bytes_current <= KEPT_BYTES, "{info:?}");
}

#[test]
fn tiny_acknowledgements_to_a_client_that_does_not_read_stay_within_its_budget() {
    let mut bare = Bare::with(1);
    let question = text("420[\"q\"]");
    let mut asked = 0_u32;
    let info = measure(|| {
        while bare.server.counts().sessions == 1 {
            bare.receive(0, &question);
            while let Some(event) = bare.server.poll_event() {
                if let Event::Message { ack: Some(ack), .. } = event {
                    bare.server.acknowledge(ack, ArgsRef::NONE);
                }
            }
            asked += 1;
        }
    });
    println!("{asked} asked: {info:?}");
    assert!(asked > 100_000, "the budget is for real use as well");
    let most = i64::try_from(bare.limits.max_backlog).expect("it is an ordinary number");
    assert!(info.bytes_current <= KEPT_BYTES, "{info:?}");
    assert!(info.bytes_max <= most.unsigned_abs(), "{info:?}");
}

/// C28: what waits for all sessions together stays within its limit, however little each of them has.
#[test]
fn c28_broadcasts_to_sessions_that_never_read_stay_within_the_limit() {
    const LIMIT: usize = 16 << 20;
    let mut bare = Bare::limited(|limits| limits.bytes = LIMIT);
    (0..MANY).for_each(|_| bare.join());
    let info = measure(|| {
        for _ in 0..400 {
            bare.broadcast();
            bare.server.handle_timeout(bare.now);
            while let Some(Event::Disconnect { .. }) = bare.server.poll_event() {}
        }
    });
    println!("deaf: {info:?}, {} are left", bare.server.counts().sessions);
    assert!(bare.server.counts().cut_off > 0, "400 packets for each are more than that");
    assert!(info.bytes_max < LIMIT as u64, "{info:?}");
}

#[test]
fn a_burst_of_an_application_gives_its_memory_back() {
    let mut stack = Stack::with(MANY);
    let io = Io::new(stack.hub.clone());
    let info = measure(|| {
        (0..64).for_each(|_| io.emit("news", "0123456789abcdef").expect("it can be sent"));
        stack.flush();
    });
    println!("app burst: {info:?}");
    assert!(info.bytes_current <= KEPT_BYTES, "{info:?}");
}

/// The core in a loop that echoes. Nothing of its own allocates while something is measured.
struct Bare {
    server: Server,
    limits: Arc<Limits>,
    now: Instant,
    conns: Vec<Conn>,
    sockets: Vec<Socket>,
    /// Which connection carries a link, by the index of the link.
    carriers: Vec<usize>,
    scratch: Vec<u8>,
    greeting: [Arc<[u8]>; 2],
}

impl Bare {
    fn new() -> Self {
        Self::made(MANY, |_| {})
    }

    /// With room for so many clients.
    fn sized(most: usize) -> Self {
        Self::made(most, |_| {})
    }

    fn limited(set: impl FnOnce(&mut Limits)) -> Self {
        Self::made(MANY, set)
    }

    fn made(most: usize, set: impl FnOnce(&mut Limits)) -> Self {
        let now = Instant::now();
        let mut config = Config::default();
        set(&mut config.limits);
        let config = Arc::new(config);
        let limits = Arc::new(config.limits.clone());
        let server = Server::new(config, Shard::ONLY, [7; 32], now);
        let (conns, sockets) = (Vec::with_capacity(most), Vec::with_capacity(most));
        let (carriers, scratch) = (vec![0; 2 * most], vec![0; 4096]);
        Self { server, limits, now, conns, sockets, carriers, scratch, greeting: greeting() }
    }

    fn with(clients: usize) -> Self {
        let mut bare = Self::new();
        (0..clients).for_each(|_| bare.join());
        bare
    }

    /// A client connects.
    fn join(&mut self) {
        let at = self.conns.len();
        self.conns.push(Conn::new(self.limits.clone()));
        let [upgrade, join] = self.greeting.clone();
        self.turn(at, &upgrade);
        self.turn(at, &join);
        assert_eq!(self.sockets.len(), self.conns.len());
    }

    /// The last client that connected goes.
    fn leave(&mut self) {
        let conn = self.conns.pop().expect("somebody is there");
        self.server.handle_closed(self.now, conn.link().expect("it is attached"));
        self.sockets.pop();
        while let Some(Event::Disconnect { .. }) = self.server.poll_event() {}
        self.flush();
    }

    /// The connection of a client breaks.
    fn vanish(&mut self, at: usize) {
        let link = self.conns[at].link().expect("it is attached");
        self.server.handle_closed(self.now, link);
        while let Some(Event::Ack { .. } | Event::Disconnect { .. }) = self.server.poll_event() {}
        self.flush_but(&[at]);
    }

    /// Time passes in which some clients answer each PING.
    fn live_on(&mut self, clients: &[usize]) {
        self.now += Duration::from_secs(15);
        self.server.handle_timeout(self.now);
        while let Some(Event::Ack { .. }) = self.server.poll_event() {}
        for &at in clients {
            self.write(at);
            self.receive(at, &text("3"));
        }
    }

    fn wait_a_day(&mut self) {
        self.now += DAY;
        self.server.handle_timeout(self.now);
    }

    /// Bytes come on a connection, and everything that follows from them is done.
    fn turn(&mut self, at: usize, bytes: &[u8]) {
        self.server.handle_timeout(self.now);
        self.receive(at, bytes);
        self.write(at);
        self.messages(|server, socket, message| {
            let mut client = server.socket(socket).expect("it is there");
            client.emit(message.name(), message.args()).expect("it can be sent");
        });
        self.flush();
    }

    fn receive(&mut self, at: usize, bytes: &[u8]) {
        let Self { server, now, conns, carriers, scratch, .. } = self;
        let input = &mut scratch[..bytes.len()];
        input.copy_from_slice(bytes);
        let mut decoder = conns[at].decode(input);
        loop {
            let link = decoder.link();
            let Some(item) = decoder.poll().expect("the rules are kept") else { return };
            let verdict = server.handle(*now, link, item);
            if let Some(link) = verdict.link() {
                carriers[link.index()] = at;
            }
            decoder.apply(verdict);
        }
    }

    fn messages(&mut self, mut heard: impl FnMut(&mut Server, Socket, EventMessage)) {
        while let Some(event) = self.server.poll_event() {
            if let Event::Connect { socket, .. } = event {
                self.server.admit(self.now, socket).expect("it is there");
                self.sockets.push(socket);
            } else if let Event::Message { socket, message, .. } = event {
                heard(&mut self.server, socket, message);
            } else {
                panic!("nothing causes {event:?}");
            }
        }
    }

    fn emit(&mut self, at: usize) {
        let mut socket = self.server.socket(self.sockets[at]).expect("it is there");
        socket.emit("news", ArgsRef::from_valid(NEWS, &[])).expect("it can be sent");
    }

    fn broadcast(&mut self) {
        let args = ArgsRef::from_valid(NEWS, &[]);
        self.server.broadcast(&Target::namespace("/"), "news", args).expect("it can be sent");
    }

    fn flush(&mut self) {
        self.flush_but(&[]);
    }

    /// Writes to all but some, which take nothing.
    fn flush_but(&mut self, stuck: &[usize]) {
        while let Some(link) = self.server.poll_link() {
            let at = self.carriers[link.index()];
            if !stuck.contains(&at) {
                self.write(at);
            }
        }
    }

    /// The same as a loop does that has one buffer for all connections.
    fn flush_with(&mut self, spare: &mut Vec<u8>) {
        while let Some(link) = self.server.poll_link() {
            let conn = &mut self.conns[self.carriers[link.index()]];
            assert!(!conn.pull_with(&mut self.server, || std::mem::take(spare), None), "all fits");
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = conn.poll_write(&mut slices);
            let n = slices[..filled].iter().map(|slice| slice.len()).sum();
            conn.wrote_with(n, |buffer| *spare = buffer);
            assert_eq!(conn.bytes_held(), 0);
        }
    }

    fn write(&mut self, at: usize) {
        let conn = &mut self.conns[at];
        loop {
            conn.pull(&mut self.server);
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = conn.poll_write(&mut slices);
            if filled == 0 {
                return;
            }
            let n = slices[..filled].iter().map(|slice| slice.len()).sum();
            conn.wrote(n);
        }
    }
}

/// An application that echoes, on a binding without streams.
struct Stack {
    hub: Arc<Hub>,
    days: Arc<AtomicU32>,
    connections: Vec<Connection>,
    scratch: Vec<u8>,
    greeting: [Arc<[u8]>; 2],
}

/// One thread, and a clock that only knows days.
struct Still {
    birth: Instant,
    days: Arc<AtomicU32>,
}

impl Runtime for Still {
    fn now(&self) -> Instant {
        self.birth + DAY * self.days.load(Ordering::Relaxed)
    }

    fn spawn(&self, mut task: BoxFuture<()>) {
        let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_ready(), "no handler waits");
    }

    fn sleep(&self, _: Duration) -> BoxFuture<()> {
        Box::pin(pending())
    }
}

impl Stack {
    fn new() -> Self {
        let mut app = App::new();
        app.on("echo", |socket: sansocket_app::Socket, message: EventMessage| {
            socket.emit("echo", message.args()).expect("it can be sent");
        });
        let days = Arc::new(AtomicU32::new(0));
        let hub = Hub::new(app, Still { birth: Instant::now(), days: days.clone() }, 1, [7; 32]);
        let (connections, scratch) = (Vec::with_capacity(MANY), vec![0; 4096]);
        Self { hub, days, connections, scratch, greeting: greeting() }
    }

    fn with(clients: usize) -> Self {
        let mut stack = Self::new();
        (0..clients).for_each(|_| stack.join());
        stack
    }

    /// A client connects.
    fn join(&mut self) {
        let at = self.connections.len();
        self.connections.push(Connection::new(self.hub.clone(), None, None));
        let [upgrade, join] = self.greeting.clone();
        self.turn(at, &upgrade);
        self.turn(at, &join);
    }

    /// The last client that connected goes.
    fn leave(&mut self) {
        self.connections.pop().expect("somebody is there").end();
    }

    fn wait_a_day(&self) {
        self.days.fetch_add(1, Ordering::Relaxed);
        let timers = pin!(Timers::new(&self.hub));
        assert!(timers.poll(&mut Context::from_waker(Waker::noop())).is_pending());
    }

    /// Bytes come on a connection, and everything that follows from them is done.
    fn turn(&mut self, at: usize, bytes: &[u8]) {
        let input = &mut self.scratch[..bytes.len()];
        input.copy_from_slice(bytes);
        self.connections[at].read(input);
        self.write(at);
    }

    fn flush(&mut self) {
        (0..self.connections.len()).for_each(|at| self.write(at));
    }

    fn write(&mut self, at: usize) {
        let connection = &mut self.connections[at];
        loop {
            let mut slices = [IoSlice::new(&[]); 16];
            let filled = connection.poll_write(&mut slices);
            if filled > 0 {
                let n = slices[..filled].iter().map(|slice| slice.len()).sum();
                connection.wrote(n);
            } else if connection.wants_look() {
                connection.quiet();
            } else if connection.poll_rung(&Context::from_waker(Waker::noop())).is_pending() {
                return;
            }
        }
    }
}

/// What a client says first.
fn greeting() -> [Arc<[u8]>; 2] {
    let upgrade = upgrade("/socket.io/?EIO=4&transport=websocket");
    [upgrade.into_bytes().into(), text("40").into()]
}

fn text(payload: &str) -> Vec<u8> {
    frame(0x81, payload.as_bytes())
}

/// An event with an attachment of 1 KiB.
fn binary() -> Vec<u8> {
    [text(ECHO_BINARY), frame(0x82, &[7; 1024])].concat()
}

/// Bytes that each of [`MANY`] took, rounded up.
fn per_one(info: &AllocationInfo) -> usize {
    usize::try_from(info.bytes_current).expect("they took something").div_ceil(MANY)
}
