//! A server as a host framework drives it: no bytes, no network.

use sansocket::{
    Config, Event, Fields, Headers, Link, Message, Method, Request, RequestContext, Server, Shard,
    Socket, Transmit, Verdict,
};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

/// One shard, and the time there.
pub(super) struct Host {
    pub(super) server: Server,
    pub(super) now: Instant,
}

impl Host {
    /// The only shard of a process.
    pub(super) fn new(set: impl FnOnce(&mut Config)) -> Self {
        Self::shard(Shard::ONLY, set)
    }

    pub(super) fn shard(shard: Shard, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        set(&mut config);
        Self { server: Server::new(Arc::new(config), shard, [7; 32], *BIRTH), now: *BIRTH }
    }

    pub(super) fn request(&mut self, method: Method, target: &str) -> Verdict {
        self.ask(method, target, None, None)
    }

    /// Hands in a request of a page, which is to open a session under `own_sid` if it is given.
    pub(super) fn ask(
        &mut self,
        method: Method,
        target: &str,
        origin: Option<&str>,
        own_sid: Option<&str>,
    ) -> Verdict {
        let asked = Asked { upgrades: target.contains("websocket"), origin };
        let request = Request::new(method, target, Fields::host(&asked));
        let mut context = RequestContext::default();
        context.own_sid = own_sid;
        self.server.handle_request(self.now, request, context)
    }

    /// Opens a session on polling and returns its id.
    pub(super) fn polling(&mut self) -> String {
        let verdict = self.request(Method::Get, "/socket.io/?EIO=4&transport=polling");
        let Verdict::Respond(response) = verdict else { panic!("{verdict:?}") };
        let body = std::str::from_utf8(&response.body).expect("OPEN is text");
        body.split('"').nth(3).expect("OPEN names a sid").to_owned()
    }

    /// Opens a session on WebSocket and takes its OPEN packet.
    pub(super) fn websocket(&mut self) -> Link {
        let verdict = self.request(Method::Get, "/socket.io/?EIO=4&transport=websocket");
        let Verdict::Upgrade { link: Some(link), .. } = verdict else { panic!("{verdict:?}") };
        assert!(self.frames(link)[0].starts_with("0{"));
        link
    }

    pub(super) fn text(&mut self, link: Link, text: &str) {
        self.server.handle_message(self.now, link, Message::Text(text));
    }

    pub(super) fn binary(&mut self, link: Link, bytes: &[u8]) {
        self.server.handle_message(self.now, link, Message::Binary(bytes));
    }

    /// Takes all events.
    pub(super) fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.server.poll_event()).collect()
    }

    /// Joins a namespace and takes the answer.
    pub(super) fn join(&mut self, link: Link, namespace: &str) -> Socket {
        self.text(link, &format!("40{namespace},"));
        let Some(Event::Connect { socket, .. }) = self.events().pop() else {
            panic!("nobody asks to join {namespace}")
        };
        self.server.admit(self.now, socket).expect("it waits");
        assert_eq!(self.frames(link).len(), 1);
        socket
    }

    /// Takes all frames that wait, binary ones with a `b` in front; `close` stands for a close frame.
    pub(super) fn frames(&mut self, link: Link) -> Vec<String> {
        let server = &mut self.server;
        std::iter::from_fn(|| server.poll_transmit(link))
            .map(|transmit| match transmit {
                Transmit::Frame(frame) if frame.is_text() => {
                    String::from_utf8(frame.payload().to_vec()).expect("text frames are text")
                }
                Transmit::Frame(frame) => format!("b{:?}", frame.payload()),
                Transmit::Close(_) => "close".into(),
                Transmit::Response(response) => panic!("{response:?} on a WebSocket"),
            })
            .collect()
    }

    pub(super) fn advance(&mut self, by: Duration) {
        self.now += by;
        self.server.handle_timeout(self.now);
    }
}

/// When every shard is born.
pub(super) static BIRTH: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The fields of a request: those of a WebSocket handshake when it is to be one.
struct Asked<'a> {
    upgrades: bool,
    origin: Option<&'a str>,
}

impl Headers for Asked<'_> {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        each("host", b"a.example");
        if let Some(origin) = self.origin {
            each("origin", origin.as_bytes());
        }
        if self.upgrades {
            each("upgrade", b"websocket");
            each("connection", b"Upgrade");
            each("sec-websocket-version", b"13");
            each("sec-websocket-key", b"dGhlIHNhbXBsZSBub25jZQ==");
        }
    }
}
