//! The client: its parts, and what its host reports.

use std::sync::Arc;
use std::time::Instant;

use super::action::{Action, Purpose};
use super::attempts::Attempts;
use super::config::{Config, Transport};
use super::engine::engine::Engine;
use super::event::Event;
use super::fault::Fault;
use super::outputs::Outputs;
use super::spaces::{Namespace, SocketMut, Spaces};
use crate::error::{Misuse, Violation};
use crate::link::{Inbound, Link};
use crate::seeds::Seeds;
use crate::time::{Clock, Tick};

/// A client: one connection to a server at a time, with any number of namespaces on it, and the attempts to
/// get it back.
///
/// There are four kinds of methods, as for [`Server`](crate::Server). Getters take `&self`. `handle_*` report
/// what happened. Commands carry out the wishes of the application. `poll_*` return the next task of the
/// caller, until they return `None`:
///
/// - [`poll_event`](Self::poll_event): tell the application,
/// - [`poll_action`](Self::poll_action): open, write or close a stream,
/// - [`poll_timeout`](Self::poll_timeout): when to call [`handle_timeout`](Self::handle_timeout).
///
/// Any order of calls is legal. Time must not go back: an earlier `now` counts as the latest one seen. A
/// method that takes `now` acts upon the deadlines that have passed first, so a session whose clock jumped
/// ends at the first call. Nothing the server sends makes a method panic.
#[derive(Debug)]
pub struct Client {
    pub(super) config: Arc<Config>,
    pub(super) clock: Clock,
    pub(super) seeds: Seeds,
    pub(super) engine: Engine,
    pub(super) spaces: Spaces,
    pub(super) attempts: Attempts,
    pub(super) outputs: Outputs,
}

const _: () = assert!(size_of::<Client>() <= 1024, "a process may have many clients");

impl Client {
    /// Makes a client that connects when its first namespace is joined.
    ///
    /// `seed` must be unpredictable: what masks frames and what differs between requests follow from it.
    #[must_use]
    pub fn new(config: Arc<Config>, seed: [u8; 32], now: Instant) -> Self {
        Self {
            config,
            clock: Clock::new(now),
            seeds: Seeds::new(seed),
            engine: Engine::new(),
            spaces: Spaces::new(),
            attempts: Attempts::new(),
            outputs: Outputs::default(),
        }
    }

    /// Takes one item that a stream delivered.
    pub fn handle(&mut self, now: Instant, link: Link, item: Inbound<'_>) {
        let now = self.enter(now);
        let Some(purpose) = self.engine.purpose(link) else { return };
        match item {
            Inbound::Response(head) => self.on_head(now, purpose, &head),
            Inbound::Body(body) => self.on_body(now, purpose, body),
            Inbound::Message(message) if purpose == Purpose::WebSocket => {
                self.on_message(now, message);
            }
            Inbound::Closed(_) => self.on_gone(now, purpose, None),
            Inbound::Bytes(_) | Inbound::Message(_) | Inbound::Opening(_) | Inbound::Request(_) => {
            }
        }
        self.advance(now);
    }

    /// Reports that the stream for `link` is open.
    pub fn handle_opened(&mut self, now: Instant, link: Link) {
        let now = self.enter(now);
        if let Some(purpose) = self.engine.purpose(link) {
            self.on_stream(purpose);
            self.advance(now);
        }
    }

    /// Reports that the stream for `link` could not be opened, broke, or ended while its connection
    /// [was amid something](crate::Conn::is_amid).
    pub fn handle_failed(&mut self, now: Instant, link: Link, fault: Fault) {
        let now = self.enter(now);
        if let Some(purpose) = self.engine.purpose(link) {
            self.on_gone(now, purpose, Some(fault));
            self.advance(now);
        }
    }

    /// Reports that the stream for `link` ended. A GET on a connection that was used before and is closed
    /// without an answer is made again.
    pub fn handle_closed(&mut self, now: Instant, link: Link) {
        let now = self.enter(now);
        if let Some(purpose) = self.engine.purpose(link) {
            self.on_gone(now, purpose, None);
            self.advance(now);
        }
    }

    /// Reports that a connection found a broken rule in what came under `link`.
    pub fn handle_violation(&mut self, now: Instant, link: Link, violation: Violation) {
        let now = self.enter(now);
        if let Some(purpose) = self.engine.purpose(link) {
            self.on_broken(now, purpose, violation);
            self.advance(now);
        }
    }

    /// Reports that time has passed.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.enter(now);
    }

    /// Reports that the network is another one, or is back: a session, which runs over the one before, ends
    /// with [`Reason::TransportClose`](super::Reason), and the next attempt begins at once.
    pub fn handle_network_change(&mut self, now: Instant) {
        let now = self.enter(now);
        self.on_network_change(now);
        self.advance(now);
    }

    /// Finds the namespace of that name, or makes it: it is left until it is [joined](SocketMut::join).
    ///
    /// # Errors
    /// [`Misuse::NotANamespace`] and [`Misuse::TooManyNamespaces`].
    pub fn namespace(&mut self, name: &str) -> Result<Namespace, Misuse> {
        self.spaces.named(name, &self.config.limits)
    }

    /// Returns what can be done with a namespace; `None` when it was forgotten.
    pub fn socket(&mut self, now: Instant, namespace: Namespace) -> Option<SocketMut<'_>> {
        let now = self.enter(now);
        self.spaces.get(namespace)?;
        Some(SocketMut { client: self, namespace, now })
    }

    /// Leaves all namespaces and closes the connection, after what waits for it.
    pub fn close(&mut self, now: Instant) {
        let now = self.enter(now);
        for namespace in self.spaces.keys() {
            self.leave(now, namespace);
        }
        self.advance(now);
    }

    /// Goes on with an attempt that waits for its settings: see [`Event::NeedsSettings`].
    pub fn proceed(&mut self, now: Instant) {
        let now = self.enter(now);
        self.begin(now);
        self.advance(now);
    }

    /// Changes the settings. What concerns the opening of a session counts from the next attempt, all else
    /// at once.
    pub fn set_config(&mut self, config: Arc<Config>) {
        self.config = config;
        self.stop_waiting();
    }

    /// Draws a seed for a [`Conn`](crate::Conn).
    #[must_use]
    pub fn draw_seed(&mut self) -> [u8; 32] {
        self.seeds.draw()
    }

    /// Returns the next thing the application should know.
    #[must_use]
    pub fn poll_event(&mut self) -> Option<Event> {
        self.outputs.next_event()
    }

    /// Returns the next thing the host should do.
    #[must_use]
    pub fn poll_action(&mut self) -> Option<Action> {
        self.outputs.next_action()
    }

    /// Returns when [`handle_timeout`](Self::handle_timeout) has something to do.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let due = self.due();
        (due != Tick::NEVER).then(|| self.clock.instant(due))
    }

    /// Whether [`poll_event`](Self::poll_event) and [`poll_action`](Self::poll_action) have nothing to return.
    #[must_use]
    pub fn is_drained(&self) -> bool {
        self.outputs.is_empty()
    }

    /// Returns the transport of the open session.
    #[must_use]
    pub fn transport(&self) -> Option<Transport> {
        self.engine.state.carrier()
    }

    /// Returns the id of the open session. It proves to whom the session belongs: do not show it.
    #[must_use]
    pub fn session_id(&self) -> Option<&str> {
        let session = self.engine.session.as_ref()?;
        self.engine.state.is_open().then_some(&*session.sid)
    }

    /// Returns the memory, in bytes, of the packets that wait for the transport: counted as for
    /// [`Limits::max_backlog`](crate::Limits::max_backlog).
    #[must_use]
    pub fn backlog(&self) -> usize {
        self.engine.outbox.bytes()
    }

    /// Whether nothing is connected, and nothing is tried.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        self.attempts.is_idle() && self.engine.state == super::engine::state::State::None
    }

    /// Returns the settings.
    #[must_use]
    pub fn config(&self) -> &Arc<Config> {
        &self.config
    }
}
