//! Bytes that servers of JavaScript put on Redis.

use super::*;

const CLASSIC: Format = Format::Classic;
const SHARDED: Format = Format::Sharded;
const UID: &str = "21fd03791fa947a4";

#[test]
fn classic_broadcasts_are_arrays_of_messagepack() {
    let all = b"\x93\xa6tPnvM8\x83\xa4type\x02\xa4data\x93\xadbroadcast-msg\xa1x\x01\xa3nsp\xa1/\
        \x83\xa5rooms\x90\xa6except\x90\xa5flags\x80";
    let body = broadcast(To::default(), event("broadcast-msg", "[\"x\",1]", &[]));
    both(CLASSIC, EVERYONE, all, &message("tPnvM8", body));

    let binary = b"\x93\xa6tPnvM8\x83\xa4type\x02\xa4data\x93\xa8room-msg\xc4\x03\x00\x01\xff\xa1t\
        \xa3nsp\xa1/\x83\xa5rooms\x91\xa2r1\xa6except\x91\xa2r9\xa5flags\x80";
    let json = "[{\"_placeholder\":true,\"num\":0},\"t\"]";
    let body = broadcast(to(&["r1"], &["r9"]), event("room-msg", json, &[b"\x00\x01\xff"]));
    both(CLASSIC, EVERYONE, binary, &message("tPnvM8", body));
}

#[test]
fn classic_broadcasts_that_ask_are_requests() {
    let bytes =
        b"\x85\xa3uid\xa6tPnvM8\xa9requestId\xa6BN1dIh\xa4type\x07\xa6packet\x83\xa4type\x02\
        \xa4data\x91\xa1q\xa3nsp\xa1/\xa4opts\x83\xa5rooms\x91\xa2r1\xa6except\x90\xa5flags\x81\
        \xa7timeout\xcd\x03\xe8";
    let ask = Ask { request: "BN1dIh".into(), timeout: Some(Duration::from_secs(1)) };
    let (to, event) = (to(&["r1"], &[]), event("q", "[]", &[]));
    let body = Body::Broadcast { to, event, flags: Flags::default(), ask: Some(ask) };
    both(CLASSIC, REQUESTS, bytes, &message("tPnvM8", body));

    let count = br#"{"type":8,"requestId":"BN1dIh","clientCount":1}"#;
    let body = answer(None, "BN1dIh", Report::Clients(1));
    both(CLASSIC, ANSWERS, count, &message("", body));

    let ack = b"\x83\xa4type\x09\xa9requestId\xa6BN1dIh\xa6packet\xa6answer";
    let report = Report::Acknowledged { room: None, args: args("[\"answer\"]", &[]) };
    both(CLASSIC, ANSWERS, ack, &message("", answer(None, "BN1dIh", report)));
}

#[test]
fn classic_orders_and_questions_are_json() {
    let r1 = || to(&["r1"], &[]);
    let cases = [
        (
            r#"{"uid":"tPnvM8","type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["r2"]}"#,
            Body::Join { to: r1(), rooms: names(&["r2"]) },
        ),
        (
            r#"{"uid":"tPnvM8","type":3,"opts":{"rooms":["r1"],"except":[]},"rooms":["r2"]}"#,
            Body::Leave { to: r1(), rooms: names(&["r2"]) },
        ),
        (
            r#"{"uid":"tPnvM8","type":4,"opts":{"rooms":["r1"],"except":[]},"close":false}"#,
            Body::Disconnect { to: r1(), how: Disconnect::Namespace },
        ),
        (
            r#"{"uid":"tPnvM8","requestId":"jY87zu","type":5,"opts":{"rooms":["r1"],"except":[]}}"#,
            Body::Fetch { to: r1(), request: "jY87zu".into(), detail: Detail::Clients },
        ),
        (
            r#"{"uid":"tPnvM8","requestId":"jopx1c","type":1}"#,
            Body::Rooms { request: "jopx1c".into() },
        ),
        (
            r#"{"uid":"tPnvM8","type":6,"data":["note","v",2]}"#,
            Body::ServerEvent { event: event("note", "[\"v\",2]", &[]), request: None },
        ),
        (
            r#"{"uid":"tPnvM8","requestId":"I34oFv","type":6,"data":["question","v"]}"#,
            Body::ServerEvent {
                event: event("question", "[\"v\"]", &[]),
                request: Some("I34oFv".into()),
            },
        ),
    ];
    for (text, body) in cases {
        both(CLASSIC, REQUESTS, text.as_bytes(), &message("tPnvM8", body));
    }
}

#[test]
fn classic_answers_belong_to_the_question_of_their_id() {
    let rooms = br#"{"requestId":"jopx1c","rooms":["C5Ji","r1","r5"]}"#;
    let report = Report::Rooms(names(&["C5Ji", "r1", "r5"]));
    both(CLASSIC, ANSWERS, rooms, &message("", answer(None, "jopx1c", report)));

    let reply = br#"{"type":6,"requestId":"I34oFv","data":"B:v"}"#;
    let report = Report::Replied(args("[\"B:v\"]", &[]));
    both(CLASSIC, ANSWERS, reply, &message("", answer(None, "I34oFv", report)));
}

#[test]
fn clients_come_with_every_key_of_their_handshake() {
    let text = concat!(
        r#"{"requestId":"jY87zu","sockets":[{"id":"C5Ji","handshake":{"headers":{},"#,
        r#""time":"Sat Nov 28 2026","address":"127.0.0.1","xdomain":false,"secure":false,"#,
        r#""issued":1795843156765,"url":"/socket.io/?EIO=4&transport=websocket","#,
        r#""query":{"EIO":"4"},"auth":{"token":"t"}},"rooms":["C5Ji","r1"],"#,
        r#""data":{"user":"u1"}}]}"#
    );
    let found = Found {
        id: "C5Ji".into(),
        rooms: names(&["C5Ji", "r1"]),
        data: args("[{\"user\":\"u1\"}]", &[]),
        handshake: Handshake {
            time: "Sat Nov 28 2026".into(),
            address: "127.0.0.1".into(),
            issued: 1_795_843_156_765,
            url: "/socket.io/?EIO=4&transport=websocket".into(),
            query: "{\"EIO\":\"4\"}".into(),
            auth: "{\"token\":\"t\"}".into(),
            ..Handshake::default()
        },
    };
    let body = answer(None, "jY87zu", Report::Found(vec![found]));
    both(CLASSIC, ANSWERS, text.as_bytes(), &message("", body));

    let bare = Found {
        id: "a".into(),
        rooms: Vec::new(),
        data: args("[]", &[]),
        handshake: Handshake::default(),
    };
    let body = answer(None, "x", Report::Found(vec![bare]));
    let text = String::from_utf8(written(CLASSIC, &message("", body))).expect("JSON");
    for key in ["headers", "time", "address", "xdomain", "secure", "issued", "url", "query", "auth"]
    {
        assert!(text.contains(&format!("\"{key}\":")), "{text}");
    }
}

/// `JSON.stringify({ bytes: Buffer.from([0, 1, 255]), list: ["a", Buffer.alloc(0)] })`.
#[test]
fn what_is_attached_to_a_client_has_its_binary_parts_as_node_js_stringifies_them() {
    let data = concat!(
        r#"{"bytes":{"type":"Buffer","data":[0,1,255]},"#,
        r#""list":["a",{"type":"Buffer","data":[]}]}"#
    );
    let placeholder = |n: u32| format!(r#"{{"_placeholder":true,"num":{n}}}"#);
    let attached = format!(r#"[{{"bytes":{},"list":["a",{}]}}]"#, placeholder(0), placeholder(1));
    let found =
        |data| Found { id: "a".into(), rooms: Vec::new(), data, handshake: Handshake::default() };
    let report = |data| answer(None, "x", Report::Found(vec![found(data)]));
    let ours = message("", report(args(&attached, &[b"\x00\x01\xff", b""])));
    let bytes = written(CLASSIC, &ours);
    let text = String::from_utf8_lossy(&bytes);
    assert!(text.ends_with(&format!(r#""data":{data}}}]}}"#)), "{text}");
    let theirs = message("", report(args(&format!("[{data}]"), &[])));
    assert_eq!(read(CLASSIC, ANSWERS, &bytes), Ok(theirs));
}

#[test]
fn a_fetch_never_leaves_for_javascript_without_its_target() {
    let body = Body::Fetch { to: To::default(), request: "x".into(), detail: Detail::Clients };
    let text = written(CLASSIC, &message("tPnvM8", body));
    let expected = br#"{"uid":"tPnvM8","requestId":"x","type":5,"opts":{"rooms":[],"except":[]}}"#;
    assert_eq!(text, expected);
}

#[test]
fn requests_of_old_processes_are_understood() {
    let join = br#"{"requestId":"x","type":2,"sid":"s","room":7}"#;
    let body = Body::Join { to: to(&["s"], &[]), rooms: names(&["7"]) };
    assert_eq!(read(CLASSIC, REQUESTS, join), Ok(message("", body)));

    let leave = br#"{"requestId":"x","type":4.0,"sid":"s","close":true}"#;
    let body = Body::Disconnect { to: to(&["s"], &[]), how: Disconnect::Connection };
    assert_eq!(read(CLASSIC, REQUESTS, leave), Ok(message("", body)));

    let list = br#"{"requestId":"x","type":0,"rooms":["r"]}"#;
    let body = Body::Fetch { to: to(&["r"], &[]), request: "x".into(), detail: Detail::Ids };
    assert_eq!(read(CLASSIC, REQUESTS, list), Ok(message("", body)));

    let ids = br#"{"requestId":"x","sockets":["a","b"]}"#;
    let body = answer(None, "x", Report::Ids(names(&["a", "b"])));
    assert_eq!(read(CLASSIC, ANSWERS, ids), Ok(message("", body)));
}

#[test]
fn sharded_broadcasts_are_json_unless_there_is_binary() {
    let text = concat!(
        r#"{"type":3,"data":{"packet":{"type":2,"data":["room-msg",{"a":null,"b":1.5}]},"#,
        r#""opts":{"rooms":["r1"],"except":[],"flags":{}}},"uid":"21fd03791fa947a4","nsp":"/"}"#
    );
    let body = broadcast(to(&["r1"], &[]), event("room-msg", r#"[{"a":null,"b":1.5}]"#, &[]));
    both(SHARDED, EVERYONE, text.as_bytes(), &message(UID, body));

    let json = "[{\"_placeholder\":true,\"num\":0}]";
    let body = broadcast(to(&["r1"], &[]), event("m", json, &[b"\x01"]));
    let bytes =
        b"\x84\xa4type\x03\xa4data\x82\xa6packet\x82\xa4type\x02\xa4data\x92\xa1m\xc4\x01\x01\
        \xa4opts\x83\xa5rooms\x91\xa2r1\xa6except\x90\xa5flags\x80\xa3uid\xb021fd03791fa947a4\
        \xa3nsp\xa1/";
    both(SHARDED, EVERYONE, bytes, &message(UID, body));
}

#[test]
fn sharded_orders_questions_and_answers_are_typed() {
    let opts = r#""opts":{"rooms":["r1"],"except":[],"flags":{}}"#;
    let tail = r#""uid":"21fd03791fa947a4","nsp":"/"}"#;
    let r1 = || to(&["r1"], &[]);
    let cases = [
        (
            format!(r#"{{"type":4,"data":{{{opts},"rooms":["r2"]}},{tail}"#),
            Body::Join { to: r1(), rooms: names(&["r2"]) },
        ),
        (
            format!(r#"{{"type":5,"data":{{{opts},"rooms":["r2"]}},{tail}"#),
            Body::Leave { to: r1(), rooms: names(&["r2"]) },
        ),
        (
            format!(r#"{{"type":6,"data":{{{opts},"close":false}},{tail}"#),
            Body::Disconnect { to: r1(), how: Disconnect::Namespace },
        ),
        (
            format!(r#"{{"type":7,"data":{{{opts},"requestId":"2463e3ac14fcd645"}},{tail}"#),
            Body::Fetch { to: r1(), request: "2463e3ac14fcd645".into(), detail: Detail::Clients },
        ),
        (
            format!(r#"{{"type":9,"data":{{"packet":["note","v",2]}},{tail}"#),
            Body::ServerEvent { event: event("note", "[\"v\",2]", &[]), request: None },
        ),
        (
            format!(r#"{{"type":9,"data":{{"requestId":"q","packet":["question"]}},{tail}"#),
            Body::ServerEvent { event: event("question", "[]", &[]), request: Some("q".into()) },
        ),
    ];
    for (text, body) in cases {
        both(SHARDED, EVERYONE, text.as_bytes(), &message(UID, body));
    }
    let own = Place { namespace: "/", lane: Lane::Room("0123456789abcdef") };
    let cases = [
        (r#"{"type":11,"data":{"requestId":"q","clientCount":1}"#, Report::Clients(1)),
        (
            r#"{"type":12,"data":{"requestId":"q","packet":"answer"}"#,
            Report::Acknowledged { room: None, args: args("[\"answer\"]", &[]) },
        ),
        (
            r#"{"type":10,"data":{"requestId":"q","packet":"B:v"}"#,
            Report::Replied(args("[\"B:v\"]", &[])),
        ),
        (r#"{"type":8,"data":{"requestId":"q","sockets":[]}"#, Report::Found(Vec::new())),
    ];
    for (text, report) in cases {
        let body = answer(Some("0123456789abcdef"), "q", report);
        both(SHARDED, own, format!("{text},{tail}").as_bytes(), &message(UID, body));
    }
}

#[test]
fn heartbeats_of_older_adapters_are_read_in_any_order_of_keys() {
    for (text, body) in [
        (r#"{"nsp":"/","uid":"a","type":1}"#, Body::Hello),
        (r#"{"uid":"a","type":2}"#, Body::Beat(None)),
        (r#"{"type":13,"x":{},"uid":"a","nsp":"/"}"#, Body::Left),
    ] {
        assert_eq!(read(SHARDED, EVERYONE, text.as_bytes()), Ok(message("a", body)));
    }
}

#[test]
fn streams_keep_what_everybody_has_to_get_and_nothing_else() {
    let json = "[{\"_placeholder\":true,\"num\":0},\"t\"]";
    let body = broadcast(to(&["r1"], &[]), event("room", json, &[b"\x00\x01\xff"]));
    let sent = message("94ae", body);
    let payload = codec(Format::Streams).encode(&sent).expect("it can be written");
    let data =
        "gqZwYWNrZXSCpHR5cGUCpGRhdGGTpHJvb23EAwAB/6F0pG9wdHODpXJvb21zkaJyMaZleGNlcHSQpWZsYWdzgA==";
    let entry = Entry {
        id: None,
        uid: b"94ae"[..].into(),
        nsp: b"/"[..].into(),
        kind: b"3"[..].into(),
        data: data.as_bytes().into(),
    };
    assert_eq!(payload, Payload::Entry(entry.clone()));
    assert_eq!(codec(Format::Streams).decode(EVERYONE, &payload), Ok(sent));

    let captured = "gqZwYWNrZXSCpHR5cGUCpGRhdGGTqHJvb20tbXNnxAMAAf+hdKRvcHRzg6Vyb29tc5GicjGmZXhjZXB0kKVmbGFnc4A=";
    let entry = Entry { data: captured.as_bytes().into(), ..entry };
    let body = broadcast(to(&["r1"], &[]), event("room-msg", json, &[b"\x00\x01\xff"]));
    let read = codec(Format::Streams).decode(EVERYONE, &Payload::Entry(entry));
    assert_eq!(read, Ok(message("94ae", body)));

    let body = Body::Fetch { to: To::default(), request: "q".into(), detail: Detail::Clients };
    let question = message("94ae", body);
    let bytes = written(Format::Streams, &question);
    assert_eq!(bytes.first(), Some(&0x84), "it is MessagePack for a channel");
    assert_eq!(super::read(Format::Streams, EVERYONE, &bytes), Ok(question));
}

#[test]
fn values_of_both_dialects_of_messagepack_are_known() {
    // A room that is a number, a type that is a float, `undefined` as notepack.io writes it, and a date.
    let bytes = b"\x93\xd4\x00\x00\x82\xa4type\xcb\x40\x00\x00\x00\x00\x00\x00\x00\xa4data\x93\xa1e\
        \xd4\x00\x00\xd6\xff\x00\x00\x00\x00\x82\xa5rooms\x92\x07\xcb\x40\x00\x00\x00\x00\x00\x00\x00\
        \xa5flags\x81\xa8volatile\xc3";
    let event = event("e", "[null,\"1970-01-01T00:00:00.000Z\"]", &[]);
    let flags = Flags { volatile: true, ..Flags::default() };
    let body = Body::Broadcast { to: to(&["7", "2"], &[]), event, flags, ask: None };
    // An `undefined` name of a process is what `null` is.
    assert_eq!(read(CLASSIC, EVERYONE, bytes), Ok(message("", body)));
}
