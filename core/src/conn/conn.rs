//! The connection: what its owner asks and tells it.

use std::io::IoSlice;
use std::sync::Arc;

use super::ask::Ask;
use super::decode::Decoder;
use super::mode::{Awaits, Mode, Owes};
use super::serve::{STRAY, Serve, is_stray};
use super::stream::Stream;
use super::webtransport::WebTransport;
use super::write::Outgoing;
use crate::error::Violation;
use crate::http::{Date, Response};
use crate::limits::Limits;
use crate::link::{Feed, Link, Next, Transmit};
use crate::ws::message::{Reader, Role};

/// The codec of one TCP connection, or of one WebTransport stream.
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
    pub(super) limits: Arc<Limits>,
    pub(super) mode: Mode,
    pub(super) link: Option<Link>,
    /// Input that waits: an unfinished head, or requests behind one that is being answered.
    /// Bounded by `limits.head` for heads and by one read beyond it for pipelined requests.
    pub(super) tail: Vec<u8>,
    pub(super) out: Outgoing,
}

/// Tells the time for the `Date` of an answer. It is asked only when one is written.
pub type Clock = fn() -> Date;

/// What an incomplete message may have without being noticed, in bytes: no more than the connection
/// itself costs.
const LITTLE: usize = 4096;

impl Conn {
    /// Makes the codec of a fresh server connection.
    #[must_use]
    pub fn new(limits: Arc<Limits>) -> Self {
        Self {
            limits,
            mode: Mode::Serve(Serve::Head { scanned: 0 }),
            link: None,
            tail: Vec::new(),
            out: Outgoing::server(),
        }
    }

    /// Makes the codec of a fresh client connection, whose requests are [pulled](Self::pull) from under
    /// `link`, or are those that the embedder itself [asks](Self::ask).
    ///
    /// Keys of WebSockets and the values that mask frames follow from `seed`, which must be
    /// unpredictable (RFC 6455 §10.3).
    #[must_use]
    pub fn client(limits: Arc<Limits>, link: Option<Link>, seed: [u8; 32]) -> Self {
        let (mode, out) = (Mode::Ask(Ask::Idle), Outgoing::client(seed));
        Self { limits, mode, link, tail: Vec::new(), out }
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
        let mode = Mode::Stream(Stream::Open(Reader::new(role)));
        Self { limits, mode, link, tail: Vec::new(), out }
    }

    /// Makes the codec of a WebTransport stream that the peer opened, in a session of HTTP/3 that a host
    /// accepted. The first item is an [`Inbound::Opening`](crate::Inbound::Opening).
    #[must_use]
    pub fn webtransport(limits: Arc<Limits>) -> Self {
        let mode = Mode::WebTransport(WebTransport::default());
        Self { limits, mode, link: None, tail: Vec::new(), out: Outgoing::webtransport() }
    }

    /// Makes the codec of a stream that a host already upgraded, and whose bytes pass as they are: see
    /// [`begin_tunnel`](Self::begin_tunnel).
    #[must_use]
    pub fn tunnel(limits: Arc<Limits>) -> Self {
        Self { mode: Mode::Tunnel, ..Self::new(limits) }
    }

    /// Speaks the extensions that `response`, the answer that a host upgraded the stream with, names: see
    /// [`Config::deflate`](crate::Config::deflate).
    #[must_use]
    pub fn agreeing(mut self, response: &Response) -> Self {
        if let Some(agreed) = response.agreed() {
            self.agree(agreed);
        }
        self
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
            (
                Transmit::Frame(frame),
                Mode::Stream(Stream::Open(_)) | Mode::WebTransport(WebTransport::Open(_)),
            ) => self.out.push_frame(frame),
            (Transmit::Response(response), _) => {
                self.answer(response, clock);
                self.settle();
            }
            (Transmit::Close(code), Mode::Stream(Stream::Open(_))) => self.close(code),
            (Transmit::Close(_), Mode::WebTransport(_)) => self.finish(),
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
                Next::Frames(frames) => {
                    self.out.push_frames_with(&frames, &mut lend);
                    continue;
                }
                Next::Nothing => return false,
                Next::Other if matches!(self.mode, Mode::Ask(_)) => {
                    self.exchange(feed, link);
                    return false;
                }
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
        match &self.mode {
            Mode::Serve(Serve::Answering(_)) => true,
            Mode::Serve(Serve::Skip(_)) => !self.tail.is_empty(),
            // The answers before it go first.
            Mode::Serve(Serve::Head { scanned: 0 }) => {
                !is_stray(&self.tail) && self.out.bytes() < self.limits.low_water
            }
            Mode::Tunnel => !self.tail.is_empty(),
            Mode::Ask(_)
            | Mode::Finished
            | Mode::Serve(_)
            | Mode::Stream(_)
            | Mode::WebTransport(_) => false,
        }
    }

    /// Whether the stream should be read now; `false` while a peer pipelines more than is buffered,
    /// or reads too little of the answers to go on asking.
    #[must_use]
    pub fn wants_read(&self) -> bool {
        // A stray line break before a head stays with it.
        self.tail.len() < self.limits.head + STRAY.len()
            && !(self.mode.takes_requests() && self.out.bytes() >= self.limits.low_water)
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
        matches!(self.mode, Mode::Serve(Serve::Sending(_)))
            && self.out.bytes() < self.limits.low_water
    }

    /// Gives up a body that cannot be completed: the stream is to be closed, which tells the peer.
    pub fn abort(&mut self) {
        if let Mode::Serve(Serve::Sending(_)) = self.mode {
            self.mode = Mode::Finished;
            self.tail = Vec::new();
        }
    }

    /// Accounts for `n` bytes taken by the stream.
    pub fn wrote(&mut self, n: usize) {
        self.wrote_with(n, drop);
    }

    /// The same, and hands the buffer that small pieces were gathered in to `give`, lent or not, when
    /// all is written and it has room for 8192 bytes at most. A connection that has nothing to write
    /// keeps none.
    pub fn wrote_with(&mut self, n: usize, give: impl FnOnce(Vec<u8>)) {
        if let Some(buffer) = self.out.wrote(n) {
            give(buffer);
        }
    }

    /// Returns what the connection waits for.
    #[must_use]
    pub fn awaits(&self) -> Awaits {
        self.mode.awaits(|| is_stray(&self.tail))
    }

    /// Whether everything queued was written.
    #[must_use]
    pub fn is_flushed(&self) -> bool {
        self.out.bytes() == 0
    }

    /// Whether a part of something was read: a stream that ends now is cut off.
    #[must_use]
    pub fn is_amid(&self) -> bool {
        !is_stray(&self.tail)
    }

    /// Whether more than 4 KiB of a message were kept that is not complete.
    #[must_use]
    pub fn is_collecting(&self) -> bool {
        match &self.mode {
            Mode::Stream(Stream::Open(reader)) => reader.collected() > LITTLE,
            Mode::WebTransport(stream) => stream.collected() > LITTLE,
            Mode::Ask(_)
            | Mode::Finished
            | Mode::Serve(_)
            | Mode::Stream(Stream::Closing(..))
            | Mode::Tunnel => false,
        }
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
        let owes = match self.mode.owes() {
            Owes::Answer => true,
            Owes::Perhaps => self.wants_decode(),
            Owes::Nothing => false,
        };
        !owes && self.out.bytes() == 0
    }

    /// Whether the last bytes are queued and only the peer's farewell is awaited. Give it some
    /// seconds at most, then close the stream.
    #[must_use]
    pub fn is_closing(&self) -> bool {
        self.mode.is_closing()
    }

    /// Returns how many bytes of heap memory this connection holds. What waits to be written counts
    /// with its bytes: the buffer of small frames may have twice their room, and has 1000 bytes at
    /// least.
    #[must_use]
    pub fn bytes_held(&self) -> usize {
        self.tail.capacity() + self.out.bytes_held() + self.mode.bytes_held()
    }

    /// Queues the farewell that `violation` deserves, on HTTP `response`, and ends the connection
    /// after it, unless all that was wrong with a request was the length of its body.
    pub(super) fn reject(
        &mut self,
        violation: Violation,
        response: &Response,
        clock: Option<Clock>,
    ) {
        match self.mode {
            Mode::Serve(_) => self.reject_request(violation, response, clock.map(|clock| clock())),
            Mode::Stream(Stream::Open(_)) => self.reject_frame(violation),
            Mode::Ask(_)
            | Mode::Finished
            | Mode::Stream(Stream::Closing(..))
            | Mode::Tunnel
            | Mode::WebTransport(_) => self.finish(),
        }
        self.tail = Vec::new();
    }

    /// Ends the connection without a word.
    pub(super) fn finish(&mut self) {
        self.link = None;
        self.mode = Mode::Finished;
    }
}
