//! What arrives at a real Redis.

use brokers::{Broker, Played, Told};
use sansocket::cluster::bus::{
    Body, BusLimits, Codec, Entry, Lane, Message, Payload, Place, Subscription,
};
use sansocket_bus::Command;
use sansocket_emitter::{Emitter, EmitterConfig, Format};
use sansocket_redis::Redis;
use std::borrow::Cow;
use std::sync::Arc;

fn server() -> Broker {
    Broker::start("redis-server", "redis-server", |command, port, folder| {
        command.args(["--bind", "127.0.0.1", "--save", "", "--port", &port.to_string()]);
        command.arg("--dir").arg(folder);
        Vec::new()
    })
}

fn redis(server: &Broker) -> Redis {
    Redis::new(&format!("redis://127.0.0.1:{}", server.port())).unwrap()
}

/// One who listens, as a server does.
fn listener(server: &Broker, format: Format, channels: &[&str]) -> Arc<Played> {
    let played = Played::drive(redis(server), format);
    played.connected();
    played.subscribe(channels);
    played
}

fn emitter(server: &Broker, format: Format) -> Emitter {
    Emitter::connect(redis(server), EmitterConfig::new(format)).unwrap()
}

/// Emits of every kind that all formats have.
fn emit_all(emitter: &Emitter) {
    emitter.emit("news", &(1, "x")).unwrap();
    emitter.to("r1").emit("news", "room").unwrap();
    emitter.to(["r1", "r2"]).except("lNq2mZ-gqIMqyAgvAAAB").emit("news", &()).unwrap();
    emitter.to("lNq2mZ-gqIMqyAgvAAAB").join("r5").unwrap();
}

fn decoded(format: Format, place: Place<'_>, bytes: &[u8]) -> Message {
    Codec::new(format, BusLimits::default()).decode(place, &bytes.into()).unwrap()
}

#[test]
fn python_socketio_is_written_to_as_by_a_write_only_manager() {
    let server = server();
    let heard = listener(&server, Format::Python, &["socketio"]);
    let emitter = emitter(&server, Format::Python);
    emit_all(&emitter);
    emitter.flush().wait().unwrap();
    let expected = [
        r#"{"method": "emit", "event": "news", "data": [1, "x"], "binary": false, "namespace": "/", "room": null, "skip_sid": null, "callback": null}"#,
        r#"{"method": "emit", "event": "news", "data": ["room"], "binary": false, "namespace": "/", "room": "r1", "skip_sid": null, "callback": null}"#,
        r#"{"method": "emit", "event": "news", "data": [], "binary": false, "namespace": "/", "room": ["r1", "r2"], "skip_sid": "lNq2mZ-gqIMqyAgvAAAB", "callback": null}"#,
        r#"{"method": "enter_room", "sid": "lNq2mZ-gqIMqyAgvAAAB", "room": "r5", "namespace": "/"}"#,
    ];
    for expected in expected {
        assert_eq!(heard.delivered().1, expected.replace(": ", ":").replace(", ", ","));
    }
}

#[test]
fn the_redis_adapter_is_written_to_as_by_the_emitter_of_javascript() {
    let server = server();
    let channels = ["socket.io#/#", "socket.io#/#r1#", "socket.io-request#/#"];
    let heard = listener(&server, Format::Classic, &channels);
    let emitter = emitter(&server, Format::Classic);
    emit_all(&emitter);
    emitter.flush().wait().unwrap();
    // As @socket.io/redis-emitter 5.1 writes them, whose maps have another order.
    let broadcast = |data: &[u8], rooms: &[u8], except: &[u8]| {
        [
            b"\x93\xa7emitter\x83\xa4type\x02\xa4data".as_slice(),
            data,
            b"\xa3nsp\xa1/\x83\xa5rooms",
            rooms,
            b"\xa5flags\x80\xa6except",
            except,
        ]
        .concat()
    };
    let one = b"\x91\xb4lNq2mZ-gqIMqyAgvAAAB";
    let expected: [(&str, Vec<u8>); 4] = [
        ("socket.io#/#", broadcast(b"\x93\xa4news\x01\xa1x", b"\x90", b"\x90")),
        ("socket.io#/#r1#", broadcast(b"\x92\xa4news\xa4room", b"\x91\xa2r1", b"\x90")),
        ("socket.io#/#", broadcast(b"\x91\xa4news", b"\x92\xa2r1\xa2r2", one)),
        (
            "socket.io-request#/#",
            br#"{"type":2,"opts":{"rooms":["lNq2mZ-gqIMqyAgvAAAB"],"except":[]},"rooms":["r5"]}"#
                .to_vec(),
        ),
    ];
    for (channel, bytes) in expected {
        let (found, payload) = delivered(&heard);
        assert_eq!(found, channel);
        let lane = if channel.contains("request") { Lane::Requests } else { Lane::Everyone };
        let place = Place { namespace: "/", lane };
        let (ours, theirs) =
            (decoded(Format::Classic, place, &payload), decoded(Format::Classic, place, &bytes));
        assert_eq!(ours.body, theirs.body);
        assert_eq!(ours.from.as_deref(), Some("emitter"));
    }
}

/// The next message and its channel.
fn delivered(heard: &Played) -> (String, Vec<u8>) {
    loop {
        if let Told::Delivered(channel, Payload::Bytes(bytes)) = heard.next() {
            return (channel, bytes.into_owned());
        }
    }
}

#[test]
fn the_sharded_adapter_gets_a_room_on_a_channel_of_its_own() {
    let server = server();
    let heard = listener(&server, Format::Sharded, &["socket.io#/#", "socket.io#/#r1#"]);
    let emitter = emitter(&server, Format::Sharded);
    emitter.to("r1").emit("room-msg", &1.5).unwrap();
    emitter.emit("all", &()).unwrap();
    emitter.flush().wait().unwrap();
    let room = r#"{"type":3,"data":{"packet":{"type":2,"data":["room-msg",1.5]},"opts":{"rooms":["r1"],"except":[],"flags":{}}},"uid":"emitter","nsp":"/"}"#;
    let all = r#"{"type":3,"data":{"packet":{"type":2,"data":["all"]},"opts":{"rooms":[],"except":[],"flags":{}}},"uid":"emitter","nsp":"/"}"#;
    // Redis keeps the order of one channel.
    let mut found = [heard.delivered(), heard.delivered()];
    found.sort();
    let expected = [("socket.io#/#", all), ("socket.io#/#r1#", room)];
    assert_eq!(found, expected.map(|(channel, text)| (channel.to_owned(), text.to_owned())));
}

#[test]
fn the_streams_adapter_finds_entries_of_the_emitter() {
    let server = server();
    let heard = Played::drive(redis(&server), Format::Streams);
    heard.connected();
    let stream = Subscription::Stream("socket.io".into());
    heard.tell([Command::Subscribe(stream.clone())]);
    while heard.next() != Told::Subscribed(stream.clone()) {}
    let emitter = emitter(&server, Format::Streams);
    emitter.to("r1").emit("room-msg", &1).unwrap();
    emitter.flush().wait().unwrap();
    let entry = loop {
        if let Told::Delivered(_, Payload::Entry(entry)) = heard.next() {
            break entry;
        }
    };
    let text = |text: &'static str| Cow::Borrowed(text.as_bytes());
    let data = r#"{"packet":{"type":2,"data":["room-msg",1]},"opts":{"rooms":["r1"],"except":[],"flags":{}}}"#;
    let expected = Entry {
        id: entry.id,
        uid: text("emitter"),
        nsp: text("/"),
        kind: text("3"),
        data: text(data),
    };
    assert_eq!(entry, expected);
}

#[test]
fn our_own_servers_read_a_broadcast_of_nobody() {
    let server = server();
    let heard = listener(&server, Format::Native, &["sansocket:n:/"]);
    let emitter = emitter(&server, Format::Native);
    emitter.to("r1").emit("news", &1).unwrap();
    emitter.flush().wait().unwrap();
    let place = Place { namespace: "/", lane: Lane::Everyone };
    let message = decoded(Format::Native, place, &delivered(&heard).1);
    assert_eq!((message.from, message.sequence), (None, None));
    let Body::Broadcast { event, .. } = message.body else { panic!("{:?}", message.body) };
    assert_eq!((event.name(), event.json()), ("news", "[1]"));
}

#[test]
fn a_server_that_restarts_gets_what_waited() {
    let mut server = server();
    let emitter = emitter(&server, Format::Python);
    emitter.emit("before", &()).unwrap();
    emitter.flush().wait().unwrap();
    server.kill();
    while emitter.counts().connected {
        std::thread::yield_now();
    }
    server.restart();
    let heard = listener(&server, Format::Python, &["socketio"]);
    let sent = std::iter::repeat_with(|| {
        emitter.emit("after", &()).unwrap();
        emitter.flush().wait()
    });
    assert!(sent.take(3).any(|outcome| outcome.is_ok()));
    assert!(heard.delivered().1.contains("after"));
}
