//! What a session holds; its streams and deadlines.

use std::num::NonZeroU32;
use std::time::Duration;

use super::channel::{Channel, Stage};
use super::route::Route;
use super::state::{Probe, State};
use crate::client::action::{Action, Purpose};
use crate::client::config::{Config, Transport};
use crate::client::cookies::Jar;
use crate::client::outputs::Outputs;
use crate::client::queue::{Cargo, Item, Queue};
use crate::client::spaces::Namespace;
use crate::engine::Opened;
use crate::engine::heartbeat::Heartbeat;
use crate::engine::terms::Revision;
use crate::error::Violation;
use crate::key::Key;
use crate::link::Link;
use crate::socket::attach::Partial;
use crate::socket::encoded::Packet;
use crate::time::Tick;

/// One session of a client, or the attempt at one.
#[derive(Debug)]
pub(in crate::client) struct Engine {
    pub(in crate::client) state: State,
    /// What the session speaks, or the one before.
    pub(in crate::client) revision: Revision,
    channels: [Option<Channel>; 3],
    /// Of the next stream.
    generation: NonZeroU32,
    pub(in crate::client) route: Option<Box<Route>>,
    pub(in crate::client) session: Option<Session>,
    pub(in crate::client) outbox: Queue,
    /// A packet whose attachments are arriving. Bounded by `limits.attachments` and
    /// `limits.attachment_bytes`.
    pub(in crate::client) incoming: Option<Box<Incoming>>,
    pub(in crate::client) dues: Dues,
    /// PONGs in the outbox. Bounded by `limits.pongs`.
    pub(super) pongs: u8,
    /// Whether something was refused because too much waits.
    pub(in crate::client) congested: bool,
    /// Whether the last session was on a WebSocket.
    pub(in crate::client) remembered: bool,
    pub(super) jar: Jar,
}

/// What the server said when it opened the session.
#[derive(Debug)]
pub(in crate::client) struct Session {
    pub(in crate::client) sid: Box<str>,
    /// Time between two PINGs, in milliseconds.
    interval: u32,
    /// Time in which a PING has to be answered, in milliseconds.
    timeout: u32,
    /// Bytes that the server takes in one message or payload.
    pub(in crate::client) max_payload: usize,
}

/// A packet that waits for its attachments.
#[derive(Debug)]
pub(in crate::client) struct Incoming {
    pub(in crate::client) partial: Partial,
    /// `None` when the namespace is not joined: the packet is dropped when it is complete.
    pub(in crate::client) to: Option<Namespace>,
    pub(in crate::client) due: Tick,
}

/// The deadlines of a session.
#[derive(Debug)]
pub(in crate::client) struct Dues {
    /// The opening or the closing has to be done.
    pub(in crate::client) phase: Tick,
    /// A PING is to be sent, or a PING or PONG has to have come.
    pub(in crate::client) beat: Heartbeat,
    /// The upgrade has to be done.
    pub(in crate::client) probe: Tick,
    /// The POST has to be answered.
    pub(in crate::client) post: Tick,
}

/// What a step of the session led to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::client) enum Step {
    /// All that waited when the client closed was sent.
    Closed,
    Nothing,
    /// The session is on a WebSocket now.
    Upgraded,
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::client) enum StreamEnd {
    Broken,
    /// The server closed it, between two answers.
    Closed,
}

/// A stream that ended too early.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::client) enum Gone {
    Broken,
    Unopened,
}

impl Gone {
    pub(in crate::client) fn is_unopened(self) -> bool {
        self == Self::Unopened
    }

    pub(in crate::client) fn message(self) -> &'static str {
        match self {
            Self::Broken => "the server closed the connection",
            Self::Unopened => "the connection could not be opened",
        }
    }
}

impl Dues {
    pub(in crate::client) const NONE: Self = Self {
        phase: Tick::NEVER,
        beat: Heartbeat::listen(Tick::NEVER),
        probe: Tick::NEVER,
        post: Tick::NEVER,
    };

    fn next(&self) -> Tick {
        self.phase.min(self.beat.due()).min(self.probe).min(self.post)
    }

    /// When the server counts as lost, unless something comes.
    pub(in crate::client) fn silent(&self) -> Tick {
        self.beat.pong_due().min(self.beat.silence_due())
    }
}

impl Session {
    pub(super) fn new(opened: Opened) -> Self {
        let max_payload = match usize::try_from(opened.max_payload) {
            Ok(0) | Err(_) => usize::MAX,
            Ok(bytes) => bytes,
        };
        let [interval, timeout] = [opened.ping_interval, opened.ping_timeout]
            .map(|time| u32::try_from(time.as_millis()).unwrap_or(u32::MAX));
        Self { sid: opened.sid.into(), interval, timeout, max_payload }
    }

    fn interval(&self) -> Duration {
        Duration::from_millis(self.interval.into())
    }

    fn timeout(&self) -> Duration {
        Duration::from_millis(self.timeout.into())
    }

    /// When the server counts as lost that was heard last now.
    fn patience(&self, now: Tick) -> Tick {
        now.after(self.interval() + self.timeout())
    }
}

impl Engine {
    pub(in crate::client) fn new() -> Self {
        Self {
            state: State::None,
            revision: Revision::V4,
            channels: [const { None }; 3],
            generation: NonZeroU32::MIN,
            route: None,
            session: None,
            outbox: Queue::default(),
            incoming: None,
            dues: Dues::NONE,
            pongs: 0,
            congested: false,
            remembered: false,
            jar: Jar::default(),
        }
    }

    /// Begins an attempt; `false` when there is no transport to try.
    pub(in crate::client) fn open(&mut self, config: &Config, due: Tick) -> bool {
        let route = Route::new(config, self.remembered);
        let Some(transport) = route.transport(config) else { return false };
        self.route = Some(Box::new(route));
        self.revision = config.opening();
        self.state = State::Opening(transport);
        self.dues = Dues { phase: due, ..Dues::NONE };
        true
    }

    /// Closes the session in an orderly way, after what waits.
    pub(in crate::client) fn close(&mut self, due: Tick, outputs: &mut Outputs) {
        let Some(carrier) = self.state.carrier() else { return };
        if carrier == Transport::Polling {
            self.drop_channel(Purpose::WebSocket, outputs);
            self.outbox.push(Item { packet: Packet::engine(b"1"), cargo: Cargo::Close });
        }
        self.state = State::Closing(carrier);
        self.dues = Dues { phase: due, post: self.dues.post, ..Dues::NONE };
        self.incoming = None;
    }

    /// Forgets the session; whole events that wait are given to `keep`, the last one first.
    pub(in crate::client) fn reset(
        &mut self,
        outputs: &mut Outputs,
        keep: impl FnMut(Namespace, Item),
    ) {
        for purpose in Purpose::ALL {
            self.drop_channel(purpose, outputs);
        }
        self.outbox.drain(keep);
        (self.state, self.dues) = (State::None, Dues::NONE);
        (self.route, self.session, self.incoming) = (None, None, None);
        (self.pongs, self.congested) = (0, false);
    }

    /// The next deadline.
    pub(in crate::client) fn due(&self) -> Tick {
        let incoming = self.incoming.as_ref().map_or(Tick::NEVER, |incoming| incoming.due);
        self.dues.next().min(incoming)
    }

    /// The session began.
    pub(super) fn start_beat(&mut self, now: Tick) {
        let Some(session) = &self.session else { return };
        self.dues.beat = match self.revision {
            Revision::V3(_) => Heartbeat::start(now.after(session.interval())),
            Revision::V4 => Heartbeat::listen(session.patience(now)),
        };
    }

    /// A PING of the server came.
    pub(super) fn note_ping(&mut self, now: Tick) -> Result<(), Violation> {
        let session = self.session.as_ref();
        self.dues.beat.ping(|| session.map_or(Tick::NEVER, |it| it.patience(now)))
    }

    /// The answer to a PING came.
    pub(super) fn note_pong(&mut self, now: Tick) -> Result<(), Violation> {
        let session = self.session.as_ref();
        self.dues.beat.pong(|| session.map_or(Tick::NEVER, |it| now.after(it.interval())))
    }

    /// Something came: the server lives.
    pub(super) fn note_life(&mut self, now: Tick) {
        let session = self.session.as_ref();
        self.dues.beat.other(|| session.map_or(Tick::NEVER, |it| it.patience(now)));
    }

    /// Asks the server whether it is there.
    pub(in crate::client) fn ping(&mut self, now: Tick) {
        let Some(session) = &self.session else { return };
        self.dues.beat.pinged(now.after(session.timeout()));
        self.outbox.push(Item::control(Packet::engine(b"2")));
    }

    /// Answers a PING; a server that pings without reading gets few answers.
    pub(super) fn pong(&mut self, most: u8) {
        if self.outbox.is_empty() {
            self.pongs = 0;
        }
        if self.pongs < most.max(1) {
            self.pongs += 1;
            self.outbox.push(Item::control(Packet::engine(b"3")));
        }
    }

    /// What a stream is for, if it is one of this session.
    pub(in crate::client) fn purpose(&self, link: Link) -> Option<Purpose> {
        Purpose::ALL.into_iter().find(|&purpose| self.link(purpose) == Some(link))
    }

    pub(super) fn channel(&mut self, purpose: Purpose) -> Option<&mut Channel> {
        self.channels[purpose.slot() as usize].as_mut()
    }

    pub(super) fn take_channel(&mut self, purpose: Purpose) -> Option<Channel> {
        self.channels[purpose.slot() as usize].take()
    }

    /// The host says that a stream is gone; `None` when that does no harm.
    pub(in crate::client) fn on_gone(&mut self, purpose: Purpose, end: StreamEnd) -> Option<Gone> {
        let channel = self.take_channel(purpose)?;
        let again = purpose == Purpose::Poll && end == StreamEnd::Closed;
        let harmless = channel.may_end(again) || !self.state.needs(purpose);
        if harmless && !self.state.ends_with(purpose) {
            return None;
        }
        Some(if matches!(channel.stage, Stage::Opening) { Gone::Unopened } else { Gone::Broken })
    }

    /// Closes a stream.
    pub(super) fn drop_channel(&mut self, purpose: Purpose, outputs: &mut Outputs) {
        if let Some(link) = self.link(purpose) {
            outputs.act(Action::Close(link));
            self.take_channel(purpose);
        }
    }

    /// Tries another transport or host with a new stream.
    pub(super) fn retarget(&mut self, config: &Config, outputs: &mut Outputs) {
        for purpose in Purpose::ALL {
            self.drop_channel(purpose, outputs);
        }
        if let Some(transport) = self.route.as_ref().and_then(|route| route.transport(config)) {
            self.state = State::Opening(transport);
        }
    }

    /// Does what the state asks for: opens streams, makes requests, moves to the WebSocket.
    pub(super) fn advance(&mut self, now: Tick, config: &Config, outputs: &mut Outputs) -> Step {
        match self.state {
            State::None => {}
            State::Opening(Transport::Polling) => self.want(Purpose::Poll, outputs),
            State::Opening(Transport::WebSocket) => self.want(Purpose::WebSocket, outputs),
            State::Polling => self.poll(now, config, outputs),
            State::Probing(probe) => {
                self.poll(now, config, outputs);
                match probe {
                    Probe::Opening => self.want(Purpose::WebSocket, outputs),
                    Probe::Due => self.note(Purpose::WebSocket, outputs),
                    Probe::Asked => {}
                }
            }
            State::Pausing => {
                if self.is_quiet(Purpose::Poll) && self.is_quiet(Purpose::Post) {
                    self.move_over(outputs);
                    return Step::Upgraded;
                }
            }
            State::WebSocket => {
                if !self.outbox.is_empty() {
                    self.note(Purpose::WebSocket, outputs);
                }
            }
            State::Closing(Transport::Polling) => {
                if !self.outbox.is_empty() {
                    self.post(now, config, outputs);
                } else if self.is_quiet(Purpose::Post) {
                    return Step::Closed;
                }
            }
            State::Closing(Transport::WebSocket) => self.note(Purpose::WebSocket, outputs),
        }
        Step::Nothing
    }

    /// Keeps one GET going, and a POST when something waits.
    fn poll(&mut self, now: Tick, config: &Config, outputs: &mut Outputs) {
        self.want(Purpose::Poll, outputs);
        if !self.outbox.is_empty() {
            self.post(now, config, outputs);
        }
    }

    fn post(&mut self, now: Tick, config: &Config, outputs: &mut Outputs) {
        if self.dues.post == Tick::NEVER {
            self.dues.post = now.after(config.timeout);
        }
        self.want(Purpose::Post, outputs);
    }

    /// Leaves polling behind: all it carried has arrived.
    fn move_over(&mut self, outputs: &mut Outputs) {
        self.drop_channel(Purpose::Poll, outputs);
        self.drop_channel(Purpose::Post, outputs);
        self.state = State::WebSocket;
        (self.dues.probe, self.dues.post) = (Tick::NEVER, Tick::NEVER);
        self.remembered = true;
        self.outbox.resume();
        self.outbox.push_front(Item::control(Packet::engine(b"5")));
        self.note(Purpose::WebSocket, outputs);
    }

    fn is_quiet(&self, purpose: Purpose) -> bool {
        self.channels[purpose.slot() as usize].as_ref().is_none_or(Channel::is_quiet)
    }

    /// Opens a stream, or makes a request on it, unless it is at work.
    fn want(&mut self, purpose: Purpose, outputs: &mut Outputs) {
        let Some(route) = &self.route else { return };
        let place = &mut self.channels[purpose.slot() as usize];
        match place {
            None => {
                let channel = Channel::new(self.generation);
                self.generation = self.generation.checked_add(1).unwrap_or(NonZeroU32::MIN);
                let link = Link(Key::new(purpose.slot(), channel.generation));
                *place = Some(channel);
                let endpoint = route.endpoint.clone();
                outputs.act(Action::Open { link, endpoint, purpose });
            }
            Some(channel) if matches!(channel.stage, Stage::Ready) => {
                channel.stage = Stage::Due;
                self.note(purpose, outputs);
            }
            Some(_) => {}
        }
    }

    /// Tells the host that something can be pulled.
    fn note(&mut self, purpose: Purpose, outputs: &mut Outputs) {
        let Some(link) = self.link(purpose) else { return };
        let Some(channel) = self.channel(purpose) else { return };
        if !channel.noted && matches!(channel.stage, Stage::Due | Stage::Open) {
            channel.noted = true;
            outputs.act(Action::Transmit(link));
        }
    }

    fn link(&self, purpose: Purpose) -> Option<Link> {
        let channel = self.channels[purpose.slot() as usize].as_ref()?;
        Some(Link(Key::new(purpose.slot(), channel.generation)))
    }
}
