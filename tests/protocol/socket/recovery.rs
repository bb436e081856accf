//! Connection state recovery: a client whose connection was lost comes back to where it was.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;
use sansocket::{Disconnect, Recovery, Target};
use testbed::{Item, Sim, WebSocket};

/// A process whose clients may come back.
fn process(shards: u16, set: impl FnOnce(&mut Recovery)) -> Sim {
    let mut recovery = Recovery::default();
    set(&mut recovery);
    Sim::sharded(shards, |config| {
        config.recovery = Some(recovery);
        config.ping_interval = Duration::from_secs(600);
    })
}

/// A client that comes back, and the events that it has, without their offsets.
struct Client {
    ws: WebSocket,
    pid: String,
    offset: String,
    events: Vec<String>,
    /// Whether the latest connection was recovered; nothing before it is there.
    recovered: Option<bool>,
}

impl Client {
    fn join(sim: &mut Sim, shard: usize) -> Self {
        let mut ws = sim.on_shard(shard).websocket();
        ws.send("40");
        let (pid, offset) = (String::new(), String::new());
        let mut client = Self { ws, pid, offset, events: Vec::new(), recovered: None };
        client.read();
        assert_eq!(client.recovered, Some(false));
        client
    }

    /// Takes up to so many packets.
    fn take(&mut self, most: usize) {
        for _ in 0..most {
            match self.ws.next() {
                Some(Item::Text(text)) => self.heed(&text),
                Some(other) => panic!("no text but {other:?}"),
                None => return,
            }
        }
    }

    fn read(&mut self) {
        self.take(usize::MAX);
    }

    fn heed(&mut self, text: &str) {
        if let Some(connect) = text.strip_prefix("40{\"sid\":\"…\",\"pid\":\"") {
            let pid = connect.strip_suffix("\"}").expect("nothing else");
            assert_eq!(pid.len(), 24);
            self.recovered = Some(pid == self.pid);
            self.pid = pid.into();
        } else if text != "2" {
            let (event, offset) = text.strip_suffix("\"]").expect(text).rsplit_once('"').expect("");
            self.offset = offset.into();
            self.events.push(event.trim_end_matches(',').into());
        }
    }

    /// Comes back on a shard, and leaves the answer to be read.
    fn return_to(&mut self, sim: &mut Sim, shard: usize) {
        self.ws = sim.on_shard(shard).websocket();
        self.recovered = None;
        let (pid, offset) = (&self.pid, &self.offset);
        self.ws.send(&format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"));
    }

    fn comes_back(&mut self, sim: &mut Sim, shard: usize) -> bool {
        self.return_to(sim, shard);
        self.read();
        self.recovered.expect("it is answered")
    }

    fn new_events(&mut self) -> Vec<String> {
        self.read();
        std::mem::take(&mut self.events)
    }
}

fn all() -> Target<'static> {
    Target::namespace("/")
}

#[test]
fn nothing_changes_unless_recovery_is_on() {
    let sim = Sim::new();
    let mut ws = sim.joined();
    sim.broadcast(&all(), "a", "[1]");
    sim.socket(1).emit("b", "[]").unwrap();
    assert_eq!(ws.recv(), "42[\"a\",1]");
    assert_eq!(ws.recv(), "42[\"b\"]");
    assert!(!sim.socket(1).keep("x"));
    ws.vanish();
    let mut ws = sim.websocket();
    ws.send("40{\"pid\":\"AAAAAAAAAAAAAAAAAAAAAAAA\",\"offset\":\"000000000000.0\"}");
    assert_eq!(ws.recv(), "40{\"sid\":\"…\"}");
    assert!(!sim.socket(2).recovered());
    assert_eq!((sim.counts().lost, sim.counts().remembered), (0, 0));
}

#[test]
fn events_that_are_never_compressed_are_remembered_too() {
    let mut sim = process(1, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.socket(1).emit("a", "[1]").unwrap();
    assert_eq!(client.new_events(), ["42[\"a\",1"]);
    let long = format!("[\"{}\"]", "x".repeat(70_000));
    sim.socket(1).emit_uncompressed("b", &long).unwrap();
    sim.broadcast(&Target { compress: false, ..all() }, "c", &long);
    client.ws.vanish();
    assert!(client.comes_back(&mut sim, 0));
    let missed = client.new_events();
    let lengths: Vec<_> = missed.iter().map(|event| (&event[..6], event.len())).collect();
    assert_eq!(lengths, [("42[\"b\"", 70_009), ("42[\"c\"", 70_009)]);
}

#[test]
fn a_lost_client_gets_its_id_its_rooms_and_what_it_missed_and_then_its_answer() {
    let mut sim = process(1, |_| {});
    let mut ws = sim.websocket();
    ws.send("40");
    let connect = ws.recv();
    let pid = connect.strip_prefix("40{\"sid\":\"…\",\"pid\":\"").expect(&connect);
    let pid = pid.strip_suffix("\"}").expect(&connect).to_owned();
    let client = sim.socket(1);
    client.join("room").unwrap();
    client.emit("hi", "[1,{\"a\":[]}]").unwrap();
    let hi = ws.recv();
    let offset = hi.strip_prefix("42[\"hi\",1,{\"a\":[]},\"").expect(&hi).strip_suffix("\"]");
    let offset = offset.expect(&hi).to_owned();
    // Neither has an offset.
    client.ask("q", 1000).unwrap();
    client.emit_volatile("v").unwrap();
    assert_eq!(ws.recv(), "420[\"q\"]");
    assert_eq!(ws.recv(), "42[\"v\"]");
    ws.vanish();
    sim.events();
    sim.broadcast(&Target { rooms: &["room"], ..all() }, "missed", "[]");
    sim.broadcast(&Target { rooms: &["other"], ..all() }, "not", "[]");
    sim.broadcast(&Target { rooms: &["room"], except: &[&client.id], ..all() }, "not", "[]");
    sim.broadcast(&Target { volatile: true, ..all() }, "not", "[]");
    sim.broadcast(&Target { rooms: &[&client.id], ..all() }, "yours", "[2]");
    assert_eq!(sim.counts().lost, 1);
    let mut ws = sim.websocket();
    ws.send(&format!("40{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"));
    let missed = ws.recv();
    assert!(missed.starts_with("42[\"missed\",\"") && missed.ends_with("\"]"), "{missed}");
    let yours = ws.recv();
    assert!(yours.starts_with("42[\"yours\",2,\"") && yours.ends_with("\"]"), "{yours}");
    assert_eq!(ws.recv(), connect, "the private id is the same");
    assert_eq!(ws.next(), None);
    let back = sim.socket(2);
    assert_eq!((back.id.as_str(), back.recovered()), (client.id.as_str(), true));
    assert_eq!(back.rooms(), ["room"]);
    sim.broadcast(&Target { rooms: &["room"], ..all() }, "live", "[]");
    sim.broadcast(&Target { rooms: &[&client.id], ..all() }, "live", "[]");
    assert_eq!(ws.all().len(), 2);
    assert_eq!(sim.counts().lost, 0);
}

/// C29.
#[test]
fn c29_a_claim_that_does_not_fit_begins_a_new_session() {
    let mut sim = process(2, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    client.ws.vanish();
    let (pid, offset) = (client.pid.clone(), client.offset.clone());
    let unknown = format!("{}A", &pid[..23]);
    for (auth, namespace) in [
        (format!("{{\"pid\":\"{pid}\"}}"), ""),
        (format!("{{\"offset\":\"{offset}\"}}"), ""),
        (format!("{{\"pid\":\"{unknown}\",\"offset\":\"{offset}\"}}"), ""),
        (format!("{{\"pid\":[\"{pid}\"],\"offset\":\"{offset}\"}}"), ""),
        (format!("{{\"a\":{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}}}"), ""),
        (format!("{{\"pid\":\"{pid}\",\"offset\":7}}"), ""),
        (format!("{{\"pid\":\"{pid}\",\"offset\":\"x\"}}"), ""),
        ("{\"pid\":\"_____________________w\",\"offset\":\"000000000000.0\"}".into(), ""),
        (format!("{{\"pid\":\"{pid}\",\"offset\":\"{offset}\"}}"), "/other,"),
    ] {
        for shard in 0..2 {
            let mut ws = sim.on_shard(shard).websocket();
            ws.send(&format!("40{namespace}{auth}"));
            let answer = ws.recv();
            assert!(answer.contains("\"sid\"") && !answer.contains(&pid), "{auth}: {answer}");
        }
    }
    assert!(client.comes_back(&mut sim, 1), "none of them took its place");
}

/// C29.
#[test]
fn c29_a_private_id_is_good_for_one_return() {
    let mut sim = process(2, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    let mut thief = Client {
        ws: sim.websocket(),
        events: Vec::new(),
        recovered: None,
        pid: client.pid.clone(),
        offset: client.offset.clone(),
    };
    assert!(!thief.comes_back(&mut sim, 1), "its client is here");
    client.ws.vanish();
    assert!(client.comes_back(&mut sim, 1));
    for shard in 0..2 {
        thief.pid = client.pid.clone();
        assert!(!thief.comes_back(&mut sim, shard), "its client is back");
    }
    let ids: Vec<_> = (1..=5).map(|n| sim.socket(n).id).collect();
    let of_client = ids.iter().filter(|id| **id == ids[0]).count();
    assert_eq!(of_client, 2, "the client, twice");
}

/// C29.
#[test]
fn c29_whoever_left_or_was_made_to_leave_does_not_come_back() {
    for end in 0..4 {
        let mut sim = process(1, |_| {});
        let mut client = Client::join(&mut sim, 0);
        sim.broadcast(&all(), "a", "[]");
        client.read();
        match end {
            0 => client.ws.send("41"),
            1 => sim.socket(1).disconnect(Disconnect::Namespace),
            2 => sim.socket(1).disconnect(Disconnect::Connection),
            _ => client.ws.send("nonsense"),
        }
        client.ws.vanish();
        assert_eq!(sim.counts().lost, 0);
        assert!(!client.comes_back(&mut sim, 0), "{end}");
    }
    let mut sim = process(1, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    sim.socket(1).close_transport();
    assert!(client.comes_back(&mut sim, 0), "its transport was closed, and no more");
}

/// C30.
#[test]
fn c30_a_lost_client_is_forgotten_after_its_time() {
    for (waits, returns) in [(119_999, true), (120_000, false)] {
        let mut sim = process(1, |_| {});
        let mut client = Client::join(&mut sim, 0);
        sim.broadcast(&all(), "a", "[]");
        client.read();
        assert!(sim.socket(1).keep("its data"));
        client.ws.vanish();
        sim.events();
        sim.advance(waits);
        assert_eq!(sim.counts().lost, usize::from(returns));
        let told = if returns { vec![] } else { vec!["forgotten Some(\"its data\")"] };
        assert_eq!(sim.events(), told);
        assert_eq!(client.comes_back(&mut sim, 0), returns);
    }
}

#[test]
fn the_last_event_may_be_long_ago() {
    let mut sim = process(1, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.new_events();
    sim.advance(500_000);
    client.ws.vanish();
    sim.broadcast(&all(), "b", "[]");
    assert!(client.comes_back(&mut sim, 0));
    assert_eq!(client.new_events(), ["42[\"b\""]);
}

#[test]
fn what_is_attached_comes_back_too_or_is_returned() {
    let mut sim = process(2, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    assert!(sim.socket(1).keep("its data"));
    client.ws.vanish();
    assert!(client.comes_back(&mut sim, 1));
    assert_eq!(sim.socket(2).kept(), Some("its data"));
    sim.events();
    client.ws.send("41");
    assert_eq!(sim.events(), ["forgotten Some(\"its data\")", "disconnect 2 ClientDisconnect"]);
}

/// C30.
#[test]
fn c30_the_oldest_lost_client_makes_room() {
    let mut sim = process(1, |recovery| recovery.clients = 2);
    let mut clients: Vec<_> = (0..3).map(|_| Client::join(&mut sim, 0)).collect();
    sim.broadcast(&all(), "a", "[]");
    for client in &mut clients {
        client.read();
        client.ws.vanish();
    }
    assert_eq!(sim.counts().lost, 2);
    let back: Vec<_> = clients.iter_mut().map(|client| client.comes_back(&mut sim, 0)).collect();
    assert_eq!(back, [false, true, true]);
}

/// C30.
#[test]
fn c30_rooms_with_long_names_count_in_bytes() {
    let mut sim = process(1, |recovery| recovery.bytes = 4096);
    let mut clients: Vec<_> = (0..2).map(|_| Client::join(&mut sim, 0)).collect();
    for n in 1..=2 {
        sim.socket(n).join(&"x".repeat(2000)).unwrap();
    }
    sim.broadcast(&all(), "a", "[]");
    for client in &mut clients {
        client.read();
        client.ws.vanish();
    }
    assert_eq!(sim.counts().lost, 1);
    assert!(sim.counts().remembered < 4096 + 1024);
}

/// C30.
#[test]
fn c30_a_client_that_missed_more_events_than_are_kept_starts_anew() {
    for (events, returns) in [(9, true), (10, false)] {
        let mut sim = process(2, |recovery| recovery.packets = 10);
        let mut client = Client::join(&mut sim, 1);
        sim.broadcast(&all(), "a", "[]");
        client.read();
        client.ws.vanish();
        for _ in 0..events {
            sim.broadcast(&all(), "b", "[]");
        }
        assert_eq!(client.comes_back(&mut sim, 0), returns, "{events}");
        sim.advance(120_000);
        assert_eq!(sim.counts().lost, 0);
    }
}

/// C30.
#[test]
fn c30_the_memory_of_events_is_bounded_in_bytes() {
    let mut sim = process(2, |recovery| recovery.bytes = 10_000);
    let _client = Client::join(&mut sim, 0);
    for _ in 0..100 {
        sim.broadcast(&all(), "a", &format!("[\"{}\"]", "x".repeat(1000)));
    }
    let counts = sim.counts();
    assert!((10_000..=20_000).contains(&counts.remembered), "{counts:?}");
    sim.broadcast(&all(), "a", &format!("[\"{}\"]", "x".repeat(20_000)));
    assert_eq!(sim.counts().remembered, 0, "one that is too long is not kept");
}

/// C30.
#[test]
fn c30_a_client_is_not_sent_more_than_its_backlog_may_hold() {
    let mut sim = Sim::with(|config| {
        config.recovery = Some(Recovery::default());
        config.limits.max_backlog = 10_000;
    });
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    client.ws.vanish();
    for _ in 0..10 {
        sim.broadcast(&all(), "a", &format!("[\"{}\"]", "x".repeat(1000)));
    }
    assert!(!client.comes_back(&mut sim, 0));
}

#[test]
fn what_is_sent_while_the_application_decides_is_not_lost() {
    let mut sim = process(2, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.new_events();
    client.ws.vanish();
    sim.app(|app| app.holds = true);
    client.return_to(&mut sim, 1);
    sim.broadcast(&all(), "b", "[]");
    // It is cut off meanwhile, and comes back to another shard.
    client.ws.vanish();
    sim.broadcast(&all(), "c", "[]");
    client.return_to(&mut sim, 0);
    sim.broadcast(&all(), "d", "[]");
    client.read();
    assert_eq!(client.recovered, None);
    sim.socket(3).emit("held", "[]").unwrap();
    sim.socket(3).admit().unwrap();
    assert_eq!(client.new_events(), ["42[\"b\"", "42[\"c\"", "42[\"d\"", "42[\"held\""]);
    assert_eq!(client.recovered, Some(true));
}

#[test]
fn an_event_of_the_connect_handler_is_remembered() {
    let mut sim = process(2, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    for (n, shard) in [(2, 0), (3, 1), (4, 1)] {
        client.ws.vanish();
        sim.app(|app| app.holds = true);
        client.return_to(&mut sim, shard);
        sim.socket(n).emit("read", "[]").unwrap();
        sim.socket(n).emit("unread", "[]").unwrap();
        sim.socket(n).admit().unwrap();
        // The answer and the first of both; the other is lost with the connection.
        let before = client.events.len();
        while client.events.len() == before || client.recovered.is_none() {
            client.take(1);
        }
        assert_eq!(client.recovered, Some(true), "{n}");
    }
    client.read();
    let unread = client.events.iter().filter(|event| event.contains("unread")).count();
    assert_eq!((unread, client.events.len()), (3, 7), "{:?}", client.events);
}

#[test]
fn an_application_may_refuse_a_client_that_comes_back() {
    let mut sim = process(1, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    client.ws.vanish();
    sim.app(|app| app.holds = true);
    client.return_to(&mut sim, 0);
    sim.socket(2).refuse("{\"message\":\"no\"}").unwrap();
    assert_eq!(client.ws.recv(), "44{\"message\":\"no\"}");
    sim.app(|app| app.holds = false);
    assert!(!client.comes_back(&mut sim, 0));
}

#[test]
fn a_client_that_missed_too_much_while_it_waited_starts_anew() {
    let mut sim = process(1, |recovery| recovery.packets = 3);
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    client.ws.vanish();
    sim.app(|app| app.holds = true);
    client.return_to(&mut sim, 0);
    for _ in 0..4 {
        sim.broadcast(&all(), "b", "[]");
    }
    assert!(sim.socket(2).admit().is_err());
    assert!(matches!(client.ws.next(), Some(Item::Close(_))));
    sim.app(|app| app.holds = false);
    assert!(!client.comes_back(&mut sim, 0));
}

#[test]
fn shards_that_lag_behind_neither_lose_nor_repeat_an_event() {
    let mut sim = process(3, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.new_events();
    client.ws.vanish();
    sim.hold_mail(true);
    // The third shard sends; the first knows, the second does not.
    let send = |name: &str| {
        let args = sansocket::ArgsRef::NONE;
        sim.on(2, |server, _| server.broadcast(&all(), name, args)).unwrap();
    };
    send("seen by the first");
    send("seen by none");
    sim.carry(2, 0);
    client.return_to(&mut sim, 1);
    sim.carry(1, 0);
    sim.carry(0, 1);
    client.read();
    assert_eq!(client.recovered, None, "the second shard lags behind the first");
    sim.carry(2, 1);
    client.read();
    assert_eq!(client.recovered, Some(true));
    sim.carry(2, 1);
    sim.hold_mail(false);
    assert_eq!(client.new_events(), ["42[\"seen by the first\"", "42[\"seen by none\""]);
}

#[test]
fn a_client_that_is_cut_off_while_shards_talk_comes_back_later() {
    let mut sim = process(3, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.new_events();
    client.ws.vanish();
    sim.events();
    sim.hold_mail(true);
    client.return_to(&mut sim, 1);
    assert_eq!(sim.events(), [""; 0], "the application does not know of it yet");
    client.ws.vanish();
    client.return_to(&mut sim, 2);
    client.ws.vanish();
    sim.hold_mail(false);
    assert_eq!(sim.events(), [""; 0]);
    assert_eq!((sim.counts().sockets, sim.counts().lost), (0, 1));
    assert!(client.comes_back(&mut sim, 1));
}

#[test]
fn a_client_whose_shards_do_not_answer_is_refused_in_time() {
    let mut sim = process(2, |_| {});
    let mut client = Client::join(&mut sim, 0);
    sim.broadcast(&all(), "a", "[]");
    client.read();
    client.ws.vanish();
    sim.hold_mail(true);
    client.return_to(&mut sim, 1);
    sim.events();
    sim.advance(45_000);
    assert!(matches!(client.ws.next(), Some(Item::Close(_))), "it joined nothing in time");
    assert_eq!(sim.events(), [""; 0]);
}

#[derive(Clone, Debug)]
enum Op {
    /// A shard sends to all, to a room, or to the id of a client.
    Broadcast {
        shard: usize,
        to: usize,
    },
    /// The sender is passed over.
    Others {
        client: usize,
    },
    /// A client that is here gets an event.
    Emit {
        client: usize,
    },
    /// A client reads some packets, and the connection breaks.
    Cut {
        client: usize,
        reads: usize,
    },
    Return {
        client: usize,
        shard: usize,
    },
    Read {
        client: usize,
    },
    Carry {
        from: usize,
        to: usize,
    },
}

const SHARDS: usize = 3;
const CLIENTS: usize = 3;

fn op() -> impl Strategy<Value = Op> {
    let (client, shard) = (|| 0..CLIENTS, || 0..SHARDS);
    prop_oneof![
        6 => (shard(), 0..3 + CLIENTS).prop_map(|(shard, to)| Op::Broadcast { shard, to }),
        1 => client().prop_map(|client| Op::Others { client }),
        2 => client().prop_map(|client| Op::Emit { client }),
        4 => (client(), 0..4_usize).prop_map(|(client, reads)| Op::Cut { client, reads }),
        6 => (client(), shard()).prop_map(|(client, shard)| Op::Return { client, shard }),
        1 => client().prop_map(|client| Op::Read { client }),
        12 => (shard(), shard()).prop_map(|(from, to)| Op::Carry { from, to }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn whatever_breaks_when_nothing_is_lost_or_doubled(
        ops in prop::collection::vec(op(), 1..60),
    ) {
        let mut sim = process(SHARDS as u16, |_| {});
        let mut clients: Vec<_> = (0..CLIENTS).map(|n| Client::join(&mut sim, n)).collect();
        for n in 0..CLIENTS {
            sim.socket(n + 1).join(if n == 0 { "r" } else { "s" }).unwrap();
        }
        sim.broadcast(&all(), "first", "[]");
        clients.iter_mut().for_each(|client| drop(client.new_events()));
        let ids: Vec<_> = (1..=CLIENTS).map(|n| sim.socket(n).id).collect();
        let mut expected = vec![Vec::new(); CLIENTS];
        let mut sender = BTreeMap::new();
        let mut here = vec![true; CLIENTS];
        sim.hold_mail(true);
        for (n, op) in ops.into_iter().enumerate() {
            let json = format!("[{n}]");
            let args = sansocket::ArgsRef::from_valid(&json, &[]);
            // The number by which the test knows the latest socket of a client, if it is admitted.
            let socket = |sim: &Sim, client: usize| {
                let known = sim.known();
                (1..=known).rev().find(|&at| sim.socket(at).id == ids[client] && sim.socket(at).is_here())
            };
            match op {
                Op::Broadcast { shard, to } => {
                    let (rooms, meant): (&[&str], Vec<usize>) = match to {
                        0 => (&[], (0..CLIENTS).collect()),
                        1 => (&["r"], vec![0]),
                        2 => (&["r", "s"], (0..CLIENTS).collect()),
                        to => (&[ids[to - 3].as_str()], vec![to - 3]),
                    };
                    let to = Target { rooms, ..all() };
                    sim.on(shard, |server, _| server.broadcast(&to, "n", args)).unwrap();
                    meant.into_iter().for_each(|client| expected[client].push(n));
                    sender.insert(n, shard);
                }
                Op::Others { client } => {
                    let Some(at) = socket(&sim, client) else { continue };
                    let member = sim.socket(at);
                    let to = Target { skip: Some(member.socket), ..all() };
                    let shard = sim.shard_of(at);
                    sim.on(shard, |server, _| server.broadcast(&to, "n", args)).unwrap();
                    (0..CLIENTS).filter(|&n| n != client).for_each(|client| expected[client].push(n));
                    sender.insert(n, shard);
                }
                Op::Emit { client } => {
                    let Some(at) = socket(&sim, client) else { continue };
                    if sim.socket(at).emit("n", &json).is_ok() {
                        expected[client].push(n);
                        sender.insert(n, sim.shard_of(at));
                    }
                }
                Op::Cut { client, reads } => {
                    clients[client].take(reads);
                    clients[client].ws.vanish();
                    here[client] = false;
                }
                Op::Return { client, shard } => {
                    if !here[client] {
                        clients[client].return_to(&mut sim, shard);
                        here[client] = true;
                    }
                }
                Op::Read { client } => clients[client].read(),
                Op::Carry { from, to } => sim.carry(from, to),
            }
            for shard in 0..SHARDS {
                sim.on(shard, |server, _| server.check());
            }
        }
        sim.hold_mail(false);
        for (client, here) in clients.iter_mut().zip(here) {
            if !here {
                client.return_to(&mut sim, 0);
            }
            client.read();
            prop_assert_ne!(client.recovered, None, "it is answered");
        }
        for (client, expected) in clients.iter_mut().zip(expected) {
            let got: Vec<usize> = client.new_events().iter().map(|event| {
                event.strip_prefix("42[\"n\",").expect("an event of this test").parse().unwrap()
            }).collect();
            let mut sorted = got.clone();
            sorted.sort_unstable();
            prop_assert_eq!(&sorted, &expected, "each event comes once");
            for shard in 0..SHARDS {
                let of: Vec<_> = got.iter().filter(|n| sender[n] == shard).collect();
                prop_assert!(of.is_sorted(), "{:?}: events of a shard come in order", got);
            }
        }
    }
}
