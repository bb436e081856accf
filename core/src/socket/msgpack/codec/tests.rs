use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::socket::packet;

/// What a message becomes: its parts as JSON, the attachments as text of hexadecimal digits.
fn read(message: &[u8]) -> Result<Value, Violation> {
    let raw = Msgpack.decode_binary(message, &Limits::default())?;
    packet::check(&raw, &Limits::default())?;
    let data = match &*raw.data {
        "" => Value::Null,
        text => serde_json::from_str(text).expect("it was checked"),
    };
    let attachments: Vec<String> = raw.attachments.iter().map(|bytes| hex(bytes)).collect();
    Ok(json!([raw.kind.number(), raw.namespace, raw.id, data, attachments]))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).expect("ASCII"), 16);
    digits.chunks(2).map(|pair| byte(pair).expect("hexadecimal digits")).collect()
}

/// The data of an event in the main namespace.
fn event(data: &str) -> Result<String, Violation> {
    let message = bytes(&format!("83 a474797065 02 a36e7370 a12f a464617461 {data}"));
    let raw = Msgpack.decode_binary(&message, &Limits::default())?;
    packet::check(&raw, &Limits::default())?;
    Ok(raw.data.into_owned())
}

/// The one element behind the name of an event.
fn value(hex: &str) -> String {
    let text = event(&format!("92 a178 {hex}")).expect(hex);
    text.strip_prefix("[\"x\",").and_then(|text| text.strip_suffix(']')).expect("x").to_owned()
}

fn written(
    kind: PacketKind,
    namespace: &str,
    id: Option<u64>,
    data: &str,
    parts: &[Bytes],
) -> String {
    let (namespace, data) = (namespace.into(), data.into());
    let attachments = Cow::Borrowed(parts);
    let mut out = Vec::new();
    let kind = Msgpack.encode(&RawPacket { kind, namespace, id, data, attachments }, &mut out);
    assert_eq!(kind, MessageKind::Binary);
    hex(&out)
}

/// The bytes that the arguments of an event become.
fn put(json: &str) -> String {
    let mut out = Vec::new();
    write::put_json(&mut out, json, &[]);
    hex(&out)
}

#[test]
fn packets_of_the_javascript_parser_are_read() {
    // Each message is what socket.io-msgpack-parser 3.0.2 made of a packet of socket.io-client.
    for (message, packet) in [
        ("83a47479706500a464617461d40000a36e7370a12f", json!([0, "/", null, null, []])),
        (
            "83a47479706500a46461746181a5746f6b656ea178a36e7370a62f61646d696e",
            json!([0, "/admin", null, {"token": "x"}, []]),
        ),
        ("82a47479706501a36e7370a12f", json!([1, "/", null, null, []])),
        (
            "84a47479706502a46461746199a568656c6c6f01ffcb3ff8000000000000a2c3a9c0c39080a76f7074696f
             6e7381a8636f6d7072657373c3a36e7370a12f",
            json!([2, "/", null, ["hello", 1, -1, 1.5, "é", null, true, [], {}], []]),
        ),
        (
            "85a47479706502a46461746191a171a76f7074696f6e7381a8636f6d7072657373c3a26964cd012ca36e73
             70a22f61",
            json!([2, "/a", 300, ["q"], []]),
        ),
        (
            "84a47479706503a2696400a36e7370a12fa46461746193c403010203c702000405c7010006",
            json!([3, "/", 0, [
                {"_placeholder": true, "num": 0},
                {"_placeholder": true, "num": 1},
                {"_placeholder": true, "num": 2},
            ], ["010203", "0405", "06"]]),
        ),
        (
            "83a47479706504a36e7370a12fa46461746181a76d657373616765a26e6f",
            json!([4, "/", null, {"message": "no"}, []]),
        ),
        (
            "83a47479706502a36e7370a12fa46461746193a164d7000000018df4dc5495d700ffffffffffffffff",
            json!([
                2,
                "/",
                null,
                ["d", "2024-02-29T12:34:56.789Z", "1969-12-31T23:59:59.999Z"],
                []
            ]),
        ),
        (
            "83a47479706502a36e7370a12fa46461746193a175d4000082a161d40000a16201",
            json!([2, "/", null, ["u", null, {"b": 1}], []]),
        ),
    ] {
        assert_eq!(read(&bytes(message)), Ok(packet), "{message}");
    }
}

#[test]
fn packets_of_the_python_serializer_are_read() {
    // Each message is what python-socketio 5.18.1 with msgpack 1.2.4 made of a packet.
    for (message, packet) in [
        ("83a47479706500a46461746180a36e7370a12f", json!([0, "/", null, {}, []])),
        ("83a47479706501a464617461c0a36e7370a12f", json!([1, "/", null, null, []])),
        (
            "84a47479706502a4646174619ca568656c6c6f01ffcb3ff8000000000000cb3ff0000000000000a2c3a9c0
             c390808101a161c4020102a36e7370a12fa2696407",
            json!([2, "/", 7, [
                "hello", 1, -1, 1.5, 1.0, "é", null, true, [], {}, {"1": "a"},
                {"_placeholder": true, "num": 0},
            ], ["0102"]]),
        ),
        (
            "84a47479706503a46461746193cf8000000000000000d38000000000000000cfffffffffffffffffa36e73
             70a22f61a269640c",
            json!([3, "/a", 12, [1_u64 << 63, i64::MIN, u64::MAX], []]),
        ),
    ] {
        assert_eq!(read(&bytes(message)), Ok(packet), "{message}");
    }
}

#[test]
fn packets_are_written_as_both_peers_write_them() {
    let plain = |kind, namespace, id, data| written(kind, namespace, id, data, &[]);
    // The keys have the order of Python; JavaScript writes the same of such an object.
    for (hex, expected) in [
        (
            plain(PacketKind::Connect, "/", None, r#"{"sid":"abc"}"#),
            "83a47479706500a46461746181a3736964a3616263a36e7370a12f",
        ),
        (plain(PacketKind::Connect, "/", None, ""), "82a47479706500a36e7370a12f"),
        (plain(PacketKind::Disconnect, "/", None, ""), "82a47479706501a36e7370a12f"),
        (
            plain(PacketKind::ConnectError, "/x", None, r#"{"message":"Unable to connect"}"#),
            "83a47479706504a46461746181a76d657373616765b1556e61626c6520746f20636f6e6e656374a36e7370\
             a22f78",
        ),
        (
            written(
                PacketKind::Event,
                "/",
                Some(7),
                r#"["hello",1,-1,1.5,1.0,"é",null,true,[],{},{"1":"a"},{"_placeholder":true,"num":0}]"#,
                &[Bytes::from_static(b"\x01\x02")],
            ),
            "84a47479706502a4646174619ca568656c6c6f01ffcb3ff8000000000000cb3ff0000000000000a2c3a9c0\
             c3908081a131a161c4020102a36e7370a12fa2696407",
        ),
        (
            plain(
                PacketKind::Ack,
                "/a",
                Some(12),
                "[9223372036854775808,-9223372036854775808,18446744073709551615]",
            ),
            "84a47479706503a46461746193cf8000000000000000d38000000000000000cfffffffffffffffffa36e73\
             70a22f61a269640c",
        ),
    ] {
        assert_eq!(hex, expected);
    }
}

#[test]
fn integers_have_the_forms_of_javascript() {
    let numbers = "[\"i\",127,128,255,256,65535,65536,4294967295,4294967296,9007199254740991,-32,-33,\
         -128,-129,-32768,-32769,-2147483648,-2147483649,-9007199254740991]";
    let expected = "dc0013a1697fcc80ccffcd0100cdffffce00010000ceffffffffcf0000000100000000cf001fffff\
         ffffffffe0d0dfd080d1ff7fd18000d2ffff7fffd280000000d3ffffffff7fffffffd3ffe0000000000001";
    assert_eq!(put(numbers), expected);
    assert_eq!(event(expected).as_deref(), Ok(numbers));
}

#[test]
fn numbers_keep_their_digits_and_their_kind() {
    for (json, hex) in [
        ("0.1", "cb3fb999999999999a"),
        ("5e-324", "cb0000000000000001"),
        ("-0.5", "cbbfe0000000000000"),
        ("1.0", "cb3ff0000000000000"),
        ("-0.0", "cb8000000000000000"),
        ("1e300", "cb7e37e43c8800759c"),
        ("9007199254740993", "cf0020000000000001"),
        ("18446744073709551615", "cfffffffffffffffff"),
        ("-9223372036854775808", "d38000000000000000"),
    ] {
        assert_eq!((put(json).as_str(), value(hex).as_str()), (hex, json));
    }
    // What is too large for an integer, or zero below zero, is a float.
    assert_eq!(put("18446744073709551616"), "cb43f0000000000000");
    assert_eq!(put("-9223372036854775809"), "cbc3e0000000000000");
    assert_eq!(put("-0"), "cb8000000000000000");
    assert_eq!(put("1e2"), "cb4059000000000000");
    // What JSON has no number for is what `JSON.stringify` makes of it.
    for hex in ["cb7ff8000000000000", "cb7ff0000000000000", "ca7fc00000", "caff800000"] {
        assert_eq!(value(hex), "null");
    }
    assert_eq!(value("ca3dcccccd"), "0.10000000149011612", "as JavaScript reads a short float");
    assert_eq!(value("ca3fc00000"), "1.5");
}

#[test]
fn texts_and_lengths_have_their_shortest_form() {
    for (length, header) in [
        (0, "a0"),
        (31, "bf"),
        (32, "d920"),
        (255, "d9ff"),
        (256, "da0100"),
        (65_535, "daffff"),
        (65_536, "db00010000"),
    ] {
        let (text, zeros) = ("a".repeat(length), vec![0; length]);
        let json = format!("\"{text}\"");
        let expected = format!("{header}{}", hex(text.as_bytes()));
        assert_eq!((put(&json), value(&expected)), (expected, json));
        let mut list = Vec::new();
        write::put_json(&mut list, &format!("[{}]", vec!["0"; length].join(",")), &[]);
        let used = [1, 3, 5][usize::from(length > 15) + usize::from(length > 65_535)];
        assert_eq!((list.len(), &list[used..]), (used + length, &zeros[..]));
        let keys: Vec<String> = (0..length).map(|n| format!("\"{n:06}\":null")).collect();
        let object = format!("{{{}}}", keys.join(","));
        assert_eq!(value(&put(&object)), object);
    }
}

#[test]
fn strings_are_escaped_as_json_has_them() {
    for (json, text) in [
        (r#""\"\\\n\u0000\u001f\u007f""#, "\"\\\n\u{0}\u{1f}\u{7f}"),
        (r#""\ud83d\ude00""#, "\u{1f600}"),
        (r#""\ud83d""#, "\u{fffd}"),
        (r#""\/\u00e9""#, "/\u{e9}"),
    ] {
        assert_eq!(put(json), format!("{:02x}{}", 0xa0 + text.len(), hex(text.as_bytes())));
    }
    assert_eq!(value("a422 5c 0a 00"), r#""\"\\\n\u0000""#);
}

#[test]
fn keys_are_text_and_scalars_are_written_so() {
    for (key, text) in [
        ("a161", "a"),
        ("01", "1"),
        ("ff", "-1"),
        ("cf0020000000000001", "9007199254740993"),
        ("cb3ff8000000000000", "1.5"),
        ("c0", "null"),
        ("c3", "true"),
    ] {
        assert_eq!(value(&format!("81 {key} 05")), format!("{{\"{text}\":5}}"));
    }
    for key in ["90", "80", "c400", "d40000", "d6ff00000000", "d40100"] {
        assert_eq!(event(&format!("92 a178 81 {key} 05")), Err(Violation::InvalidPacket), "{key}");
    }
}

#[test]
fn extensions_have_a_meaning_or_are_refused() {
    assert_eq!(value("d6ff 00000001"), "\"1970-01-01T00:00:01.000Z\"");
    assert_eq!(value("d7ff bc1cbd0065e079f0"), "\"2024-02-29T12:34:56.789Z\"");
    assert_eq!(value("c70cff 1dcd6500 ffffffffffffffff"), "\"1969-12-31T23:59:59.500Z\"");
    assert_eq!(value("d700 7fffffffffffffff"), "null", "a date beyond those of JavaScript");
    assert_eq!(value("d400 00"), "null");
    assert_eq!(value("c70000"), "{\"_placeholder\":true,\"num\":0}");
    for hex in ["d40100", "d5000000", "d60000000000", "c70101ff", "d5ff0000", "c70205aabb", "d8ff"]
    {
        assert_eq!(event(&format!("92 a178 {hex}")), Err(Violation::InvalidPacket), "{hex}");
    }
}

#[test]
fn what_is_not_known_of_a_packet_is_skipped() {
    let packet = json!([2, "/", null, ["x"], []]);
    for extra in [
        "a0 c0",
        "a6656e76656c6f 81 a16b 93 01 02 dd00000001 c0",
        "ab6174746163686d656e7473 00",
        "a165 d40505",
        "a165 c70205aabb",
        "a165 c8000105aa",
        "a165 c9000000",
    ] {
        let extra = if extra.ends_with("c9000000") { "a165 c9 00000000 05" } else { extra };
        let message = format!("84 {extra} a36e7370 a12f a464617461 91a178 a474797065 02");
        assert_eq!(read(&bytes(&message)), Ok(packet.clone()), "{extra}");
    }
    // However deep it is.
    let deep =
        format!("84 a165 {} c0 a36e7370 a12f a464617461 91a178 a474797065 02", "91".repeat(9000));
    assert_eq!(read(&bytes(&deep)), Ok(packet));
}

#[test]
fn packets_that_are_none_are_refused() {
    use Violation::{ConnectPayload, InvalidPacket, InvalidUtf8, ReservedEvent};
    for (message, violation) in [
        ("", InvalidPacket),
        ("c0", InvalidPacket),
        ("93 02 a12f 91a178", InvalidPacket),
        ("80", InvalidPacket),
        ("82 a474797065 02 a36e7370 a12f", InvalidPacket),
        ("82 a474797065 02 a464617461 91a178", InvalidPacket),
        ("83 a474797065 05 a36e7370 a12f a464617461 91a178", InvalidPacket),
        ("83 a474797065 ff a36e7370 a12f a464617461 91a178", InvalidPacket),
        ("83 a474797065 a132 a36e7370 a12f a464617461 91a178", InvalidPacket),
        ("83 a474797065 cb4000000000000000 a36e7370 a12f a464617461 91a178", InvalidPacket),
        ("83 a474797065 02 a36e7370 c0 a464617461 91a178", InvalidPacket),
        ("83 a474797065 02 a36e7370 a0 a464617461 91a178", InvalidPacket),
        ("83 a474797065 02 a36e7370 a161 a464617461 91a178", InvalidPacket),
        ("83 a474797065 02 a36e7370 a42f612c62 a464617461 91a178", InvalidPacket),
        ("83 a474797065 02 a36e7370 a1ff a464617461 91a178", InvalidUtf8),
        ("83 a474797065 02 a36e7370 a12f a464617461 a178", InvalidPacket),
        ("83 a474797065 02 a36e7370 a12f a464617461 90", InvalidPacket),
        ("83 a474797065 02 a36e7370 a12f a464617461 91c3", InvalidPacket),
        ("83 a474797065 02 a36e7370 a12f a464617461 91c400", InvalidPacket),
        ("83 a474797065 02 a36e7370 a12f a464617461 91a7636f6e6e656374", ReservedEvent),
        ("83 a474797065 03 a36e7370 a12f a464617461 90", InvalidPacket),
        ("83 a474797065 01 a36e7370 a12f a464617461 80", InvalidPacket),
        ("83 a474797065 00 a36e7370 a12f a464617461 90", ConnectPayload),
        ("83 a474797065 00 a36e7370 a12f a464617461 81a16bc400", Violation::IllegalAttachments),
        ("83 a474797065 04 a36e7370 a12f a464617461 01", InvalidPacket),
        ("84 a474797065 02 a36e7370 a12f a464617461 91a178 a26964 ff", InvalidPacket),
        (
            "84 a474797065 02 a36e7370 a12f a464617461 91a178 a26964 cf0020000000000000",
            InvalidPacket,
        ),
        ("84 a474797065 02 a36e7370 a12f a464617461 91a178 a26964", InvalidPacket),
        ("84 a474797065 02 a36e7370 a12f a464617461 91a178 a474797065 02", InvalidPacket),
        ("84 a474797065 02 a36e7370 a12f a464617461 91a178 a464617461 91a179", InvalidPacket),
        ("84 a474797065 02 a36e7370 a12f a464617461 91a178 01 02", InvalidPacket),
        ("83 a474797065 02 a36e7370 a12f a464617461 91a178 00", InvalidPacket),
        ("83 a474797065 02 a36e7370 a12f a464617461 91a2c328", InvalidUtf8),
        ("83 a474797065 02 a36e7370 a12f a464617461 91c1", InvalidPacket),
    ] {
        assert_eq!(read(&bytes(message)), Err(violation), "{message}");
    }
}

#[test]
fn a_message_that_ends_too_early_is_refused_wherever_it_ends() {
    let whole = "85a47479706502a46461746196a171c403010203ca3fc00000d7ff0102030405060708c7020004
         05de0001a16bd90161a3656e76dc0001d20001e240a26964cd012ca36e7370a22f61";
    let whole = bytes(whole);
    assert!(read(&whole).is_ok(), "{:?}", read(&whole));
    for end in 0..whole.len() {
        assert_eq!(read(&whole[..end]), Err(Violation::InvalidPacket), "{end}");
    }
}

#[test]
fn lengths_that_are_not_true_reserve_nothing() {
    for hex in [
        "ddffffffff",
        "dfffffffff",
        "c6ffffffff",
        "dbffffffff",
        "c9ffffffff00",
        "dcffff",
        "deffff",
        "c7ff0000",
    ] {
        assert_eq!(event(hex), Err(Violation::InvalidPacket), "{hex}");
        assert_eq!(event(&format!("92 a178 {hex}")), Err(Violation::InvalidPacket), "{hex}");
        assert_eq!(read(&bytes(hex)), Err(Violation::InvalidPacket), "{hex}");
        let skipped = format!("84 a165 {hex} a36e7370 a12f a464617461 91a178 a474797065 02");
        assert!(read(&bytes(&skipped)).is_err(), "{hex}");
    }
}

#[test]
fn depth_and_attachments_are_bounded() {
    let nested = |depth| event(&format!("92 a178 {} c0", "91".repeat(depth)));
    assert!(nested(127).is_ok());
    assert_eq!(nested(128), Err(Violation::TooDeep));
    assert_eq!(nested(100_000), Err(Violation::TooDeep));
    let maps = |depth| event(&format!("92 a178 {} c0", "81a16b".repeat(depth)));
    assert!(maps(127).is_ok());
    assert_eq!(maps(128), Err(Violation::TooDeep));
    let parts = |count: usize| event(&format!("dc{:04x} a178 {}", count + 1, "c400".repeat(count)));
    assert!(parts(10).is_ok());
    assert_eq!(parts(11), Err(Violation::TooManyAttachments));
    assert_eq!(parts(60_000), Err(Violation::TooManyAttachments));
}

#[test]
fn a_placeholder_of_the_peer_is_data_and_takes_nobodys_attachment() {
    let place = "82 ac5f706c616365686f6c646572 c3 a36e756d 00";
    assert_eq!(value(place), r#"{"_placeholder":true,"num":0}"#, "data, without attachments");
    let beside = event(&format!("93 a178 {place} c40101"));
    assert_eq!(beside, Err(Violation::IllegalAttachments));
    // The same the other way.
    let json = r#"[{"_placeholder":true,"num":0},{"num":0,"a":[],"_placeholder":false}]"#;
    assert_eq!(value(&put(json)), json);
    let mut out = Vec::new();
    write::put_json(&mut out, json, &[Bytes::from_static(b"\x01")]);
    assert_eq!(hex(&out), "92c4010183a36e756d00a16190ac5f706c616365686f6c646572c2");
}

#[test]
fn text_that_is_no_json_becomes_nil() {
    for json in ["", "[", "[1,]", "{\"a\"}", "[1]x", &"[".repeat(129)] {
        assert_eq!(put(json), "c0", "{json}");
    }
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<u64>().prop_map(Value::from),
        (-300_i64..70_000).prop_map(Value::from),
        any::<i32>().prop_map(|n| Value::from(f64::from(n) / 8.0)),
        any::<String>().prop_map(Value::from),
    ];
    leaf.prop_recursive(5, 60, 20, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..20).prop_map(Value::from),
            prop::collection::btree_map(any::<String>(), inner, 0..20)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn packets_are_read_as_they_were_written(
        args in prop::collection::vec(values(), 0..5),
        parts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..10),
        id in prop::option::of(0_u64..1 << 53),
    ) {
        let mut data = vec![json!("x")];
        data.extend((0..parts.len()).map(|num| json!({"_placeholder": true, "num": num})));
        data.extend(args);
        let data = Value::from(data).to_string();
        let raw = RawPacket {
            kind: PacketKind::Event,
            namespace: "/é".into(),
            id,
            data: data.into(),
            attachments: parts.into_iter().map(Bytes::from).collect::<Vec<_>>().into(),
        };
        let mut out = Vec::new();
        Msgpack.encode(&raw, &mut out);
        prop_assert_eq!(Msgpack.decode_binary(&out, &Limits::default()), Ok(raw));
    }

    #[test]
    fn any_bytes_are_read_or_refused(message in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = read(&message);
        let mut event = bytes("83a47479706502a36e7370a12fa46461746192a178");
        event.extend(message);
        let _ = read(&event);
    }
}
