//! D: WebSocket frames and handshakes.

use flate2::Compression;
use flate2::read::{DeflateEncoder, GzEncoder, ZlibEncoder};
use sansocket::Deflate;
use std::io::{Cursor, Read};
use testbed::{Item, frame, request, upgrade};

use super::siege::{Siege, siege_of_http};

/// D1, CVE-2016-10542, CVE-2022-35922.
#[test]
fn d01_absurd_frame_lengths_are_refused_when_announced() {
    for length in [1u64 << 62, (1 << 63) - 1, u64::MAX, 1_000_001] {
        for first in [0x81, 0x82, 0x02] {
            let mut siege = Siege::new();
            let mut ws = siege.attacker();
            ws.tcp.send([&[first, 0xff][..], &length.to_be_bytes(), &[0; 4]].concat());
            assert_eq!(ws.all(), [Item::Close(1009)]);
            assert!(ws.tcp.bytes_held() < 1000);
            ws.vanish();
            assert_eq!(siege.lift(0), "disconnect 2 Violation(MessageTooLarge)");
        }
    }
}

/// D1, CVE-2016-10542, CVE-2022-35922.
#[test]
fn d01_a_length_that_is_only_announced_costs_nothing() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.tcp.send([&[0x82, 0xff][..], &1_000_000u64.to_be_bytes(), &[0; 4], b"few"].concat());
    assert!(ws.tcp.bytes_held() < 1000, "{}", ws.tcp.bytes_held());
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

/// D2, CVE-2026-48779.
#[test]
fn d02_endless_fragments_are_counted() {
    for payload in [&b""[..], b"1"] {
        let mut siege = Siege::new();
        let mut ws = siege.attacker();
        ws.send_frame(0x01, b"4");
        let fragments: Vec<u8> = (0..1000).flat_map(|_| frame(0x00, payload)).collect();
        for _ in 0..100 {
            ws.tcp.send(&fragments);
            assert!(ws.tcp.bytes_held() <= 64 * 1024, "{}", ws.tcp.bytes_held());
        }
        ws.vanish();
        assert_eq!(siege.lift(0), "disconnect 2 Violation(TooManyFragments)");
    }
}

/// D3, ws 8.23.
#[test]
fn d03_a_flood_of_pings_costs_seventeen_pongs() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.tcp.take_only(0);
    let pings: Vec<u8> = (0..1000).flat_map(|_| frame(0x89, &[7; 125])).collect();
    for _ in 0..100 {
        ws.tcp.send(&pings);
        assert!(ws.tcp.bytes_held() < 5000, "{}", ws.tcp.bytes_held());
    }
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

/// D4, CVE-2023-43669.
#[test]
fn d04_a_head_that_never_ends_is_cut_off() {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    tcp.send("GET / HTTP/1.1\r\nHost: a\r\nX: ");
    for _ in 0..20_000 {
        tcp.send("y");
        assert!(tcp.bytes_held() <= 40 * 1024, "{}", tcp.bytes_held());
    }
    assert_eq!(tcp.answer().unwrap().status, 431);
    siege.lift(0);
}

/// D5, CVE-2024-37890.
#[test]
fn d05_floods_and_duplicates_of_fields_are_refused() {
    siege_of_http(&request("GET", "/", &"A: b\r\n".repeat(2000), ""), 431);
    siege_of_http(&request("GET", "/", &"A: b\r\n".repeat(96), ""), 431);
    siege_of_http(&request("GET", "/", &"A: b\r\n".repeat(95), ""), 404);
    let good = upgrade("/socket.io/?EIO=4&transport=websocket");
    for name in ["Host", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        let line = good.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        siege_of_http(&good.replace(line, &format!("{line}\r\n{line}")), 400);
    }
}

/// D6, CVE-2021-32640.
#[test]
fn d06_odd_extensions_are_ignored_and_protocols_are_names() {
    let siege = Siege::new();
    let many: Vec<String> = (0..2500).map(|n| format!("p{n}")).collect();
    let twice = |names: &str| format!("Sec-WebSocket-Protocol: {names}\r\n").repeat(2);
    for (field, status, chosen) in [
        (format!("Sec-WebSocket-Protocol:{}x", " ".repeat(15_000)), 101, Some("x")),
        (format!("Sec-WebSocket-Protocol: {}", many.join(",")), 101, Some("p0")),
        (format!("Sec-WebSocket-Protocol: {},p0", many.join(",")), 400, None),
        (format!("Sec-WebSocket-Protocol: {}", ",".repeat(15_000)), 400, None),
        ("Sec-WebSocket-Protocol: a b".into(), 400, None),
        (twice("a").trim_end().to_owned(), 400, None),
        ("Sec-WebSocket-Extensions: constructor".into(), 101, None),
        (
            "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99; x=\"".into(),
            101,
            None,
        ),
    ] {
        let mut tcp = siege.sim.tcp();
        let whole = upgrade("/socket.io/?EIO=4&transport=websocket");
        tcp.send(whole.replace("Host:", &format!("{field}\r\nHost:")));
        let answer = tcp.answer().unwrap();
        assert_eq!(answer.status, status, "{field:.60}");
        assert_eq!(answer.header("sec-websocket-extensions"), None);
        assert_eq!(answer.header("sec-websocket-protocol"), chosen);
        tcp.vanish();
    }
    siege.lift(0);
}

/// D7.
#[test]
fn d07_a_compression_of_frames_is_neither_agreed_on_nor_read() {
    for offer in [
        "permessage-deflate",
        "permessage-deflate; client_max_window_bits; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=8, permessage-deflate",
        "x-webkit-deflate-frame",
    ] {
        let siege = Siege::new();
        let mut tcp = siege.sim.tcp();
        let whole = upgrade("/socket.io/?EIO=4&transport=websocket");
        let offer = format!("Sec-WebSocket-Extensions: {offer}\r\nHost:");
        tcp.send(whole.replace("Host:", &offer));
        let answer = tcp.answer().unwrap();
        assert_eq!((answer.status, answer.header("sec-websocket-extensions")), (101, None));
        // A bomb of 10 MB, in one frame and in fragments.
        let bomb = packed(&vec![b'4'; 10_000_000], DeflateEncoder::new);
        tcp.send([frame(0x81, b"40"), frame(0xc1, &bomb)].concat());
        assert!(tcp.bytes_held() < 1000, "{}", tcp.bytes_held());
        assert!(tcp.take().ends_with(&[0x88, 2, 0x03, 0xea]));
        tcp.vanish();
        let mut small = siege.sim.joined();
        small.send_frame(0x41, &bomb[..100]);
        assert_eq!(small.all(), [Item::Close(1002)]);
        small.vanish();
        let seen = siege.lift(0);
        assert_eq!(seen.matches("Violation(ReservedBits)").count(), 2, "{seen}");
    }
}

/// D7.
#[test]
fn d07_a_bomb_ends_at_the_limit_where_compression_is_agreed_on() {
    let bomb = packed(&vec![b'4'; 10_000_000], DeflateEncoder::new);
    let empty = b"\x00\x00\x00\xff\xff".repeat(1000);
    let big = packed(&vec![b'4'; 900_000], DeflateEncoder::new);
    for (keeps, bytes, code, held) in [
        (false, frame(0xc1, &bomb), 1009, 0),
        (true, frame(0xc1, &bomb), 1009, 0),
        (false, [frame(0x41, &bomb[..99]), frame(0x80, &bomb[99..])].concat(), 1009, 0),
        // Many messages that are just allowed take their time and nothing else.
        (false, frame(0xc2, &big).repeat(3), 1008, 0),
        (true, frame(0x42, &big), 0, 1_000_001),
        (false, [frame(0x42, &empty), frame(0x00, &empty).repeat(400)].concat(), 1009, 0),
        (false, frame(0xc1, b"\xff\xff\xff"), 1007, 0),
        (true, frame(0xc1, b"\xf2\x00\x11\x00\x00"), 1007, 0),
        (false, frame(0xc9, b""), 1002, 0),
        (false, [frame(0x41, b"\xf2"), frame(0xc0, b"\x00")].concat(), 1002, 0),
    ] {
        let mut siege = Siege::with(|config| {
            let mut deflate = Deflate::default();
            deflate.client_no_context_takeover = !keeps;
            config.deflate = Some(deflate);
        });
        let mut tcp = siege.sim.tcp();
        let whole = upgrade("/socket.io/?EIO=4&transport=websocket");
        let offer = "Sec-WebSocket-Extensions: permessage-deflate\r\nHost:";
        tcp.send(whole.replace("Host:", offer));
        assert!(tcp.answer().unwrap().header("sec-websocket-extensions").is_some());
        tcp.send(frame(0x81, b"40"));
        tcp.take();
        siege.sim.events();
        for piece in bytes.chunks(1000) {
            tcp.send(piece);
            let bound = 1_100_000 + usize::from(keeps) * 100_000;
            assert!(tcp.bytes_held() <= bound, "{}", tcp.bytes_held());
        }
        let end = tcp.take();
        let farewell = end.last_chunk().map_or(0, |code| u16::from_be_bytes(*code));
        assert_eq!(farewell, code, "{:x?}", &bytes[..bytes.len().min(20)]);
        // What reads compressed messages is kept until the farewell comes.
        let held = held + 100_000;
        assert!(tcp.bytes_held() < held, "{}", tcp.bytes_held());
        tcp.vanish();
        siege.lift(0);
    }
}

/// D7.
#[test]
fn d07_a_compressed_body_is_taken_as_it_is() {
    let bomb = vec![b'4'; 10_000_000];
    for (coding, body) in [
        ("gzip", packed(&bomb, GzEncoder::new)),
        ("deflate", packed(&bomb, ZlibEncoder::new)),
        ("gzip", packed(b"42[\"x\"]", GzEncoder::new)),
    ] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let fields = format!("Content-Encoding: {coding}\r\nContent-Length: {}\r\n", body.len());
        let head = request("POST", &client.target(), &fields, "");
        client.posts.send([head.as_bytes(), &body].concat());
        assert_eq!(client.posts.answer().unwrap().status, 400);
        assert!(client.posts.bytes_held() < 1000, "{}", client.posts.bytes_held());
        assert_eq!(siege.lift(0), "disconnect 2 Violation(InvalidUtf8)", "{coding}");
    }
}

/// What an encoder makes of bytes.
fn packed<E: Read>(bytes: &[u8], encoder: fn(Cursor<Vec<u8>>, Compression) -> E) -> Vec<u8> {
    let mut packed = Vec::new();
    let mut encoder = encoder(Cursor::new(bytes.to_vec()), Compression::best());
    encoder.read_to_end(&mut packed).expect("a vector gives everything");
    packed
}

/// D9, CVE-2020-35896.
#[test]
fn d09_a_client_that_never_reads_is_bounded_and_cut_off() {
    let mut siege = Siege::with(|config| config.limits.max_backlog = 100_000);
    let mut ws = siege.attacker();
    ws.tcp.take_only(0);
    let args = format!("[\"{}\"]", "x".repeat(1000));
    for _ in 0..1000 {
        siege.sim.broadcast(&sansocket::Target::namespace("/"), "x", &args);
        assert!(siege.sim.counts().bytes <= 102_000);
        assert!(ws.tcp.bytes_held() <= 70_000);
    }
    assert_eq!(siege.witness.all().len(), 1000);
    siege.sim.advance(5_000);
    assert!(!ws.tcp.is_open());
    assert_eq!(siege.lift(0), "disconnect 2 SlowConsumer");
}

/// D10.
#[test]
fn d10_inconsistent_headers_end_in_a_violation_or_a_wait() {
    for first in 0..=255 {
        for second in [125, 127, 128, 253, 254, 255] {
            for length in [1 << 15, u64::MAX] {
                let mut siege = Siege::new();
                let mut ws = siege.attacker();
                ws.tcp.send([&[first, second][..], &length.to_be_bytes(), &[0; 3]].concat());
                assert!(ws.tcp.bytes_held() < 1000, "{}", ws.tcp.bytes_held());
                ws.vanish();
                let end = siege.lift(0);
                assert!(end.ends_with("TransportClose") || end.contains("Violation("), "{end}");
            }
        }
    }
}

/// D11, Autobahn suite.
#[test]
fn d11_what_autobahn_checks_is_strict() {
    for (bytes, code) in [
        (frame(0xc1, b"3"), 1002),
        (frame(0xa1, b"3"), 1002),
        (frame(0x91, b"3"), 1002),
        (frame(0x83, b""), 1002),
        (frame(0x87, b""), 1002),
        (frame(0x8b, b""), 1002),
        (frame(0x8f, b""), 1002),
        (vec![0x81, 1, b'3'], 1002),
        (frame(0x09, b""), 1002),
        (frame(0x08, b""), 1002),
        (frame(0x89, &[0; 126]), 1002),
        (frame(0x88, &[0; 126]), 1002),
        (frame(0x88, b"\x03"), 1002),
        (frame(0x88, &0u16.to_be_bytes()), 1002),
        (frame(0x88, &1004u16.to_be_bytes()), 1002),
        (frame(0x88, &1006u16.to_be_bytes()), 1002),
        (frame(0x88, &2999u16.to_be_bytes()), 1002),
        (frame(0x88, &5000u16.to_be_bytes()), 1002),
        (frame(0x88, b"\x03\xe8\xc3"), 1002),
        (frame(0x81, b"\xce\xba\xed\xa0\x80"), 1007),
        (frame(0x81, b"\xf4\x90\x80\x80"), 1007),
        ([frame(0x01, b"3\xf0\x9f"), frame(0x80, b"\x98\x80")].concat(), 0),
        ([frame(0x01, b"3\xf0"), frame(0x00, b"\x28")].concat(), 1007),
        (frame(0x80, b"3"), 1002),
        ([frame(0x01, b"3"), frame(0x82, b"3")].concat(), 1002),
    ] {
        let mut siege = Siege::new();
        let mut ws = siege.attacker();
        ws.tcp.send(&bytes);
        let last = ws.all();
        let expected: &[Item] = if code == 0 { &[] } else { &[Item::Close(code)] };
        assert_eq!(last, expected, "{bytes:?}");
        ws.vanish();
        siege.lift(0);
    }
}
