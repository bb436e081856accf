//! A served process under attack, with a client that must not notice.

use sansocket_app::{App, Config, Counts, EventName, Io, Reason, Violation};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::mpsc;
use std::time::Duration;

use crate::channel::Channel;
use crate::client::{Client, PATIENCE};
use crate::faults::settle;
use crate::{Serve, Serving, start};
use testbed::{Answer, frame, unframe, upgrade};

/// A served process and a client of it that must not notice.
pub(super) struct Siege {
    pub(super) io: Io,
    pub(super) address: SocketAddr,
    witness: Channel,
    events: mpsc::Receiver<String>,
    reasons: mpsc::Receiver<Reason>,
    _serving: Serving,
}

impl Siege {
    /// Serves an application that acknowledges `echo` and takes note of all other events.
    pub(super) fn new(serve: Serve) -> Self {
        Self::with(serve, |_| {}, |_| {})
    }

    pub(super) fn with(
        serve: Serve,
        set: impl FnOnce(&mut Config),
        arrange: impl FnOnce(&mut App),
    ) -> Self {
        let mut config = Config::default();
        // A session that was closed on polling does not wait long for its client.
        config.close_timeout = Duration::from_millis(50);
        set(&mut config);
        let (heard, events) = mpsc::channel();
        let (left, reasons) = mpsc::channel();
        let mut app = App::with_config(config);
        app.on("echo", |n: usize| n);
        app.on_any(move |EventName(name): EventName| {
            let _ = heard.send(name.into());
        });
        app.on_disconnect(move |reason: Reason| {
            // The test may be over.
            let _ = left.send(reason);
        });
        arrange(&mut app);
        let (io, address, serving) = start(serve, app);
        let mut witness = Channel::connect(address).expect("the server listens");
        witness.echo(0).expect("the server answers");
        Self { io, address, witness, events, reasons, _serving: serving }
    }

    /// Connects and says nothing.
    pub(super) fn connect(&self) -> Raider {
        Raider::connect(self.address)
    }

    /// A WebSocket in the namespace `/`.
    pub(super) fn attacker(&self) -> Raider {
        let mut raider = self.stranger();
        raider.say("40");
        assert!(raider.hear().starts_with("40{"));
        raider
    }

    /// A WebSocket in no namespace.
    pub(super) fn stranger(&self) -> Raider {
        let mut raider = self.connect();
        raider.upgrade("");
        assert!(raider.hear().starts_with("0{"));
        raider
    }

    /// A polling client in the namespace `/`.
    pub(super) fn poller(&self) -> Client {
        Client::connect(self.address)
    }

    /// Why the next client left.
    pub(super) fn reason(&self) -> Reason {
        self.reasons.recv_timeout(PATIENCE).expect("somebody leaves")
    }

    /// The rule that the next client left for.
    pub(super) fn violation(&self) -> Violation {
        let reason = self.reason();
        let Reason::Violation(violation) = reason else { panic!("{reason:?}") };
        violation
    }

    /// What all shards hold together.
    pub(super) fn counts(&self) -> Counts {
        self.io.counts().iter().fold(Counts::default(), |mut sum, counts| {
            sum.sessions += counts.sessions;
            sum.sockets += counts.sockets;
            sum.namespaces += counts.namespaces;
            sum.bytes += counts.bytes;
            sum.gave_way += counts.gave_way;
            sum
        })
    }

    /// The witness is served as before.
    pub(super) fn nobody_notices(&mut self) {
        (0..5).for_each(|n| self.witness.echo(n).expect("somebody else noticed"));
    }

    /// Checks the ground rules of every attack, and returns the events that were heard.
    pub(super) fn lift(mut self) -> Vec<String> {
        self.nobody_notices();
        settle(&self.io, 1);
        self.nobody_notices();
        drop(self.witness);
        settle(&self.io, 0);
        self.events.try_iter().collect()
    }
}

/// An attacker's end of one connection.
pub(in super::super) struct Raider {
    pub(super) stream: TcpStream,
    unread: Vec<u8>,
}

impl Raider {
    pub(in super::super) fn connect(address: SocketAddr) -> Self {
        Self::on(TcpStream::connect(address).expect("the server listens"))
    }

    /// Connects from an address of its own.
    pub(super) fn connect_from(source: [u8; 4], address: SocketAddr) -> Self {
        let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("TCP is there");
        socket.bind(&SocketAddr::from((source, 0)).into()).expect("it is this machine");
        socket.connect(&address.into()).expect("the server listens");
        Self::on(socket.into())
    }

    fn on(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(PATIENCE)).expect("the time is not zero");
        stream.set_write_timeout(Some(PATIENCE)).expect("the time is not zero");
        stream.set_nodelay(true).expect("it is TCP");
        Self { stream, unread: Vec::new() }
    }

    /// Becomes a WebSocket, of the session that the rest of a query names.
    pub(super) fn upgrade(&mut self, session: &str) {
        let asked = upgrade(&format!("/socket.io/?EIO=4&transport=websocket{session}"));
        assert_eq!(self.ask(&asked).status, 101);
    }

    /// Sends a request and waits for the answer.
    pub(in super::super) fn ask(&mut self, request: &str) -> Answer {
        self.send(request);
        self.answer().unwrap_or_else(|| panic!("no answer to {request:.80?}"))
    }

    /// Sends bytes; whether the server still took them.
    pub(in super::super) fn send(&mut self, bytes: impl AsRef<[u8]>) -> bool {
        self.stream.write_all(bytes.as_ref()).is_ok()
    }

    /// Sends a text message.
    pub(super) fn say(&mut self, text: &str) {
        self.send(frame(0x81, text.as_bytes()));
    }

    /// Waits for the next answer; `None` when the stream ends first.
    pub(in super::super) fn answer(&mut self) -> Option<Answer> {
        loop {
            if let Some((answer, used)) = Answer::parse(&self.unread) {
                self.unread.drain(..used);
                return Some(answer);
            }
            if !self.pull() {
                return None;
            }
        }
    }

    /// Waits for the next text message.
    pub(super) fn hear(&mut self) -> String {
        match self.frame() {
            Some((0x81, text)) => String::from_utf8(text).expect("text is UTF-8"),
            other => panic!("no text but {other:?}"),
        }
    }

    /// Waits for the close frame and returns its code.
    pub(super) fn farewell(&mut self) -> u16 {
        loop {
            match self.frame() {
                Some((0x88, code)) => return u16::from_be_bytes(*code.first_chunk().expect("two")),
                Some(_) => {}
                None => panic!("the stream ended without a close frame"),
            }
        }
    }

    /// Waits for the next frame: its first byte and its payload.
    pub(super) fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        loop {
            if let Some(frame) = unframe(&mut self.unread) {
                return Some(frame);
            }
            if !self.pull() {
                assert!(self.unread.len() < 2, "half a frame");
                return None;
            }
        }
    }

    /// Says farewell and waits for the end of the stream.
    pub(super) fn end(&mut self) {
        // The server may have closed its end already.
        let _ = self.stream.shutdown(Shutdown::Write);
        while self.pull() {}
    }

    /// Reads once; whether there was something.
    fn pull(&mut self) -> bool {
        let mut buffer = [0; 16 * 1024];
        let n = match self.stream.read(&mut buffer) {
            Ok(n) => n,
            Err(error) if ended(&error) => 0,
            Err(error) => panic!("the server does nothing: {error}"),
        };
        self.unread.extend_from_slice(&buffer[..n]);
        n > 0
    }
}

/// Whether the server ended the stream while bytes were under way.
fn ended(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::ConnectionReset | ErrorKind::BrokenPipe)
}
