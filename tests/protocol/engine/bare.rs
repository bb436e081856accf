//! Engine.IO alone, without Socket.IO on it.

use sansocket::{Counts, Layer, Message, Refused};
use testbed::{Item, Sim};

fn bare() -> Sim {
    let mut sim = Sim::with(|config| {
        config.layer = Layer::EngineIo;
        config.path = "/engine.io/".into();
    });
    sim.app(|app| app.echoes = true);
    sim
}

#[test]
fn messages_are_echoed_as_text_and_binary() {
    let mut sim = bare();
    let mut ws = sim.websocket();
    ws.send("4hello é");
    ws.send_binary(&[1, 2, 3, 4]);
    ws.send("4");
    let text = |text: &str| Item::Text(text.into());
    assert_eq!(ws.all(), [text("4hello é"), Item::Binary(vec![1, 2, 3, 4]), text("4")]);
    assert_eq!(
        sim.events(),
        ["opened 1", "received 1 hello é", "received 1 0x01020304", "received 1 "]
    );
}

#[test]
fn polling_carries_binary_as_base64() {
    let sim = bare();
    let mut client = sim.polling();
    client.post("4hello\u{1e}bAQIDBA==\u{1e}4world");
    assert_eq!(client.poll(), "4hello\u{1e}bAQIDBA==\u{1e}4world");
}

#[test]
fn what_looks_like_socket_io_is_just_a_message() {
    let mut sim = bare();
    let mut ws = sim.websocket();
    ws.send("40");
    ws.send("42[\"connect\"]");
    assert_eq!(sim.events(), ["opened 1", "received 1 0", "received 1 2[\"connect\"]"]);
}

#[test]
fn nothing_has_to_be_joined() {
    let mut sim = bare();
    let mut ws = sim.websocket();
    sim.advance(25_000);
    ws.send("3");
    sim.advance(25_000);
    assert_eq!(sim.counts().sessions, 1);
}

#[test]
fn a_message_upgrades_along() {
    let sim = bare();
    let mut client = sim.polling();
    client.post("4a");
    let mut ws = client.upgrade();
    ws.send_binary(b"b");
    assert_eq!(ws.all(), [Item::Text("4a".into()), Item::Binary(b"b".into())]);
}

#[test]
fn an_upgraded_session_reports_one_end() {
    let mut sim = bare();
    let mut client = sim.polling();
    let mut ws = client.upgrade();
    ws.vanish();
    sim.advance(100_000);
    assert_eq!(sim.events(), ["opened 1", "closed 1 TransportClose"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn the_application_closes_a_session() {
    let mut sim = bare();
    let mut ws = sim.websocket();
    let session = sim.session(1);
    sim.on(0, |server, _| server.send(session, Message::Text("bye"))).unwrap();
    sim.on(0, |server, now| server.close(now, session));
    assert_eq!(ws.all(), [Item::Text("4bye".into()), Item::Close(1000)]);
    let late = sim.on(0, |server, _| server.send(session, Message::Text("late")));
    assert_eq!(late, Err(Refused::Gone));
    sim.on(0, |server, now| server.close(now, session));
    assert_eq!(sim.events(), ["opened 1", "closed 1 ForcedClose"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_closing_session_on_polling_ends_once() {
    let mut sim = bare();
    let client = sim.polling();
    let session = sim.session(1);
    sim.on(0, |server, now| server.close(now, session));
    let late = sim.on(0, |server, _| server.send(session, Message::Text("late")));
    assert_eq!(late, Err(Refused::Gone));
    sim.advance(60_000);
    drop(client);
    assert_eq!(sim.events(), ["opened 1", "closed 1 ForcedClose"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn the_checks_of_the_official_suite_hold() {
    let mut sim = bare();
    let mut client = sim.polling();
    assert_eq!(client.try_post("abc").unwrap().status, 400);
    client.get();
    assert_eq!(client.answer().unwrap().status, 400);
    let mut ws = sim.websocket();
    ws.send("abc");
    assert_eq!(ws.all(), [Item::Close(1008)]);
    let ends = ["closed 1 Violation(UnknownPacket)", "closed 2 Violation(UnknownPacket)"];
    assert_eq!(sim.events(), ["opened 1", ends[0], "opened 2", ends[1]]);
}
