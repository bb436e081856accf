//! A client whose server is a script: what the client does becomes lines of text, and the test answers
//! with bytes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::pair::written;
use sansocket::client::{
    Action, Client, Config, Endpoint, Event, Fault, Namespace, Purpose, SocketMut,
};
use sansocket::{
    ArgsRef, CloseCode, Conn, Frame, Inbound, Limits, Link, Message, Method, Response, Transmit,
    Verdict,
};

/// A client and the streams that it asked for.
pub struct Script {
    /// The client.
    pub client: Client,
    /// The time.
    pub now: Instant,
    /// What becomes of streams that the client asks for.
    pub network: Network,
    /// What becomes of the WebSockets that it asks for.
    pub websockets: WebSockets,
    streams: BTreeMap<Link, Stream>,
    lines: Vec<String>,
    events: Vec<Event>,
    /// The fields of the last request.
    pub fields: Vec<(String, String)>,
}

/// What becomes of streams that a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Network {
    /// They open at once.
    Open,
    /// They are refused.
    Refuse,
    /// Nothing happens.
    Hang,
}

/// What becomes of WebSockets that a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum WebSockets {
    /// They are accepted.
    Accept,
    /// They are accepted with this subprotocol.
    Protocol(&'static str),
    /// They are answered with this status.
    Refuse(u16),
    /// Nothing happens.
    Hang,
}

struct Stream {
    purpose: Purpose,
    client: Conn,
    server: Conn,
}

impl Script {
    /// A client of `http://a.example/` with these settings.
    #[must_use]
    pub fn new(set: impl FnOnce(&mut Config)) -> Self {
        Self::of("http://a.example/", set)
    }

    /// The same for another URL.
    ///
    /// # Panics
    /// When the URL is none.
    #[must_use]
    pub fn of(url: &str, set: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::new(Endpoint::parse(url).expect("a URL"));
        set(&mut config);
        let now = Instant::now();
        Self {
            client: Client::new(Arc::new(config), [7; 32], now),
            now,
            network: Network::Open,
            websockets: WebSockets::Accept,
            streams: BTreeMap::new(),
            lines: Vec::new(),
            events: Vec::new(),
            fields: Vec::new(),
        }
    }

    /// Changes the settings.
    pub fn set(&mut self, set: impl FnOnce(&mut Config)) {
        let mut config = Config::clone(self.client.config());
        set(&mut config);
        self.client.set_config(Arc::new(config));
    }

    /// The namespace of that name.
    ///
    /// # Panics
    /// When the name is none.
    pub fn namespace(&mut self, name: &str) -> Namespace {
        self.client.namespace(name).expect("a name")
    }

    /// Does something with a namespace, and carries out what follows.
    ///
    /// # Panics
    /// When the name is none.
    pub fn on<R>(&mut self, name: &str, act: impl FnOnce(SocketMut<'_>) -> R) -> R {
        let namespace = self.namespace(name);
        let result = act(self.client.socket(self.now, namespace).expect("it is there"));
        self.run();
        result
    }

    /// Wants a namespace.
    pub fn join(&mut self, name: &str) {
        self.on(name, |mut socket| socket.join());
    }

    /// Sends an event.
    ///
    /// # Panics
    /// When it is refused.
    pub fn emit(&mut self, name: &str, event: &str, args: &str) {
        self.on(name, |mut socket| socket.emit(event, ArgsRef::from_valid(args, &[])))
            .expect("it is taken");
    }

    /// Opens a session on polling that has joined the main namespace, and forgets what was said.
    #[must_use]
    pub fn polling(set: impl FnOnce(&mut Config)) -> Self {
        let mut script = Self::new(set);
        script.join("/");
        script.poll(&open("[]"));
        script.posted();
        script.poll("40{\"sid\":\"i\"}");
        script.said();
        script.events();
        script
    }

    /// The same on WebSocket.
    #[must_use]
    pub fn websocket(set: impl FnOnce(&mut Config)) -> Self {
        let mut script = Self::new(|config| {
            config.transports = vec![sansocket::client::Transport::WebSocket];
            set(config);
        });
        script.join("/");
        script.text(&open("[]"));
        script.text("40{\"sid\":\"i\"}");
        script.said();
        script.events();
        script
    }

    /// Answers the GET.
    pub fn poll(&mut self, body: &str) {
        self.answer(Purpose::Poll, 200, body);
    }

    /// Answers the POST.
    pub fn posted(&mut self) {
        self.answer(Purpose::Post, 200, "ok");
    }

    /// Answers a request.
    pub fn answer(&mut self, purpose: Purpose, status: u16, body: &str) {
        self.respond(purpose, Response::with_body(status, "text/plain", body.to_owned()));
    }

    /// Answers a request.
    pub fn respond(&mut self, purpose: Purpose, response: Response) {
        self.push(purpose, Transmit::Response(response));
    }

    /// Sends a text on the WebSocket.
    pub fn text(&mut self, text: &str) {
        self.push(Purpose::WebSocket, Transmit::Frame(Frame::text(text)));
    }

    /// Sends binary on the WebSocket.
    pub fn binary(&mut self, bytes: &[u8]) {
        self.push(Purpose::WebSocket, Transmit::Frame(Frame::binary(bytes)));
    }

    /// Closes the WebSocket with a close frame.
    pub fn farewell(&mut self) {
        self.push(Purpose::WebSocket, Transmit::Close(CloseCode::NORMAL));
    }

    /// Sends bytes as they are.
    pub fn raw(&mut self, purpose: Purpose, bytes: &[u8]) {
        if let Some(link) = self.link(purpose) {
            self.deliver(link, bytes.to_vec());
        }
        self.run();
    }

    /// Ends a stream.
    pub fn cut(&mut self, purpose: Purpose) {
        if let Some(link) = self.link(purpose) {
            let stream = self.streams.remove(&link).expect("it is open");
            if stream.client.is_amid() {
                self.client.handle_failed(self.now, link, Fault::transport("cut off"));
            } else {
                self.client.handle_closed(self.now, link);
            }
        }
        self.run();
    }

    /// Ends a session on polling: the GET fails.
    pub fn lose(&mut self) {
        self.answer(Purpose::Poll, 500, "");
    }

    /// Breaks a stream.
    pub fn tear(&mut self, purpose: Purpose) {
        if let Some(link) = self.link(purpose) {
            self.streams.remove(&link);
            self.client.handle_failed(self.now, link, Fault::transport("reset"));
        }
        self.run();
    }

    /// Whether a stream is open.
    #[must_use]
    pub fn has(&self, purpose: Purpose) -> bool {
        self.link(purpose).is_some()
    }

    /// Whether a request waits for an answer.
    #[must_use]
    pub fn is_asked(&self, purpose: Purpose) -> bool {
        let stream = self.streams.values().find(|stream| stream.purpose == purpose);
        stream.is_some_and(|stream| stream.server.awaits() == sansocket::Awaits::Answer)
    }

    /// Lets time pass, from deadline to deadline.
    pub fn advance(&mut self, millis: u64) {
        let end = self.now + Duration::from_millis(millis);
        let mut rounds = 0;
        while let Some(due) = self.client.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.client.handle_timeout(self.now);
            self.run();
            rounds += 1;
            assert!(rounds < 10_000, "the client is in a loop");
        }
        self.now = end;
        self.run();
    }

    /// Lets time pass at once, as when a machine was asleep.
    pub fn jump(&mut self, millis: u64) {
        self.now += Duration::from_millis(millis);
    }

    /// Milliseconds until the client has something to do.
    #[must_use]
    pub fn wait(&self) -> Option<u128> {
        let due = self.client.poll_timeout()?;
        Some(due.saturating_duration_since(self.now).as_millis())
    }

    /// What the client did since the last time, by lines: streams that it opened and closed, requests,
    /// messages. A parameter `t` is shown as `t=…`.
    pub fn lines(&mut self) -> Vec<String> {
        std::mem::take(&mut self.lines)
    }

    /// The messages and bodies among these lines, without the word before them.
    pub fn said(&mut self) -> Vec<String> {
        let lines = std::mem::take(&mut self.lines);
        let said = lines.iter().filter_map(|line| {
            line.strip_prefix("ws ")
                .or_else(|| line.strip_prefix("POST ")?.split_once(' ').map(|it| it.1))
        });
        said.map(str::to_owned).collect()
    }

    /// What the application heard since the last time, by lines.
    pub fn events(&mut self) -> Vec<String> {
        self.take_events().iter().map(|event| self.shown(event)).collect()
    }

    /// The same as values.
    pub fn take_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events)
    }

    /// A field of the last request.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&str> {
        let mut fields = self.fields.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
        let field = fields.next().map(|(_, value)| &**value);
        assert!(fields.next().is_none(), "{name} has one line");
        field
    }

    /// Carries out what the client wants until it wants nothing more.
    ///
    /// # Panics
    /// When that does not end.
    pub fn run(&mut self) {
        for round in 0.. {
            assert!(round < 10_000, "the client is in a loop");
            while let Some(event) = self.client.poll_event() {
                self.events.push(event);
            }
            let Some(action) = self.client.poll_action() else { return };
            match action {
                Action::Open { link, purpose, endpoint } => self.open(link, purpose, &endpoint),
                Action::Transmit(link) => self.transmit(link),
                Action::Close(link) => {
                    if let Some(stream) = self.streams.remove(&link) {
                        self.lines.push(format!("close {}", name(stream.purpose)));
                    }
                }
                other => panic!("{other:?}"),
            }
        }
    }

    fn open(&mut self, link: Link, purpose: Purpose, endpoint: &Endpoint) {
        self.lines.push(format!("open {} {endpoint}", name(purpose)));
        match self.network {
            Network::Hang => {}
            Network::Refuse => {
                self.client.handle_failed(self.now, link, Fault::transport("refused"));
            }
            Network::Open => {
                let limits = Arc::new(self.client.config().limits.clone());
                let client = Conn::client(limits, Some(link), self.client.draw_seed());
                let mut all = Limits::default();
                all.max_payload = 1 << 30;
                let server = Conn::new(Arc::new(all));
                self.streams.insert(link, Stream { purpose, client, server });
                self.client.handle_opened(self.now, link);
            }
        }
    }

    /// Carries what a client writes to the script.
    fn transmit(&mut self, link: Link) {
        loop {
            let Some(stream) = self.streams.get_mut(&link) else { return };
            let more = stream.client.pull(&mut self.client);
            let mut bytes = written(&mut stream.client);
            if !bytes.is_empty() {
                self.hear(link, &mut bytes);
            }
            let over = self.streams.get(&link).is_some_and(|stream| stream.client.is_finished());
            if over {
                self.streams.remove(&link);
                self.client.handle_closed(self.now, link);
            }
            if !more {
                return;
            }
        }
    }

    /// Reads what the client wrote.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest is for clients")]
    fn hear(&mut self, link: Link, bytes: &mut [u8]) {
        let Some(stream) = self.streams.get_mut(&link) else { return };
        let mut target = String::new();
        let mut decoder = stream.server.decode(bytes);
        while let Some(item) = decoder.poll().expect("a client keeps the rules") {
            let verdict = match item {
                Inbound::Request(request) => {
                    target = without_t(request.target);
                    self.fields.clear();
                    request.fields.each(&mut |name, value| {
                        let value = String::from_utf8_lossy(value).into_owned();
                        self.fields.push((name.to_owned(), value));
                    });
                    if request.method == Method::Post {
                        Verdict::Body { link: None, limit: usize::MAX }
                    } else {
                        self.lines.push(format!("GET {target}"));
                        match (Response::accepting(&request), self.websockets) {
                            (Some(response), WebSockets::Accept) => {
                                Verdict::Upgrade { link: None, response }
                            }
                            (Some(response), WebSockets::Protocol(name)) => {
                                let response = response.header("sec-websocket-protocol", name);
                                Verdict::Upgrade { link: None, response }
                            }
                            (Some(_), WebSockets::Refuse(status)) => {
                                Verdict::Respond(Response::with_body(status, "text/plain", "no"))
                            }
                            (Some(_), WebSockets::Hang) | (None, _) => Verdict::Hold(None),
                        }
                    }
                }
                Inbound::Body(body) => {
                    let body = String::from_utf8_lossy(body).replace('\u{1e}', "|");
                    self.lines.push(format!("POST {target} {body}"));
                    Verdict::Hold(None)
                }
                Inbound::Message(Message::Text(text)) => {
                    self.lines.push(format!("ws {text}"));
                    continue;
                }
                Inbound::Message(Message::Binary(bytes)) => {
                    self.lines.push(format!("ws {bytes:?}"));
                    continue;
                }
                Inbound::Closed(_) => {
                    self.lines.push("ws closed".into());
                    continue;
                }
                other => panic!("{other:?}"),
            };
            decoder.apply(verdict);
        }
        drop(decoder);
        let bytes = written(&mut stream.server);
        if !bytes.is_empty() {
            self.deliver(link, bytes);
        }
    }

    fn push(&mut self, purpose: Purpose, transmit: Transmit) {
        let link = self.link(purpose).unwrap_or_else(|| panic!("no stream for {purpose:?}"));
        let stream = self.streams.get_mut(&link).expect("it is open");
        stream.server.push(transmit);
        let bytes = written(&mut stream.server);
        self.deliver(link, bytes);
        self.run();
    }

    /// Hands bytes of the script to the client.
    fn deliver(&mut self, link: Link, mut bytes: Vec<u8>) {
        let Some(stream) = self.streams.get_mut(&link) else { return };
        let mut decoder = stream.client.decode(&mut bytes);
        let mut broken = None;
        loop {
            match decoder.poll() {
                Ok(Some(item)) => self.client.handle(self.now, link, item),
                Ok(None) => break,
                Err(violation) => {
                    decoder.reject(violation);
                    broken = Some(violation);
                    break;
                }
            }
        }
        drop(decoder);
        if let Some(violation) = broken {
            self.client.handle_violation(self.now, link, violation);
        }
        self.transmit(link);
    }

    fn link(&self, purpose: Purpose) -> Option<Link> {
        self.streams.iter().find(|(_, stream)| stream.purpose == purpose).map(|(&link, _)| link)
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest shows itself")]
    fn shown(&mut self, event: &Event) -> String {
        let now = self.now;
        let mut named = |namespace: &Namespace| {
            let socket = self.client.socket(now, *namespace);
            socket.map_or_else(|| "gone".to_owned(), |socket| socket.name().to_owned())
        };
        match event {
            Event::Answer { ticket, answer } => match answer {
                sansocket::client::Answer::Args(args) => format!("{ticket:?} {}", args.json()),
                other => format!("{ticket:?} {other:?}"),
            },
            Event::Attempt { n } => format!("attempt {n}"),
            Event::AttemptFailed { n, fault } => format!("attempt {n} failed: {fault}"),
            Event::Closed { reason, .. } => format!("closed: {reason}"),
            Event::Connected { namespace, recovered } => {
                let kind = if *recovered { "recovered" } else { "connected" };
                format!("{kind} {}", named(namespace))
            }
            Event::ConnectFailed { namespace, fault, retries } => {
                let (kind, name) = (fault.kind(), named(namespace));
                format!("not connected {name} {kind:?}: {fault}{}", again(*retries))
            }
            Event::Disconnected { namespace, reason, retries } => {
                format!("disconnected {}: {reason}{}", named(namespace), again(*retries))
            }
            Event::Drained => "drained".into(),
            Event::GaveUp => "gave up".into(),
            Event::Lost { namespace, events } => format!("lost {} {events}", named(namespace)),
            Event::Message { namespace, message, ack } => {
                let asks = if ack.is_some() { " ?" } else { "" };
                let binary: usize = message.attachments().iter().map(|bytes| bytes.len()).sum();
                let binary = if binary > 0 { format!(" +{binary}") } else { String::new() };
                let name = named(namespace);
                format!("message {name} {} {}{binary}{asks}", message.name(), message.json())
            }
            Event::NeedsAuth { namespace, .. } => format!("needs auth {}", named(namespace)),
            Event::NeedsSettings => "needs settings".into(),
            Event::Opened => "opened".into(),
            Event::Reconnected { n } => format!("reconnected {n}"),
            Event::Sent { namespace, message } => {
                format!("sent {} {} {}", named(namespace), message.name(), message.json())
            }
            Event::Upgraded => "upgraded".into(),
            Event::UpgradeFailed { fault } => format!("not upgraded: {fault}"),
            other => format!("{other:?}"),
        }
    }
}

/// An OPEN packet with intervals of 25 and 20 seconds.
#[must_use]
pub fn open(upgrades: &str) -> String {
    format!(
        "0{{\"sid\":\"S\",\"upgrades\":{upgrades},\"pingInterval\":25000,\"pingTimeout\":20000,\
         \"maxPayload\":1000}}"
    )
}

fn again(retries: bool) -> &'static str {
    if retries { ", again" } else { "" }
}

fn name(purpose: Purpose) -> &'static str {
    match purpose {
        Purpose::Poll => "poll",
        Purpose::Post => "post",
        Purpose::WebSocket => "websocket",
        other => panic!("{other:?}"),
    }
}

fn without_t(target: &str) -> String {
    let (before, after) = target.split_once("&t=").unwrap_or((target, ""));
    let rest = after.split_once('&').map_or(String::new(), |(_, rest)| format!("&{rest}"));
    if after.is_empty() { target.to_owned() } else { format!("{before}&t=…{rest}") }
}
