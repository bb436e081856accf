//! E: TLS, end to end.

use rustls::crypto::ring;
use rustls::{ALL_VERSIONS, ContentType, HandshakeKind, StreamOwned};
use sansocket_app::{App, Config, Cookie, Io};
use std::io::{self, ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use super::http::{open, rest};
use crate::channel::Channel;
use crate::client::{Client, PATIENCE};
use crate::faults::{brief, echo, settle};
use crate::forger::Forger;
use crate::identity::{Identity, session};
use crate::proxy::{Faults, Proxy, reset};
use crate::{Serve, Serving, listener, port};
use testbed::request;

/// E9: RUSTSEC-2024-0399. A ClientHello in many records, each in many pieces.
pub fn e09_client_hellos_in_fragments_are_understood(serve: Serve) {
    let identity = Identity::new();
    let listener = listener().tls(identity.tls());
    let address = port(&listener);
    let (io, _serving) = serve(echo(brief()), vec![listener]);
    let faults = Faults { piece: 3, pause: Duration::from_micros(20), cut: None };
    let proxy = Proxy::start(address, faults, 3);
    for fragment in [32, 64, 100] {
        let stream = identity.encrypt_in(open(proxy.address), Some(fragment));
        let mut client = Client::join(stream);
        client.post("420[\"echo\",1]");
        assert_eq!(client.poll(), "430[1]");
    }
    drop(proxy);
    io.close();
    settle(&io, 0);
}

/// E9: RUSTSEC-2024-0336. A close_notify in the middle of a handshake ends the connection; others
/// on the same thread are served.
pub fn e09_tls_that_ends_within_its_handshake_ends_the_connection(serve: Serve) {
    const CLOSE_NOTIFY: [u8; 7] = [0x15, 3, 3, 0, 2, 1, 0];
    let identity = Identity::new();
    let (clear, secure) = (listener(), listener().tls(identity.tls()));
    let addresses = (port(&clear), port(&secure));
    let mut config = brief();
    // A farewell before any greeting is not heard; the connection ends like one that is silent.
    config.limits.head_time = Duration::from_secs(1);
    let (io, _serving) = serve(App::with_config(config), vec![clear, secure]);
    let hello = identity.hello();
    let (half, _) = hello.split_at(hello.len() / 2);
    for first in [&[], half, &hello[..]] {
        let mut ended: Vec<_> = (0..8).map(|_| open(addresses.1)).collect();
        for stream in &mut ended {
            stream.write_all(&[first, &CLOSE_NOTIFY].concat()).unwrap();
        }
        ended.iter_mut().for_each(|stream| drop(rest(stream)));
        let mut clients: Vec<_> = (0..8).map(|_| Client::connect(addresses.0)).collect();
        io.emit("alive", &()).unwrap();
        clients.iter_mut().for_each(|client| assert_eq!(client.poll(), r#"42["alive"]"#));
    }
    let mut client = Client::join(identity.encrypt(open(addresses.1)));
    io.emit("alive", &()).unwrap();
    assert_eq!(client.poll(), r#"42["alive"]"#);
    io.close();
    settle(&io, 0);
}

/// E23: handshakes that stop or drip, and streams that only keep their encryption busy afterwards, end
/// with the deadline of a request's head.
pub fn e23_tls_that_stalls_or_drips_has_a_deadline(serve: Serve) {
    let mut town = Town::new(serve, |config| config.limits.head_time = Duration::from_secs(1));
    let hello = town.identity.hello();
    let mut stalled: Vec<_> = (0..100).map(|_| town.open()).collect();
    for (n, stream) in stalled.iter_mut().enumerate() {
        stream.write_all(&hello[..hello.len() * n / 99]).unwrap();
    }
    let dripping = town.open();
    let forgers = [(); 3].map(|()| Forger::tls13(&town.identity, town.open()));
    thread::scope(|scope| {
        // All but the end.
        let begun = &hello[..hello.len() - 1];
        let byte = |n| begun.get(n..=n).unwrap_or_default();
        scope.spawn(move || drip(dripping, |stream, n| stream.write_all(byte(n))));
        let records = [
            (ContentType::ApplicationData, &[][..]),
            (ContentType::ApplicationData, b"x"),
            (ContentType::Handshake, &[24]),
        ];
        for (mut forger, (kind, payload)) in forgers.into_iter().zip(records) {
            let stream = forger.stream.try_clone().unwrap();
            scope.spawn(move || drip(stream, |_, _| forger.send(kind, payload)));
        }
        (0..20).for_each(|n| town.witness.echo(n).unwrap());
    });
    stalled.iter_mut().for_each(|stream| drop(rest(stream)));
    town.lift();
}

/// E24: endless messages that are allowed once end their connection: alerts, changes of the cipher,
/// requests to renegotiate, updates of keys.
pub fn e24_floods_of_tls_messages_end_their_connection(serve: Serve) {
    let mut town = Town::new(serve, |_| {});
    let hello = town.identity.hello();
    for record in [&[21, 3, 3, 0, 2, 1, 90][..], &[20, 3, 3, 0, 1, 1], &[22, 3, 3, 0, 0]] {
        for beginning in [&[], &hello[..]] {
            let mut stream = town.open();
            let _ = stream.write_all(beginning);
            flood(&mut stream, |stream| stream.write_all(record));
        }
    }
    let hello = &hello[5..];
    for (kind, payload) in [(ContentType::Alert, &[1, 90][..]), (ContentType::Handshake, hello)] {
        let mut forger = Forger::tls12(&town.identity, town.open());
        let mut stream = forger.stream.try_clone().unwrap();
        flood(&mut stream, |_| forger.send(kind, payload));
        let mut forger = Forger::tls13(&town.identity, town.open());
        let mut stream = forger.stream.try_clone().unwrap();
        flood(&mut stream, |_| forger.send(kind, payload));
    }
    let mut updating = town.identity.encrypt(town.open());
    updating.flush().unwrap();
    let StreamOwned { conn, sock, .. } = &mut updating;
    flood(sock, |sock| {
        conn.refresh_traffic_keys().unwrap();
        conn.write_tls(&mut &*sock).map(drop)
    });
    // One update now and then is fine.
    let mut client = Client::join(town.identity.encrypt(town.open()));
    for n in 0..100 {
        client.stream.conn.refresh_traffic_keys().unwrap();
        client.post(&format!("42{n}[\"echo\",{n}]"));
        assert_eq!(client.poll(), format!("43{n}[{n}]"));
    }
    client.post("1");
    town.lift();
}

/// E25: what is no TLS, or breaks off within a record, ends its stream; names that are none are no
/// reason to stop.
pub fn e25_what_is_no_tls_is_cut_off(serve: Serve) {
    let mut town = Town::new(serve, |_| {});
    let hello = town.identity.hello();
    let at = hello.windows(9).position(|name| name == b"localhost").unwrap();
    let named = |name: &[u8; 9]| [&hello[..at], name, &hello[at + 9..]].concat();
    // A message of 16 MB, in as many records as the server takes.
    let piece = [&[22, 3, 1, 0x40, 0][..], &[0; 0x4000]].concat();
    let endless = [&[22, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff], &piece.repeat(100)[..]].concat();
    for bytes in [
        b"GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: a\r\n\r\n",
        &b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"[..],
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10\x01\x00\x80",
        b"\x16\x03\x01\xff\xff\x01\x00",
        b"\x17\x03\x03\x00\x02hi",
        &[0; 500],
        &[0xff; 500],
        &endless,
        &[&[22, 3, 1, 0, 6, 1, 0, 0, 2, 3, 3][..], &hello].concat(),
        &[&hello[..hello.len() - 1], &[0; 20]].concat(),
        &hello.repeat(3),
        &named(b"LOCALHOST"),
        &named(b"elsewhere"),
        &named(b"127.0.0.1"),
        &named(b"localhos."),
        &named(b"........."),
        &named(b"local\0ost"),
        &named(b"l\xc3\xb6calhos"),
        &named(b"-+/%\r\n <>"),
    ] {
        let mut stream = town.open();
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(Shutdown::Write);
        let answer = rest(&mut stream);
        // A ServerHello or an alert, and never a word in the clear.
        assert!(matches!(answer.first(), None | Some(20..=23)), "{answer:.20?} to {bytes:.20?}");
    }
    for cut in [1, 4, 5, 6, 20] {
        for farewell in [false, true] {
            let StreamOwned { mut conn, mut sock, .. } = town.identity.encrypt(town.open());
            while conn.is_handshaking() {
                conn.complete_io(&mut sock).unwrap();
            }
            conn.writer().write_all(b"GET / HTTP/1.1\r\n").unwrap();
            let mut record = Vec::new();
            conn.write_tls(&mut record).unwrap();
            sock.write_all(&record[..cut]).unwrap();
            match farewell {
                true => sock.shutdown(Shutdown::Write).unwrap(),
                false => reset(&sock).unwrap(),
            }
        }
    }
    let mut tiny = town.identity.encrypt(town.open());
    for byte in request("GET", "/elsewhere", "Connection: close\r\n", "").bytes() {
        tiny.write_all(&[byte]).unwrap();
    }
    let mut answer = String::new();
    tiny.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404"), "{answer}");
    town.lift();
}

/// E26: clients resume with tickets they keep themselves, so that no number of handshakes fills the
/// server; nothing is taken before a handshake is over.
pub fn e26_tickets_resume_and_the_server_keeps_none(serve: Serve) {
    let mut town = Town::new(serve, |_| {});
    for version in ALL_VERSIONS {
        let mut config = town.identity.config_of(ring::default_provider(), &[version]);
        config.enable_early_data = true;
        let config = Arc::new(config);
        let kinds: Vec<_> = (0..40)
            .map(|_| {
                let mut session = session(config.clone());
                assert!(session.early_data().is_none(), "early data was offered");
                let mut stream = town.open();
                session.writer().write_all(MISSING.as_bytes()).unwrap();
                let mut tls = rustls::Stream::new(&mut session, &mut stream);
                tls.read_exact(&mut [0; 12]).unwrap();
                session.handshake_kind().unwrap()
            })
            .collect();
        assert_eq!(kinds[0], HandshakeKind::Full);
        assert!(kinds[1..].iter().all(|kind| *kind == HandshakeKind::Resumed), "{kinds:?}");
    }
    town.lift();
}

const MISSING: &str = "GET /elsewhere HTTP/1.1\r\nHost: a\r\n\r\n";

/// A served process with an encrypted port, and a client on another one that must not notice.
struct Town {
    identity: Identity,
    secure: SocketAddr,
    witness: Channel,
    io: Io,
    _serving: Serving,
}

impl Town {
    fn new(serve: Serve, set: impl FnOnce(&mut Config)) -> Self {
        let identity = Identity::new();
        let (clear, secure) = (listener(), listener().tls(identity.tls()));
        let addresses = (port(&clear), port(&secure));
        let mut config = brief();
        set(&mut config);
        let (io, _serving) = serve(echo(config), vec![clear, secure]);
        let witness = Channel::connect(addresses.0).unwrap();
        Self { identity, secure: addresses.1, witness, io, _serving }
    }

    fn open(&self) -> TcpStream {
        open(self.secure)
    }

    /// Checks that the witness and new clients are served, and that nothing else is left.
    fn lift(&mut self) {
        (0..5).for_each(|n| self.witness.echo(n).unwrap());
        let mut client = Client::join(self.identity.encrypt(self.open()));
        client.post("420[\"echo\",1]");
        assert_eq!(client.poll(), "430[1]");
        client.post("1");
        settle(&self.io, 1);
        self.io.close();
        settle(&self.io, 0);
    }
}

/// Sends piece after piece, until the server ends the connection.
fn drip(mut stream: TcpStream, mut send: impl FnMut(&mut TcpStream, usize) -> io::Result<()>) {
    let patience = Instant::now() + PATIENCE;
    for n in 0.. {
        stream.set_read_timeout(Some(Duration::from_millis(5))).unwrap();
        match stream.read(&mut [0; 4096]) {
            Ok(0) => return,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Ok(_) | Err(_) => {}
        }
        if send(&mut stream, n).is_err() {
            return;
        }
        assert!(Instant::now() < patience, "it goes on and on");
    }
}

/// Sends again and again, until the server ends the connection.
fn flood(stream: &mut TcpStream, mut send: impl FnMut(&mut TcpStream) -> io::Result<()>) {
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    let sent = (0..1_000_000).take_while(|_| send(stream).is_ok()).count();
    assert!(sent < 1_000_000, "all of it was taken");
    rest(stream);
}

/// The cookie of a session that began encrypted never travels in the clear.
pub fn cookies_are_secure_over_tls_alone(serve: Serve) {
    let identity = Identity::new();
    let (clear, secure) = (listener(), listener().tls(identity.tls()));
    let addresses = (port(&clear), port(&secure));
    let mut config = brief();
    config.cookie = Some(Cookie::default());
    let (io, _serving) = serve(App::with_config(config), vec![clear, secure]);
    assert!(cookie(identity.encrypt(open(addresses.1))).ends_with("; Secure"));
    assert!(!cookie(open(addresses.0)).contains("Secure"));
    io.close();
    settle(&io, 0);
}

/// The line of the answer to a handshake that sets the cookie.
fn cookie(mut stream: impl Read + Write) -> String {
    let target = "/socket.io/?EIO=4&transport=polling";
    let ask = request("GET", target, "Connection: close\r\n", "");
    stream.write_all(ask.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let line = answer.lines().find(|line| line.starts_with("set-cookie: io="));
    line.expect("it is set").to_owned()
}
