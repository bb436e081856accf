//! One byte stream between a binding and the shards: everything about a connection that is not a
//! socket.

use sansocket::{
    Awaits, Conn, Decoder, Inbound, Link, Request, Role, Transmit, Verdict, Violation,
};
use std::cell::RefCell;
use std::fmt;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use crate::hub::hub::Hub;
use crate::log::log;
use crate::serve::date;
use crate::serve::exchange::Exchange;
use crate::serve::tls::{Tls, TlsSession};
use crate::shards::cell::Cell;
use crate::shards::port::{Port, Ring};
use crate::shards::watch::{CAME, Seat};
use crate::sockets::clients::Clients;
use crate::time::NEVER;

/// One byte stream of a [`Hub`].
///
/// A binding does five things until [`is_finished`](Self::is_finished), then closes the stream:
/// it writes what [`poll_write`](Self::poll_write) shows until it shows nothing, hands what it reads
/// to [`read`](Self::read) while [`wants_read`](Self::wants_read), calls [`end`](Self::end) when the
/// stream ends and [`quiet`](Self::quiet) when it [wants a look](Self::wants_look) and the stream has
/// nothing to read, and otherwise waits for the stream or for [`poll_rung`](Self::poll_rung). Deadlines
/// ring too, so that a stream needs no timer of its own. Dropping it tells the session that the
/// stream is gone.
pub struct Connection {
    hub: Arc<Hub>,
    conn: Conn,
    port: Arc<Port>,
    tls: Option<TlsSession>,
    /// What only requests need: given up when the stream becomes a WebSocket.
    front: Option<Box<Front>>,
    /// Where it sits while it has deadlines.
    seat: Option<Seat>,
    /// The shard that owns what is attached now, or where new sessions start.
    shard: u16,
    awaits: Awaits,
    /// Whether the shard may hold more than was taken at the last look.
    more: bool,
    pause: Pause,
    owed: Owed,
    polled: Polled,
    /// Whether nothing more comes from the stream.
    ended: bool,
    /// Whether nothing is left but to write what is ready.
    through: bool,
    /// Whether there is nothing left to do.
    over: bool,
}

/// What has to wait until handlers have caught up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pause {
    Nothing,
    /// More is not read.
    Reading,
    /// What follows the head of a request is not even decoded: the body of a POST, or the first
    /// messages of a WebSocket.
    Decoding,
}

/// Whether a polling client may come back on a stream to hear that the server stops.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Polled {
    No,
    Yes,
    /// It may, and for that the stream is kept a moment although the server stops.
    Awaited,
}

/// Bytes that the peer has to take and to give until its deadline comes, not to be cut off then.
#[derive(Clone, Copy, Debug, Default)]
struct Owed {
    taken: u32,
    given: u32,
}

/// What requests need.
#[derive(Debug, Default)]
struct Front {
    peer: Option<SocketAddr>,
    /// The plain HTTP request at hand.
    exchange: Option<Exchange>,
}

/// How long a peer may take to close the stream after it was told to.
const FAREWELL: Duration = Duration::from_secs(3);

impl Connection {
    /// Makes the connection of a stream that was just accepted, from `peer` if it has an address,
    /// encrypted if the listener says so.
    #[must_use]
    pub fn new(hub: Arc<Hub>, peer: Option<SocketAddr>, tls: Option<&Tls>) -> Self {
        let conn = Conn::new(hub.limits().clone());
        let shard = hub.shards().next_home();
        let mut this = Self::carrying(hub, conn, Arc::default(), shard);
        this.tls = tls.map(TlsSession::new);
        this.front = Some(Box::new(Front { peer, exchange: None }));
        this.watch();
        this
    }

    /// Makes the connection of a stream that a host upgraded for `link`.
    pub(crate) fn upgraded(hub: Arc<Hub>, link: Option<Link>, port: Arc<Port>, shard: u16) -> Self {
        let conn = Conn::websocket(Role::Server, hub.limits().clone(), link, [0; 32]);
        let mut this = Self::carrying(hub, conn, port, shard);
        this.look_behind();
        this
    }

    fn carrying(hub: Arc<Hub>, conn: Conn, port: Arc<Port>, shard: u16) -> Self {
        hub.shards().life().enter();
        Self {
            hub,
            conn,
            port,
            tls: None,
            front: None,
            seat: None,
            shard,
            awaits: Awaits::Answer,
            more: false,
            pause: Pause::Nothing,
            owed: Owed::default(),
            polled: Polled::No,
            ended: false,
            through: false,
            over: false,
        }
    }

    /// Takes bytes the stream delivered; handlers run inside.
    pub fn read(&mut self, bytes: &mut [u8]) {
        self.port.enter();
        log!(trace, "sansocket::engine", shard = %self.shard, bytes = %bytes.len(), "read");
        let now = self.hub.runtime().now();
        pay(&mut self.owed.given, bytes.len());
        match &self.tls {
            None => self.receive(bytes, now),
            Some(_) => self.decrypt(bytes, now),
        }
        self.look_behind();
        self.watch();
    }

    /// Pauses when handlers are behind, unless it is paused already.
    #[inline]
    fn look_behind(&mut self) {
        if self.pause != Pause::Decoding {
            self.pause = match self.hub.shards().pressure(self.shard).stops(&self.port) {
                true => Pause::Reading,
                false => Pause::Nothing,
            };
        }
    }

    #[cold]
    fn decrypt(&mut self, bytes: &[u8], now: Instant) {
        let Some(tls) = &mut self.tls else { return };
        // Taken out while handlers run: one of them might read another connection.
        let mut plain = PLAIN.with(RefCell::take);
        plain.clear();
        let outcome = tls.read(bytes, &mut plain);
        let ended = tls.is_ended();
        self.receive(&mut plain, now);
        PLAIN.with(|kept| kept.replace(plain));
        if outcome.is_err() || ended && self.is_attached() {
            self.detach();
            self.through = true;
        } else if ended {
            self.ended = true;
            self.hurry();
        }
    }

    fn receive(&mut self, bytes: &mut [u8], now: Instant) {
        let Self { hub, conn, port, tls, front, shard, awaits, pause, polled, .. } = self;
        let mut decoder = conn.decode(bytes).dated(date::now);
        loop {
            // All messages of one read under one lock.
            if let Some(link) = decoder.link() {
                if hub.turn_of(*shard, port, |cell| serve(cell, &mut decoder, link, now)) {
                    continue;
                }
                return;
            }
            match decoder.poll() {
                Ok(Some(Inbound::Request(mut request))) => {
                    request.peer = front.as_ref().and_then(|front| front.peer);
                    request.secure = tls.is_some();
                    let request = hub.app().config.seen(&request);
                    // Whatever comes next has a deadline of its own.
                    *awaits = Awaits::Answer;
                    port.set_due(NEVER);
                    let verdict = hub.request(shard, port, now, &request);
                    let passed = matches!(verdict, Verdict::Pass);
                    *polled = match passed || hub.shards().life().is_stopping() {
                        true => Polled::No,
                        false => Polled::Yes,
                    };
                    let verdict = if passed { begin(hub, &request, front) } else { verdict };
                    let waits = is_early(hub, *shard, port, &verdict);
                    decoder.apply(verdict);
                    if waits {
                        *pause = Pause::Decoding;
                        return;
                    }
                }
                Ok(Some(Inbound::Body(body))) => {
                    let exchange = front.as_mut().and_then(|front| front.exchange.as_mut());
                    let verdict = exchange.map(|exchange| exchange.ask(hub, port, body));
                    decoder.apply(verdict.unwrap_or(Verdict::Pass));
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(violation) => refuse(hub, front, &mut decoder, violation),
            }
        }
    }

    /// Fills `slices` with what should be written next and returns how many it filled.
    pub fn poll_write<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.pull();
        match &self.tls {
            None => self.conn.poll_write(slices),
            Some(_) => self.encrypt(slices),
        }
    }

    #[cold]
    fn encrypt<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        let is_done = self.is_done();
        let Some(tls) = &mut self.tls else { return 0 };
        while !tls.wants_write() {
            let mut plain = [IoSlice::new(&[]); 8];
            let filled = self.conn.poll_write(&mut plain);
            let n = tls.write(&plain[..filled]);
            self.conn.wrote_with(n, keep);
            if n == 0 {
                break;
            }
        }
        if is_done && !tls.wants_write() && !self.through {
            tls.close();
            self.through = true;
        }
        match (tls.poll_write(), slices) {
            ([], _) | (_, []) => 0,
            (bytes, [first, ..]) => {
                *first = IoSlice::new(bytes);
                1
            }
        }
    }

    /// Accounts for `n` bytes taken by the stream.
    pub fn wrote(&mut self, n: usize) {
        match &mut self.tls {
            None => self.conn.wrote_with(n, keep),
            Some(tls) => tls.wrote(n),
        }
        pay(&mut self.owed.taken, n);
    }

    /// Waits until there may be something to write again.
    pub fn poll_rung(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.seat.is_some() || self.tls.is_some() || self.waits() || self.conn.is_collecting() {
            self.keep_pace();
        }
        self.port.poll_rung(context)
    }

    /// Whether the stream should be read.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.pause == Pause::Nothing && !self.ended && self.conn.wants_read()
    }

    /// Whether the peer is overdue: read the stream once more, past what a runtime remembers of it,
    /// and call [`quiet`](Self::quiet) when it has nothing.
    #[must_use]
    pub fn wants_look(&self) -> bool {
        self.port.is_asked() && self.wants_read()
    }

    /// Takes note that the stream had nothing to read when it was looked at, after
    /// [`wants_look`](Self::wants_look) said so: what the peer is overdue with has not arrived. Handlers
    /// run inside.
    pub fn quiet(&mut self) {
        self.port.set_asked(false);
        if self.port.due() == CAME && self.is_behind() {
            self.give_up();
        }
        if let Some(link) = self.conn.link() {
            let now = self.hub.runtime().now();
            self.hub.turn(self.shard, |cell| cell.server.handle_quiet(now, link));
        }
    }

    /// Whether the stream should be closed now.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        self.over
            || match &self.tls {
                None => self.is_done(),
                Some(tls) => self.through && !tls.wants_write(),
            }
    }

    /// Whether everything was said.
    fn is_done(&self) -> bool {
        self.conn.is_finished()
            || self.ended && self.conn.is_answered()
            || self.awaits == Awaits::Request
                && self.polled == Polled::No
                && self.conn.is_flushed()
                && self.hub.shards().life().is_stopping()
    }

    /// Takes note that nothing more comes from the stream. A plain request that came before is still
    /// answered; a session is told that its client is gone.
    pub fn end(&mut self) {
        // Anybody could have cut a stream that ends without the farewell of TLS.
        let cut = self.tls.as_ref().is_some_and(|tls| !tls.is_ended());
        if cut || self.is_attached() {
            self.over = true;
            self.detach();
            return;
        }
        self.ended = true;
        self.hurry();
    }

    /// Bounds how long an answer is awaited for a peer that sends nothing more: nobody would hear it
    /// go away meanwhile.
    fn hurry(&mut self) {
        if self.ended && self.awaits == Awaits::Answer {
            self.set_due(self.hub.limits().body_time);
        }
    }

    /// Whether it serves a session.
    fn is_attached(&self) -> bool {
        self.conn.link().is_some()
    }

    /// Tells the session that the client is gone; handlers run inside.
    fn detach(&self) {
        if let Some(link) = self.conn.link() {
            let now = self.hub.runtime().now();
            self.hub.turn(self.shard, |cell| {
                cell.server.handle_closed(now, link);
                cell.unbind(link);
            });
        }
    }

    /// Moves what the shard has for this connection to the stream's gather list.
    fn pull(&mut self) {
        if self.conn.wants_decode() {
            self.go_on();
        }
        if self.awaits == Awaits::Room {
            self.send_file();
        }
        loop {
            match self.port.answer() {
                Ring::Nothing if !self.more => return,
                Ring::Nothing | Ring::Write => {}
                Ring::Summons => self.look_up(),
            }
            let link = self.conn.link();
            let answered = match link {
                Some(link) => {
                    self.more = self.pull_from(link);
                    self.conn.link().is_none()
                }
                None => {
                    self.more = false;
                    self.take_answer()
                }
            };
            if self.more {
                return;
            }
            if answered {
                self.awaits = Awaits::Answer;
                self.pause = Pause::Nothing;
                self.go_on();
            }
        }
    }

    /// Goes on after an answer, with a request that waited behind it if there is one.
    fn go_on(&mut self) {
        self.watch();
        while self.conn.wants_decode() {
            let now = self.hub.runtime().now();
            self.receive(&mut [], now);
            self.look_behind();
            self.watch();
            self.hurry();
        }
    }

    /// Goes on after a pause, if handlers have caught up.
    fn resume(&mut self) {
        let is_body = self.conn.awaits() == Awaits::Body;
        match (self.pause, self.conn.link()) {
            (Pause::Decoding, Some(link)) if is_body => {
                if self.hub.stops_body(self.shard, link, &self.port) {
                    return;
                }
            }
            (Pause::Decoding, _) => {
                if self.hub.shards().pressure(self.shard).stops(&self.port) {
                    return;
                }
            }
            (Pause::Nothing | Pause::Reading, _) => return self.look_behind(),
        }
        self.pause = Pause::Nothing;
        let now = self.hub.runtime().now();
        self.receive(&mut [], now);
        self.look_behind();
        self.watch();
    }

    /// Moves more of a file to the stream's gather list.
    #[cold]
    fn send_file(&mut self) {
        let Some(front) = &mut self.front else { return };
        while self.conn.wants_body() {
            match front.exchange.as_mut().and_then(Exchange::piece) {
                Some(piece) => self.conn.push_body(&piece),
                None => self.conn.abort(),
            }
        }
        if self.conn.awaits() != Awaits::Room {
            front.exchange = None;
            self.go_on();
        }
    }

    /// Looks what a ring may be about besides something to write.
    #[cold]
    fn look_up(&mut self) {
        self.resume();
        if self.port.due() == CAME {
            self.late();
        }
        self.over |= self.hub.shards().life().is_aborted();
        let stopping = self.hub.shards().life().is_stopping();
        if stopping && self.polled == Polled::Yes && self.awaits == Awaits::Request {
            self.polled = Polled::Awaited;
            self.set_due(FAREWELL);
        }
    }

    fn pull_from(&mut self, link: Link) -> bool {
        let conn = &mut self.conn;
        self.hub.shards().with_cell(self.shard, |cell| {
            let more = conn.pull_with(&mut cell.server, || SPARE.take(), Some(date::now));
            if conn.link() != Some(link) {
                cell.unbind(link);
            }
            more
        })
    }

    /// Takes the answer to a plain HTTP request; whether it was here.
    fn take_answer(&mut self) -> bool {
        let Some(front) = &mut self.front else { return false };
        let answer = front.exchange.as_ref().and_then(|exchange| exchange.answer(&self.hub));
        let Some(response) = answer else { return false };
        front.exchange = None;
        self.conn.push_dated(Transmit::Response(response), Some(date::now));
        true
    }

    /// Sets the deadline for what is awaited now, unless it is awaited since before.
    fn watch(&mut self) {
        let awaits = self.conn.awaits();
        if awaits != self.awaits {
            self.await_anew(awaits);
        }
    }

    #[cold]
    fn await_anew(&mut self, awaits: Awaits) {
        self.awaits = awaits;
        let limits = self.hub.limits();
        self.owed = Owed { taken: 1, given: 0 };
        let patience = match awaits {
            Awaits::Answer => return self.port.set_due(NEVER),
            Awaits::Messages => {
                self.front = None;
                return self.stand_up();
            }
            Awaits::Body => limits.body_time,
            Awaits::Room => return self.begin_window(),
            Awaits::Farewell => FAREWELL,
            Awaits::Head => limits.head_time,
            Awaits::Request if self.tls.as_ref().is_some_and(TlsSession::is_handshaking) => {
                limits.head_time
            }
            Awaits::Request => limits.idle_time,
        };
        self.set_due(patience);
    }

    fn set_due(&mut self, patience: Duration) {
        if self.seat.is_none() {
            self.seat = Some(self.hub.shards().watch().sit(&self.port));
        }
        match self.hub.runtime().now().checked_add(patience) {
            Some(due) => self.hub.shards().set_due(&self.port, due),
            None => self.port.set_due(NEVER),
        }
    }

    /// Gives up its seat: it has no deadline.
    fn stand_up(&mut self) {
        self.port.set_due(NEVER);
        if let Some(seat) = self.seat.take() {
            self.hub.shards().watch().leave(seat);
        }
    }

    /// Before it rests: whatever the peer has to take or to give has a deadline, also where nothing
    /// else has one. Nothing is owed when nothing waited for a moment.
    fn keep_pace(&mut self) {
        if !matches!(self.awaits, Awaits::Answer | Awaits::Messages) {
            return;
        }
        let (takes, gives) = (self.waits(), self.gives());
        if !takes {
            self.owed.taken = 0;
        }
        if !gives {
            self.owed.given = 0;
        }
        if (takes || gives) && self.port.due() == NEVER {
            self.begin_window();
        }
    }

    /// Measures anew how fast the peer is.
    fn begin_window(&mut self) {
        let limits = self.hub.limits();
        let bytes = u128::from(limits.least_rate) * limits.rate_window.as_millis() / 1000;
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        self.owed = Owed { taken: bytes, given: bytes };
        self.set_due(limits.rate_window);
    }

    /// Its deadline came: ends the stream, unless the peer is slow but not too slow, or something it sent
    /// may not have been read yet.
    fn late(&mut self) {
        match self.is_behind() {
            false => {}
            true if self.wants_read() => self.port.set_asked(true),
            true => self.give_up(),
        }
    }

    /// Whether the peer has not done what the deadline that came was for; otherwise sets the next.
    fn is_behind(&mut self) -> bool {
        let (takes, gives) = (self.waits(), self.gives());
        match self.awaits {
            Awaits::Answer | Awaits::Messages if !self.ended => {
                if takes && self.owed.taken > 0 || gives && self.owed.given > 0 {
                    return true;
                }
                if takes || gives {
                    self.begin_window();
                } else if self.awaits == Awaits::Messages {
                    self.stand_up();
                } else {
                    self.port.set_due(NEVER);
                }
                return false;
            }
            Awaits::Farewell | Awaits::Head | Awaits::Request | Awaits::Room => {
                if self.owed.taken == 0 && (takes || self.awaits == Awaits::Room) {
                    self.begin_window();
                    return false;
                }
            }
            Awaits::Answer | Awaits::Body | Awaits::Messages => {}
        }
        let pauses = self.pause == Pause::Reading;
        if pauses {
            self.set_due(self.hub.limits().body_time);
        }
        !pauses
    }

    /// Ends the stream of a peer that is late.
    fn give_up(&mut self) {
        match self.awaits {
            Awaits::Answer | Awaits::Messages if !self.ended => self.cut_off(),
            Awaits::Answer
            | Awaits::Body
            | Awaits::Farewell
            | Awaits::Head
            | Awaits::Messages
            | Awaits::Request
            | Awaits::Room => self.over = true,
        }
    }

    /// Ends the stream of a peer that is too slow, and what it carries.
    fn cut_off(&mut self) {
        self.over = true;
        let Some(link) = self.conn.link() else { return };
        let now = self.hub.runtime().now();
        self.hub.turn(self.shard, |cell| {
            cell.server.handle_violation(now, link, Violation::TooSlow);
            cell.unbind(link);
        });
    }

    /// Whether something waits for the peer to take it.
    fn waits(&self) -> bool {
        !self.conn.is_flushed() || self.tls.as_ref().is_some_and(TlsSession::wants_write)
    }

    /// Whether the peer is to give the rest of a message, and would be heard.
    fn gives(&self) -> bool {
        self.pause == Pause::Nothing && self.conn.is_collecting()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        if let Some(link) = self.conn.link() {
            let now = self.hub.runtime().now();
            self.hub.shards().with_cell(self.shard, |cell| {
                cell.server.handle_closed(now, link);
                cell.unbind(link);
            });
        }
        self.stand_up();
        self.hub.shards().life().leave();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("awaits", &self.awaits).finish_non_exhaustive()
    }
}

/// Hands messages of one attachment over until the input is used up (`false`) or the attachment is
/// another one (`true`).
fn serve(
    cell: &mut Cell<Clients>,
    decoder: &mut Decoder<'_, '_>,
    link: Link,
    now: Instant,
) -> bool {
    loop {
        match decoder.poll() {
            Ok(Some(item)) => {
                let verdict = cell.server.handle(now, Some(link), item);
                decoder.apply(verdict);
                if decoder.link() != Some(link) {
                    cell.unbind(link);
                    return true;
                }
            }
            Ok(None) => return false,
            Err(violation) => {
                let response = cell.server.handle_violation(now, link, violation);
                decoder.reject_as(violation, &response);
                cell.unbind(link);
                return true;
            }
        }
    }
}

/// Takes bytes off what is owed.
#[inline]
fn pay(owed: &mut u32, bytes: usize) {
    *owed = owed.saturating_sub(u32::try_from(bytes).unwrap_or(u32::MAX));
}

/// Whether what follows the head of a request has to wait for handlers; `port` is rung when that may
/// be over.
fn is_early(hub: &Hub, shard: u16, port: &Arc<Port>, verdict: &Verdict) -> bool {
    match verdict {
        Verdict::Body { link, .. } => link.is_some_and(|link| hub.stops_body(shard, link, port)),
        Verdict::Upgrade { .. } => hub.shards().pressure(shard).stops(port),
        Verdict::Continue | Verdict::Hold(_) | Verdict::Pass | Verdict::Respond(_) => false,
    }
}

/// Refuses a request that breaks a rule of HTTP.
#[cold]
fn refuse(
    hub: &Hub,
    front: &mut Option<Box<Front>>,
    decoder: &mut Decoder<'_, '_>,
    violation: Violation,
) {
    let exchange = front.as_mut().and_then(|front| front.exchange.take());
    match exchange.and_then(|exchange| exchange.refuse(hub, violation)) {
        Some(response) => decoder.reject_as(violation, &response),
        // Outside of a turn: a function of the application may judge the page that asked.
        None => decoder
            .reject_with(violation, |response, request| hub.app().config.dress(response, request)),
    }
}

/// Begins to answer a plain HTTP request.
#[cold]
fn begin(hub: &Hub, request: &Request<'_>, front: &mut Option<Box<Front>>) -> Verdict {
    let (verdict, exchange) = Exchange::begin(hub, request);
    if let Some(front) = front {
        front.exchange = exchange;
    }
    verdict
}

/// Keeps a buffer for the next burst, if it holds more than the one that is kept.
fn keep(buffer: Vec<u8>) {
    SPARE.with_borrow_mut(|spare| {
        if buffer.capacity() > spare.capacity() {
            *spare = buffer;
        }
    });
}

thread_local! {
    /// One buffer to gather in what is written for all connections of a thread.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };

    /// One buffer of deciphered bytes for all connections of a thread.
    static PLAIN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
