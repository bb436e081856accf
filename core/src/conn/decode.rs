//! Reading: a lending iterator over the items found in one read.

use bytes::Bytes;
use std::ops::{DerefMut, Range};

use super::{Clock, Collect, Conn, Exchange, Mode};
use crate::error::Violation;
use crate::http::body::Body;
use crate::http::head::{self, Places};
use crate::http::{Fields, Method, Request, Response};
use crate::link::{Inbound, Link, Message, Transmit, Verdict};
use crate::ws::CloseCode;
use crate::ws::message::{Found, Place};

/// A lending iterator over the items found in one read.
///
/// Dropping it keeps what is incomplete.
#[derive(Debug)]
pub struct Decoder<'c, 'i> {
    conn: &'c mut Conn,
    input: Input<'i>,
    at: usize,
    /// Of the request that was found last.
    places: Option<Places>,
    clock: Option<Clock>,
}

/// The caller's buffer, or what waited with the caller's buffer appended.
#[derive(Debug)]
enum Input<'i> {
    Read(&'i mut [u8]),
    Joined(Vec<u8>),
}

impl Input<'_> {
    fn bytes(&mut self) -> &mut [u8] {
        match self {
            Self::Read(bytes) => bytes,
            Self::Joined(bytes) => bytes.deref_mut(),
        }
    }
}

/// Where an item lies, before it is borrowed.
enum Item {
    Request { method: Method, head: Range<usize>, target: Range<usize> },
    BodyHere(Range<usize>),
    BodyCollected,
    Text(Place),
    Binary(Place),
    Closed(Option<CloseCode>),
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
        let Some(item) = self.find()? else { return Ok(None) };
        let bytes: &[u8] = self.input.bytes();
        let message = |place| match (place, &self.conn.mode) {
            (Place::Input(range), _) => &bytes[range],
            (Place::Reader, Mode::WebSocket(reader)) => reader.delivered(),
            (Place::Reader, _) => &[],
        };
        Ok(Some(match item {
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
            Item::BodyCollected => Inbound::Body(self.conn.collected()),
            Item::Text(place) => {
                let text = std::str::from_utf8(message(place));
                Inbound::Message(Message::Text(text.map_err(|_| Violation::InvalidUtf8)?))
            }
            Item::Binary(place) => Inbound::Message(Message::Binary(message(place))),
            Item::Closed(code) => Inbound::Closed(code),
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
        let unread = if let Mode::Head { .. } = self.conn.mode { self.at } else { usize::MAX };
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
        if !matches!(self.conn.mode, Mode::Skip(_)) {
            self.at = self.input.bytes().len();
        }
    }

    fn find(&mut self) -> Result<Option<Item>, Violation> {
        loop {
            let found = match &mut self.conn.mode {
                Mode::Head { .. } => return self.head(),
                Mode::Awaited { .. } => return self.whole_body(),
                Mode::Body(_) => return self.body(),
                Mode::Answering(_) | Mode::Asked { .. } | Mode::Busy { .. } | Mode::Sending(_) => {
                    return Ok(None);
                }
                Mode::WebSocket(_) => self.message()?,
                Mode::WebSocketClosing(..) => {
                    self.farewell();
                    None
                }
                Mode::Skip(body) => {
                    let rest = &self.input.bytes()[self.at..];
                    self.at += body.take(rest, |_| Ok(()))?;
                    if !body.is_done() {
                        return Ok(None);
                    }
                    self.conn.mode = Mode::Head { scanned: 0 };
                    continue;
                }
                Mode::Lingering(budget) => {
                    let rest = self.input.bytes().len() - self.at;
                    *budget = budget.saturating_sub(rest);
                    if *budget == 0 {
                        self.conn.mode = Mode::Finished;
                    }
                    self.at += rest;
                    None
                }
                Mode::Finished => {
                    self.at = self.input.bytes().len();
                    None
                }
            };
            match found {
                None | Some(Found::Nothing) => return Ok(None),
                Some(Found::Pong | Found::Ping(_)) => {}
                Some(Found::Text(place)) => return Ok(Some(Item::Text(place))),
                Some(Found::Binary(place)) => return Ok(Some(Item::Binary(place))),
                Some(Found::Close(code)) => return Ok(Some(self.closed(code))),
            }
        }
    }

    fn head(&mut self) -> Result<Option<Item>, Violation> {
        let Conn { mode: Mode::Head { scanned }, limits, out, .. } = &mut *self.conn else {
            return Ok(None);
        };
        // The answers before it go first.
        if out.bytes() >= limits.low_water {
            return Ok(None);
        }
        // A client may end the last body with a stray CRLF (RFC 9112 §2.2), which stays until the
        // request is here, so that there cannot be a second.
        let bytes = &mut self.input.bytes()[self.at..];
        if is_stray(bytes) {
            return Ok(None);
        }
        let stray = if bytes.starts_with(STRAY) { STRAY.len() } else { 0 };
        let bytes = &mut bytes[stray..];
        let end = match head::find_end(bytes, *scanned, limits)? {
            Ok(end) => end,
            Err(n) => {
                *scanned = n;
                return Ok(None);
            }
        };
        let head = head::parse(&mut bytes[..end], limits)?;
        let exchange = Exchange {
            persistence: head.persistence,
            head_only: head.method == Method::Head,
            expects_continue: head.expects_continue,
            coding: head.coding,
        };
        self.conn.mode = Mode::Asked { exchange, body: head.body };
        self.at += stray;
        let target = head.target.start + self.at..head.target.end + self.at;
        // Without the empty line.
        let lines = self.at..self.at + end - 2;
        self.at += end;
        self.places = Some(head.places);
        Ok(Some(Item::Request { method: head.method, head: lines, target }))
    }

    /// A body that lies whole in the input is handed out where it is.
    fn whole_body(&mut self) -> Result<Option<Item>, Violation> {
        let Mode::Awaited { mut exchange, body, limit } = self.conn.mode else { return Ok(None) };
        if matches!(body, Body::Length(left) if left > limit as u64) {
            return Err(Violation::BodyTooLarge);
        }
        if exchange.expects_continue && !body.is_done() {
            let encouragement = Bytes::from_static(b"HTTP/1.1 100 Continue\r\n\r\n");
            self.conn.out.push_bytes(&encouragement);
            exchange.expects_continue = false;
        }
        let rest = self.input.bytes().len() - self.at;
        if let Body::Length(left) = body
            && let Some(len) = usize::try_from(left).ok().filter(|&len| len <= rest)
        {
            let range = self.at..self.at + len;
            self.at += len;
            self.conn.mode = Mode::Busy { exchange, body: Body::Length(0) };
            return Ok(Some(Item::BodyHere(range)));
        }
        let collect = Collect { exchange, body, limit, content: Vec::new(), delivered: false };
        self.conn.mode = Mode::Body(Box::new(collect));
        self.body()
    }

    fn body(&mut self) -> Result<Option<Item>, Violation> {
        let Mode::Body(collect) = &mut self.conn.mode else { return Ok(None) };
        if collect.delivered {
            return Ok(None);
        }
        let rest = &self.input.bytes()[self.at..];
        let (content, limit) = (&mut collect.content, collect.limit);
        self.at += collect.body.take(rest, |bytes| {
            if content.len() + bytes.len() > limit {
                return Err(Violation::BodyTooLarge);
            }
            content.extend_from_slice(bytes);
            Ok(())
        })?;
        collect.delivered = collect.body.is_done();
        Ok(collect.delivered.then_some(Item::BodyCollected))
    }

    fn message(&mut self) -> Result<Option<Found>, Violation> {
        let Conn { mode: Mode::WebSocket(reader), limits, out, .. } = &mut *self.conn else {
            return Ok(None);
        };
        let at = self.at;
        let bytes = self.input.bytes();
        if at == bytes.len() && reader.is_idle() {
            return Ok(None);
        }
        let (used, found) = reader.step(&mut bytes[at..], limits);
        self.at += used;
        let found = found?.shifted(at);
        if let Found::Ping(place) = &found {
            let payload = match place {
                Place::Input(range) => &bytes[range.clone()],
                Place::Reader => reader.delivered(),
            };
            out.push_pong(payload, limits.pongs);
        }
        Ok(Some(found))
    }

    /// Reads on for the peer's close frame after ours was sent.
    fn farewell(&mut self) {
        let Conn { mode: Mode::WebSocketClosing(reader, budget), limits, .. } = &mut *self.conn
        else {
            return;
        };
        let bytes = &mut self.input.bytes()[self.at..];
        let mut left = *budget;
        let mut at = 0;
        let over = loop {
            let (used, found) = reader.step(&mut bytes[at..], limits);
            at += used;
            left = left.saturating_sub(used);
            match found {
                Ok(Found::Nothing) if left > 0 => break false,
                Ok(Found::Binary(_) | Found::Ping(_) | Found::Pong | Found::Text(_))
                    if left > 0 => {}
                Ok(_) | Err(_) => break true,
            }
        };
        *budget = left;
        self.at = self.input.bytes().len();
        if over {
            self.conn.mode = Mode::Finished;
        }
    }

    /// Echoes a close frame, after which nothing is sent or read (RFC 6455 §5.5.1).
    fn closed(&mut self, code: Option<CloseCode>) -> Item {
        let payload = code.map_or([0, 0], |code| code.get().to_be_bytes());
        self.conn.out.push_close(if code.is_some() { &payload } else { &[] });
        self.conn.mode = Mode::Finished;
        self.at = self.input.bytes().len();
        Item::Closed(code)
    }
}

fn text(bytes: &[u8]) -> Result<&str, Violation> {
    std::str::from_utf8(bytes).map_err(|_| Violation::InvalidHead)
}

/// Whether nothing came since the last request but, perhaps, a stray CRLF or the first half of it.
pub(super) fn is_stray(bytes: &[u8]) -> bool {
    // Asked in every turn, and nearly always of nothing.
    bytes.is_empty() || STRAY.starts_with(bytes)
}

pub(super) const STRAY: &[u8] = b"\r\n";

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
