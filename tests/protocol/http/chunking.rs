//! However the client's bytes are cut, the same is understood and answered.

use proptest::prelude::*;
use proptest::sample::Index;
use testbed::{Sim, frame, handshake, normal, request, upgrade};

/// What the application heard and what the client got, ids put aside.
type Outcome = (Vec<String>, String);

/// Feeds a connection in the pieces that `split` makes of every step, and notes everything.
fn outcome(steps: fn(&str) -> Vec<Vec<u8>>, split: impl Fn(&[u8]) -> Vec<Vec<u8>>) -> Outcome {
    let mut sim = Sim::with(|config| config.limits.packets_per_poll = 1);
    let mut opener = sim.polling();
    opener.join("/");
    for i in 0..3 {
        sim.socket(1).emit("n", &format!("[{i}]")).unwrap();
    }
    let mut tcp = sim.tcp();
    let mut out = String::new();
    for step in steps(&opener.target()) {
        split(&step).iter().for_each(|piece| tcp.send(piece));
        out.push_str(&normal(&String::from_utf8_lossy(&tcp.take())));
    }
    (sim.events(), out)
}

fn whole(bytes: &[u8]) -> Vec<Vec<u8>> {
    vec![bytes.to_vec()]
}

fn cut(bytes: &[u8], cuts: &[Index]) -> Vec<Vec<u8>> {
    let mut at: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    at.extend([0, bytes.len()]);
    at.sort_unstable();
    at.windows(2).map(|piece| bytes[piece[0]..piece[1]].to_vec()).collect()
}

/// Requests of all kinds on one connection.
fn http(target: &str) -> Vec<Vec<u8>> {
    let chunked = request("POST", target, "Transfer-Encoding: chunked\r\n", "");
    let requests = [
        handshake(),
        "\r\n".into(),
        request("POST", target, "", "42[\"a\",\"é𝕊\"]\u{1e}421[\"b\"]"),
        request("GET", target, "", ""),
        "\r\n".into(),
        format!("{chunked}5;x=y\r\n42[\"c\r\n3\r\n\",1\r\n1\r\n]\r\n0\r\nTrailer: z\r\n\r\n"),
        request("POST", "/elsewhere", "", "a body nobody wants"),
        request("OPTIONS", target, "", ""),
        request("POST", target, "", "451-[\"d\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQID"),
        request("GET", target, "", ""),
        request("PUT", target, "", "xyz"),
        request("GET", "/nowhere", "Connection: close\r\n", ""),
        request("GET", "/never", "", ""),
    ];
    vec![requests.concat().into_bytes()]
}

/// A probe that follows its handshake at once, then an upgrade with the first event.
fn probe(target: &str) -> Vec<Vec<u8>> {
    let mut bytes = upgrade(&target.replace("polling", "websocket")).into_bytes();
    bytes.extend(frame(0x81, b"2probe"));
    vec![bytes, [frame(0x81, b"5"), frame(0x81, b"42[\"up\"]")].concat()]
}

/// A WebSocket session with everything frames can do.
fn websocket(_: &str) -> Vec<Vec<u8>> {
    let handshake = upgrade("/socket.io/?EIO=4&transport=websocket").into_bytes();
    let mut bytes = Vec::new();
    let long = format!("42[\"long\",\"{}\"]", "é".repeat(40_000));
    for (first, payload) in [
        (0x81, &b"40/a,{}"[..]),
        (0x89, b"ping"),
        (0x01, b"4"),
        (0x00, b"0"),
        (0x89, b""),
        (0x00, b""),
        (0x8a, b"pong"),
        (0x80, b"/\xc3\xa9,"),
        (0x02, b""),
        (0x80, b""),
        (0x81, b"3"),
        (0x81, long.as_bytes()),
        (0x82, &[7; 70_000]),
    ] {
        // Binary belongs to nothing here, except what the packet before announces.
        if first & 0x0f == 2 {
            bytes.extend(frame(0x81, b"451-/b,[\"x\",{\"_placeholder\":true,\"num\":0}]"));
        }
        bytes.extend(frame(first, payload));
    }
    let end = [frame(0x88, b"\x03\xe8bye"), frame(0x81, b"42[\"never\"]")].concat();
    vec![handshake, bytes, end]
}

/// How WebSocket sessions end by the client's fault.
fn faults() -> Vec<Vec<u8>> {
    [
        frame(0xc1, b"x"),
        frame(0x83, b"x"),
        frame(0x09, b"x"),
        frame(0x80, b"x"),
        vec![0x81, 1, b'3'],
        frame(0x81, b"3\xff"),
        [frame(0x01, b"4\xc3"), frame(0x80, b"\x28")].concat(),
        frame(0x88, b"\x03"),
        frame(0x81, &[b'3'; 61]),
        [frame(0x01, b"3"), frame(0x00, b""), frame(0x00, b""), frame(0x80, b"")].concat(),
        [frame(0x01, &[b'3'; 60]), frame(0x80, b"3")].concat(),
        [frame(0x01, b"3"), frame(0x81, b"3")].concat(),
    ]
    .into()
}

/// Requests that are refused for how they are written.
const BROKEN: [&str; 9] = [
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nabcde",
    "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +5\r\n\r\nabcde",
    "GET / HTTP/1.1\nHost: a\n\n",
    "GET / HTTP/1.1\r\nHost: a\r\n folded\r\n\r\n",
    "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
    "GET / HTTP/1.1\r\n\r\n",
    "\0\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n",
];

fn cuts() -> impl Strategy<Value = Vec<Index>> {
    prop::collection::vec(any::<Index>(), 0..12)
}

/// A connection that greets, if it does, and then sends in pieces of `size` bytes.
fn in_pieces(size: usize, greeting: &[u8], bytes: &[u8]) -> Outcome {
    let mut sim = Sim::with(|config| {
        config.limits.max_payload = 60;
        config.limits.fragments = 3;
        config.limits.head = 600;
    });
    let mut tcp = sim.tcp();
    tcp.send(greeting);
    for piece in bytes.chunks(size) {
        tcp.send(piece);
    }
    (sim.events(), normal(&String::from_utf8_lossy(&tcp.take())))
}

/// PONGs answer the latest PING, so their number depends on the bytes of one read.
fn without_pongs(out: &str) -> String {
    out.replace("\u{fffd}\u{4}ping", "").replace("\u{fffd}\0", "")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_cut_of_requests_gives_the_same_outcome(cuts in cuts()) {
        prop_assert_eq!(outcome(http, whole), outcome(http, |bytes| cut(bytes, &cuts)));
    }

    #[test]
    fn any_cut_of_an_upgrade_gives_the_same_outcome(cuts in cuts()) {
        prop_assert_eq!(outcome(probe, whole), outcome(probe, |bytes| cut(bytes, &cuts)));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..Default::default() })]

    #[test]
    fn any_cut_of_frames_gives_the_same_outcome(cuts in cuts()) {
        let (events, out) = outcome(websocket, whole);
        let (cut_events, cut_out) = outcome(websocket, |bytes| cut(bytes, &cuts));
        prop_assert_eq!(events, cut_events);
        prop_assert_eq!(without_pongs(&out), without_pongs(&cut_out));
    }
}

/// D12.
#[test]
fn byte_by_byte_everything_is_the_same() {
    let bytewise = |bytes: &[u8]| bytes.chunks(1).map(<[u8]>::to_vec).collect();
    for script in [http, probe] {
        assert_eq!(outcome(script, whole), outcome(script, bytewise));
    }
    let (events, out) = outcome(websocket, bytewise);
    let (whole_events, whole_out) = outcome(websocket, whole);
    assert_eq!((events, without_pongs(&out)), (whole_events, without_pongs(&whole_out)));
}

#[test]
fn the_outcomes_are_the_expected_ones() {
    let (events, out) = outcome(http, whole);
    assert_eq!(
        events[1..],
        [
            "event 1 a [\"é𝕊\"]",
            "event 1 b [] asking",
            "event 1 c [1]",
            "event 1 d [{\"_placeholder\":true,\"num\":0}] 0x010203"
        ]
    );
    assert_eq!(out.matches("HTTP/1.1 ").count(), 10, "{out}");
    assert!(out.contains("42[\"n\",1]") && out.contains("connection: close"), "{out}");
    let (events, out) = outcome(probe, whole);
    assert_eq!(events[1..], ["event 1 up []"]);
    assert!(out.contains("3probe") && out.contains("42[\"n\",2]"), "{out}");
    let (events, out) = outcome(websocket, whole);
    let connected = events.iter().filter(|line| line.starts_with("connect")).count();
    assert_eq!(connected, 3, "{events:?}");
    assert_eq!(events.iter().filter(|line| line.ends_with("TransportClose")).count(), 2);
    assert!(out.contains("40/é,"), "{out}");
}

/// D12.
#[test]
fn faults_are_the_same_in_any_pieces() {
    let handshake = upgrade("/socket.io/?EIO=4&transport=websocket").into_bytes();
    for fault in faults() {
        let bytes = [fault, frame(0x81, b"40")].concat();
        let whole = in_pieces(usize::MAX, &handshake, &bytes);
        assert_eq!(whole.0, [""; 0], "nothing was joined");
        for size in 1..20 {
            assert_eq!(in_pieces(size, &handshake, &bytes), whole, "{size}");
        }
    }
    for broken in BROKEN {
        let whole = in_pieces(usize::MAX, b"", broken.as_bytes());
        assert!(whole.1.starts_with("HTTP/1.1 ") && !whole.1.contains("200 OK"), "{broken}");
        for size in 1..20 {
            assert_eq!(in_pieces(size, b"", broken.as_bytes()), whole, "{broken} {size}");
        }
    }
}
