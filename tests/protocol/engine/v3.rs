//! Engine.IO 3: payloads by lengths, binary as bytes or base64, and clients that ping.

use sansocket::{Config, Layer};
use std::time::Duration;
use testbed::{Answer, Item, Polling, Sim, normal, request, upgrade};

/// A server of bare messages that sends every one back.
fn echo() -> Sim {
    echo_with(|_| {})
}

fn echo_with(set: impl FnOnce(&mut Config)) -> Sim {
    let mut sim = Sim::with(|config| {
        config.allow_eio3 = true;
        config.layer = Layer::EngineIo;
        config.ping_interval = Duration::from_millis(300);
        config.ping_timeout = Duration::from_millis(200);
        set(config);
    });
    sim.app(|app| app.echoes = true);
    sim
}

fn text(text: &str) -> Item {
    Item::Text(text.into())
}

/// Polls and returns the answer, which is there already.
fn poll(client: &mut Polling) -> Answer {
    client.get();
    client.answer().expect("the poll is answered")
}

/// Posts bytes and returns the answer.
fn post(client: &mut Polling, body: &[u8]) -> Answer {
    client.try_post_bytes(body).expect("a POST is answered")
}

#[test]
fn it_is_spoken_only_where_it_is_let_in() {
    for (allowed, status) in [(false, 400), (true, 200)] {
        let sim = Sim::with(|config| config.allow_eio3 = allowed);
        let mut tcp = sim.tcp();
        tcp.send(request("GET", "/socket.io/?EIO=3&transport=polling", "", ""));
        assert_eq!(tcp.answer().unwrap().status, status);
        for target in ["/socket.io/?transport=polling", "/socket.io/?EIO=2&transport=polling"] {
            tcp.send(request("GET", target, "", ""));
            let answer = tcp.answer().unwrap();
            assert_eq!(answer.body, r#"{"code":5,"message":"Unsupported protocol version"}"#);
        }
        assert_eq!(sim.polling().join("/").len(), 20, "revision 4 is spoken anyway");
    }
}

#[test]
fn polling_opens_with_a_payload_of_one_packet() {
    let sim = echo();
    let client = sim.polling_with("EIO=3");
    let (length, packet) = client.open.split_once(':').expect("a length");
    assert_eq!(length.parse(), Ok(packet.len()));
    assert_eq!(
        normal(packet),
        r#"0{"sid":"…","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#
    );
    assert_eq!(client.sid.len(), 20);
}

#[test]
fn websocket_opens_with_the_packet_alone() {
    let sim = echo();
    let mut ws = sim.websocket_with("EIO=3");
    assert_eq!(
        ws.recv(),
        r#"0{"sid":"…","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000}"#
    );
    assert_eq!(ws.next(), None);
}

#[test]
fn texts_are_measured_in_utf16_units() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.post("6:4hello2:4€3:4😀");
    let answer = poll(&mut client);
    assert_eq!(answer.body, "6:4hello2:4€3:4😀");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
}

#[test]
fn a_payload_with_binary_is_framed_in_bytes() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    let posted = post(&mut client, b"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\xff");
    assert_eq!((posted.status, &*posted.body), (200, "ok"));
    let answer = poll(&mut client);
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    assert_eq!(answer.bytes, b"\x00\x04\xff4\xe2\x82\xac\x01\x05\xff\x04\x01\x02\x03\xff");
    // Nothing is binary here.
    client.post("2:4é");
    let answer = poll(&mut client);
    assert_eq!(answer.body, "2:4é");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
}

#[test]
fn binary_is_base64_for_clients_that_ask_for_it() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3&b64=1");
    client.post("6:4hello10:b4AQIDBA==");
    let answer = poll(&mut client);
    assert_eq!(answer.body, "6:4hello10:b4AQIDBA==");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    let mut ws = client.upgrade();
    ws.send_binary(b"\x04\x01");
    ws.send("b4AQ==");
    assert_eq!(ws.all(), [text("b4AQ=="), text("b4AQ==")]);
}

#[test]
fn base64_is_read_from_clients_that_can_take_bytes() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.post("6:4hello10:b4AQIDBA==");
    let bytes = [0, 6, 255, 52, 104, 101, 108, 108, 111, 1, 5, 255, 4, 1, 2, 3, 4];
    assert_eq!(poll(&mut client).bytes, bytes);
}

#[test]
fn a_client_that_frames_its_texts_gets_them_framed() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.post("2:4€");
    assert_eq!(poll(&mut client).body, "2:4€");
    post(&mut client, b"\x00\x03\xff4\xc3\xa9");
    let answer = poll(&mut client);
    assert_eq!(answer.bytes, b"\x00\x03\xff4\xc3\xa9");
    assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
    post(&mut client, b"\x00\x01\xff2");
    assert_eq!(poll(&mut client).bytes, b"\x00\x01\xff3");
}

#[test]
fn binary_messages_of_a_websocket_begin_with_their_type() {
    let sim = echo();
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    ws.send_binary(b"\x04\x01\x02\x03\x04");
    ws.send_binary(b"\x04");
    ws.send("4hello");
    let expected =
        [Item::Binary(b"\x04\x01\x02\x03\x04".into()), Item::Binary(vec![4]), text("4hello")];
    assert_eq!(ws.all(), expected);
    for (wrong, how) in [(&b"\x05\x01"[..], "another type"), (b"", "no type")] {
        let mut ws = sim.websocket_with("EIO=3");
        ws.recv();
        ws.send_binary(wrong);
        assert!(matches!(ws.next(), Some(Item::Close(_))), "{how}");
    }
}

#[test]
fn payloads_that_do_not_fit_end_the_session() {
    for body in [
        &b"abc"[..],
        b":",
        b"10:4ab",
        b"1:4\xff",
        "2:4\u{1d54a}".as_bytes(),
        b"\x01\x05\xff\x04\x01\x02",
        b"\x00\x01",
        b"\x00\x01\x02\x03",
        b"\x02\x01\xff4",
        b"1:8",
        b"1:0",
        b"3:b5A",
        b"1:b",
        b"4:b4A=",
        b"\x01\x02\xff\x02\x01",
    ] {
        let sim = echo();
        let mut client = sim.polling_with("EIO=3");
        assert_eq!(post(&mut client, body).status, 400, "{body:?}");
        assert_eq!(poll(&mut client).status, 400, "{body:?}");
    }
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.post("");
    client.post("0:");
    client.post("2:4a");
    assert_eq!(poll(&mut client).body, "2:4a", "an empty payload says nothing");
}

#[test]
fn what_precedes_a_broken_packet_is_heard() {
    let mut sim = echo();
    let mut client = sim.polling_with("EIO=3");
    assert_eq!(client.try_post("2:4a2:4b1:8").unwrap().status, 400);
    let heard = ["opened 1", "received 1 a", "received 1 b"];
    assert_eq!(sim.events()[..3], heard);
}

#[test]
fn packets_of_one_payload_are_bounded() {
    let sim = echo_with(|config| config.limits.packets = 3);
    for (framed, most, more) in [
        (false, &b"1:21:21:2"[..], &b"1:21:21:21:2"[..]),
        (
            true,
            b"\x00\x01\xff2\x00\x01\xff2\x00\x01\xff2",
            b"\x00\x01\xff2\x00\x01\xff2\x00\x01\xff2\x00\x01\xff2",
        ),
    ] {
        let mut client = sim.polling_with("EIO=3");
        assert_eq!(post(&mut client, most).status, 200, "{framed}");
        assert_eq!(post(&mut client, more).status, 400, "{framed}");
    }
}

#[test]
fn octet_streams_are_for_revision_3_alone() {
    let sim = echo();
    let mut client = sim.polling();
    assert_eq!(post(&mut client, b"\x00\x02\xff4a").status, 400);
    assert_eq!(poll(&mut client).status, 400, "the session is over");
}

#[test]
fn every_request_of_a_session_names_its_revision() {
    let sim = echo();
    for (opened, other) in [("EIO=3", "EIO=4"), ("EIO=4", "EIO=3"), ("EIO=3", "EIO=2")] {
        let mut client = sim.polling_with(opened);
        let target = client.target();
        for wrong in [target.replace(opened, other), target.replace(&format!("{opened}&"), "")] {
            for method in ["GET", "POST"] {
                client.posts.send(request(method, &wrong, "", ""));
                let answer = client.posts.answer().unwrap();
                assert_eq!(answer.body, r#"{"code":3,"message":"Bad request"}"#, "{wrong}");
            }
            let mut tcp = sim.tcp();
            tcp.send(upgrade(&wrong.replace("polling", "websocket")));
            assert_eq!(tcp.answer().unwrap().status, 400);
        }
        client.upgrade();
    }
}

#[test]
fn a_client_pings_and_the_server_answers() {
    let mut sim = echo();
    let mut client = sim.polling_with("EIO=3");
    for _ in 0..3 {
        sim.advance(499);
        client.post("1:2");
        assert_eq!(poll(&mut client).body, "1:3");
    }
    client.post("6:2hello");
    assert_eq!(poll(&mut client).body, "1:3", "as the JavaScript server answers");
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    ws.send("2");
    assert_eq!(ws.recv(), "3");
}

#[test]
fn the_server_sends_no_ping() {
    let mut sim = echo();
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    for _ in 0..10 {
        sim.advance(400);
        ws.send("2");
        assert_eq!(ws.all(), [text("3")]);
    }
}

#[test]
fn a_client_that_does_not_ping_is_gone_on_either_transport() {
    let mut sim = echo();
    let mut client = sim.polling_with("EIO=3");
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    sim.advance(400);
    // Only PING counts.
    client.post("2:4a");
    assert_eq!(poll(&mut client).body, "2:4a");
    client.get();
    sim.advance(99);
    assert_eq!((client.answer(), ws.next()), (None, None));
    sim.advance(1);
    assert_eq!(client.payload(), "1:1");
    assert!(matches!(ws.next(), Some(Item::Close(_))));
    assert_eq!(sim.events().iter().filter(|line| line.ends_with("PingTimeout")).count(), 2);
}

#[test]
fn pings_are_owed_after_an_upgrade_too() {
    let mut sim = echo();
    let mut client = sim.polling_with("EIO=3");
    sim.advance(300);
    let mut ws = client.upgrade();
    sim.advance(199);
    ws.send("2");
    assert_eq!(ws.recv(), "3");
    sim.advance(499);
    assert_eq!(ws.next(), None);
    sim.advance(1);
    assert!(matches!(ws.next(), Some(Item::Close(_))));
    assert!(sim.events().contains(&"closed 1 PingTimeout".to_owned()));
}

#[test]
fn pings_are_owed_as_late_as_clients_were_told() {
    let mut sim = echo_with(|config| config.ping_grace = Duration::from_millis(100));
    let mut ws = sim.websocket_with("EIO=3");
    assert!(ws.recv().contains(r#""pingInterval":400"#));
    sim.advance(599);
    ws.send("2");
    assert_eq!(ws.recv(), "3");
}

#[test]
fn pings_are_not_awaited_where_clients_are_not_monitored() {
    let mut sim = echo_with(|config| config.monitor_clients = false);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    sim.advance(100_000);
    ws.send("2");
    assert_eq!(ws.all(), [text("3")]);
}

#[test]
fn a_pong_of_the_client_ends_the_session() {
    let sim = echo();
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    ws.send("3");
    assert!(matches!(ws.next(), Some(Item::Close(_))));
    let mut client = sim.polling_with("EIO=3");
    assert_eq!(client.try_post("1:3").unwrap().status, 400);
}

#[test]
fn a_client_that_pings_and_never_reads_is_cut_off() {
    let sim = echo_with(|config| config.limits.max_backlog = 4096);
    let mut client = sim.polling_with("EIO=3");
    let pings = "1:2".repeat(33);
    assert_eq!(client.try_post(&pings).unwrap().status, 200);
    assert_eq!(poll(&mut client).status, 400, "its session is over");
}

#[test]
fn a_session_moves_to_websocket() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    let mut ws = client.websocket();
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    assert_eq!(poll(&mut client).body, "1:6");
    ws.send("5");
    ws.send("4hello");
    assert_eq!(ws.recv(), "4hello");
    assert_eq!(poll(&mut client).status, 400);
}

#[test]
fn a_poll_that_waits_is_released_by_the_probe() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.get();
    let mut ws = client.websocket();
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    assert_eq!(client.payload(), "1:6");
}

#[test]
fn closing_releases_the_poll_in_either_order() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.get();
    client.post("1:1");
    assert_eq!(client.payload(), "1:6");
    assert_eq!(poll(&mut client).status, 400);
    let mut client = sim.polling_with("EIO=3");
    client.post("1:1");
    let target = client.target();
    client.posts.send(request("GET", &target.replace("EIO=3", "EIO=4"), "", ""));
    assert_eq!(client.posts.answer().unwrap().status, 400);
    assert_eq!(poll(&mut client).body, "1:6");
    assert_eq!(poll(&mut client).status, 400);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    ws.send("1");
    assert_eq!(ws.all(), [Item::Close(1000)]);
}

#[test]
fn overlapping_polls_end_the_session() {
    let sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.get();
    let target = client.target();
    client.posts.send(request("GET", &target, "", ""));
    assert_eq!(client.posts.answer().unwrap().status, 400);
    assert_eq!(client.payload(), "1:1");
}

#[test]
fn a_server_that_closes_says_so() {
    let mut sim = echo();
    let mut client = sim.polling_with("EIO=3");
    client.get();
    let session = sim.session(1);
    sim.on_shard(0).on(0, |server, now| server.close(now, session));
    assert_eq!(client.payload(), "1:1");
}

#[test]
fn payloads_arrive_in_any_pieces() {
    for bytes in [1, 2, 7] {
        let mut sim = echo();
        sim.chunks(bytes);
        let mut client = sim.polling_with("EIO=3");
        post(&mut client, b"\x00\x04\xff4\xe2\x82\xac\x01\x02\xff\x04\x01");
        assert_eq!(poll(&mut client).bytes, b"\x00\x04\xff4\xe2\x82\xac\x01\x02\xff\x04\x01");
    }
}

#[test]
fn an_answer_has_no_more_packets_than_the_limit() {
    let sim = echo_with(|config| config.limits.packets_per_poll = 2);
    let mut client = sim.polling_with("EIO=3");
    post(&mut client, b"\x00\x02\xff4a\x01\x01\xff\x04\x00\x02\xff4b");
    assert_eq!(poll(&mut client).bytes, b"\x00\x02\xff4a\x01\x01\xff\x04");
    assert_eq!(poll(&mut client).body, "2:4b");
}
