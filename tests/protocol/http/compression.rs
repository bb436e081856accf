//! Answers that are compressed for clients that accept it.

use flate2::read::{GzDecoder, ZlibDecoder};
use proptest::prelude::*;
use sansocket::{ArgsRef, Bytes, Config, Conn, Inbound, Limits, Response, Server, Shard, Verdict};
use sansocket::{Event, Link};
use std::io::{IoSlice, Read as _};
use std::sync::Arc;
use std::time::Instant;
use testbed::{Polling, Sim, Tcp, handshake, request};

/// An answer whose body may be anything.
#[derive(Debug)]
struct Raw {
    head: String,
    body: Vec<u8>,
}

impl Raw {
    fn of(bytes: &[u8]) -> Self {
        let (raw, rest) = Self::split(bytes);
        assert_eq!(rest, b"", "there is one answer");
        raw
    }

    fn split(bytes: &[u8]) -> (Self, &[u8]) {
        let end = bytes.windows(4).position(|at| at == b"\r\n\r\n").expect("a head") + 4;
        let head = std::str::from_utf8(&bytes[..end]).expect("heads are text").to_owned();
        let mut raw = Self { head, body: Vec::new() };
        let length: usize =
            raw.header("content-length").expect("a length").parse().expect("digits");
        raw.body = bytes[end..end + length].to_vec();
        (raw, &bytes[end + length..])
    }

    fn header(&self, name: &str) -> Option<&str> {
        let mut fields = self.head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(field, _)| *field == name).map(|(_, value)| value)
    }

    /// The coding, and the body without it.
    fn decoded(&self) -> (&str, Vec<u8>) {
        let coding = self.header("content-encoding").unwrap_or("none");
        let mut out = Vec::new();
        let read = match coding {
            "none" => self.body.as_slice().read_to_end(&mut out),
            "gzip" => GzDecoder::new(self.body.as_slice()).read_to_end(&mut out),
            "deflate" => ZlibDecoder::new(self.body.as_slice()).read_to_end(&mut out),
            other => panic!("{other}"),
        };
        read.expect("the body is what its coding says");
        (coding, out)
    }
}

fn long(len: usize) -> String {
    format!("[\"{}\"]", "abc ".repeat(len / 4))
}

fn joined(sim: &Sim) -> Polling {
    let mut client = sim.polling();
    client.join("/");
    client
}

fn get(tcp: &mut Tcp, target: &str, fields: &str) -> Raw {
    tcp.send(request("GET", target, fields, ""));
    Raw::of(&tcp.take())
}

/// What a waiting event is answered with.
fn polled(set: impl FnOnce(&mut Config), fields: &str, args: &str) -> Raw {
    let sim = Sim::with(set);
    let client = joined(&sim);
    sim.socket(1).emit("a", args).expect("it waits");
    get(&mut sim.tcp(), &client.target(), fields)
}

#[test]
fn long_polling_answers_are_compressed_as_the_client_asks() {
    for (fields, coding) in [
        ("Accept-Encoding: gzip, deflate, br\r\n", "gzip"),
        ("Accept-Encoding: deflate\r\n", "deflate"),
        ("Accept-Encoding: gzip;q=0, deflate;q=0.1\r\n", "deflate"),
        ("Accept-Encoding: *\r\n", "gzip"),
        ("Accept-Encoding: gzip;q=0\r\n", "none"),
        ("Accept-Encoding: br\r\naccept-encoding: gzip\r\n", "gzip"),
        ("Accept-Encoding: identity\r\n", "none"),
        ("Accept-Encoding: gzip;q=0.5, identity\r\n", "none"),
        ("", "none"),
    ] {
        let raw = polled(|_| {}, fields, &long(5000));
        let expected = format!("42[\"a\",{}", &long(5000)[1..]);
        assert_eq!(raw.decoded(), (coding, expected.into_bytes()), "{fields}");
        assert_eq!(raw.header("vary"), Some("Accept-Encoding"), "{fields}");
        assert_eq!(raw.body.len() < 1000, coding != "none", "{fields}");
    }
}

#[test]
fn short_answers_are_left_alone() {
    let gzip = "Accept-Encoding: gzip\r\n";
    for (args, coding) in [(long(1000), "none"), (long(1016), "gzip")] {
        let raw = polled(|_| {}, gzip, &args);
        assert_eq!(raw.decoded().0, coding, "{} bytes", raw.decoded().1.len());
        assert_eq!(raw.header("vary").is_some(), coding == "gzip");
    }
    let raw = polled(|config| config.compression = None, gzip, &long(9000));
    assert_eq!((raw.decoded().0, raw.header("vary")), ("none", None));
    let raw = polled(|config| config.compression = Some(10), gzip, &long(200));
    assert_eq!(raw.decoded().0, "gzip");
}

#[test]
fn an_answer_with_nothing_to_compress_is_left_alone() {
    for (others, coding) in [(0, "none"), (1, "gzip")] {
        let sim = Sim::new();
        let client = joined(&sim);
        sim.socket(1).emit_uncompressed("a", &long(70_000)).expect("it waits");
        for _ in 0..others {
            sim.socket(1).emit("b", "[]").expect("it waits");
        }
        let raw = get(&mut sim.tcp(), &client.target(), "Accept-Encoding: gzip\r\n");
        assert_eq!(raw.decoded().0, coding, "one that may be compressed is enough");
        assert!(raw.decoded().1.starts_with(b"42[\"a\",\"abc "));
    }
}

#[test]
fn a_held_poll_is_compressed_too() {
    let sim = Sim::with(|config| config.origins = sansocket::Origins::Any);
    let mut client = joined(&sim);
    let fields = "Accept-Encoding: deflate\r\nOrigin: https://shop.example\r\n";
    client.gets.send(request("GET", &client.target(), fields, ""));
    assert_eq!(client.answer(), None);
    sim.socket(1).emit("a", &long(5000)).expect("it is sent");
    let raw = Raw::of(&client.gets.take());
    assert_eq!(raw.decoded().0, "deflate");
    assert_eq!(raw.header("vary"), Some("Origin, Accept-Encoding"));
}

/// What a host that answers everything with `response` writes.
fn hosted(method: &str, fields: &str, response: Response) -> Vec<u8> {
    let mut conn = Conn::new(Arc::new(Limits::default()));
    let mut bytes = request(method, "/file", fields, "").into_bytes();
    let mut decoder = conn.decode(&mut bytes);
    assert!(matches!(decoder.poll(), Ok(Some(Inbound::Request(_)))));
    decoder.apply(Verdict::Respond(response));
    drop(decoder);
    drained(&mut conn)
}

fn drained(conn: &mut Conn) -> Vec<u8> {
    let mut slices = [IoSlice::new(&[]); 8];
    let filled = conn.poll_write(&mut slices);
    let out: Vec<u8> = slices[..filled].iter().flat_map(|slice| slice.to_vec()).collect();
    conn.wrote(out.len());
    out
}

fn page() -> Response {
    let mut response = Response::with_body(200, "text/html", vec![b'x'; 4000]);
    response.compress = true;
    response
}

fn page_with(set: impl FnOnce(&mut Response)) -> Response {
    let mut page = page();
    set(&mut page);
    page
}

#[test]
fn answers_of_the_host_are_compressed_where_that_makes_sense() {
    let gzip = "Accept-Encoding: gzip\r\n";
    let coding = |response: Response| {
        let raw = Raw::of(&hosted("GET", gzip, response));
        (raw.decoded().0.to_owned(), raw.header("vary").is_some())
    };
    let (yes, no) = (("gzip".to_owned(), true), ("none".to_owned(), false));
    assert_eq!(coding(page()), yes);
    assert_eq!(coding(page_with(|page| page.content_type = None)), no);
    let named = page_with(|page| page.content_type = None).header("Content-Type", "image/svg+xml");
    assert_eq!(coding(named), yes);
    assert_eq!(coding(page_with(|page| page.content_type = Some("image/png".into()))), no);
    assert_eq!(coding(page_with(|page| page.compress = false)), no);
    assert_eq!(coding(page_with(|page| page.status = 404)), no);
    let raw = Raw::of(&hosted("GET", gzip, page().header("content-encoding", "br")));
    assert_eq!((raw.header("content-encoding"), raw.header("vary")), (Some("br"), None));
    let tagged = Raw::of(&hosted("GET", gzip, page().header("etag", "\"7\"")));
    assert_eq!(tagged.header("etag"), Some("W/\"7\""));
    let tagged = Raw::of(&hosted("GET", "", page().header("etag", "\"7\"")));
    assert_eq!(tagged.header("etag"), Some("\"7\""));
}

/// The fields of an answer without a body that tell one answer from another.
fn validators(method: &str, fields: &str, response: Response) -> String {
    let out = hosted(method, fields, response.header("etag", "\"7\""));
    let text = String::from_utf8(out).expect("no body");
    assert!(text.ends_with("\r\n\r\n"), "{text}");
    let told = ["etag", "vary", "content-encoding", "content-length", "content-type"];
    let fields = text.lines().filter_map(|line| line.split_once(": "));
    let told = fields.filter(|(name, _)| told.contains(name));
    told.map(|(name, value)| format!("{name}: {value}\n")).collect()
}

#[test]
fn head_answers_have_the_fields_of_get() {
    assert_eq!(
        validators("HEAD", "Accept-Encoding: gzip\r\n", page()),
        "content-type: text/html\netag: W/\"7\"\nvary: Accept-Encoding\n",
        "how long it would be is not known"
    );
    assert_eq!(
        validators("HEAD", "", page()),
        "content-type: text/html\netag: \"7\"\nvary: Accept-Encoding\ncontent-length: 4000\n"
    );
}

#[test]
fn what_a_client_has_is_confirmed_under_the_tag_it_has() {
    let unchanged = |media: Option<&'static str>| {
        page_with(|page| {
            (page.status, page.body) = (304, Bytes::new());
            page.content_type = media.map(Into::into);
        })
    };
    let gzip = "Accept-Encoding: gzip\r\n";
    for media in [None, Some("text/html")] {
        assert_eq!(
            validators("GET", gzip, unchanged(media)),
            "etag: W/\"7\"\nvary: Accept-Encoding\n"
        );
        assert_eq!(validators("GET", "", unchanged(media)), "etag: \"7\"\nvary: Accept-Encoding\n");
    }
    assert_eq!(validators("GET", gzip, unchanged(Some("image/png"))), "etag: \"7\"\n");
}

#[test]
fn a_part_of_a_text_keeps_its_tag_and_says_what_it_depends_on() {
    let part = page_with(|page| page.status = 206).header("etag", "\"7\"");
    let raw = Raw::of(&hosted("GET", "Accept-Encoding: gzip\r\n", part));
    assert_eq!((raw.header("etag"), raw.header("vary")), (Some("\"7\""), Some("Accept-Encoding")));
    assert_eq!((raw.decoded().0, raw.body.len()), ("none", 4000));
}

#[test]
fn a_host_that_writes_answers_itself_can_compress_them() {
    let response = page().encoded("gzip;q=0.1, deflate");
    assert!(response.headers.contains(&("content-encoding".into(), "deflate".into())));
    assert!(response.body.len() < 100);
    assert_eq!(page().encoded("br").body.len(), 4000);
}

/// A shard and a connection whose client polls, driven as a binding does.
fn held() -> (Server, Conn, Link, sansocket::Socket) {
    let now = Instant::now();
    let mut server = Server::new(Arc::default(), Shard::ONLY, [7; 32], now);
    let mut conn = Conn::new(Arc::new(Limits::default()));
    serve(&mut server, &mut conn, handshake());
    let open = String::from_utf8(drained(&mut conn)).expect("text");
    let sid = open.split("\"sid\":\"").nth(1).and_then(|at| at.split('"').next()).expect("a sid");
    let target = format!("/socket.io/?EIO=4&transport=polling&sid={sid}");
    serve(&mut server, &mut conn, request("POST", &target, "", "40"));
    let Some(Event::Connect { socket, .. }) = server.poll_event() else {
        panic!("nobody connects")
    };
    server.admit(now, socket).expect("it is there");
    serve(&mut server, &mut conn, request("GET", &target, "", ""));
    drained(&mut conn);
    let behind = request("GET", "/behind", "", "");
    serve(
        &mut server,
        &mut conn,
        request("GET", &target, "Accept-Encoding: gzip\r\n", "") + &behind,
    );
    assert_eq!(drained(&mut conn), b"", "the poll is held");
    let link = conn.link().expect("it is held");
    (server, conn, link, socket)
}

fn serve(server: &mut Server, conn: &mut Conn, bytes: String) {
    let mut bytes = bytes.into_bytes();
    let mut decoder = conn.decode(&mut bytes);
    loop {
        let link = decoder.link();
        let Some(item) = decoder.poll().expect("well formed") else { return };
        let verdict = server.handle(Instant::now(), link, item);
        decoder.apply(verdict);
    }
}

#[test]
fn what_is_pulled_is_compressed_before_it_is_written() {
    let (mut server, mut conn, link, socket) = held();
    let args = long(5000);
    let emitted = server.socket(socket).expect("there").emit("a", ArgsRef::from_valid(&args, &[]));
    assert_eq!(emitted, Ok(()));
    assert_eq!(server.poll_link(), Some(link));
    assert!(!conn.pull(&mut server));
    assert!(conn.bytes_held() > 5000, "it is not compressed under the lock");
    assert!(conn.wants_decode(), "a request waits behind it");
    serve(&mut server, &mut conn, String::new());
    let out = drained(&mut conn);
    let (poll, rest) = Raw::split(&out);
    assert_eq!((poll.decoded().0, poll.decoded().1.len()), ("gzip", args.len() + 6));
    assert!(rest.starts_with(b"HTTP/1.1 404"), "{rest:?}");
    assert_eq!(conn.bytes_held(), 0);
}

#[test]
fn what_is_pulled_is_written_without_another_read() {
    let (mut server, mut conn, _, socket) = held();
    let args = long(5000);
    let emitted = server.socket(socket).expect("there").emit("a", ArgsRef::from_valid(&args, &[]));
    assert_eq!(emitted, Ok(()));
    assert!(!conn.pull(&mut server));
    assert_eq!(Raw::of(&drained(&mut conn)).decoded().0, "gzip");
    assert!(conn.wants_decode(), "the request behind it is next");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, failure_persistence: None, ..Default::default() })]

    #[test]
    fn what_is_compressed_is_the_same_when_it_is_not(
        pieces in prop::collection::vec((any::<u8>(), 1..500_usize), 0..30),
        noise in prop::collection::vec(any::<u8>(), 0..3000),
        gzip in any::<bool>(),
    ) {
        let mut body: Vec<u8> = pieces.iter().flat_map(|(byte, n)| vec![*byte; *n]).collect();
        body.extend(noise);
        let mut response = Response::with_body(200, "text/plain", Bytes::from(body.clone()));
        response.compress = true;
        let name = if gzip { "gzip" } else { "deflate" };
        let out = hosted("GET", &format!("Accept-Encoding: {name}\r\n"), response);
        let raw = Raw::of(&out);
        prop_assert!(raw.body.len() <= body.len());
        let (coding, decoded) = raw.decoded();
        prop_assert!(coding == name || coding == "none");
        prop_assert_eq!(decoded, body);
    }
}
