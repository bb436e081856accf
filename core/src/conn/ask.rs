//! The HTTP stage of a client: requests out, answers in, one at a time (RFC 9112 §9.3).

use bytes::Bytes;

use super::conn::Conn;
use super::decode::{Decoder, Item};
use super::mode::{Awaits, Mode};
use super::stream::Stream;
use crate::deflate::{Deflate, agreed};
use crate::error::{Misuse, Violation};
use crate::http::answer::{self, Asked};
use crate::http::body::Body;
use crate::http::coding::{self, Coding};
use crate::http::head::{self, Persistence};
use crate::http::{Fields, Headers, Method, Request};
use crate::link::{Asks, Feed, Link};
use crate::ws::handshake;
use crate::ws::message::{Reader, Role};

/// How far an exchange is.
#[derive(Debug)]
pub(super) enum Ask {
    /// No request was made, or the last one is answered.
    Idle,
    /// The head of an answer is awaited; `scanned` bytes of it need no second look.
    Head { scanned: usize, asked: Asked },
    /// The head of the answer to an offer of a WebSocket is awaited.
    Offered { scanned: usize, offer: Box<Offer> },
    /// The body of an answer is awaited.
    Body(Box<Gather>),
}

/// What a client offered.
#[derive(Debug)]
pub(super) struct Offer {
    key: String,
    purpose: Purpose,
}

/// What a client does with a WebSocket.
#[derive(Debug)]
enum Purpose {
    /// It reads and writes messages, compressed if that was offered.
    Messages(Option<Deflate>),
    /// It passes the bytes on.
    Tunnel,
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Gather {
    body: Body,
    coding: Option<Coding>,
    persistence: Persistence,
    /// Bounded by `limits.max_payload`, compressed or not.
    content: Vec<u8>,
    delivered: bool,
}

/// The fields of a request, and those that offer a WebSocket.
struct Offering<'a> {
    fields: Fields<'a>,
    offer: &'a [(&'a str, &'a str)],
    extensions: Option<&'a str>,
}

impl Headers for Offering<'_> {
    fn each<'a>(&'a self, each: &mut dyn FnMut(&'a str, &'a [u8])) {
        self.fields.each(each);
        self.offer.iter().for_each(|(name, value)| each(name, value.as_bytes()));
        if let Some(extensions) = self.extensions {
            each("sec-websocket-extensions", extensions.as_bytes());
        }
    }
}

impl Ask {
    /// `idle` says whether nothing of the head came yet.
    pub(super) fn awaits(&self, idle: impl Fn() -> bool) -> Awaits {
        match self {
            Self::Idle => Awaits::Request,
            Self::Body(gather) if gather.delivered => Awaits::Request,
            Self::Head { .. } | Self::Offered { .. } if idle() => Awaits::Answer,
            Self::Head { .. } | Self::Offered { .. } => Awaits::Head,
            Self::Body(_) => Awaits::Body,
        }
    }

    pub(super) fn bytes_held(&self) -> usize {
        match self {
            Self::Body(gather) => gather.content.capacity(),
            Self::Offered { offer, .. } => size_of::<Offer>() + offer.key.len(),
            Self::Head { .. } | Self::Idle => 0,
        }
    }

    pub(super) fn collected(&self) -> &[u8] {
        if let Self::Body(gather) = self { &gather.content } else { &[] }
    }
}

impl Conn {
    /// Makes a request whose answer belongs to `link`, or to the embedder itself: it comes out of
    /// [`decode`](Self::decode) as [`Inbound::Response`](crate::Inbound::Response), then as
    /// [`Inbound::Body`](crate::Inbound::Body) with the whole body, as it was before it was compressed.
    ///
    /// For what is written of the request, see [`Request::put_head`]. With the feature `compression`, a
    /// request may accept `gzip` and `deflate`; no other coding is read.
    ///
    /// # Errors
    /// [`Misuse::RequestPending`] when this is no client that speaks HTTP, or when an answer is awaited.
    pub fn ask(
        &mut self,
        request: &Request<'_>,
        body: &Bytes,
        link: Option<Link>,
    ) -> Result<(), Misuse> {
        let asked = if request.method == Method::Head { Asked::Head } else { Asked::Whole };
        self.begin(request, body, Ask::Head { scanned: 0, asked }, link)
    }

    /// Makes a GET that asks for a WebSocket (RFC 6455 §4.1). When it is accepted, the answer comes as
    /// [`Inbound::Response`](crate::Inbound::Response) with status 101, and messages follow; any other
    /// answer comes as that to a [request](Self::ask).
    ///
    /// The fields of the handshake are added to those of `request`, except for a subprotocol: which one
    /// the answer names is the caller's to check.
    ///
    /// # Errors
    /// See [`ask`](Self::ask).
    pub fn ask_websocket(
        &mut self,
        request: &Request<'_>,
        link: Option<Link>,
    ) -> Result<(), Misuse> {
        self.offer_websocket(request, None, link)
    }

    /// The same, and offers to compress messages (RFC 7692).
    ///
    /// # Errors
    /// See [`ask`](Self::ask).
    pub fn ask_websocket_with(
        &mut self,
        request: &Request<'_>,
        deflate: Deflate,
        link: Option<Link>,
    ) -> Result<(), Misuse> {
        self.offer_websocket(request, Some(deflate), link)
    }

    /// Asks for the WebSocket that another client asks for with `request`, to pass its bytes on. `Connection` and
    /// `Upgrade` are added, and the other fields of the handshake are those of `request`. When it is accepted, the
    /// answer comes as [`Inbound::Response`](crate::Inbound::Response) with status 101, and what follows as
    /// [`Inbound::Bytes`](crate::Inbound::Bytes); any other answer comes as that to a [request](Self::ask).
    ///
    /// # Errors
    /// See [`ask`](Self::ask).
    pub fn ask_tunnel(&mut self, request: &Request<'_>) -> Result<(), Misuse> {
        let key = request.header("sec-websocket-key").unwrap_or_default().into_owned();
        let [connection, upgrade, ..] = handshake::offer(&key);
        let offer = [connection, upgrade];
        let fields = Offering { fields: request.fields, offer: &offer, extensions: None };
        let mut asking = *request;
        asking.fields = Fields::host(&fields);
        let offer = Box::new(Offer { key: key.clone(), purpose: Purpose::Tunnel });
        self.begin(&asking, &Bytes::new(), Ask::Offered { scanned: 0, offer }, None)
    }

    fn offer_websocket(
        &mut self,
        request: &Request<'_>,
        deflate: Option<Deflate>,
        link: Option<Link>,
    ) -> Result<(), Misuse> {
        let key = handshake::key(self.out.nonce());
        let extensions = deflate.as_ref().and_then(agreed::offer);
        let offer = handshake::offer(&key);
        let fields =
            Offering { fields: request.fields, offer: &offer, extensions: extensions.as_deref() };
        let mut request = *request;
        request.method = Method::Get;
        request.fields = Fields::host(&fields);
        let purpose = Purpose::Messages(deflate.filter(|_| extensions.is_some()));
        let offer = Offer { key: key.clone(), purpose };
        let next = Ask::Offered { scanned: 0, offer: Box::new(offer) };
        self.begin(&request, &Bytes::new(), next, link)
    }

    fn begin(
        &mut self,
        request: &Request<'_>,
        body: &Bytes,
        next: Ask,
        link: Option<Link>,
    ) -> Result<(), Misuse> {
        self.forget_answer();
        if !matches!(self.mode, Mode::Ask(Ask::Idle)) {
            return Err(Misuse::RequestPending);
        }
        self.out.push_request(request, body.len());
        self.out.push_bytes(body);
        self.link = link;
        self.mode = Mode::Ask(next);
        Ok(())
    }

    /// Makes the next request that `feed` has for `link`, if the connection is free for one. Inlined, it would
    /// cost a server some instructions with each frame.
    #[cold]
    #[inline(never)]
    pub(super) fn exchange(&mut self, feed: &mut impl Feed, link: Link) {
        self.forget_answer();
        if !matches!(self.mode, Mode::Ask(Ask::Idle)) {
            return;
        }
        let Some(exchange) = feed.next_exchange(link) else { return };
        let made = match exchange.asks {
            Asks::Answer => self.ask(&exchange.request(), &exchange.body, Some(link)),
            Asks::WebSocket => {
                self.offer_websocket(&exchange.request(), exchange.deflate, Some(link))
            }
        };
        debug_assert!(made.is_ok(), "no other answer is awaited");
    }

    /// Drops the body of an answer that was handed out.
    fn forget_answer(&mut self) {
        if let Mode::Ask(Ask::Body(gather)) = &self.mode
            && gather.delivered
        {
            self.answered(gather.persistence);
        }
    }

    /// Makes ready for the next request, if the connection stays.
    fn answered(&mut self, persistence: Persistence) {
        self.mode = match persistence {
            Persistence::Close => Mode::Finished,
            Persistence::Keep | Persistence::KeepAlive => Mode::Ask(Ask::Idle),
        };
    }
}

impl Decoder<'_, '_> {
    /// The next item of an exchange.
    pub(super) fn ask(&mut self) -> Result<Option<Item>, Violation> {
        self.conn.forget_answer();
        match &self.conn.mode {
            Mode::Ask(Ask::Head { .. } | Ask::Offered { .. }) => self.answer(),
            Mode::Ask(Ask::Body(_)) => self.answer_body(),
            // An answer without a request belongs to no request (RFC 9112 §9.2).
            Mode::Ask(Ask::Idle) if self.at < self.input.bytes().len() => {
                Err(Violation::InvalidHead)
            }
            Mode::Ask(Ask::Idle)
            | Mode::Finished
            | Mode::Serve(_)
            | Mode::Stream(_)
            | Mode::Tunnel
            | Mode::WebTransport(_) => Ok(None),
        }
    }

    /// The head of an answer. Those that only announce another one are overlooked (RFC 9110 §15.2).
    fn answer(&mut self) -> Result<Option<Item>, Violation> {
        loop {
            let Conn { mode: Mode::Ask(ask), limits, .. } = &mut *self.conn else {
                return Ok(None);
            };
            let (scanned, asked) = match ask {
                Ask::Head { scanned, asked } => (scanned, *asked),
                Ask::Offered { scanned, .. } => (scanned, Asked::Whole),
                Ask::Body(_) | Ask::Idle => return Ok(None),
            };
            let bytes = &self.input.bytes()[self.at..];
            let end = match head::find_end(bytes, *scanned, limits)? {
                Ok(end) => end,
                Err(n) => {
                    *scanned = n;
                    return Ok(None);
                }
            };
            let head = answer::parse(&bytes[..end], asked, limits)?;
            let lines = self.at..self.at + end - 2;
            if matches!(head.status, 100 | 102..=199) {
                *scanned = 0;
                self.at += end;
                continue;
            }
            if head.status == 101 {
                let Ask::Offered { offer, .. } = ask else { return Err(Violation::InvalidAccept) };
                let fields = Fields::head(&bytes[..end - 2], &head.places);
                match &offer.purpose {
                    Purpose::Messages(deflate) => {
                        let agreed = handshake::verify(&fields, &offer.key, deflate.as_ref())?;
                        self.conn.mode = Mode::Stream(Stream::Open(Reader::new(Role::Client)));
                        if let Some(agreed) = agreed {
                            self.conn.agree(&agreed);
                        }
                    }
                    Purpose::Tunnel => {
                        handshake::prove(&fields, &offer.key)?;
                        self.conn.mode = Mode::Tunnel;
                    }
                }
            } else {
                let gather = Gather {
                    body: head.body,
                    coding: head.coding,
                    persistence: head.persistence,
                    content: Vec::new(),
                    delivered: false,
                };
                *ask = Ask::Body(Box::new(gather));
            }
            self.at += end;
            self.places = Some(head.places);
            return Ok(Some(Item::Answer { status: head.status, head: lines }));
        }
    }

    fn answer_body(&mut self) -> Result<Option<Item>, Violation> {
        let Conn { mode: Mode::Ask(Ask::Body(gather)), limits, .. } = &mut *self.conn else {
            return Ok(None);
        };
        let limit = limits.max_payload;
        let rest = &self.input.bytes()[self.at..];
        let content = &mut gather.content;
        self.at += gather.body.take(rest, |bytes| {
            if content.len() + bytes.len() > limit {
                return Err(Violation::BodyTooLarge);
            }
            content.extend_from_slice(bytes);
            Ok(())
        })?;
        if !gather.body.is_done() {
            return Ok(None);
        }
        if let Some(coding) = gather.coding {
            *content = coding::decompressed(coding, content, limit)?;
        }
        gather.delivered = true;
        Ok(Some(Item::BodyCollected))
    }
}

#[cfg(test)]
mod tests;
