//! One TCP connection: HTTP/1.1 framing, then RFC 6455 framing.

mod decode;
mod write;

use bytes::Bytes;
use std::io::IoSlice;
use std::sync::Arc;

pub use decode::Decoder;
use write::Outgoing;

use crate::config::Limits;
use crate::error::Violation;
use crate::http::body::Body;
use crate::http::coding::Coding;
use crate::http::head::Persistence;
use crate::http::{Date, Response};
use crate::link::{Feed, Link, Next, Transmit, Verdict};
use crate::ws::CloseCode;
use crate::ws::message::Reader;
pub use crate::ws::message::Role;

/// The codec of one TCP connection.
///
/// Knows no session, no clock and no lock. It holds heap memory only while a message is split
/// across reads or a write is unfinished.
///
/// Drive it like this: hand every read to [`decode`](Self::decode), give each item to
/// [`Server::handle`](crate::Server::handle) and the verdict back to
/// [`Decoder::apply`]; then move what the server has for [`link`](Self::link) in with
/// [`push`](Self::push) and write what [`poll_write`](Self::poll_write) shows.
#[derive(Debug)]
pub struct Conn {
    limits: Arc<Limits>,
    mode: Mode,
    link: Option<Link>,
    /// Input that waits: an unfinished head, or requests behind one that is being answered.
    /// Bounded by `limits.head` for heads and by one read beyond it for pipelined requests.
    tail: Vec<u8>,
    out: Outgoing,
}

#[derive(Debug)]
enum Mode {
    /// Waiting for a request; `scanned` bytes of its head need no second look.
    Head { scanned: usize },
    /// A request was handed out and its verdict is awaited.
    Asked { exchange: Exchange, body: Body },
    /// The body of a request is awaited, and nothing of it was looked at.
    Awaited { exchange: Exchange, body: Body, limit: usize },
    /// The body of a request is being collected from several reads.
    Body(Box<Collect>),
    /// The answer is awaited; what is left of the body, and further requests, wait in the tail.
    Busy { exchange: Exchange, body: Body },
    /// The answer is here and yet to be compressed, which can wait until no lock is held.
    Answering(Box<Answer>),
    /// The answer is being written, and the host owes the rest of its body.
    Sending(Box<Sending>),
    /// The answer is written; the rest of the request's body is thrown away.
    Skip(Body),
    /// Messages.
    WebSocket(Reader),
    /// A close frame was sent; the peer's is awaited within so many more bytes.
    WebSocketClosing(Reader, usize),
    /// The last answer is written, but the peer still sends: reading on for so many bytes keeps the
    /// answer from being lost to a reset.
    Lingering(usize),
    /// Nothing more will be read.
    Finished,
}

/// What a connection waits for, so that an embedder can set a deadline for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Awaits {
    /// The answer to a request: not the peer's turn.
    Answer,
    /// The rest of a request's body.
    Body,
    /// The peer's farewell.
    Farewell,
    /// The rest of a request's head.
    Head,
    /// Messages: the heartbeat watches over these.
    Messages,
    /// Another request, or the first.
    Request,
    /// Room for the rest of a long answer.
    Room,
}

/// What the answer has to know about its request.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    persistence: Persistence,
    head_only: bool,
    expects_continue: bool,
    coding: Option<Coding>,
}

#[derive(Debug)]
struct Answer {
    response: Response,
    exchange: Exchange,
    body: Body,
    date: Option<Date>,
}

#[derive(Debug)]
struct Sending {
    /// Bytes the host owes.
    left: u64,
    persistence: Persistence,
    /// What is left of the body of the request.
    body: Body,
}

#[derive(Debug)]
struct Collect {
    exchange: Exchange,
    body: Body,
    limit: usize,
    content: Vec<u8>,
    delivered: bool,
}

/// Tells the time for the `Date` of an answer. It is asked only when one is written.
pub type Clock = fn() -> Date;

/// What an incomplete message may have without being noticed, in bytes: no more than the connection
/// itself costs.
const LITTLE: usize = 4096;

/// Bytes read for nothing before a peer that will not stop is cut off.
const LINGER: usize = 256 * 1024;

impl Conn {
    /// Makes the codec of a fresh server connection.
    #[must_use]
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            mode: Mode::Head { scanned: 0 },
            link: None,
            tail: Vec::new(),
            out: Outgoing::server(),
        }
    }

    /// Makes the codec of a stream that a host already upgraded, whose outputs belong to `link`, or to
    /// the embedder itself.
    ///
    /// Frames a [`Role::Client`] sends are masked with values that follow from `seed`.
    #[must_use]
    pub fn websocket(role: Role, limits: Arc<Limits>, link: Option<Link>, seed: [u8; 32]) -> Self {
        let out = match role {
            Role::Client => Outgoing::client(seed),
            Role::Server => Outgoing::server(),
        };
        let mode = Mode::WebSocket(Reader::new(role));
        Self { limits, mode, link, tail: Vec::new(), out }
    }

    /// Decodes `input` in place; what is incomplete is kept when the decoder is dropped.
    ///
    /// An empty `input` goes on with what waited behind an answer: see
    /// [`wants_decode`](Self::wants_decode).
    pub fn decode<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> Decoder<'c, 'i> {
        Decoder::new(self, input)
    }

    /// Returns the link whose outputs belong on this connection, if any.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.link
    }

    /// Queues one output of [`Server::poll_transmit`](crate::Server::poll_transmit).
    pub fn push(&mut self, transmit: Transmit) {
        self.push_dated(transmit, None);
    }

    /// The same, and an answer says the time.
    pub fn push_dated(&mut self, transmit: Transmit, clock: Option<Clock>) {
        match (transmit, &self.mode) {
            (Transmit::Frame(frame), Mode::WebSocket(_)) => self.out.push_frame(frame),
            (Transmit::Response(response), _) => {
                self.answer(response, clock);
                self.settle();
            }
            (Transmit::Close(code), Mode::WebSocket(_)) => self.close(code),
            // Outputs for a transport that ended meanwhile go nowhere.
            (Transmit::Frame(_) | Transmit::Close(_), _) => {}
        }
    }

    /// Moves in everything that `feed` has for [`link`](Self::link) and that may be queued now;
    /// returns whether more waits until some of it is written.
    ///
    /// The same as calling [`Server::poll_transmit`](crate::Server::poll_transmit) and
    /// [`push`](Self::push) in turns, at less cost.
    pub fn pull(&mut self, feed: &mut impl Feed) -> bool {
        self.pull_with(feed, Vec::new, None)
    }

    /// The same, and asks `lend` for a buffer to gather small frames in, when there are several and
    /// the connection has none: a loop that has one for all its connections need not allocate for
    /// each burst. Answers say the time of `clock`.
    ///
    /// `lend` may be asked more than once, and clears what it gets. [`wrote_with`](Self::wrote_with) gives
    /// buffers back.
    pub fn pull_with(
        &mut self,
        feed: &mut impl Feed,
        mut lend: impl FnMut() -> Vec<u8>,
        clock: Option<Clock>,
    ) -> bool {
        let Some(link) = self.link else { return false };
        while self.out.bytes() < self.limits.low_water || feed.is_over(link) {
            let transmit = match feed.next_frame(link) {
                Next::Frame(frame) => {
                    self.out.push_frame_with(frame, &mut lend);
                    continue;
                }
                Next::Nothing => return false,
                Next::Other => feed.next_other(link),
            };
            match transmit {
                None => return false,
                // This runs under the lock of the feed's owner, so an answer is not compressed yet.
                Some(Transmit::Response(response)) => self.answer(response, clock),
                Some(transmit @ (Transmit::Close(_) | Transmit::Frame(_))) => self.push(transmit),
            }
            if self.link != Some(link) {
                return false;
            }
        }
        true
    }

    /// Whether more outputs should be pulled.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.link.is_some() && self.out.bytes() < self.limits.low_water
    }

    /// Whether [`decode`](Self::decode) has something to do without new input.
    #[must_use]
    pub fn wants_decode(&self) -> bool {
        matches!(self.mode, Mode::Answering(_))
            || matches!(self.mode, Mode::Skip(_)) && !self.tail.is_empty()
            // The answers before it go first.
            || matches!(self.mode, Mode::Head { scanned: 0 })
                && !decode::is_stray(&self.tail)
                && self.out.bytes() < self.limits.low_water
    }

    /// Whether the stream should be read now; `false` while a peer pipelines more than is buffered,
    /// or reads too little of the answers to go on asking.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let asks = matches!(self.mode, Mode::Head { .. } | Mode::Skip(_));
        // A stray line break before a head stays with it.
        self.tail.len() < self.limits.head + decode::STRAY.len()
            && !(asks && self.out.bytes() >= self.limits.low_water)
    }

    /// Fills `iov` with what should be written next, without copying, and returns how many slices
    /// it filled.
    pub fn poll_write<'a>(&'a mut self, iov: &mut [IoSlice<'a>]) -> usize {
        self.settle();
        self.out.fill(iov)
    }

    /// Whether [`push_body`](Self::push_body) should be called: more of a body is owed, and little
    /// waits to be written.
    #[must_use]
    pub fn wants_body(&self) -> bool {
        matches!(self.mode, Mode::Sending(_)) && self.out.bytes() < self.limits.low_water
    }

    /// Queues more of the body whose [`Response::length`](crate::Response::length) was announced;
    /// bytes beyond it are left out.
    pub fn push_body(&mut self, bytes: &Bytes) {
        let Mode::Sending(sending) = &mut self.mode else { return };
        self.out.push_bytes(&take(bytes, &mut sending.left));
        if sending.left == 0 {
            self.mode = Mode::after(sending.persistence, sending.body);
        }
    }

    /// Gives up a body that cannot be completed: the stream is to be closed, which tells the peer.
    pub fn abort(&mut self) {
        if let Mode::Sending(_) = self.mode {
            self.mode = Mode::Finished;
            self.tail = Vec::new();
        }
    }

    /// Accounts for `n` bytes taken by the stream.
    pub fn wrote(&mut self, n: usize) {
        self.wrote_with(n, drop);
    }

    /// The same, and hands the buffer that small pieces were gathered in to `give`, lent or not, when
    /// all is written and it has room for 4096 bytes at most. A connection that has nothing to write
    /// keeps none.
    pub fn wrote_with(&mut self, n: usize, give: impl FnOnce(Vec<u8>)) {
        if let Some(buffer) = self.out.wrote(n) {
            give(buffer);
        }
    }

    /// Returns what the connection waits for.
    #[must_use]
    pub fn awaits(&self) -> Awaits {
        match &self.mode {
            Mode::Head { .. } if decode::is_stray(&self.tail) => Awaits::Request,
            Mode::Head { .. } => Awaits::Head,
            Mode::Body(collect) if collect.delivered => Awaits::Answer,
            Mode::Awaited { .. } | Mode::Body(_) | Mode::Skip(_) => Awaits::Body,
            Mode::Answering(_) | Mode::Asked { .. } | Mode::Busy { .. } => Awaits::Answer,
            Mode::Sending(_) => Awaits::Room,
            Mode::WebSocket(_) => Awaits::Messages,
            Mode::Finished | Mode::Lingering(_) | Mode::WebSocketClosing(..) => Awaits::Farewell,
        }
    }

    /// Whether everything queued was written.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.out.bytes() == 0
    }

    /// Whether more than 4 KiB of a WebSocket message were kept that is not complete.
    #[must_use]
    pub fn is_collecting(&self) -> bool {
        matches!(&self.mode, Mode::WebSocket(reader) if reader.bytes_held() > LITTLE)
    }

    /// Whether the stream should be closed now.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.mode, Mode::Finished) && self.out.bytes() == 0
    }

    /// Whether all answers were written to what the peer asked for so far: when it sends nothing more
    /// (RFC 9112 §9.6), close the stream now, and not before.
    ///
    /// One that has a [link](Self::link) is better closed at once, for a peer that sends nothing more is
    /// probably gone.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        let owes = match &self.mode {
            Mode::Answering(_) | Mode::Asked { .. } | Mode::Busy { .. } | Mode::Sending(_) => true,
            Mode::Body(collect) => collect.delivered,
            Mode::Head { .. } | Mode::Skip(_) => self.wants_decode(),
            Mode::Awaited { .. }
            | Mode::Finished
            | Mode::Lingering(_)
            | Mode::WebSocket(_)
            | Mode::WebSocketClosing(..) => false,
        };
        !owes && self.out.bytes() == 0
    }

    /// Whether the last bytes are queued and only the peer's farewell is awaited. Give it some
    /// seconds at most, then close the stream.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(self.mode, Mode::Finished | Mode::Lingering(_) | Mode::WebSocketClosing(..))
    }

    /// Returns how many bytes of heap memory this connection holds. What waits to be written counts
    /// with its bytes: the buffer of small frames may have twice their room, and has 1000 bytes at
    /// least.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        let reading = match &self.mode {
            Mode::WebSocket(reader) | Mode::WebSocketClosing(reader, _) => reader.bytes_held(),
            Mode::Body(collect) => collect.content.capacity(),
            Mode::Answering(answer) => answer.response.body.len(),
            Mode::Asked { .. }
            | Mode::Awaited { .. }
            | Mode::Busy { .. }
            | Mode::Finished
            | Mode::Head { .. }
            | Mode::Lingering(_)
            | Mode::Sending(_)
            | Mode::Skip(_) => 0,
        };
        self.tail.capacity() + self.out.bytes_held() + reading
    }

    /// Carries out the verdict on the last item.
    fn apply(&mut self, verdict: Verdict, clock: Option<Clock>) {
        match verdict {
            Verdict::Continue => {}
            Verdict::Pass => {
                self.answer(Response::with_body(404, "text/plain", "Not Found"), clock)
            }
            Verdict::Respond(response) => {
                self.answer(response, clock);
                self.settle();
            }
            Verdict::Hold(link) => {
                if let Mode::Asked { exchange, body } = self.mode {
                    self.link = link;
                    self.mode = Mode::Busy { exchange, body };
                }
            }
            Verdict::Body { link, limit } => self.collect(link, limit),
            Verdict::Upgrade { link, response } => {
                if let Mode::Asked { .. } = self.mode {
                    self.out.push_head(&response, Persistence::Keep, clock.map(|clock| clock()));
                    self.link = link;
                    self.mode = Mode::WebSocket(Reader::new(Role::Server));
                }
            }
        }
    }

    fn collect(&mut self, link: Option<Link>, limit: usize) {
        let Mode::Asked { exchange, body } = self.mode else { return };
        self.link = link;
        self.mode = Mode::Awaited { exchange, body, limit };
    }

    /// Takes the answer to the request at hand.
    fn answer(&mut self, response: Response, clock: Option<Clock>) {
        let (exchange, body) = match &self.mode {
            Mode::Asked { exchange, body }
            | Mode::Awaited { exchange, body, .. }
            | Mode::Busy { exchange, body } => (*exchange, *body),
            Mode::Body(collect) => (collect.exchange, collect.body),
            Mode::Answering(_)
            | Mode::Finished
            | Mode::Head { .. }
            | Mode::Lingering(_)
            | Mode::Sending(_)
            | Mode::Skip(_)
            | Mode::WebSocket(_)
            | Mode::WebSocketClosing(..) => return,
        };
        self.link = None;
        let date = clock.map(|clock| clock());
        if response.compress {
            self.mode = Mode::Answering(Box::new(Answer { response, exchange, body, date }));
        } else {
            self.respond(&response, exchange, body, date);
        }
    }

    /// Compresses and writes the answer that waits for it, which mostly none does.
    fn settle(&mut self) {
        if let Mode::Answering(_) = self.mode {
            self.settle_answer();
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_answer(&mut self) {
        if let Mode::Answering(answer) = std::mem::replace(&mut self.mode, Mode::Finished) {
            let Answer { response, exchange, body, date } = *answer;
            let response = match exchange.head_only {
                true => response.coded_head(exchange.coding),
                false => response.coded(exchange.coding),
            };
            self.respond(&response, exchange, body, date);
        }
    }

    /// Writes an answer and makes ready for the next request.
    fn respond(&mut self, response: &Response, exchange: Exchange, body: Body, date: Option<Date>) {
        // A body nobody wants is read to its end when that is near, else the connection ends.
        let near = match body {
            Body::Length(left) => left <= (self.limits.max_payload as u64).saturating_mul(4),
            Body::Chunked(_) => body.is_done(),
        };
        // One that waits to be told to send its body may as well not send it.
        let comes = !exchange.expects_continue || body.is_done();
        let persistence = if near && comes { exchange.persistence } else { Persistence::Close };
        self.out.push_head(response, persistence, date);
        if !exchange.head_only && !response.is_bodiless() {
            let Some(mut left) = response.length else {
                self.out.push_bytes(&response.body);
                self.mode = Mode::after(persistence, body);
                return;
            };
            self.out.push_bytes(&take(&response.body, &mut left));
            if left > 0 {
                self.mode = Mode::Sending(Box::new(Sending { left, persistence, body }));
                return;
            }
        }
        self.mode = Mode::after(persistence, body);
    }

    /// Queues a close frame and awaits the peer's.
    fn close(&mut self, code: CloseCode) {
        self.link = None;
        if let Mode::WebSocket(reader) = &mut self.mode {
            self.out.push_close(&code.get().to_be_bytes());
            let reader = std::mem::replace(reader, Reader::new(Role::Server));
            self.mode = Mode::WebSocketClosing(reader, LINGER);
        }
    }

    /// The body that was collected from several reads.
    fn collected(&self) -> &[u8] {
        if let Mode::Body(collect) = &self.mode { &collect.content } else { &[] }
    }

    /// Queues the farewell that `violation` deserves, on HTTP `response`, and ends the connection
    /// after it, unless all that was wrong with a request was the length of its body.
    fn reject(&mut self, violation: Violation, response: &Response, clock: Option<Clock>) {
        let date = clock.map(|clock| clock());
        match self.mode {
            Mode::Awaited { exchange, body, .. } if violation == Violation::BodyTooLarge => {
                self.link = None;
                self.respond(response, exchange, body, date);
            }
            Mode::WebSocket(_) => {
                self.close(violation.close_code());
                if violation == Violation::BadClose {
                    // The peer's farewell has come, broken as it is: there is no other to wait for.
                    self.mode = Mode::Finished;
                }
            }
            Mode::WebSocketClosing(..) | Mode::Lingering(_) | Mode::Finished | Mode::Sending(_) => {
                self.mode = Mode::Finished;
            }
            Mode::Answering(_)
            | Mode::Asked { .. }
            | Mode::Awaited { .. }
            | Mode::Body(_)
            | Mode::Busy { .. }
            | Mode::Head { .. }
            | Mode::Skip(_) => {
                self.out.push_head(response, Persistence::Close, date);
                self.out.push_bytes(&response.body);
                self.link = None;
                self.mode = Mode::Lingering(LINGER);
            }
        }
        self.tail = Vec::new();
    }
}

impl Mode {
    /// What follows an answer when so much of the body of its request is still to come.
    fn after(persistence: Persistence, body: Body) -> Self {
        let ends = persistence == Persistence::Close;
        match (ends, body.is_done()) {
            (false, true) => Self::Head { scanned: 0 },
            (false, false) => Self::Skip(body),
            (true, true) => Self::Finished,
            (true, false) => Self::Lingering(LINGER),
        }
    }
}

/// As much of `bytes` as is owed.
fn take(bytes: &Bytes, left: &mut u64) -> Bytes {
    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= n as u64;
    bytes.slice(..n)
}
