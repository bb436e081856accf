//! WebSockets that reach another node than the one that has their session.

use crate::streams::cables::{Cables, Far};
use crate::streams::stage::{POLLING, Polling, Stage, Stream, sid};
use sansocket_app::bind::Outcome;
use sansocket_app::http::{self, HeaderValue};
use sansocket_app::{App, Bytes, Caller, Config, Reason, Socket};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use testbed::{UPGRADE, frame, request, upgrade};

/// Two nodes that know each other: `n1`, which has the sessions, and `n2`, where requests arrive.
struct Pair {
    owner: Stage,
    other: Stage,
    /// The streams from `n2` to `n1`.
    cables: Cables,
    /// Why sessions of `n1` ended.
    ends: Arc<Mutex<Vec<String>>>,
}

/// Where `n2` is for `n1`, and `n1` for `n2`.
const NODES: [&str; 2] = ["10.0.0.1:3000", "10.0.0.2:3000"];

impl Pair {
    fn new() -> Self {
        Self::with(|_| {})
    }

    fn with(set: impl Fn(&mut Config)) -> Self {
        let ends = Arc::<Mutex<Vec<String>>>::default();
        let (cables, unused) = (Cables::default(), Cables::default());
        let app = |n: usize| {
            let mut config = Config::default();
            config.node = Some(format!("n{}", n + 1).parse().unwrap());
            set(&mut config);
            let mut app = App::with_config(config);
            let other = (format!("n{}", 2 - n).parse().unwrap(), NODES[1 - n].parse().unwrap());
            app.nodes([other, ("n3".parse().unwrap(), "10.0.0.3:3000".parse().unwrap())]);
            app.on("echo", |text: String| text);
            app.headers(|_, caller: Caller, fields| {
                let peer = caller.peer.map_or_else(String::new, |peer| peer.ip().to_string());
                fields.insert("x-seen", HeaderValue::from_str(&peer).unwrap());
            });
            let ends = ends.clone();
            app.on_disconnect(move |_: Socket, reason: Reason| {
                ends.lock().unwrap().push(reason.as_str().to_owned());
            });
            app
        };
        let (owner, other) = (Stage::among(app(0), &unused), Stage::among(app(1), &cables));
        Self { owner, other, cables, ends }
    }

    /// A client of a session on `n1` that asked `n2` for a WebSocket, and the stream that this opened.
    fn asked(&self) -> (Polling, Stream, Far) {
        let session = self.owner.polling();
        let mut client = self.other.stream_from(Some("1.2.3.4:5".parse().unwrap()));
        client.put(upgrade(&target(&session.sid)));
        self.other.run();
        let far = self.cables.next().expect("a stream was opened");
        (session, client, far)
    }

    /// The same, with the stream connected to `n1` and the WebSocket opened.
    fn open(&self) -> (Polling, Tunnel) {
        let (session, client, far) = self.asked();
        let end = self.owner.stream_from(Some(NODES[1].parse().unwrap()));
        let mut tunnel = Tunnel { client, far, end };
        let answer = tunnel.relay(self);
        assert!(answer.starts_with("HTTP/1.1 101 "), "{answer}");
        (session, tunnel)
    }
}

/// A client, a stream between two nodes, and what `n1` has of it.
struct Tunnel {
    client: Stream,
    far: Far,
    end: Stream,
}

impl Tunnel {
    /// Carries what waits, and returns what the client got.
    fn relay(&mut self, pair: &Pair) -> String {
        String::from_utf8_lossy(&self.relay_bytes(pair)).into_owned()
    }

    fn relay_bytes(&mut self, pair: &Pair) -> Vec<u8> {
        let mut got = Vec::new();
        for _ in 0..20 {
            pair.other.run();
            let heard = self.far.hear();
            self.end.put(heard);
            pair.owner.run();
            let back = self.end.take_bytes();
            self.far.say(back);
            pair.other.run();
            got.extend(self.client.take_bytes());
        }
        got
    }

    fn send(&mut self, pair: &Pair, text: &str) -> String {
        self.client.put(frame(0x81, text.as_bytes()));
        self.relay(pair)
    }
}

fn target(sid: &str) -> String {
    format!("/socket.io/?EIO=4&transport=websocket&sid={sid}")
}

/// A `101` that proves the key of [`UPGRADE`].
const ACCEPTED: &str = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
    Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n";

#[test]
fn an_upgrade_reaches_the_node_that_has_the_session() {
    let pair = Pair::new();
    let (_session, mut tunnel) = pair.open();
    assert!(tunnel.send(&pair, "2probe").ends_with("3probe"));
    assert!(tunnel.send(&pair, "5").is_empty());
    for n in 0..50 {
        let answer = tunnel.send(&pair, &format!(r#"42{n}["echo","{n}"]"#));
        assert!(answer.ends_with(&format!(r#"43{n}["{n}"]"#)), "{answer}");
    }
    pair.owner.io.emit("news", &1).unwrap();
    assert!(tunnel.relay(&pair).ends_with(r#"42["news",1]"#));
    let text = "x".repeat(300_000);
    let answer = tunnel.send(&pair, &format!(r#"420["echo","{text}"]"#));
    assert!(answer.ends_with(&format!(r#"430["{text}"]"#)));
    assert!(pair.ends.lock().unwrap().is_empty());
}

#[test]
fn the_owner_sees_the_client_and_not_the_node_between() {
    let pair = Pair::new();
    let (_session, mut client, far) = pair.asked();
    assert_eq!(far.address, NODES[0].parse::<SocketAddr>().unwrap());
    let head = far.hear_text();
    assert!(head.contains("x-forwarded-for: 1.2.3.4\r\n"), "{head}");
    assert!(head.contains("sansocket-forwarded-by: n2\r\n"), "{head}");
    let seen = |from: &str| {
        let mut end = pair.owner.stream_from(Some(from.parse().unwrap()));
        let answer = end.say(head.clone());
        let seen = answer.split("x-seen: ").nth(1).unwrap().split("\r\n").next().unwrap();
        seen.to_owned()
    };
    assert_eq!(seen("9.9.9.9:1"), "9.9.9.9", "nobody but a node is believed");
    assert_eq!(seen(NODES[1]), "1.2.3.4");
    assert!(client.take().is_empty());
}

#[test]
fn what_a_client_sends_before_the_answer_is_passed_on_after_it() {
    let pair = Pair::new();
    let (_session, mut client, far) = pair.asked();
    far.hear();
    client.put("early");
    pair.other.run();
    assert_eq!(far.hear_text(), "");
    far.say(format!("{ACCEPTED}\r\nlate"));
    pair.other.run();
    assert!(client.take().ends_with("\r\n\r\nlate"));
    pair.other.run();
    assert_eq!(far.hear_text(), "early");
}

#[test]
fn both_ends_of_a_tunnel_end_together() {
    let pair = Pair::new();
    let (_session, mut tunnel) = pair.open();
    tunnel.client.put("last");
    tunnel.client.end();
    assert!(!tunnel.client.is_open());
    let Tunnel { client, far, .. } = tunnel;
    drop(client);
    pair.other.run();
    assert_eq!((far.hear_text().as_str(), far.is_left()), ("last", true));

    let (_session, mut tunnel) = pair.open();
    tunnel.far.say("last");
    tunnel.far.end();
    pair.other.run();
    assert_eq!(tunnel.client.take(), "last");
    assert!(!tunnel.client.is_open());
}

#[test]
fn a_client_that_leaves_before_the_answer_is_missed() {
    let pair = Pair::new();
    let (_session, client, far) = pair.asked();
    drop(client);
    pair.other.run();
    assert!(far.is_left());
}

#[test]
fn a_slow_end_holds_the_other_up_and_nothing_is_lost() {
    let pair = Pair::new();
    let (_session, mut client, far) = pair.asked();
    far.hear();
    far.say(format!("{ACCEPTED}\r\n"));
    pair.other.run();
    client.take();
    let bytes: Vec<u8> = (0..4_000_000_u32).map(|n| (n % 251) as u8).collect();

    // The node takes nothing.
    far.take_only(Some(0));
    client.put(bytes.clone());
    pair.other.run();
    assert!(!client.is_read(), "it is read no further");
    far.take_only(None);
    let mut got = Vec::new();
    for _ in 0..1000 {
        pair.other.run();
        client.take();
        got.extend(far.hear());
    }
    assert!(got == bytes, "{} of {}", got.len(), bytes.len());

    // The client takes nothing.
    client.take_only(0);
    far.say(&bytes);
    pair.other.run();
    client.take();
    client.take_only(usize::MAX);
    let mut got = Vec::new();
    for _ in 0..1000 {
        pair.other.run();
        got.extend(client.take_bytes());
    }
    assert!(got == bytes, "{} of {}", got.len(), bytes.len());
}

#[test]
fn f08_a_node_that_does_not_answer_is_given_up() {
    let pair = Pair::new();
    let (_session, mut client, far) = pair.asked();
    pair.other.pass(14);
    assert!(client.take().is_empty());
    pair.other.pass(2);
    let answer = client.take();
    assert!(answer.starts_with("HTTP/1.1 502 "), "{answer}");
    assert!(far.is_left());
    assert!(sid(&client.ask("GET", POLLING, "", "")).starts_with("n2."), "the stream goes on");
}

#[test]
fn f08_a_node_that_answers_garbage_is_given_up() {
    let pair = Pair::new();
    let proof = "Sec-WebSocket-Accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n";
    for garbage in [
        "garbage\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\n\r\n",
        &format!(
            "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n{proof}\r\n"
        ),
        "HTTP/1.1 200 OK\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 99999999999\r\n\r\n",
        "",
    ] {
        let (_session, mut client, far) = pair.asked();
        far.say(garbage);
        far.end();
        pair.other.run();
        let answer = client.take();
        assert!(answer.starts_with("HTTP/1.1 502 "), "{garbage:?}: {answer}");
        assert!(far.is_left(), "{garbage:?}");
    }
}

#[test]
fn an_answer_that_refuses_is_passed_on() {
    let pair = Pair::new();
    let (_session, mut client, far) = pair.asked();
    far.say("HTTP/1.1 400 Bad Request\r\nX-A: b\r\nContent-Length: 2\r\n\r\nno");
    pair.other.run();
    let answer = client.take();
    assert!(answer.starts_with("HTTP/1.1 400 ") && answer.ends_with("\r\n\r\nno"), "{answer}");
    assert!(answer.contains("x-a: b\r\n") && client.is_open());
    assert!(far.is_left());
}

#[test]
fn f08_header_fields_break_no_head_apart() {
    let pair = Pair::new();
    let session = pair.owner.polling();
    let mut client = pair.other.stream();
    let fields = UPGRADE.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
    let fields = format!("{fields}X-A: 1\rGET /evil HTTP/1.1\r\n");
    let answer = client.ask("GET", &target(&session.sid), &fields, "");
    pair.other.run();
    match pair.cables.next() {
        None => assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}"),
        Some(far) => assert_eq!(far.hear_text().matches("\r\n\r\n").count(), 1),
    }
    let (_session, mut client, far) = pair.asked();
    far.say(format!("{ACCEPTED}X-A: 1\r\nX-B: 2\r\n\r\n"));
    pair.other.run();
    let answer = client.take();
    assert_eq!(answer.matches("\r\n\r\n").count(), 1, "{answer}");
    assert_eq!(answer.matches("upgrade: websocket").count(), 1, "{answer}");
    assert_eq!(answer.to_lowercase().matches("connection:").count(), 1, "{answer}");
}

#[test]
fn f08_a_request_for_a_websocket_is_forwarded_once_and_only_to_nodes_that_are_known() {
    let pair = Pair::new();
    let session = pair.owner.polling();
    let ask = |sid: &str, fields: &str| {
        let mut client = pair.other.stream();
        let upgrade = UPGRADE.map(|(name, value)| format!("{name}: {value}\r\n")).concat();
        client.put(request("GET", &target(sid), &format!("{upgrade}{fields}"), ""));
        pair.other.run();
        (client.take(), pair.cables.next().is_some())
    };
    let (answer, forwarded) = ask(&session.sid, "Sansocket-Forwarded-By: n7\r\n");
    assert!(answer.starts_with("HTTP/1.1 400 ") && !forwarded, "{answer}");
    for sid in ["n5.AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "n2.AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "10.0.0.1:80"]
    {
        let (answer, forwarded) = ask(sid, "");
        assert!(answer.starts_with("HTTP/1.1 400 ") && !forwarded, "{sid}: {answer}");
    }
    assert!(ask("n3.AAAAAAAAAAAAAAAAAAAAAAAAAAAA", "").1);
}

#[test]
fn f08_a_node_that_falls_silent_does_not_keep_a_tunnel() {
    let pair = Pair::new();
    let (_session, mut client, far) = pair.asked();
    far.say(format!("{ACCEPTED}\r\n"));
    pair.other.run();
    client.take();
    for _ in 0..6 {
        pair.other.pass(25);
        far.say("ping");
        pair.other.run();
        assert_eq!(client.take(), "ping");
    }
    // From 45 s on, and within twice that.
    pair.other.pass(19);
    assert!(client.is_open());
    pair.other.pass(72);
    assert!(!client.is_open() && far.is_left());
}

#[test]
fn f08_a_client_that_takes_nothing_does_not_keep_a_tunnel() {
    let pair = Pair::new();
    let (_session, mut client, far) = pair.asked();
    far.say(format!("{ACCEPTED}\r\n"));
    pair.other.run();
    client.take();
    client.take_only(0);
    far.say(vec![b'x'; 100_000]);
    for _ in 0..120 {
        pair.other.pass(1);
        client.take();
    }
    assert!(!client.is_open());
    drop(client);
    pair.other.run();
    assert!(far.is_left());
}

#[test]
fn f08_there_are_no_more_tunnels_than_there_may_be_sessions() {
    let pair = Pair::with(|config| config.limits.sessions = 2);
    let mut held = vec![pair.asked(), pair.asked()];
    let ask = |client: &mut Stream| {
        client.put(upgrade(&target("n1.AAAAAAAAAAAAAAAAAAAAAAAAAAAA")));
        pair.other.run();
        client.take()
    };
    let mut late = pair.other.stream();
    let answer = ask(&mut late);
    assert!(answer.starts_with("HTTP/1.1 503 "), "{answer}");
    held.pop();
    pair.other.run();
    assert_eq!(ask(&mut late), "");
    assert!(pair.cables.next().is_some());
}

#[test]
fn tunnels_end_with_the_server() {
    let pair = Pair::new();
    let (_session, mut tunnel) = pair.open();
    pair.other.hub.stop(std::time::Duration::from_secs(60));
    assert!(!tunnel.client.is_open());
    drop(tunnel.client);
    pair.other.run();
    assert!(tunnel.far.is_left());
}

/// The head of a request for the session of `sid`, as a host has it.
fn head(method: &str, sid: &str, fields: &[(&str, &str)]) -> http::request::Parts {
    let transport = if fields.is_empty() { "polling" } else { "websocket" };
    let target = format!("/socket.io/?EIO=4&transport={transport}&sid={sid}");
    let mut request = http::Request::builder().method(method).uri(target).header("host", "a");
    for (name, value) in fields {
        request = request.header(*name, *value);
    }
    request.body(()).unwrap().into_parts().0
}

#[test]
fn a_host_forwards_as_a_listener_does() {
    let pair = Pair::new();
    let session = pair.owner.polling();
    let context = &mut Context::from_waker(Waker::noop());
    let Outcome::Forward(forwarded) =
        pair.other.hub.handle_head(head("POST", &session.sid, &[]), Caller::default())
    else {
        panic!("it is forwarded")
    };
    assert_eq!(forwarded.bounds().map(|(limit, _)| limit), Some(1_000_000));
    let mut answer = forwarded.ask(Bytes::from_static(b"42[\"x\"]"));
    assert!(answer.as_mut().poll(context).is_pending());
    let far = pair.cables.next().unwrap();
    let asked = far.hear_text();
    assert!(asked.starts_with("POST ") && asked.ends_with("\r\n\r\n42[\"x\"]"), "{asked}");
    far.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    let Poll::Ready(answer) = answer.as_mut().poll(context) else { panic!("it is answered") };
    assert_eq!((&answer.response.body[..], answer.connection.is_none()), (&b"ok"[..], true));

    let Outcome::Forward(forwarded) =
        pair.other.hub.handle_head(head("GET", &session.sid, &UPGRADE), Caller::default())
    else {
        panic!("it is forwarded")
    };
    assert!(forwarded.bounds().is_none());
    let mut answer = forwarded.ask(Bytes::new());
    assert!(answer.as_mut().poll(context).is_pending());
    pair.other.run();
    let far = pair.cables.next().unwrap();
    far.say(format!("{ACCEPTED}\r\nbytes"));
    pair.other.run();
    let Poll::Ready(answer) = answer.as_mut().poll(context) else { panic!("it is answered") };
    assert_eq!(answer.response.status, 101);
    let mut connection = answer.connection.unwrap();
    let mut slices = [std::io::IoSlice::new(&[])];
    assert_eq!(connection.poll_write(&mut slices), 1);
    assert_eq!(&*slices[0], b"bytes");
    pair.other.hub.stop(std::time::Duration::from_secs(60));
    connection.poll_write(&mut []);
    assert!(connection.is_finished());
}

#[test]
fn f08_streams_to_a_node_that_is_gone_are_not_kept() {
    let pair = Pair::new();
    let context = &mut Context::from_waker(Waker::noop());
    let mut post = |node: &str, far: Option<Far>| {
        let sid = format!("{node}.AAAAAAAAAAAAAAAAAAAAAAAAAAAA");
        let Outcome::Forward(forwarded) =
            pair.other.hub.handle_head(head("POST", &sid, &[]), Caller::default())
        else {
            panic!("it is forwarded")
        };
        let mut answer = forwarded.ask(Bytes::from_static(b"2"));
        assert!(answer.as_mut().poll(context).is_pending());
        let far = far.or_else(|| pair.cables.next()).expect("it is kept, or opened");
        far.say("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        assert!(answer.as_mut().poll(context).is_ready());
        far
    };
    let gone = post("n1", None);
    gone.end();
    let mut there = post("n3", None);
    for _ in 0..3 {
        assert!(!gone.is_left());
        pair.other.pass(2);
        there = post("n3", Some(there));
    }
    assert!(gone.is_left() && !there.is_left());
}
