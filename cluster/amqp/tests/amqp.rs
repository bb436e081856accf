//! A real RabbitMQ between two ends. It takes long to start, so that one serves several tests.

use brokers::{Broker, Played, Told, free_port};
use bytes::Bytes;
use sansocket::cluster::bus::{Body, BusLimits, Codec, Flags, Message, Names, Payload, To};
use sansocket::{Args, EventMessage};
use sansocket_amqp::Amqp;
use sansocket_bus::{Command, Format, Subscription};
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const CHANNEL: &str = "sansocket:n:/";

fn connect(server: &Broker, format: Format) -> Arc<Played> {
    let url = format!("amqp://127.0.0.1:{}", server.port());
    let end = Played::drive(Amqp::new(&url).unwrap(), format);
    assert_eq!(end.connected(), Some(16 * 1024 * 1024));
    end
}

#[test]
fn rabbitmq_carries_messages_and_outages_are_survived() {
    let mut server = Broker::rabbitmq();
    messages_arrive_in_order_at_all_subscribers(&server);
    channels_of_python_are_fanout_exchanges(&server);
    what_nobody_hears_is_confirmed_and_a_ping_is_answered(&server);
    an_unsubscribed_channel_is_silent(&server);
    a_message_of_many_frames_arrives(&server);
    closing_waits_for_what_was_published(&server);
    a_wrong_password_and_a_missing_server_are_told(&server);
    a_message_too_large_for_the_server_is_told(&server);
    a_frozen_server_is_given_up(&server);
    servers_of_python_are_understood(&server);
    a_restarted_server_is_connected_to_again(&mut server);
}

fn messages_arrive_in_order_at_all_subscribers(server: &Broker) {
    let long = format!("sansocket:n:/{}", "é".repeat(200));
    let ends = [connect(server, Format::Native), connect(server, Format::Native)];
    for end in &ends {
        end.subscribe(&[CHANNEL, &long, "sansocket:n:/a.b *#:é"]);
    }
    let texts: Vec<_> = (0..1000).map(|number| number.to_string()).collect();
    ends[0].publish(CHANNEL, texts.clone());
    ends[0].publish(&long, ["long"]);
    // The same key once it is cut, and a channel that nobody subscribed to.
    ends[0].publish(&format!("{long}/more"), ["unheard"]);
    ends[0].publish("sansocket:n:/a.b *#:é", ["odd"]);
    for end in &ends {
        for text in &texts {
            assert_eq!(end.delivered(), (CHANNEL.into(), text.clone()));
        }
        assert_eq!(end.delivered(), (long.clone(), "long".into()));
        assert_eq!(end.delivered(), ("sansocket:n:/a.b *#:é".into(), "odd".into()));
    }
}

fn channels_of_python_are_fanout_exchanges(server: &Broker) {
    let ends = [connect(server, Format::Python), connect(server, Format::Python)];
    for end in &ends {
        end.subscribe(&["socketio"]);
    }
    ends[1].publish("socketio", ["{}"]);
    for end in &ends {
        assert_eq!(end.delivered(), ("socketio".into(), "{}".into()));
    }
}

fn what_nobody_hears_is_confirmed_and_a_ping_is_answered(server: &Broker) {
    let end = connect(server, Format::Native);
    end.publish("sansocket:i:0", ["1", "2", "3"]);
    end.published(3);
    end.tell([Command::Ping]);
    assert_eq!(end.next(), Told::Pong);
}

fn an_unsubscribed_channel_is_silent(server: &Broker) {
    let end = connect(server, Format::Native);
    end.subscribe(&[CHANNEL, "sansocket:n:/b"]);
    end.tell([Command::Unsubscribe(Subscription::Exact(CHANNEL.into()))]);
    end.publish(CHANNEL, ["unheard"]);
    end.publish("sansocket:n:/b", ["heard"]);
    assert_eq!(end.delivered(), ("sansocket:n:/b".into(), "heard".into()));
}

fn a_message_of_many_frames_arrives(server: &Broker) {
    let end = connect(server, Format::Native);
    end.subscribe(&[CHANNEL]);
    let text = "0123456789".repeat(500_000);
    end.publish(CHANNEL, [text.clone()]);
    assert!(end.delivered().1 == text);
}

fn closing_waits_for_what_was_published(server: &Broker) {
    let ends = [connect(server, Format::Native), connect(server, Format::Native)];
    ends[0].subscribe(&[CHANNEL]);
    let texts: Vec<_> = (0..2000).map(|number| number.to_string()).collect();
    ends[1].publish(CHANNEL, texts.clone());
    ends[1].close();
    ends[1].ended();
    for text in texts {
        assert_eq!(ends[0].delivered().1, text);
    }
}

fn a_wrong_password_and_a_missing_server_are_told(server: &Broker) {
    let lost = |url: &str| {
        let end = Played::drive(Amqp::new(url).unwrap(), Format::Native);
        let Told::Lost(why) = end.next() else { panic!("connected") };
        end.close();
        why
    };
    let why = lost(&format!("amqp://guest:wrong@127.0.0.1:{}", server.port()));
    assert!(why.contains("ACCESS_REFUSED"), "{why}");
    let why = lost(&format!("amqp://127.0.0.1:{}", free_port()));
    assert!(why.contains("refused"), "{why}");
}

fn a_message_too_large_for_the_server_is_told(server: &Broker) {
    let url = format!("amqp://127.0.0.1:{}", server.port());
    let amqp = Amqp::new(&url).unwrap().largest(usize::MAX);
    let end = Played::drive(amqp, Format::Native);
    assert_eq!(end.connected(), Some(usize::MAX));
    end.publish(CHANNEL, [vec![0; 128 * 1024 * 1024 + 1]]);
    let Told::Lost(why) = end.next() else { panic!("not lost") };
    assert!(why.contains("message size"), "{why}");
    end.connected();
}

fn servers_of_python_are_understood(server: &Broker) {
    let url = format!("amqp://guest:guest@127.0.0.1:{}//", server.port());
    let mut python =
        brokers::python("rabbitmq.py").arg(&url).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(python.stdout.take().unwrap()).lines();
    let end = connect(server, Format::Python);
    end.subscribe(&["socketio"]);
    let codec = Codec::new(Format::Python, BusLimits::default());
    let to = To { rooms: vec!["r1".into(), "r2".into()], except: Vec::new() };
    let sent = broadcast("/", to, "news", r#"["é",{"_":null}]"#, Vec::new());
    let Ok(Payload::Bytes(bytes)) = codec.encode(&sent) else { panic!("it is bytes") };

    // It says when it is there by what it hears.
    let told = thread::spawn(move || (lines.next().unwrap().unwrap(), lines));
    while !told.is_finished() {
        end.publish("socketio", [&bytes[..]]);
        thread::sleep(Duration::from_millis(100));
    }
    // Who would write to a pipe that nobody reads would end.
    let (heard, _lines) = told.join().unwrap();
    let heard: serde_json::Value = serde_json::from_str(&heard).unwrap();
    assert_eq!(heard, serde_json::from_slice::<serde_json::Value>(&bytes).unwrap());

    let names = Names::new(Format::Python, "socketio");
    let place = names.place("/", "socketio").unwrap();
    let mut came = Vec::new();
    while came.len() < 2 {
        let (_, text) = end.delivered();
        let message = codec.decode(place, &Payload::from(text.as_bytes())).unwrap();
        if message.from != sent.from {
            came.push(message.body);
        }
    }
    python.kill().unwrap();
    python.wait().unwrap();

    let readers = To { rooms: vec!["readers".into()], except: Vec::new() };
    let others = To { rooms: Vec::new(), except: vec!["sid".into()] };
    let binary = vec![Bytes::from_static(b"\0\xff")];
    let json = r#"[{"a": [1, {"_placeholder": true, "num": 0}]}]"#;
    let by_pika = broadcast("/chat", readers, "by-pika", json, binary);
    let by_kombu = broadcast("/", others, "by-kombu", r#"[["\u00e9"]]"#, Vec::new());
    assert_eq!(came, [by_pika.body, by_kombu.body]);
}

fn broadcast(namespace: &str, to: To, name: &str, json: &str, binary: Vec<Bytes>) -> Message {
    let args = Args::from_json(json, binary).unwrap();
    let event = EventMessage::from_args(name, args.as_ref());
    let (from, namespace) = (Some("0123456789abcdef0123456789abcdef".into()), namespace.into());
    let body = Body::Broadcast { to, event, flags: Flags::default(), ask: None };
    Message { from, namespace, sequence: None, body }
}

fn a_frozen_server_is_given_up(server: &Broker) {
    let before = threads();
    let (told, written) = (connect(server, Format::Native), connect(server, Format::Native));
    told.publish(CHANNEL, ["first"]);
    told.published(1);
    server.freeze();
    told.tell([Command::Ping]);
    told.publish(CHANNEL, ["into the void"; 10]);
    told.tell([Command::Disconnect]);
    let start = Instant::now();
    assert_eq!(told.next(), Told::Lost("the server does not answer".into()));
    assert!(start.elapsed() < Duration::from_secs(2));
    // What cannot be written is noticed without being told.
    written.publish(CHANNEL, (0..100).map(|_| vec![0; 500_000]));
    assert_eq!(written.next(), Told::Lost("the server does not answer".into()));
    server.thaw();
    told.connected();
    written.connected();
    for end in [told, written] {
        end.close();
        end.ended();
    }
    let patience = Instant::now() + Duration::from_secs(10);
    while threads() > before {
        assert!(Instant::now() < patience, "a thread stays");
        thread::sleep(Duration::from_millis(10));
    }
}

fn a_restarted_server_is_connected_to_again(server: &mut Broker) {
    let end = connect(server, Format::Native);
    end.subscribe(&[CHANNEL]);
    server.kill();
    assert!(matches!(end.next(), Told::Lost(_)));
    server.restart();
    end.connected();
    // Subscriptions are the node's: it asks for them anew.
    end.subscribe(&[CHANNEL]);
    end.publish(CHANNEL, ["once"]);
    assert_eq!(end.delivered().1, "once");
}

/// The threads that the library has for connections.
fn threads() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")));
    names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("lapin"))).count()
}
