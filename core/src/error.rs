//! Broken rules and their author: the peer (`Violation`), the caller (`Gone`, `Backlog`, `Misuse`), and how
//! a connection ended (`Reason`).

use crate::field::Field;

/// The peer broke the protocol; never the local caller's fault.
///
/// One variant per rule. A violation ends the exchange or the session it happened in and nothing
/// else: other sessions do not notice.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Violation {
    /// Request framing that two parsers could read differently (RFC 9112 §6.3).
    #[error(
        "ambiguous request framing: send one of Content-Length and Transfer-Encoding, not both"
    )]
    AmbiguousRequest,
    /// A binary message although no packet announced attachments.
    #[error("a binary message arrived that no packet announced")]
    AttachmentUnexpected,
    /// The announced attachments took longer than `Limits::attachment_time`.
    #[error("the announced attachments did not arrive in time")]
    AttachmentsLate,
    /// A text packet arrived while attachments were outstanding.
    #[error("a text packet arrived before all announced attachments")]
    AttachmentsMissing,
    /// Attachments of one packet exceed `Limits::attachment_bytes`.
    #[error("the attachments of one packet are too large")]
    AttachmentsTooLarge,
    /// A WebSocket close frame with an invalid code, reason or length (RFC 6455 §5.5, §7.4).
    #[error("invalid close frame")]
    BadClose,
    /// A binary request body: Engine.IO 4 payloads are text.
    #[error("binary request body: Engine.IO 4 payloads are text with base64 parts")]
    BinaryBody,
    /// A request body above `Limits::max_payload`.
    #[error("the request body is larger than the maxPayload of the handshake")]
    BodyTooLarge,
    /// The payload of a CONNECT packet is not a JSON object.
    #[error("the CONNECT payload is not an object")]
    ConnectPayload,
    /// No namespace was joined within the connect timeout.
    #[error("no namespace was joined in time")]
    ConnectTimeout,
    /// A control frame that is fragmented or longer than 125 bytes (RFC 6455 §5.5).
    #[error("control frames are whole and at most 125 bytes long")]
    ControlFrame,
    /// CONNECT for a namespace that this connection asked for and left before the application had
    /// decided about it.
    #[error("the namespace was asked for and left, and is not decided about yet")]
    DuplicateConnect,
    /// A continuation without a start, or a start inside a message (RFC 6455 §5.4).
    #[error("fragments are out of order")]
    FragmentOrder,
    /// A request head above `Limits::head`.
    #[error("the request head is too large")]
    HeadTooLarge,
    /// A PING from an Engine.IO 4 client, or a PONG from an Engine.IO 3 client: there the client pings.
    #[error(
        "heartbeat in the wrong direction: the server sends PING in Engine.IO 4, the client in 3"
    )]
    HeartbeatDirection,
    /// A placeholder that refers to no attachment, or to one that another placeholder refers to, or an
    /// attachment count of zero.
    #[error("attachments and placeholders do not match: each attachment is named once at most")]
    IllegalAttachments,
    /// An answer to a WebSocket handshake that accepts it against the rules (RFC 6455 §4.1).
    #[error("the answer to the WebSocket handshake breaks a rule")]
    InvalidAccept,
    /// A `b…` packet that is not base64. White space is overlooked, so is missing padding, and both
    /// alphabets are known.
    #[error("a binary packet is not base64")]
    InvalidBase64,
    /// A chunk of a body whose size, extension or end is malformed, a malformed trailer, or more than
    /// 64 KiB of these in one body (RFC 9112 §7.1).
    #[error("malformed chunk or trailer, or more chunk framing than 64 KiB")]
    InvalidChunk,
    /// A compressed body that is not what its `Content-Encoding` says.
    #[error("the compressed body is malformed")]
    InvalidCoding,
    /// A compressed WebSocket message that is malformed (RFC 7692 §7.2.2).
    #[error("the compressed message is malformed")]
    InvalidCompression,
    /// A head that is not HTTP/1.0 or HTTP/1.1.
    #[error("malformed HTTP request head")]
    InvalidHead,
    /// A `Host` field that is missing, or not one host with an optional port (RFC 9112 §3.2).
    #[error("the Host field is missing, or is not one host with an optional port")]
    InvalidHost,
    /// A payload that is not JSON.
    #[error("the packet payload is not valid JSON")]
    InvalidJson,
    /// A `Content-Length` that is not a number in digits (RFC 9112 §6.2).
    #[error("Content-Length is one number in digits")]
    InvalidLength,
    /// An `Origin` field that is not text.
    #[error("the Origin field is not text")]
    InvalidOrigin,
    /// Text that is not a Socket.IO packet, or one that a client must not send.
    #[error("not a valid Socket.IO packet")]
    InvalidPacket,
    /// A request target that is neither a path nor an http address, or that has a fragment (RFC 9112
    /// §3.2).
    #[error(
        "the request target is a path, or the address of one with http or https, without user \
         information and without a fragment"
    )]
    InvalidTarget,
    /// Text that is not UTF-8.
    #[error("text is not valid UTF-8")]
    InvalidUtf8,
    /// A client frame without mask, or a server frame with one (RFC 6455 §5.1).
    #[error("frames are masked by clients and only by clients")]
    Mask,
    /// A message above `Limits::max_payload`.
    #[error("the message is larger than the maxPayload of the handshake")]
    MessageTooLarge,
    /// A packet for a namespace although none was ever joined, or, from a client of Socket.IO 2, more than
    /// `Limits::max_payload` of events before its admission.
    #[error("a packet arrived before any namespace was joined")]
    NotConnected,
    /// A second GET or POST while one is being served.
    #[error("a second GET or POST overlaps the first")]
    OverlappingPoll,
    /// A field that may be given once was given more often.
    #[error("the field {0} is given more than once")]
    RepeatedField(Field),
    /// A frame with reserved bits set that no extension gave a meaning: the first marks a compressed message,
    /// where that was agreed on, in its first frame alone (RFC 7692 §6).
    #[error("reserved frame bits are set")]
    ReservedBits,
    /// An event name that Socket.IO keeps for itself.
    #[error("reserved event name")]
    ReservedEvent,
    /// JSON nested deeper than 128 levels.
    #[error("JSON is nested deeper than 128 levels")]
    TooDeep,
    /// More attachments announced than `Limits::attachments`.
    #[error("too many attachments announced")]
    TooManyAttachments,
    /// A message in more fragments than `Limits::fragments`.
    #[error("the message has too many fragments")]
    TooManyFragments,
    /// More header fields than `Limits::headers`.
    #[error("the request has too many header fields")]
    TooManyHeaders,
    /// More namespaces than `Limits::namespaces`.
    #[error("too many namespaces on one connection")]
    TooManyNamespaces,
    /// More packets in one request body than `Limits::packets`.
    #[error("too many packets in one payload")]
    TooManyPackets,
    /// Less than `Limits::least_rate` was taken of what waits, or given of a message that is
    /// incomplete.
    #[error("the peer reads or writes more slowly than Limits::least_rate allows")]
    TooSlow,
    /// CONNECT, which asks for a proxy.
    #[error("CONNECT asks for a proxy, which this server is not")]
    Tunnel,
    /// An answer without `Content-Length` that is not chunked: its end could not be told from a lost
    /// connection.
    #[error("the answer does not say where it ends")]
    UnboundedAnswer,
    /// GET or HEAD with a body.
    #[error("GET and HEAD have no body")]
    UnexpectedBody,
    /// A transfer coding in HTTP/1.0, which has none (RFC 9112 §6.1).
    #[error("HTTP/1.0 has no Transfer-Encoding")]
    UnexpectedCoding,
    /// An `Expect` field that asks for something other than `100-continue` (RFC 9110 §10.1.1).
    #[error("the only expectation that is met is 100-continue")]
    UnknownExpectation,
    /// A frame opcode RFC 6455 does not define.
    #[error("unknown frame opcode")]
    UnknownOpcode,
    /// Text that is not an Engine.IO packet.
    #[error("not a valid Engine.IO packet")]
    UnknownPacket,
    /// A transfer coding other than chunked.
    #[error("the only transfer coding that is understood is chunked")]
    UnsupportedCoding,
}

impl Violation {
    /// Returns the HTTP status that answers it while the exchange is still HTTP.
    #[must_use]
    #[expect(clippy::wildcard_enum_match_arm, reason = "all the rest is a plain bad request")]
    pub fn status(self) -> u16 {
        match self {
            Self::BodyTooLarge => 413,
            Self::HeadTooLarge | Self::TooManyHeaders => 431,
            Self::Tunnel | Self::UnsupportedCoding => 501,
            Self::UnknownExpectation => 417,
            _ => 400,
        }
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "the rest belongs to the Socket.IO layer")]
    fn as_reason(self) -> &'static str {
        match self {
            Self::InvalidBase64 | Self::TooManyPackets | Self::UnknownPacket => "parse error",
            Self::AmbiguousRequest
            | Self::BadClose
            | Self::BinaryBody
            | Self::BodyTooLarge
            | Self::ControlFrame
            | Self::FragmentOrder
            | Self::HeadTooLarge
            | Self::HeartbeatDirection
            | Self::InvalidAccept
            | Self::InvalidChunk
            | Self::InvalidCoding
            | Self::InvalidCompression
            | Self::InvalidHead
            | Self::InvalidHost
            | Self::InvalidLength
            | Self::InvalidOrigin
            | Self::InvalidTarget
            | Self::InvalidUtf8
            | Self::Mask
            | Self::MessageTooLarge
            | Self::OverlappingPoll
            | Self::RepeatedField(_)
            | Self::ReservedBits
            | Self::TooManyFragments
            | Self::TooManyHeaders
            | Self::TooSlow
            | Self::Tunnel
            | Self::UnboundedAnswer
            | Self::UnexpectedBody
            | Self::UnexpectedCoding
            | Self::UnknownExpectation
            | Self::UnknownOpcode
            | Self::UnsupportedCoding => "transport error",
            _ => "forced close",
        }
    }
}

/// Why a client left a namespace.
///
/// `as_str` gives the text the JavaScript server uses for the same cause.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum Reason {
    /// The client sent DISCONNECT for the namespace.
    ClientDisconnect,
    /// The server closed the connection without leaving the namespaces first.
    ForcedClose,
    /// The connection had joined no namespace when another one needed its place, and no address held more
    /// such places than its address: see `Limits::handshakes`.
    GaveWay,
    /// No PONG arrived within the ping timeout.
    PingTimeout,
    /// The server disconnected the client from the namespace.
    ServerDisconnect,
    /// The server shuts down.
    ShuttingDown,
    /// The client did not read while its backlog was at `Limits::max_backlog`, or most waited for it
    /// when the process was at `Limits::bytes`.
    SlowConsumer,
    /// The client closed the connection.
    TransportClose,
    /// The connection broke, or a poll was aborted.
    TransportError,
    /// The client broke a rule of the protocol.
    Violation(Violation),
}

impl Reason {
    /// Returns the text that `disconnect` handlers of the JavaScript server receive.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::ClientDisconnect => "client namespace disconnect",
            Self::ForcedClose | Self::GaveWay => "forced close",
            Self::PingTimeout => "ping timeout",
            Self::ServerDisconnect => "server namespace disconnect",
            Self::ShuttingDown => "server shutting down",
            Self::SlowConsumer | Self::TransportError => "transport error",
            Self::TransportClose => "transport close",
            Self::Violation(violation) => violation.as_reason(),
        }
    }

    /// Whether a client that left so may come back to where it was: see
    /// [`Config::recovery`](crate::Config::recovery). Not when it or the server wished it to leave, nor when
    /// it broke a rule or read too slowly.
    #[must_use]
    pub fn is_recoverable(self) -> bool {
        match self {
            Self::ForcedClose
            | Self::PingTimeout
            | Self::ShuttingDown
            | Self::TransportClose
            | Self::TransportError => true,
            Self::ClientDisconnect
            | Self::GaveWay
            | Self::ServerDisconnect
            | Self::SlowConsumer
            | Self::Violation(_) => false,
        }
    }
}

impl std::fmt::Display for Reason {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The named client is not here any more: a race, not a bug.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[error("the client has disconnected")]
pub struct Gone;

/// Why nothing was sent to a client.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
// As with `Event`: a third of the time of an emit that is not refused.
#[repr(usize)]
#[non_exhaustive]
pub enum Refused {
    /// The client reads slower than it is written to; wait for [`Event::Drain`](crate::Event).
    #[error(
        "what waits for this client takes {bytes} bytes already: send less, or wait for it to drain"
    )]
    Backlog {
        /// Memory taken by what waits for the client: see
        /// [`Limits::max_backlog`](crate::Limits::max_backlog).
        bytes: usize,
    },
    /// The client has disconnected.
    #[error("the client has disconnected")]
    Gone,
    /// The call itself cannot be carried out.
    #[error(transparent)]
    Misuse(#[from] Misuse),
    /// The client owes `Limits::questions` acknowledgements already.
    #[error("the client owes as many acknowledgements as Limits::questions allows: ask it less")]
    TooManyQuestions,
}

impl From<Gone> for Refused {
    fn from(Gone: Gone) -> Self {
        Self::Gone
    }
}

/// The caller asked for something the protocol has no form for.
#[derive(Clone, Copy, Debug, Eq, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Misuse {
    /// Arguments must be a JSON array.
    #[error("arguments are a JSON array: write [1,2], not 1,2")]
    NotAnArray,
    /// A payload for CONNECT must be a JSON object.
    #[error("the auth payload is a JSON object: write {{\"token\":1}}, not 1")]
    NotAnObject,
    /// A name of a namespace begins with `/`, and has neither a comma nor a question mark.
    #[error("the name of a namespace begins with / and has neither comma nor question mark")]
    NotANamespace,
    /// More namespaces than `Limits::namespaces`.
    #[error("the connection has as many namespaces as Limits::namespaces allows")]
    TooManyNamespaces,
    /// The room is named like another client's id and would receive its private messages.
    #[error("this room name is another client's id: joining it would read its private messages")]
    ForeignRoom,
    /// A request is made while another one on the same connection has no answer yet.
    #[error("a connection carries one request at a time: await its answer, or open another")]
    RequestPending,
    /// The event name belongs to Socket.IO itself.
    #[error("this event name is reserved by Socket.IO: choose another")]
    ReservedEvent,
    /// More attachments than `Limits::attachments`, which peers refuse.
    #[error("more attachments than the limit allows: raise Limits::attachments on both ends")]
    TooManyAttachments,
    /// More rooms than `Limits::rooms`.
    #[error("the client is in as many rooms as Limits::rooms allows")]
    TooManyRooms,
}
