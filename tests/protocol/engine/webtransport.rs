//! WebTransport: how streams open, what they carry, and how they end.

use sansocket::{Counts, Target};
use testbed::{Item, Sim, WebTransport, packet, request};

/// A server that offers WebTransport.
fn sim() -> Sim {
    Sim::with(|config| {
        config.transports.webtransport = true;
        config.limits.max_payload = 100_000;
    })
}

/// A session on a stream that is in the main namespace.
fn joined(sim: &Sim) -> WebTransport {
    let mut stream = sim.webtransport();
    stream.send("0");
    let open = stream.recv();
    assert!(open.starts_with(r#"0{"sid":"#) && open.contains(r#""upgrades":[],"#), "{open}");
    stream.send("40");
    assert_eq!(stream.recv(), r#"40{"sid":"…"}"#);
    stream
}

#[test]
fn a_session_may_begin_on_a_stream() {
    for chunk in [0, 1, 3] {
        let mut sim = sim();
        sim.chunks(chunk);
        let mut stream = joined(&sim);
        assert_eq!(sim.socket(1).transport(), Some("webtransport"));
        stream.send("42[\"hi\",1]");
        let long = "x".repeat(70_000);
        stream.send(&format!("42[\"{long}\"]"));
        let events = sim.events();
        assert_eq!(events[..2], ["connect 1 /", "event 1 hi [1]"]);
        assert!(events[2].contains(&long));
        for text in ["", &"y".repeat(200), &long] {
            sim.socket(1).emit("echo", &format!("[\"{text}\"]")).unwrap();
            assert_eq!(stream.recv(), format!("42[\"echo\",\"{text}\"]"));
        }
    }
}

#[test]
fn a_session_moves_from_polling_to_a_stream() {
    let mut sim = sim();
    let mut client = sim.polling();
    assert!(client.open.contains(r#""upgrades":["websocket","webtransport"],"#));
    client.join("/");
    client.get();
    let mut stream = client.webtransport();
    assert_eq!(stream.all(), []);
    stream.send("2probe");
    assert_eq!(stream.recv(), "3probe");
    assert_eq!(client.payload(), "6");
    stream.send("5");
    assert_eq!(sim.socket(1).transport(), Some("webtransport"));
    stream.send("42[\"x\"]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 x []"]);
    sim.socket(1).emit("y", "[]").unwrap();
    assert_eq!(stream.recv(), "42[\"y\"]");
    client.get();
    assert_eq!(client.answer().unwrap().status, 400);
}

#[test]
fn a_broadcast_reaches_all_transports() {
    let sim = sim();
    let (mut stream, mut ws, mut client) = (joined(&sim), sim.joined(), sim.polling());
    client.join("/");
    stream.send("42[\"x\"]");
    sim.broadcast(&Target::namespace("/"), "all", "[1]");
    assert_eq!(stream.recv(), "42[\"all\",1]");
    assert_eq!(ws.recv(), "42[\"all\",1]");
    assert_eq!(client.poll(), "42[\"all\",1]");
}

#[test]
fn attachments_travel_both_ways_and_an_empty_one_as_base64() {
    let mut sim = sim();
    let mut stream = joined(&sim);
    stream.send("452-[\"b\",{\"_placeholder\":true,\"num\":0},{\"_placeholder\":true,\"num\":1}]");
    stream.send_binary(&[7; 300]);
    stream.send_binary(&[]);
    assert!(sim.events()[1].starts_with("event 1 b "));
    stream.send("451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
    stream.send("bAQI=");
    assert!(sim.events()[0].starts_with("event 1 b "));
    for (bytes, item) in [
        (vec![1, 2], Item::Binary(vec![1, 2])),
        (vec![3; 5000], Item::Binary(vec![3; 5000])),
        (vec![4; 70_000], Item::Binary(vec![4; 70_000])),
        // The JavaScript client takes an empty message for an error.
        (vec![], Item::Text("b".into())),
    ] {
        let json = r#"[{"_placeholder":true,"num":0}]"#;
        sim.socket(1).emit_binary("b", json, &[bytes.into()]).unwrap();
        assert_eq!(stream.recv(), "451-[\"b\",{\"_placeholder\":true,\"num\":0}]");
        assert_eq!(stream.next(), Some(item));
    }
}

#[test]
fn a_message_may_have_the_largest_payload_and_not_a_byte_more() {
    for (extra, ends) in [(0, false), (1, true)] {
        let mut sim = sim();
        let mut stream = joined(&sim);
        let empty = "42[\"\"]".len();
        let text = format!("42[\"{}\"]", "x".repeat(100_000 - empty + extra));
        let bytes = packet(0, text.as_bytes());
        // The header alone tells.
        stream.stream.send(&bytes[..9]);
        assert_eq!(stream.stream.is_open(), !ends);
        assert!(stream.stream.bytes_held() < 1000);
        stream.stream.send(&bytes[9..]);
        let events = sim.events();
        assert_eq!(events.len(), 2);
        assert_eq!(events[1] == "disconnect 1 Violation(MessageTooLarge)", ends);
    }
}

#[test]
fn the_largest_length_there_is_is_refused() {
    for length in [[0xff; 8], [0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]] {
        let mut sim = sim();
        let mut stream = joined(&sim);
        stream.stream.send([&[0xff], &length[..]].concat());
        assert!(!stream.stream.is_open());
        assert_eq!(sim.events()[1..], ["disconnect 1 Violation(MessageTooLarge)"]);
    }
}

#[test]
fn a_stream_that_opens_nothing_is_closed() {
    let sim = sim();
    let long = format!("0{{\"sid\":\"{}\"}}", "a".repeat(1024));
    for text in [
        "",
        "1",
        "2probe",
        "40",
        "00",
        "0{}",
        "0{\"sid\":1}",
        "0{\"sid\":\"\"}",
        "0{\"sid\":\"__proto__\"}",
        "0{\"sid\":\"constructor\"}",
        "0{\"sid\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAA\"}",
        "0{\"sid\":\"a&b=c\"}",
        "0{\"sid\":\"a b\"}",
        "0[",
        "0null",
        &long,
    ] {
        let mut stream = sim.webtransport();
        stream.send(text);
        assert!(!stream.stream.is_open(), "{text}");
        assert_eq!(stream.all(), [], "{text}");
    }
    let mut stream = sim.webtransport();
    stream.send_binary(b"0");
    assert!(!stream.stream.is_open());
    assert_eq!(sim.counts().sessions + sim.counts().links, 0);
}

#[test]
fn a_session_that_is_over_is_not_upgraded() {
    let sim = sim();
    let mut client = sim.polling();
    client.post("1");
    let mut stream = client.webtransport();
    assert!(!stream.stream.is_open());
    assert_eq!(stream.all(), []);
    assert_eq!(sim.counts().links, 0);
}

#[test]
fn a_probe_that_is_never_finished_is_given_up() {
    let mut sim = sim();
    let mut client = sim.polling();
    client.join("/");
    let mut stream = client.webtransport();
    stream.send("2probe");
    assert_eq!(stream.recv(), "3probe");
    sim.advance(11_000);
    assert!(!stream.stream.is_open());
    assert_eq!(sim.socket(1).transport(), Some("polling"));
    // A WebSocket may be tried then.
    let mut ws = client.upgrade();
    assert_eq!(sim.socket(1).transport(), Some("websocket"));
    ws.send("42[\"x\"]");
    assert_eq!(sim.events(), ["connect 1 /", "event 1 x []"]);
}

#[test]
fn another_stream_or_websocket_for_the_session_is_closed_at_once() {
    let sim = sim();
    let mut client = sim.polling();
    client.join("/");
    let mut stream = client.webtransport();
    let spare = client.webtransport();
    assert!(!spare.stream.is_open());
    let mut ws = client.websocket();
    assert_eq!(ws.all(), [Item::Close(1000)]);
    stream.send("2probe");
    stream.send("5");
    assert_eq!(stream.recv(), "3probe");
    let spare = client.webtransport();
    assert!(!spare.stream.is_open());
    assert_eq!(sim.socket(1).transport(), Some("webtransport"));
}

#[test]
fn the_heartbeat_goes_on_and_silence_ends_the_session() {
    let mut sim = sim();
    let mut stream = joined(&sim);
    for _ in 0..2 {
        sim.advance(25_000);
        assert_eq!(stream.recv(), "2");
        stream.send("3");
    }
    sim.advance(46_000);
    assert_eq!(sim.events(), ["connect 1 /", "disconnect 1 PingTimeout"]);
    assert!(!stream.stream.is_open());
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_stream_ends_after_the_last_packet() {
    let mut sim = sim();
    let mut stream = joined(&sim);
    sim.socket(1).emit("bye", "[]").unwrap();
    sim.socket(1).close_transport();
    assert_eq!(stream.recv(), "42[\"bye\"]");
    assert!(!stream.stream.is_open());
    let mut stream = joined(&sim);
    stream.send("1");
    assert!(!stream.stream.is_open());
    let mut stream = joined(&sim);
    stream.stream.vanish();
    let events = sim.events();
    assert_eq!(
        events.iter().filter(|event| event.starts_with("disconnect")).count(),
        3,
        "{events:?}"
    );
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_request_that_only_names_it_is_refused() {
    for on in [true, false] {
        let sim = Sim::with(|config| config.transports.webtransport = on);
        for method in ["GET", "POST"] {
            let mut tcp = sim.tcp();
            tcp.send(request(method, "/socket.io/?EIO=4&transport=webtransport", "", ""));
            let answer = tcp.answer().unwrap();
            assert_eq!(answer.status, 400);
            assert!(answer.body.starts_with(r#"{"code":0,"message":"Transport unknown""#));
        }
    }
}

#[test]
fn a_stream_is_refused_where_it_is_off() {
    let sim = Sim::new();
    assert!(sim.polling().open.contains(r#""upgrades":["websocket"],"#));
    let mut stream = sim.webtransport();
    stream.send("0");
    assert!(!stream.stream.is_open());
    let mut stream = sim.polling().webtransport();
    assert!(!stream.stream.is_open());
    assert_eq!(stream.all(), []);
    let sim = Sim::with(|config| {
        config.transports.webtransport = true;
        config.transports.upgrades = false;
    });
    let stream = sim.polling().webtransport();
    assert!(!stream.stream.is_open());
    joined(&sim);
}
