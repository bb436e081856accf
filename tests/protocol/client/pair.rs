//! The client and the server back to back.

use sansocket::client::{self, Event, SocketMut, Transport};
use sansocket::{ArgsRef, Bytes, Counts, Disconnect, Msgpack};
use std::sync::Arc;
use std::time::Duration;
use testbed::pair::Pair;

fn pair(transports: &[Transport]) -> Pair {
    Pair::new(|config| config.transports = transports.to_vec(), |_| {})
}

fn on<R>(pair: &mut Pair, name: &str, act: impl FnOnce(SocketMut<'_>) -> R) -> R {
    let namespace = pair.client.namespace(name).expect("a name");
    act(pair.client.socket(pair.now, namespace).expect("it is there"))
}

const WAYS: [&[Transport]; 3] =
    [&[Transport::Polling], &[Transport::WebSocket], &[Transport::Polling, Transport::WebSocket]];

/// A client and a server that write packets in MessagePack.
fn packing(transports: &[Transport], base64: bool) -> Pair {
    let client = |config: &mut client::Config| {
        config.transports = transports.to_vec();
        config.parser = Some(Arc::new(Msgpack));
        config.base64 = base64;
    };
    Pair::new(client, |config| config.parser = Some(Arc::new(Msgpack)))
}

/// The one client in a namespace of the server.
fn member(pair: &Pair) -> sansocket::Socket {
    let joined = pair.served.iter().rev().find_map(|event| {
        if let sansocket::Event::Connect { socket, .. } = event { Some(*socket) } else { None }
    });
    joined.expect("it joined")
}

#[test]
fn events_and_acknowledgements_go_both_ways_on_every_transport() {
    for way in WAYS {
        let all = [pair(way), packing(way, false), packing(way, true)];
        all.into_iter().for_each(|pair| talk(pair, way));
    }
}

/// Sends an event and a question each way.
fn talk(mut pair: Pair, way: &[Transport]) {
    on(&mut pair, "/", |mut socket| socket.join());
    pair.settle();
    let expected =
        if way == [Transport::Polling] { Transport::Polling } else { Transport::WebSocket };
    assert_eq!(pair.client.transport(), Some(expected));
    let bytes = [Bytes::from_static(b"\x00\xff")];
    let args = ArgsRef::from_valid("[1,{\"_placeholder\":true,\"num\":0}]", &bytes);
    let asked = on(&mut pair, "/", |mut socket| socket.emit_with_ack("q", args, None));
    pair.settle();
    let Some(sansocket::Event::Message { message, ack: Some(ack), .. }) = pair.served.pop() else {
        panic!("{:?}", pair.served);
    };
    assert_eq!((message.name(), message.attachments()), ("q", &bytes[..]));
    pair.server.acknowledge(ack, args);
    let member = member(&pair);
    let mut socket = pair.server.socket(member).expect("it is there");
    socket.emit("hello", args).expect("it reads");
    pair.settle();
    let [.., Event::Answer { ticket, answer }, Event::Message { message, .. }] = &pair.heard[..]
    else {
        panic!("{:?}", pair.heard);
    };
    assert_eq!(Ok(*ticket), asked);
    assert_eq!(*answer, client::Answer::Args(args.to_args()));
    assert_eq!((message.name(), message.attachments()), ("hello", &bytes[..]));
    on(&mut pair, "/", |mut socket| socket.leave());
    pair.settle();
    assert!(pair.client.is_idle() && pair.streams() == 0, "{way:?}");
    assert_eq!(pair.server.counts(), Counts::default());
}

#[test]
fn a_session_lives_as_long_as_both_are_there() {
    for way in WAYS {
        let mut pair = pair(way);
        on(&mut pair, "/", |mut socket| socket.join());
        pair.settle();
        pair.heard.clear();
        pair.advance(Duration::from_secs(600));
        assert!(pair.heard.is_empty(), "{:?}", pair.heard);
        assert_eq!(pair.server.counts().sockets, 1);
    }
}

#[test]
fn a_thousand_events_arrive_in_order_while_the_session_moves() {
    for chunk in [1, 7, 100, usize::MAX] {
        let mut pair = pair(WAYS[2]);
        for n in 0..300 {
            let args = format!("[{n}]");
            let args = ArgsRef::from_valid(&args, &[]);
            on(&mut pair, "/", |mut socket| socket.emit("n", args)).expect("it fits");
            if n == 100 {
                on(&mut pair, "/", |mut socket| socket.join());
                pair.run();
            }
            for at in 0..pair.streams() {
                pair.open(at);
                pair.carry(at, chunk, chunk);
            }
        }
        pair.settle();
        let numbers = pair.served.iter().filter_map(|event| {
            if let sansocket::Event::Message { message, .. } = event {
                Some(message.json().to_owned())
            } else {
                None
            }
        });
        let expected: Vec<_> = (0..300).map(|n| format!("[{n}]")).collect();
        assert_eq!(numbers.collect::<Vec<_>>(), expected, "{chunk}");
        assert_eq!(pair.client.transport(), Some(Transport::WebSocket));
    }
}

#[test]
fn the_ends_of_the_server_are_told_apart() {
    type End = fn(&mut Pair, sansocket::Socket);
    let ends: [(End, client::Reason); 3] = [
        (
            |pair, socket| {
                let now = pair.now;
                let mut socket = pair.server.socket(socket).expect("it is there");
                socket.disconnect(now, Disconnect::Namespace);
            },
            client::Reason::ServerDisconnect,
        ),
        (
            |pair, socket| {
                let now = pair.now;
                pair.server.socket(socket).expect("it is there").close_transport(now);
            },
            client::Reason::TransportClose,
        ),
        (|pair, _| pair.server.shutdown(pair.now), client::Reason::TransportClose),
    ];
    for way in WAYS {
        for (end, expected) in &ends {
            let mut pair = pair(way);
            on(&mut pair, "/", |mut socket| socket.join());
            pair.settle();
            let socket = member(&pair);
            end(&mut pair, socket);
            pair.settle();
            let reason = pair.heard.iter().find_map(|event| {
                if let Event::Disconnected { reason, .. } = event { Some(*reason) } else { None }
            });
            assert_eq!(reason, Some(*expected), "{way:?}");
        }
    }
}

#[test]
fn a_client_comes_back_when_its_streams_are_cut() {
    for way in WAYS {
        let mut pair = pair(way);
        on(&mut pair, "/", |mut socket| socket.join());
        pair.settle();
        for round in 0..5 {
            while pair.streams() > 0 && pair.client.transport().is_some() {
                pair.tear(0);
            }
            pair.advance(Duration::from_secs(3));
            let id = on(&mut pair, "/", |socket| socket.id().map(str::to_owned));
            assert!(id.is_some(), "{round} {way:?} {:?}", pair.heard);
        }
        pair.client.close(pair.now);
        pair.advance(Duration::from_secs(100));
        assert_eq!(pair.server.counts(), Counts::default());
    }
}
