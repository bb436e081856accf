//! Namespaces: joining, being refused, leaving.

use sansocket::{Counts, Disconnect, Gone, Refused, Target};
use std::time::Duration;
use testbed::{Item, Sim};

fn text(text: &str) -> Item {
    Item::Text(text.into())
}

#[test]
fn a_client_joins_several_namespaces_under_different_ids() {
    let mut sim = Sim::new();
    let mut ws = sim.websocket();
    assert_eq!(ws.join("/"), r#"40{"sid":"…"}"#);
    assert_eq!(ws.join("/custom"), r#"40/custom,{"sid":"…"}"#);
    ws.send("40/unicode-ü世");
    assert_eq!(ws.recv(), r#"40/unicode-ü世,{"sid":"…"}"#);
    assert_ne!(sim.socket(1).id, sim.socket(2).id);
    assert_eq!(sim.events(), ["connect 1 /", "connect 2 /custom", "connect 3 /unicode-ü世"]);
    assert_eq!((sim.counts().sockets, sim.counts().namespaces), (3, 3));
}

#[test]
fn the_id_a_client_learns_is_the_one_the_application_knows() {
    let sim = Sim::new();
    let mut client = sim.polling();
    let id = client.join("/");
    assert_eq!(sim.socket(1).id, id);
    assert_eq!(id.len(), 20);
    assert!(!client.sid.contains(&id));
}

#[test]
fn the_auth_payload_reaches_the_application_as_it_was_written() {
    let mut sim = Sim::new();
    let mut ws = sim.websocket();
    ws.send(r#"40/a,{ "token": "x", "n": 1.50 }"#);
    ws.send("40/b,{}");
    assert_eq!(sim.events(), [r#"connect 1 /a { "token": "x", "n": 1.50 }"#, "connect 2 /b {}"]);
}

#[test]
fn a_refused_client_gets_the_reason_and_leaves_no_residue() {
    let mut sim = Sim::new();
    let reason = r#"{"message":"not authorized","data":{"code":401}}"#;
    sim.app(|app| {
        app.refuses = vec![("/auth", reason), ("/", r#"{"message":"Invalid namespace"}"#)]
    });
    let mut ws = sim.websocket();
    ws.send("40/auth,{}");
    assert_eq!(ws.recv(), format!("44/auth,{reason}"));
    ws.send("40");
    assert_eq!(ws.recv(), r#"44{"message":"Invalid namespace"}"#);
    let counts = sim.counts();
    assert_eq!((counts.sessions, counts.links), (1, 1));
    assert_eq!((counts.sockets, counts.namespaces, counts.rooms, counts.questions), (0, 0, 0, 0));
    ws.join("/other");
    assert_eq!(sim.events().len(), 3, "no disconnect for who never was in");
}

#[test]
fn admission_may_take_its_time() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40/slow,");
    sim.advance(300);
    assert_eq!(ws.next(), None);
    sim.socket(1).admit().unwrap();
    assert_eq!(ws.recv(), r#"40/slow,{"sid":"…"}"#);
    sim.socket(1).admit().unwrap();
    assert_eq!(ws.next(), None, "admitting twice changes nothing");
    assert!(sim.socket(1).refuse("{}").is_err());
}

#[test]
fn what_is_emitted_before_admission_follows_it() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    let socket = sim.socket(1);
    socket.emit("a", "[1]").unwrap();
    socket.emit("b", "[2]").unwrap();
    assert_eq!(socket.emit_volatile("never"), Ok(false));
    assert_eq!(ws.next(), None);
    socket.admit().unwrap();
    socket.emit("c", "[]").unwrap();
    let all =
        [text(r#"40{"sid":"…"}"#), text("42[\"a\",1]"), text("42[\"b\",2]"), text("42[\"c\"]")];
    assert_eq!(ws.all(), all);
}

#[test]
fn what_is_emitted_before_a_refusal_is_never_sent() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    let socket = sim.socket(1);
    socket.emit("secret", "[]").unwrap();
    socket.ask("secret", 1000).unwrap();
    socket.join("room").unwrap();
    socket.refuse(r#"{"message":"no"}"#).unwrap();
    assert_eq!(ws.all(), [text(r#"44{"message":"no"}"#)]);
    assert_eq!(sim.events(), ["connect 1 /", "answer 1 from 1 disconnected"]);
    assert_eq!(sim.counts().rooms + sim.counts().questions + sim.counts().sockets, 0);
    assert!(socket.admit().is_err());
    assert!(socket.emit("late", "[]").is_err());
}

#[test]
fn emits_held_before_admission_are_bounded() {
    // Each costs its twenty bytes and 128 more.
    let mut sim = Sim::with(|config| config.limits.max_backlog = 50 * 148);
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    let sent = (0..100).take_while(|_| sim.socket(1).emit("x", "[\"0123456789\"]").is_ok()).count();
    assert_eq!(sent, 50);
}

#[test]
fn who_leaves_before_the_decision_is_gone_at_once() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    let socket = sim.socket(1);
    socket.emit("never", "[]").unwrap();
    socket.ask("never", 1000).unwrap();
    socket.join("room").unwrap();
    ws.send("41");
    ws.send("41");
    let heard =
        ["connect 1 /", "answer 1 from 1 disconnected", "disconnect 1 ClientDisconnect room"];
    assert_eq!(sim.events(), heard);
    let counts = sim.counts();
    assert_eq!((counts.rooms, counts.questions, counts.bytes), (0, 0, 0));
    assert_eq!(socket.emit("late", "[]"), Err(Refused::Gone));
    assert!(socket.join("room").is_err() && socket.rooms().is_empty());
    let id = socket.id.clone();
    sim.find(&Target { rooms: &[&id], ..Target::namespace("/") });
    socket.disconnect(Disconnect::Connection);
    assert_eq!(sim.events(), ["answer 2 found []"]);
    sim.on(0, |server, _| server.check());
    assert_eq!(socket.admit(), Err(Gone));
    assert_eq!(ws.next(), None);
    assert_eq!(sim.counts().sockets, 0);
}

#[test]
fn its_place_stays_taken_until_the_application_decides() {
    let mut sim = Sim::with(|config| config.limits.namespaces = 2);
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    for text in ["40/a,", "41/a,", "40/b,", "41/b,"] {
        ws.send(text);
    }
    assert_eq!(sim.counts().sockets, 2);
    // Both ways to decide free the place, so it may ask again, elsewhere or there.
    assert_eq!(sim.socket(1).admit(), Err(Gone));
    ws.send("40/c,");
    assert_eq!(sim.socket(2).refuse("{}"), Err(Gone));
    ws.send("40/b,");
    assert_eq!(sim.counts().sockets, 2);
    assert_eq!(ws.next(), None);
    sim.events();
    ws.send("40/d,");
    assert_eq!(ws.all(), [Item::Close(1008)]);
    let left = sim.events();
    assert!(left.iter().all(|line| line.ends_with("Violation(TooManyNamespaces)")), "{left:?}");
    assert_eq!((left.len(), sim.counts()), (2, Counts::default()));
}

#[test]
fn asking_and_leaving_in_turns_calls_the_application_once() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    for _ in 0..100 {
        ws.send("40{\"large\":\"…\"}");
        ws.send("41");
    }
    assert_eq!(ws.all(), [Item::Close(1008)]);
    let heard = sim.events();
    assert_eq!(heard[1..], ["disconnect 1 ClientDisconnect"], "the session ended without a client");
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn the_place_of_who_left_is_free_when_its_time_is_up() {
    let mut sim = Sim::with(|config| config.connect_timeout = Duration::from_secs(2));
    let mut ws = sim.joined();
    sim.app(|app| app.holds = true);
    ws.send("40/b,");
    ws.send("41/b,");
    sim.events();
    sim.advance(1_999);
    assert_eq!(sim.counts().sockets, 2);
    sim.advance(1);
    assert_eq!(sim.counts().sockets, 1, "nobody hears of it once more");
    assert_eq!(sim.events(), [""; 0]);
    ws.send("40/b,");
    assert_eq!(sim.counts().sockets, 2);
}

#[test]
fn broadcasts_pass_over_who_is_not_admitted() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    let target = Target::namespace("/");
    let id = sim.socket(1).id;
    sim.socket(1).join("room").unwrap();
    sim.broadcast(&target, "all", "[]");
    sim.broadcast(&Target { rooms: &["room"], ..target }, "room", "[]");
    sim.broadcast(&Target { rooms: &[&id], ..target }, "own", "[]");
    sim.socket(1).admit().unwrap();
    assert_eq!(ws.all(), [text(r#"40{"sid":"…"}"#)]);
    sim.broadcast(&Target { rooms: &["room"], ..target }, "room", "[]");
    assert_eq!(ws.recv(), "42[\"room\"]");
}

#[test]
fn events_before_admission_are_not_dispatched() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    ws.send("42[\"early\"]");
    ws.send("451-[\"early\",{\"_placeholder\":true,\"num\":0}]");
    ws.send_binary(b"x");
    ws.send("430[1]");
    sim.socket(1).admit().unwrap();
    ws.send("42[\"in time\"]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 in time []"]);
}

#[test]
fn a_client_that_asks_to_join_twice_joins_once_and_is_told_once() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40/a,");
    ws.send("40/a,{\"again\":1}");
    sim.socket(1).admit().unwrap();
    ws.send("40/a,");
    assert_eq!(ws.all(), [text("40/a,{\"sid\":\"…\"}")]);
    ws.send("42/a,[\"in\"]");
    assert_eq!(sim.events(), ["connect 1 /a", "event 1 in []"]);
    assert_eq!((sim.counts().sockets, sim.counts().namespaces), (1, 1));
}

#[test]
fn clients_that_join_several_namespaces_in_one_payload_are_in_all() {
    let sim = Sim::new();
    let mut client = sim.polling();
    client.post("40/x,\u{1e}40\u{1e}40/x,\u{1e}40/y,");
    let answer = "40/x,{\"sid\":\"…\"}\u{1e}40{\"sid\":\"…\"}\u{1e}40/y,{\"sid\":\"…\"}";
    assert_eq!(client.poll(), answer);
}

#[test]
fn a_namespace_may_be_joined_again_after_leaving() {
    let mut sim = Sim::new();
    let mut ws = sim.websocket();
    ws.join("/a");
    ws.send("41/a,");
    ws.join("/a");
    assert_eq!(sim.events(), ["connect 1 /a", "disconnect 1 ClientDisconnect", "connect 2 /a"]);
    assert!(sim.socket(1).emit("x", "[]").is_err(), "the old key is stale");
}

#[test]
fn leaving_a_namespace_keeps_the_others_and_the_transport() {
    let mut sim = Sim::new();
    let mut ws = sim.websocket();
    ws.join("/");
    ws.join("/a");
    sim.socket(2).join("room").unwrap();
    ws.send("41/a");
    ws.send("42[\"x\"]");
    assert_eq!(sim.events()[2..], ["disconnect 2 ClientDisconnect room", "event 1 x []"]);
    ws.send("41");
    sim.advance(25_000);
    assert_eq!(ws.all(), [text("2")], "the next frame is the ping");
    assert_eq!(sim.counts().sockets, 0);
}

#[test]
fn the_server_may_disconnect_one_namespace_and_keep_the_transport() {
    let mut sim = Sim::new();
    let mut ws = sim.websocket();
    ws.join("/");
    ws.join("/a");
    sim.socket(2).emit("bye", "[]").unwrap();
    sim.socket(2).disconnect(Disconnect::Namespace);
    assert_eq!(ws.all(), [text("42/a,[\"bye\"]"), text("41/a,")]);
    ws.send("42/a,[\"late\"]");
    ws.send("41/a,");
    ws.send("42[\"x\"]");
    assert_eq!(sim.events()[2..], ["disconnect 2 ServerDisconnect", "event 1 x []"]);
}

#[test]
fn packets_for_a_namespace_that_was_never_joined_are_dropped() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    for packet in ["42/b,[\"x\"]", "41/b,", "43/b,0[]"] {
        ws.send(packet);
    }
    ws.send("42[\"x\"]");
    assert_eq!(sim.events()[1..], ["event 1 x []"]);
}

#[test]
fn packets_before_any_namespace_are_against_the_protocol() {
    for packet in ["42[\"x\"]", "41", "430[]", "451-[\"x\",{\"_placeholder\":true,\"num\":0}]"] {
        let mut sim = Sim::new();
        let mut ws = sim.websocket();
        ws.send(packet);
        assert_eq!(ws.all(), [Item::Close(1008)], "{packet}");
        assert_eq!(sim.events(), [""; 0]);
        assert_eq!(sim.counts(), Counts::default());
    }
}

#[test]
fn a_connection_that_joins_nothing_is_closed_in_time() {
    let mut sim = Sim::with(|config| config.connect_timeout = Duration::from_secs(1));
    let mut ws = sim.websocket();
    let mut client = sim.polling();
    client.get();
    sim.advance(999);
    assert_eq!((ws.next(), client.answer()), (None, None));
    sim.advance(1);
    assert_eq!(ws.next(), Some(Item::Close(1008)));
    assert_eq!(client.payload(), "1");
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn only_an_admitted_client_stops_the_connect_timeout() {
    let mut sim = Sim::with(|config| config.connect_timeout = Duration::from_secs(1));
    sim.app(|app| app.refuses = vec![("/no", "{}")]);
    let mut refused = sim.websocket();
    refused.join("/no");
    let mut joined = sim.websocket();
    joined.join("/");
    joined.send("41");
    sim.advance(1000);
    assert_eq!(refused.next(), Some(Item::Close(1008)));
    assert_eq!(joined.next(), None);
}

#[test]
fn an_admission_nobody_decides_expires() {
    let mut sim = Sim::with(|config| config.connect_timeout = Duration::from_secs(1));
    let mut ws = sim.joined();
    sim.app(|app| app.holds = true);
    ws.send("40/a,");
    sim.advance(999);
    assert_eq!(ws.next(), None);
    sim.advance(1);
    assert_eq!(ws.recv(), r#"44/a,{"message":"timed out"}"#);
    assert_eq!(sim.events()[2..], ["disconnect 2 Violation(ConnectTimeout)"]);
    assert!(sim.socket(2).admit().is_err());
    assert_eq!(sim.counts().sockets, 1);
}

#[test]
fn a_client_that_leaves_before_the_decision_is_reported() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    ws.vanish();
    assert_eq!(sim.events(), ["connect 1 /", "disconnect 1 TransportClose"]);
    assert!(sim.socket(1).admit().is_err());
    assert!(sim.socket(1).refuse("{}").is_err());
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn namespaces_of_one_connection_are_counted() {
    let mut sim = Sim::with(|config| config.limits.namespaces = 3);
    let mut ws = sim.websocket();
    for name in ["/a", "/b", "/c"] {
        ws.join(name);
    }
    ws.send("41/b,");
    ws.join("/d");
    assert_eq!(sim.counts().sockets, 3);
    ws.send("40/e,");
    assert_eq!(ws.all(), [Item::Close(1008)]);
    let left = sim.events();
    assert!(
        left[5..].iter().all(|line| line.ends_with("Violation(TooManyNamespaces)")),
        "{left:?}"
    );
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn the_length_of_a_namespace_name_is_bounded() {
    let sim = Sim::with(|config| config.limits.namespace_name = 4);
    let mut ws = sim.websocket();
    assert_eq!(ws.join("/abc"), r#"40/abc,{"sid":"…"}"#);
    ws.send("40/abcd,");
    assert_eq!(ws.all(), [Item::Close(1008)]);
}

#[test]
fn every_namespace_hears_of_the_end_of_the_connection() {
    let mut sim = Sim::new();
    let mut ws = sim.websocket();
    ws.join("/");
    ws.join("/a");
    ws.vanish();
    let mut left = sim.events().split_off(2);
    left.sort();
    assert_eq!(left, ["disconnect 1 TransportClose", "disconnect 2 TransportClose"]);
}
