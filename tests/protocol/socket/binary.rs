//! Packets with attachments.

use sansocket::{Bytes, Counts, Disconnect, Misuse, Refused};
use std::time::Duration;
use testbed::{Item, Sim, WebSocket};

const ONE: &str = "451-[\"b\",{\"_placeholder\":true,\"num\":0}]";
const TWO: &str = "452-[\"b\",{\"_placeholder\":true,\"num\":1},{\"_placeholder\":true,\"num\":0}]";

fn limited() -> Sim {
    Sim::with(|config| {
        config.limits.attachments = 2;
        config.limits.attachment_bytes = 100;
        config.limits.attachment_time = Duration::from_secs(3);
    })
}

/// Why a client was cut off.
fn fate(breath: impl FnOnce(&mut WebSocket)) -> String {
    let mut sim = limited();
    let mut ws = sim.joined();
    breath(&mut ws);
    let events = sim.events();
    assert!(matches!(ws.all()[..], [Item::Close(1008 | 1009)]));
    assert_eq!(sim.counts(), Counts::default());
    events[1..].join("; ")
}

#[test]
fn attachments_are_delivered_in_the_order_of_their_numbers() {
    let mut sim = limited();
    let mut ws = sim.joined();
    ws.send(TWO);
    ws.send_binary(b"\x01");
    assert_eq!(sim.events().len(), 1, "half a packet is no event");
    ws.send_binary(b"");
    let [line] = &sim.events()[..] else { panic!("one event") };
    assert!(line.ends_with(" 0x01 0x"), "{line}");
}

#[test]
fn attachments_follow_their_packet_without_anything_between() {
    let sim = limited();
    let mut ws = sim.joined();
    let socket = sim.socket(1);
    ws.tcp.take_only(1);
    let two = [Bytes::from_static(b"a"), Bytes::from_static(b"bc")];
    socket.emit_binary("x", "[{\"_placeholder\":true,\"num\":0}]", &two).unwrap();
    socket.emit("y", "[]").unwrap();
    ws.tcp.take_only(usize::MAX);
    let header = Item::Text(r#"452-["x",{"_placeholder":true,"num":0}]"#.into());
    let (a, bc) = (Item::Binary(b"a".into()), Item::Binary(b"bc".into()));
    assert_eq!(ws.all(), [header, a, bc, Item::Text("42[\"y\"]".into())]);
}

#[test]
fn on_polling_attachments_are_base64_in_the_same_answer() {
    let sim = limited();
    let mut client = sim.polling();
    client.join("/");
    let bytes = [Bytes::from_static(b"\x01\x02\x03\x04")];
    sim.socket(1).emit_binary("x", "[{\"_placeholder\":true,\"num\":0}]", &bytes).unwrap();
    assert_eq!(client.poll(), "451-[\"x\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAQIDBA==");
}

#[test]
fn a_packet_with_many_attachments_is_never_split_over_answers() {
    let sim = Sim::with(|config| config.limits.packets_per_poll = 4);
    let mut client = sim.polling();
    client.join("/");
    let bytes = vec![Bytes::from_static(b"\x01"); 10];
    sim.socket(1).emit("before", "[]").unwrap();
    sim.socket(1).emit_binary("x", "[]", &bytes).unwrap();
    sim.socket(1).emit("after", "[]").unwrap();
    let sizes = [(); 3].map(|()| client.poll().split('\u{1e}').count());
    assert_eq!(sizes, [1, 11, 1]);
}

#[test]
fn attachments_may_be_posted_one_by_one() {
    let mut sim = limited();
    let mut client = sim.polling();
    client.join("/");
    client.post(TWO);
    client.post("bAQ==");
    client.post("bAg==\u{1e}42[\"next\"]");
    assert!(sim.events()[1].ends_with("0x01 0x02"));
}

#[test]
fn attachments_are_read_as_android_clients_write_them() {
    let mut sim = Sim::new();
    let mut client = sim.polling();
    client.join("/");
    client.post("451-0[\"binary-sizes\",{\"_placeholder\":true,\"num\":0}]\u{1e}bAAEC\n");
    assert!(sim.events()[1].ends_with(" 0x000102 asking"));
    // In lines of 76 characters, in the alphabet of URLs, without padding, and with spare bits.
    let lines = format!("{}\nAP//\n", "AP//".repeat(19));
    for (base64, hex) in [
        (&*lines, "00ffff".repeat(20)),
        (&lines.replace('\n', "\r\n"), "00ffff".repeat(20)),
        ("AP__", "00ffff".into()),
        ("AP8", "00ff".into()),
        ("AP//AB==", "00ffff00".into()),
        ("", String::new()),
    ] {
        client.post(&format!("{ONE}\u{1e}b{base64}\u{1e}42[\"next\"]"));
        let [event, next] = &sim.events()[..] else { panic!("two events") };
        assert!(event.ends_with(&format!(" 0x{hex}")), "{base64:?}: {event}");
        assert_eq!(next, "event 1 next []");
    }
}

#[test]
fn clients_that_send_no_binary_frames_send_base64_on_a_websocket() {
    let mut sim = Sim::new();
    let mut ws = sim.joined();
    ws.send(TWO);
    ws.send("bAAEC");
    ws.send_binary(b"\x03");
    assert!(sim.events()[1].ends_with(" 0x000102 0x03"));
    assert_eq!(fate(|ws| ws.send("bAAEC")), "disconnect 1 Violation(AttachmentUnexpected)");
    let cut_off = |ws: &mut WebSocket| {
        ws.send(ONE);
        ws.send("bAAECA");
    };
    assert_eq!(fate(cut_off), "disconnect 1 Violation(InvalidBase64)");
    let large = |ws: &mut WebSocket| {
        ws.send(ONE);
        ws.send(&format!("b{}", "AAEC".repeat(34)));
    };
    assert_eq!(fate(large), "disconnect 1 Violation(AttachmentsTooLarge)");
}

#[test]
fn an_upgrade_may_come_between_a_packet_and_its_attachments() {
    let mut sim = limited();
    let mut client = sim.polling();
    client.join("/");
    client.post(TWO);
    client.post("bAQ==");
    let mut ws = client.upgrade();
    ws.send_binary(b"\x02");
    assert!(sim.events()[1].ends_with("0x01 0x02"));
}

#[test]
fn more_attachments_than_allowed_are_refused_when_announced() {
    let disconnected = "disconnect 1 Violation(TooManyAttachments)";
    assert_eq!(fate(|ws| ws.send("453-[\"x\"]")), disconnected);
    assert_eq!(fate(|ws| ws.send("45999999999999-[\"x\"]")), disconnected);
    let misuse = Err(Refused::Misuse(Misuse::TooManyAttachments));
    let sim = limited();
    let _ws = sim.joined();
    assert_eq!(sim.socket(1).emit_binary("x", "[]", &vec![Bytes::new(); 3]), misuse);
}

#[test]
fn no_attachments_cannot_be_announced() {
    assert_eq!(fate(|ws| ws.send("450-[\"x\"]")), "disconnect 1 Violation(IllegalAttachments)");
}

#[test]
fn bytes_of_attachments_are_counted_together() {
    let mut sim = limited();
    let mut ws = sim.joined();
    ws.send(TWO);
    ws.send_binary(&[0; 60]);
    ws.send_binary(&[0; 40]);
    assert_eq!(sim.events().len(), 2);
    let too_large = fate(|ws| {
        ws.send(TWO);
        ws.send_binary(&[0; 60]);
        ws.send_binary(&[0; 41]);
    });
    assert_eq!(too_large, "disconnect 1 Violation(AttachmentsTooLarge)");
}

#[test]
fn attachments_must_come_in_time() {
    let mut sim = limited();
    let mut ws = sim.joined();
    ws.send(TWO);
    sim.advance(2_000);
    ws.send_binary(b"x");
    sim.advance(999);
    assert_eq!(ws.next(), None);
    sim.advance(1);
    assert_eq!(ws.next(), Some(Item::Close(1008)));
    assert_eq!(sim.events()[1..], ["disconnect 1 Violation(AttachmentsLate)"]);
    assert_eq!(sim.counts(), Counts::default());
}

#[test]
fn a_packet_that_was_completed_has_no_deadline() {
    let mut sim = limited();
    let mut ws = sim.joined();
    ws.send(ONE);
    ws.send_binary(b"x");
    sim.advance(2_000);
    ws.send(ONE);
    sim.advance(2_000);
    ws.send_binary(b"y");
    assert_eq!(sim.events().len(), 3);
}

#[test]
fn text_may_not_come_before_all_attachments() {
    for text in ["42[\"x\"]", ONE, "41", "40/a,", "430[]"] {
        let reason = fate(|ws| {
            ws.send(ONE);
            ws.send(text);
        });
        assert_eq!(reason, "disconnect 1 Violation(AttachmentsMissing)", "{text}");
    }
}

#[test]
fn heartbeats_may_come_between_attachments() {
    let mut sim = limited();
    let mut ws = sim.joined();
    ws.send(TWO);
    ws.send_binary(b"a");
    ws.send("3");
    ws.send_frame(0x89, b"ping");
    ws.send_binary(b"b");
    assert!(sim.events()[1].ends_with("0x61 0x62"));
}

#[test]
fn a_binary_message_nobody_announced_is_against_the_protocol() {
    let unexpected = "disconnect 1 Violation(AttachmentUnexpected)";
    assert_eq!(fate(|ws| ws.send_binary(b"x")), unexpected);
    let after_the_last = fate(|ws| {
        ws.send("451-/left,[\"x\",{\"_placeholder\":true,\"num\":0}]");
        ws.send_binary(b"x");
        ws.send_binary(b"y");
    });
    assert_eq!(after_the_last, unexpected);
}

#[test]
fn a_packet_for_a_namespace_that_was_left_is_swallowed_with_its_attachments() {
    let mut sim = limited();
    let mut ws = sim.joined();
    ws.join("/a");
    sim.socket(2).disconnect(Disconnect::Namespace);
    ws.send("451-/a,[\"late\",{\"_placeholder\":true,\"num\":0}]");
    ws.send_binary(b"x");
    ws.send("42[\"x\"]");
    assert_eq!(sim.events()[2..], ["disconnect 2 ServerDisconnect", "event 1 x []"]);
}

#[test]
fn a_namespace_left_between_attachments_swallows_the_rest() {
    let mut sim = limited();
    let mut ws = sim.joined();
    ws.join("/a");
    ws.send("452-/a,[\"late\",{\"_placeholder\":true,\"num\":0}]");
    ws.send_binary(b"x");
    sim.socket(2).disconnect(Disconnect::Namespace);
    ws.send_binary(b"y");
    ws.send("42[\"x\"]");
    assert_eq!(sim.events()[2..], ["disconnect 2 ServerDisconnect", "event 1 x []"]);
    assert_eq!(sim.counts().bytes, 0);
}

#[test]
fn a_placeholder_must_name_an_attachment() {
    for num in ["1", "-1", "0.5", "1e0", "1e9", "null", "\"0\"", "\"splice\"", "true", "[0]"] {
        let text = format!("451-[\"x\",{{\"_placeholder\":true,\"num\":{num}}}]");
        let reason = fate(|ws| ws.send(&text));
        assert_eq!(reason, "disconnect 1 Violation(IllegalAttachments)", "{num}");
    }
    let missing = fate(|ws| ws.send("451-[\"x\",{\"_placeholder\":true}]"));
    assert_eq!(missing, "disconnect 1 Violation(IllegalAttachments)");
}

#[test]
fn only_true_makes_a_placeholder() {
    let mut sim = limited();
    let mut ws = sim.joined();
    for value in ["1", "\"true\"", "false", "null", "[true]"] {
        ws.send(&format!("451-[\"x\",{{\"_placeholder\":{value},\"num\":9}}]"));
        ws.send_binary(b"");
    }
    ws.send("42[\"x\",{\"_placeholder\":true,\"num\":9}]");
    assert_eq!(sim.events().len(), 7);
}
