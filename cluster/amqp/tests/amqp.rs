//! A real RabbitMQ between two ends. It takes long to start, so that one serves several tests.

use brokers::promises::{self, CHANNEL};
use brokers::{Broker, Certificates, Played, Told, free_port};
use bytes::Bytes;
use sansocket::cluster::bus::{Body, BusLimits, Codec, Flags, Message, Names, Payload, To};
use sansocket::{Args, EventMessage};
use sansocket_amqp::Amqp;
use sansocket_bus::{Command, Format};
use std::fs;
use std::io::{self, BufRead as _, BufReader};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

const SILENT: &str = "the server does not answer";

fn connect(server: &Broker, format: Format) -> Arc<Played> {
    let end = Played::drive(amqp(server, ""), format);
    assert_eq!(end.connected(), Some(16 * 1024 * 1024));
    end
}

fn amqp(server: &Broker, query: &str) -> Amqp {
    Amqp::new(&format!("amqp://127.0.0.1:{}{query}", server.port())).unwrap()
}

#[test]
fn rabbitmq_carries_messages_and_outages_are_survived() {
    let (certificates, secure) = (Certificates::make(), free_port());
    let mut server = Broker::rabbitmq(&tls(&certificates, secure));
    {
        let native = || connect(&server, Format::Native);
        let long = format!("sansocket:n:/{}", "é".repeat(200));
        promises::messages_arrive_in_order(&native, &[CHANNEL, &long, promises::ODD]);
        promises::the_channel_of_python_reaches_all(&|| connect(&server, Format::Python));
        promises::publishing_is_confirmed(&native);
        promises::an_unsubscribed_channel_is_silent(&native);
        promises::closing_waits(&native);
        a_key_that_is_cut_is_no_other_channel(&server, &long);
        a_message_of_many_frames_arrives(&server);
        a_wrong_password_and_a_missing_server_are_told(&server);
        a_message_too_large_for_the_server_is_told(&server);
        heartbeats_keep_an_idle_connection(&server);
        tls_trusts_an_authority_and_shows_a_certificate(&certificates, secure);
        a_connection_that_breaks_misses_nothing(&server);
        a_channel_that_is_given_up_during_an_outage_is_silent(&server);
        a_queue_that_is_in_use_is_replaced(&server);
        servers_of_python_are_understood(&server);
        frozen_servers_are_given_up_without_a_thread_left(&server);
    }
    let port = server.port();
    let again = || {
        let url = format!("amqp://127.0.0.1:{port}");
        let end = Played::drive(Amqp::new(&url).unwrap(), Format::Native);
        end.connected();
        end
    };
    promises::a_restarted_server_is_connected_to_again(&again, &mut server);
}

/// Lines of a configuration with TLS, by which clients have to show a certificate.
fn tls(certificates: &Certificates, port: u16) -> String {
    format!(
        "listeners.ssl.1 = 127.0.0.1:{port}
         ssl_options.cacertfile = {}
         ssl_options.certfile = {}
         ssl_options.keyfile = {}
         ssl_options.verify = verify_peer
         ssl_options.fail_if_no_peer_cert = true\n",
        certificates.file("authority.pem"),
        certificates.file("server.pem"),
        certificates.file("server.key"),
    )
}

fn lost(amqp: Amqp) -> String {
    let end = Played::drive(amqp, Format::Native);
    let Told::Lost(why) = end.next() else { panic!("connected") };
    end.close();
    why
}

fn tls_trusts_an_authority_and_shows_a_certificate(certificates: &Certificates, port: u16) {
    let secure = || Amqp::new(&format!("amqps://localhost:{port}")).unwrap();
    let trusting = || secure().root_certificates(certificates.authority.clone());
    let (chain, key) = certificates.client.clone();
    let end = Played::drive(trusting().client_certificate(chain, key), Format::Native);
    end.connected();
    end.subscribe(&[CHANNEL]);
    end.publish(CHANNEL, ["hidden"]);
    assert_eq!(end.delivered().1, "hidden");
    let why = lost(secure());
    assert!(why.contains("certificate"), "{why}");
    // A server tells of a missing certificate, or is gone.
    lost(trusting());
}

fn heartbeats_keep_an_idle_connection(server: &Broker) {
    let end = Played::drive(amqp(server, "?heartbeat=1"), Format::Native);
    end.connected();
    thread::sleep(Duration::from_secs(4));
    end.publish(CHANNEL, ["still here"]);
    end.published(1);
    end.close();
    end.ended();
}

fn a_connection_that_breaks_misses_nothing(server: &Broker) {
    let native = || connect(server, Format::Native);
    let part = |_: &Played, end: &Played| end.tell([Command::Disconnect]);
    promises::a_lost_connection_misses_nothing(&native, Duration::from_millis(100), part);
    let part = |other: &Played, _: &Played| {
        other.published(2000);
        server.rabbitmqctl(&["close_all_connections", "for a test"]);
        // What was begun when its connection broke would be lost.
        other.connected();
    };
    promises::a_lost_connection_misses_nothing(&native, Duration::from_secs(2), part);
}

fn a_channel_that_is_given_up_during_an_outage_is_silent(server: &Broker) {
    let given_up = "sansocket:n:/given-up";
    let [end, other] = [(); 2].map(|()| connect(server, Format::Native));
    end.subscribe(&[CHANNEL, given_up]);
    end.subscribe_again(&[CHANNEL]);
    end.tell([Command::Disconnect]);
    assert!(matches!(end.next(), Told::Lost(_)));
    other.publish(given_up, ["during the outage"]);
    other.published(1);
    end.connected();
    end.tell([Command::Ping]);
    loop {
        let told = end.next();
        assert!(!matches!(told, Told::Delivered(..)), "{told:?}");
        if told == Told::Pong {
            break;
        }
    }
    other.publish(given_up, ["after it"]);
    other.publish(CHANNEL, ["heard"]);
    assert_eq!(end.delivered(), (CHANNEL.into(), "heard".into()));
    let bindings = server.rabbitmqctl(&["list_bindings"]);
    assert!(bindings.contains("n:/") && !bindings.contains("given-up"), "{bindings}");
}

/// RabbitMQ may take a former connection for alive for minutes.
fn a_queue_that_is_in_use_is_replaced(server: &Broker) {
    let end = Played::drive(
        Amqp::new(&format!("amqp://127.0.0.1:{}", deaf(server.port()))).unwrap(),
        Format::Native,
    );
    end.connected();
    end.subscribe(&[CHANNEL]);
    end.tell([Command::Disconnect]);
    assert!(matches!(end.next(), Told::Lost(_)));
    let Told::Lost(why) = end.next() else { panic!("the queue is free") };
    assert!(why.contains("exclusive"), "{why}");
    end.connected();
    end.subscribe(&[CHANNEL]);
    connect(server, Format::Native).publish(CHANNEL, ["once"]);
    assert_eq!(end.delivered().1, "once");
    end.close();
    end.ended();
}

/// Returns a port behind which connections reach another one, which never hears of their end.
fn deaf(port: u16) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for near in listener.incoming() {
            let (mut near, mut far) =
                (near.unwrap(), TcpStream::connect(("127.0.0.1", port)).unwrap());
            let (mut back, mut forth) = (near.try_clone().unwrap(), far.try_clone().unwrap());
            thread::spawn(move || io::copy(&mut far, &mut back));
            thread::spawn(move || {
                // A connection that breaks is no fault here.
                let _ = io::copy(&mut near, &mut forth);
                loop {
                    thread::park();
                }
            });
        }
    });
    address.port()
}

fn a_key_that_is_cut_is_no_other_channel(server: &Broker, long: &str) {
    let end = connect(server, Format::Native);
    end.subscribe(&[long]);
    // The same key once it is cut, and a channel that nobody subscribed to.
    end.publish(&format!("{long}/more"), ["unheard"]);
    end.publish(long, ["heard"]);
    assert_eq!(end.delivered(), (long.into(), "heard".into()));
}

fn a_message_of_many_frames_arrives(server: &Broker) {
    let end = connect(server, Format::Native);
    end.subscribe(&[CHANNEL]);
    let text = "0123456789".repeat(500_000);
    end.publish(CHANNEL, [text.clone()]);
    assert!(end.delivered().1 == text);
}

fn a_wrong_password_and_a_missing_server_are_told(server: &Broker) {
    let url = format!("amqp://guest:wrong@127.0.0.1:{}", server.port());
    let why = lost(Amqp::new(&url).unwrap());
    assert!(why.contains("ACCESS_REFUSED") && !why.contains("wrong"), "{why}");
    let why = lost(Amqp::new(&format!("amqp://127.0.0.1:{}", free_port())).unwrap());
    assert!(why.contains("refused"), "{why}");
}

fn a_message_too_large_for_the_server_is_told(server: &Broker) {
    let end = Played::drive(amqp(server, "").largest(usize::MAX), Format::Native);
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

fn frozen_servers_are_given_up_without_a_thread_left(server: &Broker) {
    let native = || connect(server, Format::Native);
    let before = threads();
    promises::a_frozen_server_is_given_up_at_once(&native, server, SILENT);
    promises::a_server_that_reads_nothing_is_given_up(&native, server, SILENT);
    let patience = Instant::now() + Duration::from_secs(10);
    while threads() > before {
        assert!(Instant::now() < patience, "a thread stays");
        thread::sleep(Duration::from_millis(10));
    }
}

/// The threads that the library has for connections.
fn threads() -> usize {
    let threads = fs::read_dir("/proc/self/task").unwrap();
    let names = threads.map(|thread| fs::read_to_string(thread.unwrap().path().join("comm")));
    names.filter(|name| name.as_ref().is_ok_and(|name| name.starts_with("lapin"))).count()
}
