use super::*;

/// One name of each format, and others as long.
const NAMES: [(Format, [&str; 2]); 5] = [
    (Format::Python, ["0b4796b7dad54450b61be14667426532", "1b4796b7dad54450b61be14667426532"]),
    (Format::Classic, ["tPnvM8", "uPnvM8"]),
    (Format::Sharded, ["21fd03791fa947a4", "31fd03791fa947a4"]),
    (Format::Streams, ["94ae03791fa947a4", "a4ae03791fa947a4"]),
    (Format::Native, ["0b4796b7dad54450b61be14667426532", "1b4796b7dad54450b61be14667426532"]),
];

#[test]
fn k08_own_messages_are_told_without_being_read() {
    let id = "abcdefghij-_ABCDEFGH";
    let event = || event("e", "[1]", &[]);
    let binary = event_with_binary();
    let ask = Some(Ask { request: "7".into(), timeout: Some(Duration::from_secs(1)) });
    let flags = Flags::default();
    let bodies = [
        broadcast(to(&["r"], &[]), event()),
        broadcast(to(&[], &[]), binary),
        Body::Broadcast { to: to(&[id], &[]), event: event(), flags, ask },
        Body::Join { to: to(&[id], &[]), rooms: names(&["r"]) },
        Body::Disconnect { to: to(&[id], &[]), how: Disconnect::Namespace },
        Body::Fetch { to: to(&[], &[]), request: "7".into(), detail: Detail::Clients },
        Body::ServerEvent { event: event(), request: Some("7".into()) },
    ];
    let mut told = 0;
    for (format, [own, other]) in NAMES {
        let codec = codec(format);
        for namespace in ["/", "/a", "/\"quoted\""] {
            for body in &bodies {
                let message = |from: &str| Message {
                    namespace: namespace.into(),
                    ..message(from, body.clone())
                };
                let Ok(payload) = codec.encode(&message(own)) else { continue };
                assert!(codec.is_own(own, &payload), "{format} {body:?}");
                let foreign = codec.encode(&message(other)).expect("it has words");
                assert!(!codec.is_own(own, &foreign), "{format} {body:?}");
                let nobody = codec.encode(&message("")).expect("it has words");
                assert!(!codec.is_own(own, &nobody), "{format} {body:?}");
                told += 1;
            }
        }
    }
    assert_eq!(told, 3 * (5 + 4 * 7));
}

#[test]
fn a_name_in_the_arguments_of_others_is_not_taken_for_the_sender() {
    for (format, [own, other]) in NAMES {
        let text = format!(r#"["x",{{"uid":"{own}","nsp":"/"}},{{"host_id":"{own}"}}]"#);
        let event = event("e", &text, &[]);
        let payload = codec(format).encode(&message(other, broadcast(to(&[], &[]), event)));
        assert!(!codec(format).is_own(own, &payload.expect("it has words")), "{format}");
    }
}

fn event_with_binary() -> EventMessage {
    event("e", r#"[{"_placeholder":true,"num":0}]"#, &[b"\x00\x01"])
}
