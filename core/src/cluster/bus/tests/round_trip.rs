use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const HEX: &str = "00112233445566778899aabbccddeeff";

fn name() -> impl Strategy<Value = Box<str>> {
    any::<String>().prop_map(Box::from)
}

fn some_names() -> impl Strategy<Value = Vec<Box<str>>> {
    vec(name(), 0..4)
}

fn target() -> impl Strategy<Value = To> {
    (some_names(), some_names()).prop_map(|(rooms, except)| To { rooms, except })
}

/// Arguments that every format keeps as they are: a string, a number, and binary perhaps.
fn arguments() -> impl Strategy<Value = (String, Vec<Bytes>)> {
    (any::<String>(), any::<i64>(), proptest::option::of(vec(any::<u8>(), 0..300))).prop_map(
        |(text, number, binary)| {
            let text = serde_json::to_string(&text).expect("JSON").replace('\u{7f}', "x");
            match binary {
                None => (format!("[{text},{number}]"), Vec::new()),
                Some(bytes) => (
                    format!("[{text},{{\"_placeholder\":true,\"num\":0}},{number}]"),
                    vec![bytes.into()],
                ),
            }
        },
    )
}

fn an_event() -> impl Strategy<Value = EventMessage> {
    ("[a-z]{1,8}x", arguments()).prop_map(|(name, (json, attachments))| {
        let args = Args::from_json(&json, attachments).expect("an array");
        EventMessage::from_args(&name, args.as_ref())
    })
}

/// One argument, as JavaScript answers.
fn one() -> impl Strategy<Value = Args> {
    any::<u32>().prop_map(|number| args(&format!("[{number}]"), &[]))
}

fn how() -> impl Strategy<Value = Disconnect> {
    any::<bool>().prop_map(|far| if far { Disconnect::Connection } else { Disconnect::Namespace })
}

fn client() -> impl Strategy<Value = Found> {
    (name(), some_names(), arguments(), any::<u64>()).prop_map(
        |(id, rooms, (json, attachments), issued)| Found {
            id,
            rooms,
            data: Args::from_json(&format!("[{json}]"), attachments).expect("an array"),
            handshake: Handshake { issued, secure: true, ..Handshake::default() },
        },
    )
}

fn report() -> impl Strategy<Value = Report> {
    prop_oneof![
        any::<u32>().prop_map(Report::Clients),
        one().prop_map(|args| Report::Acknowledged { room: None, args }),
        one().prop_map(Report::Replied),
        vec(client(), 0..4).prop_map(Report::Found),
        some_names().prop_map(Report::Rooms),
        Just(Report::Done),
    ]
}

fn home() -> impl Strategy<Value = Home> {
    ("[a-zA-Z0-9]{1,16}", any::<std::net::Ipv6Addr>(), any::<std::net::Ipv4Addr>(), any::<u16>())
        .prop_map(|(name, long, short, port)| Home {
            name: name.parse().expect("a name"),
            address: if port % 2 == 0 { (long, port).into() } else { (short, port).into() },
        })
}

fn body() -> impl Strategy<Value = Body> {
    let flags = (any::<bool>(), any::<bool>())
        .prop_map(|(volatile, uncompressed)| Flags { volatile, uncompressed });
    let ask = proptest::option::of((any::<u32>(), proptest::option::of(any::<u32>())).prop_map(
        |(request, timeout)| Ask {
            request: request.to_string().into(),
            timeout: timeout.map(|timeout| Duration::from_millis(timeout.into())),
        },
    ));
    prop_oneof![
        (target(), an_event(), flags, ask).prop_map(|(to, event, flags, ask)| Body::Broadcast {
            to,
            event,
            flags,
            ask
        }),
        (target(), some_names()).prop_map(|(to, rooms)| Body::Join { to, rooms }),
        (target(), some_names()).prop_map(|(to, rooms)| Body::Leave { to, rooms }),
        (target(), how()).prop_map(|(to, how)| Body::Disconnect { to, how }),
        name().prop_map(|room| Body::Close { room }),
        (target(), name()).prop_map(|(to, request)| Body::Fetch {
            to,
            request,
            detail: Detail::Clients
        }),
        name().prop_map(|request| Body::Rooms { request }),
        (an_event(), proptest::option::of(name()))
            .prop_map(|(event, request)| Body::ServerEvent { event, request }),
        (name(), report()).prop_map(|(request, report)| answer(Some(HEX), &request, report)),
        (name(), report(), any::<u32>(), any::<bool>()).prop_map(
            |(request, report, number, more)| {
                let (asker, part) = (Some(HEX.into()), Part { number, more });
                Body::Answer(Answer { asker, request, report, part })
            }
        ),
        proptest::option::of(home()).prop_map(Body::Beat),
        Just(Body::Hello),
        Just(Body::Left),
    ]
}

fn a_session() -> impl Strategy<Value = Session> {
    let more = (proptest::option::of(name()), proptest::option::of(name()));
    (name(), name(), some_names(), proptest::option::of(arguments()), more).prop_map(
        |(id, pid, rooms, data, (namespace, mark))| {
            let (json, attachments) = data.unwrap_or_default();
            let data = Args::from_json(&format!("[{json}]"), attachments).expect("an array");
            Session { id, pid, rooms, data, namespace, mark }
        },
    )
}

/// What a format does not tell.
fn less(format: Format, message: &mut Message) {
    if format != Format::Native {
        message.sequence = None;
    }
    if let (Format::Python, Body::Broadcast { flags, ask, .. }) = (format, &mut message.body) {
        *flags = Flags::default();
        if let Some(ask) = ask {
            ask.timeout = None;
        }
    }
    if let (Format::Classic, Body::Answer(answer)) = (format, &mut message.body) {
        answer.asker = None;
        message.from = None;
        if let Report::Found(clients) = &mut answer.report {
            clients.iter_mut().for_each(|client| client.data = stringified(&client.data));
        }
    }
}

/// The argument as Node.js writes it in JSON.
fn stringified(data: &Args) -> Args {
    let Some(bytes) = data.attachments().first() else { return data.clone() };
    let numbers = serde_json::to_string(&bytes[..]).expect("JSON");
    let buffer = format!(r#"{{"type":"Buffer","data":{numbers}}}"#);
    let placeholder = r#"{"_placeholder":true,"num":0}"#;
    args(&data.json().replace(placeholder, &buffer), &[])
}

proptest! {
    #[test]
    fn what_a_format_has_words_for_is_read_as_it_was_said(
        body in body(),
        namespace in "/[a-z#*]{0,5}",
        sequence in proptest::option::of(1_u64..),
    ) {
        let from = Some(HEX.into());
        let message = Message { from, namespace: namespace.into(), sequence, body };
        for format in
            [Format::Python, Format::Classic, Format::Sharded, Format::Streams, Format::Native]
        {
            let payload = match codec(format).encode(&message) {
                Ok(payload) => payload,
                Err(unsupported) => {
                    prop_assert_ne!(format, Format::Native, "{}", unsupported);
                    continue;
                }
            };
            let names = Names::new(format, "p");
            let channel = names.channel(&message);
            let place = names.place(&message.namespace, &channel);
            let mut expected = message.clone();
            less(format, &mut expected);
            let read = codec(format).decode(place.expect("a place"), &payload);
            prop_assert_eq!(read, Ok(expected), "{}", format);
        }
    }

    #[test]
    fn k20_no_message_with_an_event_has_more_bytes_than_its_format_says(
        body in body(),
        namespace in "/[a-z#*]{0,5}",
    ) {
        let Body::Broadcast { to, event, .. } = &body else { return Ok(()) };
        let (from, namespace) = (Some(HEX.into()), namespace.into());
        let message = Message { from, namespace, sequence: Some(1), body: body.clone() };
        for format in
            [Format::Python, Format::Classic, Format::Sharded, Format::Streams, Format::Native]
        {
            let Ok(payload) = codec(format).encode(&message) else { continue };
            let most = format.most_bytes(&message.namespace, to.rooms.iter().chain(&to.except), event.name(), event.args());
            prop_assert!(payload.size() <= most, "{}: {} {}", format, payload.size(), most);
        }
    }

    #[test]
    fn what_is_kept_of_a_client_is_read_as_it_was_written(session in a_session()) {
        let read = Session::decode(&session.encode(), &BusLimits::default());
        prop_assert_eq!(read, Ok(session));
    }

    #[test]
    fn any_bytes_are_a_message_or_none(bytes in vec(any::<u8>(), 0..200)) {
        for format in
            [Format::Python, Format::Classic, Format::Sharded, Format::Streams, Format::Native]
        {
            for place in [EVERYONE, REQUESTS, ANSWERS] {
                let _ = read(format, place, &bytes);
            }
        }
        let _ = Session::decode(&bytes, &BusLimits::default());
    }
}
