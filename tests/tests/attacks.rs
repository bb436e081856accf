//! Attacks that hit Socket.IO servers before, by their numbers in SECURITY.md: parsers (A), sessions
//! (C), frames (D) and HTTP (E). Nobody else notices, nothing grows, the reason has a name, and
//! nothing is left.

use std::time::Duration;

use sansocket::{Config, Counts};
use tests::{Item, Polling, Sim, Tcp, WebSocket, frame, handshake, request, upgrade};

/// Attempts or bytes, as many as a default message may carry.
const MANY: usize = 900_000;

/// A process under attack, with somebody in it who must not notice.
struct Siege {
    sim: Sim,
    witness: WebSocket,
}

impl Siege {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set: impl FnOnce(&mut Config)) -> Self {
        let mut sim = Sim::with(set);
        let witness = sim.joined();
        sim.events();
        Self { sim, witness }
    }

    /// A client on WebSocket, in the main namespace as number 2.
    fn attacker(&mut self) -> WebSocket {
        let ws = self.sim.joined();
        assert_eq!(self.sim.events().len(), 1);
        ws
    }

    /// A client on polling, in the main namespace as number 2.
    fn poller(&mut self) -> Polling {
        let mut client = self.sim.polling();
        client.join("/");
        self.sim.events();
        client
    }

    /// Checks the ground rules of every attack and returns what the application saw of it.
    fn lift(mut self, bytes: usize) -> String {
        let held = self.sim.counts().bytes;
        assert!(held <= bytes, "{held} bytes are held");
        let seen = self.sim.events().join("; ");
        self.witness.send("42[\"alive\"]");
        assert_eq!(self.sim.events(), ["event 1 alive []"], "somebody else noticed");
        self.sim.socket(1).emit("alive", "[]").expect("somebody else can be reached");
        assert_eq!(self.witness.recv(), "42[\"alive\"]");
        self.witness.vanish();
        self.sim.advance(24 * 3_600_000);
        assert_eq!(self.sim.counts(), Counts::default(), "something is left");
        seen
    }
}

/// Sends texts as one client and returns how it ended, with everything an attack must not do checked.
fn say(texts: &[&str]) -> String {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    for text in texts {
        ws.send(text);
        assert!(ws.tcp.bytes_held() <= 2048, "the connection holds {}", ws.tcp.bytes_held());
    }
    ws.vanish();
    siege.lift(0)
}

fn refused(texts: &[&str], violation: &str) {
    assert_eq!(say(texts), format!("disconnect 2 Violation({violation})"), "{:.60?}", texts);
}

fn heard(text: &str, event: &str) {
    let seen = say(&[text]);
    assert_eq!(seen, format!("event 2 {event}; disconnect 2 TransportClose"), "{text}");
}

#[test]
fn a01_endless_headers_are_refused_in_linear_time() {
    refused(&[&format!("45{}", "1".repeat(MANY))], "TooManyAttachments");
    refused(&[&format!("42/{}", "a".repeat(MANY))], "InvalidPacket");
    refused(&[&format!("42{}", "9".repeat(MANY))], "InvalidPacket");
    refused(&[&format!("40/{},", "a".repeat(MANY))], "InvalidPacket");
}

#[test]
fn a02_placeholders_name_attachments_by_number() {
    for num in ["\"splice\"", "-1", "1.5", "1e9", "null", "1", "\"\"", "{}"] {
        let text = format!("451-[\"hello\",{{\"_placeholder\":true,\"num\":{num}}}]");
        refused(&[&text], "IllegalAttachments");
    }
    refused(&["451-[\"hello\",{\"_placeholder\":true}]"], "IllegalAttachments");
}

#[test]
fn a03_payloads_of_the_wrong_shape_are_refused() {
    for (text, violation) in [
        (r#"42[{"toString":"foo"}]"#, "InvalidPacket"),
        (r#"42[true,"foo"]"#, "InvalidPacket"),
        (r#"42[null,"bar"]"#, "InvalidPacket"),
        ("42[]", "InvalidPacket"),
        ("42{}", "InvalidPacket"),
        ("42/admin,{}", "InvalidPacket"),
        (r#"442["some","data""#, "InvalidPacket"),
        (r#"40/admin,"invalid""#, "ConnectPayload"),
        ("40[]", "ConnectPayload"),
        ("41/admin,{}", "InvalidPacket"),
        (r#"42["some","data""#, "InvalidJson"),
        (r#"42abc["x"]"#, "InvalidPacket"),
        (r#"42["x"]x"#, "InvalidJson"),
        (r#"43{}"#, "InvalidPacket"),
        (r#"47["x"]"#, "InvalidPacket"),
        ("4abc", "InvalidPacket"),
    ] {
        refused(&[text], violation);
    }
}

#[test]
fn a04_reserved_names_are_refused() {
    for name in
        ["connect", "disconnect", "connect_error", "disconnecting", "newListener", "removeListener"]
    {
        refused(&[&format!("42[\"{name}\",\"123\"]")], "ReservedEvent");
        refused(&[&format!("451-[\"{name}\",{{\"_placeholder\":true,\"num\":0}}]")], "ReservedEvent");
    }
}

#[test]
fn a05_error_is_an_ordinary_event() {
    heard(r#"42["error","x"]"#, r#"error ["x"]"#);
    heard(r#"42["error"]"#, "error []");
}

#[test]
fn a06_a09_absurd_numbers_of_attachments_are_refused_when_announced() {
    for count in ["11", "999999999", "59999999999", "18446744073709551616"] {
        refused(&[&format!("45{count}-[\"a\"]")], "TooManyAttachments");
        refused(&[&format!("46{count}-1[\"a\"]")], "TooManyAttachments");
    }
}

#[test]
fn a07_an_attachment_count_of_zero_is_refused() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.send("450-[\"x\"]");
    for _ in 0..1000 {
        ws.send_binary(&[0; 1000]);
    }
    assert!(ws.tcp.bytes_held() < 1000);
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 Violation(IllegalAttachments)");
}

#[test]
fn a08_attachments_before_connect_are_refused() {
    let mut siege = Siege::new();
    let mut ws = siege.sim.websocket();
    ws.send("451-/admin,[\"e\",{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(ws.all(), [Item::Close(1008)]);
    ws.vanish();
    assert_eq!(siege.lift(0), "");
}

#[test]
fn a08_half_a_packet_is_freed_with_its_namespace_and_session() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.send("452-/never,[\"e\",{\"_placeholder\":true,\"num\":0}]");
    ws.send_binary(&[0; 1000]);
    assert!(siege.sim.counts().bytes > 1000);
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

#[test]
fn a10_headers_that_looped_for_ever_are_refused() {
    for text in ["45", "451", "45a-", "451.23-", "45invalid", "451-", "45-[\"x\"]", "4551-[]"] {
        let seen = say(&[text]);
        assert!(seen.starts_with("disconnect 2 Violation("), "{text}: {seen}");
    }
}

#[test]
fn a11_attachments_and_text_do_not_mix() {
    let half = "451-[\"x\",{\"_placeholder\":true,\"num\":0}]";
    refused(&[half, "42[\"other\"]"], "AttachmentsMissing");
    refused(&[half, half], "AttachmentsMissing");
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.send_binary(b"nobody asked");
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 Violation(AttachmentUnexpected)");
}

#[test]
fn a12_slow_and_huge_attachments_are_cut_off() {
    let mut siege = Siege::with(|config| config.limits.attachment_bytes = 100_000);
    let mut ws = siege.attacker();
    ws.send("4510-[\"x\"]");
    for _ in 0..10 {
        ws.send_binary(&[0; 30_000]);
        assert!(siege.sim.counts().bytes <= 100_100);
    }
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 Violation(AttachmentsTooLarge)");
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.send("4510-[\"x\"]");
    for _ in 0..6 {
        ws.send_binary(&[0; 1000]);
        siege.sim.advance(10_000);
        ws.send("3");
        siege.witness.send("3");
    }
    siege.witness.all();
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 Violation(AttachmentsLate)");
}

#[test]
fn a13_every_cut_of_non_ascii_text_is_survived() {
    for text in [
        "2/é,[\"é\"]", "2/é", "2/é,", "2é", "21é", "2/é,1é", "51-/é,1[\"é\"]", "51é", "é", "5é-",
        "0/é,{\"é\":\"é\"}", "0é", "1é", "3é", "30é", "𝕊", "2\u{feff}[\"x\"]", "2/\u{0},[\"x\"]",
    ] {
        say(&[&format!("4{text}")]);
        say(&[text]);
    }
}

#[test]
fn a14_json_is_neither_too_deep_nor_taken_apart() {
    refused(&[&format!("42[\"e\",{}", "[".repeat(MANY))], "TooDeep");
    refused(&[&format!("42[\"e\",{}", "{\"a\":".repeat(MANY / 5))], "TooDeep");
    refused(&[&format!("40{}", "{\"a\":".repeat(MANY / 5))], "TooDeep");
    let deep = format!("{}{}", "[".repeat(127), "]".repeat(127));
    heard(&format!("42[\"e\",{deep}]"), &format!("e [{deep}]"));
    refused(&[&format!("42[\"e\",[{deep}]]")], "TooDeep");
    let long = "9".repeat(100_000);
    heard(&format!("42[\"e\",{long}]"), &format!("e [{long}]"));
    for value in
        ["1e999", "\"\\ud800\"", "{\"a\":1,\"a\":2}", "{\"__proto__\":1,\"constructor\":{}}"]
    {
        heard(&format!("42[\"e\",{value}]"), &format!("e [{value}]"));
    }
    for value in ["01", "+1", ".5", "1.", "0x1", "NaN", "\"\\x\"", "\"\n\"", "[1,]", "{a:1}", "'a'"] {
        refused(&[&format!("42[\"e\",{value}]")], "InvalidJson");
    }
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    assert_eq!(ws.join("/__proto__"), r#"40/__proto__,{"sid":"…"}"#);
    ws.send("42/constructor,[\"x\"]");
    ws.send("42[\"__proto__\"]");
    ws.vanish();
    assert!(siege.lift(0).contains("event 2 __proto__ []"));
}

#[test]
fn a15_acknowledgement_ids_are_small_and_known() {
    refused(&[&format!("42{}[\"e\"]", "9".repeat(25))], "InvalidPacket");
    refused(&["429007199254740992[\"e\"]"], "InvalidPacket");
    refused(&["43[]"], "InvalidPacket");
    refused(&["46[]"], "InvalidPacket");
    refused(&["461-[]"], "InvalidPacket");
    heard("420[\"e\"]", "e [] asking");
    let nothing = "disconnect 2 TransportClose";
    assert_eq!(say(&["430[]", "430[]", "439007199254740991[1]", "43/a,0[]"]), nothing);
}

#[test]
fn a16_empty_things_are_refused() {
    for (text, violation) in [
        ("", "UnknownPacket"),
        ("42", "InvalidPacket"),
        ("42[]", "InvalidPacket"),
        ("4", "InvalidPacket"),
        ("43", "InvalidPacket"),
        ("44", "InvalidPacket"),
        ("44{}", "InvalidPacket"),
        ("44/a,\"x\"", "InvalidPacket"),
        ("40", "DuplicateConnect"),
    ] {
        refused(&[text], violation);
    }
}

#[test]
fn a17_a_second_connect_is_refused_even_while_the_first_waits() {
    let mut siege = Siege::new();
    siege.sim.app(|app| app.holds = true);
    let mut ws = siege.sim.websocket();
    ws.send("40/a,");
    ws.send("40/a,{\"again\":1}");
    ws.vanish();
    let seen = siege.lift(0);
    assert_eq!(seen, "connect 2 /a; disconnect 2 Violation(DuplicateConnect)");
}

#[test]
fn a18_a_flood_of_namespaces_is_bounded_and_leaves_nothing() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    for i in 0..10_000 {
        ws.send(&format!("40/n{i},"));
        let counts = siege.sim.counts();
        assert!(counts.sockets <= 65 && counts.namespaces <= 65);
    }
    ws.vanish();
    let seen = siege.lift(0);
    assert_eq!(seen.matches("connect ").count() - seen.matches("disconnect ").count(), 63);
    let mut siege = Siege::new();
    siege.sim.app(|app| app.refuses = vec![("/no", "{}")]);
    let mut ws = siege.attacker();
    for _ in 0..10_000 {
        assert_eq!(ws.join("/no"), "44/no,{}");
    }
    assert_eq!((siege.sim.counts().sockets, siege.sim.counts().namespaces), (2, 1));
    ws.vanish();
    siege.lift(0);
}

#[test]
fn a19_a_client_that_joins_nothing_is_closed() {
    let mut siege = Siege::new();
    let mut ws = siege.sim.websocket();
    siege.sim.advance(25_000);
    siege.witness.send("3");
    ws.send("3");
    siege.sim.advance(19_999);
    assert_eq!(ws.all(), [Item::Text("2".into())]);
    siege.sim.advance(1);
    assert_eq!(ws.all(), [Item::Close(1008)]);
    siege.witness.all();
    assert_eq!(siege.lift(0), "");
}

#[test]
fn a20_nothing_passes_before_admission() {
    let mut siege = Siege::new();
    siege.sim.app(|app| app.holds = true);
    let mut ws = siege.sim.websocket();
    ws.send("40");
    ws.send("42[\"admin\"]");
    siege.sim.broadcast(&sansocket::Target::namespace("/"), "secret", "[]");
    assert_eq!(siege.witness.recv(), "42[\"secret\"]");
    assert_eq!(ws.next(), None);
    ws.tcp.send([frame(0x81, b"40/b,"), frame(0x81, b"42/b,[\"admin\"]")].concat());
    siege.sim.socket(2).admit().unwrap();
    assert_eq!(ws.all(), [Item::Text(r#"40{"sid":"…"}"#.into())]);
    ws.vanish();
    assert!(!siege.lift(0).contains("admin"));
}

#[test]
fn a21_the_id_of_somebody_else_is_no_room() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    let victim = siege.sim.socket(1).id;
    assert!(siege.sim.socket(2).join(&victim).is_err());
    siege.sim.broadcast(
        &sansocket::Target { rooms: &[&victim], ..sansocket::Target::namespace("/") },
        "private",
        "[]",
    );
    assert_eq!(siege.witness.recv(), "42[\"private\"]");
    assert_eq!(ws.next(), None);
    ws.vanish();
    siege.lift(0);
}

#[test]
fn a22_odd_namespaces_are_taken_as_they_are() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    assert_eq!(ws.join("/ns?x=1"), r#"40/ns?x=1,{"sid":"…"}"#);
    assert_eq!(ws.join("/a\r\nb\0"), "40/a\r\nb\0,{\"sid\":\"…\"}");
    ws.send("42[\"a\\r\\n\\u0000\"]");
    ws.vanish();
    let seen = siege.lift(0);
    assert!(seen.contains("event 2 a\r\n\0 []"), "{seen:?}");
}

#[test]
fn c01_payloads_of_minimal_packets_take_linear_time() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let many = "3\u{1e}".repeat(8_000) + "3";
    client.post(&many);
    let most = "3\u{1e}".repeat(499_999) + "3";
    assert_eq!(client.try_post(&most).unwrap().status, 400);
    assert_eq!(siege.lift(0), "disconnect 2 Violation(TooManyPackets)");
}

#[test]
fn c02_odd_engine_packets_are_refused() {
    for (text, violation) in [
        ("éabcd", "UnknownPacket"),
        ("b", "UnknownPacket"),
        ("bé", "UnknownPacket"),
        ("2éabc", "HeartbeatDirection"),
        ("2probex", "HeartbeatDirection"),
        ("0", "UnknownPacket"),
    ] {
        refused(&[text], violation);
    }
    assert_eq!(say(&["3probe", "3é"]), "disconnect 2 TransportClose", "a PONG nobody waits for");
}

#[test]
fn c04_reserved_bits_after_the_handshake_cost_only_the_websocket() {
    let mut siege = Siege::new();
    let mut direct = siege.sim.tcp();
    direct.send(upgrade("/socket.io/?EIO=4&transport=websocket") + "test");
    assert!(direct.take().ends_with(&[0x88, 2, 0x03, 0xea]));
    let mut client = siege.poller();
    let mut probe = siege.sim.tcp();
    probe.send(upgrade(&client.target().replace("polling", "websocket")) + "test");
    assert!(probe.take().ends_with(&[0x88, 2, 0x03, 0xea]));
    client.post("42[\"unharmed\"]");
    client.post("1");
    assert_eq!(siege.lift(0), "event 2 unharmed []; disconnect 2 TransportClose");
}

#[test]
fn c05_odd_upgrades_and_resets_are_contained() {
    let mut siege = Siege::new();
    for value in ["h2c", "WebSocket/13", "websocket2", "", "x, y", "TLS/1.0"] {
        let mut tcp = siege.sim.tcp();
        let odd = upgrade("/socket.io/?EIO=4&transport=websocket")
            .replace("Upgrade: websocket", &format!("Upgrade: {value}"));
        tcp.send(odd);
        assert_eq!(tcp.answer().unwrap().status, 400, "{value}");
        tcp.vanish();
    }
    let mut tcp = siege.sim.tcp();
    tcp.send(upgrade("/socket.io/?EIO=4&transport=websocket"));
    tcp.vanish();
    assert_eq!(siege.lift(0), "");
    siege_of_http("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400);
}

#[test]
fn c06_odd_queries_are_refused() {
    let siege = Siege::new();
    for query in [
        "EIO=4&transport=__proto__",
        "EIO=4",
        "EIO=4&transport=polling&transport=polling",
        "EIO=4&EIO=3&transport=polling",
        "EIO=9&transport=polling",
        "EIO=&transport=polling",
        "EIO=4&transport=polling&sid",
        "EIO=4&transport=polling&sid=%00",
        "EIO=4&transport=POLLING",
        "&&&=&=&",
        "",
    ] {
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", &format!("/socket.io/?{query}"), "", ""));
        let answer = tcp.answer().unwrap();
        assert_eq!(answer.status, 400, "{query}");
        assert!(answer.body.starts_with("{\"code\":"), "{query}");
    }
    siege.lift(0);
}

#[test]
fn c07_binary_bodies_end_their_session_each_time() {
    let mut siege = Siege::new();
    for _ in 0..1000 {
        let mut client = siege.sim.polling();
        let kind = "Content-Type: application/octet-stream\r\n";
        client.posts.send(request("POST", &client.target(), kind, "x"));
        assert_eq!(client.posts.answer().unwrap().status, 400);
        assert_eq!(siege.sim.counts().sessions, 1);
    }
    assert_eq!(siege.lift(0), "");
}

#[test]
fn c10_the_revision_of_a_session_cannot_change() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    for (method, target) in [
        ("GET", client.target().replace("EIO=4", "EIO=3")),
        ("POST", client.target().replace("EIO=4", "EIO=3")),
        ("GET", client.target().replace("EIO=4&", "")),
    ] {
        let mut tcp = siege.sim.tcp();
        tcp.send(request(method, &target, "", ""));
        assert_eq!(tcp.answer().unwrap().body, r#"{"code":3,"message":"Bad request"}"#);
    }
    let mut tcp = siege.sim.tcp();
    tcp.send(upgrade(&client.target().replace("EIO=4", "EIO=3").replace("polling", "websocket")));
    assert_eq!(tcp.answer().unwrap().status, 400);
    client.post("1");
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

#[test]
fn c11_a_flood_of_pongs_starts_nothing() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    let pongs: Vec<u8> = (0..100_000).flat_map(|_| frame(0x81, b"3")).collect();
    ws.tcp.send(&pongs);
    siege.sim.advance(25_000);
    siege.witness.send("3");
    ws.tcp.send(&pongs);
    siege.sim.advance(24_999);
    assert_eq!(ws.all(), [Item::Text("2".into())], "one ping per interval");
    siege.sim.advance(1);
    siege.witness.send("3");
    siege.witness.all();
    assert_eq!(ws.all(), [Item::Text("2".into())]);
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

#[test]
fn c12_huge_bodies_are_refused_before_they_are_kept() {
    for (target, status) in [
        ("/socket.io/?EIO=4&transport=polling&sid=nobody", 400),
        ("/socket.io/?EIO=4&transport=x", 400),
        ("/elsewhere", 404),
    ] {
        for framing in ["Content-Length: 1000000000\r\n", "Transfer-Encoding: chunked\r\n"] {
            let siege = Siege::new();
            let mut tcp = siege.sim.tcp();
            tcp.send(request("POST", target, framing, ""));
            assert_eq!(tcp.answer().unwrap().status, status);
            for _ in 0..100 {
                tcp.send(vec![b'1'; 10_000]);
                assert!(tcp.bytes_held() < 1000, "{}", tcp.bytes_held());
            }
            assert!(!tcp.is_open(), "it is not read for ever");
            siege.lift(0);
        }
    }
}

#[test]
fn c12_a_huge_body_of_a_known_session_is_refused_at_the_limit() {
    for chunked in [false, true] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let framing = match chunked {
            true => "Transfer-Encoding: chunked\r\n",
            false => "Content-Length: 1000000000\r\n",
        };
        client.posts.send(request("POST", &client.target(), framing, ""));
        for _ in 0..250 {
            if chunked {
                client.posts.send("2710\r\n");
            }
            client.posts.send(vec![b'1'; 10_000]);
            if chunked {
                client.posts.send("\r\n");
            }
            assert!(client.posts.bytes_held() <= 2_100_000, "{}", client.posts.bytes_held());
        }
        assert_eq!(client.posts.answer().unwrap().status, 413);
        assert_eq!(siege.lift(0), "disconnect 2 Violation(BodyTooLarge)", "{chunked}");
    }
}

#[test]
fn c13_overlapping_and_late_requests_are_all_answered() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    client.get();
    let mut others: Vec<Tcp> = (0..50).map(|_| siege.sim.tcp()).collect();
    for tcp in &mut others {
        tcp.send(request("GET", &client.target(), "", ""));
        assert_eq!(tcp.answer().expect("answered").status, 400);
    }
    assert_eq!(client.answer().expect("answered").status, 200);
    assert_eq!(siege.lift(0), "disconnect 2 Violation(OverlappingPoll)");
}

#[test]
fn c14_misused_upgrades_cost_nothing() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let mut probes: Vec<WebSocket> = (0..100).map(|_| client.websocket()).collect();
    assert_eq!(siege.sim.counts().links, 2, "the witness and one probe");
    let late: Vec<_> = probes[1..].iter_mut().map(WebSocket::next).collect();
    assert!(late.iter().all(|item| *item == Some(Item::Close(1000))));
    probes[0].send("2probe");
    probes[0].send("5");
    probes[0].send("5");
    client.get();
    assert_eq!(client.answer().unwrap().status, 400);
    assert_eq!(client.try_post("3").unwrap().status, 400);
    probes[0].send("42[\"fine\"]");
    probes.iter_mut().for_each(WebSocket::vanish);
    assert_eq!(siege.lift(0), "event 2 fine []; disconnect 2 TransportClose");
}

#[test]
fn c15_a_sid_is_exact_or_unknown() {
    let mut siege = Siege::new();
    let mut client = siege.poller();
    let sid = client.sid.clone();
    let mut wrong: Vec<String> = (0..28)
        .map(|at| {
            let letter = if &sid[at..=at] == "A" { "B" } else { "A" };
            format!("{}{letter}{}", &sid[..at], &sid[at + 1..])
        })
        .collect();
    wrong.extend([sid[..27].to_owned(), format!("{sid}A"), format!("{sid}="), sid.to_lowercase()]);
    for wrong in wrong.iter().filter(|&wrong| *wrong != sid) {
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", &client.target().replace(&sid, wrong), "", ""));
        let answer = tcp.answer().expect("nobody is held");
        assert_eq!(answer.body, r#"{"code":1,"message":"Session ID unknown"}"#, "{wrong}");
    }
    assert_eq!(siege.sim.counts().sessions, 2);
    client.post("1");
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

#[test]
fn c16_foreign_pages_are_refused_with_their_cookies() {
    let siege = Siege::new();
    let page = "Origin: https://evil.example\r\nCookie: session=1\r\n";
    for target in ["/socket.io/?EIO=4&transport=polling", "/socket.io/?EIO=4&transport=websocket"] {
        let mut tcp = siege.sim.tcp();
        tcp.send(upgrade(target).replace("Host:", &format!("{page}Host:")));
        assert_eq!(tcp.answer().unwrap().status, 400);
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", target, page, ""));
        assert_eq!(tcp.answer().unwrap().header("access-control-allow-origin"), None);
    }
    assert_eq!(siege.sim.counts().sessions, 1);
    siege.lift(0);
}

#[test]
fn c17_nothing_of_the_query_is_reflected() {
    let siege = Siege::new();
    for query in ["transport=<script>", "EIO=4&transport=polling&sid=<script>", "EIO=<script>"] {
        let mut tcp = siege.sim.tcp();
        tcp.send(request("GET", &format!("/socket.io/?{query}&j=0);alert(1)//"), "", ""));
        let answer = tcp.answer().unwrap();
        assert!(!answer.body.contains("script") && !answer.head.contains("script"), "{answer:?}");
        assert!(!answer.body.contains("alert"));
    }
    let mut tcp = siege.sim.tcp();
    tcp.send(request("GET", "/socket.io/?EIO=4&transport=polling&j=0);alert(1)//", "", ""));
    let answer = tcp.answer().unwrap();
    assert!(answer.body.starts_with("0{"), "scripts are not served");
    assert_eq!(answer.header("content-type"), Some("text/plain; charset=UTF-8"));
    siege.lift(0);
}

#[test]
fn c19_paths_that_only_look_like_ours_are_not_ours() {
    for path in ["/engine.io-admin", "/socket.iox", "//socket.io/", "/socket%2Eio/", "/x/socket.io/"] {
        siege_of_http(&request("GET", &format!("{path}?EIO=4&transport=polling"), "", ""), 404);
    }
}

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

#[test]
fn d01_a_length_that_is_only_announced_costs_nothing() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.tcp.send([&[0x82, 0xff][..], &1_000_000u64.to_be_bytes(), &[0; 4], b"few"].concat());
    assert!(ws.tcp.bytes_held() < 1000, "{}", ws.tcp.bytes_held());
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

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

#[test]
fn d03_a_flood_of_pings_costs_two_pongs() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.tcp.take_only(0);
    let pings: Vec<u8> = (0..1000).flat_map(|_| frame(0x89, &[7; 125])).collect();
    for _ in 0..100 {
        ws.tcp.send(&pings);
        assert!(ws.tcp.bytes_held() < 1000, "{}", ws.tcp.bytes_held());
    }
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

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

#[test]
fn d05_floods_and_duplicates_of_fields_are_refused() {
    siege_of_http(&request("GET", "/", &"A: b\r\n".repeat(2000), ""), 431);
    siege_of_http(&request("GET", "/", &"A: b\r\n".repeat(96), ""), 431);
    siege_of_http(&request("GET", "/", &"A: b\r\n".repeat(95), ""), 404);
    let good = upgrade("/socket.io/?EIO=4&transport=websocket");
    for name in ["Upgrade", "Connection", "Sec-WebSocket-Key", "Sec-WebSocket-Version"] {
        let line = good.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap();
        siege_of_http(&good.replace(line, &format!("{line}\r\n{line}")), 400);
    }
}

#[test]
fn d06_odd_extensions_and_protocols_are_ignored() {
    let siege = Siege::new();
    for field in [
        format!("Sec-WebSocket-Protocol:{}x", " ".repeat(15_000)),
        "Sec-WebSocket-Extensions: constructor".into(),
        "Sec-WebSocket-Extensions: permessage-deflate; server_max_window_bits=99; x=\"".into(),
    ] {
        let mut tcp = siege.sim.tcp();
        let whole = upgrade("/socket.io/?EIO=4&transport=websocket");
        tcp.send(whole.replace("Host:", &format!("{field}\r\nHost:")));
        let answer = tcp.answer().unwrap();
        assert_eq!(answer.status, 101);
        assert_eq!(answer.header("sec-websocket-extensions"), None);
        assert_eq!(answer.header("sec-websocket-protocol"), None);
        tcp.vanish();
    }
    siege.lift(0);
}

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
        (frame(0x88, b"\x03\xe8\xc3"), 1007),
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

/// Sends bytes on a connection of their own and expects that answer.
fn siege_of_http(bytes: &str, status: u16) {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    tcp.send(bytes);
    let answer = tcp.answer().unwrap_or_else(|| panic!("no answer to {bytes:.60?}"));
    assert_eq!(answer.status, status, "{bytes:.60?}");
    assert!(tcp.bytes_held() < 1000, "{}", tcp.bytes_held());
    siege.lift(0);
}

fn post_with(fields: &str) -> String {
    format!("POST /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n{fields}\r\nabcde")
}

#[test]
fn e01_transfer_encoding_is_chunked_and_given_once() {
    for (coding, status) in [
        ("chunked\r\nTransfer-Encoding: chunked", 400),
        ("chunked\r\nTransfer-Encoding: identity", 400),
        ("chunked, chunked", 501),
        ("gzip, chunked", 501),
        ("identity", 501),
        ("\x0bchunked", 400),
        ("xchunked", 501),
    ] {
        siege_of_http(&post_with(&format!("Transfer-Encoding: {coding}\r\n")), status);
    }
    siege_of_http(&post_with("Transfer-Encoding : chunked\r\n"), 400);
}

#[test]
fn e02_content_length_is_digits() {
    for length in ["+5", "-5", "5, 5", "5,5", "0x5", "5 5", "", "5;", "\u{665}"] {
        siege_of_http(&post_with(&format!("Content-Length: {length}\r\n")), 400);
    }
    siege_of_http(&post_with("Content-Length: 5\r\nContent-Length: 5\r\n"), 400);
    siege_of_http(&post_with("Content-Length: 99999999999999999999999\r\n"), 413);
}

#[test]
fn e03_absurd_chunk_sizes_are_refused() {
    for (size, status) in [
        ("fffffffffffffffff", 413),
        ("8000000000000000", 413),
        ("-1", 501),
        ("0x5", 501),
        ("", 501),
        (" 5", 501),
        ("g", 501),
    ] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let head = request("POST", &client.target(), "Transfer-Encoding: chunked\r\n", "");
        client.posts.send(format!("{head}{size}\r\nabcde\r\n0\r\n\r\n"));
        assert_eq!(client.posts.answer().unwrap().status, status, "{size}");
        let seen = siege.lift(0);
        assert!(seen.starts_with("disconnect 2 Violation("), "{size}: {seen}");
    }
}

#[test]
fn e03_endless_chunk_extensions_and_trailers_are_cut_off() {
    for prefix in ["5;", "0\r\nX: "] {
        let mut siege = Siege::new();
        let mut client = siege.poller();
        let head = request("POST", &client.target(), "Transfer-Encoding: chunked\r\n", "");
        client.posts.send(head + prefix);
        for _ in 0..20 {
            client.posts.send("x".repeat(10_000));
            assert!(client.posts.bytes_held() < 1000);
        }
        assert_eq!(client.posts.answer().unwrap().status, 501);
        assert_eq!(siege.lift(0), "disconnect 2 Violation(UnsupportedCoding)");
    }
}

#[test]
fn e04_a_get_has_no_body() {
    for field in ["Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"] {
        siege_of_http(&request("GET", "/socket.io/?EIO=4&transport=polling", field, ""), 400);
    }
}

#[test]
fn e05_heads_two_parsers_could_read_differently_are_refused() {
    for (bytes, status) in [
        (post_with("Content-Length: 5\r\nTransfer-Encoding: chunked\r\n"), 400),
        (post_with("X: a\r\n folded\r\nContent-Length: 5\r\n"), 400),
        (post_with("X: a\0b\r\nContent-Length: 5\r\n"), 400),
        (post_with("Content-Length: 5\nX: y\r\n"), 400),
        (post_with("Host: b\r\nContent-Length: 5\r\n"), 400),
        (post_with("X\r\nContent-Length: 5\r\n"), 400),
        (post_with("Content-Length\r\n: 5\r\n"), 400),
        ("GET / HTTP/1.1\nHost: a\n\n".into(), 400),
        ("GET / HTTP/1.1\r\rHost: a\r\n\r\n".into(), 400),
        ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET / HTTP/1.1\r\nHost: a\r\n\n".into(), 400),
        ("GET http://a/ HTTP/1.1\r\nHost: a\r\n\r\n".into(), 400),
        ("GET /\u{e9} HTTP/1.2\r\nHost: a\r\n\r\n".into(), 400),
        ("\x16\x03\x01\x02\x00\n".into(), 400),
    ] {
        siege_of_http(&bytes, status);
    }
}

#[test]
fn e07_a_body_is_limited_however_it_is_framed() {
    let mut siege = Siege::with(|config| config.limits.max_payload = 1000);
    let mut client = siege.poller();
    let head = request("POST", &client.target(), "Transfer-Encoding: chunked\r\n", "");
    client.posts.send(head);
    for _ in 0..2000 {
        client.posts.send("1\r\n3\r\n");
    }
    assert_eq!(client.posts.answer().unwrap().status, 413);
    assert_eq!(siege.lift(0), "disconnect 2 Violation(BodyTooLarge)");
}

#[test]
fn e08_endless_pipelining_is_answered_in_order_and_bounded() {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    let many = request("GET", "/nowhere", "", "").repeat(1000);
    let mut answered = 0;
    for _ in 0..100 {
        tcp.send(&many);
        while let Some(answer) = tcp.answer() {
            assert_eq!(answer.status, 404);
            answered += 1;
        }
        assert_eq!(tcp.bytes_held(), 0);
    }
    assert_eq!(answered, 100_000);
    siege.lift(0);
}

#[test]
fn e08_pipelining_without_reading_is_bounded() {
    let siege = Siege::new();
    let mut tcp = siege.sim.tcp();
    tcp.take_only(0);
    let many = request("GET", "/nowhere", "", "").repeat(1000);
    for _ in 0..100 {
        tcp.send(&many);
    }
    assert!(tcp.bytes_held() <= 300_000, "{}", tcp.bytes_held());
    tcp.take_only(usize::MAX);
    let mut answered = 0;
    while tcp.answer().is_some() {
        answered += 1;
    }
    assert_eq!(answered, 100_000);
    siege.lift(0);
}

#[test]
fn handshakes_of_clients_that_never_come_back_expire() {
    let mut siege = Siege::with(|config| config.connect_timeout = Duration::from_secs(5));
    for _ in 0..1000 {
        let mut tcp = siege.sim.tcp();
        tcp.send(handshake());
        tcp.vanish();
    }
    siege.sim.advance(5_000);
    assert_eq!(siege.sim.counts().sessions, 1);
    assert_eq!(siege.lift(0), "");
}
