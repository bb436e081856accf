//! B: Socket.IO packets in MessagePack.

use sansocket::{Counts, Msgpack};
use std::sync::Arc;
use testbed::{Item, Sim, WebSocket, packed, packed_event};

/// As many bytes as a default message may carry.
const MANY: usize = 900_000;

fn joined(sim: &mut Sim) -> WebSocket {
    let mut ws = sim.websocket();
    ws.send_binary(&packed(0, "/", &[]));
    assert!(matches!(ws.next(), Some(Item::Binary(_))), "it is let in");
    sim.events();
    ws
}

/// Sends a message and returns what the application saw of it, with everything an attack must not do checked.
fn say(message: &[u8]) -> String {
    let mut sim = Sim::with(|config| config.parser = Some(Arc::new(Msgpack)));
    let mut witness = joined(&mut sim);
    let mut ws = joined(&mut sim);
    ws.send_binary(message);
    assert!(ws.tcp.bytes_held() <= 2048, "the connection holds {}", ws.tcp.bytes_held());
    let seen = sim.events().join("; ");
    assert_eq!(sim.counts().bytes, 0, "something waits");
    ws.vanish();
    sim.events();
    witness.send_binary(&packed_event("alive", 0, b""));
    assert_eq!(sim.events(), ["event 1 alive []"], "somebody else noticed");
    witness.vanish();
    sim.advance(24 * 3_600_000);
    assert_eq!(sim.counts(), Counts::default(), "something is left");
    seen
}

fn refused(message: &[u8], violation: &str) {
    assert_eq!(say(message), format!("disconnect 2 Violation({violation})"), "{:.60?}", message);
}

fn data(data: &[u8]) -> Vec<u8> {
    packed(2, "/", &[("data", data)])
}

/// B1, GHSA-c6g7-r2mf-pf5g.
#[test]
fn b01_values_that_are_nested_without_end_are_refused() {
    for step in [&b"\x91"[..], b"\x81\xa0", b"\x92\xc0", b"\xdc\x00\x01", b"\xde\x00\x01\xa0"] {
        let deep = [&step.repeat(MANY / step.len())[..], b"\xc0"].concat();
        refused(&deep, "InvalidPacket");
        refused(&packed_event("x", 1, &deep), "TooDeep");
    }
    // Where nothing is made of it, depth costs nothing.
    let deep = [&vec![0x91; MANY][..], b"\xc0"].concat();
    let message = packed(2, "/", &[("e", &deep), ("data", b"\x91\xa1x")]);
    assert_eq!(say(&message), "event 2 x []");
}

/// B2, GHSA-7xpx-rcqc-8qjh, socketioxide #796, socketioxide #797.
#[test]
fn b02_what_ends_too_early_is_refused() {
    refused(&data(b"\x91\xdb\x00\x00\x00\x05abc"), "InvalidPacket");
    refused(&data(b"\x92\xa1x\xc4\x05abc"), "InvalidPacket");
    refused(&packed(2, "/", &[("data", b"\x91\xa1x"), ("id", b"")]), "InvalidPacket");
    let whole = packed_event("hello", 3, b"\xc4\x03abc\xcb\0\0\0\0\0\0\0\0\x81\xa1k\x90");
    for end in 0..whole.len() {
        refused(&whole[..end], "InvalidPacket");
    }
}

/// B3, RUSTSEC-2017-0006.
#[test]
fn b03_a_length_that_is_claimed_reserves_nothing() {
    for claim in [
        &b"\xdd\xff\xff\xff\xff"[..],
        b"\xdf\xff\xff\xff\xff",
        b"\xc6\xff\xff\xff\xff",
        b"\xdb\xff\xff\xff\xff",
        b"\xc9\xff\xff\xff\xff\x00",
    ] {
        refused(claim, "InvalidPacket");
        refused(&data(claim), "InvalidPacket");
        refused(&packed_event("x", 1, claim), "InvalidPacket");
        refused(&packed(2, "/", &[("e", claim)]), "InvalidPacket");
    }
}

/// B4, socketioxide #810.
#[test]
fn b04_extensions_are_stepped_over_by_their_length() {
    for (extension, id) in [
        (&b"\xc7\x00\x05"[..], b"\x07"),
        (b"\xc7\x02\x05\xaa\xbb", b"\x07"),
        (b"\xc8\x00\x02\x05\xaa\xbb", b"\x07"),
        (b"\xc9\x00\x00\x00\x02\x05\xaa\xbb", b"\x07"),
        (b"\xd4\x05\xaa", b"\x07"),
        (b"\xd8\x05aaaaaaaaaaaaaaaa", b"\x07"),
    ] {
        let fields = [("e", extension), ("id", &id[..]), ("data", b"\x91\xa1x")];
        assert_eq!(say(&packed(2, "/", &fields)), "event 2 x [] asking", "{extension:?}");
        refused(&packed_event("x", 1, extension), "InvalidPacket");
    }
    refused(&data(b"\x91\xc7\x00"), "InvalidPacket");
}

/// B5, RUSTSEC-2022-0092.
#[test]
fn b05_text_is_utf8_and_fields_have_their_types_once() {
    refused(&data(b"\x91\xa2\xc3\x28"), "InvalidUtf8");
    refused(&packed_event("x", 1, b"\xa1\xff"), "InvalidUtf8");
    refused(&packed_event("x", 1, b"\x81\xa1\xff\xc0"), "InvalidUtf8");
    refused(&packed(2, "/", &[("data", b"\x91\xa1x"), ("data", b"\x91\xa1y")]), "InvalidPacket");
    refused(&packed(2, "/", &[("data", b"\x91\xa1x"), ("type", b"\x01")]), "InvalidPacket");
    refused(&packed(2, "/", &[("data", b"\x91\xa1x"), ("nsp", b"\xa1/")]), "InvalidPacket");
    refused(&packed(2, "/", &[("data", b"\x91\xa1x"), ("id", b"\xa11")]), "InvalidPacket");
    refused(b"\x83\xa4type\xa12\xa3nsp\xa1/\xa4data\x91\xa1x", "InvalidPacket");
    refused(b"\x83\xa4type\x02\xa3nsp\x00\xa4data\x91\xa1x", "InvalidPacket");
    refused(b"\x83\xa4type\x02\xc4\x03nsp\xa1/\xa4data\x91\xa1x", "InvalidPacket");
    refused(&packed(5, "/", &[("data", b"\x91\xa1x")]), "InvalidPacket");
    refused(&packed_event("disconnect", 0, b""), "ReservedEvent");
}

/// B6: a tiny value with a long name in JSON, as often as a message has room for it.
#[test]
fn b06_what_is_tiny_in_msgpack_stays_within_a_multiple_in_json() {
    let many = u32::try_from(MANY).expect("it is small").to_be_bytes();
    let list = |value: u8| [b"\xdd", &many[..], &vec![value; MANY]].concat();
    let seen = say(&packed_event("x", 1, &list(0xc2)));
    assert_eq!(seen.len(), "event 2 x [[]]".len() + 6 * MANY - 1);
    // An attachment costs more than the two bytes that say it is empty.
    let half = u32::try_from(MANY / 2).expect("it is small").to_be_bytes();
    let empty = [b"\xdd", &half[..], &b"\xc4\x00".repeat(MANY / 2)].concat();
    refused(&packed_event("x", 1, &empty), "TooManyAttachments");
}

/// B7: a map that reads as the placeholder of somebody else's attachment.
#[test]
fn b07_a_placeholder_that_is_sent_names_nothing() {
    let place = b"\x82\xac_placeholder\xc3\xa3num\x00";
    let plain = "{\"_placeholder\":true,\"num\":0}";
    assert_eq!(say(&packed_event("x", 1, place)), format!("event 2 x [{plain}]"));
    let beside = [&place[..], b"\xc4\x01a"].concat();
    refused(&packed_event("x", 2, &beside), "IllegalAttachments");
}
