//! Requests as other clients write them, and the answers those clients rely on.

use sansocket_app::{App, Bytes, Config, Io, Origins};
use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::Instant;

use super::{Serve, start};
use crate::client::{Client, PATIENCE};
use testbed::{Answer, request, upgrade};

const PAGE: &str = "Origin: https://shop.example\r\n";

/// A server that pages of `https://shop.example` may use.
fn shop(serve: Serve) -> (Io, SocketAddr) {
    let mut config = Config::default();
    config.origins = Origins::List(vec!["https://shop.example".into()]);
    let mut app = App::with_config(config);
    app.on("size", |bytes: Bytes| bytes.len());
    app.allow_request(|request, _| match request.target.ends_with("&stranger") {
        true => Err("no"),
        false => Ok(()),
    });
    let (io, address, _serving) = start(serve, app);
    (io, address)
}

/// Sends a request on a connection of its own.
fn send(address: SocketAddr, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("the server listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
    stream.write_all(request.as_bytes()).expect("the server reads");
    stream
}

/// Waits for an answer.
fn answer(stream: TcpStream) -> Answer {
    Answer::read(stream, &mut Vec::new()).expect("the server answers")
}

fn target(client: &Client) -> String {
    format!("/socket.io/?EIO=4&transport=polling&sid={}", client.sid)
}

fn allowed(answer: &Answer) -> Option<&str> {
    answer.header("access-control-allow-origin")
}

/// Whichever answer a client reads first, that of its POST or that of its poll, it learns that the body
/// was too large, also in a browser.
pub fn a_body_too_large_is_refused_before_its_session_reads_as_closed(serve: Serve) {
    let (io, address) = shop(serve);
    let mut client = Client::connect(address);
    client.send("GET", &target(&client), "");
    let patience = Instant::now() + PATIENCE;
    while io.counts().iter().all(|shard| shard.links == 0) {
        assert!(Instant::now() < patience, "the poll is not held");
        thread::yield_now();
    }
    let body = "x".repeat(1_000_001);
    let refused = answer(send(address, &request("POST", &target(&client), PAGE, &body)));
    assert_eq!((refused.status, allowed(&refused)), (413, Some("https://shop.example")));
    let (status, body) = client.response();
    assert_eq!((status, body), (413, refused.body));
}

/// A client that polls and closes at once does so on two connections, which two threads may serve in
/// either order: its poll is released with NOOP, and the next one finds no session.
pub fn a_poll_and_a_close_sent_at_once_are_answered_alike_in_either_order(serve: Serve) {
    let (io, address) = shop(serve);
    let held = |yes: bool| {
        let patience = Instant::now() + PATIENCE;
        while io.counts().iter().any(|shard| shard.links > 0) != yes {
            assert!(Instant::now() < patience, "the poll is held: {yes}");
            thread::yield_now();
        }
    };
    for round in 0..30 {
        let mut client = Client::connect(address);
        let target = target(&client);
        let poll = || send(address, &request("GET", &target, PAGE, ""));
        let close = || send(address, &request("POST", &target, PAGE, "1"));
        let (released, closed) = match round % 3 {
            0 => {
                let poll = poll();
                held(true);
                let closed = answer(close());
                (answer(poll), closed)
            }
            1 => {
                let closed = answer(close());
                (answer(poll()), closed)
            }
            _ => {
                let (poll, close) = (poll(), close());
                (answer(poll), answer(close))
            }
        };
        assert_eq!((closed.status, &*closed.body), (200, "ok"), "{round}");
        assert_eq!((released.status, &*released.body), (200, "6"), "{round}");
        assert_eq!(allowed(&released), Some("https://shop.example"), "{round}");
        assert_eq!(client.request("GET", "").0, 400, "{round}");
        held(false);
    }
}

/// Every refusal can be read by a page that may connect, and by no other.
pub fn refusals_can_be_read_by_pages_that_may_connect(serve: Serve) {
    let (_io, address) = shop(serve);
    let session = target(&Client::connect(address));
    let open = "/socket.io/?EIO=4&transport=polling";
    for (method, target, status) in [
        ("GET", "/socket.io/?EIO=4", 400),
        ("GET", "/socket.io/?EIO=3&transport=polling", 400),
        ("GET", &*format!("{open}&sid=nobody"), 400),
        ("GET", &*format!("{open}&j=0"), 400),
        ("POST", open, 400),
        ("PUT", &*session, 405),
        ("GET", &*format!("{open}&stranger"), 403),
    ] {
        for (page, name) in [
            (PAGE, Some("https://shop.example")),
            ("Origin: https://evil.example\r\n", None),
            ("", None),
        ] {
            let answer = answer(send(address, &request(method, target, page, "")));
            let is_foreign = page.contains("evil") && answer.body.contains("Origin not allowed");
            assert!(answer.status == status || is_foreign, "{target}: {answer:?}");
            assert_eq!(allowed(&answer), name, "{target}: {answer:?}");
            assert_eq!(answer.header("vary").is_some(), !page.is_empty(), "{target}: {answer:?}");
        }
    }
}

/// A POST as Java's encoder for MIME writes it.
pub fn binary_is_taken_as_android_clients_write_it(serve: Serve) {
    let (_io, address) = shop(serve);
    let mut client = Client::connect(address);
    let event = r#"["size",{"_placeholder":true,"num":0}]"#;
    client.post(&format!("451-0{event}\u{1e}bAAEC\n"));
    assert_eq!(client.poll(), "430[3]");
    let lines = format!("{}\nAAEC\n", "AAEC".repeat(19));
    client.post(&format!("451-1{event}\u{1e}b{lines}"));
    assert_eq!(client.poll(), "431[60]");
}

/// A stock client that offers subprotocols gives up a WebSocket without one of them.
pub fn the_subprotocol_that_is_offered_first_is_chosen(serve: Serve) {
    let (_io, address) = shop(serve);
    let client = Client::connect(address);
    let offer = |query: &str, offered: &str| {
        let asked = upgrade(&format!("/socket.io/?EIO=4&transport=websocket{query}"));
        let field = format!("Sec-WebSocket-Protocol: {offered}\r\nUpgrade: w");
        answer(send(address, &asked.replace("Upgrade: w", &field)))
    };
    for query in ["", &format!("&sid={}", client.sid)] {
        let accepted = offer(query, "my-app, other");
        assert_eq!(accepted.status, 101);
        assert_eq!(accepted.header("sec-websocket-protocol"), Some("my-app"));
        assert_eq!(offer(query, "my-app,").status, 400);
    }
}

/// A client that asks for namespaces at once, and for one of them twice, is in each once.
pub fn namespaces_asked_for_together_are_all_joined(serve: Serve) {
    let mut app = App::new();
    app.namespace("/x").on("size", |bytes: Bytes| bytes.len());
    let (_io, address, _serving) = start(serve, app);
    let mut client = Client::connect(address);
    client.post("40/x,\u{1e}40/x,\u{1e}40/y,");
    let mut told = Vec::new();
    while told.len() < 2 {
        told.extend(client.poll().split('\u{1e}').map(str::to_owned));
    }
    client.post("40/x,\u{1e}42/x,0[\"size\",\"x\"]");
    told.sort();
    assert!(told[0].starts_with("40/x,{") && told[1].starts_with("44/y,{"), "{told:?}");
    assert_eq!(client.poll(), "43/x,0[1]");
}
