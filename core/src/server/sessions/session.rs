//! Sessions: how they open, live by their heartbeat, upgrade and end.

use std::sync::Arc;
use std::time::Instant;

use crate::config::{Layer, SlowClient};
use crate::engine::heartbeat::Heartbeat;
use crate::engine::outbox::Outbox;
use crate::error::{Reason, Refused, Violation};
use crate::http::{Request, Response};
use crate::key::{self, Key, Secret, Sid};
use crate::link::{Link, Message, Transmit};
use crate::server::door::handshake::Handshake;
use crate::server::door::origin::{self, Access};
use crate::server::door::refusal::{self, Refusal};
use crate::server::door::strangers::Source;
use crate::server::sessions::deadline::Due;
use crate::server::sessions::link::poll_response;
use crate::server::sessions::transport::{OnGone, Transport};
use crate::server::{Event, Server};
use crate::socket::attach::Partial;
use crate::socket::encoded::Packet;
use crate::time::Tick;
use crate::ws::CloseCode;

/// One Engine.IO session.
#[derive(Debug)]
pub(in crate::server) struct Session {
    key: Key,
    secret: Secret,
    /// Namespaces joined or asked for. Bounded by `limits.namespaces`.
    pub(in crate::server) joined: u16,
    /// Whether a namespace was ever asked for.
    pub(in crate::server) introduced: bool,
    /// Whether an emit was refused since the backlog was last small.
    pub(in crate::server) congested: bool,
    pub(in crate::server) transport: Transport,
    pub(in crate::server) outbox: Outbox,
    pub(in crate::server) beat: Heartbeat,
    /// When a probe must be over, or a closing session.
    pub(in crate::server) aside_due: Tick,
    /// First of the session's clients, which form a list.
    pub(in crate::server) clients: u32,
    /// Its place among the strangers, until it is admitted to a namespace.
    pub(in crate::server) place: u32,
    /// A packet that waits for attachments.
    pub(in crate::server) partial: Option<Box<Partial>>,
    /// The foreign page that may read the answers.
    pub(in crate::server) origin: Option<Arc<str>>,
    pub(in crate::server) handshake: Arc<Handshake>,
}

const _: () = assert!(size_of::<Session>() <= 168, "a session is held per connection");

impl Session {
    /// Whether it was not admitted to a namespace yet.
    pub(in crate::server) fn is_stranger(&self) -> bool {
        self.place != crate::server::NONE
    }
}

/// What the links of an ending session are told.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Goodbye {
    poll: PollEnd,
    code: CloseCode,
}

/// The answer to a poll that is held when the session ends.
#[derive(Clone, Copy, Debug)]
enum PollEnd {
    Packet(&'static str),
    Refused(Violation),
}

impl Goodbye {
    /// The server closes: a poll is answered with CLOSE.
    pub(in crate::server) const SERVER: Self =
        Self { poll: PollEnd::Packet("1"), code: CloseCode::NORMAL };
    /// The client closes: a poll is released with NOOP.
    pub(in crate::server) const CLIENT: Self =
        Self { poll: PollEnd::Packet("6"), code: CloseCode::NORMAL };

    /// A rule was broken that concerns the session as a whole.
    pub(in crate::server) fn of(violation: Violation) -> Self {
        Self { poll: PollEnd::Packet("1"), code: violation.close_code() }
    }

    /// A request broke a rule: a poll is refused as the request is. Whichever answer comes first tells
    /// the client why; CLOSE would read as an orderly end.
    pub(in crate::server) fn refusing(violation: Violation) -> Self {
        Self { poll: PollEnd::Refused(violation), code: violation.close_code() }
    }
}

impl Server {
    /// Takes note that the stream under `link` is gone, cleanly or not.
    pub fn handle_closed(&mut self, now: Instant, link: Link) {
        self.enter(now);
        let slot = self.session_of(link);
        self.links.remove(link.0);
        let Some(slot) = slot else { return };
        let Some(session) = self.sessions.at_mut(slot) else { return };
        let (transport, outcome) = session.transport.on_gone(link);
        session.transport = transport;
        match outcome {
            OnGone::Aborted => self.end(slot, Reason::TransportError, Goodbye::SERVER),
            OnGone::Closed => self.end(slot, Reason::TransportClose, Goodbye::CLIENT),
            OnGone::ProbeLost => session.aside_due = Tick::NEVER,
            OnGone::Over => drop(self.remove_session(slot)),
            OnGone::Nothing => {}
        }
    }

    /// Takes note that the peer broke a rule of framing on `link`, and returns the answer to it for a
    /// stream that still speaks HTTP: see [`Decoder::reject_as`](crate::Decoder::reject_as).
    pub fn handle_violation(&mut self, now: Instant, link: Link, violation: Violation) -> Response {
        self.enter(now);
        let Some(slot) = self.session_of(link) else {
            // The session ended before, and mostly left an answer.
            let left = self.take_last_answer(link);
            return self.dress(link, left.unwrap_or_else(|| Response::refusing(violation)));
        };
        let response = self.dress(link, refusal::of_session(violation));
        if self.sessions.at(slot).is_some_and(|session| session.transport.is_probe(link)) {
            self.handle_closed(now, link);
        } else {
            self.links.remove(link.0);
            self.end(slot, Reason::Violation(violation), Goodbye::refusing(violation));
        }
        response
    }

    /// Makes an answer of the embedder's own to the request under `link` one of this server's: adds
    /// [`Config::headers`](crate::Config::headers), and what lets the page that asked read it.
    #[must_use]
    pub fn dress(&self, link: Link, response: Response) -> Response {
        let session = self.session_of(link).and_then(|slot| self.sessions.at(slot));
        let origin = session.and_then(|session| session.origin.as_deref());
        let mut response = origin::allow(response, origin, &self.config);
        response.dress(&self.config.headers);
        response
    }

    /// Closes every session, as a server going down does: clients will reconnect.
    pub fn shutdown(&mut self, now: Instant) {
        let now = self.enter(now);
        let keys: Vec<Key> = self.sessions.keys().collect();
        for key in keys {
            self.wind_down(now, key.slot, Reason::ShuttingDown);
        }
    }

    /// Sends one message on a bare Engine.IO session.
    ///
    /// # Errors
    /// [`Refused::Gone`] when the session ended, [`Refused::Backlog`] when it reads too slowly, unless
    /// [`Config::slow`](crate::Config::slow) says otherwise.
    pub fn send(&mut self, session: key::Session, message: Message<'_>) -> Result<(), Refused> {
        self.sessions.get(session.0).ok_or(Refused::Gone)?;
        let packet = match message {
            Message::Binary(bytes) => Packet::engine_binary(bytes),
            Message::Text(text) => Packet::engine(format!("4{text}").as_bytes()),
        };
        self.send_event(session.0.slot, packet)
    }

    /// Closes a bare Engine.IO session once what waits for it is delivered.
    pub fn close(&mut self, now: Instant, session: key::Session) {
        let now = self.enter(now);
        if self.sessions.get(session.0).is_some() {
            self.wind_down(now, session.0.slot, Reason::ForcedClose);
        }
    }

    pub(in crate::server) fn open_session(
        &mut self,
        now: Tick,
        request: &Request<'_>,
        access: Access<'_>,
    ) -> u32 {
        let source = Source::of(request.peer);
        let secret = Secret(self.rng.bytes());
        let handshake =
            Arc::new(Handshake::of(request, &self.config.keep_headers, &mut self.scratch));
        self.budget.heads += handshake.bytes_held();
        let mut origin = None;
        access.remember(&mut origin);
        let (timers, strangers) = (&mut self.timers, &mut self.strangers);
        let layer = self.config.layer;
        let key = self.sessions.insert(|key| Session {
            key,
            secret,
            joined: 0,
            introduced: false,
            congested: false,
            transport: Transport::Polling { get: None, post: None },
            outbox: Outbox::new(),
            beat: Heartbeat::start(timers.arm(Due::Ping, now, key.slot)),
            aside_due: Tick::NEVER,
            clients: crate::server::NONE,
            place: match layer {
                Layer::SocketIo => {
                    strangers.enter(source, key.slot, timers.arm(Due::Connect, now, key.slot))
                }
                Layer::EngineIo => crate::server::NONE,
            },
            partial: None,
            origin,
            handshake: handshake.clone(),
        });
        if layer == Layer::EngineIo {
            self.events.push_back(Event::Opened { session: key::Session(key), handshake });
        }
        self.compact_timers();
        key.slot
    }

    /// Makes room for a newcomer among the sessions in no namespace; says whether there is some.
    pub(in crate::server) fn make_room(&mut self, newcomer: Source) -> bool {
        let layer = self.config.layer;
        if layer == Layer::EngineIo || self.strangers.len() < self.config.limits.handshakes {
            return true;
        }
        let Some(slot) = self.strangers.who_gives_way_to(newcomer) else { return false };
        self.end(slot, Reason::GaveWay, Goodbye::SERVER);
        self.gave_way += 1;
        true
    }

    /// The session need not join a namespace any more.
    pub(in crate::server) fn introduce(&mut self, slot: u32) {
        if let Some(session) = self.sessions.at_mut(slot)
            && session.is_stranger()
        {
            self.strangers.leave(std::mem::replace(&mut session.place, crate::server::NONE));
        }
    }

    /// The OPEN packet of a session.
    pub(in crate::server) fn open_packet(&self, slot: u32) -> String {
        let Some(session) = self.sessions.at(slot) else { return String::new() };
        let transports = self.config.transports;
        let upgrades = transports.upgrades && !session.transport.is_websocket();
        self.open.packet(|out| self.put_sid(slot, session, out), upgrades)
    }

    /// Appends the sid of a session.
    pub(in crate::server) fn put_sid(&self, slot: u32, session: &Session, out: &mut String) {
        match self.own_sids.text(slot) {
            Some(text) => out.push_str(text),
            None => Sid::new(self.shard, slot, session.secret.0).put(out),
        }
    }

    /// Makes a fresh session start on WebSocket.
    pub(in crate::server) fn open_websocket(&mut self, slot: u32) -> Link {
        let ws = self.attach(slot);
        if let Some(session) = self.sessions.at_mut(slot) {
            session.transport = Transport::WebSocket { ws };
        }
        let open = self.open_packet(slot);
        self.push(slot, Packet::engine(open.as_bytes()));
        ws
    }

    /// The session a sid names, when its secret is right and its shard is this one.
    pub(in crate::server) fn find_session(&self, sid: &str) -> Option<u32> {
        let ours = Sid::parse(sid).ok().filter(|sid| {
            sid.shard() == self.shard.index
                && self.sessions.at(sid.slot()).is_some_and(|session| sid.proves(&session.secret.0))
        });
        ours.map_or_else(|| self.own_sids.find(sid), |sid| Some(sid.slot()))
    }

    pub(in crate::server) fn session_key(&self, slot: u32) -> Option<key::Session> {
        self.sessions.at(slot).map(|session| key::Session(session.key))
    }

    /// Queues a packet that the protocol itself owes the peer.
    pub(in crate::server) fn push(&mut self, slot: u32, packet: Packet) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        session.outbox.push(&mut self.pool, packet);
        if let Some(link) = session.transport.carrier() {
            self.mark_ready(link);
        }
    }

    /// Queues a packet within the session's budget.
    #[inline]
    pub(in crate::server) fn send_packet(
        &mut self,
        slot: u32,
        packet: Packet,
    ) -> Result<(), Refused> {
        let max = self.config.limits.max_backlog;
        let session = self.sessions.at_mut(slot).ok_or(Refused::Gone)?;
        if session.transport.is_closing() {
            return Err(Refused::Gone);
        }
        let bytes = session.outbox.bytes();
        if bytes >= max {
            session.congested = true;
            return Err(Refused::Backlog { bytes });
        }
        self.push(slot, packet);
        Ok(())
    }

    /// Queues an event, or does with it what is chosen for slow clients.
    pub(in crate::server) fn send_event(
        &mut self,
        slot: u32,
        packet: Packet,
    ) -> Result<(), Refused> {
        match self.send_packet(slot, packet) {
            Err(Refused::Backlog { bytes }) => self.on_slow(slot, bytes),
            sent => sent,
        }
    }

    /// Queues an event that goes to many; says whether it was.
    pub(in crate::server) fn send_shared(&mut self, slot: u32, packet: Packet) -> bool {
        match self.send_packet(slot, packet) {
            Ok(()) => true,
            Err(refused) => {
                self.on_left_out(slot, refused);
                false
            }
        }
    }

    /// An event to many was not queued for one of them: what becomes of that one.
    #[cold]
    fn on_left_out(&mut self, slot: u32, refused: Refused) {
        if let Refused::Backlog { .. } = refused
            && matches!(self.config.slow, SlowClient::Disconnect | SlowClient::Refuse)
        {
            self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
        }
    }

    /// An event to one client does not fit: what becomes of it, and of the client.
    #[cold]
    pub(in crate::server) fn on_slow(&mut self, slot: u32, bytes: usize) -> Result<(), Refused> {
        match self.config.slow {
            SlowClient::Disconnect => {
                self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
                Err(Refused::Gone)
            }
            SlowClient::Drop => Ok(()),
            SlowClient::Refuse | SlowClient::Skip => Err(Refused::Backlog { bytes }),
        }
    }

    /// Queues a packet nobody waits to resend: a peer too slow for it is cut off.
    pub(in crate::server) fn send_or_end(&mut self, slot: u32, packet: Packet) {
        if let Err(Refused::Backlog { .. }) = self.send_packet(slot, packet) {
            self.end(slot, Reason::SlowConsumer, Goodbye::SERVER);
        }
    }

    /// Queues a packet if it can leave now; says whether it was.
    pub(in crate::server) fn send_volatile(&mut self, slot: u32, packet: Packet) -> bool {
        let writable = self.sessions.at(slot).is_some_and(|session| {
            session.outbox.is_empty() && session.transport.carrier().is_some()
        });
        writable && !self.is_short() && self.send_packet(slot, packet).is_ok()
    }

    /// Tells the application when a congested session has room again.
    pub(in crate::server) fn note_drain(&mut self, slot: u32) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        if session.congested && session.outbox.bytes() <= self.config.limits.max_backlog / 2 {
            session.congested = false;
            let first = session.clients;
            let sockets: Vec<_> = self.present(first).collect();
            self.events.extend(sockets.into_iter().map(|socket| Event::Drain { socket }));
        }
    }

    /// A PONG came.
    pub(in crate::server) fn note_pong(&mut self, now: Tick, slot: u32) {
        if let Some(session) = self.sessions.at_mut(slot) {
            session.beat.pong(|| self.timers.arm(Due::Ping, now, slot));
        }
    }

    /// Another packet came.
    pub(in crate::server) fn note_life(&mut self, now: Tick, slot: u32) {
        if let Some(session) = self.sessions.at_mut(slot) {
            session.beat.other(|| self.timers.arm(Due::Pong, now, slot));
        }
    }

    /// Ends a probe; the session goes on polling.
    pub(in crate::server) fn give_up_probe(&mut self, slot: u32) {
        let Some(session) = self.sessions.at_mut(slot) else { return };
        let (transport, ws) = session.transport.on_probe_failed();
        let Some(ws) = ws else { return };
        session.transport = transport;
        session.aside_due = Tick::NEVER;
        let carrier = (!session.outbox.is_empty()).then(|| transport.carrier()).flatten();
        self.farewell(ws, Transmit::Close(CloseCode::NORMAL));
        if let Some(link) = carrier {
            self.mark_ready(link);
        }
    }

    /// Moves a session to its WebSocket; says whether it was the time for it.
    pub(in crate::server) fn upgrade(&mut self, slot: u32) -> bool {
        let Some(session) = self.sessions.at_mut(slot) else { return false };
        let Some((transport, post)) = session.transport.on_upgrade() else { return false };
        session.transport = transport;
        session.aside_due = Tick::NEVER;
        let carrier = (!session.outbox.is_empty()).then(|| transport.carrier()).flatten();
        if let Some(post) = post {
            let origin = session.origin.clone();
            self.give_up_post(post, origin.as_deref());
        }
        if let Some(link) = carrier {
            self.mark_ready(link);
        }
        true
    }

    /// Ends a session at once: what waits for it is dropped, its links are told.
    pub(in crate::server) fn end(&mut self, slot: u32, reason: Reason, goodbye: Goodbye) {
        self.disconnect_all(slot, reason);
        let Some(session) = self.remove_session(slot) else { return };
        let (transport, origin) = session;
        let [get, post, ws] = transport.links();
        if let Some(get) = get {
            let origin = origin.as_deref();
            let response = match goodbye.poll {
                PollEnd::Packet(packet) => poll_response(packet, origin, &self.config),
                PollEnd::Refused(violation) => {
                    origin::allow(refusal::of_session(violation), origin, &self.config)
                }
            };
            self.farewell(get, Transmit::Response(response));
        }
        if let Some(post) = post {
            self.give_up_post(post, origin.as_deref());
        }
        if let Some(ws) = ws {
            self.farewell(ws, Transmit::Close(goodbye.code));
        }
    }

    /// Ends a session gracefully: its clients are gone now, the peer gets what waits and then CLOSE.
    pub(in crate::server) fn wind_down(&mut self, now: Tick, slot: u32, reason: Reason) {
        self.disconnect_all(slot, reason);
        self.introduce(slot);
        let Some(session) = self.sessions.at_mut(slot) else { return };
        let (transport, [post, ws]) = session.transport.on_closing();
        session.transport = transport;
        session.aside_due = self.timers.arm(Due::Close, now, slot);
        self.aside -= session.partial.take().map_or(0, |partial| partial.bytes_held());
        if let Some(post) = post {
            let origin = session.origin.clone();
            self.give_up_post(post, origin.as_deref());
        }
        if let Some(ws) = ws {
            self.farewell(ws, Transmit::Close(CloseCode::NORMAL));
        }
        if let Some(link) = transport.carrier() {
            self.mark_ready(link);
        }
    }

    /// Answers a POST whose body comes too late to be heard.
    fn give_up_post(&mut self, post: Link, origin: Option<&str>) {
        let response = origin::allow(Refusal::Ended.response(), origin, &self.config);
        self.farewell(post, Transmit::Response(response));
    }

    /// Takes a session out of the table with everything it holds; its links and origin remain to be
    /// told.
    pub(in crate::server) fn remove_session(
        &mut self,
        slot: u32,
    ) -> Option<(Transport, Option<Arc<str>>)> {
        let key = self.sessions.key(slot)?;
        let mut session = self.sessions.remove(key)?;
        session.outbox.clear(&mut self.pool);
        self.aside -= session.partial.as_ref().map_or(0, |partial| partial.bytes_held());
        self.strangers.leave(session.place);
        self.budget.heads -= session.handshake.bytes_held();
        if !self.own_sids.is_empty() {
            self.own_sids.remove(slot);
        }
        Some((session.transport, session.origin))
    }

    /// Takes every client of a session out of its namespace.
    fn disconnect_all(&mut self, slot: u32, reason: Reason) {
        if self.config.layer == Layer::EngineIo {
            let Some(session) = self.session_key(slot) else { return };
            if self.sessions.at(slot).is_some_and(|session| !session.transport.is_closing()) {
                self.events.push_back(Event::Closed { session, reason });
            }
            return;
        }
        while let Some(first) = self.sessions.at(slot).map(|session| session.clients) {
            if first == crate::server::NONE {
                break;
            }
            self.remove_client(first, reason);
        }
    }
}
