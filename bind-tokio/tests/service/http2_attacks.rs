//! Attacks on the HTTP/2 of a host, end to end behind axum: nobody else notices, and nothing is left.

use axum::Router;
use sansocket_tokio::{App, Config, Io, Server};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};
use suites::Client;
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};

/// A test that waits longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Streams that hyper allows at once.
const STREAMS: usize = 200;

const OPEN: &str = "/socket.io/?EIO=4&transport=polling";
const SOCKET: &str = "/socket.io/?EIO=4&transport=websocket";

/// A served process, and somebody in it over HTTP/1.1 who must not notice.
struct Host {
    io: Io,
    address: SocketAddr,
    witness: Client,
    _runtime: Runtime,
}

impl Host {
    fn new(set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        config.close_timeout = Duration::from_millis(50);
        set(&mut config);
        let mut app = App::with_config(config);
        app.on("echo", |n: usize| n);
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (io, address) = runtime.block_on(async {
            let server = Server::builder(app).shards(4).build();
            let router = Router::new().layer(server.layer());
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move { axum::serve(listener, router).await });
            (server.io(), address)
        });
        let mut host = Self { io, address, witness: Client::connect(address), _runtime: runtime };
        host.nobody_notices();
        host
    }

    fn nobody_notices(&mut self) {
        for n in 0..5 {
            self.witness.post(&format!("42{n}[\"echo\",{n}]"));
            assert_eq!(self.witness.poll(), format!("43{n}[{n}]"));
        }
    }

    fn sessions(&self) -> usize {
        self.io.counts().iter().map(|counts| counts.sessions).sum()
    }

    fn links(&self) -> usize {
        self.io.counts().iter().map(|counts| counts.links).sum()
    }

    /// Waits until it is so.
    fn until(&self, is: impl Fn(&Self) -> bool) {
        let patience = Instant::now() + PATIENCE;
        while !is(self) {
            assert!(Instant::now() < patience, "{:?}", self.io.counts());
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Checks that the witness alone is left, and served as before.
    fn lift(mut self) {
        self.nobody_notices();
        self.until(|host| host.sessions() == 1 && host.links() == 0);
        self.nobody_notices();
    }
}

/// A client's end of a connection of HTTP/2, frame by frame.
struct Raider {
    stream: TcpStream,
    /// The stream of the last request.
    last: u32,
}

#[derive(Debug)]
struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

// RFC 9113 §6.
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RESET: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const WINDOW: u8 = 8;
const CONTINUATION: u8 = 9;

const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

impl Raider {
    fn connect(address: SocketAddr) -> Self {
        Self::with_window(address, 65_535)
    }

    /// Connects and tells how many bytes each stream may be sent unasked.
    fn with_window(address: SocketAddr, window: u32) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(Duration::from_millis(300))).unwrap();
        stream.set_nodelay(true).unwrap();
        let mut raider = Self { stream, last: u32::MAX };
        raider.stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let settings = [&[0, 4][..], &window.to_be_bytes()].concat();
        raider.send(SETTINGS, 0, 0, &settings).unwrap();
        raider
    }

    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> io::Result<()> {
        self.stream.write_all(&frame(kind, flags, stream, payload))
    }

    /// Begins a request and returns its stream.
    fn ask(&mut self, method: &str, target: &str, flags: u8) -> u32 {
        self.last = self.last.wrapping_add(2);
        let (stream, head) = (self.last, head(method, target));
        let _ = self.send(HEADERS, END_HEADERS | flags, stream, &head);
        stream
    }

    /// Waits for the next frame; `None` when the connection ended.
    fn next(&mut self) -> Option<Frame> {
        let mut head = [0; 9];
        self.read(&mut head)?;
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.read(&mut payload)?;
        let stream = u32::from_be_bytes([head[5], head[6], head[7], head[8]]);
        Some(Frame { kind: head[3], flags: head[4], stream, payload })
    }

    fn read(&mut self, bytes: &mut [u8]) -> Option<()> {
        match self.stream.read_exact(bytes) {
            Ok(()) => Some(()),
            Err(error) if is_end(&error) => None,
            Err(error) => panic!("the server does nothing: {error}"),
        }
    }

    /// Waits for the next frame of this kind.
    fn next_of(&mut self, kind: u8) -> Option<Frame> {
        loop {
            let frame = self.next()?;
            if frame.kind == kind {
                return Some(frame);
            }
        }
    }

    /// Asks and waits for the body of the answer.
    fn body(&mut self, method: &str, target: &str, body: &str) -> String {
        let stream = self.ask(method, target, if body.is_empty() { END_STREAM } else { 0 });
        if !body.is_empty() {
            self.send(DATA, END_STREAM, stream, body.as_bytes()).unwrap();
        }
        let mut content = Vec::new();
        loop {
            let frame = self.next().expect("an answer");
            if frame.stream == stream {
                assert_ne!(frame.kind, RESET, "{frame:?}");
                if frame.kind == DATA {
                    content.extend_from_slice(&frame.payload);
                }
                if frame.flags & END_STREAM != 0 {
                    return String::from_utf8(content).unwrap();
                }
            }
        }
    }

    /// Opens a session, joins and returns the target of its requests.
    fn join(&mut self) -> String {
        let open = self.body("GET", OPEN, "");
        let target = format!("{OPEN}&sid={}", open.split('"').nth(3).expect("it is open"));
        assert_eq!(self.body("POST", &target, "40"), "ok");
        assert!(self.body("GET", &target, "").starts_with("40{"));
        target
    }

    /// Reads to the end of the connection, which may not come: returns how it was announced.
    fn rest(mut self) -> Option<Frame> {
        let mut farewell = None;
        while let Some(frame) = self.next() {
            if frame.kind == GO_AWAY {
                farewell = Some(frame);
            }
        }
        farewell
    }
}

fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The fields of a request, none of them from a table (RFC 7541 §6.2.2).
fn head(method: &str, target: &str) -> Vec<u8> {
    let mut head = Vec::new();
    put(&mut head, ":method", method);
    put(&mut head, ":scheme", "http");
    put(&mut head, ":authority", "localhost");
    put(&mut head, ":path", target);
    if method == "CONNECT" {
        put(&mut head, ":protocol", "websocket");
        put(&mut head, "sec-websocket-version", "13");
    }
    head
}

fn put(head: &mut Vec<u8>, name: &str, value: &str) {
    head.push(0);
    for text in [name, value] {
        length(head, text.len());
        head.extend_from_slice(text.as_bytes());
    }
}

/// An integer behind one bit (RFC 7541 §5.1).
fn length(head: &mut Vec<u8>, length: usize) {
    let Some(mut rest) = length.checked_sub(127) else {
        return head.push(u8::try_from(length).unwrap());
    };
    head.push(127);
    while rest >= 128 {
        head.push(u8::try_from(rest % 128).unwrap() | 128);
        rest /= 128;
    }
    head.push(u8::try_from(rest).unwrap());
}

/// Whether the server ended the connection.
fn is_end(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset | ErrorKind::BrokenPipe
    )
}

/// E27, CVE-2023-44487: requests that are reset at once, thousands of them, end their connection; the
/// sessions they opened are gone when their time to join is over.
#[test]
fn e27_requests_that_are_reset_at_once_end_their_connection() {
    const REQUESTS: u32 = 5000;
    let mut host = Host::new(|config| config.connect_timeout = Duration::from_secs(1));
    for (method, target) in
        [("GET", OPEN), ("GET", SOCKET), ("POST", OPEN), ("CONNECT", SOCKET), ("GET", "/elsewhere")]
    {
        let mut raider = Raider::connect(host.address);
        let mut bytes = Vec::new();
        for stream in (1..2 * REQUESTS).step_by(2) {
            bytes.extend(frame(HEADERS, END_HEADERS, stream, &head(method, target)));
            bytes.extend(frame(RESET, 0, stream, &8_u32.to_be_bytes()));
        }
        let _ = raider.stream.write_all(&bytes);
        host.nobody_notices();
        let farewell = raider.rest();
        // A reset of the connection may overtake it.
        assert!(farewell.is_none_or(|frame| frame.payload[4..8] == 11_u32.to_be_bytes()));
    }
    assert!(host.sessions() < 5000);
    host.lift();
}

/// E27: polls, posts and WebSockets that are reset while they are under way end their sessions and no
/// other.
#[test]
fn e27_streams_reset_under_way_end_their_sessions_and_no_other() {
    let mut host = Host::new(|config| config.connect_timeout = Duration::from_secs(1));
    for (method, flags) in [("GET", END_STREAM), ("POST", 0)] {
        let mut raider = Raider::connect(host.address);
        let kept = raider.join();
        let targets: Vec<_> = (0..20).map(|_| raider.join()).collect();
        let streams: Vec<_> = targets.iter().map(|to| raider.ask(method, to, flags)).collect();
        host.until(|host| host.links() == streams.len());
        for stream in streams {
            raider.send(RESET, 0, stream, &8_u32.to_be_bytes()).unwrap();
        }
        host.until(|host| host.sessions() == 2);
        assert_eq!(raider.body("POST", &kept, "420[\"echo\",1]"), "ok");
        assert_eq!(raider.body("GET", &kept, ""), "430[1]");
        assert_eq!(raider.body("POST", &kept, "1"), "ok");
        host.until(|host| host.sessions() == 1);
    }
    let mut raider = Raider::connect(host.address);
    // The server says that it takes a CONNECT with a protocol before one may be sent (RFC 8441 §3).
    raider.next_of(SETTINGS).unwrap();
    let streams: Vec<_> = (0..20).map(|_| raider.ask("CONNECT", SOCKET, 0)).collect();
    host.until(|host| host.links() == streams.len());
    for stream in streams {
        raider.send(RESET, 0, stream, &8_u32.to_be_bytes()).unwrap();
    }
    host.until(|host| host.sessions() == 1);
    host.nobody_notices();
    host.lift();
}

/// E27: one connection holds as many polls as its host allows streams, and no more; all are answered.
#[test]
fn e27_a_connection_of_polls_alone_is_bounded_and_answered() {
    let mut host = Host::new(|_| {});
    let mut raider = Raider::connect(host.address);
    let targets: Vec<_> = (0..STREAMS + 50).map(|_| raider.join()).collect();
    let streams: Vec<_> = targets.iter().map(|to| raider.ask("GET", to, END_STREAM)).collect();
    for stream in &streams[STREAMS..] {
        assert_eq!(raider.next_of(RESET).unwrap().stream, *stream);
    }
    host.until(|host| host.links() == STREAMS);
    host.io.emit("news", &()).unwrap();
    assert_eq!(host.witness.poll(), r#"42["news"]"#);
    for _ in 0..STREAMS {
        let frame = raider.next_of(DATA).unwrap();
        assert_eq!(frame.payload, br#"42["news"]"#);
    }
    host.nobody_notices();
    for target in &targets {
        raider.body("POST", target, "1");
    }
    host.lift();
}

/// E28, CVE-2019-9512, CVE-2019-9515, CVE-2019-9518: heads without end end their
/// connection; what asks for an answer that nobody reads is taken no further.
#[test]
fn e28_floods_of_frames_are_cut_off_or_wait() {
    let mut host = Host::new(|_| {});
    let mut begun = head("GET", OPEN);
    put(&mut begun, "x", "y");
    let mut field = Vec::new();
    put(&mut field, "x-filler", &"y".repeat(100));
    // One entry of the table, named over and over.
    let mut bomb = vec![0x40, 1, b'x'];
    length(&mut bomb, 3900);
    bomb.extend(vec![b'y'; 3900]);
    bomb.extend(vec![0xbe; 12_000]);
    for (first, again) in [
        (frame(HEADERS, 0, 1, &begun), frame(CONTINUATION, 0, 1, &field)),
        (frame(HEADERS, 0, 1, &begun), frame(CONTINUATION, 0, 1, &[])),
        (frame(HEADERS, 0, 1, &begun), frame(CONTINUATION, 0, 1, &bomb)),
        (Vec::new(), frame(PING, 0, 0, &[0; 8])),
        (Vec::new(), frame(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff])),
        (Vec::new(), frame(DATA, 0, 1, &[])),
        (frame(HEADERS, END_HEADERS, 1, &head("POST", OPEN)), frame(DATA, 0, 1, &[])),
    ] {
        let mut raider = Raider::connect(host.address);
        let _ = raider.stream.write_all(&first);
        let many = again.repeat(1 + (1 << 16) / again.len());
        let taken = (0..1000).take_while(|_| raider.stream.write_all(&many).is_ok()).count();
        assert!(taken < 1000, "all of it was taken: {:?}", &again[..9]);
        host.nobody_notices();
    }
    host.lift();
}

/// E28: frames that ask for nothing cost their own bytes alone, and a head that is too long the answer
/// that says so.
#[test]
fn e28_idle_frames_and_long_heads_stall_nobody() {
    let mut host = Host::new(|_| {});
    let mut raider = Raider::connect(host.address);
    let mut long = head("GET", OPEN);
    (0..500).for_each(|n| put(&mut long, &format!("x-{n}"), &"y".repeat(20)));
    raider.send(HEADERS, END_HEADERS | END_STREAM, 1, &long).unwrap();
    let refused = raider.next_of(HEADERS).unwrap();
    // Status 431, with the name from the table and digits as they are coded (RFC 7541 Appendix B).
    assert_eq!((refused.stream, &refused.payload[..4]), (1, &[0x48, 0x83, 0x69, 0x90][..]));
    for again in [frame(WINDOW, 0, 0, &[0, 0, 0, 1]), frame(PRIORITY, 0, 3, &[0, 0, 0, 0, 1])] {
        let mut raider = Raider::connect(host.address);
        let many = again.repeat(1000);
        for _ in 0..100 {
            if raider.stream.write_all(&many).is_err() {
                break;
            }
        }
        host.nobody_notices();
    }
    host.lift();
}

/// E29, CVE-2019-9517: an answer of which the client takes nothing is given up; one whose window opens in time comes
/// whole.
#[test]
fn e29_answers_that_nobody_takes_are_given_up() {
    const LENGTH: usize = 200_000;
    let mut host = Host::new(|config| config.limits.body_time = Duration::from_secs(1));
    let mut raider = Raider::with_window(host.address, 60);
    let mut patient = Raider::connect(host.address);
    let target = patient.join();
    host.io.emit("news", &"x".repeat(LENGTH)).unwrap();
    assert_eq!(host.witness.poll().len(), LENGTH + 13);
    let sent = patient.ask("GET", &target, END_STREAM);
    // Its window is the usual one, and opens bit by bit.
    let mut taken = 0;
    while taken < LENGTH + 13 {
        let frame = patient.next().unwrap();
        assert_ne!(frame.kind, RESET);
        if (frame.kind, frame.stream) == (DATA, sent) {
            taken += frame.payload.len();
            let more = u32::try_from(frame.payload.len().max(1)).unwrap().to_be_bytes();
            patient.send(WINDOW, 0, 0, &more).unwrap();
            patient.send(WINDOW, 0, sent, &more).unwrap();
        }
    }
    patient.body("POST", &target, "1");

    raider.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).unwrap();
    let target = raider.join();
    raider.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0, 0]).unwrap();
    host.io.emit("news", &"x".repeat(LENGTH)).unwrap();
    assert_eq!(host.witness.poll().len(), LENGTH + 13);
    let stream = raider.ask("GET", &target, END_STREAM);
    while raider.next_of(HEADERS).unwrap().stream != stream {}
    // Longer than the server waits, twice: it looks now and then.
    thread::sleep(Duration::from_secs(3));
    raider.send(WINDOW, 0, 0, &1_000_000_u32.to_be_bytes()).unwrap();
    raider.send(WINDOW, 0, stream, &1_000_000_u32.to_be_bytes()).unwrap();
    let given_up = raider.next_of(RESET).unwrap();
    assert_eq!(given_up.stream, stream);
    raider.send(SETTINGS, 0, 0, &[0, 4, 0, 0, 0xff, 0xff]).unwrap();
    raider.body("POST", &target, "1");
    host.lift();
}

/// E29: bodies that drip on as many streams as there may be have their deadline, and so have those
/// that never begin.
#[test]
fn e29_bodies_that_drip_on_many_streams_have_deadlines() {
    let mut host = Host::new(|config| config.limits.body_time = Duration::from_secs(1));
    let mut raider = Raider::connect(host.address);
    let targets: Vec<_> = (0..50).map(|_| raider.join()).collect();
    let streams: Vec<_> = targets.iter().map(|target| raider.ask("POST", target, 0)).collect();
    host.until(|host| host.links() == streams.len());
    let patience = Instant::now() + PATIENCE;
    while host.sessions() > 1 {
        for stream in streams.iter().step_by(2) {
            let _ = raider.send(DATA, 0, *stream, b"4");
        }
        host.nobody_notices();
        assert!(Instant::now() < patience, "{:?}", host.io.counts());
    }
    host.lift();
}
