//! One byte stream between a binding and the shards: everything about a connection that is not a
//! socket.

use http::request::Parts;
use sansocket::{Awaits, Caller, Conn, Decoder, Inbound, Link, Request, Response, Role, Verdict};
use std::cell::RefCell;
use std::fmt;
use std::io::IoSlice;
use std::net::SocketAddr;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use crate::hub::hub::Hub;
use crate::log::log;
use crate::serve::date;
use crate::serve::exchange::Exchange;
use crate::serve::tls::{Tls, TlsConnection};
use crate::serve::webtransport::Connect;
use crate::shards::cell::Cell;
use crate::shards::port::{Port, Ring};
use crate::shards::watch::CAME;
use crate::sockets::clients::Clients;
use crate::web::tunnel::Room;
use deadline::{Deadline, FAREWELL};
use front::Front;

mod deadline;
mod front;
mod secure;

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
    tls: Option<TlsConnection>,
    /// What only requests need: given up when the stream becomes a WebSocket.
    front: Option<Box<Front>>,
    deadline: Deadline,
    /// The shard that owns the session at hand, or where new sessions start.
    shard: u16,
    /// Whether the shard may hold more than was taken at the last look.
    more: bool,
    pause: Pause,
    polled: Polled,
    end: End,
}

/// How far the end of a stream has come. It only goes on, never back.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum End {
    /// Both sides go on.
    Open,
    /// The peer sends nothing more; its requests are still answered.
    Half,
    /// Only records that are encrypted already are written.
    Flushing,
    /// Nothing is done: the stream is to be closed.
    Over,
}

/// What has to wait until handlers have caught up.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Pause {
    Nothing,
    /// More is not read.
    Reading,
    /// What follows the head of a request is not even decoded: the body of a POST, the first
    /// messages of a WebSocket, or more bytes of a tunnel.
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

impl Connection {
    /// Makes the connection of a stream that was just accepted, from `peer` if it has an address,
    /// encrypted if the listener says so.
    #[must_use]
    pub fn new(hub: Arc<Hub>, peer: Option<SocketAddr>, tls: Option<&Tls>) -> Self {
        let conn = Conn::new(hub.limits().clone());
        let shard = hub.shards().next_home();
        let mut this = Self::carrying(hub, conn, Arc::default(), shard);
        this.tls = tls.map(TlsConnection::new);
        this.front = Some(Box::new(Front::new(peer)));
        this.watch();
        this
    }

    /// Makes the connection of a stream that a host upgrades for `link` with `response`.
    pub(crate) fn upgraded(
        hub: Arc<Hub>,
        (link, response): (Option<Link>, &Response),
        port: Arc<Port>,
        shard: u16,
    ) -> Self {
        let conn = Conn::websocket(Role::Server, hub.limits().clone(), link, [0; 32]);
        let conn = conn.agreeing(response);
        let mut this = Self::carrying(hub, conn, port, shard);
        this.look_behind();
        this
    }

    /// Makes the connection of a WebTransport stream that a client opened in a session that was
    /// [judged](Hub::judge_webtransport) and accepted: the first of that session, since it has no other.
    ///
    /// `head` is that of the `CONNECT`. Its extensions stay with the session, see
    /// [`Socket::extension`](crate::Socket::extension).
    #[must_use]
    pub fn webtransport(hub: Arc<Hub>, head: Parts, caller: Caller) -> Self {
        let conn = Conn::webtransport(hub.limits().clone());
        let shard = hub.shards().next_home();
        let mut this = Self::carrying(hub, conn, Arc::default(), shard);
        this.front = Some(Box::new(Front::webtransport(Connect::new(head, caller))));
        this.watch();
        this
    }

    /// Makes the connection of a stream that a host upgrades for a client whose session another node has.
    pub(super) fn tunnelled(hub: Arc<Hub>, port: Arc<Port>, exchange: Exchange) -> Self {
        let (conn, shard) = (Conn::tunnel(hub.limits().clone()), hub.shards().next_home());
        let mut this = Self::carrying(hub, conn, port, shard);
        this.front = Some(Box::new(Front::tunnel(exchange)));
        this.deadline.sit(&this.hub, &this.port);
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
            deadline: Deadline::default(),
            shard,
            more: false,
            pause: Pause::Nothing,
            polled: Polled::No,
            end: End::Open,
        }
    }

    /// Takes bytes the stream delivered; handlers run inside.
    pub fn read(&mut self, bytes: &mut [u8]) {
        self.port.enter();
        log!(trace, "sansocket::engine", shard = %self.shard, bytes = %bytes.len(), "read");
        let now = self.hub.runtime().now();
        self.deadline.gave(bytes.len());
        self.port.heard();
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

    fn receive(&mut self, bytes: &mut [u8], now: Instant) {
        let Self { hub, conn, port, tls, front, shard, deadline, pause, polled, .. } = self;
        let mut decoder = conn.decode(bytes).dated(date::now);
        loop {
            // All messages of one read under one lock.
            if let Some(link) = decoder.link() {
                match hub.turn_of(*shard, port, |cell| serve(cell, &mut decoder, link, now)) {
                    Served::Link => continue,
                    Served::Input => return,
                }
            }
            match decoder.poll() {
                Ok(Some(Inbound::Request(request))) => {
                    let mut caller = Caller::default();
                    caller.peer = front.as_ref().and_then(|front| front.peer());
                    caller.secure = tls.is_some();
                    // Whatever comes next has a deadline of its own.
                    deadline.forget(port);
                    let verdict;
                    (verdict, *polled) =
                        judge(hub, front, (&mut *shard, port, now), (&request, caller));
                    let waits = is_early(hub, *shard, port, &verdict);
                    decoder.apply(verdict);
                    if waits {
                        *pause = Pause::Decoding;
                        return;
                    }
                }
                Ok(Some(Inbound::Opening(opening))) => {
                    deadline.forget(port);
                    let connect = front.as_ref().and_then(|front| front.connect());
                    let host = (&**hub, &*port, now);
                    let verdict =
                        connect.map_or(Verdict::Pass, |connect| connect.open(host, shard, opening));
                    let waits = is_early(hub, *shard, port, &verdict);
                    decoder.apply(verdict);
                    if waits {
                        *pause = Pause::Decoding;
                        return;
                    }
                }
                Ok(Some(Inbound::Body(body))) => {
                    let verdict = front.as_mut().map(|front| front.ask(hub, port, body));
                    decoder.apply(verdict.unwrap_or(Verdict::Pass));
                }
                Ok(Some(Inbound::Bytes(bytes))) => {
                    let room = front.as_ref().map_or(Room::Left, |front| front.pass(bytes));
                    if room == Room::Full {
                        *pause = Pause::Decoding;
                        return;
                    }
                }
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(violation) => front::refuse(hub, front, &mut decoder, violation),
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

    /// Accounts for `n` bytes taken by the stream.
    pub fn wrote(&mut self, n: usize) {
        match &mut self.tls {
            None => self.conn.wrote_with(n, keep),
            Some(tls) => tls.wrote(n),
        }
        self.deadline.took(n);
    }

    /// Waits until there may be something to write again.
    pub fn poll_rung(&mut self, context: &Context<'_>) -> Poll<()> {
        if self.deadline.is_watched()
            || self.tls.is_some()
            || self.waits()
            || self.conn.is_collecting()
        {
            self.keep_pace();
        }
        self.port.poll_rung(context)
    }

    /// Whether the stream should be read.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        self.pause == Pause::Nothing && self.end == End::Open && self.conn.wants_read()
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
        let quiet = self.port.end_look();
        if self.port.due() == CAME && self.is_behind() {
            self.give_up();
        }
        if let Some(link) = self.conn.link() {
            self.hub.quiet(self.shard, link, quiet);
        }
    }

    /// Whether the stream should be closed now.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        match (self.end, &self.tls) {
            (End::Over, _) => true,
            (End::Open | End::Half | End::Flushing, None) => self.is_done(),
            (End::Flushing, Some(tls)) => !tls.wants_write(),
            (End::Open | End::Half, Some(_)) => false,
        }
    }

    /// Whether everything was written.
    fn is_done(&self) -> bool {
        self.conn.is_finished()
            || self.end == End::Half && self.conn.is_answered()
            || self.deadline.awaits() == Awaits::Request
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
            self.detach();
            self.end = End::Over;
            return;
        }
        self.half_close();
    }

    /// Goes on without anything more from the peer.
    fn half_close(&mut self) {
        self.end = self.end.max(End::Half);
        self.hurry();
    }

    /// Whether it serves a session, here or on another node.
    fn is_attached(&self) -> bool {
        self.conn.link().is_some() || self.front.as_ref().is_some_and(|front| front.forwards())
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
        if self.deadline.awaits() == Awaits::Room {
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
                    let answered = self.take_answer();
                    self.more = self.pull_tunnel();
                    answered
                }
            };
            if self.more {
                return;
            }
            if answered {
                self.deadline.awaits_answer();
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
                if self.is_stuffed() || self.hub.shards().pressure(self.shard).stops(&self.port) {
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

    /// Looks for what a ring may be about besides something to write.
    #[cold]
    fn look_up(&mut self) {
        self.resume();
        if self.port.due() == CAME {
            self.late();
        }
        if self.hub.shards().life().is_aborted() {
            self.end = End::Over;
        }
        let stopping = self.hub.shards().life().is_stopping();
        if stopping && self.is_tunnel() {
            self.end = End::Over;
        }
        if stopping && self.polled == Polled::Yes && self.deadline.awaits() == Awaits::Request {
            self.polled = Polled::Awaited;
            self.deadline.set(&self.hub, &self.port, FAREWELL);
        }
    }

    fn pull_from(&mut self, link: Link) -> bool {
        let conn = &mut self.conn;
        self.hub.shards().with_cell(self.shard, |cell| {
            let more = conn.pull_with(&mut cell.server, spare, Some(date::now));
            if conn.link() != Some(link) {
                cell.unbind(link);
            }
            more
        })
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
        self.deadline.stand_up(&self.hub, &self.port);
        self.hub.shards().life().leave();
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection")
            .field("awaits", &self.deadline.awaits())
            .field("end", &self.end)
            .finish_non_exhaustive()
    }
}

/// What becomes of a request, and whether a polling client may come back on its stream.
#[inline]
fn judge(
    hub: &Hub,
    front: &mut Option<Box<Front>>,
    (shard, port, now): (&mut u16, &Arc<Port>, Instant),
    (request, caller): (&Request<'_>, Caller),
) -> (Verdict, Polled) {
    let caller = hub.seen(request, caller);
    let verdict = match (&mut *front, hub.destination(request)) {
        (Some(front), Some(node)) => front.forward(hub, port, request, (caller, node)),
        (Some(_) | None, _) => hub.request(shard, port, now, (request, caller.into())),
    };
    let passed = matches!(verdict, Verdict::Pass);
    let polled = match passed || hub.shards().life().is_stopping() {
        true => Polled::No,
        false => Polled::Yes,
    };
    match front {
        Some(front) if passed => (front.begin(hub, request, caller), polled),
        Some(_) | None => (verdict, polled),
    }
}

/// Why messages of a link are no longer handed over.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Served {
    /// The input is used up.
    Input,
    /// The link is: what follows is for another one, or for none.
    Link,
}

/// Hands the messages of a link over.
fn serve(
    cell: &mut Cell<Clients>,
    decoder: &mut Decoder<'_, '_>,
    link: Link,
    now: Instant,
) -> Served {
    loop {
        match decoder.poll() {
            Ok(Some(Inbound::Message(message))) => cell.server.handle_message(now, link, message),
            Ok(Some(item)) => {
                let verdict = cell.server.handle(now, Some(link), item);
                decoder.apply(verdict);
                if decoder.link() != Some(link) {
                    cell.unbind(link);
                    return Served::Link;
                }
            }
            Ok(None) => return Served::Input,
            Err(violation) => {
                let response = cell.server.handle_violation(now, link, violation);
                decoder.reject_as(violation, &response);
                cell.unbind(link);
                return Served::Link;
            }
        }
    }
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

/// Keeps a buffer for the next burst, if it holds more than the one that is kept.
pub(crate) fn keep(buffer: Vec<u8>) {
    SPARE.with_borrow_mut(|spare| {
        if buffer.capacity() > spare.capacity() {
            *spare = buffer;
        }
    });
}

/// Returns the buffer that was kept, if there was one.
pub(crate) fn spare() -> Vec<u8> {
    SPARE.take()
}

thread_local! {
    /// One buffer for all connections of a thread, in which the bytes to be written are gathered.
    static SPARE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}
