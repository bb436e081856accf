//! Every order in which requests, a probe, the application and the clock can meet on one session, up to
//! a depth: nothing is lost, doubled or reordered, every request is answered,
//! and no transport state is reached but those that are documented.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use sansocket::{
    Config, Counts, Event, Feed as _, Fields, Layer, Link, Message, Method, Received, Request,
    RequestContext, Server, Session, Shard, Transmit, Verdict,
};
use testbed::UPGRADE;

/// What can happen next.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Step {
    /// A poll arrives.
    Get,
    /// The stream of a poll that is held breaks.
    Abort,
    /// The head of a POST arrives.
    Post,
    /// Its body arrives.
    Body,
    /// Its body arrives, and says that the client closes the session.
    Leave,
    /// A WebSocket opens.
    Open,
    /// `2probe` comes on it.
    Probe,
    /// `5` comes on it.
    Upgrade,
    /// A message comes on it.
    Say,
    /// It becomes writable, and takes all there is.
    Read,
    /// It is looked at, for a peer that is asked about, and has nothing to say.
    Look,
    /// It closes.
    Close,
    /// The application sends.
    Emit,
    /// The application closes the session.
    End,
    /// The next deadline comes.
    Timeout,
}

const STEPS: [Step; 15] = [
    Step::Get,
    Step::Abort,
    Step::Post,
    Step::Body,
    Step::Leave,
    Step::Open,
    Step::Probe,
    Step::Upgrade,
    Step::Say,
    Step::Read,
    Step::Look,
    Step::Close,
    Step::Emit,
    Step::End,
    Step::Timeout,
];

/// The states of `core/src/server/sessions/transport.rs`, with the links that its table allows in each.
const STATES: [&str; 20] = [
    "ClosingPolling",
    "ClosingPolling GET",
    "ClosingWebSocket",
    "Polling",
    "Polling GET",
    "Polling GET POST",
    "Polling POST",
    "Probing Answered",
    "Probing Answered GET",
    "Probing Answered GET POST",
    "Probing Answered POST",
    "Probing Asked",
    "Probing Asked GET",
    "Probing Asked GET POST",
    "Probing Asked POST",
    "Probing Opened",
    "Probing Opened GET",
    "Probing Opened GET POST",
    "Probing Opened POST",
    "WebSocket",
];

#[test]
fn every_order_of_events_keeps_every_promise() {
    let mut reached = BTreeSet::new();
    let mut known = HashSet::new();
    let mut front = vec![Vec::new()];
    for _ in 0..DEPTH {
        let mut next = Vec::new();
        for path in front {
            for step in STEPS {
                let mut play = Play::replay(&path);
                if !play.step(step) {
                    continue;
                }
                reached.extend(std::mem::take(&mut play.reached));
                // The first few steps are tried in every order, the rest from every situation once.
                if known.insert(play.fingerprint()) || path.len() + 1 < BLIND {
                    let mut path = path.clone();
                    path.push(step);
                    play.finish(path.len() % 2 == 0);
                    next.push(path);
                }
            }
        }
        front = next;
    }
    let expected: BTreeSet<_> = STATES.into_iter().map(str::to_owned).collect();
    assert_eq!(reached, expected);
    assert!(known.len() > 4000, "{} situations were tried", known.len());
    println!("{} situations", known.len());
}

/// Deep enough for every state, and for two things to go wrong on the way.
const DEPTH: usize = 12;

/// How many of them are tried without regard to situations being alike.
const BLIND: usize = 4;

/// One session, and everything around it.
struct Play {
    server: Server,
    now: Instant,
    session: Session,
    target: String,
    get: Option<Link>,
    post: Option<Link>,
    ws: Option<Link>,
    /// Links whose owners were told, or have reason, to look for something to write.
    rung: HashSet<Link>,
    /// How many messages the application sent, and how many of them came, in order.
    sent: usize,
    got: usize,
    /// How many messages the client sent that count, and how many of them the application heard.
    said: usize,
    heard: usize,
    closed: bool,
    /// Whether the client closed the session while it might have polled: one poll may cross that.
    crossing: bool,
    /// Transport states on the way, before and after polls were answered.
    reached: Vec<String>,
}

impl Play {
    fn replay(path: &[Step]) -> Self {
        let mut config = Config::default();
        config.layer = Layer::EngineIo;
        let now = *BIRTH;
        let mut server = Server::new(Arc::new(config), Shard::ONLY, [7; 32], now);
        let target = "/socket.io/?EIO=4&transport=polling".to_owned();
        let Verdict::Respond(open) = request(&mut server, now, Method::Get, &target) else {
            panic!("a session opens")
        };
        let open = std::str::from_utf8(&open.body).expect("OPEN is text");
        let target = format!("{target}&sid={}", open.split('"').nth(3).expect("OPEN names a sid"));
        let Some(Event::Opened { session, .. }) = server.poll_event() else {
            panic!("the application hears of it")
        };
        let (get, post, ws, rung) = (None, None, None, HashSet::new());
        let (sent, got, said, heard, reached) = (0, 0, 0, 0, Vec::new());
        let mut play = Self {
            server,
            now,
            session,
            target,
            get,
            post,
            ws,
            rung,
            sent,
            got,
            said,
            heard,
            closed: false,
            crossing: false,
            reached,
        };
        for &step in path {
            assert!(play.step(step), "what was possible once is possible again");
        }
        play
    }

    /// All that the future can depend on.
    fn fingerprint(&self) -> String {
        let links = (self.get.is_some(), self.post.is_some(), self.ws.is_some());
        let over = self.ws.is_some_and(|ws| self.server.is_over(ws));
        let server = self.server.fingerprint();
        let rung = self.ws.is_some_and(|ws| self.rung.contains(&ws));
        format!("{links:?} {over} {rung} {} {} {server}", self.sent - self.got, self.closed)
    }

    /// Lets something happen; `false` when it cannot happen now.
    fn step(&mut self, step: Step) -> bool {
        if self.is_over() {
            return false;
        }
        let possible = match step {
            Step::Get => self.poll(),
            Step::Abort => self.get.take().map(|link| self.server.handle_closed(self.now, link)),
            Step::Post => self.head(),
            Step::Body => self.post.take().map(|link| self.body(link)),
            Step::Leave => self.leave(),
            Step::Open => self.open(),
            Step::Probe => self.on_websocket("2probe"),
            Step::Upgrade => self.on_websocket("5"),
            Step::Say => self.say(),
            Step::Read => self.ws.map(|ws| self.read(ws)),
            Step::Look => {
                self.server.poll_overdue().map(|link| self.server.handle_quiet(self.now, link))
            }
            Step::Close => self.ws.take().map(|ws| self.server.handle_closed(self.now, ws)),
            Step::Emit => self.emit(),
            Step::End => {
                self.server.close(self.now, self.session);
                Some(())
            }
            Step::Timeout => self.server.poll_timeout().map(|due| {
                self.now = self.now.max(due);
                self.server.handle_timeout(self.now);
            }),
        };
        self.reached = self.server.transports();
        self.settle();
        self.reached.extend(self.server.transports());
        possible.is_some()
    }

    fn poll(&mut self) -> Option<()> {
        match request(&mut self.server, self.now, Method::Get, &self.target) {
            Verdict::Respond(response) if response.status == 200 => self.payload(&response.body),
            Verdict::Respond(response) => assert_eq!(response.status, 400),
            Verdict::Hold(Some(link)) => {
                assert_eq!(self.get.replace(link), None, "one poll is held at a time");
            }
            verdict @ (Verdict::Body { .. }
            | Verdict::Continue
            | Verdict::Hold(None)
            | Verdict::Pass
            | Verdict::Upgrade { .. }) => panic!("{verdict:?} to a poll"),
        }
        Some(())
    }

    fn head(&mut self) -> Option<()> {
        match request(&mut self.server, self.now, Method::Post, &self.target) {
            Verdict::Respond(response) => assert_eq!(response.status, 400),
            Verdict::Body { link: Some(link), .. } => {
                assert_eq!(self.post.replace(link), None, "one POST is taken at a time");
            }
            verdict @ (Verdict::Body { link: None, .. }
            | Verdict::Continue
            | Verdict::Hold(_)
            | Verdict::Pass
            | Verdict::Upgrade { .. }) => panic!("{verdict:?} to a POST"),
        }
        Some(())
    }

    fn body(&mut self, link: Link) {
        let body = format!("4{}", self.said);
        let verdict = self.server.handle_body(self.now, link, body.as_bytes());
        let Verdict::Respond(response) = verdict else { panic!("{verdict:?} to a body") };
        self.said += usize::from(response.status == 200);
        assert!(self.server.poll_transmit(link).is_none(), "a POST is answered once");
    }

    fn leave(&mut self) -> Option<()> {
        let link = self.post.take()?;
        let verdict = self.server.handle_body(self.now, link, b"1");
        let Verdict::Respond(response) = verdict else { panic!("{verdict:?} to a body") };
        self.crossing = response.status == 200 && self.get.is_none();
        Some(())
    }

    fn open(&mut self) -> Option<()> {
        let target = self.target.replace("polling", "websocket");
        if self.ws.is_some_and(|ws| self.server.is_over(ws)) {
            self.read(self.ws?);
        }
        let Verdict::Upgrade { link: Some(link), .. } =
            request(&mut self.server, self.now, Method::Get, &target)
        else {
            panic!("a WebSocket is always accepted")
        };
        if self.ws.is_some() || self.server.is_over(link) {
            // One too many is told to close; other clients do not notice.
            let farewell = self.server.poll_transmit(link);
            assert!(matches!(farewell, Some(Transmit::Close(_))), "{farewell:?}");
            return Some(());
        }
        self.ws = Some(link);
        self.rung.insert(link);
        Some(())
    }

    fn on_websocket(&mut self, text: &str) -> Option<()> {
        let ws = self.ws?;
        self.server.handle_message(self.now, ws, Message::Text(text));
        // The stream that read it looks for an answer.
        self.rung.insert(ws);
        Some(())
    }

    /// A message counts when the session has moved to the WebSocket.
    fn say(&mut self) -> Option<()> {
        let counts = self.server.transports() == ["WebSocket"];
        let text = format!("4{}", self.said);
        self.on_websocket(&text)?;
        self.said += usize::from(counts);
        Some(())
    }

    fn emit(&mut self) -> Option<()> {
        let text = self.sent.to_string();
        // A session that closes takes no more.
        self.server.send(self.session, Message::Text(&text)).ok()?;
        self.sent += 1;
        Some(())
    }

    fn read(&mut self, ws: Link) {
        if !self.rung.remove(&ws) {
            return;
        }
        while let Some(transmit) = self.server.poll_transmit(ws) {
            match transmit {
                Transmit::Frame(frame) => self.packet(frame.payload()),
                Transmit::Close(_) => self.ws = None,
                Transmit::Response(response) => panic!("{response:?} on a WebSocket"),
            }
        }
    }

    fn payload(&mut self, body: &[u8]) {
        body.split(|&byte| byte == 0x1e).for_each(|packet| self.packet(packet));
    }

    fn packet(&mut self, packet: &[u8]) {
        match std::str::from_utf8(packet).expect("packets are text") {
            "1" | "2" | "3probe" | "6" => {}
            text => {
                assert_eq!(text, format!("4{}", self.got), "messages come once and in order");
                self.got += 1;
            }
        }
    }

    /// Polls are answered as soon as they can be, and the application gets every message.
    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest are of Socket.IO")]
    fn settle(&mut self) {
        self.rung.extend(std::iter::from_fn(|| self.server.poll_link()));
        if let Some(link) = self.get.filter(|get| self.rung.remove(get))
            && let Some(transmit) = self.server.poll_transmit(link)
        {
            let Transmit::Response(response) = transmit else { panic!("{transmit:?} to a poll") };
            if response.status == 200 {
                self.payload(&response.body);
            } else {
                assert_eq!(
                    (response.status, &*self.server.transports()),
                    (400, &["WebSocket".into()][..])
                );
            }
            self.get = None;
        }
        while let Some(event) = self.server.poll_event() {
            match event {
                Event::Received { message, .. } => {
                    assert_eq!(message, Received::Text(self.heard.to_string().into()));
                    self.heard += 1;
                }
                Event::Closed { .. } => assert!(!std::mem::replace(&mut self.closed, true)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(self.heard, self.said, "what was accepted is heard");
        self.server.check();
        if self.is_over() {
            assert_eq!(self.get, None, "a poll is answered when its session ends");
            assert!(self.closed, "the application is told");
        }
    }

    /// One poll crosses the CLOSE of its client, and no other reaches a session that is over.
    fn poll_late(&mut self) {
        let statuses = [(); 2].map(|()| {
            let verdict = request(&mut self.server, self.now, Method::Get, &self.target);
            let Verdict::Respond(response) = verdict else { panic!("{verdict:?} to a late poll") };
            assert!(response.status == 400 || *response.body == *b"6", "{response:?}");
            response.status
        });
        assert_eq!(statuses, if self.crossing { [200, 400] } else { [400; 2] });
    }

    fn is_over(&self) -> bool {
        self.server.counts().sessions == 0
    }

    /// A client that behaves from here on gets everything, and in the end nothing is left.
    fn finish(mut self, gracefully: bool) {
        if self.is_over() {
            self.poll_late();
        }
        // An upgrade that hangs is given up.
        let end = self.now + Duration::from_secs(10);
        while let Some(due) = self.server.poll_timeout().filter(|&due| due <= end) {
            self.now = self.now.max(due);
            self.server.handle_timeout(self.now);
        }
        self.now = end;
        self.settle();
        for _ in 0..8 {
            if self.get.is_none() && !self.is_over() {
                self.poll();
            }
            self.settle();
            if let Some(ws) = self.ws {
                self.read(ws);
            }
        }
        if !self.is_over() {
            assert_eq!(self.got, self.sent, "a message is lost");
        }
        if let Some(post) = self.post.take() {
            self.body(post);
        }
        if gracefully {
            self.server.close(self.now, self.session);
        }
        if let Some(ws) = self.ws.take() {
            self.server.handle_closed(self.now, ws);
        }
        while let Some(due) = self.server.poll_timeout() {
            self.now = self.now.max(due);
            self.server.handle_timeout(self.now);
        }
        self.settle();
        assert_eq!(self.server.counts(), Counts::default(), "something is left");
    }
}

/// When every session begins.
static BIRTH: std::sync::LazyLock<Instant> = std::sync::LazyLock::new(Instant::now);

fn request(server: &mut Server, now: Instant, method: Method, target: &str) -> Verdict {
    let shown = if target.contains("websocket") { UPGRADE.to_vec() } else { Vec::new() };
    server.handle_request(
        now,
        Request::new(method, target, Fields::host(&shown)),
        RequestContext::default(),
    )
}
