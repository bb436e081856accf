//! Reading: a lending iterator over the items found in one read.

use std::ops::{DerefMut, Range};

use super::conn::{Clock, Conn};
use super::mode::Mode;
use super::serve::Serve;
use super::stream::Stream;
use crate::engine::opening;
use crate::error::Violation;
use crate::http::head::Places;
use crate::http::{Fields, Method, Request, Response, ResponseHead};
use crate::link::{Inbound, Link, Message, Transmit, Verdict};
use crate::ws::CloseCode;
use crate::ws::message::Place;

/// A lending iterator over the items found in one read.
///
/// Dropping it keeps what is incomplete.
#[derive(Debug)]
pub struct Decoder<'c, 'i> {
    pub(super) conn: &'c mut Conn,
    pub(super) input: Input<'i>,
    pub(super) at: usize,
    /// Of the head that was found last.
    pub(super) places: Option<Places>,
    clock: Option<Clock>,
}

/// The caller's buffer, or the tail of earlier ones with the caller's buffer appended.
#[derive(Debug)]
pub(super) enum Input<'i> {
    Read(&'i mut [u8]),
    Joined(Vec<u8>),
}

impl Input<'_> {
    pub(super) fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Joined(bytes) => bytes.deref_mut(),
        }
    }
}

/// Where an item lies, before it is borrowed.
pub(super) enum Item {
    Answer { status: u16, head: Range<usize> },
    Request { method: Method, head: Range<usize>, target: Range<usize> },
    BodyHere(Range<usize>),
    BodyCollected,
    Text(Place),
    Binary(Place),
    Closed(Option<CloseCode>),
    Opening(Place),
    Bytes(Range<usize>),
}

impl<'c, 'i> Decoder<'c, 'i> {
    pub(super) fn new(conn: &'c mut Conn, input: &'i mut [u8]) -> Self {
        conn.settle();
        let input = if conn.tail.is_empty() {
            Input::Read(input)
        } else {
            let mut joined = std::mem::take(&mut conn.tail);
            joined.extend_from_slice(input);
            Input::Joined(joined)
        };
        Self { conn, input, at: 0, places: None, clock: None }
    }

    /// Has the answers that are given through this decoder say the time (RFC 9110 §6.6.1).
    #[must_use]
    pub fn dated(mut self, clock: Clock) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Returns the next complete item, or `None` when more bytes are needed.
    ///
    /// After a request, call [`apply`](Self::apply) before the next poll.
    ///
    /// # Errors
    /// The rule the peer broke. Tell it with [`reject`](Self::reject); nothing more will be decoded.
    pub fn poll(&mut self) -> Result<Option<Inbound<'_>>, Violation> {
        if let Some(place) = self.short_text() {
            let text = std::str::from_utf8(&self.input.bytes()[place]);
            let text = text.map_err(|_| Violation::InvalidUtf8)?;
            return Ok(Some(Inbound::Message(Message::Text(text))));
        }
        let Some(item) = self.find()? else { return Ok(None) };
        let bytes: &[u8] = self.input.bytes();
        let message = |place| match place {
            Place::Input(range) => &bytes[range],
            Place::Reader => self.conn.mode.delivered(),
        };
        Ok(Some(match item {
            Item::Answer { status, head } => {
                let places = self.places.as_ref().ok_or(Violation::InvalidHead)?;
                Inbound::Response(ResponseHead::new(status, Fields::head(&bytes[head], places)))
            }
            Item::Request { method, head, target } => {
                let head = &bytes[head];
                let target = text(&bytes[target])?;
                let places = self.places.as_ref().ok_or(Violation::InvalidHead)?;
                let mut request = Request::new(method, target, Fields::head(head, places));
                if method == Method::Other {
                    let end = memchr::memchr(b' ', head).ok_or(Violation::InvalidHead)?;
                    request.other = Some(text(&head[..end])?);
                }
                Inbound::Request(request)
            }
            Item::BodyHere(range) => Inbound::Body(&bytes[range]),
            Item::BodyCollected => Inbound::Body(self.conn.mode.collected()),
            Item::Text(place) => {
                let text = std::str::from_utf8(message(place));
                Inbound::Message(Message::Text(text.map_err(|_| Violation::InvalidUtf8)?))
            }
            Item::Binary(place) => Inbound::Message(Message::Binary(message(place))),
            Item::Closed(code) => Inbound::Closed(code),
            Item::Bytes(range) => Inbound::Bytes(&bytes[range]),
            Item::Opening(place) => {
                let text = std::str::from_utf8(message(place));
                let text = text.map_err(|_| Violation::InvalidUtf8)?;
                Inbound::Opening(opening::parse(text)?)
            }
        }))
    }

    /// Returns the link whose outputs belong on this connection, if any.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        self.conn.link
    }

    /// Carries out the verdict on the last item.
    pub fn apply(&mut self, verdict: Verdict) {
        self.conn.apply(verdict, self.clock);
    }

    /// Queues one output between two items, for an embedder that uses the connection without a server.
    pub fn push(&mut self, transmit: Transmit) {
        self.conn.push_dated(transmit, self.clock);
    }

    /// Queues the farewell that `violation` deserves, an HTTP error or a close frame, and ends the
    /// connection after it. A connection survives one thing: a `Content-Length` between the limit and four
    /// times `Limits::max_payload`, whose body is read for nothing.
    pub fn reject(&mut self, violation: Violation) {
        self.reject_as(violation, &Response::refusing(violation));
    }

    /// The same, with the HTTP error as `dress` returns it, which is given the error and what is known of
    /// the request: of a head that cannot be read, the lines that came. So
    /// [`Config::dress`](crate::Config::dress) has the page that asked read the answer.
    pub fn reject_with(
        &mut self,
        violation: Violation,
        dress: impl FnOnce(Response, &Request<'_>) -> Response,
    ) {
        let unread =
            if let Mode::Serve(Serve::Head { .. }) = self.conn.mode { self.at } else { usize::MAX };
        let most = self.conn.limits.head;
        let lines = self.input.bytes().get(unread..).unwrap_or_default();
        let fields = Fields::head(&lines[..lines.len().min(most)], &Places::UNKNOWN);
        let request = Request::new(Method::Other, "", fields);
        let response = dress(Response::refusing(violation), &request);
        self.reject_as(violation, &response);
    }

    /// The same, with `response` as the HTTP error: the one of
    /// [`Server::handle_violation`](crate::Server::handle_violation) for a connection that has a
    /// [link](Self::link).
    pub fn reject_as(&mut self, violation: Violation, response: &Response) {
        self.conn.reject(violation, response, self.clock);
        if !matches!(self.conn.mode, Mode::Serve(Serve::Skip(_))) {
            self.at = self.input.bytes().len();
        }
    }

    fn find(&mut self) -> Result<Option<Item>, Violation> {
        match &self.conn.mode {
            Mode::Stream(Stream::Open(_)) => self.message(),
            Mode::Stream(Stream::Closing(..)) => {
                self.farewell();
                Ok(None)
            }
            Mode::Serve(_) => self.serve(),
            Mode::WebTransport(_) => self.packet(),
            Mode::Ask(_) => self.ask(),
            Mode::Tunnel => Ok(self.pass()),
            Mode::Finished => {
                self.at = self.input.bytes().len();
                Ok(None)
            }
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(bytes).map_err(|_| Violation::InvalidHead)
}

impl Drop for Decoder<'_, '_> {
    fn drop(&mut self) {
        let rest = match &mut self.input {
            Input::Read(bytes) => bytes[self.at..].to_vec(),
            Input::Joined(bytes) => {
                let mut bytes = std::mem::take(bytes);
                bytes.drain(..self.at);
                bytes
            }
        };
        self.conn.tail = if rest.is_empty() { Vec::new() } else { rest };
    }
}
