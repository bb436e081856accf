//! A: Socket.IO packets.

use testbed::{Item, frame};

use super::siege::{Siege, refused, say};

/// Attempts or bytes, as many as a default message may carry.
const MANY: usize = 900_000;

fn heard(text: &str, event: &str) {
    let seen = say(&[text]);
    assert_eq!(seen, format!("event 2 {event}; disconnect 2 TransportClose"), "{text}");
}

/// A1, CVE-2020-36049.
#[test]
fn a01_endless_headers_are_refused_in_linear_time() {
    refused(&[&format!("45{}", "1".repeat(MANY))], "TooManyAttachments");
    refused(&[&format!("42/{}", "a".repeat(MANY))], "InvalidPacket");
    refused(&[&format!("42{}", "9".repeat(MANY))], "InvalidPacket");
    refused(&[&format!("40/{},", "a".repeat(MANY))], "InvalidPacket");
}

/// A2, CVE-2022-2421.
#[test]
fn a02_placeholders_name_attachments_by_number() {
    for num in ["\"splice\"", "-1", "1.5", "1e9", "null", "1", "\"\"", "{}"] {
        let text = format!("451-[\"hello\",{{\"_placeholder\":true,\"num\":{num}}}]");
        refused(&[&text], "IllegalAttachments");
    }
    refused(&["451-[\"hello\",{\"_placeholder\":true}]"], "IllegalAttachments");
    for flag in ["1", "\"true\"", "false", "null"] {
        let plain = format!("{{\"_placeholder\":{flag},\"num\":\"splice\"}}");
        heard(&format!("42[\"e\",{plain}]"), &format!("e [{plain}]"));
    }
}

/// A27: each mention of an attachment is a copy of it in the decoder.
#[test]
fn a27_an_attachment_is_named_once() {
    let place = |num: &u32| format!("{{\"_placeholder\":true,\"num\":{num}}}");
    let list = |nums: &[u32]| nums.iter().map(place).collect::<Vec<_>>().join(",");
    for nums in [&[0, 0][..], &[1, 0, 1], &[0; 33_000]] {
        refused(&[&format!("452-[\"e\",{}]", list(nums))], "IllegalAttachments");
        refused(&[&format!("462-1[[{}]]", list(nums))], "IllegalAttachments");
        refused(&[&format!("452-[\"e\",[{}],1]", list(nums))], "IllegalAttachments");
    }
    let inside = format!("{{\"_placeholder\":true,\"num\":0,\"more\":[{}]}}", place(&0));
    refused(&[&format!("451-[\"e\",{inside}]")], "IllegalAttachments");
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.send(&format!("453-[\"e\",{}]", list(&[2, 0])));
    (0..3).for_each(|n| ws.send_binary(&[n]));
    assert!(siege.sim.events().concat().starts_with("event 2 e "), "in any order, or not at all");
    ws.vanish();
    siege.lift(0);
}

/// A3, CVE-2023-32695.
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

/// A4, socket.io-parser 4.2.4.
#[test]
fn a04_reserved_names_are_refused() {
    for name in
        ["connect", "disconnect", "connect_error", "disconnecting", "newListener", "removeListener"]
    {
        refused(&[&format!("42[\"{name}\",\"123\"]")], "ReservedEvent");
        refused(
            &[&format!("451-[\"{name}\",{{\"_placeholder\":true,\"num\":0}}]")],
            "ReservedEvent",
        );
    }
}

/// A5, CVE-2024-38355.
#[test]
fn a05_error_is_an_ordinary_event() {
    heard(r#"42["error","x"]"#, r#"error ["x"]"#);
    heard(r#"42["error"]"#, "error []");
}

/// A6, CVE-2026-33151; A9.
#[test]
fn a06_a09_absurd_numbers_of_attachments_are_refused_when_announced() {
    for count in ["11", "999999999", "59999999999", "18446744073709551616"] {
        refused(&[&format!("45{count}-[\"a\"]")], "TooManyAttachments");
        refused(&[&format!("46{count}-1[\"a\"]")], "TooManyAttachments");
    }
}

/// A7, CVE-2026-69185.
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

/// A8, CVE-2026-48804.
#[test]
fn a08_attachments_before_connect_are_refused() {
    let siege = Siege::new();
    let mut ws = siege.sim.websocket();
    ws.send("451-/admin,[\"e\",{\"_placeholder\":true,\"num\":0}]");
    assert_eq!(ws.all(), [Item::Close(1008)]);
    ws.vanish();
    assert_eq!(siege.lift(0), "");
}

/// A8, CVE-2026-48804.
#[test]
fn a08_half_a_packet_is_freed_with_its_namespace() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.join("/a");
    ws.send("452-/a,[\"e\",{\"_placeholder\":true,\"num\":0}]");
    ws.send_binary(&[0; 1000]);
    siege.sim.socket(3).disconnect(sansocket::Disconnect::Namespace);
    ws.send_binary(&[0; 1000]);
    assert_eq!(siege.sim.counts().bytes, 0);
    ws.send("42[\"next\"]");
    ws.vanish();
    let seen = siege.lift(0);
    let end = "disconnect 3 ServerDisconnect; event 2 next []; disconnect 2 TransportClose";
    assert!(seen.ends_with(end), "{seen}");
}

/// A8, CVE-2026-48804.
#[test]
fn a08_half_a_packet_for_nobody_is_freed_with_its_session() {
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    ws.send("452-/never,[\"e\",{\"_placeholder\":true,\"num\":0}]");
    ws.send_binary(&[0; 1000]);
    assert!(siege.sim.counts().bytes > 1000);
    ws.vanish();
    assert_eq!(siege.lift(0), "disconnect 2 TransportClose");
}

/// A10, socketioxide #357.
#[test]
fn a10_headers_that_looped_for_ever_are_refused() {
    for text in ["45", "451", "45a-", "451.23-", "45invalid", "451-", "45-[\"x\"]", "4551-[]"] {
        let seen = say(&[text]);
        assert!(seen.starts_with("disconnect 2 Violation("), "{text}: {seen}");
    }
}

/// A11, socketioxide #811.
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

/// A12, GHSA-55mf-67qm-4wpg.
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

/// A13, socketioxide #794.
#[test]
fn a13_every_cut_of_non_ascii_text_is_survived() {
    for text in [
        "2/é,[\"é\"]",
        "2/é",
        "2/é,",
        "2é",
        "21é",
        "2/é,1é",
        "51-/é,1[\"é\"]",
        "51é",
        "é",
        "5é-",
        "0/é,{\"é\":\"é\"}",
        "0é",
        "1é",
        "3é",
        "30é",
        "𝕊",
        "2\u{feff}[\"x\"]",
        "2/\u{0},[\"x\"]",
    ] {
        say(&[&format!("4{text}")]);
        say(&[text]);
    }
}

/// A14.
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
    for value in ["01", "+1", ".5", "1.", "0x1", "NaN", "\"\\x\"", "\"\n\"", "[1,]", "{a:1}", "'a'"]
    {
        refused(&[&format!("42[\"e\",{value}]")], "InvalidJson");
    }
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    assert_eq!(ws.join("/__proto__"), r#"40/__proto__,{"sid":"…"}"#);
    ws.send("42/constructor,[\"x\"]");
    ws.send("42[\"__proto__\"]");
    for room in ["__proto__", "constructor"] {
        assert_eq!(siege.sim.socket(2).join(room), Ok(true));
        let to = sansocket::Target { rooms: &[room], ..sansocket::Target::namespace("/") };
        siege.sim.broadcast(&to, "x", "[]");
        assert_eq!(ws.all(), [Item::Text("42[\"x\"]".into())]);
    }
    assert_eq!(siege.witness.all(), []);
    ws.vanish();
    assert!(siege.lift(0).contains("event 2 __proto__ []"));
}

/// A15, python-socketio #1329.
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
    let mut siege = Siege::new();
    let mut ws = siege.attacker();
    siege.sim.socket(1).ask("secret", 60_000).expect("it is there");
    siege.sim.socket(2).ask("mine", 60_000).expect("it is there");
    assert_eq!(siege.witness.recv(), "420[\"secret\"]");
    assert_eq!(ws.recv(), "421[\"mine\"]");
    ws.join("/a");
    for forged in ["430", "432", "43/a,1", "43/never,1"] {
        ws.send(&format!("{forged}[\"forged\"]"));
    }
    ws.send("431[1]");
    ws.send("431[\"again\"]");
    siege.witness.send("430[2]");
    ws.vanish();
    let seen = siege.lift(0);
    let answers: Vec<_> = seen.split("; ").filter(|line| line.starts_with("answer")).collect();
    assert_eq!(answers, ["answer 2 from 2 [1]", "answer 1 from 1 [2]"]);
}

/// A16, python-socketio 5.11.4.
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
    ] {
        refused(&[text], violation);
    }
}

/// A17, socketioxide #801.
#[test]
fn a17_a_second_connect_changes_nothing_even_while_the_first_waits() {
    let mut siege = Siege::new();
    siege.sim.app(|app| app.holds = true);
    let mut ws = siege.sim.websocket();
    ws.send("40/a,");
    for _ in 0..1000 {
        ws.send("40/a,{\"again\":1}");
    }
    assert_eq!(siege.sim.counts().sockets, 2, "the bystander and one more");
    ws.vanish();
    let seen = siege.lift(0);
    assert_eq!(seen, "connect 2 /a; disconnect 2 TransportClose");
}

/// A18, socket.io 4.7.2.
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

/// A19.
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

/// A20, python-socketio 5.17.
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

/// A21, python-socketio 5.18.1.
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

/// A22.
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
