//! One TCP connection: HTTP/1.1 framing, then RFC 6455 framing.

mod decode;
mod write;

use bytes::Bytes;
use std::io::IoSlice;
use std::sync::Arc;

pub use decode::{Decoder, Inbound};
use write::Outgoing;

use crate::config::Limits;
use crate::error::Violation;
use crate::http::Response;
use crate::http::body::Body;
use crate::key::Link;
use crate::server::{Next, Server, Transmit, Verdict};
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
    /// The answer is awaited; further requests wait in the tail.
    Busy(Exchange),
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

/// What the answer has to know about its request.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    keep_alive: bool,
    head_only: bool,
    expects_continue: bool,
}

#[derive(Debug)]
struct Collect {
    exchange: Exchange,
    body: Body,
    limit: usize,
    content: Vec<u8>,
    delivered: bool,
}

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

    /// Makes the codec of a stream that a host already upgraded.
    ///
    /// Frames a [`Role::Client`] sends are masked with values that follow from `seed`.
    #[must_use]
    pub fn websocket(role: Role, limits: Arc<Limits>, link: Link, seed: [u8; 32]) -> Self {
        let out = match role {
            Role::Client => Outgoing::client(seed),
            Role::Server => Outgoing::server(),
        };
        let mode = Mode::WebSocket(Reader::new(role));
        Self { limits, mode, link: Some(link), tail: Vec::new(), out }
    }

    /// Decodes `input` in place; what is incomplete is kept when the decoder is dropped.
    ///
    /// An empty `input` goes on with what waited behind an answer: see
    /// [`wants_decode`](Self::wants_decode).
    pub fn decode<'c, 'i>(&'c mut self, input: &'i mut [u8]) -> Decoder<'c, 'i> {
        Decoder::new(self, input)
    }

    /// Returns the attachment whose outputs belong on this connection, if any.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.link
    }

    /// Queues one output of [`Server::poll_transmit`](crate::Server::poll_transmit).
    pub fn push(&mut self, transmit: Transmit) {
        match (transmit, &self.mode) {
            (Transmit::Frame(frame), Mode::WebSocket(_)) => self.out.push_frame(frame),
            (Transmit::Response(response), _) => self.respond(&response),
            (Transmit::Close(code), Mode::WebSocket(_)) => self.close(code),
            // Outputs for a transport that ended meanwhile go nowhere.
            (Transmit::Frame(_) | Transmit::Close(_), _) => {}
        }
    }

    /// Moves in everything that `server` has for [`link`](Self::link) and that may be queued now;
    /// returns whether more waits until some of it is written.
    ///
    /// The same as calling [`Server::poll_transmit`](crate::Server::poll_transmit) and
    /// [`push`](Self::push) in turns, at less cost.
    pub fn pull(&mut self, server: &mut Server) -> bool {
        let Some(link) = self.link else { return false };
        while self.out.bytes() < self.limits.low_water || server.is_over(link) {
            let transmit = match server.next_frame(link) {
                Next::Frame(frame) => {
                    self.out.push_frame(frame);
                    continue;
                }
                Next::Nothing => return false,
                Next::Other => server.poll_transmit(link),
            };
            let Some(transmit) = transmit else { return false };
            self.push(transmit);
            if self.link != Some(link) {
                return false;
            }
        }
        true
    }

    /// Whether more transmits should be pulled from the server.
    #[must_use]
    pub fn wants_transmit(&self) -> bool {
        self.link.is_some() && self.out.bytes() < self.limits.low_water
    }

    /// Whether [`decode`](Self::decode) has something to do without new input.
    #[must_use]
    pub fn wants_decode(&self) -> bool {
        matches!(self.mode, Mode::Head { scanned: 0 } | Mode::Skip(_)) && !self.tail.is_empty()
    }

    /// Whether the stream should be read now; `false` while a peer pipelines more than is buffered,
    /// or reads too little of the answers to go on asking.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        let asks = matches!(self.mode, Mode::Head { .. } | Mode::Skip(_));
        self.tail.len() < self.limits.head && !(asks && self.out.bytes() >= self.limits.low_water)
    }

    /// Fills `iov` with what should be written next, without copying, and returns how many slices
    /// it filled.
    pub fn poll_write<'a>(&'a self, iov: &mut [IoSlice<'a>]) -> usize {
        self.out.fill(iov)
    }

    /// Accounts for `n` bytes taken by the stream.
    pub fn wrote(&mut self, n: usize) {
        self.out.wrote(n);
    }

    /// Whether the stream should be closed now.
    #[must_use]
    pub fn is_finished(&self) -> bool {
        matches!(self.mode, Mode::Finished) && self.out.bytes() == 0
    }

    /// Whether the last bytes are queued and only the peer's farewell is awaited. Give it some
    /// seconds at most, then close the stream.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        matches!(self.mode, Mode::Finished | Mode::Lingering(_) | Mode::WebSocketClosing(..))
    }

    /// Returns how many bytes of heap memory this connection holds.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        let reading = match &self.mode {
            Mode::WebSocket(reader) | Mode::WebSocketClosing(reader, _) => reader.bytes_held(),
            Mode::Body(collect) => collect.content.capacity(),
            Mode::Asked { .. }
            | Mode::Awaited { .. }
            | Mode::Busy(_)
            | Mode::Finished
            | Mode::Head { .. }
            | Mode::Lingering(_)
            | Mode::Skip(_) => 0,
        };
        self.tail.capacity() + self.out.bytes_held() + reading
    }

    /// Carries out what the server decided about the last item.
    fn apply(&mut self, verdict: Verdict) {
        match verdict {
            Verdict::Continue => {}
            Verdict::Pass => self.respond(&Response::with_body(404, "text/plain", "Not Found")),
            Verdict::Respond(response) => self.respond(&response),
            Verdict::Hold(link) => {
                if let Mode::Asked { exchange, .. } = self.mode {
                    self.link = Some(link);
                    self.mode = Mode::Busy(exchange);
                }
            }
            Verdict::Body { link, limit } => self.collect(link, limit),
            Verdict::Upgrade { link, response } => {
                if let Mode::Asked { .. } = self.mode {
                    self.out.push_head(&response, true);
                    self.link = Some(link);
                    self.mode = Mode::WebSocket(Reader::new(Role::Server));
                }
            }
        }
    }

    fn collect(&mut self, link: Link, limit: usize) {
        let Mode::Asked { exchange, body } = self.mode else { return };
        if exchange.expects_continue && !body.is_done() {
            self.out.push_bytes(&Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n"));
        }
        self.link = Some(link);
        self.mode = Mode::Awaited { exchange, body, limit };
    }

    /// Writes the answer to the request at hand and makes ready for the next one.
    fn respond(&mut self, response: &Response) {
        let (exchange, body) = match &self.mode {
            Mode::Asked { exchange, body } | Mode::Awaited { exchange, body, .. } => {
                (*exchange, *body)
            }
            Mode::Body(collect) => (collect.exchange, collect.body),
            Mode::Busy(exchange) => (*exchange, Body::Length(0)),
            Mode::Finished
            | Mode::Head { .. }
            | Mode::Lingering(_)
            | Mode::Skip(_)
            | Mode::WebSocket(_)
            | Mode::WebSocketClosing(..) => return,
        };
        self.link = None;
        // A body nobody wants is read to its end when that is near, else the connection ends.
        let near = match body {
            Body::Length(left) => left <= 4 * self.limits.max_payload as u64,
            Body::Chunked(_) => body.is_done(),
        };
        let keep_alive = exchange.keep_alive && near;
        self.out.push_response(response, keep_alive, exchange.head_only);
        self.mode = match (keep_alive, body.is_done()) {
            (true, true) => Mode::Head { scanned: 0 },
            (true, false) => Mode::Skip(body),
            (false, true) => Mode::Finished,
            (false, false) => Mode::Lingering(LINGER),
        };
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

    /// Queues the farewell that `violation` deserves and ends the connection after it.
    fn reject(&mut self, violation: Violation) {
        match self.mode {
            Mode::WebSocket(_) => {
                self.close(violation.close_code());
                if violation == Violation::BadClose {
                    // The peer's farewell has come, broken as it is: there is no other to wait for.
                    self.mode = Mode::Finished;
                }
            }
            Mode::WebSocketClosing(..) | Mode::Lingering(_) | Mode::Finished => {
                self.mode = Mode::Finished;
            }
            Mode::Asked { .. }
            | Mode::Awaited { .. }
            | Mode::Body(_)
            | Mode::Busy(_)
            | Mode::Head { .. }
            | Mode::Skip(_) => {
                let response =
                    Response::with_body(violation.status(), "text/plain", violation.to_string());
                self.out.push_response(&response, false, false);
                self.link = None;
                self.mode = Mode::Lingering(LINGER);
            }
        }
        self.tail = Vec::new();
    }
}
