//! What is no message costs nothing but itself.

use std::borrow::Cow;

use super::*;

const ALL: [Format; 5] =
    [Format::Python, Format::Classic, Format::Sharded, Format::Streams, Format::Native];

/// F1, CVE-2025-61765: a pickled object is bytes like others; F2: so is anything else that is no message.
#[test]
fn f01_f02_garbage_is_invalid_in_every_format_and_lane() {
    let deep = format!("{{\"type\":{}", "[".repeat(200));
    let pickle = b"\x80\x04\x95\x1a\x00\x00\x00\x00\x00\x00\x00}\x94\x8c\x06method\x94";
    let texts: [&[u8]; 14] = [
        b"",
        b"{",
        b"{}",
        b"[]",
        b"null",
        b"\x90",
        b"\xc1",
        b"\xff\xfe",
        b"\xdf\xff\xff\xff\xff",
        b"\xdd\xff\xff\xff\xff",
        b"SK",
        b"SK\x02\x01\x00",
        deep.as_bytes(),
        pickle,
    ];
    let lanes = [Lane::Room("r"), Lane::Answers(Some("x"))];
    let below = lanes.map(|lane| Place { namespace: "/", lane });
    for format in ALL {
        for place in [EVERYONE, REQUESTS, ANSWERS].into_iter().chain(below) {
            for text in texts {
                let found = read(format, place, text);
                assert!(found.is_err(), "{format} {place:?} {text:?} {found:?}");
                for entry in entries(text) {
                    let payload = Payload::Entry(entry);
                    let found = codec(format).decode(place, &payload);
                    assert!(found.is_err(), "{format} {place:?} {payload:?} {found:?}");
                }
            }
        }
    }
}

/// Entries of a stream with these bytes for a type, or for what comes with it.
fn entries(text: &[u8]) -> Vec<Entry<'_>> {
    let entry = |kind, data| Entry {
        id: None,
        uid: Cow::Borrowed(&b"x"[..]),
        nsp: Cow::Borrowed(&b"/"[..]),
        kind: Cow::Borrowed(kind),
        data: Cow::Borrowed(data),
    };
    let emit = &br#"{"packet":{"type":2,"data":["e"]},"opts":{"rooms":[],"except":[]}}"#[..];
    // Types that a stream has, that it has not, and that nobody has.
    let kinds: [&[u8]; 7] = [b"3", b"4", b"5", b"6", b"7", b"12", b"99"];
    let mut entries = vec![entry(text, emit)];
    entries.extend(kinds.map(|kind| entry(kind, text)));
    entries
}

/// F2.
#[test]
fn f02_a_message_above_the_limit_is_not_read() {
    let text = br#"{"method":"close_room","room":"r"}"#;
    let mut limits = BusLimits { message: text.len(), ..BusLimits::default() };
    let place = EVERYONE;
    assert!(Codec::new(Format::Python, limits.clone()).decode(place, &text[..].into()).is_ok());
    limits.message -= 1;
    let found = Codec::new(Format::Python, limits).decode(place, &text[..].into());
    assert_eq!(found, Err(Invalid::TooLarge));
}

#[test]
fn lists_end_at_their_limit() {
    let limits = BusLimits { names: 2, clients: 1, ..BusLimits::default() };
    let codec = Codec::new(Format::Classic, limits);
    let read = |place, text: &str| codec.decode(place, &text.as_bytes().into());
    let rooms = |rooms| format!(r#"{{"requestId":"x","rooms":[{rooms}]}}"#);
    assert!(read(ANSWERS, &rooms("1,2")).is_ok());
    assert_eq!(read(ANSWERS, &rooms("1,2,3")), Err(Invalid::TooMany("rooms")));
    let clients = |clients| format!(r#"{{"requestId":"x","sockets":[{clients}]}}"#);
    assert!(read(ANSWERS, &clients(r#"{"id":"a"}"#)).is_ok());
    let two = clients(r#"{"id":"a"},{"id":"b"}"#);
    assert_eq!(read(ANSWERS, &two), Err(Invalid::TooMany("sockets")));
}

#[test]
fn events_have_no_more_attachments_than_clients_take() {
    let event = |count: usize| {
        let json: Vec<_> =
            (0..count).map(|num| format!("{{\"_placeholder\":true,\"num\":{num}}}")).collect();
        let attachments = vec![Bytes::from_static(b"x"); count];
        let args = Args::from_json(&format!("[{}]", json.join(",")), attachments);
        EventMessage::from_args("e", args.expect("an array").as_ref())
    };
    for format in ALL {
        let names = Names::new(format, "p");
        for (count, is_fine) in [(10, true), (11, false)] {
            let message = Message {
                namespace: "/".into(),
                ..message("", broadcast(To::default(), event(count)))
            };
            let payload = codec(format).encode(&message).expect("it can be written");
            let channel = names.channel(&message);
            let place = names.place("/", &channel).expect("a place");
            let found = codec(format).decode(place, &payload);
            assert_eq!(found.is_ok(), is_fine, "{format} {found:?}");
            if !is_fine {
                assert_eq!(found, Err(Invalid::TooMany("attachments")), "{format}");
            }
        }
    }
}

#[test]
fn names_of_events_that_socket_io_keeps_are_refused() {
    let emit = br#"{"method":"emit","event":"disconnect","data":[]}"#;
    assert_eq!(read(Format::Python, EVERYONE, emit), Err(Invalid::ReservedEvent));
    let note = br#"{"uid":"a","type":6,"data":["connect"]}"#;
    assert_eq!(read(Format::Classic, REQUESTS, note), Err(Invalid::ReservedEvent));
    let sharded = br#"{"type":3,"data":{"packet":{"type":2,"data":["disconnecting"]}},"uid":"a"}"#;
    assert_eq!(read(Format::Sharded, EVERYONE, sharded), Err(Invalid::ReservedEvent));
}

#[test]
fn placeholders_of_nothing_are_refused_and_are_data_where_there_is_no_binary() {
    let text = |num| {
        format!(
            r#"{{"method":"emit","event":"e","binary":true,"data":[[{{"_placeholder":true,"num":{num}}}],"AA=="]}}"#
        )
    };
    assert!(read(Format::Python, EVERYONE, text(0).as_bytes()).is_ok());
    let found = read(Format::Python, EVERYONE, text(1).as_bytes());
    assert_eq!(found, Err(Invalid::Attachments));
    // A value of MessagePack that looks like the placeholder of a binary value beside it.
    let twice = b"\x93\xa1u\x82\xa4type\x02\xa4data\x93\xa1e\xc4\x01x\x82\xac_placeholder\xc3\xa3num\x00\xc0";
    assert_eq!(read(Format::Classic, EVERYONE, twice), Err(Invalid::Attachments));
    let alone =
        b"\x93\xa1u\x82\xa4type\x02\xa4data\x92\xa1e\x82\xac_placeholder\xc3\xa3num\x00\xc0";
    let json = "[{\"_placeholder\":true,\"num\":0}]";
    let body = broadcast(To::default(), event("e", json, &[]));
    assert_eq!(read(Format::Classic, EVERYONE, alone), Ok(message("u", body)));
}

#[test]
fn a_message_about_another_namespace_is_foreign() {
    let sharded = br#"{"type":1,"uid":"a","nsp":"/other"}"#;
    assert_eq!(read(Format::Sharded, EVERYONE, sharded), Err(Invalid::Foreign));
    let classic = b"\x93\xa1u\x83\xa4type\x02\xa4data\x91\xa1e\xa3nsp\xa2/x\xc0";
    assert_eq!(read(Format::Classic, EVERYONE, classic), Err(Invalid::Foreign));
}

#[test]
fn unknown_types_and_missing_fields_are_named() {
    for (text, expected) in [
        (r#"{"type":77,"requestId":"x"}"#, Invalid::UnknownKind),
        (r#"{"requestId":"x"}"#, Invalid::Missing("type")),
        (r#"{"type":"2"}"#, Invalid::Mistyped("type")),
        (r#"{"type":2.5}"#, Invalid::Mistyped("type")),
        (r#"{"type":5,"requestId":"x"}"#, Invalid::Missing("opts")),
        (r#"{"type":5,"opts":{}}"#, Invalid::Missing("requestId")),
        (r#"{"type":2,"opts":{"rooms":{}},"rooms":[]}"#, Invalid::Mistyped("rooms")),
        (r#"{"type":2,"opts":[],"rooms":[]}"#, Invalid::Mistyped("opts")),
        (r#"{"type":6,"data":{}}"#, Invalid::Malformed),
    ] {
        let found = read(Format::Classic, REQUESTS, text.as_bytes());
        assert_eq!(found, Err(expected), "{text}");
    }
}

#[test]
fn k10_a_message_of_another_version_says_which() {
    let hello = Message { namespace: "/".into(), ..message(&"0".repeat(32), Body::Hello) };
    let Ok(Payload::Bytes(bytes)) = codec(Format::Native).encode(&hello) else { panic!("bytes") };
    let mut bytes = bytes.to_vec();
    assert!(read(Format::Native, EVERYONE, &bytes).is_ok());
    bytes[2] = 2;
    assert_eq!(read(Format::Native, EVERYONE, &bytes), Err(Invalid::Version(2)));
}
