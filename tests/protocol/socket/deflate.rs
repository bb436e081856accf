//! Messages that are compressed for clients that offer to read them so (RFC 7692).

use flate2::{Decompress, FlushDecompress};
use proptest::prelude::*;
use sansocket::client::{self, Transport};
use sansocket::{ArgsRef, Bytes, Config, Conn, Deflate, Fields, Frame, Inbound, Limits, Message};
use sansocket::{Method, Request, Response, Target, Transmit, Verdict};
use std::io::IoSlice;
use std::sync::Arc;
use testbed::pair::Pair;
use testbed::{Sim, Tcp, frame, unframe, upgrade};

const PATH: &str = "/socket.io/?EIO=4&transport=websocket";

const BOTH: &str = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// A client that reads and writes frames as they are.
struct Raw {
    tcp: Tcp,
    unread: Vec<u8>,
    extensions: Option<String>,
}

impl Raw {
    fn open(sim: &Sim, target: &str, offer: &str) -> Self {
        let mut tcp = sim.tcp();
        let offer = format!("Sec-WebSocket-Extensions: {offer}\r\nHost:");
        tcp.send(upgrade(target).replace("Host:", &offer));
        let answer = tcp.answer().expect("it is answered");
        assert_eq!(answer.status, 101);
        let extensions = answer.header("sec-websocket-extensions").map(str::to_owned);
        Self { tcp, unread: Vec::new(), extensions }
    }

    /// Opens a session and joins the main namespace.
    fn joined(sim: &Sim, offer: &str) -> Self {
        let mut raw = Self::open(sim, PATH, offer);
        raw.tcp.send(frame(0x81, b"40"));
        let [(0x81, open), (0x81, joined)] = &raw.frames()[..] else { panic!("no answers") };
        assert!(open.starts_with(b"0{") && joined.starts_with(b"40{"));
        raw
    }

    fn frames(&mut self) -> Vec<(u8, Vec<u8>)> {
        self.unread.extend(self.tcp.take());
        std::iter::from_fn(|| unframe(&mut self.unread)).collect()
    }
}

fn sim(set: impl FnOnce(&mut Deflate)) -> Sim {
    Sim::with(|config| config.deflate = Some(deflate(set)))
}

fn deflate(set: impl FnOnce(&mut Deflate)) -> Deflate {
    let mut deflate = Deflate::default();
    set(&mut deflate);
    deflate
}

fn keeping() -> Deflate {
    deflate(|deflate| {
        deflate.server_no_context_takeover = false;
        deflate.client_no_context_takeover = false;
    })
}

/// A message as it was before, read by a decompressor that may know others.
fn inflated(inflate: &mut Decompress, packed: &[u8]) -> String {
    let mut out = Vec::with_capacity(100_000);
    let packed = [packed, &[0, 0, 0xff, 0xff]].concat();
    inflate.decompress_vec(&packed, &mut out, FlushDecompress::Sync).expect("it is compressed");
    String::from_utf8(out).expect("it is text")
}

fn alone(packed: &[u8]) -> String {
    inflated(&mut Decompress::new(false), packed)
}

fn long(len: usize) -> String {
    format!("[\"{}\"]", "abcd".repeat(len / 4))
}

fn text_of(json: &str) -> String {
    format!("42[\"x\",{}", &json[1..])
}

#[test]
fn messages_are_compressed_from_a_length_on() {
    let mut sim = sim(|_| {});
    let mut client = Raw::joined(&sim, "permessage-deflate; client_max_window_bits");
    assert_eq!(client.extensions.as_deref(), Some(BOTH));
    sim.events();
    // `42["x","…"]` has nine bytes besides its text.
    for (len, first) in [(1012, 0x81), (1016, 0xc1), (50_000, 0xc1)] {
        sim.socket(1).emit("x", &long(len)).unwrap();
        let [(found, payload)] = &client.frames()[..] else { panic!("one frame") };
        assert_eq!(*found, first, "{len}");
        let text =
            if first == 0xc1 { alone(payload) } else { String::from_utf8_lossy(payload).into() };
        assert_eq!(text, text_of(&long(len)));
    }
    let attachments = [Bytes::from(vec![7; 5000]), Bytes::from_static(b"few")];
    sim.socket(1).emit_binary("x", "[]", &attachments).unwrap();
    let frames = client.frames();
    let firsts: Vec<u8> = frames.iter().map(|(first, _)| *first).collect();
    assert_eq!(firsts, [0x81, 0xc2, 0x82]);
    assert_eq!(alone(&frames[1].1).as_bytes(), &[7; 5000]);
}

#[test]
fn nothing_is_compressed_for_clients_that_do_not_offer_it_nor_by_default() {
    for (sim, offer) in [(sim(|_| {}), "x"), (Sim::new(), "permessage-deflate")] {
        let mut client = Raw::joined(&sim, offer);
        assert_eq!(client.extensions, None);
        sim.socket(1).emit("x", &long(5000)).unwrap();
        assert_eq!(client.frames()[0].0, 0x81);
        client.tcp.send(frame(0xc1, b"\x00"));
        assert_eq!(client.frames()[0], (0x88, vec![0x03, 0xea]));
    }
}

#[test]
fn a_broadcast_reaches_every_client_in_the_form_that_was_agreed_on() {
    let sim = sim(|deflate| deflate.server_no_context_takeover = false);
    let mut clients: Vec<Raw> = [
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=9",
        "permessage-deflate",
        "none",
    ]
    .into_iter()
    .map(|offer| Raw::joined(&sim, offer))
    .collect();
    let mut inflate = Decompress::new(false);
    for n in 0..3 {
        let json = long(20_000 + 4 * n);
        sim.broadcast(&Target::namespace("/"), "x", &json);
        let frames: Vec<(u8, Vec<u8>)> =
            clients.iter_mut().map(|client| client.frames().remove(0)).collect();
        assert_eq!(frames[0], frames[1]);
        for (first, packed) in &frames[..3] {
            assert_eq!((*first, alone(packed)), (0xc1, text_of(&json)));
        }
        let small = &frames[2].1;
        let mut narrow = Decompress::new_with_window_bits(false, 9);
        assert_eq!(
            inflated(&mut narrow, small),
            text_of(&json),
            "it refers 512 bytes back at most"
        );
        assert_eq!(inflated(&mut inflate, &frames[3].1), text_of(&json));
        assert_eq!(frames[4], (0x81, text_of(&json).into_bytes()));
    }
}

#[test]
fn messages_that_refer_to_those_before_are_smaller() {
    let sim = Sim::with(|config| config.deflate = Some(keeping()));
    let mut client = Raw::joined(&sim, "permessage-deflate");
    assert_eq!(client.extensions.as_deref(), Some("permessage-deflate"));
    let noise: String =
        (0..2000u32).map(|n| char::from(b'a' + (n * n % 6151 % 26) as u8)).collect();
    let mut inflate = Decompress::new(false);
    let mut sizes = Vec::new();
    for _ in 0..2 {
        sim.socket(1).emit("x", &format!("[\"{noise}\"]")).unwrap();
        let [(0xc1, packed)] = &client.frames()[..] else { panic!("one frame") };
        assert_eq!(inflated(&mut inflate, packed), format!("42[\"x\",\"{noise}\"]"));
        sizes.push(packed.len());
    }
    assert!(sizes[1] < sizes[0] / 10, "{sizes:?}");
}

/// A length of each kind of frame header.
const LENGTHS: [usize; 3] = [116, 2000, 70_000];

#[test]
fn what_is_not_to_be_compressed_goes_as_it_is() {
    let offers = ["permessage-deflate; server_no_context_takeover", "permessage-deflate", "none"];
    for takeover in [true, false] {
        let sim = sim(|deflate| {
            deflate.threshold = 124;
            deflate.server_no_context_takeover = takeover;
        });
        let mut clients = offers.map(|offer| Raw::joined(&sim, offer));
        for json in LENGTHS.map(long) {
            let plain = (0x81, text_of(&json).into_bytes());
            for (n, client) in clients.iter_mut().enumerate() {
                sim.socket(n + 1).emit_uncompressed("x", &json).unwrap();
                assert_eq!(client.frames(), std::slice::from_ref(&plain));
            }
            let to = Target { compress: false, ..Target::namespace("/") };
            sim.broadcast(&to, "x", &json);
            for client in &mut clients {
                assert_eq!(client.frames(), std::slice::from_ref(&plain));
            }
            sim.ask_all(&to, "x", 1000);
            let asked = clients.each_mut().map(|client| client.frames()[0].0);
            assert_eq!(asked, [0x81; 3]);
        }
        sim.broadcast(&Target::namespace("/"), "x", &long(2000));
        let firsts = clients.each_mut().map(|client| client.frames()[0].0);
        assert_eq!(firsts, [0xc1, 0xc1, 0x81], "others are compressed all the same");
    }
}

#[test]
fn attachments_are_not_compressed_either() {
    let sim = sim(|_| {});
    let mut clients = ["permessage-deflate", "none"].map(|offer| Raw::joined(&sim, offer));
    let attachments = [Bytes::from(vec![7; 70_000])];
    sim.on(0, |server, _| {
        let to = Target { compress: false, ..Target::namespace("/") };
        let args = ArgsRef::from_valid("[]", &attachments);
        server.broadcast(&to, "x", args).expect("it is sent");
    });
    for client in &mut clients {
        let frames = client.frames();
        assert_eq!(frames[0], (0x81, b"451-[\"x\"]".to_vec()));
        assert_eq!(frames[1], (0x82, vec![7; 70_000]));
    }
}

#[test]
fn what_waits_for_a_poll_and_is_not_to_be_compressed_leaves_on_any_websocket() {
    for offer in ["permessage-deflate", "none"] {
        let sim = sim(|_| {});
        let mut polling = sim.polling();
        polling.join("/");
        let json = long(70_000);
        sim.socket(1).emit_uncompressed("x", &json).unwrap();
        let target = polling.target().replace("polling", "websocket");
        let mut client = Raw::open(&sim, &target, offer);
        client.tcp.send(frame(0x81, b"2probe"));
        assert_eq!(client.frames(), [(0x81, b"3probe".to_vec())]);
        client.tcp.send(frame(0x81, b"5"));
        assert_eq!(client.frames(), [(0x81, text_of(&json).into_bytes())], "{offer}");
    }
}

#[test]
fn what_a_connect_handler_sends_waits_uncompressed() {
    let mut sim = sim(|_| {});
    sim.app(|app| app.holds = true);
    let mut client = Raw::open(&sim, PATH, "none");
    client.tcp.send(frame(0x81, b"40"));
    let json = long(70_000);
    sim.socket(1).emit_uncompressed("x", &json).unwrap();
    client.frames();
    sim.socket(1).admit().unwrap();
    assert_eq!(client.frames()[1], (0x81, text_of(&json).into_bytes()));
}

#[test]
fn polls_get_messages_as_they_are_and_the_websocket_after_them_gets_them_compressed() {
    let mut sim = sim(|_| {});
    let mut polling = sim.polling();
    polling.join("/");
    sim.events();
    sim.socket(1).emit("x", &long(2000)).unwrap();
    assert_eq!(polling.poll(), text_of(&long(2000)));
    let target = polling.target().replace("polling", "websocket");
    let mut client = Raw::open(&sim, &target, "permessage-deflate");
    assert_eq!(client.extensions.as_deref(), Some(BOTH));
    let spare = Raw::open(&sim, &target, "permessage-deflate");
    assert_eq!(spare.extensions, None, "a second one is closed at once");
    client.tcp.send(frame(0x81, b"2probe"));
    assert_eq!(client.frames(), [(0x81, b"3probe".to_vec())]);
    sim.socket(1).emit("x", &long(3000)).unwrap();
    client.tcp.send(frame(0x81, b"5"));
    sim.socket(1).emit("x", &long(4000)).unwrap();
    let frames = client.frames();
    let texts: Vec<String> = frames.iter().map(|(_, packed)| alone(packed)).collect();
    assert_eq!(texts, [text_of(&long(3000)), text_of(&long(4000))]);
    assert!(frames.iter().all(|(first, _)| *first == 0xc1));
}

#[test]
fn short_events_in_a_row_are_compressed_where_the_threshold_is_low() {
    let sim = sim(|deflate| deflate.threshold = 200);
    let mut client = Raw::joined(&sim, "permessage-deflate");
    let member = sim.socket(1).socket;
    sim.on(0, |server, _| {
        let mut socket = server.socket(member).expect("it is there");
        for len in [400, 400, 4] {
            socket.emit("x", ArgsRef::from_valid(&long(len), &[])).unwrap();
        }
    });
    let frames = client.frames();
    let firsts: Vec<u8> = frames.iter().map(|(first, _)| *first).collect();
    assert_eq!(firsts, [0xc1, 0xc1, 0x81]);
    assert_eq!(alone(&frames[1].1), text_of(&long(400)));
}

#[test]
fn contexts_are_counted_and_not_agreed_on_when_memory_is_short() {
    let most = keeping().context_bytes();
    assert!(most > 300_000, "{most}");
    let mut sim = Sim::with(|config| {
        config.deflate = Some(keeping());
        config.limits.bytes = 2 * most;
    });
    let first = Raw::joined(&sim, "permessage-deflate");
    assert_eq!(sim.counts().contexts.div_ceil(4096), most.div_ceil(4096));
    let fresh = Raw::joined(&sim, BOTH);
    assert_eq!(fresh.extensions.as_deref(), Some(BOTH));
    assert_eq!(sim.counts().contexts.div_ceil(4096), most.div_ceil(4096), "it keeps nothing");
    let mut polling = sim.polling();
    polling.join("/");
    let target = polling.target().replace("polling", "websocket");
    let _second = Raw::joined(&sim, "permessage-deflate");
    let third = Raw::open(&sim, &target, "permessage-deflate");
    assert_eq!(third.extensions, None, "there is no room for a third");
    for mut client in [first, fresh, third] {
        client.tcp.vanish();
    }
    sim.advance(0);
    assert_eq!(sim.counts().contexts.div_ceil(4096), most.div_ceil(4096), "the second's");
}

/// Both ends of this implementation.
#[test]
fn a_client_and_a_server_compress_for_each_other() {
    for (settings, theirs) in [
        (Deflate::default(), Deflate::default()),
        (keeping(), keeping()),
        (deflate(|deflate| deflate.client_max_window_bits = 10), keeping()),
        (keeping(), deflate(|deflate| deflate.server_max_window_bits = 9)),
    ] {
        for way in [&[Transport::WebSocket][..], &[Transport::Polling, Transport::WebSocket]] {
            let mut pair = Pair::new(
                |config| {
                    config.transports = way.to_vec();
                    config.deflate = Some(settings);
                },
                |config| config.deflate = Some(theirs),
            );
            let namespace = pair.client.namespace("/").expect("a name");
            pair.client.socket(pair.now, namespace).expect("it is there").join();
            pair.settle();
            assert_eq!(pair.client.transport(), Some(Transport::WebSocket));
            let bytes = [Bytes::from(vec![5; 40_000])];
            let json = format!("[{{\"_placeholder\":true,\"num\":0}},{}", &long(9000)[1..]);
            let args = ArgsRef::from_valid(&json, &bytes);
            for _ in 0..3 {
                let mut socket = pair.client.socket(pair.now, namespace).expect("it is there");
                socket.emit("up", args).expect("there is room");
                pair.settle();
                let Some(sansocket::Event::Message { message, socket, .. }) = pair.served.pop()
                else {
                    panic!("{:?}", pair.served)
                };
                assert_eq!((message.name(), message.attachments()), ("up", &bytes[..]));
                let mut socket = pair.server.socket(socket).expect("it is there");
                socket.emit("down", args).expect("there is room");
                pair.settle();
                let Some(client::Event::Message { message, .. }) = pair.heard.pop() else {
                    panic!("{:?}", pair.heard)
                };
                assert_eq!((message.name(), message.attachments()), ("down", &bytes[..]));
            }
        }
    }
}

/// A client and a server that speak WebSocket with each other, with what each settled for.
fn ends(client: Deflate, server: Deflate) -> [Conn; 2] {
    let limits: Arc<Limits> = Arc::new(Config::default().limits);
    let mut asking = Conn::client(limits.clone(), None, [5; 32]);
    let fields = [("host", "a")];
    let request = Request::new(Method::Get, "/", Fields::host(&fields));
    asking.ask_websocket_with(&request, client, None).expect("it is free");
    let mut serving = Conn::new(limits);
    let mut bytes = written(&mut asking);
    let mut decoder = serving.decode(&mut bytes);
    let Ok(Some(Inbound::Request(request))) = decoder.poll() else { panic!("a request") };
    let response = Response::accepting_with(&request, &server).expect("it is accepted");
    decoder.apply(Verdict::Upgrade { link: None, response });
    drop(decoder);
    let mut bytes = written(&mut serving);
    let mut decoder = asking.decode(&mut bytes);
    assert!(matches!(decoder.poll(), Ok(Some(Inbound::Response(head))) if head.status == 101));
    drop(decoder);
    [asking, serving]
}

fn written(conn: &mut Conn) -> Vec<u8> {
    let mut out = Vec::new();
    loop {
        let mut slices = [IoSlice::new(&[]); 4];
        let filled = conn.poll_write(&mut slices);
        if filled == 0 {
            return out;
        }
        let bytes: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
        conn.wrote(bytes.len());
        out.extend(bytes);
    }
}

fn any_deflate() -> impl Strategy<Value = Deflate> {
    let bits = || 9u8..=15;
    (
        prop_oneof![Just(1), Just(100), Just(1024)],
        1u8..=9,
        1u8..=9,
        any::<[bool; 2]>(),
        bits(),
        bits(),
    )
        .prop_map(|(threshold, level, memory, [server, client], most, least)| {
            deflate(|deflate| {
                deflate.threshold = threshold;
                deflate.level = level;
                deflate.memory = memory;
                deflate.server_no_context_takeover = server;
                deflate.client_no_context_takeover = client;
                deflate.server_max_window_bits = most;
                deflate.client_max_window_bits = least;
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn what_one_end_writes_the_other_reads_whatever_both_settle_for(
        (client, server) in (any_deflate(), any_deflate()),
        messages in prop::collection::vec((any::<bool>(), any::<bool>(), "(ab|[a-z]|\\PC){0,3000}"), 1..8),
        cut in 1usize..5000,
    ) {
        let mut ends = ends(client, server);
        for (down, text, content) in messages {
            let frame = if text { Frame::text(&content) } else { Frame::binary(content.as_bytes()) };
            let (from, to) = if down { (1, 0) } else { (0, 1) };
            ends[from].push(Transmit::Frame(frame));
            let bytes = written(&mut ends[from]);
            let mut read = Vec::new();
            for piece in bytes.chunks(cut) {
                let mut piece = piece.to_vec();
                let mut decoder = ends[to].decode(&mut piece);
                while let Some(item) = decoder.poll().expect("it is valid") {
                    let Inbound::Message(message) = item else { panic!("{item:?}") };
                    read.push(match message {
                        Message::Text(read) => (true, read.as_bytes().to_vec()),
                        Message::Binary(read) => (false, read.to_vec()),
                    });
                }
            }
            prop_assert_eq!(read, [(text, content.into_bytes())]);
        }
    }
}
