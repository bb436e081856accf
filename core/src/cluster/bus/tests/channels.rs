use super::*;

fn room(room: &str) -> Message {
    message("u", broadcast(to(&[room], &[]), event("e", "[]", &[])))
}

fn asking() -> Message {
    let ask = Some(Ask { request: "q".into(), timeout: None });
    let (to, event) = (to(&["r1"], &[]), event("e", "[]", &[]));
    message("u", Body::Broadcast { to, event, flags: Flags::default(), ask })
}

#[test]
fn a_broadcast_to_one_room_has_a_channel_of_its_own() {
    let classic = Names::new(Format::Classic, "socket.io");
    assert_eq!(classic.channel(&room("r1")), "socket.io#/#r1#");
    assert_eq!(classic.channel(&asking()), "socket.io-request#/#");
    let sharded = Names::new(Format::Sharded, "socket.io");
    assert_eq!(sharded.channel(&room("r1")), "socket.io#/#r1#");
    assert_eq!(sharded.channel(&asking()), "socket.io#/#");
}

#[test]
fn a_room_of_twenty_characters_is_a_client_to_sharded_processes() {
    let sharded = Names::new(Format::Sharded, "socket.io");
    let id = "C5JiAAAAAAAAAAAAAAAA";
    assert_eq!(sharded.channel(&room(id)), "socket.io#/#");
    assert_eq!(sharded.room("/", id), None);
    let exact = Subscription::Exact("socket.io#/#r1#".into());
    assert_eq!(sharded.room("/", "r1"), Some(exact));
    // JavaScript counts units of UTF-16.
    let wide = "é".repeat(20);
    assert_eq!(sharded.channel(&room(&wide)), "socket.io#/#");
    assert_eq!(sharded.room("/", &wide), None);
}

#[test]
fn rooms_of_a_static_cluster_have_no_channels() {
    let names = Names::new(Format::Sharded, "socket.io").with_room_channels(false);
    assert_eq!(names.channel(&room("r1")), "socket.io#/#");
    assert_eq!(names.room("/", "r1"), None);
}

/// The numbers are those of `hashCode` in `@socket.io/redis-streams-adapter`.
#[test]
fn namespaces_are_spread_over_streams_as_in_javascript() {
    let names = Names::new(Format::Streams, "socket.io").with_streams(3);
    let stream = |namespace: &str| {
        let message = Message { namespace: namespace.into(), ..room("r1") };
        let channel = names.channel(&message);
        let expected = Subscription::Stream(channel.clone());
        assert!(names.subscriptions(namespace, "u").contains(&expected), "{namespace}");
        assert_eq!(names.place(namespace, &channel).map(|place| place.lane), Some(Lane::Everyone));
        channel
    };
    assert_eq!(stream("/"), "socket.io-2");
    assert_eq!(stream("/orders-service"), "socket.io--1");
    assert_eq!(names.place("/", "socket.io-3"), None);
    assert_eq!(names.place("/", "socket.io"), None);
    assert_eq!(names.channel(&asking()), "socket.io#/#");
}

#[test]
fn counted_channels_are_subscribed_to_once() {
    for (format, counted) in [
        (Format::Python, None),
        (Format::Classic, Some("socket.io-request#/a#")),
        (Format::Sharded, Some("socket.io#/a#")),
        (Format::Streams, Some("socket.io#/a#")),
        (Format::Native, None),
    ] {
        let all = Names::new(format, "socket.io").subscriptions("/a", "u");
        let found: Vec<_> = all
            .iter()
            .filter_map(|subscription| match subscription {
                Subscription::Counted(name) => Some(name.as_str()),
                Subscription::Exact(name)
                | Subscription::Pattern(name)
                | Subscription::Stream(name) => {
                    assert_ne!(Some(name.as_str()), counted);
                    None
                }
            })
            .collect();
        assert_eq!(found, counted.as_slice());
    }
}

#[test]
fn k14_characters_of_patterns_are_escaped_in_patterns_alone() {
    let names = Names::new(Format::Classic, "socket.io");
    let all = names.subscriptions("/g[ab]*?\\", "u");
    let pattern = r"socket.io#/g\[ab\]\*\?\\#*".to_owned();
    assert!(all.contains(&Subscription::Pattern(pattern)), "{all:?}");
    let counted = r"socket.io-request#/g[ab]*?\#".to_owned();
    assert!(all.contains(&Subscription::Counted(counted)), "{all:?}");
}

#[test]
fn k14_a_room_may_have_the_signs_of_channels_in_its_name() {
    let names = Names::new(Format::Classic, "socket.io");
    for name in ["a#b", "#", "##", "", "r#/#"] {
        let channel = names.channel(&room(name));
        let place = Place { namespace: "/", lane: Lane::Room(name) };
        assert_eq!(names.place("/", &channel), Some(place), "{channel}");
    }
    assert_eq!(names.place("/glob*", "socket.io#/glob-x#r#"), None);
    assert_eq!(names.place("/", "socket.io#/#r"), None);
    assert_eq!(names.place("/", "other#/#"), None);
}

#[test]
fn the_messages_of_a_channel_have_its_place() {
    let question = Body::Fetch { to: To::default(), request: "q".into(), detail: Detail::Clients };
    let bodies = [
        broadcast(To::default(), event("e", "[]", &[])),
        question,
        answer(Some("u"), "q", Report::Done),
        answer(None, "q", Report::Done),
    ];
    for format in
        [Format::Python, Format::Classic, Format::Sharded, Format::Streams, Format::Native]
    {
        let names = Names::new(format, "p");
        for body in &bodies {
            let message = message("u", body.clone());
            let channel = names.channel(&message);
            assert!(names.place("/", &channel).is_some(), "{format} {channel}");
        }
    }
}
