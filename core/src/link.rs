//! What a connection and the machine behind it exchange: items go in, verdicts on them come back,
//! outputs are pulled out. Neither side knows the other.

use bytes::Bytes;
use std::borrow::Cow;
use std::fmt;

use crate::deflate::Deflate;
use crate::http::{Fields, Method, Request, Response, ResponseHead, cut};
use crate::key::Key;
use crate::socket::Frame;
use crate::ws::CloseCode;

/// One attachment of a session: for a server a held poll, a POST in progress, an open WebSocket
/// or WebTransport stream; for a
/// client the stream that makes its GETs, the one that makes its POSTs, or its WebSocket.
///
/// Generational: a link that outlives its attachment is ignored, never misrouted.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Link(pub(crate) Key);

impl Link {
    /// Returns a small number, unique among the links that exist now, for dense tables.
    ///
    /// Numbers are reused: compare the whole link to find out.
    #[must_use]
    pub fn index(self) -> usize {
        self.0.slot as usize
    }
}

/// One decoded item, borrowed from the read buffer.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Inbound<'a> {
    /// A request head; the verdict decides what becomes of its body.
    Request(Request<'a>),
    /// The whole body of a request whose verdict asked for it, or of an answer.
    Body(&'a [u8]),
    /// The head of an answer to a request of a client; its body follows, unless it is 101.
    Response(ResponseHead<'a>),
    /// A WebSocket message, unmasked and defragmented.
    Message(Message<'a>),
    /// The peer closed the WebSocket.
    Closed(Option<CloseCode>),
    /// The first packet of a WebTransport stream; the verdict on the request it stands for decides what
    /// becomes of the stream.
    Opening(Opening<'a>),
    /// Bytes of a [tunnel](crate::Conn::begin_tunnel), as they came.
    Bytes(&'a [u8]),
}

/// The first packet of a WebTransport stream (engine.io-protocol v4, "WebTransport").
#[derive(Clone, Copy, Eq, PartialEq)]
pub struct Opening<'a> {
    /// The session that is to move to the stream; `None` opens a new one.
    pub(crate) sid: Option<&'a str>,
}

impl Opening<'_> {
    /// Returns the target of the request that this packet stands for, which has the fields of the
    /// `CONNECT` and [`StandsFor::Opening`](crate::StandsFor::Opening) in its context.
    ///
    /// `connect` is the target of the `CONNECT`: its query stays, for the application, but the session id
    /// is the one of the packet, and the transport and the revision follow from the stream.
    #[must_use]
    pub fn target(&self, connect: &str) -> String {
        let (path, query) = cut(connect, b'?').unwrap_or((connect, ""));
        let mut target = format!("{path}?EIO=4&transport=webtransport");
        if let Some(sid) = self.sid {
            target.push_str("&sid=");
            target.push_str(sid);
        }
        let own = |pair: &&str| {
            let name = pair.split('=').next().unwrap_or_default();
            !pair.is_empty() && !["EIO", "sid", "transport"].contains(&name)
        };
        for pair in query.split('&').filter(own) {
            target.push('&');
            target.push_str(pair);
        }
        target
    }
}

impl fmt::Debug for Opening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The session id stays out: whoever knows it has the session.
        f.write_str(if self.sid.is_some() { "Opening(upgrade)" } else { "Opening(new)" })
    }
}

/// A WebSocket message, or a bare Engine.IO one.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Message<'a> {
    /// Binary.
    Binary(&'a [u8]),
    /// Text.
    Text(&'a str),
}

/// What becomes of an item that a [`Conn`](crate::Conn) decoded.
///
/// Exchanges without a link are the embedder's own: it gives their answers to
/// [`Conn::push`](crate::Conn::push) and takes their messages from the decoder.
#[derive(Clone, Debug)]
#[must_use = "the peer waits for it"]
pub enum Verdict {
    /// Nothing to do for this exchange right now.
    Continue,
    /// Not a path of this server: let the next service answer. [`Conn`](crate::Conn) itself answers
    /// 404, without [`Config::headers`](crate::Config::headers).
    Pass,
    /// Answer at once.
    Respond(Response),
    /// Collect the body, at most `limit` bytes, and hand it over whole under `link`.
    Body {
        /// Under which the body is handed over.
        link: Option<Link>,
        /// Most bytes the body may have; refuse a longer one with 413.
        limit: usize,
    },
    /// Keep the exchange open; the answer is pulled from under this link.
    Hold(Option<Link>),
    /// Send this 101, then treat the stream as WebSocket and hand its messages over under `link`. A
    /// WebTransport stream is open with it, and nothing is sent.
    Upgrade {
        /// Under which messages are handed over.
        link: Option<Link>,
        /// The 101 answer, or the 200 that accepts a `CONNECT`.
        response: Response,
    },
}

impl Verdict {
    /// Returns the link under which the exchange goes on, if it has one.
    #[must_use]
    pub fn link(&self) -> Option<Link> {
        match self {
            Self::Body { link, .. } | Self::Hold(link) | Self::Upgrade { link, .. } => *link,
            Self::Continue | Self::Pass | Self::Respond(_) => None,
        }
    }
}

/// What leaves on a link, in order.
#[derive(Clone, Debug)]
pub enum Transmit {
    /// One WebSocket frame, encoded once and shared by every recipient.
    Frame(Frame),
    /// The complete answer to a request; the link ends with it.
    Response(Response),
    /// A close frame, after everything before it was written; the link ends with it.
    Close(CloseCode),
}

/// A request of a client, whole: its answer goes back under the link that it was pulled from.
///
/// Its `Debug` text shows neither the query nor the fields, which prove to whom a session belongs.
#[derive(Clone)]
#[non_exhaustive]
pub struct Exchange {
    /// The method.
    pub method: Method,
    /// Path and query.
    pub target: String,
    /// The header fields, with the host; without those of a WebSocket handshake.
    pub headers: Vec<(Cow<'static, str>, Cow<'static, str>)>,
    /// The body.
    pub body: Bytes,
    /// What it asks for.
    pub asks: Asks,
    /// How messages may be compressed of a WebSocket that it asks for: [`Conn`](crate::Conn) offers it.
    pub deflate: Option<Deflate>,
}

/// What a request of a client asks for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Asks {
    /// An answer.
    Answer,
    /// A WebSocket.
    WebSocket,
}

impl Exchange {
    pub(crate) fn get(target: String, asks: Asks) -> Self {
        let (headers, body) = (Vec::new(), Bytes::new());
        Self { method: Method::Get, target, headers, body, asks, deflate: None }
    }

    /// Borrows the head, for a host that writes requests itself.
    #[must_use]
    pub fn request(&self) -> Request<'_> {
        Request::new(self.method, &self.target, Fields::host(&self.headers))
    }
}

impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Exchange({:?} for {:?}, {} bytes)", self.method, self.asks, self.body.len())
    }
}

/// The machine that a [`Conn`](crate::Conn) pulls outputs from: a [`Server`](crate::Server) or a
/// [`Client`](crate::client::Client).
pub trait Feed {
    /// Returns the next frame of an open WebSocket, or several, which is what nearly every call is about.
    fn next_frame(&mut self, link: Link) -> Next;

    /// Returns the next output on a link of which [`next_frame`](Self::next_frame) returned
    /// [`Next::Other`].
    fn next_other(&mut self, link: Link) -> Option<Transmit>;

    /// Returns the next request of a client on a link that speaks HTTP. A server makes none.
    fn next_exchange(&mut self, _link: Link) -> Option<Exchange> {
        None
    }

    /// Whether the session behind `link` is over and only its farewell waits: it is pulled even if the
    /// stream is slow.
    fn is_over(&self, link: Link) -> bool;
}

/// What waits on a link of a [`Feed`].
#[derive(Debug)]
pub enum Next {
    /// A frame, which is taken by this.
    Frame(Frame),
    /// Short frames of text, one behind the other as they are written, which are taken by this.
    Frames(Vec<u8>),
    /// Nothing.
    Nothing,
    /// Perhaps something that is no frame of an open WebSocket: ask [`Feed::next_other`].
    Other,
}
