//! A process that emits to the clients of a cluster, and serves none.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::line::{self, Line, Up};
use super::receipts::Receipts;
use super::unheard::Unheard;
use super::{EmitterConfig, EmitterError, EmitterEvent, Flush, Loss, Unconfirmed};
use crate::cluster::bus::{Body, Codec, Flags, Format, Lane, Message, Names, Payload, To};
use crate::cluster::node::outbox::{Keep, Outbox};
use crate::cluster::{BusCounts, BusError, Command};
use crate::error::Misuse;
use crate::rng::Rng;
use crate::socket::EventMessage;

/// A process that emits to the clients of a cluster, and serves none.
///
/// It writes messages, and a driver hands these to a broker in the order of the calls. It subscribes to nothing, so that
/// other processes neither count nor ask it.
#[derive(Debug)]
pub struct Emitter {
    config: EmitterConfig,
    codec: Codec,
    names: Names,
    rng: Rng,
    line: Line,
    outbox: Outbox<Letter>,
    /// Oldest first. The first was taken by the driver, which bounds the number of those.
    flying: VecDeque<Flying>,
    receipts: Receipts,
    unheard: Unheard,
    counts: BusCounts,
    /// At most one of each kind, but for channels.
    events: VecDeque<EmitterEvent>,
    /// When a failure was told last, while the broker is not connected.
    told: Option<Instant>,
    /// Messages that were lost since the broker was connected.
    dropped: u64,
    is_closed: bool,
}

/// A message that waits for the driver.
#[derive(Debug)]
struct Letter {
    channel: String,
    payload: Payload<'static>,
    keep: Keep,
    /// Whether all servers subscribe to the channel: that of a room is for those with clients in it.
    is_for_all: bool,
}

/// A message whose fate is not known, or not told before that of an older one.
#[derive(Debug)]
enum Flying {
    /// It waited behind others and was lost.
    Lost(Loss),
    /// The driver took it.
    Taken {
        /// The channel, if somebody has to subscribe to it.
        channel: Option<Box<str>>,
        keep: Keep,
        since: Instant,
    },
}

/// How often the same failure is told.
const QUIET: Duration = Duration::from_secs(60);

impl Emitter {
    /// Makes an emitter, for whose pauses `seed` is the source of chance.
    #[must_use]
    pub fn new(config: EmitterConfig, seed: [u8; 32]) -> Self {
        let prefix = config.prefix.as_deref().unwrap_or_else(|| config.format.usual_prefix());
        Self {
            codec: Codec::new(config.format, config.limits.clone()),
            names: Names::new(config.format, prefix)
                .with_room_channels(config.room_channels)
                .with_streams(config.streams),
            rng: Rng::new(seed, 0),
            line: Line::Down { failures: 0 },
            outbox: Outbox::new(config.queue, config.age),
            flying: VecDeque::new(),
            receipts: Receipts::default(),
            unheard: Unheard::default(),
            counts: BusCounts::default(),
            events: VecDeque::new(),
            told: None,
            dropped: 0,
            is_closed: false,
            config,
        }
    }

    /// Returns the format of the messages.
    #[must_use]
    pub fn format(&self) -> Format {
        self.config.format
    }

    /// Returns what was counted.
    #[must_use]
    pub fn counts(&self) -> BusCounts {
        BusCounts {
            connected: matches!(self.line, Line::Up(_)),
            queued: self.outbox.len(),
            queued_bytes: self.outbox.bytes() as u64,
            ..self.counts.clone()
        }
    }

    /// Whether [`close`](Self::close) was called.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// Whether the emitter is closed and the fate of all messages is known.
    #[must_use]
    pub fn is_done(&self) -> bool {
        self.is_closed && self.outbox.len() == 0 && self.flying.is_empty()
    }

    // What the process itself brings.

    /// Sends an event to the clients of a target.
    ///
    /// # Errors
    /// [`EmitterError`] when it is not sent.
    pub fn emit(
        &mut self,
        now: Instant,
        namespace: &str,
        to: To,
        event: EventMessage,
        flags: Flags,
    ) -> Result<(), EmitterError> {
        self.check(&event)?;
        self.config.format.check_broadcast(&to).map_err(BusError::from)?;
        self.publish(now, namespace, Body::Broadcast { to, event, flags, ask: None })
    }

    /// Sends an event to all servers.
    ///
    /// # Errors
    /// [`EmitterError`] when it is not sent.
    pub fn server_emit(
        &mut self,
        now: Instant,
        namespace: &str,
        event: EventMessage,
    ) -> Result<(), EmitterError> {
        self.check(&event)?;
        self.publish(now, namespace, Body::ServerEvent { event, request: None })
    }

    /// Has everybody leave a room.
    ///
    /// # Errors
    /// [`EmitterError`] when it is not sent.
    pub fn close_room(
        &mut self,
        now: Instant,
        namespace: &str,
        room: Box<str>,
    ) -> Result<(), EmitterError> {
        let body = match self.config.format {
            Format::Native | Format::Python => Body::Close { room },
            Format::Classic | Format::Sharded | Format::Streams => {
                let to = To { rooms: vec![room.clone()], ..To::default() };
                Body::Leave { to, rooms: vec![room] }
            }
        };
        self.publish(now, namespace, body)
    }

    /// Sends a message of any kind that wants no answer, such as [`Body::Join`].
    ///
    /// # Errors
    /// [`EmitterError`] when it is not sent.
    pub fn publish(
        &mut self,
        now: Instant,
        namespace: &str,
        body: Body,
    ) -> Result<(), EmitterError> {
        if !namespace.starts_with('/') || namespace.contains([',', '?']) {
            return Err(Misuse::NotANamespace.into());
        }
        let is_volatile =
            matches!(body, Body::Broadcast { flags: Flags { volatile: true, .. }, .. });
        let keep = if is_volatile { Keep::Volatile } else { Keep::Firm };
        let from = self.name().map(Box::from);
        let message = Message { from, namespace: namespace.into(), sequence: None, body };
        let payload = self.codec.encode(&message).map_err(BusError::from)?;
        self.check_size(&payload)?;
        let channel = self.names.channel(&message);
        let lane = self.names.place(namespace, &channel).map(|place| place.lane);
        let is_for_all =
            !matches!((self.config.format, lane), (Format::Sharded, Some(Lane::Room(_))));
        self.push(now, Letter { channel, payload, keep, is_for_all })?;
        Ok(())
    }

    /// Begins to wait until the broker confirmed all messages that were sent before. Those that are lost and that no
    /// other wait told of belong to it.
    pub fn flush(&mut self) -> Flush {
        self.receipts.begin()
    }

    /// Returns the outcome of a [`flush`](Self::flush), once, when it is known.
    ///
    /// # Errors
    /// [`Unconfirmed`] tells of messages that were lost, or may be.
    pub fn poll_flush(&mut self, flush: &Flush) -> Option<Result<(), Unconfirmed>> {
        self.receipts.outcome(flush)
    }

    /// Whether [`poll_flush`](Self::poll_flush) has an outcome of any [`flush`](Self::flush).
    #[must_use]
    pub fn has_outcome(&self) -> bool {
        self.receipts.has_outcome()
    }

    /// Ends a wait whose outcome nobody takes: the next one tells what it would have told.
    pub fn cancel(&mut self, flush: Flush) {
        self.receipts.forget(flush);
    }

    /// Ends the emitter: what waits is handed to the driver if the broker is connected, and dropped otherwise.
    pub fn close(&mut self) {
        self.is_closed = true;
        if !matches!(self.line, Line::Up(_)) {
            self.drop_all();
        }
    }

    // What the driver brings.

    /// The broker is connected, and carries messages of so many bytes at most.
    pub fn handle_connected(&mut self, now: Instant, largest: Option<usize>) {
        self.line = Line::Up(Up { largest, heard: now, pinged: None });
        self.told = None;
        let dropped = std::mem::take(&mut self.dropped);
        self.events.push_back(EmitterEvent::Connected { dropped });
    }

    /// The connection with the broker was lost, or could not be made. Returns when the next attempt is due; `None` when
    /// the emitter is closed.
    pub fn handle_lost(&mut self, now: Instant, why: &str) -> Option<Instant> {
        self.counts.note_error(now, why);
        let failures = match self.line {
            Line::Down { failures } => failures.saturating_add(1),
            Line::Hung | Line::GivenUp | Line::Up(_) => {
                self.counts.reconnects += 1;
                1
            }
        };
        self.line = Line::Down { failures };
        self.lose_flying();
        self.dropped += self.outbox.drop_volatile();
        if self.is_closed {
            self.drop_all();
            return None;
        }
        if self.told.is_none_or(|told| now.saturating_duration_since(told) >= QUIET) {
            self.told = Some(now);
            self.events.push_back(EmitterEvent::Lost { why: why.into() });
        }
        Some(now + line::pause(failures, &mut self.rng))
    }

    /// The broker took the oldest message that it had not confirmed, and so many subscribers got it, as far as it tells.
    pub fn handle_published(&mut self, now: Instant, receivers: Option<u64>) {
        self.hear(now);
        // What was given up is settled already.
        let Some(Flying::Taken { channel, keep, .. }) = self.flying.pop_front() else { return };
        if keep == Keep::Firm {
            self.receipts.confirm();
        }
        self.settle_lost();
        if let (Some(channel), Some(0)) = (channel, receivers)
            && self.unheard.is_news(now, &channel)
        {
            self.events.push_back(EmitterEvent::Unheard { channel });
        }
    }

    /// The broker refused the oldest message that it had not confirmed.
    pub fn handle_refused(&mut self, now: Instant, why: &str) {
        self.counts.note_error(now, why);
        self.hear(now);
        let Some(Flying::Taken { keep, .. }) = self.flying.pop_front() else { return };
        self.counts.refused += 1;
        if keep == Keep::Firm {
            self.receipts.lose(Loss::Refused);
        }
        self.settle_lost();
    }

    /// The broker gave a sign of life.
    pub fn handle_pong(&mut self, now: Instant) {
        self.hear(now);
        if let Line::Up(up) = &mut self.line {
            up.pinged = None;
        }
    }

    // What follows.

    /// Returns the next thing for the driver to do; nothing while the broker is not connected.
    #[must_use]
    pub fn poll_command(&mut self, now: Instant) -> Option<Command> {
        match &mut self.line {
            Line::Down { .. } | Line::GivenUp => None,
            Line::Hung => {
                self.line = Line::GivenUp;
                Some(Command::Disconnect)
            }
            Line::Up(up) => {
                let oldest = oldest(&self.flying);
                if up.ping_at(oldest).is_some_and(|due| due <= now) && self.outbox.len() == 0 {
                    up.pinged = Some(now);
                    return Some(Command::Ping);
                }
                self.next_publish(now)
            }
        }
    }

    /// Returns the next event.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<EmitterEvent> {
        self.events.pop_front()
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) is due.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let line = match &self.line {
            Line::Up(up) => {
                let oldest = oldest(&self.flying);
                up.hung_at(oldest).or_else(|| up.ping_at(oldest))
            }
            Line::Down { .. } | Line::Hung | Line::GivenUp => None,
        };
        [line, self.outbox.expiry()].into_iter().flatten().min()
    }

    /// Acts on deadlines; [`poll_command`](Self::poll_command) may have something afterwards.
    pub fn handle_timeout(&mut self, now: Instant) {
        for letter in self.outbox.expire(now) {
            self.counts.dropped_old += 1;
            self.lose(letter.keep, Loss::Expired);
        }
        if let Line::Up(up) = &self.line
            && up.hung_at(oldest(&self.flying)).is_some_and(|due| due <= now)
        {
            self.line = Line::Hung;
            self.lose_flying();
        }
    }

    /// What JavaScript calls processes like this one; other formats have no word for them.
    fn name(&self) -> Option<&'static str> {
        match self.config.format {
            Format::Classic | Format::Sharded | Format::Streams => Some("emitter"),
            Format::Native | Format::Python => None,
        }
    }

    fn check(&self, event: &EventMessage) -> Result<(), Misuse> {
        event.args().check_for(event.name(), self.config.limits.attachments)
    }

    fn check_size(&self, payload: &Payload<'_>) -> Result<(), BusError> {
        let (size, limit) = (payload.size(), self.largest());
        if size > limit { Err(BusError::TooLarge { size, limit }) } else { Ok(()) }
    }

    fn largest(&self) -> usize {
        let all = self.config.limits.message;
        match &self.line {
            Line::Up(Up { largest: Some(largest), .. }) => all.min(*largest),
            Line::Down { .. } | Line::Hung | Line::GivenUp | Line::Up(_) => all,
        }
    }

    fn push(&mut self, now: Instant, letter: Letter) -> Result<(), BusError> {
        let keep = letter.keep;
        if keep == Keep::Volatile && !matches!(self.line, Line::Up(_)) {
            self.counts.dropped_old += 1;
            self.dropped += 1;
            return Ok(());
        }
        let size = letter.channel.len() + letter.payload.size();
        let pushed = self.outbox.push(now, (letter, size), keep);
        self.counts.dropped_full += pushed.unwrap_or(1);
        match (pushed, keep) {
            (Ok(_), Keep::Firm) => self.receipts.send(),
            (Ok(_) | Err(_), Keep::Volatile) => {}
            (Err(_), Keep::Firm) => return Err(BusError::Full { limit: self.config.queue }),
        }
        Ok(())
    }

    fn next_publish(&mut self, now: Instant) -> Option<Command> {
        let limit = self.largest();
        let letter = loop {
            let letter = self.outbox.pop()?;
            if letter.payload.size() <= limit {
                break letter;
            }
            // It was queued before the broker told its limit.
            self.counts.refused += 1;
            self.lose(letter.keep, Loss::Refused);
        };
        let Letter { channel, payload, keep, is_for_all } = letter;
        self.counts.published += 1;
        self.counts.bytes_out += payload.size() as u64;
        let heard = is_for_all.then(|| Box::from(&*channel));
        self.flying.push_back(Flying::Taken { channel: heard, keep, since: now });
        Some(Command::Publish { channel, payload, length: self.config.stream_length })
    }

    fn hear(&mut self, now: Instant) {
        if let Line::Up(up) = &mut self.line {
            up.heard = now;
        }
    }

    fn lose(&mut self, keep: Keep, why: Loss) {
        self.dropped += 1;
        if keep == Keep::Firm {
            self.flying.push_back(Flying::Lost(why));
            self.settle_lost();
        }
    }

    /// Settles what was lost behind messages whose fate is known by now.
    fn settle_lost(&mut self) {
        while let Some(Flying::Lost(why)) = self.flying.front() {
            self.receipts.lose(*why);
            self.flying.pop_front();
        }
    }

    fn lose_flying(&mut self) {
        for flying in self.flying.drain(..) {
            match flying {
                Flying::Lost(why) => self.receipts.lose(why),
                Flying::Taken { keep, .. } => {
                    self.dropped += 1;
                    if keep == Keep::Firm {
                        self.receipts.lose(Loss::Broken);
                    }
                }
            }
        }
    }

    fn drop_all(&mut self) {
        while let Some(letter) = self.outbox.pop() {
            self.lose(letter.keep, Loss::Closed);
        }
    }
}

/// When the driver took the oldest message whose fate is not known.
fn oldest(flying: &VecDeque<Flying>) -> Option<Instant> {
    match flying.front() {
        Some(Flying::Taken { since, .. }) => Some(*since),
        Some(Flying::Lost(_)) | None => None,
    }
}
