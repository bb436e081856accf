//! The HTTP stage of a server: requests in, answers out (RFC 9112).

use bytes::Bytes;

use super::conn::{Clock, Conn};
use super::decode::{Decoder, Item};
use super::mode::{Awaits, LINGER, Mode, Owes};
use super::stream::Stream;
use crate::error::Violation;
use crate::http::body::Body;
use crate::http::coding::Coding;
use crate::http::head::{self, Persistence};
use crate::http::{Date, Method, Response};
use crate::link::{Link, Verdict};
use crate::ws::message::{Reader, Role};

/// How far an exchange is.
#[derive(Debug)]
pub(super) enum Serve {
    /// Waiting for a request; `scanned` bytes of its head need no second look.
    Head { scanned: usize },
    /// A request was handed out and its verdict is awaited.
    Asked { exchange: Exchange, body: Body },
    /// The body of a request is awaited, and nothing of it was looked at.
    Awaited { exchange: Exchange, body: Body, limit: usize },
    /// The body of a request is being collected from several reads.
    Body(Box<Collect>),
    /// The answer is awaited; the rest of the body, and further requests, wait in the tail.
    Busy { exchange: Exchange, body: Body },
    /// The answer is here and yet to be compressed, which can wait until no lock is held.
    Answering(Box<Answer>),
    /// The answer is being written, and the embedder owes the rest of its body.
    Sending(Box<Sending>),
    /// The answer is written; the rest of the request's body is thrown away.
    Skip(Body),
    /// The last answer is written, but the peer still sends: reading on for so many bytes keeps the
    /// answer from being lost to a reset.
    Lingering(usize),
}

/// What the answer has to know about its request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exchange {
    persistence: Persistence,
    head_only: bool,
    expects_continue: bool,
    coding: Option<Coding>,
}

#[derive(Debug)]
pub(super) struct Answer {
    response: Response,
    exchange: Exchange,
    body: Body,
    date: Option<Date>,
}

#[derive(Debug)]
pub(super) struct Sending {
    /// Bytes the embedder owes.
    left: u64,
    persistence: Persistence,
    /// The rest of the body of the request.
    body: Body,
}

#[derive(Debug)]
pub(super) struct Collect {
    exchange: Exchange,
    body: Body,
    limit: usize,
    content: Vec<u8>,
    delivered: bool,
}

impl Serve {
    pub(super) fn awaits(&self, idle: impl FnOnce() -> bool) -> Awaits {
        match self {
            Self::Head { .. } if idle() => Awaits::Request,
            Self::Head { .. } => Awaits::Head,
            Self::Body(collect) if collect.delivered => Awaits::Answer,
            Self::Awaited { .. } | Self::Body(_) | Self::Skip(_) => Awaits::Body,
            Self::Answering(_) | Self::Asked { .. } | Self::Busy { .. } => Awaits::Answer,
            Self::Sending(_) => Awaits::Room,
            Self::Lingering(_) => Awaits::Farewell,
        }
    }

    pub(super) fn owes(&self) -> Owes {
        match self {
            Self::Answering(_) | Self::Asked { .. } | Self::Busy { .. } | Self::Sending(_) => {
                Owes::Answer
            }
            Self::Body(collect) if collect.delivered => Owes::Answer,
            Self::Head { .. } | Self::Skip(_) => Owes::Perhaps,
            Self::Awaited { .. } | Self::Body(_) | Self::Lingering(_) => Owes::Nothing,
        }
    }

    pub(super) fn bytes_held(&self) -> usize {
        match self {
            Self::Body(collect) => collect.content.capacity(),
            Self::Answering(answer) => answer.response.body.len(),
            Self::Asked { .. }
            | Self::Awaited { .. }
            | Self::Busy { .. }
            | Self::Head { .. }
            | Self::Lingering(_)
            | Self::Sending(_)
            | Self::Skip(_) => 0,
        }
    }

    pub(super) fn collected(&self) -> &[u8] {
        if let Self::Body(collect) = self { &collect.content } else { &[] }
    }

    /// The exchange that an answer would end, and the rest of the body of its request.
    fn open(&self) -> Option<(Exchange, Body)> {
        match self {
            Self::Asked { exchange, body }
            | Self::Awaited { exchange, body, .. }
            | Self::Busy { exchange, body } => Some((*exchange, *body)),
            Self::Body(collect) => Some((collect.exchange, collect.body)),
            Self::Answering(_)
            | Self::Head { .. }
            | Self::Lingering(_)
            | Self::Sending(_)
            | Self::Skip(_) => None,
        }
    }
}

impl Mode {
    /// What follows an answer when this rest of the body of its request is still to come.
    pub(super) fn after(persistence: Persistence, body: Body) -> Self {
        let ends = persistence == Persistence::Close;
        match (ends, body.is_done()) {
            (false, true) => Self::Serve(Serve::Head { scanned: 0 }),
            (false, false) => Self::Serve(Serve::Skip(body)),
            (true, true) => Self::Finished,
            (true, false) => Self::Serve(Serve::Lingering(LINGER)),
        }
    }
}

impl Conn {
    /// Carries out the verdict on the last item.
    pub(super) fn apply(&mut self, verdict: Verdict, clock: Option<Clock>) {
        match verdict {
            Verdict::Continue => {}
            verdict if self.is_webtransport() => self.open(&verdict),
            Verdict::Pass => {
                self.answer(Response::with_body(404, "text/plain", "Not Found"), clock)
            }
            Verdict::Respond(response) => {
                self.answer(response, clock);
                self.settle();
            }
            Verdict::Hold(link) => {
                if let Mode::Serve(Serve::Asked { exchange, body }) = self.mode {
                    self.link = link;
                    self.mode = Mode::Serve(Serve::Busy { exchange, body });
                }
            }
            Verdict::Body { link, limit } => self.collect(link, limit),
            Verdict::Upgrade { link, response } => {
                if let Mode::Serve(Serve::Asked { .. }) = self.mode {
                    self.out.push_head(&response, Persistence::Keep, clock.map(|clock| clock()));
                    self.link = link;
                    self.mode = Mode::Stream(Stream::Open(Reader::new(Role::Server)));
                    if let Some(agreed) = response.agreed() {
                        self.agree(agreed);
                    }
                }
            }
        }
    }

    fn collect(&mut self, link: Option<Link>, limit: usize) {
        let Mode::Serve(Serve::Asked { exchange, body }) = self.mode else { return };
        self.link = link;
        self.mode = Mode::Serve(Serve::Awaited { exchange, body, limit });
    }

    /// Takes the answer to the request at hand.
    pub(super) fn answer(&mut self, response: Response, clock: Option<Clock>) {
        let Mode::Serve(serve) = &self.mode else { return };
        let Some((exchange, body)) = serve.open() else { return };
        self.link = None;
        let date = clock.map(|clock| clock());
        if response.compress {
            let answer = Answer { response, exchange, body, date };
            self.mode = Mode::Serve(Serve::Answering(Box::new(answer)));
        } else {
            self.respond(&response, exchange, body, date);
        }
    }

    /// Compresses and writes the answer that waits for it, which mostly none does.
    pub(super) fn settle(&mut self) {
        if let Mode::Serve(Serve::Answering(_)) = self.mode {
            self.settle_answer();
        }
    }

    #[cold]
    #[inline(never)]
    fn settle_answer(&mut self) {
        if let Mode::Serve(Serve::Answering(answer)) =
            std::mem::replace(&mut self.mode, Mode::Finished)
        {
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
        // The body of a refused request is read to its end when that is near, else the connection ends.
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
                let sending = Sending { left, persistence, body };
                self.mode = Mode::Serve(Serve::Sending(Box::new(sending)));
                return;
            }
        }
        self.mode = Mode::after(persistence, body);
    }

    /// Queues `response` to a request that breaks a rule, and ends the connection after it, unless all
    /// that was wrong was the length of the body.
    pub(super) fn reject_request(
        &mut self,
        violation: Violation,
        response: &Response,
        date: Option<Date>,
    ) {
        let Mode::Serve(serve) = &self.mode else { return };
        match *serve {
            Serve::Awaited { exchange, body, .. } if violation == Violation::BodyTooLarge => {
                self.link = None;
                self.respond(response, exchange, body, date);
            }
            Serve::Lingering(_) | Serve::Sending(_) => self.mode = Mode::Finished,
            Serve::Answering(_)
            | Serve::Asked { .. }
            | Serve::Awaited { .. }
            | Serve::Body(_)
            | Serve::Busy { .. }
            | Serve::Head { .. }
            | Serve::Skip(_) => {
                self.out.push_head(response, Persistence::Close, date);
                self.out.push_bytes(&response.body);
                self.link = None;
                self.mode = Mode::Serve(Serve::Lingering(LINGER));
            }
        }
    }

    /// Queues more of the body whose [`Response::length`](crate::Response::length) was announced;
    /// bytes beyond it are left out.
    pub fn push_body(&mut self, bytes: &Bytes) {
        let Mode::Serve(Serve::Sending(sending)) = &mut self.mode else { return };
        self.out.push_bytes(&take(bytes, &mut sending.left));
        if sending.left == 0 {
            self.mode = Mode::after(sending.persistence, sending.body);
        }
    }
}

impl Decoder<'_, '_> {
    /// The next item of an exchange.
    pub(super) fn serve(&mut self) -> Result<Option<Item>, Violation> {
        loop {
            let Mode::Serve(serve) = &mut self.conn.mode else { return Ok(None) };
            match serve {
                Serve::Head { .. } => return self.head(),
                Serve::Awaited { .. } => return self.whole_body(),
                Serve::Body(_) => return self.body(),
                Serve::Answering(_)
                | Serve::Asked { .. }
                | Serve::Busy { .. }
                | Serve::Sending(_) => return Ok(None),
                Serve::Skip(body) => {
                    let rest = &self.input.bytes()[self.at..];
                    self.at += body.take(rest, |_| Ok(()))?;
                    if !body.is_done() {
                        return Ok(None);
                    }
                    self.conn.mode = Mode::Serve(Serve::Head { scanned: 0 });
                }
                Serve::Lingering(budget) => {
                    let rest = self.input.bytes().len() - self.at;
                    *budget = budget.saturating_sub(rest);
                    if *budget == 0 {
                        self.conn.mode = Mode::Finished;
                    }
                    self.at += rest;
                    return Ok(None);
                }
            }
        }
    }

    fn head(&mut self) -> Result<Option<Item>, Violation> {
        let Conn { mode: Mode::Serve(Serve::Head { scanned }), limits, out, .. } = &mut *self.conn
        else {
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
        self.conn.mode = Mode::Serve(Serve::Asked { exchange, body: head.body });
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
        let Mode::Serve(Serve::Awaited { mut exchange, body, limit }) = self.conn.mode else {
            return Ok(None);
        };
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
            self.conn.mode = Mode::Serve(Serve::Busy { exchange, body: Body::Length(0) });
            return Ok(Some(Item::BodyHere(range)));
        }
        let collect = Collect { exchange, body, limit, content: Vec::new(), delivered: false };
        self.conn.mode = Mode::Serve(Serve::Body(Box::new(collect)));
        self.body()
    }

    fn body(&mut self) -> Result<Option<Item>, Violation> {
        let Mode::Serve(Serve::Body(collect)) = &mut self.conn.mode else { return Ok(None) };
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
}

/// As much of `bytes` as is owed.
fn take(bytes: &Bytes, left: &mut u64) -> Bytes {
    let n = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len());
    *left -= n as u64;
    bytes.slice(..n)
}

/// Whether nothing came since the last request but, perhaps, a stray CRLF or the first half of it.
pub(super) fn is_stray(bytes: &[u8]) -> bool {
    // Asked in every turn, and nearly always of nothing.
    bytes.is_empty() || STRAY.starts_with(bytes)
}

pub(super) const STRAY: &[u8] = b"\r\n";
