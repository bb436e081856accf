//! Packets that a parser writes and reads: in MessagePack, and in the way of a test.

use sansocket::{
    Bytes, Config, Counts, Disconnect, Layer, Limits, MessageKind, Msgpack, PacketKind, Parser,
    RawPacket, Target, Violation,
};
use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use testbed::{Item, Sim, WebSocket, packed, packed_event};

fn msgpack(config: &mut Config) {
    config.parser = Some(Arc::new(Msgpack));
}

/// A client that is in the main namespace.
fn joined(sim: &Sim) -> WebSocket {
    let mut ws = sim.websocket();
    ws.send_binary(&packed(0, "/", &[]));
    let Some(Item::Binary(answer)) = ws.next() else { panic!("it is let in") };
    let start = b"\x83\xa4type\x00\xa4data\x81\xa3sid\xb4";
    assert_eq!(answer[..start.len()], start[..]);
    assert_eq!(answer[start.len() + 20..], b"\xa3nsp\xa1/"[..]);
    ws
}

/// The frames of a client, which are all binary.
fn frames(ws: &mut WebSocket) -> Vec<Vec<u8>> {
    let binary = |item| if let Item::Binary(bytes) = item { bytes } else { panic!("{item:?}") };
    ws.all().into_iter().map(binary).collect()
}

#[test]
fn a_packet_in_msgpack_is_one_binary_message() {
    let mut sim = Sim::with(msgpack);
    let mut ws = joined(&sim);
    // What socket.io-client sends: undefined data and options that are no part of the packet.
    let undefined = [("data", &b"\xd4\x00\x00"[..])];
    ws.send_binary(&packed(0, "/admin", &undefined));
    ws.send_binary(&packed_event("hello", 2, b"\x01\xc4\x02ab"));
    let options = b"\x81\xa8compress\xc3";
    ws.send_binary(&packed(
        2,
        "/",
        &[("options", options), ("id", b"\x07"), ("data", b"\x91\xa1q")],
    ));
    ws.send_binary(&packed(1, "/admin", &undefined));
    assert_eq!(
        sim.events(),
        [
            "connect 1 /",
            "connect 2 /admin",
            "event 1 hello [1,{\"_placeholder\":true,\"num\":0}] 0x6162",
            "event 1 q [] asking",
            "disconnect 2 ClientDisconnect",
        ]
    );
    assert_eq!(frames(&mut ws).len(), 1, "the answer to the second CONNECT");
    let socket = sim.socket(1);
    let hole = "[{\"_placeholder\":true,\"num\":0},1.5]";
    socket.emit_binary("b", hole, &[Bytes::from_static(b"\x00")]).expect("it reads");
    sim.acknowledge("[\"yes\"]", &[]);
    socket.ask("q", 1000).expect("it is sent");
    socket.disconnect(Disconnect::Namespace);
    assert_eq!(
        frames(&mut ws),
        [
            &b"\x83\xa4type\x02\xa4data\x93\xa1b\xc4\x01\x00\xcb\x3f\xf8\0\0\0\0\0\0\xa3nsp\xa1/"[..],
            b"\x84\xa4type\x03\xa4data\x91\xa3yes\xa3nsp\xa1/\xa2id\x07",
            b"\x84\xa4type\x02\xa4data\x91\xa1q\xa3nsp\xa1/\xa2id\x00",
            b"\x82\xa4type\x01\xa3nsp\xa1/",
        ]
    );
    assert_eq!(sim.events(), ["answer 1 from 1 disconnected", "disconnect 1 ServerDisconnect"]);
}

#[test]
fn acknowledgements_in_msgpack_are_matched() {
    let mut sim = Sim::with(msgpack);
    let mut ws = joined(&sim);
    sim.socket(1).ask("q", 1000).expect("it is sent");
    ws.send_binary(&packed(3, "/", &[("id", b"\x00"), ("data", b"\x92\x01\xc4\x01\x09")]));
    let lines = sim.events();
    assert_eq!(lines[1], "answer 1 from 1 [1,{\"_placeholder\":true,\"num\":0}] 0x09");
}

#[test]
fn a_client_is_refused_in_msgpack() {
    let mut sim = Sim::with(msgpack);
    sim.app(|app| app.refuses.push(("/no", "{\"message\":\"no\"}")));
    let mut ws = joined(&sim);
    ws.send_binary(&packed(0, "/no", &[("data", b"\x81\xa1t\x05")]));
    assert_eq!(sim.events()[1], "connect 2 /no {\"t\":5}");
    assert_eq!(frames(&mut ws), [b"\x83\xa4type\x04\xa4data\x81\xa7message\xa2no\xa3nsp\xa3/no"]);
}

#[test]
fn on_polling_msgpack_is_base64() {
    let mut sim = Sim::with(msgpack);
    let mut client = sim.polling();
    client.post("bgqR0eXBlAKNuc3ChLw==");
    assert!(client.poll().starts_with("bg6R0eXBlAKRkYXRhgaNz"));
    client.post("bg6R0eXBlAqRkYXRhkaF4o25zcKEv\u{1e}bg6R0eXBlAqRkYXRhkaF5o25zcKEv");
    assert_eq!(sim.events()[1..], ["event 1 x []", "event 1 y []"]);
    sim.socket(1).emit("x", "[]").expect("it reads");
    sim.socket(1).emit("y", "[]").expect("it reads");
    assert_eq!(client.poll(), "bg6R0eXBlAqRkYXRhkaF4o25zcKEv\u{1e}bg6R0eXBlAqRkYXRhkaF5o25zcKEv");
}

#[test]
fn packets_in_the_text_of_the_protocol_are_refused_where_a_parser_reads() {
    let mut sim = Sim::with(msgpack);
    let mut ws = joined(&sim);
    ws.send("42[\"x\"]");
    assert_eq!(ws.all(), [Item::Close(1008)]);
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(InvalidPacket)"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn what_waits_for_admission_is_written_by_the_parser_too() {
    let mut sim = Sim::with(msgpack);
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket();
    ws.send_binary(&packed(0, "/", &[]));
    sim.socket(1).emit("early", "[]").expect("it is kept");
    assert!(ws.all().is_empty());
    sim.socket(1).admit().expect("it waits");
    let [_, early] = &frames(&mut ws)[..] else { panic!("two packets") };
    assert_eq!(&early[..], b"\x83\xa4type\x02\xa4data\x91\xa5early\xa3nsp\xa1/");
}

#[test]
fn the_backlog_counts_what_a_parser_wrote() {
    let sim = Sim::with(msgpack);
    let mut client = sim.polling();
    client.post("bgqR0eXBlAKNuc3ChLw==");
    client.poll();
    let bytes = [Bytes::from(vec![0; 1000])];
    let hole = "[{\"_placeholder\":true,\"num\":0}]";
    sim.socket(1).emit_binary("b", hole, &bytes).expect("it reads");
    let packet = b"\x83\xa4type\x02\xa4data\x92\xa1b\xc5\x03\xe8\xa3nsp\xa1/".len() + 1000;
    assert_eq!(sim.socket(1).backlog(), 128 + packet);
}

#[test]
fn attachments_in_msgpack_are_bounded() {
    let mut sim = Sim::with(|config| {
        msgpack(config);
        (config.limits.attachments, config.limits.attachment_bytes) = (2, 10);
    });
    for (args, outcome) in [
        (&b"\xc4\x05aaaaa\xc4\x05bbbbb"[..], "event 1 x"),
        (b"\xc4\x05aaaaa\xc4\x06bbbbbb", "disconnect 2 Violation(AttachmentsTooLarge)"),
        (b"\xc4\x00\x92\xc4\x00\xc4\x00", "disconnect 3 Violation(TooManyAttachments)"),
    ] {
        let mut ws = joined(&sim);
        ws.send_binary(&packed_event("x", 2, args));
        assert!(sim.events()[1].starts_with(outcome), "{outcome}");
        ws.vanish();
        sim.events();
    }
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn packets_for_a_namespace_that_was_left_are_dropped() {
    let mut sim = Sim::with(msgpack);
    let mut ws = joined(&sim);
    ws.send_binary(&packed(1, "/", &[]));
    ws.send_binary(&packed_event("x", 1, b"\xc4\x01\x00"));
    ws.send_binary(&packed(0, "/", &[]));
    ws.send_binary(&packed_event("y", 0, b""));
    assert_eq!(sim.events()[1..], ["disconnect 1 ClientDisconnect", "connect 2 /", "event 2 y []"]);
}

#[test]
fn bare_sessions_have_no_parser() {
    let mut sim = Sim::with(|config| {
        msgpack(config);
        config.layer = Layer::EngineIo;
    });
    sim.app(|app| app.echoes = true);
    let mut ws = sim.websocket();
    ws.send("4x");
    ws.send_binary(b"\xc1");
    assert_eq!(sim.events(), ["opened 1", "received 1 x", "received 1 0xc1"]);
    assert_eq!(ws.all(), [Item::Text("4x".into()), Item::Binary(b"\xc1".into())]);
}

/// Writes packets as lines: the number of the type, the namespace and the JSON. It counts them, and reads
/// what `reads` says.
#[derive(Debug, Default)]
struct Lines {
    written: AtomicUsize,
    reads: Option<RawPacket<'static>>,
}

impl Parser for Lines {
    fn encode(&self, packet: &RawPacket<'_>, out: &mut Vec<u8>) -> MessageKind {
        self.written.fetch_add(1, Ordering::Relaxed);
        let RawPacket { kind, namespace, data, .. } = packet;
        let id = packet.id.map_or(String::new(), |id| id.to_string());
        out.extend(format!("{}\u{1e}{namespace}\n{id}\n{data}", kind.number()).into_bytes());
        MessageKind::Text
    }

    fn decode_text<'m>(&self, message: &'m str, _: &Limits) -> Result<RawPacket<'m>, Violation> {
        if let Some(packet) = self.reads.clone().filter(|_| message == "?") {
            return Ok(packet);
        }
        let lines: Vec<&str> = message.splitn(4, '\n').collect();
        let [kind, namespace, id, data] = lines[..] else { return Err(Violation::InvalidPacket) };
        let kind = kind.parse().ok().and_then(PacketKind::from_number);
        let mut packet = RawPacket::new(kind.ok_or(Violation::InvalidPacket)?, namespace);
        (packet.id, packet.data) = (id.parse().ok(), Cow::Borrowed(data));
        Ok(packet)
    }
}

fn lines(parser: &Arc<Lines>) -> Sim {
    let parser: Arc<dyn Parser> = parser.clone();
    Sim::sharded(2, |config| config.parser = Some(parser))
}

#[test]
fn a_packet_for_many_is_written_once_by_a_parser_and_reaches_all_shards() {
    let parser = Arc::new(Lines::default());
    let mut sim = lines(&parser);
    let mut clients: Vec<WebSocket> = (0..6)
        .map(|n| {
            let mut ws = sim.on_shard(n % 2).websocket();
            ws.send("40\n/\n\n");
            assert!(ws.recv().starts_with("40\u{fffd}/\n\n{\"sid\":"));
            ws
        })
        .collect();
    parser.written.store(0, Ordering::Relaxed);
    sim.broadcast(&Target::namespace("/"), "x", "[1]");
    for ws in &mut clients {
        assert_eq!(ws.recv(), "42\u{fffd}/\n\n[\"x\",1]");
    }
    assert_eq!(parser.written.load(Ordering::Relaxed), 1);
}

#[test]
fn text_of_a_parser_is_one_packet_on_polling_whatever_is_in_it() {
    let mut sim = lines(&Arc::new(Lines::default()));
    let mut client = sim.polling();
    client.post("40\n/\n\n");
    assert!(client.poll().starts_with("40\u{fffd}/\n\n{"));
    client.post("42\n/\n7\n[\"x\"]\u{1e}42\n/\n\n[\"y\"]");
    assert_eq!(sim.events()[1..], ["event 1 x [] asking", "event 1 y []"]);
    sim.socket(1).emit("x", "[]").expect("it reads");
    assert_eq!(client.poll(), "42\u{fffd}/\n\n[\"x\"]");
}

#[test]
fn what_a_parser_read_is_checked_as_the_text_of_the_protocol_is() {
    let event = |data: &str| {
        let mut packet = RawPacket::new(PacketKind::Event, "/");
        packet.data = data.to_owned().into();
        packet
    };
    let place = "{\"_placeholder\":true,\"num\":0}";
    let with = |data: &str, count| RawPacket {
        attachments: vec![Bytes::from_static(b"x"); count].into(),
        ..event(data)
    };
    let deep = format!("[\"x\",{}{}]", "[".repeat(128), "]".repeat(128));
    for (packet, violation) in [
        (event(""), "InvalidPacket"),
        (event("[]"), "InvalidPacket"),
        (event("[\"x\""), "InvalidJson"),
        (event("[\"disconnect\"]"), "ReservedEvent"),
        (event(&deep), "TooDeep"),
        (with(&format!("[\"x\",{place},{place}]"), 1), "IllegalAttachments"),
        (with("[\"x\",{\"_placeholder\":true,\"num\":1}]", 1), "IllegalAttachments"),
        (with("[\"x\"]", 11), "TooManyAttachments"),
        (RawPacket { namespace: "".into(), ..event("[\"x\"]") }, "InvalidPacket"),
        (RawPacket { namespace: "x".into(), ..event("[\"x\"]") }, "InvalidPacket"),
        (RawPacket { namespace: "/a,b".into(), ..event("[\"x\"]") }, "InvalidPacket"),
        (RawPacket { id: Some(1 << 53), ..event("[\"x\"]") }, "InvalidPacket"),
        (RawPacket { kind: PacketKind::Ack, ..event("[\"x\"]") }, "InvalidPacket"),
        (RawPacket { kind: PacketKind::Connect, ..event("[]") }, "ConnectPayload"),
        (RawPacket { kind: PacketKind::Connect, ..with("{}", 1) }, "IllegalAttachments"),
        (RawPacket { kind: PacketKind::ConnectError, ..event("{}") }, "InvalidPacket"),
        (RawPacket { kind: PacketKind::Disconnect, ..event("{}") }, "InvalidPacket"),
    ] {
        let shown = format!("{packet:?}");
        let mut sim = lines(&Arc::new(Lines { reads: Some(packet), ..Lines::default() }));
        let mut ws = sim.websocket();
        ws.send("40\n/\n\n");
        ws.send("4?");
        let expected = format!("disconnect 1 Violation({violation})");
        assert_eq!(sim.events()[1..], [expected], "{shown}");
        assert_eq!(sim.counts(), Counts::default());
    }
    let whole = with(&format!("[\"x\",{place}]"), 1);
    let mut sim = lines(&Arc::new(Lines { reads: Some(whole), ..Lines::default() }));
    let mut ws = sim.websocket();
    ws.send("40\n/\n\n");
    ws.send("4?");
    ws.send("4?");
    assert_eq!(
        sim.events()[1..],
        [format!("event 1 x [{place}] 0x78"), format!("event 1 x [{place}] 0x78")]
    );
    // A parser that reads no binary refuses it.
    ws.send_binary(b"x");
    assert_eq!(sim.events(), ["disconnect 1 Violation(InvalidPacket)"]);
}
