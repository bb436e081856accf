//! The stage a connection is in, and its meaning for the owner of the stream.

use super::ask::Ask;
use super::serve::Serve;
use super::stream::Stream;
use super::webtransport::WebTransport;

/// The stage of a connection.
#[derive(Debug)]
pub(super) enum Mode {
    /// A client that speaks HTTP.
    Ask(Ask),
    /// A server that speaks HTTP.
    Serve(Serve),
    /// Messages of a WebSocket.
    Stream(Stream),
    /// Bytes that pass as they are.
    Tunnel,
    /// Messages of a WebTransport stream.
    WebTransport(WebTransport),
    /// Nothing more will be read.
    Finished,
}

/// What a connection waits for, so that an embedder can set a deadline for it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Awaits {
    /// The answer to a request: of a server, which is not the peer's turn, or to a client. Or bytes of a tunnel,
    /// which are not the peer's turn either.
    Answer,
    /// The rest of a body.
    Body,
    /// The peer's farewell.
    Farewell,
    /// The rest of the head of a request, or of an answer.
    Head,
    /// Messages: the heartbeat watches over these.
    Messages,
    /// Another request, or the first.
    Request,
    /// Room for the rest of a long answer.
    Room,
}

/// What a stage still has to write of what the peer asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Owes {
    /// An answer, or the rest of one.
    Answer,
    /// An answer, if a whole request waits.
    Perhaps,
    Nothing,
}

/// What a connection waits for after its last bytes: this many bytes are read for nothing at most before a
/// peer that will not stop is cut off.
pub(super) const LINGER: usize = 256 * 1024;

impl Mode {
    /// `idle` says whether nothing of the next head came yet.
    pub(super) fn awaits(&self, idle: impl Fn() -> bool) -> Awaits {
        match self {
            Self::Ask(ask) => ask.awaits(idle),
            Self::Serve(serve) => serve.awaits(idle),
            Self::Stream(stream) => stream.awaits(),
            Self::Tunnel => Awaits::Answer,
            Self::WebTransport(stream) => stream.awaits(),
            Self::Finished => Awaits::Farewell,
        }
    }

    pub(super) fn owes(&self) -> Owes {
        match self {
            Self::Serve(serve) => serve.owes(),
            Self::Ask(_)
            | Self::Finished
            | Self::Stream(_)
            | Self::Tunnel
            | Self::WebTransport(_) => Owes::Nothing,
        }
    }

    /// Bytes of heap memory that are held for what is incomplete.
    pub(super) fn bytes_held(&self) -> usize {
        match self {
            Self::Ask(ask) => ask.bytes_held(),
            Self::Serve(serve) => serve.bytes_held(),
            Self::Stream(stream) => stream.bytes_held(),
            Self::WebTransport(stream) => stream.bytes_held(),
            Self::Finished | Self::Tunnel => 0,
        }
    }

    /// Whether the last bytes are queued and only the peer's farewell is awaited.
    pub(super) fn is_closing(&self) -> bool {
        matches!(
            self,
            Self::Finished | Self::Serve(Serve::Lingering(_)) | Self::Stream(Stream::Closing(..))
        )
    }

    /// Whether a request, or what is left of one, would be read now.
    pub(super) fn takes_requests(&self) -> bool {
        matches!(self, Self::Serve(Serve::Head { .. } | Serve::Skip(_)))
    }

    /// The body that was collected from several reads.
    pub(super) fn collected(&self) -> &[u8] {
        match self {
            Self::Ask(ask) => ask.collected(),
            Self::Serve(serve) => serve.collected(),
            Self::Finished | Self::Stream(_) | Self::Tunnel | Self::WebTransport(_) => &[],
        }
    }

    /// The message that was collected from several reads.
    pub(super) fn delivered(&self) -> &[u8] {
        match self {
            Self::Stream(stream) => stream.delivered(),
            Self::WebTransport(stream) => stream.delivered(),
            Self::Ask(_) | Self::Finished | Self::Serve(_) | Self::Tunnel => &[],
        }
    }
}
