//! Clients of Socket.IO 2, which speak Engine.IO 3 (socket.io-protocol v4).

use sansocket::{Bytes, Config, Disconnect, JoinError, Misuse, Sid, Target};
use testbed::{Item, Sim, WebSocket};

fn sim() -> Sim {
    sim_with(|_| {})
}

fn sim_with(set: impl FnOnce(&mut Config)) -> Sim {
    Sim::with(|config| {
        config.allow_eio3 = true;
        set(config);
    })
}

fn text(text: &str) -> Item {
    Item::Text(text.into())
}

/// Opens a session that is in the main namespace.
fn joined(sim: &Sim) -> WebSocket {
    let mut ws = sim.websocket_with("EIO=3");
    assert!(ws.recv().starts_with("0{"));
    assert_eq!(ws.recv(), "40");
    ws
}

#[test]
fn the_connection_itself_asks_for_the_main_namespace() {
    let mut sim = sim();
    let ws = joined(&sim);
    let mut client = sim.polling_with("EIO=3");
    assert_eq!(client.poll(), "2:40");
    assert_eq!(sim.events(), ["connect 1 /", "connect 2 /"]);
    assert_eq!(sim.handshake(1).revision(), 3);
    assert_eq!((sim.counts().sessions, sim.counts().sockets), (2, 2));
    drop(ws);
}

#[test]
fn an_admission_may_take_its_time() {
    let mut sim = sim();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    sim.socket(1).emit("late", "[1]").unwrap();
    assert_eq!(ws.next(), None);
    sim.socket(1).admit().unwrap();
    assert_eq!(ws.all(), [text("40"), text("42[\"late\",1]")]);
}

/// Clients of python-socketio 4 send before they hear that they are admitted.
#[test]
fn events_wait_for_the_admission() {
    let mut sim = sim();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    ws.send("42[\"early\",1]");
    ws.send("423[\"asks\"]");
    ws.send("451-[\"binary\",{\"_placeholder\":true,\"num\":0}]");
    ws.send_binary(b"\x04xyz");
    ws.send("451-[\"half\",{\"_placeholder\":true,\"num\":0}]");
    ws.send("2");
    assert_eq!(sim.events(), ["connect 1 /"]);
    sim.socket(1).admit().unwrap();
    ws.send_binary(b"\x04z");
    let attached =
        |name, bytes| format!(r#"event 1 {name} [{{"_placeholder":true,"num":0}}] 0x{bytes}"#);
    let (binary, half) = (attached("binary", "78797a"), attached("half", "7a"));
    assert_eq!(sim.events(), ["event 1 early [1]", "event 1 asks [] asking", &binary, &half]);
}

#[test]
fn events_before_the_admission_are_bounded() {
    let mut sim = sim_with(|config| config.limits.max_payload = 1000);
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    let event = format!("42[\"early\",\"{}\"]", "x".repeat(900));
    ws.send(&event);
    ws.send(&event);
    assert!(matches!(ws.next(), Some(Item::Close(_))));
    assert_eq!(sim.events(), ["connect 1 /", "disconnect 1 Violation(NotConnected)"]);
}

#[test]
fn a_client_that_is_ended_by_its_admission_is_not_heard() {
    let mut sim = sim_with(|config| config.limits.max_backlog = 1);
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    ws.send("42[\"early\"]");
    sim.socket(1).emit("late", "[]").unwrap();
    let _ = sim.socket(1).admit();
    assert_eq!(sim.events(), ["connect 1 /", "disconnect 1 SlowConsumer"]);
}

#[test]
fn a_client_that_is_refused_is_not_heard() {
    let mut sim = sim();
    sim.app(|app| app.holds = true);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    ws.send("42[\"early\"]");
    sim.socket(1).refuse("{\"message\":\"no\"}").unwrap();
    assert_eq!(ws.all(), [text("44\"no\"")]);
    ws.send("42[\"more\"]");
    assert_eq!(sim.events(), ["connect 1 /"]);
}

#[test]
fn asking_for_the_main_namespace_again_changes_nothing() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    ws.send("40");
    ws.send("40/");
    assert_eq!(ws.next(), None);
    assert_eq!(sim.events(), ["connect 1 /"]);
}

#[test]
fn other_namespaces_are_joined_without_a_payload() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    ws.send("40/custom,");
    ws.send("40/unicode-ü世");
    assert_eq!(ws.all(), [text("40/custom,"), text("40/unicode-ü世,")]);
    assert_eq!(sim.events(), ["connect 1 /", "connect 2 /custom", "connect 3 /unicode-ü世"]);
}

#[test]
fn the_query_of_a_namespace_is_the_auth_payload() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    ws.send("40/admin?token=x%20y&token=z&a=%22&n,");
    assert_eq!(ws.recv(), "40/admin,");
    ws.send("42/admin,[\"e\"]");
    ws.send("42/admin?token=x,[\"f\"]");
    ws.send("40/other?,{\"ignored\":1}");
    ws.send("41/admin?a=b,");
    assert_eq!(
        sim.events(),
        [
            "connect 1 /",
            r#"connect 2 /admin {"a":"\"","n":"","token":"z"}"#,
            "event 2 e []",
            "event 2 f []",
            "connect 3 /other {}",
            "disconnect 2 ClientDisconnect",
        ]
    );
}

#[test]
fn the_name_is_bounded_without_its_query() {
    let sim = sim_with(|config| config.limits.namespace_name = 8);
    let mut ws = joined(&sim);
    ws.send(&format!("40/1234567?{}", "a".repeat(1000)));
    assert_eq!(ws.recv(), "40/1234567,");
    ws.send("40/12345678?a");
    assert!(matches!(ws.next(), Some(Item::Close(_))));
}

#[test]
fn a_refusal_is_the_data_or_the_message() {
    let mut sim = sim();
    let refuses = vec![
        ("/", r#"{"message":"no \"entry\""}"#),
        ("/data", r#"{"message":"not authorized","data":{"code":401,"reason":["bad"]}}"#),
        ("/text", r#"{ "data" : "why" , "message":"m"}"#),
        ("/null", r#"{"message":"m","data":null}"#),
        ("/inner", r#"{"other":{"data":1,"message":2},"message":"m"}"#),
        ("/neither", r#"{"code":1}"#),
    ];
    sim.app(|app| app.refuses = refuses);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    for name in ["/data", "/text", "/null", "/inner", "/neither"] {
        ws.send(&format!("40{name},"));
    }
    assert_eq!(
        ws.all(),
        [
            text(r#"44"no \"entry\"""#),
            text(r#"44/data,{"code":401,"reason":["bad"]}"#),
            text(r#"44/text,"why""#),
            text(r#"44/null,"m""#),
            text(r#"44/inner,"m""#),
            text(r#"44/neither,{"code":1}"#),
        ]
    );
}

#[test]
fn an_application_that_does_not_decide_refuses_in_words() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    sim.app(|app| app.holds = true);
    ws.send("40/slow");
    sim.advance(44_999);
    ws.send("2");
    assert_eq!(ws.all(), [text("3")]);
    sim.advance(1);
    assert_eq!(ws.all(), [text(r#"44/slow,"timed out""#)]);
}

#[test]
fn events_and_acknowledgements_travel_both_ways() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    ws.send("42[\"hi\",1]");
    ws.send("421[\"ask\",{\"a\":[]}]");
    sim.acknowledge("[\"yes\"]", &[]);
    assert_eq!(ws.recv(), "431[\"yes\"]");
    let question = sim.socket(1).ask("sure?", 1000).unwrap();
    assert_eq!(ws.recv(), "420[\"sure?\"]");
    ws.send("430[true]");
    assert_eq!(
        sim.events()[1..],
        [
            "event 1 hi [1]",
            "event 1 ask [{\"a\":[]}] asking",
            &format!("answer {} from 1 [true]", question.0)
        ]
    );
}

#[test]
fn binary_travels_behind_its_packet_on_both_transports() {
    let mut sim = sim();
    sim.app(|app| app.echoes = true);
    let head = r#"452-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}]"#;
    let back = head.replace("\"b\"", "\"b-back\"");
    let mut ws = joined(&sim);
    ws.send(head);
    ws.send_binary(b"\x04\x01\x02");
    ws.send("b4/w==");
    assert_eq!(
        ws.all(),
        [text(&back), Item::Binary(b"\x04\x01\x02".into()), Item::Binary(b"\x04\xff".into())]
    );
    assert_eq!(
        sim.events()[1],
        r#"event 1 b [{"_placeholder":true,"num":0},{"_placeholder":true,"num":1}] 0x0102 0xff"#
    );
    let mut client = sim.polling_with("EIO=3&b64=1");
    assert_eq!(client.poll(), "2:40");
    client.post(&format!("{}:{head}6:b4AQI=2:b4", head.len()));
    assert_eq!(client.poll(), format!("{}:{back}6:b4AQI=2:b4", back.len()));
}

#[test]
fn a_binary_acknowledgement_has_attachments() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    ws.send("427[\"ask\"]");
    let json = r#"[{"_placeholder":true,"num":0}]"#;
    sim.acknowledge(json, &[Bytes::from_static(b"\x07")]);
    assert_eq!(ws.all(), [text(&format!("461-7{json}")), Item::Binary(vec![4, 7])]);
    sim.socket(1).ask("sure?", 1000).unwrap();
    ws.recv();
    ws.send(&format!("461-0{json}"));
    ws.send_binary(b"\x04\x08");
    assert_eq!(sim.events()[2], format!("answer 1 from 1 {json} 0x08"));
}

#[test]
fn attachments_keep_the_rules_of_the_other_revision() {
    for wrong in [
        r#"450-["b"]"#,
        r#"4511-["b"]"#,
        r#"451-["b",{"_placeholder":true,"num":1}]"#,
        r#"452-["b",{"_placeholder":true,"num":0},{"_placeholder":true,"num":0}]"#,
    ] {
        let sim = sim();
        let mut ws = joined(&sim);
        ws.send(wrong);
        assert!(matches!(ws.next(), Some(Item::Close(_))), "{wrong}");
    }
}

#[test]
fn a_broadcast_reaches_clients_of_every_kind() {
    let sim = sim();
    let (mut old, mut new) = (joined(&sim), sim.joined());
    let mut base64 = sim.polling_with("EIO=3&b64=1");
    assert_eq!(base64.poll(), "2:40");
    let mut bytes = sim.polling_with("EIO=3");
    assert_eq!(bytes.poll(), "2:40");
    let json = r#"[{"_placeholder":true,"num":0}]"#;
    for number in 1..=4 {
        sim.socket(number).join("room").unwrap();
    }
    sim.on(0, |server, _| {
        let attachments = [Bytes::from_static(b"\x01")];
        let args = sansocket::ArgsRef::from_valid(json, &attachments);
        let to = Target { rooms: &["room"], ..Target::namespace("/") };
        server.broadcast(&to, "b", args).unwrap();
        server.broadcast(&to, "t", sansocket::ArgsRef::NONE).unwrap();
    });
    let head = r#"451-["b",{"_placeholder":true,"num":0}]"#;
    assert_eq!(old.all(), [text(head), Item::Binary(vec![4, 1]), text("42[\"t\"]")]);
    assert_eq!(new.all(), [text(head), Item::Binary(vec![1]), text("42[\"t\"]")]);
    assert_eq!(base64.poll(), format!("{}:{head}6:b4AQ==7:42[\"t\"]", head.len()));
    bytes.get();
    let framed =
        [&b"\x00\x03\x09\xff"[..], head.as_bytes(), b"\x01\x02\xff\x04\x01\x00\x07\xff42[\"t\"]"];
    assert_eq!(bytes.answer().unwrap().bytes, framed.concat());
}

#[test]
fn the_id_of_a_client_follows_from_its_session_as_the_client_computes_it() {
    let sim = sim();
    let mut client = sim.polling_with("EIO=3");
    assert_eq!(client.poll(), "2:40");
    client.post("11:40/custom?a");
    assert_eq!(client.poll(), "10:40/custom,");
    let (main, custom) = (sim.socket(1).id, sim.socket(2).id);
    assert_eq!((&*main, &*custom), (&*client.sid, &*client.sid));
    let id = sansocket::Id::parse(&custom).unwrap();
    assert_eq!(id.text_in("/", None), client.sid);
    assert_eq!(id.text_in("/custom", None), format!("/custom#{}", client.sid));
    assert_eq!(Sid::from_target(&client.target()).unwrap().unwrap().shard(), 0);
}

/// What clients get of an event to each of these names, by namespace.
fn reached(sim: &Sim, namespace: &str, name: &str, from: usize) {
    sim.on(from, |server, _| {
        let to = Target { rooms: &[name], ..Target::namespace(namespace) };
        server.broadcast(&to, "x", sansocket::ArgsRef::NONE).unwrap();
    });
}

#[test]
fn messages_reach_a_client_by_its_id_from_every_shard() {
    let mut sim = Sim::sharded(4, |config| config.allow_eio3 = true);
    let mut old = joined(sim.on_shard(2));
    old.send("40/custom");
    assert_eq!(old.recv(), "40/custom,");
    let mut other = joined(sim.on_shard(2));
    let id = sim.socket(1).id;
    let shown = format!("/custom#{id}");
    for from in 0..4 {
        reached(&sim, "/", &id, from);
        assert_eq!(old.all(), [text("42[\"x\"]")], "{from}");
        for name in [&shown, &id] {
            reached(&sim, "/custom", name, from);
            assert_eq!(old.all(), [text("42/custom,[\"x\"]")], "{from} {name}");
        }
        for (namespace, name) in [
            ("/", &shown),
            ("/custom", &format!("/other#{id}")),
            ("/", &format!("/#{id}")),
            ("/other", &id),
        ] {
            reached(&sim, namespace, name, from);
            assert_eq!(old.next(), None, "{from} {namespace} {name}");
        }
        assert_eq!(sim.on(from, |server, _| server.shard_of(&shown)), Some(2));
    }
    assert_eq!(other.next(), None);
    let to = Target { except: &[&*id], ..Target::namespace("/") };
    sim.broadcast(&to, "y", "[]");
    assert_eq!((old.next(), other.next()), (None, Some(text("42[\"y\"]"))));
    old.send("41/custom,");
    reached(&sim, "/custom", &shown, 0);
    assert_eq!(old.next(), None);
}

#[test]
fn nobody_else_joins_the_room_of_an_id() {
    let sim = Sim::sharded(2, |config| config.allow_eio3 = true);
    let mut old = joined(&sim);
    old.send("40/custom");
    let mut new = sim.joined();
    new.join("/custom");
    let id = sim.socket(1).id;
    let (main, custom) = (id.clone(), format!("/custom#{id}"));
    let foreign = Err(JoinError::Misuse(Misuse::ForeignRoom));
    assert_eq!(sim.socket(3).join(&main), foreign);
    assert_eq!(sim.socket(4).join(&custom), foreign);
    assert_eq!(sim.socket(1).join(&main), Ok(false));
    assert_eq!(sim.socket(2).join(&custom), Ok(false));
    assert_eq!(sim.socket(1).join(&custom), foreign);
    assert_eq!(sim.socket(2).rooms(), Vec::<String>::new());
    assert_eq!(sim.socket(3).join("/custom#lobby"), Ok(true), "a room of that form");
}

#[test]
fn leaving_one_namespace_keeps_the_others() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    ws.send("40/custom");
    ws.recv();
    ws.send("41");
    ws.send("42/custom,[\"e\"]");
    sim.socket(2).disconnect(Disconnect::Namespace);
    assert_eq!(ws.all(), [text("41/custom,")]);
    assert_eq!(
        sim.events()[2..],
        ["disconnect 1 ClientDisconnect", "event 2 e []", "disconnect 2 ServerDisconnect"]
    );
}

#[test]
fn the_session_ends_with_the_connection_and_leaves_nothing() {
    let mut sim = sim();
    let mut ws = joined(&sim);
    ws.send("40/custom");
    ws.vanish();
    let counts = sim.counts();
    assert_eq!((counts.sessions, counts.sockets, counts.links), (0, 0, 0));
    assert_eq!(sim.events()[2..], ["disconnect 2 TransportClose", "disconnect 1 TransportClose"]);
}

#[test]
fn a_session_id_that_the_host_chose_is_kept() {
    let mut sim = sim();
    sim.own_sid(Some("chosen-by-the-host"));
    let mut client = sim.polling_with("EIO=3");
    assert_eq!(client.sid, "chosen-by-the-host");
    assert_eq!(client.poll(), "2:40");
    let id = sim.socket(1).id;
    sim.own_sid(None);
    assert_eq!(Sid::text_in(&client.target()), Some("chosen-by-the-host"));
    reached(&sim, "/", &id, 0);
    assert_eq!(client.poll(), "7:42[\"x\"]", "it has an id all the same");
    sim.on(0, |server, _| server.check());
    client.post("1:1");
    sim.on(0, |server, _| server.check());
}

/// As socket.io-client-java 1 talks: a payload with binary is framed in bytes as a whole.
#[test]
fn a_session_of_a_java_client_is_understood() {
    let mut sim = sim();
    let mut client = sim.polling_with("EIO=3");
    assert_eq!(client.poll(), "2:40");
    let head = r#"451-["file",{"_placeholder":true,"num":0}]"#;
    let mut payload = b"\x00\x04\x02\xff".to_vec();
    payload.extend_from_slice(head.as_bytes());
    payload.extend_from_slice(b"\x01\x03\xff\x04\x01\x02\x00\x01\x00\xff42[\"next\"]");
    assert_eq!(client.try_post_bytes(&payload).map(|answer| answer.status), Some(200));
    assert_eq!(
        sim.events()[1..],
        [r#"event 1 file [{"_placeholder":true,"num":0}] 0x0102"#, "event 1 next []"]
    );
    client.post("24:40/admin?token=a%20b&n=1");
    assert_eq!(client.poll(), "9:40/admin,");
    assert_eq!(sim.events(), [r#"connect 2 /admin {"n":"1","token":"a b"}"#]);
    client.get();
    let mut ws = client.websocket();
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    assert_eq!(client.payload(), "1:6");
    ws.send("5");
    ws.send(head);
    ws.send_binary(b"\x04\x01\x02");
    ws.send("2");
    assert_eq!(ws.all(), [text("3")]);
    assert_eq!(sim.events(), [r#"event 1 file [{"_placeholder":true,"num":0}] 0x0102"#]);
}

/// As socket.io-client-swift 15 talks: polling has binary as base64, and namespaces end without a comma.
#[test]
fn a_session_of_a_swift_client_is_understood() {
    let sim = sim();
    let mut client = sim.polling_with("b64=1&EIO=3");
    assert_eq!(client.poll(), "2:40");
    client.post("12:42[\"hi\",\"世\"]12:40/swift?a=1");
    assert_eq!(client.poll(), "9:40/swift,");
    client.get();
    let mut ws = client.websocket();
    ws.send("2probe");
    assert_eq!(ws.recv(), "3probe");
    assert_eq!(client.payload(), "1:6");
    ws.send("5");
    ws.send("2");
    ws.send("42/swift,0[\"ask\"]");
    sim.acknowledge("[]", &[]);
    assert_eq!(ws.all(), [text("3"), text("43/swift,0[]")]);
    ws.send("41/swift,");
    ws.send("1");
    assert_eq!(ws.all(), [Item::Close(1000)]);
}

#[test]
fn clients_that_join_nothing_have_as_long_as_others() {
    let mut sim = sim();
    sim.app(|app| app.refuses = vec![("/", r#"{"message":"no"}"#)]);
    let mut ws = sim.websocket_with("EIO=3");
    ws.recv();
    assert_eq!(ws.recv(), "44\"no\"");
    sim.advance(44_000);
    ws.send("2");
    assert_eq!(ws.recv(), "3");
    sim.advance(1000);
    assert!(matches!(ws.next(), Some(Item::Close(_))));
}

#[test]
fn a_session_has_the_name_of_its_node_in_front() {
    let node: sansocket::NodeName = "n2".parse().unwrap();
    let sim = sim_with(|config| config.node = Some(node));
    let mut client = sim.polling_with("EIO=3");
    assert!(client.sid.starts_with("n2."), "{}", client.sid);
    assert_eq!(client.poll(), "2:40");
    client.post("10:40/custom,");
    assert_eq!(client.poll(), "10:40/custom,");
    let id = sansocket::Id::parse(&sim.socket(1).id).unwrap();
    assert_eq!(id.text_in("/", Some(&node)), client.sid, "the client computes its id so");
    let shown = id.text_in("/custom", Some(&node));
    assert_eq!(shown, format!("/custom#{}", client.sid));
    let sid = client.sid.clone();
    for (namespace, name, answer) in [
        ("/", id.as_str(), "7:42[\"x\"]"),
        ("/", &sid, "7:42[\"x\"]"),
        ("/custom", &sid, "15:42/custom,[\"x\"]"),
        ("/custom", &shown, "15:42/custom,[\"x\"]"),
    ] {
        reached(&sim, namespace, name, 0);
        assert_eq!(client.poll(), answer, "{namespace} {name}");
    }
    assert_eq!(sim.socket(1).join(&client.sid), Ok(false));
    assert_eq!(sim.socket(2).join(&client.sid), Ok(false));
    let other = sim.joined();
    let foreign = Err(JoinError::Misuse(Misuse::ForeignRoom));
    assert_eq!(sim.socket(3).join(&client.sid), foreign);
    drop(other);
}
