//! WebSocket: messages, control frames, and how it closes.

use sansocket::{Config, ConfigError, Counts, Protocols};
use testbed::{Answer, Item, Sim, WebSocket, frame, upgrade};

/// What a client gets for its last breath, and why its socket left.
fn fate(breath: impl FnOnce(&mut WebSocket)) -> (Vec<Item>, String) {
    let mut sim = Sim::with(|config| {
        config.limits.max_payload = 1000;
        config.limits.fragments = 4;
    });
    let mut witness = sim.joined();
    let mut ws = sim.joined();
    breath(&mut ws);
    let events = sim.events();
    witness.send("42[\"alive\"]");
    assert_eq!(sim.events(), ["event 1 alive []"]);
    let seen = ws.all();
    assert!(!ws.tcp.is_open() || matches!(seen.last(), Some(Item::Close(_))));
    sim.advance(5_000);
    assert!(!ws.tcp.is_open(), "nobody waits for ever");
    witness.vanish();
    assert_eq!(sim.counts(), Counts::default());
    (seen, events[2..].join("; "))
}

#[test]
fn a_session_may_begin_on_websocket() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.send("42[\"hi\",1]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 hi [1]"]);
    sim.socket(1).emit("hello", "[2]").unwrap();
    assert_eq!(ws.recv(), "42[\"hello\",2]");
}

/// The answer to a WebSocket of `query` that offers subprotocols.
fn offer(sim: &Sim, query: &str, offered: &str) -> Answer {
    let mut tcp = sim.tcp();
    let asked = upgrade(&format!("/socket.io/?EIO=4&transport=websocket{query}"));
    let field = format!("Sec-WebSocket-Protocol: {offered}\r\nUpgrade: w");
    tcp.send(asked.replace("Upgrade: w", &field));
    tcp.answer().expect("it is answered")
}

#[test]
fn one_of_the_subprotocols_that_a_client_offers_is_chosen() {
    let list = |names: &[&str]| Protocols::OneOf(names.iter().map(|&name| name.into()).collect());
    for (protocols, chosen) in [
        (Protocols::First, Some("my-app")),
        (Protocols::None, None),
        (list(&["x", "other"]), Some("other")),
        (list(&["x"]), None),
    ] {
        let sim = Sim::with(|config| config.protocols = protocols.clone());
        let moving = format!("&sid={}", sim.polling().sid);
        for query in ["", &moving] {
            let answer = offer(&sim, query, "my-app, other");
            assert_eq!(answer.status, 101, "{protocols:?}");
            assert_eq!(answer.header("sec-websocket-protocol"), chosen, "{protocols:?}");
        }
    }
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    tcp.send(upgrade("/socket.io/?EIO=4&transport=websocket"));
    let answer = tcp.answer().expect("it is answered");
    assert_eq!(answer.header("sec-websocket-protocol"), None, "nothing was offered");
}

#[test]
fn an_application_sees_which_subprotocols_were_offered() {
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    let field = "Sec-WebSocket-Protocol: v1, token.abc\r\nUpgrade: w";
    tcp.send(upgrade("/socket.io/?EIO=4&transport=websocket").replace("Upgrade: w", field));
    assert_eq!(tcp.answer().expect("it is answered").status, 101);
    tcp.send(frame(0x81, b"40"));
    assert_eq!(sim.handshake(1).header("sec-websocket-protocol"), Some("v1, token.abc"));
}

#[test]
fn subprotocols_that_are_no_list_of_names_are_refused() {
    let sim = Sim::new();
    let client = sim.polling();
    for offered in ["", ",", "a,", "a b", "a, a", "a;b", "\"a\""] {
        for query in ["", &format!("&sid={}", client.sid)] {
            let answer = offer(&sim, query, offered);
            assert_eq!(answer.body, r#"{"code":3,"message":"Bad request"}"#, "{offered:?}");
            assert!(answer.hint.expect("a hint").contains("Sec-WebSocket-Protocol"));
        }
    }
    assert_eq!((sim.counts().sessions, sim.counts().links), (1, 0));
    let mut config = Config::default();
    config.protocols = Protocols::OneOf(vec!["v1".into(), "v 2".into()]);
    assert_eq!(config.check(), Err(ConfigError::Protocol("v 2".into())));
}

#[test]
fn framing_errors_are_answered_by_1002() {
    for (bytes, violation) in [
        (frame(0xc1, b"42[\"x\"]"), "ReservedBits"),
        (frame(0x91, b""), "ReservedBits"),
        (frame(0x83, b""), "UnknownOpcode"),
        (frame(0x8b, b""), "UnknownOpcode"),
        (vec![0x81, 3, b'4', b'2', b'x'], "Mask"),
        (frame(0x09, b""), "ControlFrame"),
        (frame(0x89, &[0; 126]), "ControlFrame"),
        (frame(0x80, b"x"), "FragmentOrder"),
        ([frame(0x01, b"4"), frame(0x81, b"2")].concat(), "FragmentOrder"),
        (frame(0x88, b"\x03"), "BadClose"),
        (frame(0x88, &1005u16.to_be_bytes()), "BadClose"),
        (frame(0x88, &999u16.to_be_bytes()), "BadClose"),
        (frame(0x88, b"\x03\xe8\xff"), "BadClose"),
        (frame(0x88, &[0; 126]), "BadClose"),
        (frame(0x08, b""), "BadClose"),
    ] {
        let (seen, event) = fate(|ws| ws.tcp.send(&bytes));
        assert_eq!(seen, [Item::Close(1002)], "{violation}");
        assert_eq!(event, format!("disconnect 2 Violation({violation})"));
    }
}

#[test]
fn text_that_is_not_utf8_is_answered_by_1007() {
    for bytes in [
        frame(0x81, b"42[\"\xff\"]"),
        frame(0x81, b"42[\"\xed\xa0\x80\"]"),
        [frame(0x01, b"4\xc3"), frame(0x00, b"(")].concat(),
        [frame(0x01, b"4\xc3"), frame(0x80, b"")].concat(),
    ] {
        let (seen, event) = fate(|ws| ws.tcp.send(&bytes));
        assert_eq!(seen, [Item::Close(1007)]);
        assert_eq!(event, "disconnect 2 Violation(InvalidUtf8)");
    }
}

#[test]
fn half_a_character_that_cannot_end_well_is_refused_before_the_message_ends() {
    let (seen, _) = fate(|ws| ws.send_frame(0x01, b"4\xf4\x90"));
    assert_eq!(seen, [Item::Close(1007)]);
}

#[test]
fn packets_against_the_protocol_are_answered_by_1008() {
    for (text, violation) in [
        ("", "UnknownPacket"),
        ("x", "UnknownPacket"),
        ("2", "HeartbeatDirection"),
        ("4", "InvalidPacket"),
    ] {
        let (seen, event) = fate(|ws| ws.send(text));
        assert_eq!(seen, [Item::Close(1008)], "{text}");
        assert_eq!(event, format!("disconnect 2 Violation({violation})"));
    }
}

#[test]
fn a_message_above_the_limit_is_answered_by_1009() {
    let at_limit = format!("42[\"x\",\"{}\"]", "y".repeat(990));
    assert_eq!(at_limit.len(), 1000);
    let mut sim = Sim::with(|config| config.limits.max_payload = 1000);
    let mut ws = sim.joined();
    ws.send(&at_limit);
    assert_eq!(sim.events().len(), 2);
    for bytes in [
        frame(0x81, format!("{at_limit} ").as_bytes()),
        [frame(0x01, &at_limit.as_bytes()[..999]), frame(0x80, b"xx")].concat(),
        // The announcement alone is enough.
        vec![0x82, 0xff, 0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
        vec![0x82, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 2, 3, 4],
    ] {
        let (seen, event) = fate(|ws| ws.tcp.send(&bytes));
        assert_eq!(seen, [Item::Close(1009)]);
        assert_eq!(event, "disconnect 2 Violation(MessageTooLarge)");
    }
}

#[test]
fn fragments_are_counted_even_empty_ones() {
    let (seen, event) = fate(|ws| {
        ws.send_frame(0x01, b"4");
        (0..4).for_each(|_| ws.send_frame(0x00, b""));
    });
    assert_eq!(seen, [Item::Close(1008)]);
    assert_eq!(event, "disconnect 2 Violation(TooManyFragments)");
}

#[test]
fn as_many_fragments_as_allowed_make_a_message_around_control_frames() {
    let mut sim = Sim::with(|config| config.limits.fragments = 4);
    let mut ws = sim.joined();
    for _ in 0..2 {
        ws.send_frame(0x01, b"42[\"\xc3");
        ws.send_frame(0x89, b"ping");
        ws.send_frame(0x00, b"\xa9\"");
        ws.send_frame(0x8a, b"pong");
        ws.send_frame(0x00, b"");
        ws.send_frame(0x80, b"]");
    }
    assert_eq!(ws.all(), [Item::Pong(b"ping".to_vec()), Item::Pong(b"ping".to_vec())]);
    assert_eq!(sim.events()[1..], ["event 1 é []", "event 1 é []"]);
}

#[test]
fn pings_are_answered_with_their_payload() {
    let sim = Sim::new();
    let mut ws = sim.websocket();
    for payload in [&b""[..], b"a", &[7; 125]] {
        ws.send_frame(0x89, payload);
        assert_eq!(ws.next(), Some(Item::Pong(payload.to_vec())));
    }
    ws.send_frame(0x8a, b"unasked");
    assert_eq!(ws.next(), None);
}

#[test]
fn pings_of_a_client_that_does_not_read_cost_seventeen_pongs() {
    let sim = Sim::new();
    let mut ws = sim.websocket();
    ws.tcp.take_only(0);
    for i in 0..10_000u16 {
        ws.send_frame(0x89, &i.to_be_bytes());
    }
    assert!(ws.tcp.bytes_held() < 200, "{}", ws.tcp.bytes_held());
    ws.tcp.take_only(usize::MAX);
    let answered = (0..16).chain([9_999u16]);
    let expected: Vec<_> = answered.map(|i| Item::Pong(i.to_be_bytes().into())).collect();
    assert_eq!(ws.all(), expected);
}

#[test]
fn a_close_frame_is_echoed() {
    let (seen, event) = fate(|ws| ws.send_frame(0x88, &1000u16.to_be_bytes()));
    assert_eq!(seen, [Item::Close(1000)]);
    assert_eq!(event, "disconnect 2 TransportClose");
    let (seen, event) = fate(|ws| ws.send_frame(0x88, b"\x0f\xa0bye"));
    assert_eq!(seen, [Item::Close(4000)]);
    assert_eq!(event, "disconnect 2 TransportClose");
    let (seen, _) = fate(|ws| ws.send_frame(0x88, b""));
    assert_eq!(seen, [Item::Close(0)], "no code is answered by no code");
}

#[test]
fn nothing_after_a_close_frame_is_heard() {
    let (_, event) = fate(|ws| {
        ws.tcp.send([frame(0x88, b""), frame(0x81, b"42[\"late\"]")].concat());
    });
    assert_eq!(event, "disconnect 2 TransportClose");
}

#[test]
fn a_client_may_vanish_without_a_close_frame() {
    let (seen, event) = fate(WebSocket::vanish);
    assert_eq!(seen, []);
    assert_eq!(event, "disconnect 2 TransportClose");
}

#[test]
fn an_engine_close_packet_closes_the_websocket() {
    let (seen, event) = fate(|ws| ws.send("1"));
    assert_eq!(seen, [Item::Close(1000)]);
    assert_eq!(event, "disconnect 2 TransportClose");
}

#[test]
fn frames_that_arrive_with_the_handshake_are_read() {
    let mut sim = Sim::new();
    let mut tcp = sim.tcp();
    let mut bytes = upgrade("/socket.io/?EIO=4&transport=websocket").into_bytes();
    bytes.extend(frame(0x81, b"40"));
    bytes.extend(frame(0x81, b"40/a,"));
    tcp.send(bytes);
    assert_eq!(tcp.answer().unwrap().status, 101);
    assert_eq!(sim.events(), ["connect 1 /", "connect 2 /a"]);
}

#[test]
fn an_idle_websocket_holds_no_buffer() {
    let sim = Sim::new();
    let mut ws = sim.joined();
    ws.send_frame(0x01, b"42[\"half");
    assert!(ws.tcp.bytes_held() > 0);
    ws.send_frame(0x80, b"\"]");
    ws.send("42[\"x\"]");
    assert_eq!(ws.tcp.bytes_held(), 0);
}
