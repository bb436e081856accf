//! One test per defect that was found, named for its symptom.

use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::{
    Awaits, Config, Conn, Counts, Event, Handshake, Inbound, Layer, Limits, Origins, Response,
    Server, Shard, Target, Transmit, Verdict,
};
use testbed::{Item, Polling, Sim, frame, handshake, request, upgrade};

#[test]
fn a_stray_line_break_between_requests_is_overlooked() {
    for chunk in 0..3 {
        let mut sim = Sim::new();
        sim.chunks(chunk);
        let mut tcp = sim.tcp();
        tcp.send(format!("{}\r\n{}", handshake(), handshake()));
        assert_eq!(tcp.answer().unwrap().status, 200);
        assert_eq!(tcp.answer().expect("answered").status, 200, "in chunks of {chunk}");
    }
}

#[test]
fn a_chunked_post_leaves_the_connection_open() {
    let sim = Sim::new();
    let mut client = sim.polling();
    for _ in 0..2 {
        let fields = "Transfer-Encoding: chunked\r\n";
        let head = request("POST", &client.target(), fields, "");
        client.posts.send(format!("{head}1\r\n3\r\n0\r\n\r\n"));
        let answer = client.posts.answer().unwrap();
        assert_eq!((answer.status, answer.header("connection")), (200, None));
    }
    assert!(client.posts.is_open());
}

#[test]
fn a_page_may_read_the_answer_to_its_close() {
    let sim = Sim::with(|config| config.origins = Origins::Any);
    let mut client = sim.polling();
    client.posts.send(request("POST", &client.target(), "Origin: http://b.example\r\n", "1"));
    let answer = client.posts.answer().unwrap();
    assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
}

#[test]
fn a_page_may_read_that_its_post_came_too_late() {
    let ends: [fn(&mut Sim, &mut Polling); 3] = [
        |_, client| {
            let mut ws = client.websocket();
            ws.send("2probe");
            ws.recv();
            ws.send("5");
        },
        |sim, _| sim.on(0, |server, now| server.shutdown(now)),
        |sim, _| sim.advance(50_000),
    ];
    for end in ends {
        let mut sim = Sim::with(|config| config.origins = Origins::Any);
        let mut client = sim.polling();
        let fields = "Origin: http://b.example\r\nContent-Length: 2\r\n";
        client.posts.send(request("POST", &client.target(), fields, ""));
        end(&mut sim, &mut client);
        let answer = client.posts.answer().unwrap();
        assert_eq!(answer.status, 400);
        assert_eq!(answer.header("access-control-allow-origin"), Some("*"));
    }
}

#[test]
fn a_probe_does_not_outlast_the_close_timeout_of_its_session() {
    let sim = &mut Sim::with(|config| {
        config.upgrade_timeout = Duration::from_secs(10);
        config.close_timeout = Duration::from_secs(10);
    });
    let mut client = sim.polling();
    let _probe = client.websocket();
    sim.on(0, |server, now| server.shutdown(now));
    sim.advance(10_000);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_ping_is_answered_while_the_server_never_stops_sending() {
    let sim = Sim::new();
    let mut ws = sim.joined();
    ws.tcp.take_only(0);
    for _ in 0..100 {
        sim.socket(1).emit("x", &format!("[\"{}\"]", "x".repeat(4096))).unwrap();
    }
    ws.send_frame(0x89, b"there?");
    // The stream takes some, but never all.
    let mut seen = Vec::new();
    for _ in 0..40 {
        ws.tcp.take_only(3000);
        seen.extend(ws.all());
    }
    assert!(seen.contains(&Item::Pong(b"there?".to_vec())));
}

#[test]
fn a_ping_sent_with_the_handshake_is_answered_after_it() {
    let sim = Sim::new();
    let mut tcp = sim.tcp();
    tcp.take_only(0);
    let mut bytes = upgrade("/socket.io/?EIO=4&transport=websocket").into_bytes();
    bytes.extend(frame(0x89, b"a"));
    bytes.extend(frame(0x89, b"b"));
    tcp.send(bytes);
    for window in [1, 30, usize::MAX] {
        tcp.take_only(window);
    }
    let seen = String::from_utf8_lossy(&tcp.take()).into_owned();
    assert!(seen.starts_with("HTTP/1.1 101 "), "{seen}");
    assert!(seen.contains("\r\n\r\n"), "{seen}");
}

#[test]
fn a_shard_forgets_a_question_when_all_it_asked_have_answered() {
    let mut sim = Sim::sharded(2, |_| {});
    sim.on_shard(1);
    let mut ws = sim.joined();
    sim.ask_all(&Target::namespace("/"), "ready", 3_600_000);
    let question = ws.recv();
    let id = question[2..].split('[').next().unwrap();
    ws.send(&format!("43{id}[1]"));
    assert_eq!(sim.events()[1..], ["answer 1 [1]", "answer 1 done, 0 missing"]);
    assert_eq!(sim.counts().questions, 0);
}

#[test]
fn a_client_in_as_many_rooms_as_allowed_may_join_one_of_them_again() {
    let sim = Sim::with(|config| config.limits.rooms = 1);
    let _ws = sim.joined();
    assert_eq!(sim.socket(1).join("a"), Ok(true));
    assert_eq!(sim.socket(1).join("a"), Ok(false));
}

#[test]
fn text_that_waits_for_attachments_is_counted() {
    let sim = Sim::new();
    let mut ws = sim.joined();
    ws.send(&format!("451-[\"x\",\"{}\",{{\"_placeholder\":true,\"num\":0}}]", "x".repeat(5000)));
    assert!(sim.counts().bytes > 5000, "{:?}", sim.counts());
    ws.vanish();
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn ten_pings_at_once_are_answered_one_by_one() {
    let sim = Sim::new();
    let mut ws = sim.websocket();
    let pings: Vec<u8> = (0..10).flat_map(|i| frame(0x89, &[i])).collect();
    ws.tcp.send(pings);
    let expected: Vec<_> = (0..10).map(|i| Item::Pong(vec![i])).collect();
    assert_eq!(ws.all(), expected);
}

#[test]
fn a_broken_close_frame_is_answered_and_the_stream_closed() {
    for payload in [&b"\x03"[..], b"\x03\xec", b"\x03\xe8\xff", &[0; 126]] {
        let sim = Sim::new();
        let mut ws = sim.websocket();
        ws.send_frame(0x88, payload);
        assert_eq!(ws.all(), [Item::Close(1002)]);
        assert!(!ws.tcp.is_open(), "no other farewell can come");
    }
}

#[test]
fn events_that_wait_for_an_admission_are_counted() {
    let mut sim = Sim::new();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send("40");
    sim.socket(1).emit("welcome", &format!("[\"{}\"]", "x".repeat(5000))).unwrap();
    assert!(sim.counts().bytes > 5000, "{:?}", sim.counts());
    sim.socket(1).refuse("{}").unwrap();
    assert_eq!(ws.recv(), "44{}");
    assert_eq!(sim.counts().bytes, 0);
}

/// What a session keeps of a handshake with these fields.
fn opened(config: Config, fields: &[u8]) -> Arc<Handshake> {
    let (limits, now) = (Arc::new(config.limits.clone()), Instant::now());
    let mut server = Server::new(Arc::new(config), Shard::ONLY, [7; 32], now);
    let mut conn = Conn::new(limits);
    let start = b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n";
    let mut head = [start, fields, b"\r\n\r\n"].concat();
    let item = conn.decode(&mut head).poll().map(|item| server.handle(now, None, item.unwrap()));
    assert!(matches!(item, Ok(Verdict::Respond(_))), "{item:?}");
    let Some(Event::Opened { handshake, .. }) = server.poll_event() else { panic!("it opens") };
    handshake
}

/// Other servers trimmed these as well, which let any page of the domain set such a cookie.
#[test]
fn white_space_of_unicode_is_part_of_the_name_of_a_cookie() {
    for space in ["\u{2000}", "\u{85}", "\u{a0}", "\u{3000}"] {
        let mut config = Config::default();
        config.layer = Layer::EngineIo;
        let cookies = format!("Cookie: {space}__Host-sid=theirs; __Host-sid=ours");
        let handshake = opened(config, cookies.as_bytes());
        assert_eq!(handshake.cookie("__Host-sid"), Some("ours"), "{space:?}");
    }
}

#[test]
fn bytes_that_are_no_text_do_not_hide_what_the_nearest_proxy_wrote() {
    for (forwarded, expected) in [
        (&b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: \xff, 1.2.3.4"[..], Some("1.2.3.4:0")),
        (b"X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: \xff", None),
    ] {
        let mut config = Config::default();
        config.layer = Layer::EngineIo;
        config.trust_forwarded = true;
        let peer = opened(config, forwarded).peer().map(|peer| peer.to_string());
        assert_eq!(peer.as_deref(), expected);
    }
}

/// Reads some bytes of a connection, and answers a request with `verdict` and a body not at all.
fn read(conn: &mut Conn, bytes: impl AsRef<[u8]>, verdict: Verdict) -> usize {
    let mut bytes = bytes.as_ref().to_vec();
    let mut decoder = conn.decode(&mut bytes);
    let mut requests = 0;
    while let Some(item) = decoder.poll().expect("it is well formed") {
        let is_request = matches!(item, Inbound::Request(_));
        requests += usize::from(is_request);
        decoder.apply(if is_request { verdict.clone() } else { Verdict::Continue });
    }
    requests
}

#[test]
fn a_peer_whose_body_came_in_pieces_is_not_waited_for_while_the_host_takes_its_time() {
    for fields in ["Content-Length: 2\r\n", "Transfer-Encoding: chunked\r\n"] {
        let mut conn = Conn::new(Arc::new(Limits::default()));
        let verdict = Verdict::Body { link: None, limit: 10 };
        read(&mut conn, request("POST", "/", fields, ""), verdict.clone());
        let pieces =
            if fields.starts_with('C') { ["a", "b"] } else { ["2\r\na", "b\r\n0\r\n\r\n"] };
        read(&mut conn, pieces[0], verdict.clone());
        assert_eq!(conn.awaits(), Awaits::Body);
        read(&mut conn, pieces[1], verdict);
        assert_eq!(conn.awaits(), Awaits::Answer);
    }
}

#[test]
fn the_body_of_a_request_that_is_held_is_never_taken_for_another_request() {
    let inner = request("GET", "/inner", "", "");
    for split in [0, 10] {
        let mut conn = Conn::new(Arc::new(Limits::default()));
        let hold = Verdict::Hold(None);
        let whole = request("POST", "/", "", &inner);
        let (start, rest) = whole.split_at(whole.len() - split);
        assert_eq!(read(&mut conn, start, hold.clone()), 1);
        conn.push(Transmit::Response(Response::status(204)));
        assert_eq!(read(&mut conn, rest, hold.clone()), 0);
        assert_eq!(read(&mut conn, request("GET", "/", "", ""), hold), 1, "the next one is read");
    }
}

#[test]
fn the_longest_head_is_read_to_its_end_behind_a_stray_line_break() {
    let mut limits = Limits::default();
    limits.head = 128;
    let shortest = request("GET", "/", "X: \r\n", "").len();
    for len in [127, 128] {
        let fields = format!("X: {}\r\n", "x".repeat(len - shortest));
        let whole = format!("\r\n{}", request("GET", "/", &fields, ""));
        for split in 1..whole.len() {
            let mut conn = Conn::new(Arc::new(limits.clone()));
            let (start, rest) = whole.split_at(split);
            assert_eq!(read(&mut conn, start, Verdict::Pass), 0);
            assert!(conn.wants_read(), "{split} bytes of {len} are here");
            assert_eq!(read(&mut conn, rest, Verdict::Pass), 1);
        }
    }
}
