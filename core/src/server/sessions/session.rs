//! One session.

use std::sync::Arc;

use crate::deflate::agreed::Agreed;
use crate::engine::forms::Forms;
use crate::engine::heartbeat::Heartbeat;
use crate::engine::outbox::{Outbox, Pool};
use crate::engine::terms::{Revision, Terms};
use crate::error::{Refused, Violation};
use crate::key::{Id, Secret, Socket};
use crate::link::Link;
use crate::server::NONE;
use crate::server::door::handshake::Handshake;
use crate::server::sessions::transport::Transport;
use crate::socket::attach::Partial;
use crate::socket::encoded::Packet;
use crate::socket::encoder::Draft;
use crate::time::Tick;
use crate::ws::CloseCode;

/// One Engine.IO session.
#[derive(Debug)]
pub(in crate::server) struct Session {
    pub(super) secret: Secret,
    pub(in crate::server) terms: Terms,
    /// Memory for the contexts of its WebSocket, where messages refer to those before, in units of
    /// [`CONTEXT`].
    pub(super) contexts: u8,
    /// Namespaces joined or asked for. Bounded by `limits.namespaces`.
    pub(in crate::server) joined: u16,
    /// Whether a namespace was ever asked for.
    pub(in crate::server) introduced: bool,
    /// Whether an emit was refused since the backlog was last small.
    pub(in crate::server) congested: bool,
    pub(in crate::server) transport: Transport,
    /// What its WebSocket is, where it has one.
    pub(in crate::server) stream: Stream,
    pub(in crate::server) outbox: Outbox,
    pub(in crate::server) beat: Heartbeat,
    /// When a probe must be over, or a closing session.
    pub(in crate::server) aside_due: Tick,
    /// First of the session's clients, which form a list.
    pub(in crate::server) clients: u32,
    /// Its place among the strangers, until it is admitted to a namespace.
    pub(in crate::server) place: u32,
    /// A packet that waits for attachments.
    pub(super) partial: Option<Box<Awaited>>,
    /// The foreign page that may read the answers.
    pub(in crate::server) origin: Option<Arc<str>>,
    pub(in crate::server) handshake: Arc<Handshake>,
}

/// What carries messages in both directions. Both are a WebSocket to the states of a session.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(in crate::server) enum Stream {
    WebSocket,
    WebTransport,
}

const _: () = assert!(size_of::<Session>() <= 160, "a session is held per connection");

/// The unit of [`Session::contexts`], in bytes.
const CONTEXT: usize = 4096;

impl Session {
    /// Messages on its WebSocket are compressed as was agreed on, if it was.
    pub(super) fn agree(&mut self, agreed: Option<&Agreed>) {
        self.terms.window = agreed.and_then(Agreed::window);
        let units = agreed.map_or(0, Agreed::context_bytes).div_ceil(CONTEXT);
        self.contexts = u8::try_from(units).unwrap_or(u8::MAX);
    }

    /// Memory for the contexts of its WebSocket, in bytes.
    pub(in crate::server) fn context_bytes(&self) -> usize {
        usize::from(self.contexts) * CONTEXT
    }

    /// The name of the transport that carries it now.
    pub(in crate::server) fn transport_name(&self) -> &'static str {
        match (self.transport.is_websocket(), self.stream) {
            (false, _) => "polling",
            (true, Stream::WebSocket) => "websocket",
            (true, Stream::WebTransport) => "webtransport",
        }
    }

    /// Whether messages on its WebSocket are compressed.
    fn is_compressed(&self) -> bool {
        self.terms.window.is_some() || self.contexts > 0
    }

    /// Lets packets leave on its WebSocket that were queued for polls and are never to be compressed.
    pub(super) fn unmark(&self, pool: &mut Pool, forms: &mut Forms) {
        if !self.is_compressed() {
            self.outbox.change(pool, |packet| forms.unmarked(packet));
        }
    }

    /// The form of a packet that its links can carry, when it is never to be compressed.
    pub(super) fn fit(&self, forms: &mut Forms, packet: Packet) -> Packet {
        match self.transport.is_websocket() && !self.is_compressed() {
            true => forms.unmarked(packet),
            false => packet,
        }
    }

    /// Whether it was not admitted to a namespace yet.
    pub(in crate::server) fn is_stranger(&self) -> bool {
        self.place != NONE
    }

    /// The id that its clients have, when they share one: in revision 3.
    pub(in crate::server) fn shared_id(&self) -> Option<Id> {
        match self.terms.revision {
            Revision::V3(_) => Some(Id::from_bytes(self.secret.0)),
            Revision::V4 => None,
        }
    }

    /// Queues a packet in the form of the session's terms, and returns the link that can carry it now.
    #[inline]
    pub(super) fn queue(
        &mut self,
        pool: &mut Pool,
        forms: &mut Forms,
        packet: Packet,
    ) -> Option<Link> {
        match self.terms {
            Terms::COMMON => self.outbox.push(pool, packet),
            terms => {
                let terms =
                    if self.transport.is_websocket() { terms } else { Terms::of(terms.revision) };
                self.outbox.push(pool, forms.of(packet, terms));
            }
        }
        self.transport.carrier()
    }

    /// Queues a packet for this session alone, and returns the link that can carry it now.
    #[inline]
    pub(super) fn queue_draft(
        &mut self,
        pool: &mut Pool,
        forms: &mut Forms,
        draft: Draft<'_>,
    ) -> Option<Link> {
        // Text of the protocol has the same form by all terms; what is compressed of it, the connection compresses.
        match draft.short() {
            Some(most) if self.outbox.append(pool, most, |run| draft.put_frame(run)) => {
                self.transport.carrier()
            }
            Some(_) | None => self.queue(pool, forms, draft.packet()),
        }
    }

    /// Refuses another packet when the session ends, or when its budget is used up.
    #[inline]
    pub(super) fn check_room(&mut self, max_backlog: usize) -> Result<(), Refused> {
        if self.transport.is_closing() {
            return Err(Refused::Gone);
        }
        let bytes = self.outbox.bytes();
        if bytes >= max_backlog {
            self.congested = true;
            return Err(Refused::Backlog { bytes });
        }
        Ok(())
    }

    /// Bytes of a packet that waits for its attachments.
    pub(in crate::server) fn partial_bytes(&self) -> usize {
        self.partial.as_ref().map_or(0, |awaited| awaited.partial.bytes_held())
    }
}

/// A packet of a session that waits for attachments.
#[derive(Debug)]
pub(in crate::server) struct Awaited {
    pub(in crate::server) partial: Partial,
    /// The client that gets it; `None` when the client left the namespace, and the packet is dropped.
    pub(in crate::server) to: Option<Socket>,
    /// When the last attachment must have come.
    pub(in crate::server) due: Tick,
}

/// The last messages on the links of an ending session.
#[derive(Clone, Copy, Debug)]
pub(in crate::server) struct Goodbye {
    pub(super) poll: PollEnd,
    pub(super) code: CloseCode,
}

/// The answer to a poll that is held when the session ends.
#[derive(Clone, Copy, Debug)]
pub(super) enum PollEnd {
    Packet(&'static str),
    Refused(Violation),
}

impl Goodbye {
    /// The server closes: a poll is answered with CLOSE.
    pub(in crate::server) const SERVER: Self =
        Self { poll: PollEnd::Packet("1"), code: CloseCode::NORMAL };
    /// The client closes: a poll is released with NOOP.
    pub(in crate::server) const CLIENT: Self =
        Self { poll: PollEnd::Packet("6"), code: CloseCode::NORMAL };

    /// A rule was broken that concerns the session as a whole.
    pub(in crate::server) fn of(violation: Violation) -> Self {
        Self { poll: PollEnd::Packet("1"), code: violation.close_code() }
    }

    /// A request broke a rule: a poll is refused as the request is. Whichever answer comes first tells
    /// the client why; CLOSE would read as an orderly end.
    pub(in crate::server) fn refusing(violation: Violation) -> Self {
        Self { poll: PollEnd::Refused(violation), code: violation.close_code() }
    }
}
