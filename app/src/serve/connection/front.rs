//! The part of a connection that only requests need, and the way of requests that are not for Socket.IO.

use sansocket::{Awaits, Caller, Decoder, Request, RequestContext, Transmit, Verdict, Violation};
use std::net::SocketAddr;
use std::sync::Arc;

use super::Connection;
use crate::hub::hub::Hub;
use crate::serve::date;
use crate::serve::exchange::Exchange;
use crate::serve::webtransport::Connect;
use crate::shards::port::Port;

/// What only requests need.
#[derive(Debug)]
pub(super) struct Front {
    peer: Option<SocketAddr>,
    /// The plain HTTP request at hand.
    exchange: Option<Exchange>,
    /// The request that a WebTransport stream belongs to.
    connect: Option<Connect>,
}

impl Front {
    pub(super) fn new(peer: Option<SocketAddr>) -> Self {
        Self { peer, exchange: None, connect: None }
    }

    pub(super) fn webtransport(connect: Connect) -> Self {
        Self { peer: None, exchange: None, connect: Some(connect) }
    }

    /// The request that the stream belongs to, if it is one of WebTransport.
    pub(super) fn connect(&self) -> Option<&Connect> {
        self.connect.as_ref()
    }

    /// The address of the other end, if it has one.
    pub(super) fn peer(&self) -> Option<SocketAddr> {
        self.peer
    }

    /// Begins to answer a plain HTTP request.
    #[cold]
    pub(super) fn begin(&mut self, hub: &Hub, request: &Request<'_>, caller: Caller) -> Verdict {
        let (verdict, exchange) = Exchange::begin(hub, request, caller);
        self.exchange = exchange;
        verdict
    }

    /// Begins to have another node answer a request.
    #[cold]
    pub(super) fn forward(
        &mut self,
        hub: &Hub,
        request: &Request<'_>,
        to: (Caller, SocketAddr),
    ) -> Verdict {
        let (verdict, exchange) = Exchange::forward(hub, request, to);
        self.exchange = exchange;
        verdict
    }

    /// Whether another node answers the request at hand.
    pub(super) fn forwards(&self) -> bool {
        self.exchange.as_ref().is_some_and(Exchange::is_forwarded)
    }

    /// Hands the body of a plain HTTP request to the application.
    #[cold]
    pub(super) fn ask(&mut self, hub: &Hub, port: &Arc<Port>, body: &[u8]) -> Verdict {
        match &mut self.exchange {
            Some(exchange) => exchange.ask(hub, port, body),
            None => Verdict::Pass,
        }
    }
}

impl Connection {
    /// Moves more of a file to the stream's gather list.
    #[cold]
    pub(super) fn send_file(&mut self) {
        let Some(front) = &mut self.front else { return };
        while self.conn.wants_body() {
            match front.exchange.as_mut().and_then(Exchange::piece) {
                Some(piece) => self.conn.push_body(&piece),
                None => self.conn.abort(),
            }
        }
        if self.conn.awaits() != Awaits::Room {
            front.exchange = None;
            self.go_on();
        }
    }

    /// Takes the answer to a plain HTTP request, and says whether it was there.
    pub(super) fn take_answer(&mut self) -> bool {
        let Some(front) = &mut self.front else { return false };
        let answer = front.exchange.as_ref().and_then(|exchange| exchange.answer(&self.hub));
        let Some(response) = answer else { return false };
        front.exchange = None;
        self.conn.push_dated(Transmit::Response(response), Some(date::now));
        true
    }
}

/// Refuses a request that breaks a rule of HTTP.
#[cold]
pub(super) fn refuse(
    hub: &Hub,
    front: &mut Option<Box<Front>>,
    decoder: &mut Decoder<'_, '_>,
    violation: Violation,
) {
    let exchange = front.as_mut().and_then(|front| front.exchange.take());
    match exchange.and_then(|exchange| exchange.refuse(hub, violation)) {
        Some(response) => decoder.reject_as(violation, &response),
        // Outside of a turn: a function of the application may judge the page that asked.
        None => decoder.reject_with(violation, |response, request| {
            hub.app().config.dress(response, request, &RequestContext::default())
        }),
    }
}
