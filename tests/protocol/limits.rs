//! Every limit: the most it lets through, and the fate of one more. Each test is named after its field.

use proptest::prelude::*;
use sansocket::{Bytes, Config, Counts, JoinError, Limits, Misuse, Refused, SlowClient, Target};
use sansocket_app::bind::{Connection, Hub, Runtime, Timers};
use sansocket_app::{App, BoxFuture};
use std::future::poll_fn;
use std::io::IoSlice;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};
use testbed::{Item, Polling, Sim, WebSocket, frame, handshake, request, upgrade};

/// What a part of a packet costs while it waits, besides its bytes.
const PART: usize = 128;

const GET: &str = "/socket.io/?EIO=4&transport=polling";

fn limited(set: impl FnOnce(&mut Limits)) -> Sim {
    Sim::with(|config| set(&mut config.limits))
}

/// Checks that socket 1 left for that violation, and that nothing is left of it.
fn ended_by(sim: &mut Sim, violation: &str) {
    let expected = format!("disconnect 1 Violation({violation})");
    assert_eq!(sim.events().last(), Some(&expected));
    assert_eq!(sim.counts(), Counts::default());
}

fn closed(mut ws: WebSocket, code: u16) {
    assert_eq!(ws.all(), [Item::Close(code)]);
}

fn joined_polling(sim: &Sim) -> Polling {
    let mut client = sim.polling();
    client.join("/");
    client
}

#[test]
fn every_limit_has_a_test() {
    let shown = format!("{:#?}", Limits::default());
    let fields = shown.lines().filter_map(|line| line.trim_start().split_once(": "));
    let mut seen = 0;
    for (name, _) in fields {
        let test = format!("#[test]\nfn {name}() {{");
        assert!(include_str!("limits.rs").contains(&test), "{name} has no test");
        seen += 1;
    }
    assert_eq!(seen, 24);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    /// Both check after every step that the totals of a shard are the sums of its parts.
    #[test]
    fn totals_are_right_whatever_happens(data in prop::collection::vec(any::<u8>(), 0..2_000)) {
        fuzz_targets::run("server_ops", &data);
        fuzz_targets::run("shards", &data);
    }
}

#[test]
fn head() {
    let sized = |bytes: usize| {
        let empty = request("GET", GET, "X: \r\n", "").len();
        request("GET", GET, &format!("X: {}\r\n", "x".repeat(bytes - empty)), "")
    };
    for (bytes, status) in [(500, 200), (501, 431)] {
        let mut sim = limited(|limits| limits.head = 500);
        let mut tcp = sim.tcp();
        assert_eq!(sized(bytes).len(), bytes);
        tcp.send(sized(bytes));
        assert_eq!(tcp.answer().unwrap().status, status, "{bytes}");
        sim.advance(5_000);
        assert_eq!(tcp.is_open(), status == 200);
    }
}

#[test]
fn headers() {
    // One of them is `Host`.
    for (more, status) in [(9, 200), (10, 431)] {
        let sim = limited(|limits| limits.headers = 10);
        let mut tcp = sim.tcp();
        tcp.send(request("GET", GET, &"X: x\r\n".repeat(more), ""));
        assert_eq!(tcp.answer().unwrap().status, status, "{more}");
    }
}

#[test]
fn max_payload() {
    let event = |bytes: usize| format!("42[\"{}\"]", "x".repeat(bytes - 6));
    let mut sim = limited(|limits| limits.max_payload = 100);
    let mut ws = sim.joined();
    ws.send(&event(100));
    assert_eq!(sim.events().len(), 2);
    ws.send(&event(101));
    closed(ws, 1009);
    ended_by(&mut sim, "MessageTooLarge");

    let mut sim = limited(|limits| limits.max_payload = 100);
    let mut client = joined_polling(&sim);
    client.post(&event(100));
    assert_eq!(sim.events().len(), 2);
    assert_eq!(client.try_post(&event(101)).unwrap().status, 413);
    ended_by(&mut sim, "BodyTooLarge");
}

#[test]
fn fragments() {
    let mut sim = limited(|limits| limits.fragments = 3);
    let mut ws = sim.joined();
    ws.tcp.send([frame(0x01, b"42[\""), frame(0x00, b""), frame(0x80, b"x\"]")].concat());
    assert_eq!(sim.events()[1..], ["event 1 x []"]);
    let parts = [frame(0x01, b"42[\""), frame(0x00, b""), frame(0x00, b""), frame(0x80, b"x\"]")];
    ws.tcp.send(parts.concat());
    closed(ws, 1008);
    ended_by(&mut sim, "TooManyFragments");
}

#[test]
fn packets() {
    let mut sim = limited(|limits| limits.packets = 3);
    let mut client = joined_polling(&sim);
    client.post(&["42[\"x\"]"; 3].join("\u{1e}"));
    assert_eq!(sim.events().len(), 4);
    assert_eq!(client.try_post(&["3"; 4].join("\u{1e}")).unwrap().status, 400);
    ended_by(&mut sim, "TooManyPackets");
}

#[test]
fn attachments() {
    let mut sim = limited(|limits| limits.attachments = 2);
    let mut ws = sim.joined();
    let bytes = vec![Bytes::from_static(b"b"); 3];
    sim.socket(1).emit_binary("x", "[]", &bytes[..2]).unwrap();
    assert_eq!(ws.all().len(), 3);
    let refused = sim.socket(1).emit_binary("x", "[]", &bytes);
    assert_eq!(refused, Err(Refused::Misuse(Misuse::TooManyAttachments)));
    ws.send(PLACES);
    ws.send_binary(b"1");
    ws.send_binary(b"2");
    assert_eq!(sim.events().len(), 2);
    ws.send("453-[\"x\"]");
    closed(ws, 1008);
    ended_by(&mut sim, "TooManyAttachments");
}

#[test]
fn attachment_bytes() {
    let mut sim = limited(|limits| limits.attachment_bytes = 100);
    let mut ws = sim.joined();
    // Its name, its arguments and one attachment, and what two parts cost besides.
    let half = "x".len() + PLACES.len() - "452-\"x\",".len() + 50 + 2 * PART;
    for last in [50, 51] {
        ws.send(PLACES);
        ws.send_binary(&[1; 50]);
        assert_eq!(sim.on(0, |server, _| server.bytes_held()), half);
        ws.send_binary(&vec![2; last]);
    }
    assert_eq!(sim.events().len(), 3);
    closed(ws, 1009);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn attachment_time() {
    let time = Duration::from_secs(3);
    for (late, reason) in [(false, "event 1 x"), (true, "disconnect 1 Violation(AttachmentsLate)")]
    {
        let mut sim = limited(|limits| limits.attachment_time = time);
        let mut ws = sim.joined();
        ws.send(PLACES);
        ws.send_binary(b"1");
        sim.advance(if late { 3_000 } else { 2_999 });
        ws.send_binary(b"2");
        assert!(sim.events()[1].starts_with(reason), "{late}");
    }
}

#[test]
fn handshakes() {
    let sim = limited(|limits| limits.handshakes = 2);
    let first = sim.websocket();
    let mut second = sim.websocket();
    assert_eq!((sim.counts().handshakes, sim.turned_away()), (2, [0, 0, 0]));
    let mut third = sim.polling();
    closed(first, 1000);
    assert_eq!((sim.counts().handshakes, sim.turned_away()), (2, [1, 0, 0]));
    second.join("/");
    let mut fourth = sim.websocket();
    assert_eq!((sim.counts().handshakes, sim.turned_away()), (2, [1, 0, 0]));
    third.join("/");
    assert_eq!(sim.counts().handshakes, 1);
    fourth.vanish();
    assert_eq!((sim.counts().handshakes, sim.counts().sessions), (0, 2));
}

/// Checks that no session can be opened, on any shard.
fn is_full(sim: &mut Sim, shards: usize) {
    for shard in 0..shards {
        for opening in [handshake(), upgrade("/socket.io/?EIO=4&transport=websocket")] {
            let mut tcp = sim.on_shard(shard).tcp();
            tcp.send(opening);
            let answer = tcp.answer().unwrap();
            assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
            assert!(answer.hint.unwrap().contains("Limits::sessions or Limits::bytes"));
        }
    }
}

#[test]
fn sessions() {
    let mut sim = Sim::sharded(2, |config| config.limits.sessions = 2);
    let mut first = sim.joined();
    let _second = sim.on_shard(1).polling();
    is_full(&mut sim, 2);
    assert_eq!((sim.counts().sessions, sim.turned_away()), (2, [0, 4, 0]));
    first.vanish();
    let _third = sim.on_shard(0).polling();
    is_full(&mut sim, 2);
}

/// Emits to the nth socket so that what waits for it costs so many bytes more.
fn emit_bytes(sim: &Sim, number: usize, bytes: usize) {
    let empty = r#"42["x",""]"#.len() + PART;
    let args = format!("[\"{}\"]", "x".repeat(bytes - empty));
    sim.socket(number).emit("x", &args).unwrap();
}

#[test]
fn bytes() {
    const LIMIT: usize = 20_000;
    let mut sim = limited(|limits| limits.bytes = LIMIT);
    let clients = [(); 3].map(|()| joined_polling(&sim));
    emit_bytes(&sim, 1, 1000);
    emit_bytes(&sim, 2, 5000);
    let most = LIMIT / 16 * 14;
    let rest = most - sim.counts().heads - sim.counts().bytes;
    emit_bytes(&sim, 3, 3000);
    emit_bytes(&sim, 3, rest - 3000);
    assert_eq!(sim.counts().heads + sim.counts().bytes, most);
    assert_eq!((sim.counts().sessions, sim.turned_away()), (3, [0, 0, 0]));
    emit_bytes(&sim, 1, 500);
    assert_eq!(sim.events()[3..], ["disconnect 3 SlowConsumer"], "most waited for it");
    assert_eq!((sim.counts().bytes, sim.turned_away()), (6500, [0, 0, 1]));
    drop(clients);
    // It comes down by more than it has to, so that the next packet does not end the next session.
    let _fourth = joined_polling(&sim);
    emit_bytes(&sim, 4, LIMIT / 4 * 3 - sim.counts().heads - sim.counts().bytes);
    emit_bytes(&sim, 4, LIMIT / 8);
    assert_eq!(sim.counts().sessions, 3);
}

#[test]
fn nobody_comes_and_nothing_volatile_is_sent_while_all_bytes_are_taken() {
    let mut sim = limited(|limits| limits.bytes = 1024);
    let mut witness = sim.joined();
    assert_eq!(sim.socket(1).emit_volatile("x"), Ok(true));
    assert_eq!(witness.recv(), "42[\"x\"]");
    // No session can be ended for its backlog: there are heads only.
    let mut others = Vec::new();
    while sim.counts().heads <= 1024 {
        others.push(sim.polling());
    }
    is_full(&mut sim, 1);
    assert_eq!(sim.socket(1).emit_volatile("x"), Ok(false));
    assert_eq!(sim.socket(1).emit("y", "[]"), Ok(()));
    assert_eq!(witness.recv(), "42[\"y\"]");
    others.pop().unwrap().post("1");
    assert_eq!(sim.socket(1).emit_volatile("x"), Ok(true));
    let _next = sim.polling();
    assert_eq!(sim.turned_away(), [0, 2, 0]);
}

#[test]
fn what_waits_for_many_takes_its_bytes_once() {
    const CLIENTS: usize = 50;
    let mut sim = Sim::sharded(2, |config| config.limits.bytes = 500_000);
    let _clients: Vec<_> = (0..CLIENTS)
        .map(|n| {
            sim.on_shard(n % 2);
            joined_polling(&sim)
        })
        .collect();
    let text = format!("[\"{}\"]", "x".repeat(100_000));
    for count in 1..=3 {
        sim.broadcast(&Target::namespace("/"), "x", &text);
        assert!(sim.counts().bytes > count * CLIENTS * 100_000);
        assert_eq!(sim.turned_away(), [0, 0, 0]);
    }
    // Nor does it keep anybody out.
    let _next = joined_polling(&sim);
    (0..3).for_each(|_| sim.broadcast(&Target::namespace("/"), "x", &text));
    // The packet lives as long as one of the sessions that share it.
    assert_eq!(sim.turned_away(), [0, 0, CLIENTS]);
}

#[test]
fn who_is_not_admitted_in_time_makes_room_for_others() {
    let mut sim = limited(|limits| limits.handshakes = 1);
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    assert_eq!(sim.counts().handshakes, 1);
    sim.advance(45_000);
    assert_eq!(sim.counts().handshakes, 0);
    let _next = sim.polling();
}

#[test]
fn bare_sessions_are_no_handshakes() {
    let sim = Sim::with(|config| {
        config.layer = sansocket::Layer::EngineIo;
        config.limits.handshakes = 0;
    });
    let _ws = sim.websocket();
    assert_eq!(sim.counts().handshakes, 0);
}

#[test]
fn namespaces() {
    let mut sim = limited(|limits| limits.namespaces = 2);
    let mut ws = sim.joined();
    ws.join("/b");
    assert_eq!(sim.counts().sockets, 2);
    ws.send("40/c,");
    closed(ws, 1008);
    let left = sim.events().split_off(2);
    assert!(left.iter().all(|line| line.ends_with("Violation(TooManyNamespaces)")), "{left:?}");
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn namespace_name() {
    let mut sim = limited(|limits| limits.namespace_name = 4);
    let mut ws = sim.websocket();
    ws.join("/abc");
    ws.send("40/abcd,");
    closed(ws, 1008);
    ended_by(&mut sim, "InvalidPacket");
}

#[test]
fn rooms() {
    let sim = limited(|limits| limits.rooms = 2);
    let _ws = sim.joined();
    let socket = sim.socket(1);
    assert_eq!((socket.join("a"), socket.join("b")), (Ok(true), Ok(true)));
    assert_eq!(socket.join("c"), Err(JoinError::Misuse(Misuse::TooManyRooms)));
    assert_eq!(sim.counts().rooms, 2);
    assert!(socket.leave("a"));
    assert_eq!(sim.counts().rooms, 1);
    assert_eq!(socket.join("c"), Ok(true));
}

#[test]
fn questions() {
    let mut sim = limited(|limits| limits.questions = 2);
    let mut ws = sim.joined();
    let mut other = sim.joined();
    let socket = sim.socket(1);
    socket.ask("a", 1_000).unwrap();
    sim.ask_all(&Target { rooms: &[&socket.id], ..Target::namespace("/") }, "b", 1_000);
    assert_eq!(socket.ask("c", 1_000).err(), Some(Refused::TooManyQuestions));
    assert_eq!(ws.all().len(), 2, "what is refused is not sent");
    assert_eq!(sim.counts().questions, 3);

    // In a broadcast, clients with too many open questions count as missing at once.
    sim.events();
    sim.ask_all(&Target::namespace("/"), "d", 1_000);
    assert_eq!((ws.all().len(), other.recv().as_str()), (0, "423[\"d\"]"));
    other.send("433[1]");
    let heard = sim.events();
    assert!(heard.last().unwrap().ends_with("done, 1 missing"), "{heard:?}");

    ws.send("430[]");
    socket.ask("e", 1_000).unwrap();
    sim.advance(1_000);
    assert_eq!(sim.counts().questions, 0);
    assert!(socket.ask("f", 1_000).is_ok() && socket.ask("g", 1_000).is_ok());
}

#[test]
fn who_owes_too_much_on_another_shard_is_missing_too() {
    let mut sim = Sim::sharded(2, |config| config.limits.questions = 1);
    sim.on_shard(1);
    let mut ws = sim.joined();
    sim.socket(1).ask("a", 1_000).unwrap();
    sim.events();
    sim.ask_all(&Target::namespace("/"), "b", 1_000);
    assert_eq!(ws.all().len(), 1);
    let heard = sim.events();
    assert!(heard.last().unwrap().ends_with("done, 1 missing"), "{heard:?}");
}

#[test]
fn pongs() {
    for (most, answered) in [(0, &[1, 5][..]), (3, &[1, 2, 3, 5]), (4, &[1, 2, 3, 4, 5])] {
        let sim = limited(|limits| limits.pongs = most);
        let mut ws = sim.websocket();
        ws.tcp.take_only(0);
        for n in 1..=5 {
            ws.send_frame(0x89, &[n]);
        }
        ws.tcp.take_only(usize::MAX);
        let expected: Vec<_> = answered.iter().map(|&n| Item::Pong(vec![n])).collect();
        assert_eq!(ws.all(), expected);
    }
}

/// What 42["e","…"] with forty letters costs.
const EVENT: usize = 50 + PART;

#[test]
fn max_backlog() {
    let sim = limited(|limits| limits.max_backlog = 2 * EVENT);
    let _client = joined_polling(&sim);
    let text = format!("[\"{}\"]", "x".repeat(40));
    assert_eq!(sim.socket(1).emit("e", &text), Ok(()));
    assert_eq!(sim.socket(1).emit("e", &text), Ok(()));
    assert_eq!(sim.socket(1).emit("e", &text), Err(Refused::Backlog { bytes: 2 * EVENT }));
    assert_eq!(sim.on(0, |server, _| server.bytes_held()), 2 * EVENT);
}

#[test]
fn max_backlog_holds_before_the_admission_as_well() {
    let mut sim = limited(|limits| limits.max_backlog = 2 * EVENT);
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    let text = format!("[\"{}\"]", "x".repeat(40));
    assert_eq!(sim.socket(1).emit("e", &text), Ok(()));
    assert_eq!(sim.socket(1).emit("e", &text), Ok(()));
    assert_eq!(sim.socket(1).emit("e", &text), Err(Refused::Backlog { bytes: 2 * EVENT }));
    assert_eq!(sim.on(0, |server, _| server.bytes_held()), 2 * EVENT);
    sim.socket(1).refuse("{}").unwrap();
    assert_eq!(sim.on(0, |server, _| server.bytes_held()), 0);
}

#[test]
fn low_water() {
    let sim = limited(|limits| limits.low_water = 100);
    let mut ws = sim.joined();
    ws.tcp.take_only(0);
    let socket = sim.socket(1);
    // Each frame has 50 bytes: two reach the mark, the third waits in the session.
    let text = format!("[\"{}\"]", "x".repeat(38));
    for (held, waiting) in [(50, 0), (100, 0), (100, 48 + PART)] {
        socket.emit("e", &text).unwrap();
        assert_eq!((ws.tcp.bytes_held(), socket.backlog()), (held, waiting));
    }
    ws.tcp.take_only(usize::MAX);
    assert_eq!(ws.all().len(), 3);
}

#[test]
fn packets_per_poll() {
    let sim = limited(|limits| limits.packets_per_poll = 3);
    let mut client = joined_polling(&sim);
    for _ in 0..4 {
        sim.socket(1).emit("x", "[]").unwrap();
    }
    assert_eq!([(); 2].map(|()| client.poll().split('\u{1e}').count()), [3, 1]);
}

/// A client that does not read although more waits for it than may, under each policy, and one that
/// reads; and what becomes of both when something is emitted and something broadcast.
struct Slow {
    sim: Sim,
    ws: WebSocket,
    other: WebSocket,
}

impl Slow {
    fn new(slow: SlowClient) -> Self {
        let mut sim = Sim::with(|config| {
            config.slow = slow;
            config.limits.max_backlog = 10_000;
            config.limits.low_water = 1_000;
        });
        let (mut ws, other) = (sim.joined(), sim.joined());
        ws.tcp.take_only(0);
        let text = format!("[\"{}\"]", "x".repeat(1_000));
        while sim.socket(1).backlog() < 10_000 {
            sim.socket(1).emit("x", &text).unwrap();
        }
        sim.events();
        Self { sim, ws, other }
    }

    fn broadcast(&mut self) {
        self.sim.broadcast(&Target::namespace("/"), "all", "[]");
        assert_eq!(self.other.recv(), "42[\"all\"]");
        assert_eq!(self.other.next(), None);
    }

    /// It reads on and gets none of the events skipped meanwhile.
    fn survives(mut self) {
        let held = self.sim.counts().bytes;
        assert!((10_000..12_000).contains(&held), "{held}");
        self.sim.on(0, |server, _| server.check());
        self.ws.tcp.take_only(usize::MAX);
        assert!(
            self.ws.all().iter().all(|item| matches!(item, Item::Text(text) if text.len() > 1_000))
        );
        assert_eq!(self.sim.events(), ["drain 1"]);
        self.sim.socket(1).emit("again", "[]").unwrap();
        assert_eq!(self.ws.recv(), "42[\"again\"]");
    }

    fn gets_cut_off(mut self) {
        assert_eq!(self.sim.events(), ["disconnect 1 SlowConsumer"]);
        assert_eq!(self.sim.socket(1).emit("x", "[]"), Err(Refused::Gone));
        let counts = self.sim.counts();
        assert_eq!((counts.sessions, counts.bytes), (1, 0));
        self.sim.on(0, |server, _| server.check());
        self.ws.tcp.take_only(usize::MAX);
        assert_eq!(self.ws.all().last(), Some(&Item::Close(1000)));
    }
}

#[test]
fn slow_refuse_tells_the_emitter_and_cuts_off_who_misses_a_broadcast() {
    let mut slow = Slow::new(SlowClient::Refuse);
    assert!(matches!(slow.sim.socket(1).emit("x", "[]"), Err(Refused::Backlog { .. })));
    assert_eq!(slow.sim.events(), [""; 0]);
    slow.broadcast();
    slow.gets_cut_off();
}

#[test]
fn slow_skip_tells_the_emitter_and_leaves_the_client_out_of_broadcasts() {
    let mut slow = Slow::new(SlowClient::Skip);
    assert!(matches!(slow.sim.socket(1).emit("x", "[]"), Err(Refused::Backlog { .. })));
    assert!(matches!(slow.sim.socket(1).ask("x", 10), Err(Refused::Backlog { .. })));
    slow.broadcast();
    assert_eq!(slow.sim.events(), [""; 0]);
    slow.survives();
}

#[test]
fn slow_drop_tells_nobody() {
    let mut slow = Slow::new(SlowClient::Drop);
    assert_eq!(slow.sim.socket(1).emit("x", "[]"), Ok(()));
    slow.broadcast();
    slow.sim.socket(1).ask("x", 10).unwrap();
    slow.sim.advance(10);
    let [answer] = &slow.sim.events()[..] else { panic!("one outcome") };
    assert!(answer.ends_with("timed out"), "{answer}");
    assert_eq!(slow.sim.counts().questions, 0);
    slow.survives();
}

#[test]
fn slow_disconnect_cuts_off_at_the_first_event() {
    let slow = Slow::new(SlowClient::Disconnect);
    assert_eq!(slow.sim.socket(1).emit("x", "[]"), Err(Refused::Gone));
    slow.gets_cut_off();
    let mut slow = Slow::new(SlowClient::Disconnect);
    assert_eq!(slow.sim.socket(1).ask("x", 10).err(), Some(Refused::Gone));
    slow.sim.advance(0);
    slow.gets_cut_off();
    let mut slow = Slow::new(SlowClient::Disconnect);
    slow.broadcast();
    slow.gets_cut_off();
}

#[test]
fn slow_clients_are_missing_where_all_are_asked() {
    for policy in [SlowClient::Skip, SlowClient::Drop] {
        let mut slow = Slow::new(policy);
        slow.sim.ask_all(&Target::namespace("/"), "q", 1_000);
        slow.other.recv();
        slow.other.send("430[]");
        let heard = slow.sim.events();
        assert!(heard.last().unwrap().ends_with("done, 1 missing"), "{policy:?}: {heard:?}");
        slow.survives();
    }
}

#[test]
fn slow_clients_cost_no_more_before_they_are_admitted() {
    // 42["x"]
    let cost = 7 + PART;
    for (policy, outcome) in [
        (SlowClient::Disconnect, Err(Refused::Gone)),
        (SlowClient::Drop, Ok(())),
        (SlowClient::Refuse, Err(Refused::Backlog { bytes: cost })),
        (SlowClient::Skip, Err(Refused::Backlog { bytes: cost })),
    ] {
        let mut sim = Sim::with(|config| {
            config.slow = policy;
            config.limits.max_backlog = cost;
        });
        sim.app(|app| app.holds = true);
        let mut ws = sim.websocket();
        ws.send("40");
        assert_eq!(sim.socket(1).emit("x", "[]"), Ok(()));
        assert_eq!(sim.socket(1).emit("x", "[]"), outcome, "{policy:?}");
        let ended = policy == SlowClient::Disconnect;
        assert_eq!(sim.counts().bytes, if ended { 0 } else { cost });
        assert_eq!(sim.counts().sessions, usize::from(!ended));
    }
}

/// A clock that moves when it is told to, and the hub's tasks.
#[derive(Clone)]
struct Still {
    now: Arc<Mutex<Instant>>,
    tasks: Arc<Mutex<Vec<BoxFuture<()>>>>,
}

impl Runtime for Still {
    fn now(&self) -> Instant {
        *self.now.lock().unwrap()
    }

    fn spawn(&self, task: BoxFuture<()>) {
        self.tasks.lock().unwrap().push(task);
    }

    fn sleep(&self, duration: Duration) -> BoxFuture<()> {
        let (clock, due) = (self.clone(), self.now() + duration);
        Box::pin(poll_fn(move |_| match clock.now() >= due {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }))
    }
}

impl Still {
    fn pass(&self, time: Duration) {
        *self.now.lock().unwrap() += time;
        let mut tasks = std::mem::take(&mut *self.tasks.lock().unwrap());
        tasks.retain_mut(|task| task.as_mut().poll(&mut context()).is_pending());
        self.tasks.lock().unwrap().append(&mut tasks);
    }
}

fn context() -> Context<'static> {
    Context::from_waker(Waker::noop())
}

/// Checks that a connection on which this comes, and no more, lives for a time and little longer; what
/// it is answered in the end.
fn lives_for(time: Duration, set: impl FnOnce(&mut Limits), comes: &str) -> String {
    let mut config = Config::default();
    set(&mut config.limits);
    let clock = Still { now: Arc::new(Mutex::new(Instant::now())), tasks: Arc::default() };
    let hub = Hub::new(App::with_config(config), clock.clone(), 1, [7; 32]);
    clock.spawn(Box::pin(Timers::new(&hub)));
    let mut connection = Connection::new(hub, None, None);
    connection.read(&mut comes.as_bytes().to_vec());
    let mut said = String::new();
    let mut look = |connection: &mut Connection| {
        let _ = connection.poll_rung(&context());
        loop {
            let mut slices = [IoSlice::new(&[]); 4];
            let filled = connection.poll_write(&mut slices);
            let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
            if bytes.is_empty() && connection.wants_look() {
                connection.quiet();
                continue;
            }
            if bytes.is_empty() {
                return connection.is_finished();
            }
            said.push_str(std::str::from_utf8(&bytes).unwrap());
            connection.wrote(bytes.len());
        }
    };
    assert!(!look(&mut connection));
    clock.pass(time - Duration::from_millis(1));
    assert!(!look(&mut connection), "it ends too early");
    // Deadlines are met within about a second.
    clock.pass(Duration::from_millis(1_100));
    assert!(look(&mut connection), "it goes on");
    said
}

#[test]
fn head_time() {
    let time = Duration::from_secs(3);
    let head = request("GET", GET, "", "");
    lives_for(time, |limits| limits.head_time = time, &head[..head.len() - 1]);
}

#[test]
fn body_time() {
    let time = Duration::from_secs(3);
    let post = request("POST", "/elsewhere", "", "12345");
    lives_for(time, |limits| limits.body_time = time, &post[..post.len() - 1]);
}

#[test]
fn idle_time() {
    let time = Duration::from_secs(3);
    let said = lives_for(time, |limits| limits.idle_time = time, &request("GET", "/", "", ""));
    assert!(said.starts_with("HTTP/1.1 404 "), "{said}");
}

/// Checks how many bytes of a long answer have to be taken in a window.
fn least_of_a_window(least: usize, set: impl Fn(&mut Limits)) {
    for (bytes, goes_on) in [(least, true), (least - 1, false)] {
        let mut config = Config::default();
        set(&mut config.limits);
        let (idle, window) = (config.limits.idle_time, config.limits.rate_window);
        let clock = Still { now: Arc::new(Mutex::new(Instant::now())), tasks: Arc::default() };
        let mut app = App::with_config(config);
        app.fallback(|_: sansocket_app::http::Request<Bytes>| "~".repeat(100_000));
        let hub = Hub::new(app, clock.clone(), 1, [7; 32]);
        clock.spawn(Box::pin(Timers::new(&hub)));
        let mut connection = Connection::new(hub, None, None);
        connection.read(&mut request("GET", "/", "", "").into_bytes());
        // What waits is looked at for the first time when it could be idle no longer.
        for (taken, time) in [(1, idle), (bytes, window), (0, Duration::ZERO)] {
            let mut slices = [IoSlice::new(&[]); 4];
            let waits = connection.poll_write(&mut slices) > 0;
            if time.is_zero() {
                assert_eq!(!connection.is_finished(), goes_on, "{bytes} of {least}");
                break;
            }
            assert!(waits && !connection.is_finished());
            connection.wrote(taken);
            let _ = connection.poll_rung(&context());
            clock.pass(time + Duration::from_millis(1_100));
        }
    }
}

#[test]
fn least_rate() {
    least_of_a_window(6000, |limits| limits.least_rate = 100);
}

#[test]
fn rate_window() {
    least_of_a_window(1024 * 5 / 2, |limits| limits.rate_window = Duration::from_millis(2500));
}

const PLACES: &str =
    "452-[\"x\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]";
