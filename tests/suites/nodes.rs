//! Nodes that forward requests to the one that has the session.

use sansocket_app::http::HeaderValue;
use sansocket_app::{App, Config, Io, Listener, Reason};
use std::io::Write as _;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Instant;
use testbed::{Answer, request};

use crate::channel::Channel;
use crate::client::{Client, PATIENCE};
use crate::serve::{Serve, listener, port};

/// Two nodes that know each other, `n1` and `n2`.
struct Pair {
    ios: [Io; 2],
    addresses: [SocketAddr; 2],
    /// The names of nodes that lost a client.
    lost: Receiver<&'static str>,
}

const NAMES: [&str; 2] = ["n1", "n2"];

impl Pair {
    /// Starts the nodes; `more` is the address of a third, `n3`.
    fn start(serve: Serve, more: SocketAddr) -> Self {
        let (gone, lost) = mpsc::channel();
        let listeners = [listener(), listener()];
        let addresses = [port(&listeners[0]), port(&listeners[1])];
        let others = |n: usize| [(NAMES[1 - n], addresses[1 - n]), ("n3", more)];
        let [first, second] = listeners;
        let node = |n: usize, listener: Listener| {
            let mut config = Config::default();
            config.node = Some(NAMES[n].parse().unwrap());
            // The second is behind a proxy.
            config.trust_forwarded = n == 1;
            config.limits.max_payload = 100_000;
            let mut app = App::with_config(config);
            app.nodes(others(n).map(|(name, address)| (name.parse().unwrap(), address)));
            app.on("which", move || NAMES[n]);
            app.on("echo", |text: String| text);
            app.headers(|_, caller, fields| {
                let peer = caller.peer.map_or_else(String::new, |peer| peer.ip().to_string());
                fields.insert("x-seen", HeaderValue::from_str(&peer).unwrap());
            });
            let gone = gone.clone();
            app.on_disconnect(move |_: Reason| {
                let _ = gone.send(NAMES[n]);
            });
            serve(app, vec![listener]).0
        };
        let ios = [node(0, first), node(1, second)];
        Self { ios, addresses, lost }
    }

    /// A client of a session on the first node, whose requests go to the second.
    fn astray(&self) -> Client {
        let direct = Client::connect(self.addresses[0]);
        assert!(direct.sid.starts_with("n1."));
        let mut client = Client::on(connect(self.addresses[1]));
        client.sid = direct.sid;
        client
    }

    /// Waits until a node holds a poll: none of its clients has another link.
    fn await_poll(&self, node: usize) {
        let patience = Instant::now() + PATIENCE;
        while self.ios[node].counts().iter().all(|shard| shard.links == 0) {
            assert!(Instant::now() < patience, "no poll is held");
            thread::yield_now();
        }
    }
}

/// Polls and POSTs on any connection are answered by the node that has the session, compressed or not.
pub fn requests_reach_the_node_that_has_the_session(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    let mut client = pair.astray();
    for n in 0..20 {
        client.post(&format!(r#"42{n}["which"]"#));
        assert_eq!(client.poll(), format!(r#"43{n}["n1"]"#));
    }
    client.send("GET", &target(&client), "");
    pair.await_poll(0);
    pair.ios[0].emit("news", &1).unwrap();
    assert_eq!(client.response(), (200, r#"42["news",1]"#.into()));
    let text = "x".repeat(90_000);
    client.post(&format!(r#"420["echo","{text}"]"#));
    assert_eq!(client.poll(), format!(r#"430["{text}"]"#));
    // Its own session is on the same connection, too.
    client.sid = Client::connect(pair.addresses[1]).sid;
    client.post(r#"421["which"]"#);
    assert_eq!(client.poll(), r#"431["n2"]"#);
}

/// F8: a body that is too large is refused where it arrives.
pub fn f08_bodies_of_forwarded_requests_are_bounded(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    let mut client = pair.astray();
    assert_eq!(client.request("POST", &"4".repeat(100_001)).0, 413);
}

/// The node that has the session notices that the client of another one is gone.
pub fn a_client_that_leaves_another_node_is_missed(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    let mut client = pair.astray();
    client.send("GET", &target(&client), "");
    pair.await_poll(0);
    drop(client);
    assert_eq!(pair.lost.recv_timeout(PATIENCE), Ok("n1"));
}

/// F8: a request is forwarded once: nodes that each take another for the owner do not send it in circles.
pub fn f08_a_request_is_forwarded_once(serve: Serve) {
    let (circle, first) = (listener(), listener());
    let pair = Pair::start(serve, port(&circle));
    let mut config = Config::default();
    config.node = Some("n4".parse().unwrap());
    let mut app = App::with_config(config);
    app.nodes([("n3".parse().unwrap(), pair.addresses[0])]);
    let (_io, _serving) = serve(app, vec![circle, first]);
    let mut client = Client::on(connect(pair.addresses[0]));
    client.sid = "n3.AAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    let (status, body) = client.request("GET", "");
    assert_eq!((status, body.as_str()), (400, r#"{"code":1,"message":"Session ID unknown"}"#));
    // Whoever says that a request was forwarded.
    let astray = pair.astray();
    let mut stream = connect(pair.addresses[1]);
    let marked = request("GET", &target(&astray), "Sansocket-Forwarded-By: n9\r\n", "");
    assert_eq!(answer(&mut stream, &marked).status, 400);
}

/// A node that cannot be reached is told as a bad gateway, and a session that it lost as unknown.
pub fn a_node_that_is_away_is_told(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    let mut client = Client::on(connect(pair.addresses[0]));
    client.sid = "n3.AAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    assert_eq!(client.request("GET", "").0, 502);
    client.sid = "n2.AAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    assert_eq!(client.request("GET", "").0, 400);
    client.sid = "n5.AAAAAAAAAAAAAAAAAAAAAAAAAAAA".into();
    assert_eq!(client.request("GET", "").0, 400);
}

/// F8: the node that has the session sees the client, and not the node between.
pub fn f08_a_forwarded_request_names_its_client(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    let client = pair.astray();
    let fields = "X-Forwarded-For: 9.9.9.9, 8.8.8.8\r\nAccept-Encoding: gzip\r\n";
    let empty = request("POST", &target(&client), fields, "3");
    let seen = |stream: &mut TcpStream| {
        let answer = answer(stream, &empty);
        (answer.status, answer.header("x-seen").map(str::to_owned))
    };
    // The first believes the second, which believes its proxy, and no proxy of its own.
    assert_eq!(seen(&mut connect(pair.addresses[1])), (200, Some("8.8.8.8".into())));
    assert_eq!(seen(&mut connect(pair.addresses[0])), (200, Some("127.0.0.1".into())));
}

fn target(client: &Client) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={}", client.sid)
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn answer(stream: &mut TcpStream, request: &str) -> Answer {
    stream.write_all(request.as_bytes()).unwrap();
    Answer::read(stream, &mut Vec::new()).unwrap()
}

/// An address where nobody listens.
fn nobody() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap()
}

/// An upgrade on any node leads to the one that has the session, and the WebSocket works as any other does.
pub fn websockets_reach_the_node_that_has_the_session(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    for (there, here) in [(0, 1), (1, 0)] {
        let direct = Client::connect(pair.addresses[there]);
        let mut channel = Channel::upgrade(pair.addresses[here], &direct.sid).unwrap();
        channel.send(r#"421["which"]"#).unwrap();
        assert_eq!(channel.recv().unwrap(), format!(r#"431["{}"]"#, NAMES[there]));
        for n in 0..300 {
            channel.send(&format!(r#"42{n}["echo","{n}"]"#)).unwrap();
        }
        for n in 0..300 {
            assert_eq!(channel.recv().unwrap(), format!(r#"43{n}["{n}"]"#));
        }
        let text = "x".repeat(90_000);
        for _ in 0..20 {
            channel.send(&format!(r#"420["echo","{text}"]"#)).unwrap();
            assert_eq!(channel.recv().unwrap(), format!(r#"430["{text}"]"#));
        }
        pair.ios[there].emit("news", &1).unwrap();
        assert_eq!(channel.recv().unwrap(), r#"42["news",1]"#);
        drop(channel);
        assert_eq!(pair.lost.recv_timeout(PATIENCE), Ok(NAMES[there]), "its end is noticed");
    }
}

/// A client that reads nothing of what comes through another node is held up alone, and ends.
pub fn a_websocket_through_another_node_holds_nobody_up(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    let [slow, quick] = [(); 2].map(|()| {
        let direct = Client::connect(pair.addresses[0]);
        Channel::upgrade(pair.addresses[1], &direct.sid).unwrap()
    });
    let mut quick = quick;
    let text = "x".repeat(50_000);
    for n in 0..200 {
        pair.ios[0].emit("news", &text).unwrap();
        assert_eq!(quick.recv().unwrap(), format!(r#"42["news","{text}"]"#), "{n}");
    }
    drop(slow);
    assert_eq!(pair.lost.recv_timeout(PATIENCE), Ok("n1"));
    quick.send(r#"421["which"]"#).unwrap();
    assert_eq!(quick.recv().unwrap(), r#"431["n1"]"#);
}

/// The WebSockets that pass through a node end with it, at once.
pub fn a_node_that_stops_ends_what_passes_through_it(serve: Serve) {
    let pair = Pair::start(serve, nobody());
    let direct = Client::connect(pair.addresses[0]);
    let mut channel = Channel::upgrade(pair.addresses[1], &direct.sid).unwrap();
    // The upgrade is complete: without it, the session would go on by polling.
    channel.send(r#"421["which"]"#).unwrap();
    assert_eq!(channel.recv().unwrap(), r#"431["n1"]"#);
    pair.ios[1].stop();
    assert!(channel.recv().is_err());
    assert_eq!(pair.lost.recv_timeout(PATIENCE), Ok("n1"));
}
